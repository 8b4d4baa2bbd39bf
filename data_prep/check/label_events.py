"""Check labels: rows written twice, events within others of their class, one source in several places at once."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from avseld.io.events import Events

TOUCHING_S = 1e-3
"""longest overlap of rows that touch but for rounding"""
MAX_AT_ONCE = 3
"""sources of one class at once that targets hold (the tracks of Multi-ACCDOA); more with number 0 are suspicious even
where no source has another number"""


@dataclass(frozen=True)
class Repeats:
    """Rows of a recording that overlap an earlier one of the same class and source.

    Args:
        identical: (n,) rows that equal an earlier one.
        elsewhere: (n,) rows in another direction than the one they overlap.
        within: (n,) rows without direction, or in the same one.
        most: largest number of rows of one class and source at once.
    """

    identical: np.ndarray
    elsewhere: np.ndarray
    within: np.ndarray
    most: int

    def warnings(self, events: Events, place: Callable[[int], str]) -> list[str]:
        """Describe the repeats.

        Args:
            events: the rows.
            place: returns file and line of a row.
        """
        lines = []
        for rows, what in (
            (self.identical, "{n} rows are written twice; remove one of each"),
            (
                self.elsewhere,
                f"{{n}} times one source of one class is in two places at once (up to {self.most}), as rows of one "
                "class and number; give simultaneous sources different numbers",
            ),
            (
                self.within,
                "{n} events begin within another of their class; a detector can find one of them only: join them",
            ),
        ):
            if len(rows):
                first = int(rows.min())
                lines.append(f"{place(first)}: at {events.onset[first]:.1f} s: {what.format(n=len(rows))}")
        return lines


def repeats(events: Events, numbered: bool | None = None) -> Repeats:
    """Find rows that overlap an earlier one of the same class and source.

    Args:
        events: rows with times; those without are left out.
        numbered: whether the file has a column for the number of a source; None if unknown. Without numbers, rows in
            different directions are different sources, up to `MAX_AT_ONCE` of them.
    """
    timed = np.flatnonzero(~np.isnan(events.onset) & ~np.isnan(events.offset))
    order = timed[
        np.lexsort(
            (
                events.elevation[timed],
                events.azimuth[timed],
                events.offset[timed],
                events.onset[timed],
                events.source[timed],
                events.label[timed],
            )
        )
    ]
    nothing = np.zeros(0, int)
    if not len(order):
        return Repeats(nothing, nothing, nothing, 0)
    onset, offset = events.onset[order], events.offset[order]
    pair = np.stack([events.label[order], events.source[order]])
    begins = np.r_[True, (pair[:, 1:] != pair[:, :-1]).any(axis=0)]
    group = np.cumsum(begins) - 1
    # Groups one after another on one clock, so that the latest end so far is that of the group.
    shift = group * (offset.max() - onset.min() + 1.0)
    latest = np.maximum.accumulate(offset + shift)
    overlaps = np.r_[False, onset[1:] + shift[1:] < latest[:-1] - TOUCHING_S] & ~begins
    before = np.maximum(np.arange(len(order)) - 1, 0)
    names = ("onset", "offset", "azimuth", "elevation", "distance")
    columns = np.stack([getattr(events, name)[order] for name in names])
    same = (columns == columns[:, before]) | (np.isnan(columns) & np.isnan(columns[:, before]))
    identical = overlaps & same.all(axis=0)
    placed = ~np.isnan(columns[2])
    elsewhere = overlaps & ~identical & placed & ~same[2:4].all(axis=0)
    most = _most_at_once(onset + shift, offset + shift)
    has_numbers = bool((events.source != 0).any()) if numbered is None else numbered
    if not has_numbers and most <= MAX_AT_ONCE:
        elsewhere &= False
    return Repeats(
        order[identical], order[elsewhere], order[overlaps & ~identical & ~elsewhere & ~placed], most
    )


def _most_at_once(onset: np.ndarray, offset: np.ndarray) -> int:
    """Count the largest number of rows that sound at one time."""
    times = np.r_[onset + TOUCHING_S, offset]
    change = np.r_[np.ones(len(onset), int), -np.ones(len(offset), int)]
    return int(np.cumsum(change[np.argsort(times, kind="stable")]).max(initial=0))
