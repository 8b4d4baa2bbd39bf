"""Parts of a system by name: a feature, a network or a target, its options checked, its members complete."""

import inspect
import logging
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any

from torch import nn

from avseld.base.errors import BadInput
from avseld.base.options import check_options
from avseld.base.plugins import comes_from_elsewhere, find_part
from avseld.config import Part
from avseld.system.dry_run import in_one_line

log = logging.getLogger(__name__)

GROUPS = {"features": "avseld.features", "model": "avseld.models", "target": "avseld.targets"}
"""kind of part -> group of entry points"""

OLD_OPTIONS = {("target", "held"): "frames_per_output", ("model", "blind"): "video_dropout"}
"""(kind of part, name of an option in older recipes and runs) -> name today"""

OLD_VALUES = {("model", "visual", "frames"): "embeddings"}
"""(kind of part, option, its value in older recipes and runs) -> value today"""


def build_part(table: dict[str, Any], part: Part, what: str, *arguments: Any, **options: Any) -> Any:
    """Construct a part by name.

    Args:
        table: classes of this package by name.
        part: name and options.
        what: kind of part, for messages: features, model or target.
        arguments: first arguments of the constructor.
        options: further arguments, given where the constructor has them and the part does not set them.

    Returns:
        The part.

    Raises:
        BadInput: an unknown name or option, or a constructor that fails; one line.
    """
    constructor = find_part(f"{what}.name", part.name, table, GROUPS[what])
    parameters = list(inspect.signature(constructor).parameters.values())[len(arguments) :]
    known = [each.name for each in parameters if each.kind is not each.VAR_KEYWORD]
    part = replace(
        part, options=dict(_current(what, option, value, known) for option, value in part.options.items())
    )
    for option in part.options:
        if option not in known and len(known) == len(parameters):
            there = ", ".join(each for each in known if each not in options)
            raise BadInput(f"{what}.options.{option}: {part.name} has no such option; it has {there}")
    chosen = {**{k: v for k, v in options.items() if k in known}, **part.options}
    checked = check_options(what, constructor, chosen)
    if comes_from_elsewhere(constructor) and what != "target" and not issubclass(constructor, nn.Module):
        raise BadInput(f"{what}.name: {part.name} is no torch.nn.Module; derive it from that class")
    with in_one_line(f"{what} {part.name}: its constructor"):
        return constructor(*arguments, **checked)


def _current(what: str, option: str, value: Any, known: Sequence[str]) -> tuple[str, Any]:
    """Translate an old option name, or an old value of an option, into the one that a part takes."""
    name = OLD_OPTIONS.get((what, option))
    if name is not None and name in known and option not in known:
        _say_old(f"{what}.options.{option}", name)
        option = name
    if isinstance(value, str) and (what, option, value) in OLD_VALUES:
        current = OLD_VALUES[what, option, value]
        _say_old(f"{what}.options.{option} {value}", current)
        value = current
    return option, value


@cache
def _say_old(old: str, current: str) -> None:
    """Say once per process that a name is old."""
    log.warning("%s is an old name: write %s", old, current)
