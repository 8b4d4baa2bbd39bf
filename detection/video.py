"""Videos: what they hold, and their pictures at regular times, decoded once and in order."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

from avseld.base.errors import BadInput

logger = logging.getLogger(__name__)

EARLY = 1e-5
"""Seconds by which a picture may come late and still count: more than half a tick of a video clock (90 kHz),
less than the 0.1 ms by which every third picture of 29.97 a second misses the tenths of a second."""


@dataclass(frozen=True)
class VideoInfo:
    """What a video's header says."""

    width: int
    """pixels"""
    height: int
    """pixels"""
    fps: float
    """pictures per second, on average"""
    n_frames: int
    duration: float
    """seconds"""


def video_info(path: Path | str) -> VideoInfo:
    """Read a video's header.

    Raises:
        BadInput: missing, unreadable, or without pictures.
    """
    with _open(Path(path)) as container:
        stream = container.streams.video[0]
        fps = float(stream.average_rate or stream.guessed_rate or 0)
        if stream.duration is not None and stream.time_base is not None:
            duration = float(stream.duration * stream.time_base)
        else:
            duration = (container.duration or 0) / av.time_base
        return VideoInfo(stream.width, stream.height, fps, stream.frames or round(duration * fps), duration)


def frames(
    path: Path | str, fps: float = 10.0, width: int | None = None, batch: int = 16
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pictures shown at the times 0, 1 / fps, 2 / fps ... until the end of the video.

    The picture shown at a time is the latest one that started at or before it; the first one starts at 0.

    Args:
        path: video file.
        fps: pictures wanted per second.
        width: wider pictures are scaled down to it by averaging, proportions kept; None keeps the size.
        batch: largest number of pictures given at once.

    Yields:
        times (n,) in seconds and pictures (n, height, width, 3) RGB, uint8.

    Raises:
        BadInput: missing or unreadable video, or one that breaks off; a rate that is not positive.
    """
    if not fps > 0:
        raise BadInput(f"{path}: {fps} pictures a second cannot be looked at; choose fps above 0")
    times: list[float] = []
    pictures: list[np.ndarray] = []
    for time, picture in _shown(Path(path), fps, width):
        times.append(time)
        pictures.append(picture)
        if len(times) == batch:
            yield np.array(times), np.stack(pictures)
            times, pictures = [], []
    if times:
        yield np.array(times), np.stack(pictures)


def _shown(path: Path, fps: float, width: int | None) -> Iterator[tuple[float, np.ndarray]]:
    """Time and picture, one by one; only pictures that are wanted are converted."""
    wanted, size = 0, None
    held, end = None, 0.0
    for start, length, frame in _decoded(path):
        size = size or _fit(frame.width, frame.height, width)
        if held is not None and wanted / fps < start - EARLY:
            picture = _picture(held, size)
            while wanted / fps < start - EARLY:
                yield wanted / fps, picture
                wanted += 1
        held, end = frame, start + length
    if held is None or size is None:
        raise BadInput(f"{path}: no picture in it; check the file or make it anew")
    while wanted / fps < end - EARLY:
        yield wanted / fps, _picture(held, size)
        wanted += 1


def _decoded(path: Path) -> Iterator[tuple[float, float, av.VideoFrame]]:
    """Start and length in seconds, and every picture, in order of showing."""
    first, start, length = None, 0.0, 0.0
    with _open(path) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        usual = float(1 / stream.average_rate) if stream.average_rate else 0.04
        try:
            for frame in container.decode(stream):
                if frame.pts is None or frame.time_base is None:
                    start += length
                else:
                    first = frame.pts if first is None else first
                    start = float((frame.pts - first) * frame.time_base)
                length = (
                    float(frame.duration * frame.time_base) if frame.duration and frame.time_base else usual
                )
                yield start, length, frame
        except av.FFmpegError as error:
            raise BadInput(
                f"{path}: cannot be decoded after {start + length:.1f} s ({error.strerror}); make it anew"
            ) from error
        if (
            stream.duration
            and stream.time_base
            and start + length < float(stream.duration * stream.time_base) - 1
        ):
            logger.warning(
                "%s: ends after %.1f s, its header says %.1f s; used as far as it goes",
                path,
                start + length,
                float(stream.duration * stream.time_base),
            )


def _fit(columns: int, rows: int, width: int | None) -> tuple[int, int]:
    if width is None or columns <= width:
        return columns, rows
    return width, max(round(rows * width / columns), 1)


def _picture(frame: av.VideoFrame, size: tuple[int, int]) -> np.ndarray:
    return frame.reformat(width=size[0], height=size[1], format="rgb24", interpolation="AREA").to_ndarray()


def _open(path: Path) -> "av.container.InputContainer":
    if not path.is_file():
        raise BadInput(f"{path}: not found; check the path")
    try:
        container = av.open(str(path))
    except (av.FFmpegError, OSError) as error:
        raise BadInput(f"{path}: no video that can be read ({error.strerror}); check the file") from error
    if not container.streams.video:
        container.close()
        raise BadInput(f"{path}: has no pictures in it; give a video")
    return container
