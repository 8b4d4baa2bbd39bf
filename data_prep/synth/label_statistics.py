"""Statistics of the labels of a corpus, from which scenes like it are drawn (`avseld-prep synth --like`)."""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from avseld.base.errors import BadInput
from avseld.base.files import replacing, require_folder, takes_paths, visible_files
from avseld.base.rates import LABEL_HOP
from avseld.io.dcase_csv import expand
from avseld.io.events import Events
from avseld.io.geometry import angle_between, unit_vector
from avseld.io.labels import read_labels

log = logging.getLogger(__name__)

PERCENT = (0, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 98, 99, 100)
"""quantiles that a table holds, in percent"""
MAX_POLYPHONY = 5
"""frames with more sources count as frames with this number"""
STILL_DEG = 0.01
"""smaller changes between label frames are rounding errors of the angle, as labels have whole degrees"""
LABEL_FOLDERS = ("labels", "metadata_dev")
"""where a prepared folder and a corpus in the layout of STARSS have their labels"""
STARSS22 = Path(__file__).with_name("starss22.json")
"""statistics of the development labels of STARSS22"""

Quantiles = tuple[float, ...]
"""values at `PERCENT`"""


@dataclass(frozen=True)
class ClassStatistics:
    """Statistics of the labels of one class."""

    share: float
    """share of all rows: source-frames of the class"""
    length_s: Quantiles
    """seconds from onset to offset of an event"""
    still: float
    """share of frames in which a source has the direction of the frame before"""
    elevation_deg: Quantiles
    """elevation at each frame"""


@dataclass(frozen=True)
class LabelStatistics:
    """Statistics of the labels of a corpus, in frames of 100 ms.

    An event is an uninterrupted run of frames of one source of one class.
    """

    source: str
    """where the labels come from"""
    recordings: int
    frames: int
    """until the last label of each recording"""
    polyphony: tuple[float, ...]
    """share of frames with 0, 1, 2, ... sources; the last entry counts frames with more too"""
    polyphony_concentration: float
    """sum of the parameters of the Dirichlet distribution of `polyphony` over the recordings: low where they differ"""
    same_class: float
    """share of the frames with events that have two sources of one class"""
    returning: float
    """share of events whose source had an event before"""
    length_s: Quantiles
    """seconds from onset to offset of an event"""
    still: float
    """share of frames in which a source has the direction of the frame before"""
    speed_deg_s: Quantiles
    """speed of sources in frames in which they move"""
    elevation_deg: Quantiles
    """elevation at each frame"""
    distance_m: Quantiles | None
    """distance at each frame; None if the labels have none"""
    classes: Mapping[int, ClassStatistics]
    """by class index; classes without events are left out"""


@takes_paths
def statistics(labels: Path, out: Path = Path("label_statistics.json"), source: str = "") -> None:
    """Measure the statistics of a folder of labels and write them as a table for `avseld-prep synth --like`.

    Args:
        labels: folder with a csv per recording, in the format of DCASE or of a prepared folder; a prepared folder or a
            corpus with labels in it.
        out: json file to write.
        source: where the labels come from, a note in the table; the folder's name by default.

    Raises:
        BadInput: no csv in the folder, a bad row, or labels without directions or events.
    """
    require_folder(labels, "give a folder with a csv of labels per recording")
    measured = _measure_folder(labels, source)
    with replacing(out) as temporary:
        temporary.write_text(_to_json(measured), encoding="utf-8")
    log.info(
        "%s: %d recordings, %.1f h, %d classes; draw such scenes with avseld-prep synth --like %s",
        out,
        measured.recordings,
        measured.frames * LABEL_HOP / 3600,
        len(measured.classes),
        out,
    )


def read_statistics(path: Path) -> LabelStatistics:
    """Read a table of statistics, or measure those of a folder of labels.

    Args:
        path: json file that `statistics` wrote, or a folder of csv labels.

    Raises:
        BadInput: missing, or neither of the two.
    """
    if path.is_dir():
        return _measure_folder(path, "")
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
        classes = {int(label): ClassStatistics(**_tuples(each)) for label, each in table["classes"].items()}
        return _checked(LabelStatistics(**_tuples(table | {"classes": classes})), path)
    except FileNotFoundError:
        raise BadInput(f"{path}: not found; give a folder of labels or a table of statistics") from None
    except (ValueError, TypeError, KeyError, AttributeError, UnicodeDecodeError) as error:
        if isinstance(error, BadInput):
            raise
        raise BadInput(
            f"{path}: no table of label statistics; make one with avseld-prep statistics LABELS --out FILE"
        ) from None


