"""The sound track of a video, on the container's clock."""

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np

from avseld.base.errors import BadInput


def read_sound_track(path: Path | str, sample_rate: int) -> np.ndarray | None:
    """Read the sound track of a video as mono at a rate, from the zero of the container's clock.

    Args:
        path: the video.
        sample_rate: Hz.

    Returns:
        (sample,) float32, or None if the video has no sound track.

    Raises:
        BadInput: missing, unreadable, or it cannot be decoded.
    """
    path = Path(path)
    if not path.is_file():
        raise BadInput(f"{path}: not found; check the path")
    try:
        with av.open(str(path)) as container:
            if not container.streams.audio:
                return None
            return _joined(container, sample_rate)
    except (av.FFmpegError, OSError) as error:
        reason = error.strerror or error
        raise BadInput(
            f"{path}: its sound track cannot be read ({reason}); copy it again from its origin"
        ) from error


def _joined(container: "av.container.InputContainer", sample_rate: int) -> np.ndarray:
    parts: list[np.ndarray] = []
    start = None
    for frame in _resampled(container, sample_rate):
        if start is None:
            start = float(frame.pts * frame.time_base) if frame.pts is not None and frame.time_base else 0.0
        parts.append(frame.to_ndarray().reshape(-1))
    sound = np.concatenate(parts) if parts else np.zeros(0, np.float32)
    # A track that starts before the zero of the clock has samples that players skip.
    first = round((start or 0.0) * sample_rate)
    return np.concatenate([np.zeros(max(first, 0), np.float32), sound[max(-first, 0) :]])


def _resampled(container: "av.container.InputContainer", sample_rate: int) -> Iterator[av.AudioFrame]:
    resampler = av.AudioResampler("fltp", "mono", sample_rate)
    for decoded in container.decode(container.streams.audio[0]):
        yield from resampler.resample(decoded)
    yield from resampler.resample(None)
