"""The folder of what can be had again: downloaded weights, drawn references."""

import os
from pathlib import Path


def cache_folder() -> Path:
    """Return the user's cache: `avseld` in XDG_CACHE_HOME, or in ~/.cache (XDG base directories)."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if Path(base).is_absolute() else Path.home() / ".cache") / "avseld"
