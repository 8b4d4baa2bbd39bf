"""Prepare TUT Sound Events 2018 and TAU Spatial Sound Events 2019: one csv row per event.

Sources: S. Adavanne et al., Sound event localization and detection of overlapping sources using convolutional
recurrent neural networks, IEEE JSTSP 13(1), 2019; S. Adavanne et al., A multi-room reverberant dataset for sound event
localization and detection, DCASE 2019 workshop. Layouts and classes as github.com/sharathadavanne/seld-net (51efb7b)
and github.com/sharathadavanne/seld-dcase2019 (e88c62b) read them.
"""

import csv
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
from tqdm import tqdm

from avseld.base.engines import THREADS, Engine, read_engine
from avseld.base.errors import BadInput
from avseld.base.files import require_folder, takes_paths, visible_files
from avseld.base.job_shards import read_shard
from avseld.base.locks import PREPARATION_WAIT_S, writes_alone_into
from avseld.io.audio import audio_info
from avseld.io.events import Events, check_row, parse, read_lines
from avseld.io.manifest import Recording
from avseld.io.suffixes import sounds_below
from data_prep.corpora.prepared_folder import Share, check_place, write_prepared
from data_prep.corpora.recordings import (
    Findings,
    by_name,
    example,
    with_duration,
)
from data_prep.jobs import FileJob, work_through
from data_prep.media.resample import resample_audio
from data_prep.parts import key_of

log = logging.getLogger(__name__)

CLASSES = (
    "knock",
    "drawer",
    "clearthroat",
    "phone",
    "keysDrop",
    "speech",
    "keyboard",
    "pageturn",
    "cough",
    "doorslam",
    "laughter",
)
URBAN_CLASSES = {
    "1": "car_horn",
    "3": "dog_bark",
    "4": "drilling",
    "5": "engine_idling",
    "6": "gun_shot",
    "7": "jackhammer",
    "8": "siren",
    "9": "street_music",
}
"""class number of UrbanSound8K -> name"""


def _class_as_written(cell: str) -> str:
    return cell


def _class_of_numbered_file(cell: str) -> str:
    """Return the class in the name of an isolated sound: cough012.wav -> cough."""
    return Path(cell).stem[:-3]


def _class_of_urban_file(cell: str) -> str:
    """Return the class in a name of UrbanSound8K, its second number: 100648-1-0-0.wav -> car_horn."""
    words = Path(cell).stem.split("-")
    return URBAN_CLASSES.get(words[1] if len(words) > 1 else "", cell)


@dataclass(frozen=True)
class TutLayout:
    """Folders, classes and file names of a corpus. {overlap} and {split} are replaced by numbers."""

    classes: tuple[str, ...]
    audio: dict[str, str]
    """format -> folder"""
    labels: str
    name: str
    """pattern of the names of recordings, with fold and room"""
    class_of: Callable[[str], str]
    """first cell of a row -> name of its class"""
    sample_rate: int


def _tut2018(format: str, classes: tuple[str, ...], class_of: Callable[[str], str]) -> TutLayout:
    return TutLayout(
        classes,
        {format: "wav_ov{overlap}_split{split}_30db"},
        "desc_ov{overlap}_split{split}",
        r".*(?P<fold>train|test).*",
        class_of,
        44100,
    )


def _tau2019(part: str) -> TutLayout:
    return TutLayout(
        CLASSES,
        {"foa": f"foa_{part}", "mic": f"mic_{part}"},
        f"metadata_{part}",
        r"(?P<fold>split\d+)_(?P<room>ir\d+)_ov\d+_\d+" if part == "dev" else r"(?P<fold>split0)_.*",
        _class_as_written,
        48000,
    )


LAYOUTS = {
    "ansim": _tut2018("foa", CLASSES, _class_of_numbered_file),
    "resim": _tut2018("foa", CLASSES, _class_of_numbered_file),
    "cansim": _tut2018("circular", CLASSES, _class_of_numbered_file),
    "cresim": _tut2018("circular", CLASSES, _class_of_numbered_file),
    "real": _tut2018("foa", tuple(URBAN_CLASSES.values()), _class_of_urban_file),
    "dcase2019": _tau2019("dev"),
    "dcase2019_eval": _tau2019("eval"),
}
"""the sets of 2018 with stationary sources, and the set of 2019; the splits of `real` are called 1, 8 and 9"""


