"""The command `locate`: localization without classes by trained systems, a plain baseline and an untrained network."""

import json
import logging
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from tqdm import tqdm

from avseld.base.errors import BadInput
from avseld.base.files import check_folder, replacing, takes_paths
from avseld.base.rates import LABEL_HOP
from avseld.data.visual import visual_inputs
from avseld.evaluation.evaluate import untrained_predictor
from avseld.inference.intensity_baseline import IntensityHistogram
from avseld.inference.predictor import Predictor, load
from avseld.inference.thresholds import predict_at_thresholds
from avseld.io.audio import audio_info, read_audio
from avseld.io.events import Events
from avseld.io.labels import read_labels
from avseld.io.manifest import Recording, pick, read_manifest, with_labels
from avseld.metrics.location import (
    HIT_DEG,
    LocationFrames,
    LocationScores,
    choose_threshold,
    concatenate_frames,
    locate_frames,
    location_scores,
    scores_by_overlap,
    scores_by_polyphony,
)

NETWORK_THRESHOLDS = tuple(np.round(np.arange(0.05, 1.0, 0.05), 2).tolist())
BASELINE_GATES_DB = tuple(np.arange(1.0, 25.0, 1.0).tolist())
"""decibels above the background, the threshold of the baseline"""
SIZE_INCHES = (7.0, 5.0)
MAX_COLUMNS = 3
"""numbers of sources in the table; more are in the JSON file"""

GROUPS: dict[str, Callable[[LocationFrames], dict[int, LocationScores]]] = {
    "overlap": scores_by_overlap,
    "recording": scores_by_polyphony,
}
Locator = Callable[[Recording, Sequence[float]], list[Events]]
"""(recording, thresholds) -> events by threshold"""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LocatingSystem:
    """A system that locates sounds, with the thresholds to try and the one of the table."""

    name: str
    locator: Locator
    thresholds: tuple[float, ...]
    threshold: float
    planar: bool = False
    """whether its directions are azimuths mirrored to the front, those of stereo"""


@dataclass(frozen=True)
class Result:
    """Scores of one system.

    Args:
        name: of the system.
        thresholds: that were tried.
        curve: scores of all frames by threshold.
        threshold: the one of the table.
        frames: of all recordings at that threshold.
    """

    name: str
    thresholds: tuple[float, ...]
    curve: list[LocationScores]
    threshold: float
    frames: LocationFrames = field(repr=False)


@takes_paths
def locate(
    prepared: Path,
    runs: str = "",
    fold: str = "",
    threshold: float | None = None,
    false_rows: float | None = None,
    choose_on: Path | None = None,
    per: Literal["overlap", "recording"] = "overlap",
    untrained: bool = True,
    weights: Literal["best", "last"] = "best",
    device: str = "auto",
    seed: int = 0,
    out: Path = Path("locate"),
) -> None:
    """Score the localization of sounds of any class by trained systems, and draw recall against false rows a minute.

    A hit is a predicted row within 20 degrees of the reference sound that it is assigned to, in a label frame of 100
    ms; every other row is false. Of stereo systems azimuths are compared, mirrored from the rear to the front. The
    first row of the table, for FOA recordings, is a baseline without training: the peaks of the histogram of intensity
    vectors, with an energy gate.

    Args:
        prepared: prepared folder with recordings in the format of the runs, and labels.
        runs: run folders, separated by commas.
        fold: a fold, a room or a recording; all recordings if empty.
        threshold: of the networks in the table; by default their own.
        false_rows: choose the threshold of every system instead, the baseline's gate too: that of the highest recall
            with at most so many false rows a minute.
        choose_on: prepared folder of the recordings on which it is chosen, with silence in them; by default those
            that are scored, which makes the scores optimistic.
        per: group by the sources in a frame (overlap), or by the largest number at once in a recording, silence
            included.
        untrained: add the first network with random weights.
        weights: best or last.
        device: cpu, cuda, ..., or auto.
        seed: of the random weights.
        out: folder of table (locate.txt), scores (locate.json) and curve (locate.png).

    Raises:
        BadInput: files are missing or unusable.
    """
    if choose_on is not None and false_rows is None:
        raise BadInput(
            f"choose_on {choose_on}: chooses thresholds for --false_rows, how many a minute; add it"
        )
    check_folder(out, "--out")
    names = [word.strip() for word in runs.split(",") if word.strip()]
    predictors = {name: load(name, weights, device) for name in names}
    format = _common_format(predictors)
    recordings = _recordings(prepared, fold, format)
    validation = recordings if choose_on is None else _recordings(choose_on, "", format)
    systems = [_baseline_system()] if format == "foa" else []
    if untrained and predictors:
        predictors["untrained"] = untrained_predictor(next(iter(predictors.values())), seed)
    systems += [_network(name, predictor, threshold) for name, predictor in predictors.items()]
    results = []
    for system in systems:
        if false_rows is not None:
            system = _with_chosen_threshold(system, validation, false_rows)
        results.append(_score(system, recordings))
    text = table(results, per)
    _write(out, results, text)
    sys.stdout.write(text)
    log.info("%s", out / "locate.png")


