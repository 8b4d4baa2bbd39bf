"""Benchmark of the stereo converter: seconds a clip, and the same for the official way."""

import shutil
import tempfile
import time
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import av
import numpy as np
import soundfile

from avseld.benchmarking.stereo_published import published_clip
from data_prep.stereo.command import stereo

NAMES, FPS, WIDTH = ("fold3_room1_mix001", "fold3_room2_mix001"), Fraction(30000, 1001), 1920
SECONDS = 20
CLIPS_OF_A_SECOND = 30_000 / (7.4 * 3600)
"""of the corpus: 30,000 clips of the 7.4 hours of STARSS23"""
N_PUBLISHED = 2
"""clips that are made the official way"""


def bench_stereo() -> dict[str, Any]:
    """Measure seconds a clip of 5 s with video of 640 x 360, from FOA and 360-degree video of 1920 x 960.

    Returns:
        Seconds a clip of both ways by the clock (here on all cores) and of all processors, which other programs on the
        machine change less, and their ratios.
    """
    with tempfile.TemporaryDirectory() as name:
        raw, clips = Path(name) / "raw", round(len(NAMES) * SECONDS * CLIPS_OF_A_SECOND)
        _write_recordings(raw)
        sound, video = raw / "foa_dev" / f"{NAMES[0]}.wav", raw / "video_dev" / f"{NAMES[0]}.mp4"
        published = [
            _timed(partial(published_clip, sound, video, Path(name) / str(n), 80 * n + 30, 120 * n + 10))
            for n in range(N_PUBLISHED)
        ]
        whole = _timed(partial(stereo, raw, Path(name) / "clips", clips=clips))
    (wall, processor), here, here_processor = min(published), whole[0] / clips, whole[1] / clips
    return {
        "published way, s a clip": wall,
        "here, s a clip": here,
        "times as fast": wall / here,
        "published way, processor s a clip": processor,
        "here, processor s a clip": here_processor,
        "times less work": processor / here_processor,
        "clips of two recordings": clips,
    }


def _timed(work: Callable[[], Any]) -> tuple[float, float]:
    """Return the seconds of a call, by the clock and of all processors."""
    begin, begin_processor = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - begin, time.process_time() - begin_processor


def _write_recordings(raw: Path) -> None:
    """Write recordings of noise with a label and a 360-degree video of a drifting pattern with a little grain."""
    for folder in ("foa_dev", "metadata_dev", "video_dev"):
        (raw / folder).mkdir(parents=True)
    random = np.random.default_rng(0)
    noise = 0.05 * random.standard_normal((SECONDS * 24000, 4))
    rows = "".join(f"{frame},1,0,{frame % 360 - 180},0,200\n" for frame in range(SECONDS * 10))
    for name in NAMES:
        soundfile.write(raw / "foa_dev" / f"{name}.wav", noise, 24000)
        (raw / "metadata_dev" / f"{name}.csv").write_text(rows)
    first, *others = (raw / "video_dev" / f"{name}.mp4" for name in NAMES)
    _write_video(first, random)
    for other in others:
        shutil.copy(first, other)


def _write_video(path: Path, random: np.random.Generator) -> None:
    coarse = random.integers(30, 220, (WIDTH * 3 // 4 // 60, WIDTH // 60), dtype=np.uint8)
    pattern = np.kron(coarse, np.ones((60, 60), np.uint8))
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = WIDTH, WIDTH // 2, "yuv420p"
        stream.options = {"preset": "veryfast"}
        for number in range(round(SECONDS * FPS)):
            grain = random.integers(0, 4, pattern.shape, dtype=np.uint8)
            frame = av.VideoFrame.from_ndarray(np.roll(pattern, 2 * number, axis=1) + grain, "yuv420p")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
