"""Videos whose frames show their number as eight binary digits, so that a test reads which frame it was given."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from yolox_material import write_video


def counting_frames(n: int) -> list[np.ndarray]:
    """Create frames that show their number as eight binary digits, white for one."""
    digits = 255 * ((np.arange(n)[:, None] >> np.arange(8)) & 1).astype(np.uint8)
    bars = np.repeat(digits, 16, axis=1)[:, None, :, None]
    return list(np.ascontiguousarray(np.broadcast_to(bars, (n, 64, 128, 3))))


def counting_video(path: Path, n: int, fps: Fraction | int) -> Path:
    """Write a video whose frames show their number."""
    return write_video(path, counting_frames(n), fps)


def late_video(path: Path, n: int = 10, first: int = 5) -> Path:
    """Write a video of 10 frames per second whose stream starts some frames after the zero of its container."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10, options={"crf": "10"})
        stream.width, stream.height, stream.pix_fmt = 128, 64, "yuv420p"
        for number, image in enumerate(counting_frames(n)):
            frame = av.VideoFrame.from_ndarray(image)
            frame.pts, frame.time_base = first + number, Fraction(1, 10)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def number_of(frames: np.ndarray) -> np.ndarray:
    """Read the numbers (n,) that frames (n, height, width, 3) show."""
    bars = frames.mean(axis=(1, 3))
    return (bars.reshape(len(bars), 8, -1).mean(axis=2) > 127) @ (1 << np.arange(8))
