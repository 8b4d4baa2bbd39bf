"""Video files with the same bytes on every run."""

from collections.abc import Iterable
from fractions import Fraction
from math import ceil
from pathlib import Path

import av
import numpy as np

from avseld.base.errors import BadInput
from avseld.base.files import replacing

BROADCAST_RATES = {23.976: Fraction(24000, 1001), 29.97: Fraction(30000, 1001), 59.94: Fraction(60000, 1001)}
"""rates that are usually written rounded"""
X264_OPTIONS = {"preset": "veryfast", "crf": "23", "threads": "1", "x264-params": "mbtree=0"}
"""One thread and no macroblock tree: where the width is not a multiple of 16, the tree reads past the edge of the frame
and the bytes differ from run to run."""


def check_width(name: str, width: int) -> None:
    """Refuse a width that cannot be rendered.

    Args:
        name: of the option.
        width: pixels.

    Raises:
        BadInput: no multiple of 4, or out of range.
    """
    if width < 32 or width % 4 or width > 8192:
        raise BadInput(f"{name} {width}: give a multiple of 4 from 32 to 8192 (the height is half of it)")


def frame_rate(fps: float) -> Fraction:
    """Return the exact frame rate for a rounded one: 29.97 is 30000/1001.

    Raises:
        BadInput: not between 1 and 120.
    """
    if not 1 <= fps <= 120:
        raise BadInput(f"fps {fps}: choose a rate from 1 to 120")
    return next(
        (exact for rounded, exact in BROADCAST_RATES.items() if abs(fps - rounded) < 5e-3),
        Fraction(fps).limit_denominator(1000),
    )


def frame_times(seconds: float, rate: Fraction) -> np.ndarray:
    """Compute the times (frame,) in seconds of the frames that cover a duration."""
    return np.arange(ceil(Fraction(seconds).limit_denominator(10**6) * rate)) / float(rate)


def write_video(path: Path, frames: Iterable[np.ndarray], rate: Fraction, width: int) -> None:
    """Encode frames with x264 in one thread, so that the bytes do not depend on load or number of cores.

    Args:
        path: mp4 file.
        frames: (width / 2, width, 3) uint8 RGB.
        rate: frames per second.
        width: columns.
    """
    with replacing(path) as temporary, av.open(str(temporary), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=rate)
        stream.width, stream.height, stream.pix_fmt = width, width // 2, "yuv420p"
        stream.codec_context.thread_count = 1
        stream.options = {**X264_OPTIONS}
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
