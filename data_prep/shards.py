"""Write the recordings of a prepared folder into shards: tar archives that a training reads from beginning to end."""

import io
import logging
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile

from avseld.base.archive import SUFFIX, archive_of, is_file, open_file, read_directory
from avseld.base.engines import read_engine
from avseld.base.errors import BadInput
from avseld.base.files import check_folder, require_file, takes_paths, visible
from avseld.base.job_shards import read_shard
from avseld.base.locks import writes_alone_into
from avseld.base.next_step import beside, tell_next
from avseld.io.alignment import boxes_of, embeddings_of
from avseld.io.audio import audio_info, open_sound, read_audio, to_integers
from avseld.io.cut_off import cut_off_sound, decode_sound
from avseld.io.events import read_events
from avseld.io.manifest import Recording, read_classes, read_manifest, write_manifest
from avseld.io.shards import KINDS, ShardIndex, write_index, write_shard
from data_prep.jobs import FileJob, work_through
from data_prep.parts import alone_in

log = logging.getLogger(__name__)

COMPRESSED = 0.65
"""size of a FLAC file of 16-bit recordings of rooms by that of its samples; decides only how many archives there are"""
MAX_FLAC_CHANNELS = 8
LONG_S = 600.0
"""length from which on a recording takes much of the memory in which a training holds recordings"""


class Sample(NamedTuple):
    """A recording and the key under which its files lie in an archive."""

    key: str
    recording: Recording


@takes_paths
@writes_alone_into("out")
def shards(
    prepared: Path,
    out: Path,
    shard_mb: float = 512.0,
    seed: int = 0,
    jobs: int = 0,
    shard: str | None = None,
    engine: str | None = None,
) -> int:
    """Write the recordings of a prepared folder into tar archives in the layout of WebDataset.

    The folder of archives is a prepared folder itself: `avseld train --data.prepared OUT` reads the archives from
    beginning to end with a buffer in which it shuffles, and evaluate, predict and score take it, too. An archive holds
    recordings of one fold in random order: FLAC of 16 bits, labels, boxes and embeddings, where there are any; videos
    stay where they are. A second call writes what is missing or older than its files.

    Args:
        prepared: the prepared folder.
        out: the folder of archives.
        shard_mb: size of an archive, MB. A training with several processes needs at least one archive of its folds for
            each of them.
        seed: of the order of the recordings.
        jobs: number of parallel jobs; 0 for one per core.
        shard: share of the archives, I/N (2/8 is the second of eight), for N programs that share the work; auto in a
            SLURM job array. The last one writes the index and the manifest. See docs/clusters.md.
        engine: threads (the default), loky (processes) or dask:ADDRESS, the workers of a Dask cluster.

    Returns:
        0 if all went well, 1 if an archive failed.

    Raises:
        BadInput: no prepared folder, a recording that is missing, or `out` holds archives of another plan.
    """
    own_shard, workers = read_shard(shard), read_engine(engine, jobs)
    check_folder(out, "--out")
    recordings, classes = read_manifest(prepared), read_classes(prepared)
    if not recordings:
        raise BadInput(f"{prepared}/manifest.csv: no recordings; prepare some")
    if out.resolve() == prepared.resolve():
        raise BadInput(f"--out {out}: is the prepared folder itself; name another folder")
    planned = plan(recordings, shard_mb * 1e6, seed)
    _refuse_others(out, planned)
    _warn_of_long(recordings)
    work = [
        FileJob(prepared / "manifest.csv", out / name, (tuple(samples), len(classes)))
        for name, samples in planned.items()
    ]
    if work_through(own_shard.of(work, "archives"), _write, _is_up_to_date, "shards", workers, alone=True):
        return 1
    if missing := [name for name in planned if not (out / name).is_file()]:
        log.info("%s: %d of %d archives are still to be written", out, len(missing), len(planned))
        return 0
    with alone_in(out):
        index = write_index(out, list(planned))
        write_manifest(out, _listed(index, planned), classes)
    _report(index)
    if any(recording.labels for recording in recordings):
        tell_next(
            "avseld", "train", "--config", "RECIPE", "--data.prepared", out, "--out", beside(out, "run")
        )
    return 0


