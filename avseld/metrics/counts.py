"""Counts: what a recording adds to the scores. Every score is a formula on sums of counts."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np


@dataclass(frozen=True, eq=False)
class Counts:
    """Statistics that add up over recordings.

    The arrays have shape (class,) for one recording or a sum, (recording, class) for many; `substitutions`,
    `deletions`, `insertions`, `frames` and `equal_frames` have no class axis. What a year does not count is
    0.
    """

    reference: np.ndarray
    """reference events (segments or frames)"""
    prediction: np.ndarray
    """predicted events"""
    tp: np.ndarray
    """predicted where and when they belong"""
    far: np.ndarray
    """matched, but beyond the threshold"""
    fp: np.ndarray
    """predicted and not matched"""
    fn: np.ndarray
    """reference and not matched"""
    matched: np.ndarray
    """matched, at any angle; the denominator of the errors below"""
    angle: np.ndarray
    """sum of the angles of matches, degrees"""
    distance: np.ndarray
    """sum of the distance errors of matches, metres (2025: centimetres); NaN if not annotated"""
    relative: np.ndarray
    """sum of the distance errors as shares of the true distance; NaN if not annotated"""
    onscreen: np.ndarray
    """matches whose visibility is right; NaN if not annotated"""
    substitutions: np.ndarray
    deletions: np.ndarray
    insertions: np.ndarray
    frames: np.ndarray
    equal_frames: np.ndarray
    """frames with as many predicted as reference directions"""

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    def __sub__(self, other: "Counts") -> "Counts":
        return Counts(*(getattr(self, f.name) - getattr(other, f.name) for f in fields(self)))

    def __getitem__(self, rows: Any) -> "Counts":
        """Pick along the first axis, that of the recordings."""
        return Counts(*(getattr(self, f.name)[rows] for f in fields(self)))

    def sum(self) -> "Counts":
        """Add along the first axis, that of the recordings."""
        return Counts(*(getattr(self, f.name).sum(axis=0) for f in fields(self)))

    def as_dict(self) -> dict[str, np.ndarray]:
        """Plain arrays by name, to send to another process."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    @classmethod
    def from_dict(cls, arrays: Mapping[str, np.ndarray]) -> "Counts":
        """The inverse of `as_dict`."""
        return cls(**{f.name: np.asarray(arrays[f.name]) for f in fields(cls)})

    @classmethod
    def zeros(cls, shape: tuple[int, ...], n_classes: int, **given: np.ndarray) -> "Counts":
        """Nothing counted, but for the arrays given by name.

        Args:
            shape: () for one recording, (recording,) for many.
            n_classes: length of the class axis.
            given: arrays by field name.
        """
        empty = {f.name: np.zeros(shape if f.name in CLASSLESS else (*shape, n_classes)) for f in fields(cls)}
        return cls(**(empty | given))


CLASSLESS = ("substitutions", "deletions", "insertions", "frames", "equal_frames")


def total(parts: Iterable[Counts]) -> Counts:
    """Sum of the counts of several recordings.

    Raises:
        ValueError: there are none.
    """
    parts = list(parts)
    if not parts:
        raise ValueError("no counts to add")
    return Counts(
        *(np.sum([getattr(part, f.name) for part in parts], axis=0) for f in fields(Counts)),
    )


def join(parts: Iterable[Counts]) -> Counts:
    """One table (recording, class) of several such tables, in their order."""
    parts = list(parts)
    return Counts(*(np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(Counts)))
