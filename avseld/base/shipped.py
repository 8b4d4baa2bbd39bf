"""Files that come with a package, by name: each has a card NAME.json beside it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

Card = TypeVar("Card")


def read_cards(folder: Path, card: Callable[..., Card]) -> dict[str, Card]:
    """Read the cards of a folder.

    Args:
        folder: of the files.
        card: makes a card from the members of its JSON object.

    Returns:
        Cards by name, sorted.
    """
    read = (json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json")))
    return {words["name"]: card(**words) for words in read}


def find_file(folder: Path, name: str | Path, suffix: str) -> Path | None:
    """Return the file of a name; None if the name is not that of any.

    Args:
        folder: of the files.
        name: without suffix. A path with folders is never a name.
        suffix: of the file: .onnx.
    """
    path = folder / f"{name}{suffix}"
    return path if Path(name).name == str(name) and path.is_file() else None
