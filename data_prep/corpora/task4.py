"""Prepare DCASE 2019 Task 4: weak, synthetic, unlabelled and validation clips of domestic sounds.

Layout, classes and files are those of github.com/turpaultn/DCASE2019_task4 (N. Turpault et al., DCASE 2019 workshop).
The metadata is separated by tabs and called .csv in 2019, .tsv since 2020.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import soundfile
from tqdm import tqdm

from avseld.base.engines import read_engine
from avseld.base.errors import BadInput
from avseld.base.files import takes_paths
from avseld.base.job_shards import read_shard
from avseld.base.locks import PREPARATION_WAIT_S, writes_alone_into
from avseld.io.audio import audio_info, to_int16
from avseld.io.channel_map import mean_of
from avseld.io.events import Events, parse, read_lines
from avseld.io.manifest import Recording
from avseld.io.resampling import resampled_blocks, stored_subtype
from avseld.io.suffixes import sounds_below
from data_prep.check.label_events import repeats
from data_prep.corpora.prepared_folder import Share, check_place, write_prepared
from data_prep.corpora.recordings import (
    Findings,
    by_name,
    example,
    with_duration,
)
from data_prep.jobs import FileJob, work_through
from data_prep.parts import key_of

log = logging.getLogger(__name__)

CLASSES = (
    "Speech",
    "Dog",
    "Cat",
    "Alarm_bell_ringing",
    "Dishes",
    "Frying",
    "Blender",
    "Running_water",
    "Vacuum_cleaner",
    "Electric_shaver_toothbrush",
)
WEAK_COLUMNS, STRONG_COLUMNS = ("filename", "event_labels"), ("filename", "onset", "offset", "event_label")


@dataclass(frozen=True)
class Task4Part:
    """One part of the corpus: a fold of the prepared folder."""

    audio: str
    metadata: str
    """without its suffix"""
    labelled: bool = True


PARTS = {
    "weak": Task4Part("audio/train/weak", "metadata/train/weak"),
    "synthetic": Task4Part("audio/train/synthetic", "metadata/train/synthetic"),
    "unlabelled": Task4Part(
        "audio/train/unlabel_in_domain", "metadata/train/unlabel_in_domain", labelled=False
    ),
    "validation": Task4Part("audio/validation", "metadata/validation/validation"),
}


@takes_paths
@writes_alone_into("prepared", PREPARATION_WAIT_S)
def task4(
    raw: Path,
    prepared: Path,
    parts: str = "",
    validation: Literal["validation", "eval_dcase2018", "test_dcase2018"] = "validation",
    sample_rate: int = 32000,
    seconds: float = 10.0,
    jobs: int = 0,
    shard: str | None = None,
    engine: str | None = None,
) -> int:
    """Make a prepared folder from the corpus as it is unpacked; the corpus itself is only read.

    Clips are converted to one channel of the same rate and length, padded with zeros where they are shorter. Metadata
    is checked before anything is written. A warning counts the clips of the metadata that are missing: many can no
    longer be downloaded.

    Args:
        raw: the folder that holds audio and metadata.
        prepared: the folder to write.
        parts: only these of weak, synthetic, unlabelled, validation, separated by commas; all existing ones if empty.
        validation: metadata of the clips in audio/validation.
        sample_rate: Hz.
        seconds: of every clip.
        jobs: number of clips converted in parallel; 0 for one per core.
        shard: share of the clips, I/N (2/8 is the second of eight), for N programs that share the work; auto in a
            SLURM job array. The last one writes the manifest. See docs/clusters.md.
        engine: threads (the default), loky (processes) or dask:ADDRESS, the workers of a Dask cluster.

    Returns:
        0 if all went well, 1 if a clip could not be converted.

    Raises:
        BadInput: the first thing that is wrong; names file and remedy.
    """
    given, own_shard, workers = locals(), read_shard(shard), read_engine(engine, jobs)
    check_place(prepared, raw, ("audio", "metadata"))
    recordings: list[Recording] = []
    labels: dict[str, Events] = {}
    for name in _chosen_parts(raw, parts):
        part = PARTS[name]
        if name == "validation":
            part = replace(part, metadata=f"metadata/validation/{validation}")
        found, own = read_part(raw, name, part, seconds)
        recordings += found
        labels |= own
    by_name([recording.audio for recording in recordings], Findings(strict=True))  # one clip in two parts
    names = [recording.name for recording in recordings]
    recordings = own_shard.of(recordings, "clips")
    labels = {each.name: labels[each.name] for each in recordings if each.name in labels}
    for recording in tqdm(recordings, "check", unit="clip"):
        if not audio_info(recording.audio).n_samples:
            raise BadInput(f"{recording.audio}: holds no samples; remove it or download it again")
    due = [FileJob(recording.audio, prepared / "audio" / f"{recording.name}.wav") for recording in recordings]
    length = round(seconds * sample_rate)
    work = partial(convert, sample_rate=sample_rate, length=length)
    if work_through(due, work, partial(_is_converted, sample_rate, length), "convert", workers, alone=True):
        return 1
    made = [replace(recording, audio=job.target) for recording, job in zip(recordings, due, strict=True)]
    made = [with_duration(recording, sample_rate) for recording in made]
    write_prepared(prepared, made, labels, CLASSES, Share(own_shard, names, key_of(task4, given, names)))
    return 0


def read_part(
    raw: Path, name: str, part: Task4Part, seconds: float
) -> tuple[list[Recording], dict[str, Events]]:
    """Read the clips of one part and their labels.

    Args:
        raw: the corpus.
        name: of the part; the fold of its recordings.
        part: its folders.
        seconds: duration of a clip; labels are cut there.

    Returns:
        Recordings without duration, and events by name; no entry for unlabelled clips.

    Raises:
        BadInput: no metadata, or a bad row; names file and line.
    """
    folder = raw / part.audio
    remedy = "download the clips there, or leave it out of --parts"
    sounds = by_name(sounds_below(folder, remedy), Findings(strict=True))
    labels: dict[str, Events] = {}
    if part.labelled:
        path = metadata_path(raw / part.metadata)
        listed = read_metadata(path, seconds)
        labels = {stem: events for stem, events in listed.items() if stem in sounds}
        if missing := set(listed) - set(sounds):
            log.warning(
                "%s: %d of %d clips are not in %s (%s); left out",
                path, len(missing), len(listed), folder, example(missing),
            )  # fmt: skip
        if extra := set(sounds) - set(listed):
            log.warning("%s: %d clips are not in %s (%s); left out", folder, len(extra), path, example(extra))
        if not labels:
            raise BadInput(f"{path}: names none of the clips in {folder}; choose the metadata of these clips")
        sounds = {stem: audio for stem, audio in sounds.items() if stem in labels}
    return [Recording(stem, audio, "mono", fold=name) for stem, audio in sorted(sounds.items())], labels


def metadata_path(path: Path) -> Path:
    """Find a metadata file, .tsv or .csv.

    Raises:
        BadInput: neither exists.
    """
    for suffix in (".tsv", ".csv"):
        if (candidate := path.with_name(path.name + suffix)).is_file():
            return candidate
    raise BadInput(f"{path}.tsv: not found, nor .csv; unpack the metadata there")


def read_metadata(path: Path, seconds: float = 10.0) -> dict[str, Events]:
    """Read weak labels (one row per clip) or strong ones (one row per event), separated by tabs.

    A row without event marks a clip without events. Weak labels have no times.

    Args:
        path: .tsv or .csv.
        seconds: duration of a clip; events are cut there.

    Returns:
        Events by the clip's name without suffix, in the order of the file.

    Raises:
        BadInput: no tabs, another header, a bad row or an unknown class; names file and line.
    """
    lines = read_lines(path)
    header = tuple(word.strip() for word in lines[0].split("\t")) if lines else ()
    if header not in (WEAK_COLUMNS, STRONG_COLUMNS):
        raise BadInput(
            f"{path}:1: expected {' or '.join(map(', '.join, (WEAK_COLUMNS, STRONG_COLUMNS)))} separated by tabs"
        )
    rows: dict[str, list[list[float]]] = {}
    places: dict[str, list[int]] = {}
    for line, text in enumerate(lines[1:], start=2):
        if not text.strip():
            continue
        cells = [cell.strip() for cell in text.split("\t")]
        cells += [""] * (len(header) - len(cells))
        if len(cells) != len(header) or not cells[0]:
            raise BadInput(f"{path}:{line}: {len(cells)} columns instead of {len(header)}; correct the row")
        own = rows.setdefault(Path(cells[0]).stem, [])
        new = (
            _weak(path, line, cells[1]) if header == WEAK_COLUMNS else _strong(path, line, cells[1:], seconds)
        )
        own += new
        places.setdefault(Path(cells[0]).stem, []).extend([line] * len(new))
    for name, own in rows.items():
        _warn_of_repeats(path, name, Events.from_rows(own), places[name])
    return {name: Events.from_rows(own).sorted() for name, own in rows.items()}


def _warn_of_repeats(path: Path, name: str, events: Events, lines: Sequence[int]) -> None:
    for text in repeats(events).warnings(events, lambda row: f"{path}:{lines[row]}: {name}"):
        log.warning("%s", text)


def _weak(path: Path, line: int, names: str) -> list[list[float]]:
    words = [word.strip() for word in names.split(",") if word.strip()]
    labels = sorted({_label(path, line, word) for word in words})
    return [[np.nan, np.nan, label, 0, np.nan, np.nan, np.nan] for label in labels]


def _strong(path: Path, line: int, cells: Sequence[str], seconds: float) -> list[list[float]]:
    if all(cell in ("", "nan", "NaN") for cell in cells):
        return []
    onset, offset = (parse(cell, path, line) for cell in cells[:2])
    label = _label(path, line, cells[2])
    if not 0 <= onset <= offset:
        raise BadInput(f"{path}:{line}: from {onset} to {offset} s is no stretch of time; correct the row")
    if onset >= seconds:
        log.warning("%s:%d: begins at %.2f s, after the end of a clip; left out", path, line, onset)
        return []
    return [[onset, min(offset, seconds), label, 0, np.nan, np.nan, np.nan]]


def _label(path: Path, line: int, name: str) -> int:
    if name not in CLASSES:
        raise BadInput(
            f"{path}:{line}: '{name}' is none of the classes {', '.join(CLASSES)}; correct the row"
        )
    return CLASSES.index(name)


def convert(source: Path, target: Path, sample_rate: int, length: int) -> str:
    """Convert a clip to one channel (the mean of all) at a sample rate, padded with zeros or cut to a length.

    Rate and channels are converted as prediction reads a clip that is not prepared, by `avseld.io.resampling`.

    Args:
        source: wav or flac.
        target: the wav to write, 16 bit; of floats, floats.
        sample_rate: Hz.
        length: samples.

    Returns:
        An empty remark, as `data_prep.jobs` expects it.

    Raises:
        BadInput: unreadable, or with samples that are not finite.
    """
    mono = np.concatenate(list(resampled_blocks(source, sample_rate, mean_of(audio_info(source).channels))))[
        :, 0
    ]
    clip = np.zeros(length)
    clip[: len(mono)] = mono[:length]
    subtype = stored_subtype(soundfile.info(str(source)).subtype)
    samples = to_int16(clip) if subtype == "PCM_16" else clip
    soundfile.write(str(target), samples, sample_rate, subtype=subtype, format="WAV")
    return ""


def _is_converted(sample_rate: int, length: int, job: FileJob) -> bool:
    try:
        info = audio_info(job.target, "mono", sample_rate)
    except BadInput:
        return False
    return info.n_samples == length


def _chosen_parts(raw: Path, parts: str) -> list[str]:
    chosen = [word.strip() for word in parts.split(",") if word.strip()]
    for word in chosen:
        if word not in PARTS:
            raise BadInput(f"--parts {word}: choose of {', '.join(PARTS)}")
    found = chosen or [name for name, part in PARTS.items() if (raw / part.audio).is_dir()]
    if not found:
        raise BadInput(
            f"{raw}: none of {', '.join(part.audio for part in PARTS.values())}; unpack the corpus there"
        )
    return found
