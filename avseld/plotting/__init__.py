"""Pictures of a recording: spectrogram, activity and directions; the directions on the 360-degree video.

The reference is wide, pale or hollow; the prediction is narrow, dark or filled, and lies in it. A class has
one colour everywhere.
"""

from avseld.plotting.drawing import plot
from avseld.plotting.figures import figure
from avseld.plotting.movie import overlay
from avseld.plotting.panels import clip_figure, six_panels

__all__ = ["clip_figure", "figure", "overlay", "plot", "six_panels"]
