"""Facts of a run that its model card states: the system, its data, its scores, and checksums of all three."""

import hashlib
import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

from avseld.base.errors import BadInput
from avseld.base.files import sha256
from avseld.data.folds import choose
from avseld.io.run_config import read_config
from avseld.io.run_weights import run_folder, weights_of
from avseld.io.shards import MEMBERS
from avseld.metrics import score
from avseld.metrics.fold_choice import challenge_of
from avseld.metrics.formulas import Scores
from avseld.metrics.rules import TASK4
from avseld.recipes.reading import recipe
from avseld.system.blueprint import Blueprint
from avseld.system.checkpoint import read_weights

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Facts:
    """What is known about a run.

    Args:
        run: the run folder.
        config: the complete recipe.
        blueprint: of the system.
        parameters: number of values in the weights, statistics and running averages included.
        weights: checksum of the weights.
        code: version of the package and checksum of its source.
        data: checksum of the manifest, classes and labels of the prepared folder; empty where it is not there.
        hours: recordings and hours of each part of the data that is there.
        fold: what was scored.
        scores: of the fold with 95 % intervals; None where the run has no predictions or labels.
    """

    run: Path
    config: dict[str, Any]
    blueprint: Blueprint
    parameters: int
    weights: str
    code: str
    data: str = ""
    hours: dict[str, tuple[int, float]] = field(default_factory=dict)
    fold: str = "test"
    scores: Scores | None = None


def collect(run: Path, fold: str = "test") -> Facts:
    """Collect the facts of a run; scores come from the predictions that it holds.

    Args:
        run: the run folder.
        fold: what to score: test, validate or train, or a fold of the manifest.

    Raises:
        BadInput: no finished run.
    """
    config = read_config(run)
    weights = weights_of(run)
    state, blueprint = read_weights(weights)
    prepared = Path(config["data"]["prepared"])
    there = prepared.is_dir()
    if not there:
        log.warning("%s: not there; the card leaves out hours, checksum and scores of the data", prepared)
    return Facts(
        run=run,
        config=config,
        blueprint=blueprint,
        parameters=sum(value.numel() for value in state.values()),
        weights=sha256(weights),
        code=code_version(),
        data=data_checksum(prepared) if there else "",
        hours=_hours(run) if there else {},
        fold=fold,
        scores=_scores(run, fold) if there else None,
    )


def code_version() -> str:
    """Return the version of the package and the first digits of the checksum of its Python files."""
    package = Path(__file__).parents[1]
    total = _checksum_of(package, sorted(package.rglob("*.py")))
    return f"avseld {metadata.version('avseld')}, source {total[:12]}"


def data_checksum(prepared: Path) -> str:
    """Compute the SHA-256 of the lists of recordings and classes, and of all labels (of shards, their places)."""
    listed = [
        prepared / "manifest.csv",
        prepared / "classes.txt",
        prepared / MEMBERS,
        *sorted((prepared / "labels").glob("*.csv")),
    ]
    return _checksum_of(prepared, [path for path in listed if path.is_file()])


def _checksum_of(folder: Path, paths: Iterable[Path]) -> str:
    total = hashlib.sha256()
    for path in paths:
        total.update(f"{path.relative_to(folder).as_posix()}\n{sha256(path)}\n".encode())
    return total.hexdigest()


def _hours(run: Path) -> dict[str, tuple[int, float]]:
    """Count recordings and hours of the parts of the data, as the training chose them."""
    try:
        parts = choose(recipe(run_folder(run)).data)
    except BadInput as error:
        log.warning("no hours on the card: %s", error)
        return {}
    return {
        part: (len(chosen), sum(recording.duration for recording in chosen) / 3600)
        for part, chosen in parts.items()
    }


def _scores(run: Path, fold: str) -> Scores | None:
    try:
        # The average of an official error rate means nothing where a fold lacks a class: see `avseld.metrics.task4`.
        corrected = challenge_of(read_config(run)) == TASK4
        return score(run=run, fold=fold, jackknife=True, corrected=corrected)
    except BadInput as error:
        log.warning("no scores on the card: %s", error)
        return None
