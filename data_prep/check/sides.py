"""Check that left and right of two-channel recordings are not exchanged: compare their levels with the labels."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from avseld.directions.bands import in_band
from avseld.io.events import Events
from avseld.io.manifest import Recording
from data_prep.check.single_sources import MIN_FRAMES, single_source_frames

BAND_HZ = (1000.0, 8000.0)
"""in which a head shades its far side"""
MIN_LATERAL = 0.3
"""least distance of a unit vector from the middle plane: 17 degrees to the side"""
LOUD_SHARE = 0.5
"""share of the frames of a recording that is used, the loudest"""
MAX_SHARE_EXCHANGED = 0.3
"""share of frames on the labelled side below which the channels seem exchanged; chance is one half"""


@dataclass(frozen=True)
class SidesFit:
    """Agreement of the louder channel with the labelled side."""

    n_frames: int
    share: float
    """of the frames in which the channel of the labelled side is louder"""

    @property
    def suspicious(self) -> bool:
        """Whether the louder channel is mostly that of the other side."""
        return self.n_frames >= MIN_FRAMES and self.share < MAX_SHARE_EXCHANGED


def measure(recording: Recording, events: Events) -> np.ndarray:
    """Find in frames with exactly one source, to the side, whether the channel of that side is louder.

    Args:
        recording: binaural or stereo, left first.
        events: its labels.

    Returns:
        (frame,) bool.
    """
    single = single_source_frames(recording, events)
    single = single.select(np.abs(single.labelled[:, 1]) > MIN_LATERAL)
    band, window = in_band(single.n_samples, single.sample_rate, BAND_HZ), np.hanning(single.n_samples)
    power = np.zeros((len(single.frames), 2))
    for index, sound in enumerate(single.sounds()):
        power[index] = np.square(np.abs(np.fft.rfft(sound * window)[:, band])).sum(axis=-1)
    total = power.sum(axis=1)
    used = total >= np.quantile(total, 1 - LOUD_SHARE) if len(total) else np.zeros(0, bool)
    used &= power[:, 0] != power[:, 1]
    return ((power[:, 0] > power[:, 1]) == (single.labelled[:, 1] > 0))[used]


def fit(agreeing: Iterable[np.ndarray]) -> SidesFit:
    """Count the frames of all recordings, each (frame,) bool from `measure`."""
    together = np.concatenate([np.zeros(0, bool), *agreeing])
    return SidesFit(len(together), float(together.mean()) if len(together) else np.nan)
