"""Label frames in which exactly one source is labelled: where sound and labels can be compared."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from avseld.base.rates import LABEL_HOP
from avseld.io.audio import audio_info, read_audio
from avseld.io.dcase_csv import frames_of
from avseld.io.events import Events
from avseld.io.geometry import unit_vector
from avseld.io.manifest import Recording

MAX_FRAMES = 300
"""label frames evaluated per recording"""
MIN_FRAMES = 20
"""label frames needed for a verdict"""


@dataclass(frozen=True, eq=False)
class SingleSourceFrames:
    """Frames of a recording with one source each."""

    audio: Path
    sample_rate: int
    """Hz"""
    frames: np.ndarray
    """(frame,) indices of label frames"""
    labelled: np.ndarray
    """(frame, 3) unit vectors x, y, z of the labels"""

    @property
    def n_samples(self) -> int:
        """Samples of a label frame."""
        return round(LABEL_HOP * self.sample_rate)

    def sounds(self) -> Iterator[np.ndarray]:
        """Read the sound of each frame, (channel, sample)."""
        for frame in self.frames:
            yield read_audio(self.audio, int(frame) * self.n_samples, self.n_samples)

    def select(self, kept: np.ndarray) -> "SingleSourceFrames":
        """Keep some of the frames, by a mask (frame,)."""
        return replace(self, frames=self.frames[kept], labelled=self.labelled[kept])


def single_source_frames(recording: Recording, events: Events) -> SingleSourceFrames:
    """Find label frames with exactly one source, at most `MAX_FRAMES`, evenly spread.

    Args:
        recording: with readable audio.
        events: its labels.
    """
    info = audio_info(recording.audio)
    n_frames = info.n_samples // round(LABEL_HOP * info.sample_rate)
    placed = np.flatnonzero(~np.isnan(events.azimuth) & ~np.isnan(events.onset))
    rows, frame = frames_of(events.onset[placed], events.offset[placed])
    unique, index, times = np.unique(frame, return_index=True, return_counts=True)
    alone = (times == 1) & (unique >= 0) & (unique < n_frames)
    frames, rows = unique[alone], placed[rows[index[alone]]]
    picked = np.unique(np.linspace(0, len(frames) - 1, min(MAX_FRAMES, len(frames))).round().astype(int))
    labelled = unit_vector(events.azimuth[rows[picked]], events.elevation[rows[picked]]).reshape(-1, 3)
    return SingleSourceFrames(recording.audio, info.sample_rate, frames[picked], labelled)
