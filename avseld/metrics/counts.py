"""Counts of one or many recordings. Every score is a formula on sums of counts."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np


@dataclass(frozen=True, eq=False)
class Counts:
    """Additive statistics of recordings.

    The arrays have shape (class,) for one recording or a sum, (recording, class) for many; `substitutions`,
    `deletions`, `insertions`, `frames`, `equal_frames` and `whole_reference` have no class axis. Fields that
    a year does not use are 0.
    """

    reference: np.ndarray
    """reference events (segments or frames)"""
    prediction: np.ndarray
    """predicted events"""
    tp: np.ndarray
    """true positives: matched within the thresholds"""
    far: np.ndarray
    """matched, but beyond a threshold"""
    fp: np.ndarray
    """false positives: predictions without match"""
    fn: np.ndarray
    """false negatives: references without match"""
    matched: np.ndarray
    """matches at any angle; the denominator of the errors below"""
    angle: np.ndarray
    """sum of the angles of matches, degrees; 2018: of their chords"""
    distance: np.ndarray
    """sum of the distance errors of matches, metres (2025: centimetres); NaN if not annotated"""
    relative: np.ndarray
    """sum of the distance errors divided by the reference distance; NaN if not annotated"""
    onscreen: np.ndarray
    """matches with the right visibility; NaN if not annotated"""
    substitutions: np.ndarray
    deletions: np.ndarray
    insertions: np.ndarray
    frames: np.ndarray
    equal_frames: np.ndarray
    """frames with the same number of predicted and reference directions"""
    whole_reference: np.ndarray
    """2018: reference segments of whole seconds, in all classes, to which the error rate is relative"""

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    def __sub__(self, other: "Counts") -> "Counts":
        return Counts(*(getattr(self, f.name) - getattr(other, f.name) for f in fields(self)))

    def __getitem__(self, rows: Any) -> "Counts":
        """Select recordings, the first axis."""
        return Counts(*(getattr(self, f.name)[rows] for f in fields(self)))

    def sum(self) -> "Counts":
        """Sum over recordings, the first axis."""
        return Counts(*(getattr(self, f.name).sum(axis=0) for f in fields(self)))

    def as_dict(self) -> dict[str, np.ndarray]:
        """Return plain arrays by name, to send to another process."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    @classmethod
    def from_dict(cls, arrays: Mapping[str, np.ndarray]) -> "Counts":
        """Invert `as_dict`."""
        return cls(**{f.name: np.asarray(arrays[f.name]) for f in fields(cls)})

    @classmethod
    def zeros(cls, shape: tuple[int, ...], n_classes: int, **given: np.ndarray) -> "Counts":
        """Return counts of 0, except for the arrays given by name.

        Args:
            shape: () for one recording, (recording,) for many.
            n_classes: length of the class axis.
            given: arrays by field name.
        """
        empty = {f.name: np.zeros(shape if f.name in CLASSLESS else (*shape, n_classes)) for f in fields(cls)}
        return cls(**(empty | given))


CLASSLESS = ("substitutions", "deletions", "insertions", "frames", "equal_frames", "whole_reference")


def sum_counts(parts: Iterable[Counts]) -> Counts:
    """Sum the counts of several recordings.

    Raises:
        ValueError: there are none.
    """
    parts = list(parts)
    if not parts:
        raise ValueError("no counts to add")
    return Counts(
        *(np.sum([getattr(part, f.name) for part in parts], axis=0) for f in fields(Counts)),
    )


def stack_counts(parts: Sequence[Counts]) -> Counts:
    """Stack the counts of recordings (class,) to a table (recording, class)."""
    return Counts(*(np.stack([getattr(part, f.name) for part in parts]) for f in fields(Counts)))


def concatenate_counts(parts: Iterable[Counts]) -> Counts:
    """Concatenate tables of counts (recording, class) along the recordings."""
    parts = list(parts)
    return Counts(*(np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(Counts)))
