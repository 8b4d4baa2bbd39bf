"""Short trainings of small networks, to test that a system learns; the scripts train at full size."""

import json
from pathlib import Path

import yaml

from avseld.config import Data, Hardware, Part
from avseld.evaluation.evaluate import evaluate
from avseld.recipes import FOLDER
from avseld.training.train import train


def learn(recipe: str, prepared: Path, out: Path, steps: int, data=None, options=None, **changes) -> Path:
    """Train a recipe for a few steps on the CPU.

    Args:
        recipe: name of the recipe.
        prepared: prepared folder.
        out: run folder.
        steps: training steps.
        data: settings of `data` that differ from the recipe.
        options: part -> options of features, model, target or optimizer that differ from the recipe.
        changes: other settings that differ from the recipe.

    Returns:
        The run folder.
    """
    config = yaml.safe_load((FOLDER / f"{recipe}.yaml").read_text())
    settings = config.pop("data") | {"prepared": prepared, "batch_size": 8} | (data or {})
    for part in ("features", "model", "target", "optimizer"):
        config[part]["options"] |= (options or {}).get(part, {})
    for part in ("features", "model", "target", "optimizer"):
        config[part] = Part(**config[part])
    config |= {
        "data": Data(**settings), "schedule": Part("one_cycle"), "steps": steps, "validate_every": steps,
        "best_by": "last", "patience": None, "out": out, "hardware": Hardware("cpu", 1),
    } | changes  # fmt: skip
    train(**config)
    return out


def scores(out: Path) -> tuple[dict[str, float], dict[str, float]]:
    """Evaluate a run: scores of the trained and of the untrained system on the test recordings."""
    evaluate(out, figures=0, untrained=True)
    rows = json.loads((out / "evaluation" / "scores.json").read_text())["scores"]
    return rows["blank"], rows["untrained"]


def train_briefly(prepared: Path, out: Path, **changes) -> Path:
    """Train a small network for five steps with two validations, the second epoch shorter than the first.

    Args:
        prepared: folder of `plane_waves`.
        out: run folder.
        changes: of the recipe.

    Returns:
        The run folder.
    """
    words = {
        "data": Data(prepared, validate=["fold3_room5_mix003"], batch_size=2),
        "features": Part("logamplitude_iv"),
        "model": Part("avcrnn", {"width": 8, "hidden": 8}),
        "target": Part("multi_accdoa"),
        "optimizer": Part("adam", {"lr": 1e-3}),
        "schedule": Part("cosine"),
        "out": out,
        "steps": 5,
        "validate_every": 3,
        "hardware": Hardware("cpu", 1),
    } | changes
    train(**words)
    return out
