"""TUT Sound Events 2018 and TAU Spatial Sound Events 2019 (one csv row per event) to a prepared folder.

Layouts, classes and folds: `SELDnet` spec, sections 1.1 and 1.2. S. Adavanne et al., IEEE JSTSP 2018 and DCASE 2019.
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

from avseld.base.errors import BadInput
from avseld.io.audio import audio_info
from avseld.io.events import Events, check_row, parse, read_lines
from avseld.io.manifest import Recording
from data_prep.corpora.recordings import Findings, by_name, example, with_duration, write_prepared
from data_prep.jobs import Job, visible, work_through
from data_prep.media.resample import resample_audio

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
"""by the number that UrbanSound8K has for them"""


def _as_written(cell: str) -> str:
    return cell


def _of_numbered_file(cell: str) -> str:
    """cough012.wav -> cough."""
    return Path(cell).stem[:-3]


def _of_urban_file(cell: str) -> str:
    """100648-1-0-0.wav -> car_horn; the second number is the class."""
    words = Path(cell).stem.split("-")
    return URBAN_CLASSES.get(words[1] if len(words) > 1 else "", cell)


@dataclass(frozen=True)
class Layout:
    """Where a corpus keeps what, and what its files say. {overlap} and {split} stand for numbers."""

    classes: tuple[str, ...]
    audio: dict[str, str]
    """folder of each format"""
    labels: str
    name: str
    """of a recording, with its fold and room"""
    class_of: Callable[[str], str]
    """first cell of a row -> name of a class"""
    sample_rate: int


def _tut2018(format: str, classes: tuple[str, ...], class_of: Callable[[str], str]) -> Layout:
    return Layout(
        classes,
        {format: "wav_ov{overlap}_split{split}_30db"},
        "desc_ov{overlap}_split{split}",
        r".*(?P<fold>train|test).*",
        class_of,
        44100,
    )


def _tau2019(part: str) -> Layout:
    return Layout(
        CLASSES,
        {"foa": f"foa_{part}", "mic": f"mic_{part}"},
        f"metadata_{part}",
        r"(?P<fold>split\d+)_(?P<room>ir\d+)_ov\d+_\d+" if part == "dev" else r"(?P<fold>split0)_.*",
        _as_written,
        48000,
    )


LAYOUTS = {
    "ansim": _tut2018("foa", CLASSES, _of_numbered_file),
    "resim": _tut2018("foa", CLASSES, _of_numbered_file),
    "cansim": _tut2018("circular", CLASSES, _of_numbered_file),
    "cresim": _tut2018("circular", CLASSES, _of_numbered_file),
    "real": _tut2018("foa", tuple(URBAN_CLASSES.values()), _of_urban_file),
    "dcase2019": _tau2019("dev"),
    "dcase2019_eval": _tau2019("eval"),
}
"""The sets of 2018 are those of stationary sources; splits of `real` are called 1, 8 and 9."""


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
) -> int:
    """Make a prepared folder from a corpus as it is unpacked; the corpus itself is only read.

    Everything is checked before anything is written. The folds are train and test in 2018, split1 to split4 in 2019.

    Args:
        raw: the folder that holds wav_ov1_split1_30db and desc_ov1_split1, or foa_dev and metadata_dev.
        prepared: the folder to write.
        dataset: which layout and classes.
        format: which recordings to take; auto takes what the corpus has, foa first.
        overlap: of 2018, how many sources sound at once, 1 to 3.
        split: of 2018, which of its cross-validation splits.
        sample_rate: Hz, to which the audio is resampled into the prepared folder; 0 leaves it where it is.
        no_labels: let recordings without csv pass, as in an evaluation set.
        beyond: whether events that begin after the end of the audio stop everything or are left out.
        jobs: how many recordings are resampled at once; 0 for one a core.

    Returns:
        0 if all went well, 1 if a recording could not be resampled.

    Raises:
        BadInput: the first thing that is wrong; names file and remedy.
    """
    layout = LAYOUTS[dataset]
    layout = replace(
        layout,
        audio={name: path.format(overlap=overlap, split=split) for name, path in layout.audio.items()},
        labels=layout.labels.format(overlap=overlap, split=split),
    )
    chosen = next(iter(layout.audio)) if format == "auto" else format
    _check_places(raw, prepared, layout)
    checked, labels = [], {}
    for found in tqdm(find(raw, layout, chosen, no_labels), "check", unit="recording"):
        recording = with_duration(
            found, audio_info(found.audio).sample_rate if sample_rate else layout.sample_rate
        )
        if recording.labels:
            labels[recording.name] = read_intervals(recording, layout, beyond)
        checked.append(recording)
    if sample_rate:
        checked, failures = resampled(checked, prepared, sample_rate, jobs)
        if failures:
            return 1
    write_prepared(prepared, checked, labels, layout.classes)
    return 0


def find(raw: Path, layout: Layout, format: str, no_labels: bool = False) -> list[Recording]:
    """List the recordings of a corpus with their labels, paths as found.

    Args:
        raw: the folder that holds the corpus.
        layout: of the corpus.
        format: which recordings to take.
        no_labels: let recordings without csv pass.

    Raises:
        BadInput: no such format or folder, no recording in it, a name that says no fold, or no csv.
    """
    if format not in layout.audio:
        raise BadInput(f"format {format}: this corpus has {', '.join(layout.audio)}; choose one of them")
    folder, findings = raw / layout.audio[format], Findings(strict=True)
    if not folder.is_dir():
        raise BadInput(
            f"{folder}: not found; unpack the corpus there, or choose another --dataset, --overlap, --split or --format"
        )
    sounds = by_name(visible(folder, (".wav",)), findings)
    if not sounds:
        raise BadInput(f"{folder}: no wav file below it; unpack the corpus there")
    recordings = []
    for name, audio in sorted(sounds.items()):
        said = re.fullmatch(layout.name, name)
        if said is None:
            raise BadInput(f"{audio}: the name does not say its fold; rename it as in the corpus")
        labels = raw / layout.labels / f"{name}.csv"
        if not labels.is_file() and not no_labels:
            raise BadInput(f"{labels}: not found; unpack the labels there, or give --no-labels")
        words = said.groupdict()
        recordings.append(
            Recording(
                name, audio, format, labels=labels if labels.is_file() else None, fold=words["fold"],
                room=words.get("room") or "",
            )
        )  # fmt: skip
    lonely = {path.stem for path in visible(raw / layout.labels, (".csv",))} - set(sounds)
    if lonely:
        findings.warning(
            f"{raw / layout.labels}: {len(lonely)} files without audio ({example(lonely)}); left out"
        )
    return recordings


def read_intervals(recording: Recording, layout: Layout, beyond: str = "refuse") -> Events:
    """Read a csv of file or class, start, end, elevation, azimuth and distance, with a header.

    Events that go on after the end of the audio are cut there.

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
    return numbered(Events.from_rows(rows))


