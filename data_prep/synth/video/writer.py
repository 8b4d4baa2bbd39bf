"""Frames become an mp4, the same bytes each time."""

from collections.abc import Iterable
from fractions import Fraction
from math import ceil
from pathlib import Path

import av
import numpy as np

from avseld.base.errors import BadInput
from avseld.base.files import replacing

EXACT_RATES = {23.976: Fraction(24000, 1001), 29.97: Fraction(30000, 1001), 59.94: Fraction(60000, 1001)}
"""rates that people write with few decimals"""
ENCODER = {"preset": "veryfast", "crf": "23", "threads": "1", "x264-params": "mbtree=0"}
"""One thread and no macroblock tree: where the width is no multiple of 16, the tree reads past the picture's
edge and the bytes differ from run to run."""


def frame_rate(fps: float) -> Fraction:
    """The rate meant by a number: 29.97 is 30000/1001.

    Raises:
        BadInput: not between 1 and 120.
    """
    if not 1 <= fps <= 120:
        raise BadInput(f"fps {fps}: choose a rate from 1 to 120")
    return next(
        (exact for rough, exact in EXACT_RATES.items() if abs(fps - rough) < 5e-3),
        Fraction(fps).limit_denominator(1000),
    )


def frame_times(seconds: float, rate: Fraction) -> np.ndarray:
    """Times (frame,) of the frames that cover a duration."""
    return np.arange(ceil(Fraction(seconds).limit_denominator(10**6) * rate)) / float(rate)


def write_video(path: Path, frames: Iterable[np.ndarray], rate: Fraction, width: int) -> None:
    """Encode frames with x264 in one thread, so that the bytes do not depend on the machine's load or cores.

    Args:
        path: an mp4 file.
        frames: (width / 2, width, 3) uint8 RGB.
        rate: frames a second.
        width: columns.
    """
    with replacing(path) as temporary, av.open(str(temporary), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=rate)
        stream.width, stream.height, stream.pix_fmt = width, width // 2, "yuv420p"
        stream.codec_context.thread_count = 1
        stream.options = {**ENCODER}
        for picture in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