def plan(recordings: Sequence[Recording], shard_bytes: float, seed: int) -> dict[str, list[Sample]]:
    """Share out recordings among archives: those of a format and fold in random order, archives of like size.

    Args:
        recordings: of a manifest.
        shard_bytes: size of an archive.
        seed: of the order.

    Returns:
        Name of the archive -> its recordings.

    Raises:
        BadInput: a recording that is missing or has more channels than FLAC takes.
    """
    keys = keys_of([recording.name for recording in recordings])
    groups: dict[tuple[str, str], list[Sample]] = defaultdict(list)
    for recording, key in sorted(zip(recordings, keys, strict=True), key=lambda pair: pair[1]):
        groups[recording.format, recording.fold].append(Sample(key, recording))
    planned: dict[str, list[Sample]] = {}
    for number, ((format, fold), samples) in enumerate(sorted(groups.items())):
        order = np.random.default_rng([seed, number]).permutation(len(samples))
        end = np.cumsum([_size(samples[place].recording) for place in order])
        n_shards = int(max(-(-end[-1] // shard_bytes), 1))
        middle = end - np.diff(end, prepend=0) / 2
        shard_of = np.minimum(middle / end[-1] * n_shards, n_shards - 1).astype(int)
        stem = re.sub(r"[^\w-]+", "_", f"{format}-{fold or 'all'}")
        while any(name.startswith(f"{stem}-") for name in planned):
            stem += "_"
        for place, shard in zip(order, shard_of, strict=True):
            planned.setdefault(f"{stem}-{shard:06d}{SUFFIX}", []).append(samples[place])
    return planned


def keys_of(names: Sequence[str]) -> list[str]:
    """Make keys of names: WebDataset takes the name of a member up to the first dot.

    Args:
        names: of recordings, each once.

    Returns:
        The names where they have no dot, else with underscores, each once.
    """
    taken = {name for name in names if "." not in name}
    keys = []
    for name in names:
        key = name
        if "." in name:
            key = name.replace(".", "_")
            while key in taken:
                key += "_"
            taken.add(key)
        keys.append(key)
    return keys


def _size(recording: Recording) -> float:
    """Estimate the bytes of a recording in an archive; refuse what FLAC cannot hold."""
    info = audio_info(recording.audio, recording.format)
    if info.channels > MAX_FLAC_CHANNELS:
        raise BadInput(
            f"{recording.audio}: {info.channels} channels; FLAC holds {MAX_FLAC_CHANNELS}, choose some with "
            "avseld-prep resample --channels"
        )
    return info.n_samples * info.channels * 2 * COMPRESSED + 1


def _refuse_others(out: Path, planned: Mapping[str, Sequence[Sample]]) -> None:
    others = [path.name for path in visible(out) if path.suffix == SUFFIX and path.name not in planned]
    if others:
        raise BadInput(
            f"{out / others[0]}: of another plan (other recordings, folds, --shard_mb or --seed); remove the archives "
            "there, or name another --out"
        )


def _warn_of_long(recordings: Sequence[Recording]) -> None:
    long = [recording for recording in recordings if recording.duration > LONG_S]
    if long:
        log.warning(
            "%s: lasts %.0f s; a training holds whole recordings in memory, cut long ones with avseld-prep cut (%d are "
            "longer than %.0f s)",
            long[0].audio, long[0].duration, len(long), LONG_S,
        )  # fmt: skip


def _files(recording: Recording) -> Iterator[Path]:
    for kind in KINDS:
        path = getattr(recording, kind)
        path = path and (archive_of(path) or path)
        if path is not None and path.is_file():
            yield path


def _is_up_to_date(job: FileJob) -> bool:
    """Tell whether an archive holds what would be written, none of whose files is newer."""
    samples, _ = job.arguments
    made = job.target.stat().st_mtime
    if any(path.stat().st_mtime > made for sample in samples for path in _files(sample.recording)):
        return False
    try:
        there = [name for name in read_directory(job.target) if name.endswith(f".{KINDS['audio']}")]
    except BadInput:
        return False
    return there == [f"{sample.key}.{KINDS['audio']}" for sample in samples]


def _write(source: Path, target: Path, samples: Sequence[Sample], n_classes: int) -> str:
    """Write one archive; returns a remark about recordings that were rounded to 16 bits."""
    rounded: list[str] = []

    def contents() -> Iterator[tuple[str, dict[str, bytes]]]:
        for key, recording in samples:
            yield key, content_of(recording, n_classes, rounded)

    write_shard(target, contents())
    if not rounded:
        return ""
    return f"{len(rounded)} recordings were rounded to 16 bits ({rounded[0]}{', ...' if rounded[1:] else ''})"


def content_of(recording: Recording, n_classes: int, rounded: list[str]) -> dict[str, bytes]:
    """Read the files of a recording as they go into an archive, each checked.

    Args:
        recording: with audio, perhaps labels, boxes and embeddings.
        n_classes: of the labels.
        rounded: gets the name of the recording if its samples are not of 16 bits.

    Returns:
        Content by kind: FLAC of 16 bits, and the other files byte for byte.

    Raises:
        BadInput: a file that is damaged.
    """
    content = {"audio": _flac(recording, rounded)}
    if recording.labels is not None:
        require_file(recording.labels, "make the prepared folder anew")
        read_events(recording.labels, n_classes)
        content["labels"] = _bytes(recording.labels)
    if boxes_of(recording) is not None:
        assert recording.boxes is not None
        content["boxes"] = _bytes(recording.boxes)
    if recording.embeddings is not None and is_file(recording.embeddings):
        embeddings_of(recording)
        content["embeddings"] = _bytes(recording.embeddings)
    return content


def _flac(recording: Recording, rounded: list[str]) -> bytes:
    if shortened := cut_off_sound(recording.audio):
        log.warning("%s", shortened)
    with open_sound(recording.audio) as sound:
        format, subtype, rate = sound.format, sound.subtype, sound.samplerate
        samples = None if subtype != "PCM_16" else sound.read(dtype="int16", always_2d=True)
    if (format, subtype) == ("FLAC", "PCM_16"):
        decode_sound(recording.audio)
        return _bytes(recording.audio)
    if samples is None:
        rounded.append(recording.name)
        samples = to_integers(read_audio(recording.audio).T)[0]
    written = io.BytesIO()
    soundfile.write(written, samples, rate, subtype="PCM_16", format="FLAC")
    return written.getvalue()


def _bytes(path: Path) -> bytes:
    with open_file(path) as file:
        return file.read()


def _listed(index: ShardIndex, planned: Mapping[str, Sequence[Sample]]) -> list[Recording]:
    """List the recordings with the places of their files in the archives, in the order of the archives."""
    known = {sample.key: sample.recording for samples in planned.values() for sample in samples}
    made = []
    for row in range(len(index)):
        recording = known[index.key[row].decode()]
        files = {kind: index.member(row, kind) for kind in ("audio", "labels", "boxes")}
        duration = float(index.samples[row] / index.sample_rate[row])
        made.append(replace(recording, duration=duration, **files))  # type: ignore[arg-type]
    return made


def _report(index: ShardIndex) -> None:
    """Log how many recordings, hours and bytes there are."""
    seconds = index.samples / index.sample_rate
    log.info(
        "%s: %d archives, %d recordings, %.2f h, %.0f MB (%.1f MB an hour)",
        index.folder,
        len(index.names),
        len(index),
        seconds.sum() / 3600,
        index.n_bytes.sum() / 1e6,
        index.n_bytes.sum() / 1e6 / max(seconds.sum() / 3600, 1e-9),
    )