@takes_paths
@writes_alone_into("prepared", PREPARATION_WAIT_S)
def tut(
    raw: Path,
    prepared: Path,
    dataset: Literal[
        "ansim", "resim", "cansim", "cresim", "real", "dcase2019", "dcase2019_eval"
    ] = "dcase2019",
    format: Literal["auto", "foa", "mic", "circular"] = "auto",
    overlap: int = 1,
    split: int = 1,
    sample_rate: int = 0,
    no_labels: bool = False,
    beyond: Literal["refuse", "drop"] = "refuse",
    jobs: int = 0,
    shard: str | None = None,
    engine: str | None = None,
) -> int:
    """Make a prepared folder from a corpus as it is unpacked; the corpus itself is only read.

    Everything is checked before anything is written. The folds are train and test in 2018, split1 to split4 in 2019.

    Args:
        raw: the folder that holds wav_ov1_split1_30db and desc_ov1_split1, or foa_dev and metadata_dev.
        prepared: the folder to write.
        dataset: layout and classes.
        format: format of the recordings; auto takes what the corpus has, foa first.
        overlap: of 2018, the largest number of simultaneous sources, 1 to 3.
        split: of 2018, the number of the cross-validation split.
        sample_rate: Hz, to which the audio is resampled into the prepared folder; 0 uses the files of the corpus.
        no_labels: accept recordings without csv, as in an evaluation set.
        beyond: refuse or drop events that begin after the end of the audio.
        jobs: number of recordings resampled in parallel; 0 for one per core.
        shard: share of the recordings, I/N (2/8 is the second of eight), for N programs that share the work; auto in a
            SLURM job array. The last one writes the manifest. See docs/clusters.md.
        engine: threads (the default), loky (processes) or dask:ADDRESS, the workers of a Dask cluster.

    Returns:
        0 if all went well, 1 if a recording could not be resampled.

    Raises:
        BadInput: the first thing that is wrong; names file and remedy.
    """
    given, own_shard, workers = locals(), read_shard(shard), read_engine(engine, jobs)
    layout = LAYOUTS[dataset]
    layout = replace(
        layout,
        audio={name: path.format(overlap=overlap, split=split) for name, path in layout.audio.items()},
        labels=layout.labels.format(overlap=overlap, split=split),
    )
    chosen = next(iter(layout.audio)) if format == "auto" else format
    check_place(prepared, raw, [*layout.audio.values(), layout.labels])
    recordings = find(raw, layout, chosen, no_labels)
    names = [recording.name for recording in recordings]
    checked, labels = [], {}
    for found in tqdm(own_shard.of(recordings, "recordings"), "check", unit="recording"):
        recording = with_duration(
            found, audio_info(found.audio).sample_rate if sample_rate else layout.sample_rate
        )
        if recording.labels:
            labels[recording.name] = read_intervals(recording, layout, beyond)
        checked.append(recording)
    if sample_rate:
        checked, failures = resample_recordings(checked, prepared, sample_rate, workers)
        if failures:
            return 1
    share = Share(own_shard, names, key_of(tut, given, names))
    write_prepared(prepared, checked, labels, layout.classes, share)
    return 0


def find(raw: Path, layout: TutLayout, format: str, no_labels: bool = False) -> list[Recording]:
    """List the recordings of a corpus with their labels, paths as found.

    Args:
        raw: the folder that holds the corpus.
        layout: of the corpus.
        format: format of the recordings.
        no_labels: accept recordings without csv.

    Raises:
        BadInput: no such format or folder, no recording in it, a name without fold, or no csv.
    """
    if format not in layout.audio:
        raise BadInput(f"format {format}: this corpus has {', '.join(layout.audio)}; choose one of them")
    folder, findings = raw / layout.audio[format], Findings(strict=True)
    require_folder(
        folder, "unpack the corpus there, or choose another --dataset, --overlap, --split or --format"
    )
    sounds = by_name(sounds_below(folder, "unpack the corpus there"), findings)
    recordings = []
    for name, audio in sorted(sounds.items()):
        match = re.fullmatch(layout.name, name)
        if match is None:
            raise BadInput(f"{audio}: the name does not say its fold; rename it as in the corpus")
        labels = raw / layout.labels / f"{name}.csv"
        if not labels.is_file() and not no_labels:
            raise BadInput(f"{labels}: not found; unpack the labels there, or give --no-labels")
        words = match.groupdict()
        recordings.append(
            Recording(
                name, audio, format, labels=labels if labels.is_file() else None, fold=words["fold"],
                room=words.get("room") or "",
            )
        )  # fmt: skip
    unpaired = {path.stem for path in visible_files(raw / layout.labels, (".csv",))} - set(sounds)
    if unpaired:
        findings.warning(
            f"{raw / layout.labels}: {len(unpaired)} files without audio ({example(unpaired)}); left out"
        )
    return recordings


