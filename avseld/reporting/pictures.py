"""Pictures of a 360-degree video at rising times, one in memory at once."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import numpy as np

from avseld.base.errors import BadInput

RATIO = 2.0
"""Width to height of an equirectangular picture."""
TOLERANCE = 0.02


class Pictures:
    """Frames of a video, decoded once and in order."""

    def __init__(self, path: Path, container: av.container.InputContainer, size: tuple[int, int]) -> None:
        self.path, self.size = path, size
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        self._step = 1.0 / float(stream.average_rate or stream.guessed_rate or 25)
        header = (stream.duration or 0) * (stream.time_base or 0) or (container.duration or 0) / av.time_base
        self.duration = float(header)
        self._origin = float((stream.start_time or 0) * (stream.time_base or 0))
        self._frames = container.decode(stream)
        self._current, self._next = self._decode(), self._decode()
        if self._current is None:
            raise BadInput(f"{path}: no picture in it; check the video")
        self._array: np.ndarray | None = None

    def at(self, time: float) -> tuple[np.ndarray, float | None]:
        """Picture shown at a time that is not before the times asked for so far.

        Args:
            time: seconds.

        Returns:
            (height, width, 3) uint8, and the second at which the video ended if that is over (then the last
            picture is held), else None.
        """
        while self._next is not None and self._time(self._next) <= time + 1e-6:
            self._current, self._next, self._array = self._next, self._decode(), None
        assert self._current is not None
        if self._array is None:
            width, height = self.size
            scaled = self._current.reformat(width, height, format="rgb24", interpolation="AREA")
            self._array = scaled.to_ndarray()
        end = self._time(self._current) + self._step
        return self._array, end if self._next is None and time > end - 1e-6 else None

    def _decode(self) -> av.VideoFrame | None:
        try:
            return next(self._frames, None)
        except av.error.FFmpegError as error:
            raise BadInput(f"{self.path}: cannot be decoded to its end ({error}); check the video") from error

    def _time(self, frame: av.VideoFrame) -> float:
        return float(frame.time or 0.0) - self._origin


@contextmanager
def pictures(path: Path | str, width: int) -> Iterator[Pictures]:
    """Open a video to be read at rising times.

    Args:
        path: the video.
        width: pixels to scale to; the height is half of it.

    Raises:
        BadInput: missing, unreadable, without picture, or not twice as wide as high.
    """
    path = Path(path)
    if not path.is_file():
        raise BadInput(f"{path}: not found; check the path")
    try:
        container = av.open(str(path))
    except av.error.FFmpegError as error:
        raise BadInput(f"{path}: no readable video ({error}); expected an mp4 file") from error
    with container:
        if not container.streams.video:
            raise BadInput(f"{path}: no picture in it; check the video")
        stream = container.streams.video[0]
        shape = stream.width * float(stream.sample_aspect_ratio or 1), stream.height
        if abs(shape[0] / shape[1] - RATIO) > TOLERANCE:
            raise BadInput(
                f"{path}: {shape[0]:g} x {shape[1]} is not twice as wide as high, hence no whole "
                "equirectangular picture; bring it there with avseld-prep resize"
            )
        yield Pictures(path, container, (width, width // 2))
