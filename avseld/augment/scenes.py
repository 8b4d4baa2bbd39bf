"""More training material from what is there: turned and mirrored scenes, mixed ones, masked features.

Scenes are changed before they are encoded, sound, labels and boxes together, so that one rule fits every target.
Rotations and reflections by exchanging channels: L. Mazzon et al., First order ambisonics domain spatial augmentation,
DCASE 2019; Q. Wang et al., arXiv 2101.02919 (microphone array). Masks: D. Park et al., SpecAugment, Interspeech 2019.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor, nn

from avseld.base.errors import BadInput
from avseld.io.events import Events, concatenate
from avseld.io.formats import format_named
from avseld.io.geometry import unit_vector, wrap


@dataclass(frozen=True)
class Window:
    """A stretch of a recording before it is encoded."""

    waveform: np.ndarray
    """(channel, sample)"""
    events: Events
    """of the whole recording"""
    start: float
    """seconds, where the stretch begins"""
    boxes: np.ndarray | None = None
    """(..., box, 4 or more), x0 y0 x1 y1 first; all zeros where there is none"""


@dataclass(frozen=True)
class Turn:
    """A symmetry that keeps the vertical: azimuth a becomes sign * a + quarter * 90, elevation e becomes up * e."""

    quarter: int
    sign: int
    up: int

    def vectors(self, directions: np.ndarray) -> np.ndarray:
        """Directions (..., 3) after it."""
        x, y, z = directions[..., 0], self.sign * directions[..., 1], self.up * directions[..., 2]
        cosine, sine = ((1, 0), (0, 1), (-1, 0), (0, -1))[self.quarter]
        return np.stack([cosine * x - sine * y, sine * x + cosine * y, z], axis=-1)

    def events(self, events: Events) -> Events:
        """Events after it."""
        azimuth = wrap(self.sign * events.azimuth + 90.0 * self.quarter)
        return replace(events, azimuth=azimuth, elevation=self.up * events.elevation)

    def boxes(self, boxes: np.ndarray) -> np.ndarray:
        """Boxes (..., 4 or more) of an equirectangular picture after it; they may reach beyond its edge."""
        there = np.asarray(boxes[..., :4].any(axis=-1))
        middle = 1 - (boxes[..., 0] + boxes[..., 2]) / 2  # rises with azimuth
        middle = (0.5 + self.sign * (middle - 0.5) + 0.25 * self.quarter) % 1.0
        half = (boxes[..., 2] - boxes[..., 0]) / 2
        top, bottom = boxes[..., 1], boxes[..., 3]
        if self.up < 0:
            top, bottom = 1 - bottom, 1 - top
        turned = boxes.copy()
        turned[..., 0], turned[..., 2] = 1 - middle - half, 1 - middle + half
        turned[..., 1], turned[..., 3] = top, bottom
        return np.where(there[..., None], turned, 0).astype(boxes.dtype)


EVERY = tuple(Turn(quarter, sign, up) for quarter in range(4) for sign in (1, -1) for up in (1, -1))


@lru_cache
def turns(format: str) -> tuple[tuple[Turn, np.ndarray], ...]:
    """The symmetries that a channel format allows, each with the matrix (channel, channel) of its channels.

    16 for first-order ambisonics, 8 for the tetrahedral array, 2 for two ears and for stereo.

    Raises:
        BadInput: a format that allows none.
    """
    known = format_named(format)
    if known.symmetry == "ambisonic":
        axes = np.eye(3)
        order = [1, 2, 0]  # channels W Y Z X
        found = []
        for turn in EVERY:
            matrix = np.eye(4)
            matrix[1:, 1:] = turn.vectors(axes).T[np.ix_(order, order)]
            found.append((turn, matrix))
        return tuple(found)
    if known.symmetry == "capsules":
        capsules = unit_vector(*np.array(known.capsules_deg).T)
        found = []
        for turn in EVERY:
            near = turn.vectors(capsules) @ capsules.T > 0.999  # (before, after)
            if near.any(axis=1).all():
                found.append((turn, near.T.astype(float)))
        return tuple(found)
    if known.symmetry == "sides":
        return (Turn(0, 1, 1), np.eye(2)), (Turn(0, -1, 1), np.eye(2)[::-1])
    raise BadInput(f"augment: {format} recordings cannot be turned; leave rotate out")


class Rotate:
    """Turn or mirror the scene by a symmetry of the array, drawn evenly.

    Args of the constructor:
        format: of the recordings.
    """

    def __init__(self, format: str) -> None:
        self.turns = turns(format)

    def __call__(self, window: Window, random: np.random.Generator, another: Callable[[], Window]) -> Window:
        """The turned window."""
        turn, matrix = self.turns[int(random.integers(len(self.turns)))]
        return replace(
            window,
            waveform=(matrix @ window.waveform).astype(np.float32),
            events=turn.events(window.events),
            boxes=None if window.boxes is None else turn.boxes(window.boxes),
        )


class Mix:
    """Add another window: its sound, its events, its boxes.

    Where more events of one class sound at once than the target can tell apart, it drops the later ones.

    Args of the constructor:
        format: not looked at.
        chance: how often.
        gain_db: of the other window, at most so far up or down.
    """

    def __init__(self, format: str, chance: float = 0.5, gain_db: float = 6.0) -> None:
        self.chance, self.gain_db = chance, gain_db

    def __call__(self, window: Window, random: np.random.Generator, another: Callable[[], Window]) -> Window:
        """The mixed window."""
        if random.random() >= self.chance:
            return window
        gain = 10 ** (random.uniform(-self.gain_db, self.gain_db) / 20)
        other = another()
        shift = window.start - other.start
        most = int(window.events.source.max(initial=-1)) + 1
        events = replace(
            other.events,
            onset=other.events.onset + shift,
            offset=other.events.offset + shift,
            source=other.events.source + most,
        )
        boxes = window.boxes
        if boxes is not None and other.boxes is not None:
            both = np.concatenate([boxes, other.boxes], axis=-2)
            absent = ~both[..., :4].any(axis=-1)
            order = np.argsort(absent, axis=-1, kind="stable")[..., : boxes.shape[-2]]
            boxes = np.take_along_axis(both, order[..., None], axis=-2)
        waveform = (window.waveform + gain * other.waveform).astype(np.float32)
        return replace(window, waveform=waveform, events=concatenate([window.events, events]), boxes=boxes)


class Mask(nn.Module):
    """Put stretches of frames and of bins to zero, the same in all features of a window.

    Args of the constructor:
        frames: longest stretch of frames.
        bins: longest stretch of bins.
        n: stretches of each kind.
    """

    def __init__(self, frames: int = 16, bins: int = 32, n: int = 2) -> None:
        super().__init__()
        self.frames, self.bins, self.n = frames, bins, n

    def forward(self, x: Tensor) -> Tensor:
        """Mask (batch, feature, frame, bin)."""
        kept = torch.ones(x.shape[0], 1, x.shape[2], x.shape[3], dtype=torch.bool, device=x.device)
        for _ in range(self.n):
            kept &= ~_stretch(x, x.shape[2], self.frames)[:, None, :, None]
            kept &= ~_stretch(x, x.shape[3], self.bins)[:, None, None, :]
        return x * kept


class Shift(nn.Module):
    """Move all bins of a window up or down together; the edge repeats.

    Args of the constructor:
        bins: furthest.
    """

    def __init__(self, bins: int = 10) -> None:
        super().__init__()
        self.bins = bins

    def forward(self, x: Tensor) -> Tensor:
        """Shift (batch, feature, frame, bin)."""
        by = torch.randint(-self.bins, self.bins + 1, (x.shape[0], 1), device=x.device)
        index = (torch.arange(x.shape[3], device=x.device) - by).clamp(0, x.shape[3] - 1)
        return x.gather(3, index[:, None, None, :].expand_as(x))


SCENES: dict[str, Callable[..., Rotate | Mix]] = {"rotate": Rotate, "mix": Mix}
FEATURES: dict[str, Callable[..., nn.Module]] = {"mask": Mask, "shift": Shift}


def check(names: Sequence[str]) -> None:
    """Refuse an unknown augmentation.

    Raises:
        BadInput: names it.
    """
    for name in names:
        if name not in SCENES and name not in FEATURES:
            raise BadInput(f"augment: '{name}' is none of {', '.join((*SCENES, *FEATURES))}")


def _stretch(x: Tensor, n: int, longest: int) -> Tensor:
    """A stretch of each window (batch, n)."""
    length = torch.randint(0, min(longest, n) + 1, (x.shape[0], 1), device=x.device)
    first = (torch.rand(x.shape[0], 1, device=x.device) * (n - length + 1)).long()
    place = torch.arange(n, device=x.device)
    return (place >= first) & (place < first + length)
