"""Video files: header, clock, and frames at chosen times, decoded once and in order.

All times are seconds on the container's clock, on which the sound track of the same file runs, too: a video stream that
starts late keeps its delay. The frame at a time is the latest one that starts at or before it. Frames are turned as
the header says, and pixels that are not square are made so: they are as every player shows them.
"""

import logging
import math
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

from avseld.base.errors import BadInput
from avseld.io.picture import guess_by_shape, orientation_of, shown
from avseld.io.video_header import (
    VIDEOS,
    VideoInfo,
    check_panorama,
    has_video,
    moving_pictures,
    open_video,
    panorama_warning,
    shown_size,
    stream_start,
    video_info,
)

__all__ = [
    "TIMESTAMP_TOLERANCE_S",
    "VIDEOS",
    "FrameReader",
    "VideoInfo",
    "check_panorama",
    "decode",
    "frame_start",
    "has_video",
    "open_panorama",
    "panorama_warning",
    "sample_frames",
    "turned",
    "video_info",
]

log = logging.getLogger(__name__)

TIMESTAMP_TOLERANCE_S = 1e-5
"""how late a frame may start and still count: more than half a tick of a video clock (90 kHz), less than the 0.1 ms by
which every third frame at 29.97 frames a second misses a tenth of a second"""
MISSING_END_S = 1.0
"""how much earlier than its header says a video may end before a warning is logged"""
DEFAULT_FRAME_S = 0.04
"""duration of a frame where neither the frame nor the header says it"""


def frame_start(path: Path | str, time: float) -> float:
    """Find when the frame that is shown at a time started, without decoding.

    Args:
        path: the video.
        time: seconds on the container's clock.

    Returns:
        Seconds; `time` itself before the first frame.

    Raises:
        BadInput: missing or unreadable.
    """
    found = -math.inf
    with open_video(Path(path)) as container:
        stream = moving_pictures(container)
        container.seek(round(max(time, 0.0) * av.time_base), backward=True)
        for packet in container.demux(stream):
            if packet.pts is None or packet.time_base is None:
                continue
            if (start := float(packet.pts * packet.time_base)) <= time + TIMESTAMP_TOLERANCE_S:
                found = max(found, start)
            if packet.dts is not None and packet.dts * packet.time_base > time + TIMESTAMP_TOLERANCE_S:
                break
    return found if found > -math.inf else time


class FrameReader:
    """Read frames of a video, as they are shown, at rising times; one is in memory at a time. A context manager.

    Args:
        path: the video.
        width: pixels to scale to; None keeps the size that is shown.
        height: pixels to scale to; None keeps the proportions.
        upscale: enlarge frames that are narrower than `width`.
        offset: second of the recording at which the video starts; times below are those of the recording.
        yaw: azimuth of the middle of the picture; frames are turned so that azimuth 0 is in their middle, degrees.

    Raises:
        BadInput: missing, unreadable, or without frames.
    """

    def __init__(
        self,
        path: Path | str,
        width: int | None = None,
        height: int | None = None,
        upscale: bool = False,
        offset: float = 0.0,
        yaw: float = 0.0,
    ) -> None:
        self.path, self.offset, self.yaw = Path(path), offset, yaw
        self._decoded = decode(self.path)
        first = next(self._decoded, None)
        if first is None:
            raise BadInput(f"{path}: holds no frame; copy it again from its origin")
        self._current, self._next = first, next(self._decoded, None)
        self.starts = first.start + offset
        """second of the recording at which the first frame starts; before it nothing is seen"""
        self._orientation = orientation_of(first.frame, self.path)
        columns, rows = _fit(*first.size, width, height, upscale)
        self._stored_size = (rows, columns) if self._orientation.transposed else (columns, rows)
        self._array: np.ndarray | None = None

    def at(self, time: float) -> tuple[np.ndarray, float | None]:
        """Return the frame at a time, which is not before the times asked for so far.

        Args:
            time: seconds.

        Returns:
            The frame (height, width, 3), RGB, uint8, a black one before the start of the video; and None, or the second
            at which the video ended if that is not after `time` (the frame is then the last one).

        Raises:
            BadInput: the video cannot be decoded up to there.
        """
        time -= self.offset
        while self._next is not None and self._next.start <= time + TIMESTAMP_TOLERANCE_S:
            self._current, self._next, self._array = self._next, next(self._decoded, None), None
        if self._array is None:
            # averaged over areas, as the published system resizes its videos
            scaled = self._current.frame.reformat(*self._stored_size, format="rgb24", interpolation="AREA")
            self._array = turned(shown(scaled.to_ndarray(), self._orientation), self.yaw)
        end = self._current.start + self._current.length
        over = self._next is None and time >= end - TIMESTAMP_TOLERANCE_S
        seen = time + self.offset >= self.starts - TIMESTAMP_TOLERANCE_S
        return self._array if seen else np.zeros_like(self._array), end + self.offset if over else None

    def close(self) -> None:
        """Close the file."""
        self._decoded.close()

    def __enter__(self) -> "FrameReader":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def turned(frames: np.ndarray, yaw: float) -> np.ndarray:
    """Turn 360-degree frames so that azimuth 0 is in their middle.

    Args:
        frames: (..., height, width, channel).
        yaw: azimuth of the middle of the frames, degrees, positive to the left.
    """
    shift = round(yaw / 360 * frames.shape[-2])
    return np.roll(frames, -shift, axis=-2) if shift else frames


