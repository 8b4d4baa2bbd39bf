"""Prepare a task of RealSELD: real recordings of several corpora in the layout of the HEAR benchmark.

A task is a folder, as the evaluation code of RealSELD reads it (github.com/labhamlet/AudioSphere, RealSELD-eval):
`task_metadata.json` with the names of the splits, `labelvocabulary.csv` with idx and label, for each split `SPLIT.json`
with the events of each file (label, start and end in ms, direction as azimuth and elevation in degrees, of moving
sources source_idx), and the sound in `RATE/SPLIT/FILE`.
"""

import json
from pathlib import Path
from typing import Any, Literal

from tqdm import tqdm

from avseld.base.errors import BadInput
from avseld.base.files import require_folder, takes_paths
from avseld.base.job_shards import read_shard
from avseld.base.locks import PREPARATION_WAIT_S, writes_alone_into
from avseld.io.events import Events, check_row
from avseld.io.manifest import Recording
from avseld.io.tables import read_rows
from avseld.io.text import read_text
from data_prep.corpora.checksums import verify
from data_prep.corpora.prepared_folder import Share, check_place, write_prepared
from data_prep.corpora.recordings import with_duration
from data_prep.corpora.tut import number_sources
from data_prep.parts import key_of

MS = 1000.0
RATE_HZ = 24000
"""taken where a task has it, as by the recipes"""


@takes_paths
@writes_alone_into("prepared", PREPARATION_WAIT_S)
def realseld(
    raw: Path,
    prepared: Path,
    format: Literal["foa", "mic", "binaural", "stereo"] = "foa",
    sample_rate: int = 0,
    checksums: Path | None = None,
    shard: str | None = None,
) -> int:
    """Make a prepared folder from a task of RealSELD (layout of the HEAR benchmark); the task itself is only read.

    The folds are the splits of the task.

    Args:
        raw: folder of the task: task_metadata.json, labelvocabulary.csv, SPLIT.json, RATE/SPLIT/FILE.
        prepared: the folder to write.
        format: format of the recordings.
        sample_rate: Hz, of the folder with the sound; 0 takes 24000, or the only one there is.
        checksums: published MD5 sums, for example the output of md5sum.
        shard: share of the recordings, I/N (2/8 is the second of eight), for N programs that share the work; auto in a
            SLURM job array. The last one writes the manifest. See docs/clusters.md.

    Raises:
        BadInput: the first thing that is wrong; names file and remedy.
    """
    given, own_shard = locals(), read_shard(shard)
    require_folder(raw, "give the folder of a task, which holds task_metadata.json")
    check_place(prepared, raw, [str(rate) for rate in rates_of(raw)])
    verify(raw, checksums)
    classes, rate = vocabulary_of(raw), chosen_rate(raw, sample_rate)
    listed = _listed(raw, rate)
    names = list(listed)
    recordings: list[Recording] = []
    labels: dict[str, Events] = {}
    for name in tqdm(own_shard.of(names, "recordings"), "check", unit="recording"):
        split, audio, events = listed[name]
        recording = with_duration(Recording(name, audio, format, fold=split), rate)
        recordings.append(recording)
        labels[name] = events_of(events, classes, raw / f"{split}.json", audio.name, recording.duration)
    write_prepared(
        prepared, recordings, labels, classes, Share(own_shard, names, key_of(realseld, given, names))
    )
    return 0


def _listed(raw: Path, rate: int) -> dict[str, tuple[str, Path, Any]]:
    """List the recordings of all splits: split, sound and events by name.

    Raises:
        BadInput: none, two of one name, or a name that leads elsewhere.
    """
    listed: dict[str, tuple[str, Path, Any]] = {}
    for split in splits_of(raw):
        path = raw / f"{split}.json"
        for file, events in _object(path).items():
            audio = raw / str(rate) / split / _plain_name(file, path)
            if audio.stem in listed:
                raise BadInput(f"{audio}: {listed[audio.stem][1]} has the same name; rename one of the two")
            listed[audio.stem] = (split, audio, events)
    if not listed:
        raise BadInput(f"{raw}: its splits list no files; unpack the task again")
    return listed


def splits_of(raw: Path) -> list[str]:
    """Return the splits that task_metadata.json names.

    Raises:
        BadInput: no such file or list, or events without time (a task of whole clips).
    """
    path = raw / "task_metadata.json"
    about = _object(path)
    if about.get("embedding_type", "event") != "event":
        raise BadInput(
            f"{path}: embedding_type is {about['embedding_type']!r}; a task with events in time is needed"
        )
    splits = about.get("splits")
    if not isinstance(splits, list) or not splits:
        raise BadInput(f"{path}: names no splits; give the folder of a task")
    return [_plain_name(str(split), path) for split in splits]


