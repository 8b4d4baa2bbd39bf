"""Short trainings of narrow networks, to test whether a system learns at all; the scripts do the same at full size."""

import json
from pathlib import Path

import yaml

from avseld.config import Data, Hardware, Part
from avseld.evaluation.evaluate import evaluate
from avseld.recipes import FOLDER
from avseld.training.train import train


def learn(recipe: str, prepared: Path, out: Path, steps: int, data=None, options=None, **changes) -> Path:
    """Train a recipe with other data settings and options of its parts."""
    words = yaml.safe_load((FOLDER / f"{recipe}.yaml").read_text())
    settings = words.pop("data") | {"prepared": prepared, "batch_size": 8} | (data or {})
    for part in ("features", "model", "target", "optimizer"):
        words[part]["options"] |= (options or {}).get(part, {})
    for part in ("features", "model", "target", "optimizer"):
        words[part] = Part(**words[part])
    words |= {
        "data": Data(**settings), "schedule": Part("one_cycle"), "steps": steps, "validate_every": steps,
        "best_by": "last", "patience": None, "out": out, "hardware": Hardware("cpu", 1),
    } | changes  # fmt: skip
    train(**words)
    return out


def scores(out: Path) -> tuple[dict[str, float], dict[str, float]]:
    """Of the trained system and of the same one untrained, on its test recordings."""
    evaluate(out, figures=0, untrained=True)
    rows = json.loads((out / "evaluation" / "scores.json").read_text())["scores"]
    return rows["blank"], rows["untrained"]
