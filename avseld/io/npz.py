"""Compressed arrays computed from a video, with a description of where they come from."""

import json
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from avseld.base.errors import BadInput
from avseld.base.files import fingerprint, replacing

Table = TypeVar("Table")

ABOUT = "about"
"""name of the array that holds the description, a JSON object"""


def write_npz(path: Path | str, arrays: dict[str, np.ndarray], about: dict[str, Any]) -> None:
    """Write arrays and their description to a compressed npz file.

    Args:
        path: the file.
        arrays: by their names in the file.
        about: description; `video` is the fingerprint of the video that the arrays were computed from.
    """
    description: dict[str, Any] = {ABOUT: np.array(json.dumps(about, sort_keys=True))}
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **(arrays | description))


def read_npz(
    path: Path | str,
    build: Callable[[Mapping[str, np.ndarray], dict[str, Any]], Table],
    content: str,
    command: str,
    video: Path | str | None = None,
) -> Table:
    """Read arrays and their description; nothing in the file is executed.

    Args:
        path: a file written by `write_npz`.
        build: makes the result of the arrays, by name, and the description; its errors count as damage.
        content: what the arrays are, for messages.
        command: the command that makes the file, for messages.
        video: if given, the arrays must have been computed from this very video.

    Raises:
        BadInput: missing, damaged, or computed from another video.
    """
    path = Path(path)
    if not path.is_file():
        raise BadInput(f"{path}: not found; make it with {command}")
    try:
        with np.load(path, allow_pickle=False) as file:
            about = json.loads(str(file[ABOUT]))
            table = build(file, about)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile, EOFError) as error:
        raise BadInput(f"{path}: no {content} file ({error}); make it anew with {command}") from error
    if video is not None and about.get("video") not in (None, fingerprint(video)):
        raise BadInput(f"{path}: {content} of another video than {video}; make them anew with {command}")
    return table


def latest(known: np.ndarray, time: np.ndarray | float) -> np.ndarray:
    """Find the row that holds at each time: the latest one not after it, the first one before the start.

    Args:
        known: (row,) seconds, rising.
        time: (...,) seconds.

    Returns:
        (...,) row indices.
    """
    rows = np.searchsorted(known, np.asarray(time) + 1e-6, side="right") - 1
    return np.clip(rows, 0, max(len(known) - 1, 0))
