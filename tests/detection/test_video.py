"""Videos give the pictures that are shown at regular times."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from yolox_material import write_video

from avseld.base.errors import BadInput
from avseld.base.prefetch import ahead
from detection.video import frames, video_info

NTSC = Fraction(30000, 1001)


def counting_video(path: Path, n: int, fps: Fraction | int) -> Path:
    """A video whose pictures show their number as eight binary digits, white for one."""
    digits = 255 * ((np.arange(n)[:, None] >> np.arange(8)) & 1).astype(np.uint8)
    bars = np.repeat(digits, 16, axis=1)[:, None, :, None]
    return write_video(path, list(np.ascontiguousarray(np.broadcast_to(bars, (n, 64, 128, 3)))), fps)


def numbers(path: Path, fps: float, batch: int = 16) -> tuple[np.ndarray, np.ndarray]:
    """Times, and the numbers of the pictures shown at them."""
    parts = list(frames(path, fps, batch=batch))
    bars = np.concatenate([pictures.mean(axis=(1, 3)) for _, pictures in parts])
    digits = bars.reshape(len(bars), 8, 16).mean(axis=2) > 127
    return np.concatenate([time for time, _ in parts]), digits @ (1 << np.arange(8))


@pytest.mark.parametrize("batch", [1, 16])
def test_pictures_are_those_shown_at_tenths_of_a_second_at_29_97(tmp_path, batch):
    time, number = numbers(counting_video(tmp_path / "v.mp4", 90, NTSC), 10, batch)
    np.testing.assert_allclose(time, np.arange(31) / 10)  # 90 pictures last 3.003 s
    np.testing.assert_array_equal(number, np.floor(np.arange(31) / 10 * float(NTSC)))
    assert number[-1] == 89


def test_every_picture_of_a_video_of_the_same_rate_is_seen_once(tmp_path):
    time, number = numbers(counting_video(tmp_path / "v.mp4", 25, 10), 10)
    np.testing.assert_allclose(time, np.arange(25) / 10)
    np.testing.assert_array_equal(number, np.arange(25))


def test_a_slow_video_is_held_until_its_end(tmp_path):
    time, number = numbers(counting_video(tmp_path / "v.mp4", 4, 4), 10)
    assert number.tolist() == [0, 0, 0, 1, 1, 2, 2, 2, 3, 3] and len(time) == 10


def test_the_header_tells_size_rate_and_length(tmp_path):
    info = video_info(counting_video(tmp_path / "v.mp4", 45, NTSC))
    assert (info.width, info.height, info.n_frames) == (128, 64, 45)
    assert info.fps == pytest.approx(29.97, abs=1e-3) and info.duration == pytest.approx(1.5015, abs=2e-3)


def test_a_thread_ahead_hands_on_items_and_errors_and_stops_when_left():
    def items(closed: list[bool]):
        try:
            yield from range(100)
            raise BadInput("the video breaks off")
        finally:
            closed.append(True)

    ended: list[bool] = []
    assert list(zip(range(5), ahead(items(ended)), strict=False))[-1] == (4, 4)
    with pytest.raises(BadInput, match="breaks off"):
        assert list(ahead(items(ended)))
    early = ahead(items(ended))
    next(early)
    early.close()  # must not wait for the other 99
