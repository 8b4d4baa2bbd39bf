"""Video files: header, clock, and frames at chosen times, decoded once and in order.

All times are seconds on the container's clock, on which the sound track of the same file runs, too: a video stream that
starts late keeps its delay. The frame at a time is the latest one that starts at or before it; before the first frame
it is the first one, as `avseld.io.boxes.Boxes.at` has it.
"""

import logging
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.stream import Disposition

from avseld.base.errors import BadInput

log = logging.getLogger(__name__)

VIDEOS = (".mp4", ".m4v", ".mov", ".mkv")
"""suffixes of the files that are taken for videos"""
TIMESTAMP_TOLERANCE_S = 1e-5
"""how late a frame may start and still count: more than half a tick of a video clock (90 kHz), less than the 0.1 ms by
which every third frame at 29.97 frames a second misses a tenth of a second"""
MISSING_END_S = 1.0
"""how much earlier than its header says a video may end before a warning is logged"""
DEFAULT_FRAME_S = 0.04
"""duration of a frame where neither the frame nor the header says it"""
PANORAMA_ASPECT = 2.0
"""width to height of an equirectangular frame"""
ASPECT_TOLERANCE = 0.02


@dataclass(frozen=True)
class VideoInfo:
    """Header of the first video stream."""

    width: int
    height: int
    """pixels as stored"""
    aspect: Fraction
    """width / height as shown: pixels need not be square, and the rotation is done"""
    rotation: int
    """degrees by which a player turns the stored frames; decoded frames are not turned"""
    fps: float
    """average frames per second; 0 where the header does not say it"""
    start: float
    """seconds on the container's clock at which the first frame starts"""
    end: float
    """seconds on the container's clock at which the last frame ends"""

    @property
    def is_panorama(self) -> bool:
        """Whether the picture is twice as wide as high, as an equirectangular one."""
        return abs(float(self.aspect) - PANORAMA_ASPECT) <= ASPECT_TOLERANCE


def panorama_warning(path: Path | str, info: VideoInfo, format: str) -> str | None:
    """Say that a video cannot show the directions of a recording; None if it can.

    Args:
        path: of the video, for the text.
        info: of the video.
        format: channel format of the recording; foa and mic have directions all around.
    """
    if format not in ("foa", "mic") or info.is_panorama:
        return None
    return f"{path}: {info.width}x{info.height} is not an equirectangular 2:1 video; its boxes have no directions"


def video_info(path: Path | str) -> VideoInfo:
    """Read the header of a video and decode one frame, which shows that there is one.

    Raises:
        BadInput: missing, unreadable, or without frames.
    """
    path = Path(path)
    with _open(path) as container:
        stream = container.streams.video[0]
        try:
            frame = next(container.decode(stream), None)
        except av.FFmpegError as error:
            raise BadInput(f"{path}: no readable video ({error}); copy it again from its origin") from error
        if frame is None:
            raise BadInput(f"{path}: holds no frame; copy it again from its origin")
        aspect = Fraction(frame.width, frame.height) * Fraction(stream.sample_aspect_ratio or 1)
        return VideoInfo(
            frame.width,
            frame.height,
            1 / aspect if frame.rotation % 180 else aspect,
            frame.rotation,
            float(stream.average_rate or stream.guessed_rate or 0),
            _start(stream),
            _end(path, stream),
        )


def has_video(path: Path | str) -> bool:
    """Return whether a container holds moving pictures beside its sound; a cover picture is none.

    Raises:
        BadInput: missing or unreadable.
    """
    path = Path(path)
    if not path.is_file():
        raise BadInput(f"{path}: not found; check the path")
    try:
        with av.open(str(path)) as container:
            return any(
                not stream.disposition & Disposition.attached_pic for stream in container.streams.video
            )
    except (av.FFmpegError, OSError) as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror}); copy it again from its origin") from error


