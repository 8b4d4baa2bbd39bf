"""Films of a camera (H.264): a few frames of a 360-degree video are looked up together, then encoded."""

import logging
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby
from pathlib import Path

import av
import numpy as np

from avseld.base.errors import BadInput
from avseld.base.files import replacing
from data_prep.stereo.camera import Camera, View
from data_prep.stereo.picture import CHANNELS, Lens, Planes

log = logging.getLogger(__name__)

QUALITY = {"preset": "ultrafast", "qp": "20"}
"""of H.264; a constant quantizer, for which the encoder need not look at each frame beforehand"""


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


def planes_of(frame: av.VideoFrame) -> Planes:
    """Return Y, U and V of a frame as 4:2:0, (row, column) uint8; without copying where it is that already."""
    if frame.format.name not in ("yuv420p", "yuvj420p"):
        frame = frame.reformat(format="yuv420p")
    y, u, v = (
        np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)[: plane.height, : plane.width]
        for plane in frame.planes
    )
    return y, u, v


class Studio:
    """What the films that one thread writes share: a lens, and pictures that are overwritten, since encoders copy them.

    Args:
        camera: of even width and height.
        rate: frames a second.
    """

    def __init__(self, camera: Camera, rate: Fraction) -> None:
        self.rate = rate
        self.pictures = [av.VideoFrame(camera.width, camera.height, "yuv420p") for _ in range(CHANNELS)]
        for picture in self.pictures:
            picture.time_base = 1 / rate
        self._lens = Lens(camera)
        self._planes = [planes_of(picture) for picture in self.pictures]

    def take(self, waiting: Sequence[tuple[View, Planes]]) -> list[av.VideoFrame]:
        """Take a picture of each of at most four frames; those of one view are looked up together.

        Args:
            waiting: where the camera looks, and planes of the 360-degree video.
        """
        places = iter(self._planes)
        for view, same in groupby(waiting, lambda pair: pair[0]):
            panoramas = [planes for _, planes in same]
            self._lens.take(panoramas, [next(places) for _ in panoramas], view)
        return self.pictures[: len(waiting)]


class FilmWriter:
    """Writes one film (H.264) by a temporary name, a few frames at a time.

    Args:
        film: the film.
        studio: of this thread.
        like: a frame of the 360-degree video, whose range and matrix of colours the film keeps.
    """

    def __init__(self, film: Film, studio: Studio, like: av.VideoFrame) -> None:
        self.film, self._studio = film, studio
        self._waiting: list[tuple[View, Planes]] = []
        self._n_taken = self._n_written = 0
        self._stack = ExitStack()
        temporary = self._stack.enter_context(replacing(film.path))
        self._container = av.open(str(temporary), "w", format="mp4", options={"movflags": "+faststart"})
        self._stream = self._container.add_stream("libx264", rate=studio.rate)
        first = studio.pictures[0]
        self._stream.width, self._stream.height = first.width, first.height
        self._stream.pix_fmt = first.format.name
        self._stream.options = dict(QUALITY)
        self._stream.codec_context.color_range, self._stream.codec_context.colorspace = (
            like.color_range,
            like.colorspace,
        )
        self._stream.codec_context.thread_count = 1  # so that the bytes do not depend on the machine

    @property
    def is_done(self) -> bool:
        """Whether all frames are taken."""
        return self._n_taken >= self.film.n_frames

    def shoot(self, number: int, planes: Planes) -> None:
        """Take the frames up to one of the 360-degree video."""
        while not self.is_done and self.film.first + self._n_taken <= number:
            self._waiting.append((self.film.view(self._n_taken), planes))
            self._n_taken += 1
            if len(self._waiting) == len(self._studio.pictures):
                self._write()

    def _write(self) -> None:
        """Encode the frames that wait."""
        for picture in self._studio.take(self._waiting):
            picture.pts = self._n_written
            self._container.mux(self._stream.encode(picture))
            self._n_written += 1
        self._waiting.clear()

    def finish(self) -> None:
        """Write what waits and what the encoder holds, and rename the film."""
        self._write()
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
