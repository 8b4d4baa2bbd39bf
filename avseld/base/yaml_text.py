"""YAML as text: numbers as YAML 1.2 has them, nothing executed, one line where it cannot be read."""

import re
from typing import Any

import yaml

from avseld.base.errors import BadInput


class _Loader(yaml.SafeLoader):
    """Reads 1e-3 as a number, as YAML 1.2 does; PyYAML takes it for text."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)[eE][-+]?\d+$"), list("-+.0123456789")
)


def load_yaml(text: str, place: str) -> Any:
    """Read YAML.

    Args:
        text: YAML.
        place: file or option, for messages.

    Raises:
        BadInput: no readable YAML.
    """
    try:
        return yaml.load(text, _Loader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # of a date that is none, of a deep nesting
        raise BadInput(f"{place}: no readable YAML ({' '.join(str(error).split())}); correct it") from error
