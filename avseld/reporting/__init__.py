"""Pictures of a recording: spectrogram, activity and directions; the directions on the 360-degree video.

The reference is wide, pale or hollow; the prediction is narrow, dark or filled, and lies in it. A class has
one colour everywhere.
"""

from avseld.reporting.drawing import plot
from avseld.reporting.figures import figure
from avseld.reporting.movie import overlay
from avseld.reporting.panels import clip_figure, six_panels

__all__ = ["clip_figure", "figure", "overlay", "plot", "six_panels"]
