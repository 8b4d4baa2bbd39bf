"""The command `thresholds`: the threshold of each class with the best F-score on validation recordings."""

import logging
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from avseld.base.errors import BadInput
from avseld.base.files import takes_paths
from avseld.data.visual import visual_inputs
from avseld.data.windows import reference
from avseld.decoding.thresholds import per_class
from avseld.inference.predictor import Predictor, load
from avseld.inference.run_folder import labelled_recordings_of
from avseld.inference.thresholds import predict_at_thresholds
from avseld.io.events import Events
from avseld.io.manifest import Recording, read_class_list
from avseld.io.run_config import prepared_folder, read_config
from avseld.io.run_weights import weights_of
from avseld.metrics import score
from avseld.system.checkpoint import read_weights, write_weights

log = logging.getLogger(__name__)

CANDIDATES = tuple(np.round(np.arange(0.1, 0.95, 0.05), 2).tolist())
"""thresholds that are tried"""


@dataclass(frozen=True)
class Choice:
    """The chosen threshold of each class.

    Args:
        before: (class,) thresholds of the system.
        after: (class,) chosen ones.
        f_before: (class,) F-scores with them; NaN for classes without reference events.
        f_after: (class,) F-scores with the chosen ones.
        n_events: (class,) reference events.
    """

    before: np.ndarray
    after: np.ndarray
    f_before: np.ndarray
    f_after: np.ndarray
    n_events: np.ndarray


@takes_paths
def thresholds(
    run: Path,
    prepared: Path | None = None,
    fold: str = "validate",
    out: Path | None = None,
    challenge: int | None = None,
    device: str = "auto",
) -> None:
    """Choose the threshold of each class on validation recordings: that of its best F-score.

    Predicts once and decodes with thresholds from 0.1 to 0.9. A class without reference events keeps its threshold. The
    recordings should have silence in them, as those of the application do.

    Args:
        run: the run folder, or RUN@STEP for the weights of a step that `keep_every` has kept.
        prepared: prepared folder; by default the one of the training.
        fold: what to choose on; not what is reported: validate or train, or a fold, room or recording.
        out: weights file to write with the chosen thresholds; a run for `predict --run`.
        challenge: year of the scoring rule; by default the one of the training.
        device: cpu, cuda, ..., or auto.

    Raises:
        BadInput: missing files, or a system without thresholds of classes.
    """
    predictor = load(run, device=device)
    recordings = labelled_recordings_of(run, prepared, fold)
    place = prepared_folder(run, prepared)
    if read_class_list(place / "classes.txt") != predictor.classes:
        raise BadInput(
            f"{place}/classes.txt: other classes than those of {run}; choose on recordings of its own"
        )
    year = challenge or read_config(run)["challenge"]
    choice = choose(predictor, recordings, year)
    sys.stdout.write(table(choice, predictor.classes, year) + "\n")
    if out is not None:
        write(weights_of(run), out, choice.after)
        log.info("%s: predict with --run %s", out, out)


def choose(predictor: Predictor, recordings: Sequence[Recording], challenge: int) -> Choice:
    """Choose the threshold of each class.

    Args:
        predictor: its system has thresholds of classes.
        recordings: with labels.
        challenge: year of the F-score.

    Raises:
        BadInput: a system without them.
    """
    own = predictor.system.target.threshold
    if own is None or predictor.task != "seld":
        name = predictor.system.blueprint.target.name
        raise BadInput(f"target {name}: has no thresholds of classes; choose another run")
    n_classes = len(predictor.classes)
    before = per_class(own, n_classes)
    tried = sorted({*CANDIDATES, *before.tolist()})
    visuals = visual_inputs(recordings, "aligned", predictor.system.visual_spec)
    references: list[Events] = []
    predictions: list[list[Events]] = []
    for recording in tqdm(recordings, desc="thresholds", unit="recording"):
        references.append(reference(recording, n_classes))
        predictions.append(predict_at_thresholds(predictor, recording, tried, visuals[recording.name]))
    f = np.array([
        _f_scores(references, [each[index] for each in predictions], predictor, challenge)
        for index in range(len(tried))
    ])  # fmt: skip
    n_events = np.bincount(
        np.concatenate([each.label for each in references]).astype(int), minlength=n_classes
    )
    places = np.array([_best(f[:, index], tried, before[index]) for index in range(n_classes)])
    chosen = np.where(n_events > 0, np.array(tried)[places], before)
    columns = np.arange(n_classes)
    at = [[tried.index(value) for value in values.tolist()] for values in (before, chosen)]
    f_before, f_after = (np.where(n_events > 0, f[rows, columns], np.nan) for rows in at)
    return Choice(before, chosen, f_before, f_after, n_events)


def _best(f: np.ndarray, tried: Sequence[float], before: float) -> int:
    """Return the place of the best F-score; of equal ones, the middle of the widest run is the safest."""
    best = (
        np.flatnonzero(f >= np.nanmax(f) - 1e-9) if np.isfinite(f).any() else np.array([tried.index(before)])
    )
    runs = np.split(best, np.flatnonzero(np.diff(best) > 1) + 1)
    longest = max(runs, key=len)
    return int(longest[(len(longest) - 1) // 2])


def _f_scores(
    references: list[Events], predictions: list[Events], predictor: Predictor, challenge: int
) -> list[float]:
    """Compute the F-score of each class; a system without distances is scored without them."""
    unit = None if predictor.system.target.distance else "none"
    names = [str(index) for index in range(len(references))]
    pairs = dict(zip(names, references, strict=True)), dict(zip(names, predictions, strict=True))
    scores = score(*pairs, challenge=challenge, n_classes=len(predictor.classes), distance_unit=unit)
    return scores.classwise["F"]


def table(choice: Choice, classes: Sequence[str], challenge: int) -> str:
    """Format the choice as text.

    Args:
        choice: of `choose`.
        classes: class names.
        challenge: year of the F-score.
    """
    width = max(24, *map(len, classes))
    lines = [f"{f'F-score of {challenge}':<{width}}   rows  threshold          F20"]
    columns = (choice.n_events, choice.before, choice.after, choice.f_before, choice.f_after)
    for name, n, before, after, f_before, f_after in zip(classes, *columns, strict=True):
        scores = f"{f_before:.3f} -> {f_after:.3f}" if n else "no reference"
        lines.append(f"{name:<{width}} {n:>6}  {before:.2f} -> {after:.2f}  {scores}")
    mean = [
        np.nanmean(values) if np.isfinite(values).any() else np.nan
        for values in (choice.f_before, choice.f_after)
    ]
    lines.append(
        f"{'mean':<{width}} {choice.n_events.sum():>6}                {mean[0]:.3f} -> {mean[1]:.3f}"
    )
    return "\n".join(lines)


def write(weights: Path, out: Path, chosen: Sequence[float] | np.ndarray) -> None:
    """Write weights with other thresholds; nothing else changes.

    Args:
        weights: safetensors file of a run.
        out: file to write.
        chosen: (class,).

    Raises:
        BadInput: no readable weights, or a file of another kind is to be written.
    """
    if out.suffix != ".safetensors":
        raise BadInput(f"{out}: weights end in .safetensors; name such a file")
    state, blueprint = read_weights(weights)
    write_weights(out, state, blueprint.with_threshold([round(float(value), 4) for value in chosen]))
