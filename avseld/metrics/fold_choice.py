"""What to score: the folders of a run, and the recordings of a fold."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from avseld.base.errors import BadInput
from avseld.io.manifest import Recording, matches, pick
from avseld.io.run_config import (
    PARTS,
    parts_of,
    predictions_of,
    prepared_folder,
    read_config,
    run_of,
    tokens_of,
)
from avseld.metrics.rules import TASK4

log = logging.getLogger(__name__)

ALL = "all"
"""the fold of all recordings"""


def complete_from_run(
    reference: Any, prediction: Any, challenge: int | str | None, run: Path | str | None
) -> tuple[Any, Any, int | str | None, dict[str, list[str]]]:
    """Take from a run what is not given.

    Args:
        reference: as for `open_pair`, or None for the prepared folder of the run.
        prediction: as for `open_pair`, or None for the predictions of the run.
        challenge: the year, or None for that of the training.
        run: run folder; None for the one in which the predictions lie, if any, for the names of its folds only.

    Returns:
        Reference, prediction, year (None without a run), and the folds of train, validate and test (empty without).

    Raises:
        BadInput: neither given nor in a run.
    """
    if run is None:
        if reference is None or prediction is None:
            raise BadInput("what to score? give reference and prediction, or a run (--run RUN)")
        inside = run_of(Path(prediction)) if isinstance(prediction, str | Path) else None
        return reference, prediction, challenge, parts_of(inside) if inside else {}
    run = Path(run)
    return (
        prepared_folder(run) if reference is None else reference,
        predictions_of(run) if prediction is None else prediction,
        challenge or challenge_of(read_config(run)),
        parts_of(run),
    )


def challenge_of(config: Mapping[str, Any]) -> int | str:
    """Return the challenge of a run: the year of its recipe, or that of event detection without directions.

    Args:
        config: arguments of the training.
    """
    target = config.get("target") or {}
    without_directions = target.get("name") in ("tagging", "activity")
    if without_directions or (target.get("options") or {}).get("stage") == "sed":
        return TASK4
    year: int = config["challenge"]
    return year


def choose_fold(
    recordings: Sequence[Recording],
    references: Iterable[str],
    predictions: Iterable[str],
    fold: str | None,
    parts: Mapping[str, list[str]],
    missing: str = "error",
) -> tuple[set[str], str]:
    """Choose the recordings to score.

    Args:
        recordings: of the manifest, empty if there is none.
        references: names of recordings with a reference.
        predictions: names of recordings with a prediction.
        fold: what to score; None if not said.
        parts: see `open_pair`.
        missing: error, empty or skip.

    Returns:
        Names of the recordings, and the fold in words, empty for all.

    Raises:
        BadInput: `fold` names nothing.
    """
    names = set(references)
    if fold == ALL or not recordings:
        return names, ""
    if fold is not None:
        tokens = tokens_of(fold, parts, recordings)
        if fold in PARTS and fold not in parts and not any(matches(one, fold) for one in recordings):
            raise BadInput(
                f"--fold {fold}: which recordings are these? they stand in a run (--run RUN); or name one of the "
                f"folds, {', '.join(sorted({one.fold for one in recordings if one.fold})) or 'of which there is none'}"
            )
        return {one.name for one in pick(recordings, tokens, "--fold")} & names, (
            f"{fold} ({', '.join(tokens)})" if tokens != [fold] else fold
        )
    predicted = set(predictions)
    absent = names - predicted
    if missing == "error" and absent:
        folds = {f"--fold {one.fold}": [one.fold] for one in recordings if one.fold}
        folds |= {f"--fold {part}": list(tokens) for part, tokens in parts.items()}
        for word, tokens in folds.items():
            own = {one.name for one in recordings if any(matches(one, token) for token in tokens)} & names
            if own and own == predicted:
                log.warning(
                    "the predictions are exactly the %d recordings of %s: scored as that (of all %d with --fold all)",
                    len(own), word, len(names),
                )  # fmt: skip
                return own, word.removeprefix("--fold ")
    elif absent and missing == "empty":
        log.warning(
            "%d of %d recordings have no prediction and count as silence (score a fold alone with --fold)",
            len(absent), len(names),
        )  # fmt: skip
    return names, ""
