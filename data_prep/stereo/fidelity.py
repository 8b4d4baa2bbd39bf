"""How well films show what a camera saw: luma of files against that of the pictures before they were encoded."""

from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import av
import cv2
import numpy as np

from data_prep.stereo.camera import DCASE2025, View
from data_prep.stereo.film import film
from data_prep.stereo.film_writer import Film, planes_of
from data_prep.stereo.picture import Lens
from data_prep.stereo.published import published_clip, published_pictures


def fidelity(sound: Path, video: Path, deg: int, n_frames: int) -> dict[str, float]:
    """Compare the beginning of a recording, filmed here and the official way, with what each looked up in the video.

    Args:
        sound: FOA, which the official way wants.
        video: equirectangular.
        deg: viewing angle to the right.
        n_frames: number of frames.

    Returns:
        Peak signal-to-noise ratio in dB: `ours` and `published`.
    """
    view = View(-deg)
    with TemporaryDirectory() as name:
        ours, published = Path(name) / "ours.mp4", Path(name) / "published"
        film(video, [Film(ours, 0, n_frames, lambda number: view)], DCASE2025)
        published_clip(sound, video, published, 0, deg)
        looked_up = islice(published_pictures(video, 0, deg), n_frames)
        return {
            "ours": _decibels(_luma(ours), _seen(video, view, n_frames)),
            "published": _decibels(_luma(published.with_suffix(".mp4")), map(_luma_of_bgr, looked_up)),
        }


def _seen(video: Path, view: View, n_frames: int) -> list[np.ndarray]:
    lens, pictures = Lens(DCASE2025), []
    with av.open(str(video)) as container:
        for frame in islice(container.decode(video=0), n_frames):
            picture = planes_of(av.VideoFrame(DCASE2025.width, DCASE2025.height, "yuv420p"))
            lens.take([planes_of(frame)], [picture], view)
            pictures.append(picture[0])
    return pictures


def _luma(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [planes_of(frame)[0] for frame in container.decode(video=0)]


def _luma_of_bgr(picture: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_I420)[: len(picture)]


def _decibels(found: Iterable[np.ndarray], expected: Iterable[np.ndarray]) -> float:
    """Compute the ratio of 255 to the root mean square of the differences; the shorter side counts."""
    errors = [np.mean((one.astype(float) - other) ** 2) for one, other in zip(found, expected, strict=False)]
    return round(float(10 * np.log10(255**2 / np.mean(errors))), 2)
