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
from avseld.system.reach import reach_of
from avseld.system.timing import median_seconds, training_step

log = logging.getLogger(__name__)

DIAGRAM_SUFFIXES = (".svg", ".png", ".pdf")

TASK4_CLASSES = 10
"""number of classes of DCASE 2019 Task 4, whose recipes have no Task 3 year"""
ONE_CLASS = "--one_class"
"""in the launch command at the head of a recipe: all classes of the corpus are merged into one"""


MEASURED_WINDOWS = 4
"""windows of a batch that is timed, at most; larger batches of a recipe take proportionally longer"""


def describe(path: Path, measure: bool = False) -> dict[str, Any]:
    """Build the system of a recipe and describe it.

    Args:
        path: a recipe; its `challenge` decides the number of classes, unless its launch command merges them.
        measure: time training steps, too.

    Returns:
        recipe, system, parameters, learned, input, video, output, classes and about; gflop_per_second, 1e9 operations
        for a second of sound; receptive_field_s and look_ahead_s, seconds that enter a label frame and those of them
        that follow it (None for the whole window); causal; with `measure`, steps_per_s of the recipe's batch.
    """
    text = path.read_text(encoding="utf-8")
    recipe = yaml.safe_load(text)
    n_classes = number_of_classes(recipe, text)
    features, model, target = (Part(**recipe[name]) for name in ("features", "model", "target"))
    data = recipe["data"]
    names = [f"class {number}" for number in range(n_classes)]
    system = System(Blueprint(features, model, target, names, data["format"], data["chunk"]))
    learned = sum(weight.numel() for weight in system.model.parameters() if weight.requires_grad)
    reach = reach_of(system)
    steps_per_s = _steps_per_s(system, data["batch_size"]) if measure else None
    return {
        "recipe": path.stem,
        "system": model.name,
        "parameters": system.parameter_count,
        "learned": learned,
        "input": f"{data['format']}, {features.name}",
        "video": data["video"] != "blank",
        "output": target.name,
        "classes": n_classes,
        "gflop_per_second": round(reach.gflop_per_second, 4),
        "receptive_field_s": reach.receptive_field_s,
        "look_ahead_s": reach.after_s,
        "causal": reach.causal,
        **({} if steps_per_s is None else {"steps_per_s": steps_per_s}),
        "about": text.splitlines()[0].removeprefix("# ").partition(" - ")[2],
    }


def _steps_per_s(system: System, batch_size: int) -> float:
    """Time training steps on noise: steps a second of the recipe's batch."""
    n_windows = min(batch_size, MEASURED_WINDOWS)
    return n_windows / batch_size / median_seconds(training_step(system, n_windows))


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
    measure: bool = False,
    diagram: str | None = None,
    recipe: dict[str, Any] | None = None,
    out: Path | None = None,
) -> None:
    """List every recipe with its size, operations, receptive field, input and output, or draw the network of one.

    Args:
        json: print one JSON object per line and recipe.
        measure: time training steps on this machine, too: steps a second of the recipe's batch, measured with up to
            four windows of noise.
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
    paths = sorted(FOLDER.glob("*.yaml"))
    width = max(len(path.stem) for path in paths)
    if not json:
        sys.stdout.write(_columns(width, HEADER, measure))
    for path in paths:  # each line at once: networks are built and run
        about = describe(path, measure)
        sys.stdout.write(json_format.dumps(about) + "\n" if json else _columns(width, about, measure))
        sys.stdout.flush()


HEADER = {
    "recipe": "recipe", "parameters": "parameters", "gflop_per_second": "GFLOP/s", "receptive_field_s": "context",
    "look_ahead_s": "ahead", "steps_per_s": "steps/s",
}  # fmt: skip
"""of the list: GFLOP/s for each second of sound; context, the seconds of sound that enter a label frame; ahead, those
that follow it, 0 for a causal network"""


def _columns(width: int, about: Mapping[str, Any], measure: bool) -> str:
    """Write a line of the list; the header gives its words."""
    if about is HEADER:
        values, last = about, "input -> output"
    else:
        spans = {
            name: "window" if about[name] is None else f"{about[name]:.2f} s"
            for name in ("receptive_field_s", "look_ahead_s")
        }
        values = {
            "recipe": about["recipe"],
            "parameters": f"{about['parameters']:,}",
            "gflop_per_second": f"{about['gflop_per_second']:.2f}",
            **spans,
            "steps_per_s": f"{about['steps_per_s']:.2g}" if measure else "",
        }
        last = f"{about['input']}{' + video' if about['video'] else ''} -> {about['output']}"
    line = f"{values['recipe']:<{width}}{values['parameters']:>13}{values['gflop_per_second']:>9}"
    line += f"{values['receptive_field_s']:>8}{values['look_ahead_s']:>8}"
    line += f"{values['steps_per_s']:>9}" if measure else ""
    return f"{line}  {last}\n"


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
