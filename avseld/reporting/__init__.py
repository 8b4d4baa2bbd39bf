"""Figures of recordings, directions drawn on the 360-degree video, and an HTML viewer.

The reference is wide, pale or hollow; the prediction is narrow, dark or filled, and drawn over it. A class has the
same colour everywhere.
"""

from typing import TYPE_CHECKING

from avseld.base.lazy import lazy_attributes

if TYPE_CHECKING:
    from avseld.reporting.figures import figure
    from avseld.reporting.plot_command import plot
    from avseld.reporting.published_figures import clip_figure, side_by_side
    from avseld.reporting.video_overlay import overlay

__all__ = ["clip_figure", "figure", "overlay", "plot", "side_by_side"]

_MODULES = {
    "plot": "plot_command",
    "figure": "figures",
    "overlay": "video_overlay",
    "clip_figure": "published_figures",
    "side_by_side": "published_figures",
}

__getattr__ = lazy_attributes(__name__, _MODULES)
