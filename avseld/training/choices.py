"""What may stand in a recipe: names of parts with their options, for `avseld train --schedule.help` and its like."""

import inspect
import textwrap
from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from typing import Any

from avseld.augment.checks import GROUP as AUGMENTATIONS
from avseld.augment.features import FEATURE_AUGMENTATIONS
from avseld.augment.scenes import SCENE_AUGMENTATIONS
from avseld.base.cli_help import documented, member_lines
from avseld.base.errors import BadInput
from avseld.config import Data, Hardware, InitFrom, Update
from avseld.features import FEATURES
from avseld.models import MODELS
from avseld.models.choice import GROUPS as CHOICES
from avseld.models.encoders import ENCODERS
from avseld.models.temporal import TEMPORAL_MODELS
from avseld.system.parts import GROUPS
from avseld.targets import TARGETS
from avseld.training.optimizers import OPTIMIZERS, SCHEDULES

WIDTH = 100

PARTS: dict[str, tuple[Mapping[str, Callable[..., Any]], str | None]] = {
    "features": (FEATURES, GROUPS["features"]),
    "model": (MODELS, GROUPS["model"]),
    "model.options.encoder": (ENCODERS, CHOICES["encoder"]),
    "model.options.temporal": (TEMPORAL_MODELS, CHOICES["temporal"]),
    "target": (TARGETS, GROUPS["target"]),
    "optimizer": (OPTIMIZERS, None),
    "schedule": (SCHEDULES, None),
    "augment": ({**SCENE_AUGMENTATIONS, **FEATURE_AUGMENTATIONS}, AUGMENTATIONS),
}
"""place in a recipe -> (classes by name, group of entry points)"""

MEMBERS = {"data": Data, "hardware": Hardware, "init_from": InitFrom, "update": Update}
"""place in a recipe -> its dataclass"""

GIVEN = (
    *(
        "self",
        "optimizer",
        "params",
        "n_features",
        "n_bins",
        "shapes",
        "n_channels",
        "n_classes",
        "format",
        "n_inputs",
        "build_role",
    ),
    *("legacy", "layout", "last_epoch", "max_lr", "total_steps", "T_max", "step", "steps"),
    *("foreach", "maximize", "capturable", "differentiable", "fused"),
)
"""arguments that the system gives, and those of torch that no recipe needs"""


def describe(place: str, name: str | None = None) -> str:
    """Describe what may stand at a place of a recipe.

    Args:
        place: schedule, model, model.options.encoder, augment, data, ...
        name: describe only this part, with a sentence for each option.

    Returns:
        Text of at most 100 columns.

    Raises:
        BadInput: there is no such place, or no such part.
    """
    if place in MEMBERS:
        return "\n".join(member_lines(MEMBERS[place], f"{place}.", WIDTH))
    if place not in PARTS:
        raise BadInput(
            f"--{place}.help: there are {', '.join(f'--{key}.help' for key in (*PARTS, *MEMBERS))}"
        )
    table, group = PARTS[place]
    if name is not None:
        if name not in table:
            raise BadInput(f"--{place}.help: '{name}' is none of {', '.join(table)}")
        about = documented(table[name])
        lines = [*textwrap.wrap(f"{place} {name}: {_summary(table[name])}", WIDTH), ""]
        for option, value in _options(table[name]):
            lines += [f"  {option}={value}", *_indented(about.get(option, ""))]
        return "\n".join(lines)
    lines = [_usage(place), ""]
    for key, part in table.items():
        options = ", ".join(f"{option}={value}" for option, value in _options(part)) or "no options"
        lines += [f"  {key}", *_indented(_summary(part)), *_indented(options)]
    if group is not None:
        lines += [f"  {point.name}  ({point.value})" for point in entry_points(group=group)]
    return "\n".join(lines)


def _usage(place: str) -> str:
    if place == "augment":
        return f"--{place} NAME,NAME or --{place} '[{{name: NAME, options: {{OPTION: VALUE}}}}]'"
    return f"--{place}.name NAME --{place}.options.OPTION VALUE\n--{place}.help NAME describes its options"


def _options(part: Callable[..., Any]) -> list[tuple[str, str]]:
    """List the options of a part with their default values."""
    found = []
    for option in inspect.signature(part).parameters.values():
        if option.name not in GIVEN and option.kind not in (option.VAR_KEYWORD, option.VAR_POSITIONAL):
            found.append((option.name, "required" if option.default is option.empty else str(option.default)))
    return found


def _summary(part: Callable[..., Any]) -> str:
    """Return the first sentence of a docstring."""
    text = " ".join((inspect.getdoc(part) or "").split("\n\n")[0].split())
    return text.partition(". ")[0].rstrip(".")


def _indented(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=" " * 6, subsequent_indent=" " * 6)
