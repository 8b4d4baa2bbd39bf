"""The command `models`: list the packaged recipes with their input, output and network size."""

import json as json_format
import logging
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from avseld.base.errors import BadInput
from avseld.base.files import takes_paths
from avseld.config import Part
from avseld.io.manifest import read_classes
from avseld.metrics import RULES
from avseld.recipes import FOLDER, recipe_path
from avseld.recipes.building import build_system
from avseld.recipes.reading import read_recipe, recipe_of
from avseld.recipes.role_systems import with_role_systems
from avseld.system.blueprint import Blueprint
from avseld.system.build import System
from avseld.system.layers import layer_blocks

log = logging.getLogger(__name__)

DIAGRAM_SUFFIXES = (".svg", ".png", ".pdf")

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
    n_classes = number_of_classes(recipe, text)
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


def number_of_classes(recipe: Mapping[str, Any], text: str) -> int:
    """Return the number of classes of the corpus that a recipe is for.

    Args:
        recipe: as YAML has it; its `challenge` decides.
        text: of its file; its launch command may merge the classes.
    """
    year = recipe.get("challenge")
    if ONE_CLASS in text:
        return 1
    return RULES[year].n_classes if year else TASK4_CLASSES


@takes_paths
def models(
    json: bool = False,
    diagram: str | None = None,
    recipe: dict[str, Any] | None = None,
    out: Path | None = None,
) -> None:
    """List every recipe with its system, size, input and output, or draw the network of one.

    Args:
        json: print one JSON object per line and recipe.
        diagram: draw the layers of a recipe's network with their shapes, as one window runs through it: a recipe, a
            YAML file or a run folder; options of it may follow, such as --model.options.hidden 128.
        recipe: the same as --diagram.
        out: with --diagram, the file to write, svg, png or pdf; by default RECIPE.svg.

    Raises:
        BadInput: an unknown recipe or option, or a file of another kind.
    """
    if diagram is not None:
        draw_network(diagram, recipe, out)
        return
    if recipe is not None or out is not None:
        raise BadInput("--out and options of a recipe belong to a picture; name its recipe with --diagram")
    listed = [describe(path) for path in sorted(FOLDER.glob("*.yaml"))]
    width = max(len(about["recipe"]) for about in listed)
    for about in listed:
        if json:
            sys.stdout.write(json_format.dumps(about) + "\n")
        else:
            video = " + video" if about["video"] else ""
            line = f"{about['recipe']:<{width}}{about['parameters']:>10,}  {about['input']}{video} -> {about['output']}"
            sys.stdout.write(line + "\n")


def draw_network(name: str, words: Mapping[str, Any] | None = None, out: Path | None = None) -> None:
    """Draw the network of a recipe.

    Args:
        name: of the recipe, or a file or a run folder.
        words: the recipe with changes, as YAML has it; None for the recipe as it is.
        out: svg, png or pdf; None for NAME.svg.

    Raises:
        BadInput: an unknown recipe or option, or a file of another kind.
    """
    # Not imported above: the list needs no figures.
    from avseld.reporting.network_diagram import write_diagram

    out = out or Path(f"{Path(name).stem}.svg")
    if out.suffix.lower() not in DIAGRAM_SUFFIXES:
        raise BadInput(f"--out {out}: '{out.suffix}' is none of {', '.join(DIAGRAM_SUFFIXES)}")
    system = system_of(name, words)
    write_diagram(out, layer_blocks(system), diagram_title(name, system))
    log.info("%s", out)


def system_of(name: str, words: Mapping[str, Any] | None = None) -> System:
    """Build the system of a recipe; arguments and errors as for `draw_network`."""
    path = Path(recipe_path(name))
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    words = words or read_recipe(name)
    made = recipe_of({"optimizer": {"name": "adam"}, **words}, needs_recordings=False)
    prepared = words["data"].get("prepared") if isinstance(words.get("data"), Mapping) else None
    if prepared and (Path(prepared) / "classes.txt").is_file():  # of a run, or as the user says
        classes = read_classes(prepared)
    else:
        classes = [f"class {number}" for number in range(number_of_classes(words, text))]
    return build_system(replace(made, model=with_role_systems(made.model, made.init_from)), classes)


def diagram_title(name: str, system: System) -> str:
    """Return what stands above the picture of a network."""
    part = system.blueprint
    return (
        f"{Path(name).stem}: {part.model.name} for {part.target.name}, {system.parameter_count:,} parameters"
    )
