"""Figures of recordings, directions drawn on the 360-degree video, and an HTML viewer.

The reference is wide, pale or hollow; the prediction is narrow, dark or filled, and drawn over it. A class has the
same colour everywhere.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from avseld.reporting.figures import figure
    from avseld.reporting.plot_command import plot
    from avseld.reporting.published_figures import clip_figure, six_panels
    from avseld.reporting.video_overlay import overlay

__all__ = ["clip_figure", "figure", "overlay", "plot", "six_panels"]

_MODULES = {
    "plot": "plot_command",
    "figure": "figures",
    "overlay": "video_overlay",
    "clip_figure": "published_figures",
    "six_panels": "published_figures",
}


def __getattr__(name: str) -> Any:
    """Import the module of a function on first use: matplotlib and moviepy take a second each."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
