"""Exact conversions between samples, frames and label frames; rates that do not divide are errors."""

import numpy as np

from avseld.base.errors import BadInput

LABEL_HOP = 0.1
"""Seconds between the frames of DCASE labels and predictions since 2020."""


def exact_div(numerator: int, denominator: int, what: str = "") -> int:
    """Divide integers without remainder.

    Args:
        numerator: dividend.
        denominator: divisor.
        what: start of the error message.

    Raises:
        BadInput: the division leaves a remainder.
    """
    quotient, rest = divmod(numerator, denominator)
    if rest:
        label = f"{what}: " if what else ""
        raise BadInput(
            f"{label}{numerator} is not a multiple of {denominator} (remainder {rest}); choose rates that divide"
        )
    return quotient


def samples(seconds: float, sample_rate: int, what: str = "duration") -> int:
    """Convert a duration to a whole number of samples, exact to a millionth of a sample.

    Args:
        seconds: duration.
        sample_rate: Hz.
        what: start of the error message.

    Raises:
        BadInput: the duration is not a whole number of samples.
    """
    exact = seconds * sample_rate
    if abs(exact - round(exact)) > 1e-6:
        raise BadInput(f"{what}: {seconds} s is {exact} samples at {sample_rate} Hz; choose a whole number")
    return round(exact)


def frames_within(first: np.ndarray, stop: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """List every frame of every event, event by event.

    Args:
        first: (row,) first frame of each event.
        stop: (row,) frame after its last one, at least `first`.

    Returns:
        Two arrays (covered frame,): the row of the event, ascending, and the index of the frame.
    """
    counts = stop - first
    row = np.repeat(np.arange(len(first)), counts)
    return row, first[row] + np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)
