"""Benchmark of the stereo converter: seconds a clip, and the same for the official way."""

import shutil
import tempfile
import time
from collections.abc import Callable, Iterable
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import av
import numpy as np
import soundfile

from avseld.base.engines import THREADS
from data_prep.stereo.clips import by_recording, draw_clips
from data_prep.stereo.convert import Plan, convert
from data_prep.stereo.fidelity import fidelity
from data_prep.stereo.published import N_FRAMES, published_clip
from data_prep.stereo.sources import find_sources

NAMES, FPS, WIDTH = ("fold3_room1_mix001", "fold3_room2_mix001"), Fraction(30000, 1001), 1920
SECONDS, SEED = 20, 20250305
CLIPS_OF_A_SECOND = 30_000 / (7.4 * 3600)
"""of the corpus: 30,000 clips of the 7.4 hours of STARSS23"""
DEG, N_COMPARED = 80, 30
"""viewing angle and frames in which the quality of the films is compared"""
ROUNDS = 2
"""of both ways by turns; the faster one counts"""


def bench_stereo() -> dict[str, Any]:
    """Measure the making of clips of 5 s with video of 640 x 360, from FOA and 360-degree video of 1920 x 960.

    Returns:
        `ours` and `published`, seconds a clip by the clock (here on all cores), and their `ratio`; the same in seconds
        of all `processors`, which other programs on the machine change less; `mb`, the size of a
        film, and `luma_db`, how near its luma is to that before encoding.
    """
    with tempfile.TemporaryDirectory() as name:
        raw, clips = Path(name) / "raw", round(len(NAMES) * SECONDS * CLIPS_OF_A_SECOND)
        _write_recordings(raw)
        sound, video = raw / "foa_dev" / f"{NAMES[0]}.wav", raw / "video_dev" / f"{NAMES[0]}.mp4"
        ours, published = [], []
        for n in range(ROUNDS):
            start, deg = (SECONDS * 10 - N_FRAMES) * n // ROUNDS, 120 * n + 10
            published.append(_timed(partial(published_clip, sound, video, Path(name) / f"{n}", start, deg)))
            ours.append(_timed(partial(_make, raw, Path(name) / f"clips{n}", clips)))
        wall, processors = (min(times) / clips for times in zip(*ours, strict=True))
        published_wall, published_processors = (min(times) for times in zip(*published, strict=True))
        compared = fidelity(sound, video, DEG, N_COMPARED)
        sizes = [
            _mean_mb(films) for films in (Path(name).glob("clips0/video_dev/*/*"), Path(name).glob("*.mp4"))
        ]
    return {
        "ours": wall,
        "published": published_wall,
        "ratio": published_wall / wall,
        "unit": "s a clip",
        "processors": {
            "ours": round(processors, 3),
            "published": round(published_processors, 3),
            "ratio": round(published_processors / processors, 2),
        },
        "mb": dict(zip(("ours", "published"), sizes, strict=True)),
        "luma_db": compared,
        "clips": clips,
    }


def _make(raw: Path, target: Path, n_clips: int) -> None:
    """Do what the command does, which tells what comes next as well."""
    sources, plan = {each.recording.name: each for each in find_sources(raw, "auto")}, Plan(target)
    lengths = {name: each.n_frames for name, each in sources.items()}
    clips = draw_clips(
        lengths, n_clips, N_FRAMES, SEED, lambda clip: plan.exceeds(sources[clip.recording], clip)
    )
    for _ in THREADS.run(
        convert, [(sources[name], group, plan) for name, group in by_recording(clips).items()]
    ):
        pass


def _mean_mb(films: Iterable[Path]) -> float:
    return round(float(np.mean([path.stat().st_size for path in films])) / 1e6, 2)


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