@lru_cache(maxsize=4)
def read_statistics_once(path: Path | str) -> LabelStatistics:
    """Read statistics as `read_statistics` does, once per process."""
    return read_statistics(Path(path))


def measure_labels(
    recordings: Sequence[Events], source: str, durations: Sequence[float] = ()
) -> LabelStatistics:
    """Measure the statistics of labels.

    Args:
        recordings: events of each recording, with directions.
        source: where they come from.
        durations: of the recordings in seconds; until the last event of each by default.

    Raises:
        BadInput: no events.
    """
    tables = [_frame_table(events) for events in recordings]
    n_frames = [
        max(round(duration / LABEL_HOP), table.end)
        for table, duration in zip(tables, durations or [0.0] * len(tables), strict=True)
    ]
    if not sum(len(table.label) for table in tables):
        raise BadInput(f"{source}: no events; give labels with events in them")
    counts = np.array(
        [
            np.bincount(np.minimum(table.polyphony(n), MAX_POLYPHONY), minlength=MAX_POLYPHONY + 1)
            for table, n in zip(tables, n_frames, strict=True)
        ]
    )
    polyphony = counts.sum(axis=0) / counts.sum()
    lengths = np.concatenate([table.lengths for table in tables]) * LABEL_HOP
    length_label = np.concatenate([table.length_label for table in tables])
    speeds = np.concatenate([table.speeds for table in tables])
    speed_label = np.concatenate([table.speed_label for table in tables])
    label = np.concatenate([table.label for table in tables])
    elevation = np.concatenate([table.elevation for table in tables])
    distance = np.concatenate([table.distance for table in tables])
    moving = speeds > STILL_DEG / LABEL_HOP
    classes = {
        int(each): ClassStatistics(
            _round(float(np.mean(label == each)), 5),
            _quantiles(lengths[length_label == each], 2),
            _round(1 - float(moving[speed_label == each].mean()) if (speed_label == each).any() else 1.0, 4),
            _quantiles(elevation[label == each], 1),
        )
        for each in np.unique(label)
    }
    n_sources = sum(table.n_sources for table in tables)
    return LabelStatistics(
        source,
        len(tables),
        int(sum(n_frames)),
        tuple(_round(float(share), 4) for share in polyphony),
        _round(_concentration(counts, polyphony), 2),
        _round(sum(table.same_class for table in tables) / max(int(counts[:, 1:].sum()), 1), 4),
        _round(1 - n_sources / len(lengths), 4),
        _quantiles(lengths, 2),
        _round(1 - float(moving.mean()) if len(moving) else 1.0, 4),
        _quantiles(speeds[moving], 1) if moving.any() else (0.0,) * len(PERCENT),
        _quantiles(elevation, 1),
        None if np.isnan(distance).all() else _quantiles(distance[~np.isnan(distance)], 2),
        classes,
    )


@dataclass(frozen=True, eq=False)
class _FrameTable:
    """Rows of one recording, and its events: uninterrupted runs of frames of one source."""

    frame: np.ndarray
    label: np.ndarray
    elevation: np.ndarray
    distance: np.ndarray
    n_sources: int
    lengths: np.ndarray
    """(event,) frames"""
    length_label: np.ndarray
    speeds: np.ndarray
    """(pair of neighbouring frames of a source,) degrees per second"""
    speed_label: np.ndarray

    @property
    def end(self) -> int:
        """Return the number of frames until the last label."""
        return int(self.frame.max(initial=-1)) + 1

    def polyphony(self, n_frames: int) -> np.ndarray:
        """Count the sources of each frame."""
        return np.bincount(self.frame, minlength=n_frames)

    @property
    def same_class(self) -> int:
        """Count the frames with two or more sources of one class."""
        pairs, count = np.unique(np.stack([self.frame, self.label]), axis=1, return_counts=True)
        return len(np.unique(pairs[0, count > 1]))