def vocabulary_of(raw: Path) -> list[str]:
    """Return the labels of labelvocabulary.csv in the order of idx.

    Raises:
        BadInput: no such file, or indices that do not count from 0.
    """
    path = raw / "labelvocabulary.csv"
    rows = read_rows(path, ("idx", "label"), "idx,label and rows such as 0,knock")
    named = {cells["idx"]: cells["label"] for _, cells in rows}
    if set(named) != {str(index) for index in range(len(rows))} or not rows:
        raise BadInput(f"{path}: idx does not count from 0; unpack the task again")
    return [named[str(index)] for index in range(len(rows))]


def rates_of(raw: Path) -> list[int]:
    """Return the sample rates of which the task has folders, Hz."""
    return sorted(int(path.name) for path in raw.iterdir() if path.is_dir() and path.name.isdecimal())


def chosen_rate(raw: Path, wanted: int) -> int:
    """Choose the folder of sound.

    Raises:
        BadInput: it is not there, or nothing says which of several.
    """
    rates = rates_of(raw)
    there = ", ".join(map(str, rates)) or "none"
    if wanted and wanted not in rates:
        raise BadInput(f"{raw}: no folder {wanted} with the sound; --sample_rate is one of {there}")
    if wanted or RATE_HZ in rates:
        return wanted or RATE_HZ
    if len(rates) != 1:
        raise BadInput(f"{raw}: folders with the sound are {there}; choose one with --sample_rate")
    return rates[0]


def events_of(events: Any, classes: list[str], path: Path, file: str, duration: float) -> Events:
    """Read the events of a file; those that last beyond its end are cut there.

    Args:
        events: list of objects, see the module.
        classes: names by index.
        path: of the split, for messages.
        file: the file, for messages.
        duration: of the file, seconds.

    Raises:
        BadInput: an event without label, times or direction, or after the end; names the file.
    """
    if not isinstance(events, list):
        raise BadInput(f"{path}: {file}: no list of events; unpack the task again")
    rows, numbered = [], True
    for number, event in enumerate(events, 1):
        row = _row(event, classes, path, f"{path}: {file}: event {number}")
        if row[0] >= duration:
            raise BadInput(
                f"{path}: {file}: event {number} begins at {row[0]:.2f} s, the sound ends at {duration:.2f} s; "
                "take the sound of this task"
            )
        numbered &= "source_idx" in event
        rows.append([row[0], min(row[1], duration), *row[2:]])
    table = Events.from_rows(rows) if rows else Events.empty()
    return table if numbered else number_sources(table)


def _row(event: Any, classes: list[str], path: Path, where: str) -> list[float]:
    if not isinstance(event, dict) or not {"label", "start", "end", "direction"} <= set(event):
        raise BadInput(f"{where}: needs label, start, end and direction; is it a task with directions?")
    label, angles = str(event["label"]), event["direction"]
    if label not in classes:
        raise BadInput(f"{where}: '{label}' is not in labelvocabulary.csv; unpack the task again")
    if not isinstance(angles, list) or len(angles) != 2:
        raise BadInput(f"{where}: direction {angles!r}; azimuth and elevation in degrees are expected")
    try:
        start, end, azimuth, elevation, source = map(
            float, (event["start"], event["end"], *angles, event.get("source_idx", 0))
        )
    except (TypeError, ValueError):
        raise BadInput(f"{where}: a time or angle is no number; unpack the task again") from None
    if not 0 <= start <= end < float("inf"):
        raise BadInput(f"{where}: from {start:g} to {end:g} ms is no stretch of time; unpack the task again")
    check_row(path, 1, classes.index(label), azimuth, elevation, len(classes))
    return [start / MS, end / MS, classes.index(label), int(source), azimuth, elevation, float("nan")]


def _object(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(
            read_text(path, "give the folder of a task, with task_metadata.json and SPLIT.json")
        )
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{path}: cannot be read as JSON ({error}); unpack the task again") from error
    if not isinstance(content, dict):
        raise BadInput(f"{path}: no JSON object; unpack the task again")
    return content


def _plain_name(name: str, path: Path) -> str:
    if "/" in name or "\\" in name or name in ("", ".", ".."):
        raise BadInput(f"{path}: '{name}' is no plain name; unpack the task again")
    return name
