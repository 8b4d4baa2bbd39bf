"""Benchmark of reading: windows of a corpus in shards, and the same windows a second by seeking in its files."""

import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from avseld.base.archive import SUFFIX
from avseld.base.memory import keep_freed_memory
from avseld.benchmarking.corpus import CLASSES, write_corpus
from avseld.benchmarking.machine import alone
from avseld.benchmarking.steps import BATCH, SEED, fresh_system
from avseld.config import Data
from avseld.data.loader import Numbers, loader
from avseld.data.shard_windows import ShardWindows
from avseld.data.windows import Windows
from avseld.io.manifest import Recording, read_manifest, write_manifest
from avseld.io.shards import KINDS, write_index, write_shard

SECONDS, N_SOUNDS = 60, 8
"""length of a recording; recordings of different sound, which are repeated under other names"""
LOUD, QUIET = 300.0, 0.4
"""steps of 16 bits, root mean square: noise that FLAC compresses to 0.65 as it does rooms, and noise that takes little
disk, for many hours"""
MOST_LOUD_HOURS = 20.0
SHARD_BYTES = 64e6
"""smaller than those of a training, so that many are read while it is timed"""
READ_BYTES = 4 << 20
N_TRIES = 2
"""of each, in turn; the better one counts, as other programs take time from either"""
N_PARTS = 4
"""parts of the windows that are timed, each with the memory after it"""