def _row(path: Path, line: int, cells: list[str], layout: Layout) -> list[float]:
    """One event: onset, offset, class, source, azimuth, elevation, distance."""
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


def numbered(events: Events) -> Events:
    """The same events with the lowest free source number among those of their class that sound at once."""
    events = events.select(np.argsort(events.onset, kind="stable"))
    source = np.zeros(len(events), int)
    for row in range(len(events)):
        before = np.arange(len(events)) < row
        at_once = before & (events.label == events.label[row]) & (events.offset > events.onset[row])
        taken = set(source[at_once].tolist())
        source[row] = next(number for number in range(row + 1) if number not in taken)
    return replace(events, source=source)


def resampled(
    recordings: list[Recording], prepared: Path, sample_rate: int, jobs: int = 0
) -> tuple[list[Recording], int]:
    """Resample the audio into the prepared folder; what is there already stays.

    Args:
        recordings: with paths as found.
        prepared: gets audio/NAME.wav.
        sample_rate: Hz.
        jobs: how many at once; 0 for one a core.

    Returns:
        The recordings with their new audio, and how many failed.
    """
    due = [Job(recording.audio, prepared / "audio" / f"{recording.name}.wav") for recording in recordings]

    def fits(job: Job) -> bool:
        try:
            return audio_info(job.target).sample_rate == sample_rate
        except BadInput:
            return False

    failures = work_through(due, partial(resample_audio, sample_rate=sample_rate), fits, jobs, "resample")
    if failures:
        return [], failures
    made = [replace(recording, audio=job.target) for recording, job in zip(recordings, due, strict=True)]
    return [with_duration(recording, sample_rate) for recording in made], 0


def _check_places(raw: Path, prepared: Path, layout: Layout) -> None:
    goal, inside = prepared.resolve(), [*layout.audio.values(), layout.labels]
    taken = [(raw / folder).resolve() for folder in inside]
    if goal == raw.resolve() or any(goal == folder or folder in goal.parents for folder in taken):
        raise BadInput(
            f"{prepared}: lies in the corpus itself; choose another folder, such as {raw / 'prepared'}"
        )
