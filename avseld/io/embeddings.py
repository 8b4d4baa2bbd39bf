"""Frames files: what an image network says of a video's pictures, computed once and kept."""

import json
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from avseld.base.errors import BadInput
from avseld.base.files import fingerprint, replacing


@dataclass(frozen=True, eq=False)
class Frames:
    """A vector for every picture that was looked at."""

    time: np.ndarray
    """(time,) seconds from the start of the video, rising"""
    value: np.ndarray
    """(time, value) float32"""
    about: dict[str, Any] = field(default_factory=dict)
    """encoder, crop, weights (hash), video (fingerprint), fps, duration (s)"""

    def __post_init__(self) -> None:
        if self.time.ndim != 1 or self.value.ndim != 2 or len(self.value) != len(self.time):
            raise ValueError(f"shapes {self.time.shape} {self.value.shape}")


def write_frames(path: Path | str, frames: Frames) -> None:
    """Write a frames file (compressed npz, half precision: some 100 kB a minute for maps of 6 x 12)."""
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(
            file,
            time=frames.time.astype(np.float64),
            value=frames.value.astype(np.float16),
            about=np.array(json.dumps(frames.about, sort_keys=True)),
        )


def read_frames(path: Path | str, video: Path | str | None = None) -> Frames:
    """Read a frames file.

    Args:
        path: a file written by `write_frames`.
        video: if given, the frames must be those of this very video.

    Raises:
        BadInput: missing, damaged, or made from another video.
    """
    path = Path(path)
    if not path.is_file():
        raise BadInput(f"{path}: not found; make it with avseld-detect frames")
    try:
        with np.load(path, allow_pickle=False) as file:
            about = json.loads(str(file["about"]))
            frames = Frames(file["time"], file["value"].astype(np.float32), about)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile, EOFError) as error:
        raise BadInput(f"{path}: no frames file ({error}); make it anew with avseld-detect frames") from error
    if video is not None and about.get("video") not in (None, fingerprint(video)):
        raise BadInput(
            f"{path}: frames of another video than {video}; make them anew with avseld-detect frames"
        )
    return frames