def bench_shards(hours: float = 1.0, steps: int = 500) -> dict[str, Any]:
    """Time reading and encoding windows of a corpus of FOA, from shards and by seeking in FLAC files.

    The files are links to a few recordings, which stay in the memory of the system; the shards are all on the disk, and
    read from there.

    Args:
        hours: of the corpus; up to 20 at 0.41 GB an hour, more as quiet noise at 0.05 GB.
        steps: batches of 16 windows that are timed, after as many that fill the buffer.

    Returns:
        `shards` and `seek` in windows a second and their ratio; MB of memory after each quarter of the windows;
        recordings, archives, GB an hour; rates of decoding a core and of the disk.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        level = LOUD if hours <= MOST_LOUD_HOURS else QUIET
        recordings = write_files(folder / "files", max(round(hours * 3600 / SECONDS), 2), level)
        n_bytes = write_shards(folder / "shards", recordings)
        flac = recordings[0].audio
        forget_disk(folder / "shards")
        disk = read_rate(folder / "shards")
        shards: dict[str, Any] = {"rate": 0.0}
        seek: dict[str, Any] = {"rate": 0.0}
        for _ in range(N_TRIES):
            seek = max(seek, alone(seek_a_second, folder / "files", steps), key=_rate)
            forget_disk(folder / "shards")
            shards = max(shards, alone(shards_a_second, folder / "shards", steps), key=_rate)
        return {
            "shards": shards["rate"],
            "seek": seek["rate"],
            "ratio": shards["rate"] / seek["rate"],
            "unit": "windows/s",
            "hours": len(recordings) * SECONDS / 3600,
            "recordings": len(recordings),
            "archives": len(list((folder / "shards").glob(f"*{SUFFIX}"))),
            "gb_an_hour": n_bytes / 1e9 / (len(recordings) * SECONDS / 3600),
            "start_s": {"shards": round(shards["start_s"], 2), "seek": round(seek["start_s"], 2)},
            "memory_mb": shards["memory_mb"],
            "peak_mb": {"shards": shards["peak_mb"], "seek": seek["peak_mb"]},
            "decoded_s_a_second": decode_rate(flac),
            "disk_mb_a_second": disk,
        }


def _rate(result: dict[str, Any]) -> float:
    return float(result["rate"])


def write_files(prepared: Path, n: int, level: float) -> list[Recording]:
    """Write a prepared folder whose files are links to those of a few recordings."""
    made = write_corpus(prepared / "sounds", min(n, N_SOUNDS), SECONDS, video=False, sparse=True)
    for number, recording in enumerate(made):
        noise = np.random.default_rng(number).normal(size=(24_000 * SECONDS, 4)) * level
        flac = recording.audio.with_suffix(".flac")
        soundfile.write(flac, np.round(noise).astype(np.int16), 24_000, subtype="PCM_16")
        made[number] = replace(recording, audio=flac, fold="fold3", room="room1")
    recordings = []
    for number in range(n):
        source, name = made[number % len(made)], f"fold3_room1_mix{number:06d}"
        linked: dict[str, Path] = {}
        for kind in ("audio", "labels", "boxes"):
            old: Path | None = getattr(source, kind)
            if old is not None:
                linked[kind] = prepared / kind / f"{name}{old.suffix}"
                linked[kind].parent.mkdir(parents=True, exist_ok=True)
                os.link(old, linked[kind])
        recordings.append(replace(source, name=name, **linked))  # type: ignore[arg-type]
    write_manifest(prepared, recordings, CLASSES)
    return recordings


def write_shards(folder: Path, recordings: list[Recording]) -> int:
    """Write archives of recordings as `avseld-prep shards` lays them out; returns their bytes."""
    folder.mkdir()
    size = sum(path.stat().st_size for one in recordings[:N_SOUNDS] for path in _files(one).values())
    each = max(int(SHARD_BYTES // (size / min(len(recordings), N_SOUNDS))), 1)
    names = []
    for number, first in enumerate(range(0, len(recordings), each)):
        names.append(f"foa-fold3-{number:06d}{SUFFIX}")
        content = (
            (one.name, {kind: path.read_bytes() for kind, path in _files(one).items()})
            for one in recordings[first : first + each]
        )
        write_shard(folder / names[-1], content)
    index = write_index(folder, names)
    made = []
    for row, one in enumerate(recordings):
        audio = index.member(row, "audio")
        assert audio is not None
        labels, boxes = index.member(row, "labels"), index.member(row, "boxes")
        made.append(replace(one, audio=audio, labels=labels, boxes=boxes))
    write_manifest(folder, made, CLASSES)
    return int(index.n_bytes.sum())


def _files(recording: Recording) -> dict[str, Path]:
    paths = {kind: getattr(recording, kind) for kind in KINDS if kind != "embeddings"}
    return {kind: path for kind, path in paths.items() if path is not None and path.is_file()}


def forget_disk(folder: Path) -> None:
    """Ask the system to drop the files of a folder from its memory, so that the disk is read."""
    if not hasattr(os, "posix_fadvise"):  # not on every system
        return
    for path in folder.glob(f"*{SUFFIX}"):
        with path.open("rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def read_rate(folder: Path) -> float:
    """Read the first archive from beginning to end; returns MB a second."""
    path = min(folder.glob(f"*{SUFFIX}"))
    begin = time.perf_counter()
    with path.open("rb", buffering=0) as file:
        while file.read(READ_BYTES):
            pass
    return path.stat().st_size / 1e6 / (time.perf_counter() - begin)


def decode_rate(flac: Path, times: int = 3) -> float:
    """Decode a recording on one core; returns seconds of sound a second."""
    best = float("inf")
    for _ in range(times):
        begin = time.perf_counter()
        soundfile.read(flac, dtype="int16")
        best = min(best, time.perf_counter() - begin)
    return SECONDS / best


def shards_a_second(folder: Path, steps: int) -> dict[str, Any]:
    """Measure windows a second from shards, in this process alone."""
    begin = time.perf_counter()
    windows = ShardWindows(read_manifest(folder), fresh_system(), Data(folder), SEED)
    return _rates(windows, steps, begin)


def seek_a_second(folder: Path, steps: int) -> dict[str, Any]:
    """Measure windows a second by seeking in files, in this process alone."""
    begin = time.perf_counter()
    windows = Windows(read_manifest(folder), fresh_system(), Data(folder), SEED)
    return _rates(windows, steps, begin)


def _rates(windows: Windows | ShardWindows, steps: int, begin: float) -> dict[str, Any]:
    keep_freed_memory()
    batches: Iterator[Any] = iter(loader(windows, Numbers(0, 2 * steps, BATCH), workers=0))
    next(batches)
    start = time.perf_counter() - begin
    for _ in range(steps - 1):
        next(batches)
    memory, begin = [], time.perf_counter()
    for part in range(N_PARTS):
        for _ in range(steps * part // N_PARTS, steps * (part + 1) // N_PARTS):
            next(batches)
        memory.append(round(resident_mb()))
    rate = steps * BATCH / (time.perf_counter() - begin)
    return {"rate": rate, "start_s": start, "memory_mb": memory}


def resident_mb() -> float:
    """Return the resident memory of this process, MB; 0 where the system does not say it."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
