"""Every recipe of the package: what goes in, what comes out, how large the network is."""

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
"""of DCASE 2019 Task 4, whose recipes name no year of Task 3"""


def describe(path: Path) -> dict[str, Any]:
    """Build the system of a recipe and say what it is.

    Args:
        path: a recipe; its `challenge` decides how many classes there are.

    Returns:
        recipe, system, parameters, learned, input, video, output, classes, about.
    """
    text = path.read_text(encoding="utf-8")
    recipe = yaml.safe_load(text)
    year = recipe.get("challenge")
    n_classes = RULES[year].n_classes if year else TASK4_CLASSES
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
    """List every recipe: its system, its size, what goes in and what comes out.

    Args:
        json: print one JSON object a line, a recipe each.
    """
    for path in sorted(FOLDER.glob("*.yaml")):
        about = describe(path)
        if json:
            sys.stdout.write(json_format.dumps(about) + "\n")
        else:
            seen = " + video" if about["video"] else ""
            line = f"{about['recipe']:<18}{about['parameters']:>10,}  {about['input']}{seen} -> {about['output']}"
            sys.stdout.write(line + "\n")
