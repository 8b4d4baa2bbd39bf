"""Rows of numbers in text, parsed fast; what is wrong with one is found row by row, by those who read it."""

from collections.abc import Sequence

import numpy as np


def read_table(lines: Sequence[str], width: int, empty_is_nan: bool = False) -> np.ndarray | None:
    """Parse rows of numbers to a table (row, column), fast; empty lines are left out.

    Args:
        lines: without header.
        width: number of columns.
        empty_is_nan: read empty cells as NaN instead of refusing them.

    Returns:
        None where a row has another width or a cell is not a finite number; read row by row to name it.
    """
    text = "\n".join(lines)
    if "n" in text or "N" in text:  # nan and inf, which numpy would take
        return None
    if not text.strip():
        return np.zeros((0, width))
    if empty_is_nan:
        lines = _filled(text).split("\n")
    try:
        table = np.loadtxt(lines, delimiter=",", comments=None, ndmin=2)
    except ValueError:
        return None
    return table if table.shape[1] == width and not np.isinf(table).any() else None


def _filled(text: str) -> str:
    """Write nan into empty cells."""
    for _ in range(2):  # neighbouring empty cells share a comma
        text = text.replace(",,", ",nan,").replace("\n,", "\nnan,").replace(",\n", ",nan\n")
    return ("nan" if text.startswith(",") else "") + text + ("nan" if text.endswith(",") else "")
