"""The command `models`: list the packaged recipes with their input, output and network size."""

import json as json_format
import sys
from pathlib import Path
from typing import Any

import yaml

from avseld.config import Part
from avseld.metrics import RULES
from avseld.recipes import FOLDER
from avseld.system.blueprint import Blueprint
from avseld.system.build import System

TASK4_CLASSES = 10
"""number of classes of DCASE 2019 Task 4, whose recipes have no Task 3 year"""
ONE_CLASS = "--one_class"
"""in the launch command at the head of a recipe: all classes of the corpus are merged into one"""


def describe(path: Path) -> dict[str, Any]:
    """Build the system of a recipe and describe it.

    Args:
        path: a recipe; its `challenge` decides the number of classes, unless its launch command merges them.

    Returns:
        recipe, system, parameters, learned, input, video, output, classes and about, as `models` prints them.
    """
    text = path.read_text(encoding="utf-8")
    recipe = yaml.safe_load(text)
    year = recipe.get("challenge")
    n_classes = RULES[year].n_classes if year else TASK4_CLASSES
    if ONE_CLASS in text:
        n_classes = 1
    features, model, target = (Part(**recipe[name]) for name in ("features", "model", "target"))
    data = recipe["data"]
    names = [f"class {number}" for number in range(n_classes)]
    system = System(Blueprint(features, model, target, names, data["format"], data["chunk"]))
    learned = sum(weight.numel() for weight in system.model.parameters() if weight.requires_grad)
    return {
        "recipe": path.stem,
        "system": model.name,
        "parameters": system.parameter_count,
        "learned": learned,
        "input": f"{data['format']}, {features.name}",
        "video": data["video"] != "blank",
        "output": target.name,
        "classes": n_classes,
        "about": text.splitlines()[0].removeprefix("# ").partition(" - ")[2],
    }


def models(json: bool = False) -> None:
    """List every recipe with its system, size, input and output.

    Args:
        json: print one JSON object per line and recipe.
    """
    for path in sorted(FOLDER.glob("*.yaml")):
        about = describe(path)
        if json:
            sys.stdout.write(json_format.dumps(about) + "\n")
        else:
            video = " + video" if about["video"] else ""
            line = f"{about['recipe']:<18}{about['parameters']:>10,}  {about['input']}{video} -> {about['output']}"
            sys.stdout.write(line + "\n")
