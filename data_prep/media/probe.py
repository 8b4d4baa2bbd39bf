"""What the header of a video says: its shape, its rate, its end."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
from av.error import FFmpegError

from avseld.base.errors import BadInput


@dataclass(frozen=True)
class VideoInfo:
    """Facts of the first video stream."""

    width: int
    height: int
    """pixels as stored"""
    aspect: Fraction
    """width / height as shown: pixels need not be square, and a camera's turn is undone"""
    fps: float
    end: float
    """seconds from time zero to the end of the last frame; 0 where no header says it"""


def video_info(path: Path | str) -> VideoInfo:
    """Read the header and decode one frame, which shows that there is a picture at all.

    Raises:
        BadInput: missing, or no readable video.
    """
    path = Path(path)
    if not path.is_file():
        raise BadInput(f"{path}: not found; check the path")
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise BadInput(f"{path}: holds no picture; give a video")
            stream = container.streams.video[0]
            frame = next(container.decode(stream), None)
            if frame is None:
                raise BadInput(f"{path}: holds no frame; copy it again from its origin")
            aspect = Fraction(frame.width, frame.height) * Fraction(stream.sample_aspect_ratio or 1)
            return VideoInfo(
                frame.width,
                frame.height,
                1 / aspect if frame.rotation % 180 else aspect,
                float(stream.average_rate or 0),
                _end(stream),
            )
    except (FFmpegError, OSError) as error:
        raise BadInput(f"{path}: no readable video ({error}); copy it again from its origin") from error


def _end(stream: av.VideoStream) -> float:
    if stream.duration is None or stream.time_base is None:
        return 0.0
    return float((stream.duration + (stream.start_time or 0)) * stream.time_base)