def read_intervals(recording: Recording, layout: TutLayout, beyond: str = "refuse") -> Events:
    """Read a csv with the columns file or class, start, end, elevation, azimuth, distance and a header.

    Events that end after the audio are cut at its end.

    Args:
        recording: with its duration.
        layout: of the corpus.
        beyond: refuse or drop events that begin after the end.

    Raises:
        BadInput: a bad row, an unknown class, or an event after the end; names file and line.
    """
    assert recording.labels is not None
    path, rows = recording.labels, []
    for line, cells in enumerate(csv.reader(read_lines(path)[1:]), start=2):
        if not any(cell.strip() for cell in cells):
            continue
        row = _row(path, line, cells, layout)
        if row[0] >= recording.duration - 1e-6:
            if beyond == "drop":
                log.warning("%s:%d: an event after the end of the audio is left out", path, line)
                continue
            raise BadInput(
                f"{path}:{line}: begins at {row[0]:.2f} s, {recording.audio.name} ends at {recording.duration:.2f} s; "
                "correct the csv, or leave such events out with --beyond drop"
            )
        rows.append([row[0], min(row[1], recording.duration), *row[2:]])
    return number_sources(Events.from_rows(rows))


def _row(path: Path, line: int, cells: list[str], layout: TutLayout) -> list[float]:
    """Parse one event: onset, offset, class, source, azimuth, elevation, distance."""
    if len(cells) < 6:
        raise BadInput(f"{path}:{line}: {len(cells)} columns instead of 6; correct the row")
    name = layout.class_of(cells[0].strip())
    if name not in layout.classes:
        raise BadInput(
            f"{path}:{line}: '{cells[0].strip()}' is no sound of the classes {', '.join(layout.classes)}; "
            "choose the right --dataset"
        )
    onset, offset, elevation, azimuth, distance = (parse(cell, path, line) for cell in cells[1:6])
    label = layout.classes.index(name)
    check_row(path, line, label, azimuth, elevation, len(layout.classes))
    if offset < onset or onset < 0:
        raise BadInput(f"{path}:{line}: from {onset} to {offset} s is no stretch of time; correct the row")
    return [onset, offset, label, 0, azimuth, elevation, distance]


def number_sources(events: Events) -> Events:
    """Number the sources: each event gets the lowest number not taken by simultaneous events of its class."""
    events = events.select(np.argsort(events.onset, kind="stable"))
    source = np.zeros(len(events), int)
    for row in range(len(events)):
        before = np.arange(len(events)) < row
        overlapping = before & (events.label == events.label[row]) & (events.offset > events.onset[row])
        taken = set(source[overlapping].tolist())
        source[row] = next(number for number in range(row + 1) if number not in taken)
    return replace(events, source=source)


def resample_recordings(
    recordings: list[Recording], prepared: Path, sample_rate: int, engine: Engine = THREADS
) -> tuple[list[Recording], int]:
    """Resample the audio into the prepared folder; existing files of the right rate are kept.

    Args:
        recordings: with paths as found.
        prepared: folder for audio/NAME.wav.
        sample_rate: Hz.
        engine: does the work.

    Returns:
        The recordings with their new audio, and the number of failures.
    """
    due = [FileJob(recording.audio, prepared / "audio" / f"{recording.name}.wav") for recording in recordings]

    def fits(job: FileJob) -> bool:
        try:
            return audio_info(job.target).sample_rate == sample_rate
        except BadInput:
            return False

    failures = work_through(
        due, partial(resample_audio, sample_rate=sample_rate), fits, "resample", engine, alone=True
    )
    if failures:
        return [], failures
    made = [replace(recording, audio=job.target) for recording, job in zip(recordings, due, strict=True)]
    return [with_duration(recording, sample_rate) for recording in made], 0
