"""Pictures of a recording: spectrogram, activity and directions; the directions on the 360-degree video.

The reference is wide, pale or hollow; the prediction is narrow, dark or filled, and lies in it. A class has
one colour everywhere.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from avseld.reporting.drawing import plot
    from avseld.reporting.figures import figure
    from avseld.reporting.movie import overlay
    from avseld.reporting.panels import clip_figure, six_panels

__all__ = ["clip_figure", "figure", "overlay", "plot", "six_panels"]

_MODULES = {
    "plot": "drawing",
    "figure": "figures",
    "overlay": "movie",
    "clip_figure": "panels",
    "six_panels": "panels",
}


def __getattr__(name: str) -> Any:
    """Import a picture's module when it is asked for: matplotlib and moviepy take a second each."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
