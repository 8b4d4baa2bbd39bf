"""What `evaluate` gives TensorBoard: the scores of the test as metrics of the recipe, and the gains of the video."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch.utils.tensorboard import SummaryWriter
from torch.utils.tensorboard.summary import hparams

from avseld.evaluation.ablation import gain_table
from avseld.metrics import SCORES

PARTS = ("features", "model", "target", "optimizer", "schedule")
"""parts of a recipe, whose options are listed"""
OTHERS = ("steps", "seed", "legacy", "best_by", "data.batch_size", "data.chunk", "data.video", "data.format")
"""other entries of a recipe that are listed"""


def write_board(
    folder: Path,
    config: Mapping[str, Any],
    results: Mapping[str, Mapping[str, Any]],
    gained: Mapping[str, Any],
) -> None:
    """Write an evaluation for TensorBoard, in place of an earlier one in the folder.

    The page of hyperparameters has a row for the run: its recipe, and the scores of the first control.

    Args:
        folder: of the event file, inside the run.
        config: recipe of the run.
        results: scores by control, the first one being that of the training.
        gained: as `avseld.evaluation.ablation.gains` returns it; may be empty.
    """
    for earlier in folder.glob("events.out.tfevents.*"):
        earlier.unlink()
    first = next(iter(results))
    with SummaryWriter(str(folder)) as board:
        metrics = {f"test/{name}": value for name, value in scalars_of(results[first]).items()}
        for summary in hparams(hyperparameters(config), metrics):
            board.file_writer.add_summary(summary)  # `add_hparams` would open a second file
        for name, value in metrics.items():
            board.add_scalar(name, value)
        for control, scores in list(results.items())[1:]:
            for name, value in scalars_of(scores).items():
                board.add_scalar(f"test {control}/{name}", value)
        if not gained:
            return
        board.add_text("gains", "```\n" + gain_table(first, gained) + "\n```")
        for other, parts in gained.items():
            for part, groups in parts.items():
                for group, scores in groups.items():
                    for measure, (gain, _, _) in scores.items():
                        board.add_scalar(f"gain over {other}/{measure} {part} {group}", gain)


def scalars_of(scores: Mapping[str, Any]) -> dict[str, float]:
    """Return the scores of all classes together that have a value, by name."""
    return {
        name: float(value)
        for name, value in scores.items()
        if name in SCORES and isinstance(value, int | float)
    }


def hyperparameters(config: Mapping[str, Any]) -> dict[str, bool | float | str]:
    """List what a recipe says in plain values: names of parts, their options, and some other entries.

    Args:
        config: recipe of a run.
    """
    found: dict[str, Any] = {}
    for part in PARTS:
        given = config.get(part) or {}
        found[part] = given.get("name")
        found |= {f"{part}.{name}": value for name, value in (given.get("options") or {}).items()}
    for name in OTHERS:
        place, _, member = name.rpartition(".")
        found[name] = (config.get(place) or {}).get(member) if place else config.get(name)
    return {
        name: value if isinstance(value, bool | int | float | str) else str(value)
        for name, value in found.items()
        if value is not None
    }