class FrameReader:
    """Read frames of a video at rising times; one frame is in memory at a time. A context manager.

    Args:
        path: the video.
        width: pixels to scale to; None keeps the stored size.
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
        self._size = _fit(first.frame.width, first.frame.height, width, height, upscale)
        self._array: np.ndarray | None = None

    def at(self, time: float) -> tuple[np.ndarray, float | None]:
        """Return the frame at a time, which is not before the times asked for so far.

        Args:
            time: seconds.

        Returns:
            The frame (height, width, 3), RGB, uint8; and None, or the second at which the video ended if that is not
            after `time` (the frame is then the last one).

        Raises:
            BadInput: the video cannot be decoded up to there.
        """
        time -= self.offset
        while self._next is not None and self._next.start <= time + TIMESTAMP_TOLERANCE_S:
            self._current, self._next, self._array = self._next, next(self._decoded, None), None
        if self._array is None:
            width, height = self._size
            # averaged over areas, as the published system resizes its videos
            scaled = self._current.frame.reformat(width, height, format="rgb24", interpolation="AREA")
            self._array = turned(scaled.to_ndarray(), self.yaw)
        end = self._current.start + self._current.length
        over = self._next is None and time >= end - TIMESTAMP_TOLERANCE_S
        return self._array, end + self.offset if over else None

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
    """Yield the frames at the times 0, 1 / fps, 2 / fps ... until the end of the video.

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
        number = 0
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
    aspect = float(
        1 / info.aspect if info.rotation % 180 else info.aspect
    )  # of the frames as they are decoded
    if abs(aspect - PANORAMA_ASPECT) > ASPECT_TOLERANCE:
        raise BadInput(
            f"{path}: {aspect * info.height:g} x {info.height} is not twice as wide as high, hence no whole "
            "equirectangular picture; bring it there with avseld-prep resize"
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


def decode(path: Path) -> Generator[DecodedFrame, None, None]:
    """Yield every frame of a video in the order of showing; a video that ends early is warned about.

    Raises:
        BadInput: missing or unreadable, or it cannot be decoded to its end.
    """
    with _open(path) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        usual = float(1 / stream.average_rate) if stream.average_rate else DEFAULT_FRAME_S
        start, length = _start(stream), 0.0
        try:
            for frame in container.decode(stream):
                start = start + length if frame.time is None else float(frame.time)
                length = usual
                if frame.duration and frame.time_base:
                    length = float(frame.duration * frame.time_base)
                yield DecodedFrame(start, length, frame)
        except av.FFmpegError as error:
            raise BadInput(
                f"{path}: cannot be decoded after {start + length:.1f} s ({error.strerror}); "
                "copy it again from its origin"
            ) from error
        if stream.duration and stream.time_base:
            end = _start(stream) + float(stream.duration * stream.time_base)
            if start + length < end - MISSING_END_S:
                log.warning(
                    "%s: ends after %.1f s, its header says %.1f s; used as far as it goes",
                    path, start + length, end,
                )  # fmt: skip


def _fit(columns: int, rows: int, width: int | None, height: int | None, upscale: bool) -> tuple[int, int]:
    if width is None or (columns <= width and not upscale):
        return columns, rows
    return width, height or max(round(rows * width / columns), 1)


def _start(stream: av.VideoStream) -> float:
    return float((stream.start_time or 0) * (stream.time_base or 0))


def _end(path: Path, stream: av.VideoStream) -> float:
    if stream.duration is not None and stream.time_base is not None:
        return _start(stream) + float(stream.duration * stream.time_base)
    # Matroska has no duration of a stream, but most writers add a tag of its end.
    hours, minutes, seconds = ([*stream.metadata.get("DURATION", "").split(":"), "", "", ""])[:3]
    try:
        return 3600 * int(hours) + 60 * int(minutes) + float(seconds)
    except ValueError:
        return _end_of_packets(path)


def _end_of_packets(path: Path) -> float:
    """Find the end of a video by reading it through, without decoding."""
    end = Fraction(0)
    with _open(path) as container:
        for packet in container.demux(video=0):
            if packet.pts is not None and packet.time_base is not None:
                end = max(end, (packet.pts + (packet.duration or 0)) * packet.time_base)
    return float(end)


def _open(path: Path) -> "av.container.InputContainer":
    if not path.is_file():
        raise BadInput(f"{path}: not found; check the path")
    try:
        container = av.open(str(path))
    except (av.FFmpegError, OSError) as error:
        raise BadInput(
            f"{path}: no readable video ({error.strerror}); copy it again from its origin"
        ) from error
    if not container.streams.video:
        container.close()
        raise BadInput(f"{path}: holds no video stream; give a video")
    return container
