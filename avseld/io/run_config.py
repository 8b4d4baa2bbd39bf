"""The configuration of a training run, as far as it says where its data and its predictions are."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from avseld.base.errors import BadInput
from avseld.io.manifest import Recording, matches, pick
from avseld.io.run_weights import CONFIG, beside, run_folder
from avseld.io.text import read_text

log = logging.getLogger(__name__)

PARTS = ("train", "validate", "test")
"""parts of the data, each a list of folds, rooms or recordings"""


def read_config(run: Path) -> dict[str, Any]:
    """Read the complete configuration of a run.

    Args:
        run: a run folder, RUN@STEP, or a weights file in it.

    Raises:
        BadInput: the folder holds no readable configuration, or none that says where its data are.
    """
    path = run_folder(run) / CONFIG
    if not path.is_file():
        missing = run if run.is_file() else path
        what = "no run folder" if run.is_file() else "not found"
        raise BadInput(f"{missing}: {what}; give the folder of a run made by avseld train")
    try:
        config = yaml.safe_load(read_text(path, "restore it"))
    except yaml.YAMLError as error:
        raise BadInput(f"{path}: no readable YAML ({' '.join(str(error).split())}); restore it") from error
    if not config:
        raise BadInput(f"{path}: is empty; restore it")
    if not isinstance(config, dict):
        raise BadInput(f"{path}: no configuration of a run, but {str(config)[:40]!r}; restore it")
    data = config.get("data")
    if not isinstance(data, dict):
        raise BadInput(f"{path}: has no data, which says where the recordings are; restore it")
    for name in ("prepared", "format", "video"):
        if not isinstance(data.get(name, ""), str):
            raise BadInput(f"{path}: data.{name} is {data[name]!r}, no text; restore it")
    for part in PARTS:
        if not isinstance(data.get(part) or [], list):
            raise BadInput(f"{path}: data.{part} is {data[part]!r}, no list; restore it")
    for name in ("challenge", "seed"):
        if not isinstance(config.get(name, 0), int):
            raise BadInput(f"{path}: {name} is {config[name]!r}, no whole number; restore it")
    return _Members({**config, "data": _Members(data, path, "data.")}, path)


class _Members(dict[str, Any]):
    """Members of a configuration; one that is missing is named, with the file.

    Args:
        members: by name.
        path: of the file.
        place: of the members in it, for the message.
    """

    def __init__(self, members: Mapping[str, Any], path: Path, place: str = "") -> None:
        super().__init__(members)
        self.path, self.place = path, place

    def __missing__(self, name: str) -> Any:
        raise BadInput(f"{self.path}: has no {self.place}{name}; restore it")


def prepared_folder(run: Path, prepared: Path | None = None) -> Path:
    """Return the prepared folder to work on: the one given, or the one of the training.

    Args:
        run: run folder.
        prepared: another prepared folder, or None.

    Raises:
        BadInput: no configuration, or the training's folder is not there.
    """
    if prepared is not None:
        return prepared
    place = Path(read_config(run)["data"]["prepared"])
    if not place.is_dir():
        raise BadInput(
            f"{place}: the prepared folder of {run_folder(run) / CONFIG} is not there; say where with --prepared"
        )
    return place


def parts_of(run: Path) -> dict[str, list[str]]:
    """Return the folds, rooms or recordings of train, validate and test of a run.

    Raises:
        BadInput: no configuration.
    """
    data = read_config(run)["data"]
    return {part: [str(token) for token in data.get(part) or []] for part in PARTS}


def tokens_of(fold: str, parts: Mapping[str, list[str]], recordings: Sequence[Recording]) -> list[str]:
    """Return the folds, rooms or recordings that a word names: those of a part of the run where they exist.

    Args:
        fold: train, validate or test, or the name of a fold, a room or a recording.
        parts: as from `parts_of`; empty without a run.
        recordings: of the manifest. A fold of its own that is called test is taken where it lacks those of the run.
    """
    tokens = list(parts.get(fold, [fold]))
    known = any(matches(recording, token) for recording in recordings for token in tokens)
    own = any(matches(recording, fold) for recording in recordings)
    return [fold] if own and not known else tokens


def of_fold(
    recordings: Sequence[Recording], fold: str, parts: Mapping[str, list[str]], prepared: Path, option: str
) -> list[Recording]:
    """Select the recordings of a fold; of a manifest without folds all of them, which is logged.

    Args:
        recordings: of the manifest.
        fold: test, validate or train of a run or recipe, or the name of a fold, a room or a recording; all for all.
        parts: folds, rooms or recordings of test, validate and train.
        prepared: folder of the manifest, for messages.
        option: that the fold was given with, for messages.

    Raises:
        BadInput: the fold names nothing.
    """
    if fold in PARTS and not any(recording.fold for recording in recordings):
        log.warning("%s: the manifest has no folds; all %d recordings are taken", prepared, len(recordings))
        return list(recordings)
    return pick(recordings, tokens_of(fold, parts, recordings), option)


def run_of(predictions: Path) -> Path | None:
    """Return the run in whose folder predictions lie (RUN/predictions, RUN/evaluation/aligned); None without one."""
    homes = (predictions.parent, predictions.parent.parent)
    return next((home for home in homes if (home / CONFIG).is_file()), None)


def predictions_of(run: Path, prepared: Path | None = None) -> Path:
    """Return the folder of a run's predictions: of `predict`, or of `evaluate` with the video of the training.

    Args:
        run: a run folder, RUN@STEP, or a weights file in it.
        prepared: the prepared folder whose recordings are predicted, if not that of the training, for the message.

    Raises:
        BadInput: there are none.
    """
    folder = beside(run, "predictions")
    if folder.is_dir():
        return folder
    video = str(read_config(run)["data"].get("video", "aligned"))
    evaluations = beside(run, "evaluation")
    evaluated = evaluations / video
    if not evaluated.is_dir():  # evaluated with other visual input
        others = sorted(path.parent for path in evaluations.glob("*/*.csv"))
        evaluated = others[0] if others else evaluated
    if not evaluated.is_dir():
        other = "" if prepared is None else f" --prepared {prepared}"
        raise BadInput(f"{folder}: not found; predict with avseld predict --run {run}{other}")
    log.info("%s: predictions of avseld evaluate", evaluated)
    return evaluated