def threshold_for(predictor: Predictor, recordings: Sequence[Recording], false_rows: float) -> float:
    """Choose the threshold of a trained system on validation recordings, with silence in them.

    Args:
        predictor: the trained system; its own threshold stays as it is (`avseld.inference.thresholds.set_threshold`).
        recordings: of a prepared folder, with labels.
        false_rows: largest number of false rows a minute.

    Returns:
        The threshold with the highest recall within 20 degrees; that with the fewest false rows, with a warning, if all
        have more.

    Raises:
        BadInput: recordings that are unusable, or a system without directions or with several thresholds.
    """
    return _with_chosen_threshold(_network("system", predictor, None), recordings, false_rows).threshold


def table(results: Sequence[Result], per: str = "overlap") -> str:
    """Format the scores of systems, one row each; a cell lists the values for 1, 2, ... sources.

    Args:
        results: by system.
        per: key of `GROUPS`.
    """
    groups = [GROUPS[per](result.frames) for result in results]
    numbers = sorted({n for group in groups for n in group if n > 0})[:MAX_COLUMNS]
    what = "sources in a frame" if per == "overlap" else "sources at once in a recording"
    heading = " / ".join(map(str, numbers))
    width = max(len(result.name) for result in results)
    lines = [
        f"{heading} {what}",
        "",
        f"{'':<{width}} {'threshold':>10} {'median error':>18} {'recall':>18} {'false rows/min':>18} "
        f"{'in silence/min':>15}",
    ]
    for result, group in zip(results, groups, strict=True):
        chosen = [group.get(n) for n in numbers]

        def cell(name: str, digits: int, chosen: list[LocationScores | None] = chosen) -> str:
            return " / ".join(_number(getattr(each, name) if each else np.nan, digits) for each in chosen)

        silence = scores_by_overlap(result.frames).get(0)
        lines.append(
            f"{result.name:<{width}} {result.threshold:>10g} {cell('median_deg', 1):>18} {cell('recall', 2):>18} "
            f"{cell('false_per_minute', 0):>18} {_number(silence.false_per_minute if silence else np.nan, 0):>15}"
        )
    return "\n".join(lines) + "\n"


def curve_figure(results: Sequence[Result]) -> Figure:
    """Draw recall against false rows a minute over the thresholds, a line a system and a dot at its threshold.

    Args:
        results: by system.
    """
    picture = Figure(SIZE_INCHES, layout="constrained")
    FigureCanvasAgg(picture)
    axes = picture.add_subplot()
    for result in results:
        rate = [scores.false_per_minute for scores in result.curve]
        line = axes.plot(rate, [scores.recall for scores in result.curve], label=result.name)[0]
        here = location_scores(result.frames)
        axes.plot(here.false_per_minute, here.recall, "o", color=line.get_color())
    axes.set_xscale("symlog", linthresh=10)
    axes.set_xlim(left=0)
    axes.set_ylim(0, 1)
    axes.set_xlabel("false rows a minute")
    axes.set_ylabel(f"recall within {HIT_DEG:g}°")
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right")
    return picture


def _number(value: float, digits: int) -> str:
    return "-" if np.isnan(value) else f"{value:.{digits}f}"


def _common_format(predictors: Mapping[str, Predictor]) -> str:
    """Return the channel format of all systems; foa, that of the baseline, if there are none."""
    formats = {name: predictor.system.blueprint.format for name, predictor in predictors.items()}
    if len(set(formats.values())) > 1:
        listed = ", ".join(f"{name}: {format}" for name, format in formats.items())
        raise BadInput(f"runs for recordings of different formats ({listed}); compare those of one format")
    return next(iter(formats.values()), "foa")


