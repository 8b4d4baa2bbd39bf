"""Parts of a network that are chosen by name, with options of their own."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from avseld.base.errors import BadInput
from avseld.base.options import check_options
from avseld.base.plugins import find_part

Choice = str | Mapping[str, Any]
"""A name, or {name: ..., options: {...}}; the name may be an import path, package.module:Class."""

GROUPS = {"encoder": "avseld.audio_encoders", "temporal": "avseld.temporal_models"}
"""what is chosen -> group of entry points"""


def build_choice(
    what: str, table: Mapping[str, Callable[..., Any]], choice: Choice, *arguments: Any, **defaults: Any
) -> Any:
    """Construct a part of a network.

    Args:
        what: what is chosen, an option of the model: encoder, temporal.
        table: constructors by name.
        choice: a name, or a name with options.
        arguments: first arguments of the constructor.
        defaults: options that the constructor gets unless `choice` sets them; left out if it has no such option.

    Returns:
        The part.

    Raises:
        BadInput: an unknown name or option, or another form than a name with options.
    """
    place = f"model.options.{what}"
    part = {"name": choice} if isinstance(choice, str) else dict(choice)
    name, options = part.pop("name", None), part.pop("options", None) or {}
    if part or not isinstance(name, str) or not isinstance(options, Mapping):
        raise BadInput(f"{place}: give a name or {{name: ..., options: {{...}}}}, not {choice!r}")
    constructor = find_part(place, name, table, GROUPS[what])
    parameters = list(inspect.signature(constructor).parameters.values())[len(arguments) :]
    known = [each.name for each in parameters if each.kind is not each.VAR_KEYWORD]
    for option in options:
        if option not in known and len(known) == len(parameters):
            has = f"it has {', '.join(known)}" if known else "it has none"
            raise BadInput(f"{place}.options.{option}: {name} has no such option; {has}")
    checked = check_options(place, constructor, options)
    return constructor(*arguments, **{k: v for k, v in defaults.items() if k in known} | checked)