def _frame_table(events: Events) -> _FrameTable:
    rows = expand(events.select(~np.isnan(events.onset)))
    if np.isnan(rows.azimuth).any() or np.isnan(rows.elevation).any():
        raise BadInput("labels without directions; give labels with azimuth and elevation")
    frame = np.round(rows.onset / LABEL_HOP).astype(int)
    # STARSS22 has frames in which one source of a class stands at two places: two sources for the polyphony, one event.
    _, unique = np.unique(np.stack([rows.label, rows.source, frame]), axis=1, return_index=True)
    runs, run_frame = rows.select(unique), frame[unique]
    new_source = np.r_[True, (np.diff(runs.label) != 0) | (np.diff(runs.source) != 0)][: len(unique)]
    new_event = new_source | np.r_[True, np.diff(run_frame) != 1][: len(unique)]
    first, goes_on = np.flatnonzero(new_event), np.flatnonzero(~new_event)
    place = unit_vector(runs.azimuth, runs.elevation).reshape(-1, 3)
    return _FrameTable(
        frame,
        rows.label,
        rows.elevation,
        rows.distance,
        int(new_source.sum()),
        np.diff(np.r_[first, len(unique)]),
        runs.label[first],
        angle_between(place[goes_on], place[goes_on - 1]) / LABEL_HOP,
        runs.label[goes_on],
    )


def _measure_folder(folder: Path, source: str) -> LabelStatistics:
    # A prepared folder and a corpus in the layout of STARSS hold other tables too.
    within = next((folder / name for name in LABEL_FOLDERS if (folder / name).is_dir()), folder)
    paths = visible_files(within, (".csv",))
    if not paths:
        raise BadInput(f"{folder}: no csv in it; give a folder with a csv of labels per recording")
    recordings = []
    for path in paths:
        events = read_labels(path)
        if np.isnan(events.elevation).any() or np.isnan(events.azimuth).any():
            raise BadInput(f"{path}: labels without directions; leave it out or give azimuth and elevation")
        recordings.append(events)
    return measure_labels(recordings, source or folder.resolve().name)


def _concentration(counts: np.ndarray, mean: np.ndarray) -> float:
    """Estimate the concentration of a Dirichlet distribution from counts (recording, sources), by moments."""
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    weight = counts.sum(axis=1) / counts.sum()
    spread = (weight[:, None] * np.square(shares - mean)).sum()
    if spread <= 0:
        return 1000.0
    return float(np.clip(np.sum(mean * (1 - mean)) / spread - 1, 0.5, 1000.0))


def _quantiles(values: np.ndarray, decimals: int) -> Quantiles:
    return tuple(_round(float(value), decimals) for value in np.percentile(values, PERCENT))


def _round(value: float, decimals: int) -> float:
    return round(value, decimals) + 0.0  # no -0.0


def _tuples(table: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in table.items()}


def _checked(table: LabelStatistics, path: Path) -> LabelStatistics:
    """Refuse a table whose quantiles or shares cannot be drawn from."""
    quantiles = [
        table.length_s,
        table.speed_deg_s,
        table.elevation_deg,
        *([table.distance_m] * bool(table.distance_m)),
    ]
    quantiles += [row for each in table.classes.values() for row in (each.length_s, each.elevation_deg)]
    if any(len(row) != len(PERCENT) or (np.diff(row) < 0).any() for row in quantiles if row is not None):
        raise BadInput(
            f"{path}: quantiles are not {len(PERCENT)} increasing numbers; measure the labels again"
        )
    if not table.classes or abs(sum(table.polyphony) - 1) > 0.01 or len(table.polyphony) < 2:
        raise BadInput(
            f"{path}: shares of frames do not add up to 1, or no classes; measure the labels again"
        )
    return table


def _to_json(table: LabelStatistics) -> str:
    """Write a table with one line per entry, so that it can be read and compared."""
    entries = asdict(table)
    classes = entries.pop("classes")
    lines = [f" {json.dumps(key)}: {json.dumps(value)}," for key, value in entries.items()]
    rows = [f"  {json.dumps(str(label))}: {json.dumps(each)}" for label, each in classes.items()]
    return "\n".join(["{", *lines, ' "classes": {', ",\n".join(rows), " }", "}"]) + "\n"
