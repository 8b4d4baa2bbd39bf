"""Names under which a training logs its numbers, in TensorBoard and in metrics.csv, and TensorBoard's overview of them.

TensorBoard folds what shares the part before the first slash: loss, score, class, norm, throughput, lr.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from avseld.metrics.definitions import extra_scores, label_of, of_classes

VALIDATE, TRAINING = "validate", "training_recordings"
"""the recordings that are scored at a validation: those of the validation, and some of the training"""
SCORES_OF = {VALIDATE: "score", TRAINING: "score_training"}
"""group of the scores of each"""
OLD_SCORE, SCORE = "scores/", "score/"
"""beginning of the names of scores in checkpoints of earlier versions, and today"""


def loss_tag(part: str, of: str) -> str:
    """Return the name of a loss.

    Args:
        part: name of a part, or loss for the whole.
        of: train for the windows of the training, `VALIDATE` or `TRAINING`.
    """
    return f"loss/{of}" if part == "loss" else f"loss/{part}/{of}"


def losses_of(values: Mapping[str, float], of: str) -> dict[str, float]:
    """Return the losses of recordings by part, from numbers by their names; arguments as for `loss_tag`."""
    found = {name: name.split("/") for name in values if name.startswith("loss/") and name.endswith(f"/{of}")}
    return {"/".join(words[1:-1]) or "loss": values[name] for name, words in found.items()}


def validation_values(scores: Mapping[str, float], losses: Mapping[str, float], of: str) -> dict[str, float]:
    """Name the scores and the losses of recordings.

    Args:
        scores: by name.
        losses: by part.
        of: `VALIDATE` or `TRAINING`.
    """
    named = {f"{SCORES_OF[of]}/{name}": value for name, value in scores.items()}
    return named | {loss_tag(part, of): value for part, value in losses.items()}


def class_scores(names: Iterable[str], challenge: int) -> list[str]:
    """Select the scores of classes that are logged: those that a year prints, so that TensorBoard stays legible.

    Args:
        names: scores that are known by class.
        challenge: the year.
    """
    return [
        name
        for name in of_classes(names, challenge)
        if name not in extra_scores(challenge) and name != "seld_score"
    ]


def class_values(
    classwise: Mapping[str, Sequence[float]], classes: Sequence[str], names: Iterable[str]
) -> dict[str, float]:
    """Name the scores of classes.

    Args:
        classwise: (class,) by score.
        classes: class names.
        names: scores that a class has of its own.
    """
    return {
        f"class/{title}/{name}": float(classwise[name][index])
        for index, title in enumerate(classes)
        for name in names
    }


def layout(losses: Sequence[str], scores: Sequence[str], of_class: Sequence[str]) -> dict[str, Any]:
    """Lay out TensorBoard's page of custom scalars: losses of training and validation in one chart, scores, classes.

    Args:
        losses: names of the parts of the loss, `loss` among them.
        scores: names of the scores.
        of_class: names of the scores of classes.

    Returns:
        What `SummaryWriter.add_custom_scalars` takes; each line of a chart is a regular expression of tags.
    """
    charts = {}
    for part in losses:
        place = "loss" if part == "loss" else f"loss/{re.escape(part)}"
        title = "training and validation" if part == "loss" else part
        charts[title] = ["Multiline", [f"{place}/({'|'.join(('train', VALIDATE, TRAINING))})$"]]
    return {
        "loss": charts,
        "score": {label_of(name, scores): ["Multiline", [f"score(_training)?/{name}$"]] for name in scores},
        "class": {label_of(name, scores): ["Multiline", [f"class/.+/{name}$"]] for name in of_class},
    }