def sample_frames(
    path: Path | str, fps: float = 10.0, width: int | None = None, batch: int = 16
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the frames at those of the times 0, 1 / fps, 2 / fps ... that lie between start and end of the video.

    Args:
        path: video file.
        fps: frames per second to sample.
        width: wider frames are scaled down to it by averaging, proportions kept; None keeps the size.
        batch: largest number of frames given at once.

    Yields:
        times (n,) in seconds and frames (n, height, width, 3) RGB, uint8.

    Raises:
        BadInput: missing or unreadable video, or one that breaks off; a rate that is not positive.
    """
    if not fps > 0:
        raise BadInput(f"{path}: {fps} frames a second cannot be sampled; choose fps above 0")
    times: list[float] = []
    frames: list[np.ndarray] = []
    with FrameReader(path, width) as reader:
        number = max(math.ceil((reader.starts - TIMESTAMP_TOLERANCE_S) * fps), 0)
        while True:
            frame, ended = reader.at(number / fps)
            if ended is not None:
                break
            times.append(number / fps)
            frames.append(frame)
            number += 1
            if len(times) == batch:
                yield np.array(times), np.stack(frames)
                times, frames = [], []
    if times:
        yield np.array(times), np.stack(frames)


@contextmanager
def open_panorama(
    path: Path | str, width: int, offset: float = 0.0, yaw: float = 0.0
) -> Iterator[FrameReader]:
    """Open a 360-degree video to be read at rising times.

    Args:
        path: the video.
        width: pixels to scale to; the height is half of it.
        offset: second of the recording at which the video starts.
        yaw: azimuth of the middle of the picture, degrees.

    Raises:
        BadInput: missing, unreadable, without frames, or not twice as wide as high.
    """
    info = video_info(path)
    if info.flaw is not None:
        raise BadInput(f"{path}: {info.flaw}")
    if not info.is_panorama:
        raise BadInput(
            f"{path}: {info.width} x {info.height} is not twice as wide as high, hence no whole "
            f"equirectangular picture; bring it there with avseld-prep resize{guess_by_shape(info.aspect)}"
        )
    with FrameReader(path, width, width // 2, upscale=True, offset=offset, yaw=yaw) as reader:
        yield reader


@dataclass(frozen=True)
class DecodedFrame:
    """A frame with its place on the container's clock."""

    start: float
    """seconds"""
    length: float
    """seconds"""
    frame: av.VideoFrame
    """as stored"""
    size: tuple[int, int]
    """width and height in pixels as shown"""


def decode(path: Path) -> Generator[DecodedFrame, None, None]:
    """Yield every frame of a video in the order of showing; a video that ends early is warned about.

    Raises:
        BadInput: missing or unreadable, or it cannot be decoded to its end.
    """
    with open_video(path) as container:
        stream = moving_pictures(container)
        stream.thread_type = "AUTO"
        usual = float(1 / stream.average_rate) if stream.average_rate else DEFAULT_FRAME_S
        start, length = stream_start(stream), 0.0
        size: tuple[int, int] | None = None
        try:
            for frame in container.decode(stream):
                start = start + length if frame.time is None else float(frame.time)
                length = usual
                if frame.duration and frame.time_base:
                    length = float(frame.duration * frame.time_base)
                if size is None:
                    size = shown_size(frame, stream, orientation_of(frame, path))
                yield DecodedFrame(start, length, frame, size)
        except av.FFmpegError as error:
            raise BadInput(
                f"{path}: cannot be decoded after {start + length:.1f} s ({error.strerror}); "
                "copy it again from its origin"
            ) from error
        if stream.duration and stream.time_base:
            end = stream_start(stream) + float(stream.duration * stream.time_base)
            if start + length < end - MISSING_END_S:
                log.warning(
                    "%s: ends after %.1f s, its header says %.1f s; used as far as it goes",
                    path, start + length, end,
                )  # fmt: skip


def _fit(columns: int, rows: int, width: int | None, height: int | None, upscale: bool) -> tuple[int, int]:
    if width is None or (columns <= width and not upscale):
        return columns, rows
    return width, height or max(round(rows * width / columns), 1)