def _recordings(prepared: Path, fold: str, format: str) -> list[Recording]:
    recordings = [each for each in read_manifest(prepared) if each.format == format]
    if fold:
        recordings = pick(recordings, [fold], "--fold")
    if not recordings:
        raise BadInput(f"{prepared}: no recordings of format {format}; prepare some with avseld-prep")
    return with_labels(recordings, prepared)


def _reference(recording: Recording) -> Events:
    assert recording.labels is not None
    events = read_labels(recording.labels)
    if np.isnan(events.azimuth).any():
        raise BadInput(f"{recording.labels}: an event without direction; give labels with directions")
    return events


def _baseline_system() -> LocatingSystem:
    baseline = IntensityHistogram()

    def locator(recording: Recording, gates_db: Sequence[float]) -> list[Events]:
        waveform, rate = read_audio(recording.audio), audio_info(recording.audio).sample_rate
        return baseline.predict_at_gates(waveform, rate, gates_db)

    return LocatingSystem("baseline", locator, BASELINE_GATES_DB, baseline.gate_db)


def _network(name: str, predictor: Predictor, threshold: float | None) -> LocatingSystem:
    target = predictor.system.target
    own = target.threshold
    # Rows of other frames than the labels' would be counted several times.
    if not isinstance(own, float | int) or target.task not in ("seld", "directions"):
        raise BadInput(
            f"{name}: the output of {predictor.system.blueprint.target.name} has no directions or no single "
            "threshold, so that it cannot be compared here; choose another run"
        )
    if predictor.system.label_hop != LABEL_HOP:
        raise BadInput(
            f"{name}: has output frames of {predictor.system.label_hop:g} s, not {LABEL_HOP:g} s; choose another run"
        )

    def locator(recording: Recording, thresholds: Sequence[float]) -> list[Events]:
        visual = visual_inputs([recording], "aligned", predictor.system.visual_spec, 0)[recording.name]
        return predict_at_thresholds(predictor, recording, thresholds, visual)

    chosen = float(own if threshold is None else threshold)
    return LocatingSystem(name, locator, NETWORK_THRESHOLDS, chosen, target.planar)


def _score(system: LocatingSystem, recordings: Sequence[Recording]) -> Result:
    thresholds = tuple(sorted({*system.thresholds, system.threshold}))
    parts: list[list[LocationFrames]] = [[] for _ in thresholds]
    for recording in tqdm(recordings, system.name, unit="recording"):
        reference = _reference(recording)
        for part, events in zip(parts, system.locator(recording, thresholds), strict=True):
            part.append(locate_frames(reference, events, recording.duration, system.planar))
    frames = [concatenate_frames(part) for part in parts]
    curve = [location_scores(each) for each in frames]
    return Result(
        system.name, thresholds, curve, system.threshold, frames[thresholds.index(system.threshold)]
    )


def _with_chosen_threshold(
    system: LocatingSystem, validation: Sequence[Recording], false_rows: float
) -> LocatingSystem:
    result = _score(system, validation)
    chosen = choose_threshold(
        np.array(result.thresholds),
        np.array([scores.false_per_minute for scores in result.curve]),
        np.array([scores.recall for scores in result.curve]),
        false_rows,
    )
    threshold = result.thresholds[chosen]
    if result.curve[chosen].false_per_minute > false_rows:
        log.warning(
            "%s: no threshold has at most %g false rows a minute; %g has %.0f",
            system.name,
            false_rows,
            threshold,
            result.curve[chosen].false_per_minute,
        )
    return replace(system, threshold=threshold)


def _write(out: Path, results: Sequence[Result], text: str) -> None:
    about = {
        result.name: {
            "threshold": result.threshold,
            "all": location_scores(result.frames).as_dict(),
            **{
                f"per_{per}": {str(n): scores.as_dict() for n, scores in group(result.frames).items()}
                for per, group in GROUPS.items()
            },
            "curve": [
                {"threshold": threshold, **scores.as_dict()}
                for threshold, scores in zip(result.thresholds, result.curve, strict=True)
            ],
        }
        for result in results
    }
    with replacing(out / "locate.json") as temporary:
        temporary.write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    with replacing(out / "locate.txt") as temporary:
        temporary.write_text(text, encoding="utf-8")
    with replacing(out / "locate.png") as temporary:
        curve_figure(results).savefig(temporary, dpi=100)
