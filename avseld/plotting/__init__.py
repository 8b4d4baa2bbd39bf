"""Pictures of a recording: spectrogram, activity and directions; the directions on the 360-degree video.

The reference is wide, pale or hollow; the prediction is narrow, dark or filled, and lies in it. A class has
one colour everywhere.
"""

from avseld.plotting.drawing import plot
from avseld.plotting.figures import figure
from avseld.plotting.movie import overlay

__all__ = ["figure", "overlay", "plot"]
