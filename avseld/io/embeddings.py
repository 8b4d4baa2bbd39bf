"""Visual embeddings files: the outputs of an image network for the frames of a video, computed once and kept."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from avseld.io.npz import check_numbers, check_times, read_npz, write_npz

FOLDER = "frames"
"""folder of a prepared folder that holds NAME.npz of every video"""
COMMAND = "avseld-detect embed"


@dataclass(frozen=True, eq=False)
class VisualEmbeddings:
    """One vector for every sampled frame of a video."""

    time: np.ndarray
    """(time,) seconds from the start of the video, rising"""
    value: np.ndarray
    """(time, value) float32"""
    about: dict[str, Any] = field(default_factory=dict)
    """encoder, crop, weights (hash), video (fingerprint), fps, duration (s)"""

    def __post_init__(self) -> None:
        if self.time.ndim != 1 or self.value.ndim != 2 or len(self.value) != len(self.time):
            raise ValueError(f"shapes {self.time.shape} {self.value.shape}")


def write_embeddings(path: Path | str, embeddings: VisualEmbeddings) -> None:
    """Write an embeddings file (compressed npz, half precision: some 100 kB a minute for maps of 6 x 12)."""
    arrays: dict[str, np.ndarray] = {
        "time": embeddings.time.astype(np.float64),
        "value": embeddings.value.astype(np.float16),
    }
    write_npz(path, arrays, embeddings.about)


def read_embeddings(path: Path | str, video: Path | str | None = None) -> VisualEmbeddings:
    """Read an embeddings file.

    Args:
        path: a file written by `write_embeddings`.
        video: if given, the embeddings must be those of this very video.

    Raises:
        BadInput: missing, damaged, with values that are no numbers, or made from another video.
    """

    def build(arrays: Mapping[str, np.ndarray], about: dict[str, Any]) -> VisualEmbeddings:
        check_times(arrays["time"], about)
        check_numbers("value", arrays["value"])
        return VisualEmbeddings(arrays["time"], arrays["value"].astype(np.float32), about)

    return read_npz(path, build, "embeddings", COMMAND, video)
