"""Films of a camera: a 360-degree video is decoded once, in order, for all clips of a recording."""

import logging
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from avseld.base.errors import BadInput
from avseld.base.files import replacing
from avseld.io.video_header import moving_pictures, open_video, video_info
from data_prep.stereo.camera import Camera, View
from data_prep.stereo.picture import picture_of_camera

log = logging.getLogger(__name__)

SKIP_S = 4.0
"""gap between clips from which on a video is sought rather than decoded"""
MISSING_END_S = 1.0
"""how much earlier than a clip the video may end; its last frame stays until then"""
QUALITY = {"preset": "ultrafast", "crf": "21"}
"""of H.264: encoding takes most of the time"""


@dataclass(frozen=True)
class Film:
    """What is filmed for a clip.

    Args:
        path: the mp4 to write.
        first: first frame of the 360-degree video.
        n_frames: number of frames.
        view: where the camera looks, by the number of the frame in the clip.
    """

    path: Path
    first: int
    n_frames: int
    view: Callable[[int], View]


def frame_rate(path: Path) -> Fraction:
    """Read the frame rate of a 360-degree video.

    Raises:
        BadInput: it is no whole panorama as it is stored, or has no frame rate.
    """
    info = video_info(path)
    if info.flaw is not None or not info.is_panorama or not info.orientation.is_identity:
        flaw = info.flaw or f"{info.width} x {info.height}, which is turned, or not twice as wide as high"
        raise BadInput(f"{path}: {flaw}; a camera needs a whole panorama: avseld-prep resize makes one")
    with open_video(path) as container:
        rate = moving_pictures(container).average_rate
    if not rate:
        raise BadInput(f"{path}: its header says no frame rate; encode it again")
    return rate


def film(source: Path, films: Sequence[Film], camera: Camera) -> None:
    """Write the films of one recording; frames are counted from the first of the video.

    Instead of a frame that is missing stays that before it, as a player shows it.

    Args:
        source: equirectangular video.
        films: of any order.
        camera: of even width and height.

    Raises:
        BadInput: the video cannot be decoded, or ends a second before a film does.
    """
    if not films:
        return
    rate = frame_rate(source)
    waiting = sorted(films, key=lambda each: each.first, reverse=True)
    running: list[_Writer] = []
    try:
        for number, frame in _frames_until_the_end(source, films, rate):
            while waiting and waiting[-1].first <= number:
                running.append(_Writer(waiting.pop(), rate, camera, frame))
            planes = planes_of(frame) if running else ()
            for writer in running:
                writer.shoot(number, planes)
            for writer in [each for each in running if each.is_done]:
                running.remove(writer)
                writer.finish()
            if not waiting and not running:
                break
    finally:
        for writer in running:
            writer.abandon()


def _frames_until_the_end(
    source: Path, films: Sequence[Film], rate: Fraction
) -> Iterator[tuple[int, av.VideoFrame]]:
    """Yield the frames that films need with the number of the last film frame that each is shown for."""
    first = min(each.first for each in films)
    stop = max(each.first + each.n_frames for each in films)
    used = np.zeros(stop + 1, bool)
    for each in films:
        used[max(each.first, 0) : each.first + each.n_frames] = True
    last: av.VideoFrame | None = None
    number = first
    with closing(_decoded(source, used, rate)) as frames:
        for place, frame in frames:
            if last is not None and place > number:
                yield place - 1, last
            last, number = frame, place
    if last is None or stop - 1 - number > MISSING_END_S * rate:
        ended = (
            "holds no frame"
            if last is None
            else f"ends after {float(number / rate):.1f} s, before a clip does"
        )
        raise BadInput(f"{source}: {ended}; copy it again from its origin")
    yield stop, last


def _decoded(
    source: Path, used: np.ndarray, rate: Fraction
) -> Generator[tuple[int, av.VideoFrame], None, None]:
    """Yield frames with their numbers, in order, up to the last that is used; long gaps are skipped."""
    with open_video(source) as container:
        stream = moving_pictures(container)
        stream.thread_type = "AUTO"
        assert stream.time_base is not None
        begin = stream.start_time or 0
        wanted = sought = int(np.argmax(used))
        if wanted > SKIP_S * rate:
            container.seek(begin + int(wanted / rate / stream.time_base), stream=stream)
        try:
            frames = container.decode(stream)
            while (frame := next(frames, None)) is not None:
                number = round((frame.pts - begin) * stream.time_base * rate) if frame.pts is not None else 0
                yield number, frame
                if number >= len(used) - 1:
                    return
                if not used[number : number + int(SKIP_S * rate)].any():
                    wanted = number + int(np.argmax(used[number:]))
                    if not used[wanted]:
                        return
                    if wanted <= sought:  # the key frame before it lies here or further back
                        continue
                    sought = wanted
                    container.seek(begin + int(wanted / rate / stream.time_base), stream=stream)
                    frames = container.decode(stream)
        except av.FFmpegError as error:
            raise BadInput(
                f"{source}: cannot be decoded ({error.strerror}); copy it again from its origin"
            ) from error


def planes_of(frame: av.VideoFrame) -> tuple[np.ndarray, ...]:
    """Return Y, U and V of a frame as 4:2:0, (row, column) uint8; without copying where it is that already."""
    if frame.format.name not in ("yuv420p", "yuvj420p"):
        frame = frame.reformat(format="yuv420p")
    return tuple(
        np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)[: plane.height, : plane.width]
        for plane in frame.planes
    )


class _Writer:
    """Writes one film (H.264) by a temporary name."""

    def __init__(self, film: Film, rate: Fraction, camera: Camera, like: av.VideoFrame) -> None:
        self.film, self.camera, self._done = film, camera, 0
        self._stack = ExitStack()
        temporary = self._stack.enter_context(replacing(film.path))
        self._container = av.open(str(temporary), "w", format="mp4", options={"movflags": "+faststart"})
        self._stream = self._container.add_stream("libx264", rate=rate)
        self._stream.width, self._stream.height, self._stream.pix_fmt = camera.width, camera.height, "yuv420p"
        self._stream.options = dict(QUALITY)
        self._stream.codec_context.color_range, self._stream.codec_context.colorspace = (
            like.color_range,
            like.colorspace,
        )
        self._stream.codec_context.thread_count = 1  # so that the bytes do not depend on the machine

    @property
    def is_done(self) -> bool:
        """Whether all frames are written."""
        return self._done >= self.film.n_frames

    def shoot(self, number: int, planes: tuple[np.ndarray, ...]) -> None:
        """Write the frames up to one of the 360-degree video."""
        while not self.is_done and self.film.first + self._done <= number:
            picture = picture_of_camera(planes, self.camera, self.film.view(self._done))
            frame = av.VideoFrame.from_ndarray(picture, "yuv420p")
            self._container.mux(self._stream.encode(frame))
            self._done += 1

    def finish(self) -> None:
        """Write what the encoder holds and rename the film."""
        self._container.mux(self._stream.encode(None))
        self._container.close()
        self._stack.close()

    def abandon(self) -> None:
        """Remove the unfinished film."""
        self._container.close()
        error = BadInput(f"{self.film.path}: not finished")
        try:
            self._stack.__exit__(BadInput, error, None)
        except BadInput:
            log.debug("%s", error)
