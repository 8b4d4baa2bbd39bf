"""Compressed arrays computed from a video, with a description of where they come from."""

import json
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from avseld.base.archive import open_file
from avseld.base.errors import BadInput
from avseld.base.files import fingerprint, replacing, require_file

Table = TypeVar("Table")

ABOUT = "about"
"""name of the array that holds the description, a JSON object"""
LATE_S = 1.0
"""time after the end of its video at which a row may be: headers are not exact"""
NUMBERS = ("fps", "duration", "start", "width", "height", "looked_at", "tiles", "field_deg", "yaw")
"""entries of the description that are numbers, where they are there"""

_ONE_HEADER_AT_A_TIME = threading.Lock()
"""NumPy parses headers with `ast.literal_eval`, whose count of recursions Python 3.11 shares among threads: at times it
fails with "AST constructor recursion depth mismatch" where two of them parse"""


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
    require_file(path, f"make it with {command}")
    try:
        with (
            _ONE_HEADER_AT_A_TIME,
            open_file(path) as content_of,
            np.load(content_of, allow_pickle=False) as file,
        ):
            about = json.loads(str(file[ABOUT]))
            _check_description(about)
            table = build(file, about)
    except Exception as error:  # numpy raises what zipfile, zlib and its parser of headers raise, too
        reason = " ".join(str(error).split()) or type(error).__name__
        raise BadInput(f"{path}: no {content} file ({reason}); make it anew with {command}") from error
    if video is not None and about.get("video") not in (None, fingerprint(video)):
        raise BadInput(f"{path}: {content} of another video than {video}; make them anew with {command}")
    return table


def check_times(time: np.ndarray, about: Mapping[str, Any]) -> None:
    """Refuse times that are no seconds from the start of a video.

    Args:
        time: (row,) seconds.
        about: description, which may say the duration of the video.

    Raises:
        ValueError: not finite, before 0, not rising, or after the end of the video; says which.
    """
    check_numbers("time", time)
    if len(time) and time[0] < 0:
        raise ValueError(f"a time of {time[0]:g} s is before the start of the video")
    if (wrong := np.flatnonzero(np.diff(time) <= 0)).size:
        row = int(wrong[0]) + 1
        raise ValueError(f"times do not rise: {time[row]:g} s in row {row} after {time[row - 1]:g} s")
    duration = about.get("duration")
    if len(time) and duration is not None and time[-1] > duration + LATE_S:
        raise ValueError(f"a time of {time[-1]:g} s is after the end of the video ({duration:g} s)")


def check_numbers(name: str, values: np.ndarray, low: float = -np.inf, high: float = np.inf) -> None:
    """Refuse an array with values that are no numbers, or out of a range.

    Args:
        name: of the array.
        values: any shape.
        low: smallest value.
        high: largest value.

    Raises:
        ValueError: such a value, or another kind of array; names the array.
    """
    if values.dtype.kind not in "fiu":
        raise ValueError(f"{name} holds {values.dtype}, not numbers")
    wrong = ~(np.isfinite(values) & (values >= low) & (values <= high))
    if wrong.any():
        allowed = f", not from {low:g} to {high:g}" if np.isfinite([low, high]).all() else ""
        raise ValueError(f"a {name} of {values[wrong][0]:g}{allowed}")


def _check_description(about: Any) -> None:
    """Refuse a description that is no object, or whose numbers are none."""
    if not isinstance(about, dict):
        raise ValueError(f"{ABOUT} is no JSON object")
    for name in NUMBERS:
        value = about.get(name)
        if value is not None and (not isinstance(value, int | float) or not np.isfinite(value)):
            raise ValueError(f"{name} in {ABOUT} is {value!r}, not a number")


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
