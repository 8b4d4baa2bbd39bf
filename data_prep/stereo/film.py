"""Films of a camera: a 360-degree video is decoded once, in order, for all clips of a recording."""

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from avseld.base.errors import BadInput
from avseld.io.video_header import moving_pictures, open_video, video_info
from data_prep.stereo.camera import Camera
from data_prep.stereo.film_writer import Film, FilmWriter, Studio, planes_of

SKIP_S = 4.0
"""gap between clips from which on a video is sought rather than decoded"""
MISSING_END_S = 1.0
"""how much earlier than a clip the video may end; its last frame stays until then"""


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
    cv2.setNumThreads(
        1
    )  # recordings are the unit of parallel work; threads for a picture cost more than they save
    rate = frame_rate(source)
    waiting = sorted(films, key=lambda each: each.first, reverse=True)
    running: list[FilmWriter] = []
    studio = Studio(camera, rate)
    try:
        for number, frame in _frames_until_the_end(source, films, rate):
            while waiting and waiting[-1].first <= number:
                running.append(FilmWriter(waiting.pop(), studio, frame))
            if running:
                planes = planes_of(frame)
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
