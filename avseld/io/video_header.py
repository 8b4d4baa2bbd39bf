"""Headers of video files: size and shape of the picture as it is shown, its place on the container's clock."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
from av.stream import Disposition

from avseld.base.errors import BadInput
from avseld.base.files import require_file
from avseld.io.picture import (
    AS_STORED,
    LETTERBOXED,
    Orientation,
    Sphere,
    Stereo,
    bars_of,
    guess_by_shape,
    has_panorama_shape,
    note_of,
    orientation_of,
    shown,
    sphere_of,
    stereo_of,
    why_no_panorama,
)

VIDEOS = (".mp4", ".m4v", ".mov", ".mkv", ".webm")
"""suffixes of the files that are taken for videos"""
BARS_WIDTH_PX = 128
"""width to which a frame is scaled to look for black bars"""


@dataclass(frozen=True)
class VideoInfo:
    """Header of the first video stream."""

    width: int
    height: int
    """pixels as shown: square, and turned as the header says"""
    aspect: Fraction
    """width / height as shown"""
    rotation: int
    """degrees by which the stored frames are turned counter-clockwise to be shown"""
    fps: float
    """average frames per second; 0 where the header does not say it"""
    start: float
    """seconds on the container's clock at which the first frame starts"""
    end: float
    """seconds on the container's clock at which the last frame ends"""
    orientation: Orientation = AS_STORED
    stereo: Stereo | None = None
    """how two eyes share the frame, by the header"""
    sphere: Sphere | None = None
    """part of the sphere and projection, by the header"""
    note: str = ""
    """what `avseld-prep resize` wrote into the metadata about the picture"""
    bars: str = ""
    """sides on which the first frame has black bars"""

    @property
    def letterboxed(self) -> bool:
        """Whether the picture stands between black bars."""
        return self.note == LETTERBOXED

    @property
    def flaw(self) -> str | None:
        """Why the header says that this is no whole sphere for one eye, and the remedy; None if it does not."""
        return why_no_panorama(self.aspect, self.stereo, self.sphere, self.letterboxed)

    @property
    def placing(self) -> dict[str, float | str]:
        """Start and orientation where they are not those of most videos, for the description of what is computed."""
        late = {"start": self.start} if self.start > 0 else {}
        return late | ({} if self.orientation.is_identity else {"orientation": str(self.orientation)})

    @property
    def is_panorama(self) -> bool:
        """Whether the picture is the whole sphere for one eye: by the header, else if it is twice as wide as high."""
        if self.flaw is not None:
            return False
        return self.sphere == "whole" or has_panorama_shape(float(self.aspect))


def panorama_warning(path: Path | str, info: VideoInfo, format: str) -> str | None:
    """Say that a video cannot show the directions of a recording; None if it can.

    Args:
        path: of the video, for the text.
        info: of the video.
        format: channel format of the recording; foa and mic have directions all around.
    """
    if format not in ("foa", "mic") or (info.is_panorama and (info.note or not info.bars)):
        return None
    if info.is_panorama:
        return (
            f"{path}: has black bars {info.bars}; if it was fitted between them, it is no 360-degree picture and its "
            "boxes have no directions"
        )
    if info.flaw is not None:
        return f"{path}: {info.flaw}"
    return (
        f"{path}: {info.width}x{info.height} is not an equirectangular 2:1 video; its boxes have no directions"
        f"{guess_by_shape(info.aspect)}"
    )


def check_panorama(path: Path | str, info: VideoInfo, format: str) -> str | None:
    """Refuse a video whose header says that it is no whole sphere for one eye; warn about other shapes.

    Args:
        path: of the video, for the text.
        info: of the video.
        format: channel format of the recording.

    Returns:
        The warning, as `panorama_warning`.

    Raises:
        BadInput: stereoscopic, a part of the sphere, another projection or letterboxed, with a format that has
            directions all around.
    """
    warning = panorama_warning(path, info, format)
    if warning is not None and info.flaw is not None:
        raise BadInput(warning)
    return warning


def video_info(path: Path | str) -> VideoInfo:
    """Read the header of a video and decode one frame, which shows that there is one.

    Raises:
        BadInput: missing, unreadable, or without frames.
    """
    path = Path(path)
    with open_video(path) as container:
        stream = moving_pictures(container)
        try:
            frame = next(container.decode(stream), None)
        except av.FFmpegError as error:
            raise BadInput(f"{path}: no readable video ({error}); copy it again from its origin") from error
        if frame is None:
            raise BadInput(f"{path}: holds no frame; copy it again from its origin")
        orientation = orientation_of(frame, path)
        small = frame.reformat(BARS_WIDTH_PX, BARS_WIDTH_PX // 2, format="gray", interpolation="AREA")
        width, height = shown_size(frame, stream, orientation)
        aspect = Fraction(frame.width, frame.height) * Fraction(stream.sample_aspect_ratio or 1)
        return VideoInfo(
            width,
            height,
            1 / aspect if orientation.transposed else aspect,
            frame.rotation % 360,
            float(stream.average_rate or stream.guessed_rate or 0),
            stream_start(stream),
            _end(path, stream),
            orientation,
            stereo_of(frame),
            sphere_of(frame),
            note_of(container.metadata),
            bars_of(shown(small.to_ndarray()[..., None], orientation)[..., 0]),
        )


def has_video(path: Path | str) -> bool:
    """Return whether a container holds moving pictures beside its sound; a cover picture is none.

    Raises:
        BadInput: missing or unreadable.
    """
    path = Path(path)
    require_file(path)
    try:
        with av.open(str(path)) as container:
            return any(map(_moves, container.streams.video))
    except (av.FFmpegError, OSError) as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror}); copy it again from its origin") from error


def shown_size(frame: av.VideoFrame, stream: av.VideoStream, orientation: Orientation) -> tuple[int, int]:
    """Return width and height of a frame with square pixels, turned as it is shown."""
    width = max(round(frame.width * Fraction(stream.sample_aspect_ratio or 1)), 1)
    return (frame.height, width) if orientation.transposed else (width, frame.height)


def _moves(stream: av.VideoStream) -> bool:
    """Return whether a stream holds moving pictures, not a cover."""
    return not stream.disposition & Disposition.attached_pic


def moving_pictures(container: "av.container.InputContainer") -> av.VideoStream:
    """Return the first video stream that is no cover."""
    return next(filter(_moves, container.streams.video), container.streams.video[0])


def stream_start(stream: av.VideoStream) -> float:
    """Return the second on the container's clock at which a stream starts."""
    return float((stream.start_time or 0) * (stream.time_base or 0))


def _end(path: Path, stream: av.VideoStream) -> float:
    if stream.duration is not None and stream.time_base is not None:
        return stream_start(stream) + float(stream.duration * stream.time_base)
    # Matroska has no duration of a stream, but most writers add a tag of its end.
    hours, minutes, seconds = ([*stream.metadata.get("DURATION", "").split(":"), "", "", ""])[:3]
    try:
        return 3600 * int(hours) + 60 * int(minutes) + float(seconds)
    except ValueError:
        return _end_of_packets(path)


def _end_of_packets(path: Path) -> float:
    """Find the end of a video by reading it through, without decoding."""
    end = Fraction(0)
    with open_video(path) as container:
        for packet in container.demux(moving_pictures(container)):
            if packet.pts is not None and packet.time_base is not None:
                end = max(end, (packet.pts + (packet.duration or 0)) * packet.time_base)
    return float(end)


def open_video(path: Path) -> "av.container.InputContainer":
    """Open a container that holds a video stream.

    Raises:
        BadInput: missing, unreadable, or without video.
    """
    require_file(path)
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
