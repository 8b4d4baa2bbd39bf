"""Check that left and right of two-channel recordings are not exchanged: compare their levels with the labels."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from avseld.base.rates import LABEL_HOP
from avseld.io.audio import audio_info, read_audio
from avseld.io.events import Events
from avseld.io.geometry import unit_vector
from avseld.io.manifest import Recording
from data_prep.check.orientation import MIN_FRAMES, pick_frames

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
    info = audio_info(recording.audio)
    n_samples = round(LABEL_HOP * info.sample_rate)
    frames, rows = pick_frames(events, info.n_samples // n_samples)
    lateral = unit_vector(events.azimuth[rows], events.elevation[rows]).reshape(-1, 3)[:, 1]
    frames, lateral = frames[np.abs(lateral) > MIN_LATERAL], lateral[np.abs(lateral) > MIN_LATERAL]
    frequency = np.fft.rfftfreq(n_samples, 1 / info.sample_rate)
    band = (frequency >= BAND_HZ[0]) & (frequency <= BAND_HZ[1])
    power = np.zeros((len(frames), 2))
    for index, frame in enumerate(frames):
        sound = read_audio(recording.audio, int(frame) * n_samples, n_samples)
        power[index] = np.square(np.abs(np.fft.rfft(sound * np.hanning(n_samples))[:, band])).sum(axis=-1)
    total = power.sum(axis=1)
    used = total >= np.quantile(total, 1 - LOUD_SHARE) if len(total) else np.zeros(0, bool)
    used &= power[:, 0] != power[:, 1]
    return ((power[:, 0] > power[:, 1]) == (lateral > 0))[used]


def fit(agreeing: Iterable[np.ndarray]) -> SidesFit:
    """Count the frames of all recordings, each (frame,) bool from `measure`."""
    together = np.concatenate([np.zeros(0, bool), *agreeing])
    return SidesFit(len(together), float(together.mean()) if len(together) else np.nan)
