"""Augmentation of training windows before they are encoded: sound, labels and visual input change together.

As scenes change before a target encodes them, every augmentation serves every target. Rotations and reflections by
exchanging channels: L. Mazzon et al., First order ambisonics domain spatial augmentation for DNN-based direction of
arrival estimation, DCASE Workshop 2019; Q. Wang et al., A four-stage data augmentation approach to ResNet-Conformer
based acoustic modeling for sound event localization and detection, arXiv 2101.02919 (microphone array).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from avseld.augment.batches import Another, Drawn, VisualLayout, WindowBatch
from avseld.augment.maps import N_MAP_VALUES, map_places
from avseld.base.draws import Generators
from avseld.base.errors import BadInput
from avseld.base.event_batch import concatenate_batches
from avseld.base.event_batch import wrap as wrap_batch
from avseld.io.events import Events, concatenate
from avseld.io.formats import format_named
from avseld.io.geometry import unit_vector, wrap
from avseld.io.sphere_grid import COLUMNS, ROWS


@dataclass(frozen=True)
class Window:
    """A training window before its labels are encoded."""

    waveform: np.ndarray
    """(channel, sample)"""
    events: Events
    """labels of the whole recording"""
    start: float
    """start of the window in the recording, seconds"""
    visual: np.ndarray | None = None
    """boxes or tracks (..., box, 4 or more), x0 y0 x1 y1 first, all zeros in a place without a box; or embeddings
    (label frame, value)"""
    layout: VisualLayout = "boxes"
    """what `visual` holds"""


@dataclass(frozen=True)
class Rotation:
    """Rotation by a multiple of 90 degrees about the vertical axis, after reflections of azimuth and elevation.

    Azimuth a becomes sign * a + 90 * quarter, elevation e becomes up * e.
    """

    quarter: int
    """quarter turns to the left, 0 to 3"""
    sign: int
    """-1 reflects left and right, else 1"""
    up: int
    """-1 reflects up and down, else 1"""

    def vectors(self, directions: np.ndarray) -> np.ndarray:
        """Rotate direction vectors (..., axis = x y z)."""
        x, y, z = directions[..., 0], self.sign * directions[..., 1], self.up * directions[..., 2]
        cosine, sine = ((1, 0), (0, 1), (-1, 0), (0, -1))[self.quarter]
        return np.stack([cosine * x - sine * y, sine * x + cosine * y, z], axis=-1)

    def events(self, events: Events) -> Events:
        """Rotate the directions of events, and their energy maps."""
        azimuth = wrap(self.sign * events.azimuth + 90.0 * self.quarter)
        energies = events.energies
        if energies is not None:
            energies = energies.moved(map_places([self], ROWS, COLUMNS)[0])
        return replace(events, azimuth=azimuth, elevation=self.up * events.elevation, energies=energies)

    def boxes(self, boxes: np.ndarray) -> np.ndarray:
        """Rotate boxes of an equirectangular video frame.

        Args:
            boxes: (..., 4 or more), x0 y0 x1 y1 first, in 0..1.

        Returns:
            The same shape; a box at the image's seam reaches beyond 0..1 in x.
        """
        return _rotated_boxes(np, boxes, self.quarter, self.sign, self.up).astype(boxes.dtype)


def _rotated_boxes(array: Any, boxes: Any, quarter: Any, sign: Any, up: Any) -> Any:
    """Rotate boxes of an equirectangular video frame, arrays of NumPy or tensors.

    Args:
        array: the module, numpy or torch.
        boxes: (..., 4 or more), x0 y0 x1 y1 first, in 0..1.
        quarter: see `Rotation`, broadcast against the leading axes of boxes.
        sign: likewise.
        up: likewise.
    """
    present = (boxes[..., :4] != 0).any(-1)
    centre = 1 - (boxes[..., 0] + boxes[..., 2]) / 2  # rises with azimuth
    centre = 0.5 + sign * (centre - 0.5) + 0.25 * quarter
    # A reflection leads over no seam: a picture may have none.
    centre = array.where(quarter == 0, centre, centre % 1.0)
    half_width = (boxes[..., 2] - boxes[..., 0]) / 2
    top, bottom, down, middle = boxes[..., 1], boxes[..., 3], up < 0, 1 - centre
    top, bottom = array.where(down, 1 - bottom, top), array.where(down, 1 - top, bottom)
    corners = array.stack([middle - half_width, top, middle + half_width, bottom], -1)
    rotated = array.concatenate([corners, boxes[..., 4:]], -1)
    return array.where(present[..., None], rotated, 0)


def _turned(boxes: Tensor, angles: Tensor) -> Tensor:
    """Rotate the boxes (window, ..., box, 4 or more) of each window by its (window, quarter sign up)."""
    quarter, sign, up = angles.reshape(-1, *[1] * (boxes.ndim - 2), 3).unbind(-1)
    rotated: Tensor = _rotated_boxes(torch, boxes, quarter, sign, up)
    return rotated


ALL_ROTATIONS = tuple(
    Rotation(quarter, sign, up) for quarter in range(4) for sign in (1, -1) for up in (1, -1)
)


@lru_cache
def rotations(format: str) -> tuple[tuple[Rotation, np.ndarray], ...]:
    """List the rotations that a channel format allows, each with its matrix (new channel, old channel).

    First-order ambisonics allows 16, the tetrahedral array 8 (those that map every capsule onto a capsule), binaural
    and stereo 2 (left and right exchanged).

    Args:
        format: channel format of the recordings.

    Raises:
        BadInput: the format allows none.
    """
    known = format_named(format)
    if known.symmetry == "ambisonic":
        axes = np.eye(3)
        order = [1, 2, 0]  # channels W Y Z X
        found = []
        for rotation in ALL_ROTATIONS:
            matrix = np.eye(4)
            matrix[1:, 1:] = rotation.vectors(axes).T[np.ix_(order, order)]
            found.append((rotation, matrix))
        return tuple(found)
    if known.symmetry == "capsules":
        capsules = unit_vector(*np.array(known.capsules_deg).T)
        found = []
        for rotation in ALL_ROTATIONS:
            coincide = rotation.vectors(capsules) @ capsules.T > 0.999  # (old capsule, new capsule)
            if coincide.any(axis=1).all():
                found.append((rotation, coincide.T.astype(float)))
        return tuple(found)
    if known.symmetry == "sides":
        return (Rotation(0, 1, 1), np.eye(2)), (Rotation(0, -1, 1), np.eye(2)[::-1])
    raise BadInput(f"augment: recordings of format {format} cannot be rotated; leave rotate out")


class Rotate:
    """Rotate or mirror the scene; every rotation that the channel format allows is equally likely.

    Of embeddings the maps of whole panoramas rotate, 6 x 12 values (`avseld.augment.maps`), with or without boxes
    before them.

    Args:
        format: channel format of the recordings.

    Raises:
        BadInput: the format allows none.
    """

    def __init__(self, format: str) -> None:
        self.rotations = rotations(format)
        turns = [rotation for rotation, _ in self.rotations]
        self.map_places, self.cell_places = map_places(turns), map_places(turns, ROWS, COLUMNS)
        self._tables: dict[torch.device, tuple[Tensor, ...]] = {}

    def draw(self, random: Generators, another: Another) -> Drawn:
        """Draw the rotation of each of some windows, as a call does."""
        return {"rotation": random.integers(len(self.rotations))}

    def change(self, windows: WindowBatch, drawn: Drawn) -> WindowBatch:
        """Rotate a batch of windows on its device, as a call does each.

        Args:
            windows: with sound, events and visual input.
            drawn: from `draw`, on the device.
        """
        device, number = windows.waveform.device, drawn["rotation"]
        *tables, map_places, cell_places = self._on(device)
        angles, box_angles, channels, signs = (table[number] for table in tables)
        quarter, sign, up = angles[:, None].unbind(-1)  # each (window, 1)
        events = windows.events.turned(
            wrap_batch(sign * windows.events.azimuth + 90.0 * quarter), up * windows.events.elevation
        ).moved(cell_places, number)
        visual = windows.visual
        if visual is not None and windows.layout == "embeddings":
            boxes, maps = visual[..., :-N_MAP_VALUES], visual[..., -N_MAP_VALUES:]
            boxes = _turned(boxes.unflatten(-1, (boxes.shape[-1] // 5, 5)), box_angles).flatten(-2)
            places = map_places[number][:, None].expand_as(maps)
            visual = torch.cat([boxes, maps.gather(-1, places)], dim=-1)
        elif visual is not None:
            visual = _turned(visual, box_angles)
        channels = channels[..., None].expand_as(windows.waveform)
        waveform = windows.waveform.gather(1, channels) * signs[..., None]
        return replace(windows, waveform=waveform, events=events, visual=visual)

    def _on(self, device: torch.device) -> tuple[Tensor, ...]:
        """Keep the rotations on a device: angles in float64 and float32, old channels, their signs, map places, cells.

        Every matrix takes each new channel from one old one, with a sign.
        """
        if device not in self._tables:
            matrices = np.stack([matrix for _, matrix in self.rotations])
            channels = np.abs(matrices).argmax(axis=2)
            signs = np.take_along_axis(matrices, channels[..., None], axis=2)[..., 0]
            angles = [[rotation.quarter, rotation.sign, rotation.up] for rotation, _ in self.rotations]
            tables = (
                np.array(angles, np.float64),
                np.array(angles, np.float32),
                channels,
                signs.astype(np.float32),
                self.map_places,
                self.cell_places,
            )
            self._tables[device] = tuple(torch.from_numpy(table).to(device) for table in tables)
        return self._tables[device]

    def __call__(self, window: Window, random: np.random.Generator, another: Callable[[], Window]) -> Window:
        """Rotate a window.

        Args:
            window: with sound, labels and visual input.
            random: draws the rotation.
            another: not used.
        """
        number = int(random.integers(len(self.rotations)))
        rotation, matrix = self.rotations[number]
        visual = window.visual
        if visual is not None and window.layout == "embeddings":
            boxes, maps = visual[..., :-N_MAP_VALUES], visual[..., -N_MAP_VALUES:]
            boxes = rotation.boxes(boxes.reshape(len(boxes), boxes.shape[1] // 5, 5)).reshape(boxes.shape)
            visual = np.concatenate([boxes, maps[..., self.map_places[number]]], axis=-1)
        elif visual is not None:
            visual = rotation.boxes(visual)
        return replace(
            window,
            waveform=(matrix @ window.waveform).astype(np.float32),
            events=rotation.events(window.events),
            visual=visual,
        )


class Mix:
    """Add the sound, the labels and the boxes of another window.

    Embeddings of two video frames cannot be added: the window keeps its own, and the other sound is off screen. Where
    more events of one class overlap than the target has tracks, it drops the later ones.

    Args:
        format: channel format; not used.
        chance: probability that a window is mixed.
        gain_db: the other window's gain is drawn evenly from -gain_db to gain_db.
    """

    def __init__(self, format: str, chance: float = 0.5, gain_db: float = 6.0) -> None:
        self.chance, self.gain_db = chance, gain_db

    def draw(self, random: Generators, another: Another) -> Drawn:
        """Draw for each of some windows whether it is mixed, the gain, and the other window, as a call does."""
        mixed = random.random() < self.chance
        chosen = random.some(mixed)
        gain = np.zeros(len(random), np.float32)
        gain[mixed] = 10 ** (chosen.uniform(-self.gain_db, self.gain_db) / 20)
        return {"mixed": mixed, "gain": gain, "other": another(chosen)}

    def change(self, windows: WindowBatch, drawn: Drawn) -> WindowBatch:
        """Mix a batch of windows with others on its device, as a call does each.

        Args:
            windows: with sound, events and visual input.
            drawn: from `draw`, on the device; `other` is silent where a window is not mixed.
        """
        other: WindowBatch = drawn["other"]
        events = [windows.events, other.events.shifted(windows.start - other.start)]
        visual = windows.visual
        if visual is not None and other.visual is not None and windows.layout != "embeddings":
            merged = _merge_batches(visual, other.visual, tracks=windows.layout == "tracks")
            mixed = drawn["mixed"].reshape(-1, *[1] * (visual.ndim - 1))
            visual = torch.where(
                mixed, merged, visual
            )  # even an empty window would move boxes to other places
        waveform = windows.waveform + drawn["gain"][:, None, None] * other.waveform
        return replace(windows, waveform=waveform, events=concatenate_batches(events), visual=visual)

    def __call__(self, window: Window, random: np.random.Generator, another: Callable[[], Window]) -> Window:
        """Mix a window with another one.

        Args:
            window: with sound, labels and visual input.
            random: draws whether to mix, and the gain.
            another: draws the other window.
        """
        if random.random() >= self.chance:
            return window
        gain = 10 ** (random.uniform(-self.gain_db, self.gain_db) / 20)
        other = another()
        shift = window.start - other.start
        n_sources = int(window.events.source.max(initial=-1)) + 1
        events = replace(
            other.events,
            onset=other.events.onset + shift,
            offset=other.events.offset + shift,
            source=other.events.source + n_sources,
        )
        visual = window.visual
        if visual is not None and other.visual is not None and window.layout != "embeddings":
            visual = _merge_boxes(visual, other.visual, tracks=window.layout == "tracks")
        waveform = (window.waveform + gain * other.waveform).astype(np.float32)
        return replace(window, waveform=waveform, events=concatenate([window.events, events]), visual=visual)


def _merge_boxes(own: np.ndarray, other: np.ndarray, tracks: bool) -> np.ndarray:
    """Put other boxes (..., box, 4 or more) into the free places of the own ones; those without a place are dropped.

    Boxes of a video frame have no order, so each frame is filled by itself. A track keeps its place throughout the
    window: a place is free only if it is empty in all frames.
    """
    both = np.concatenate([own, other], axis=-2)
    absent = ~both[..., :4].any(axis=-1)
    if tracks:
        absent = np.broadcast_to(absent.reshape(-1, absent.shape[-1]).all(axis=0), absent.shape)
    order = np.argsort(absent, axis=-1, kind="stable")[..., : own.shape[-2]]
    return np.take_along_axis(both, order[..., None], axis=-2)


def _merge_batches(own: Tensor, other: Tensor, tracks: bool) -> Tensor:
    """Merge the boxes of a batch of windows (window, ..., box, 4 or more) as `_merge_boxes` does those of one."""
    both = torch.cat([own, other], dim=-2)
    absent = ~(both[..., :4] != 0).any(-1)
    if tracks:
        absent = absent.flatten(1, -2).all(dim=1).reshape(-1, *[1] * (own.ndim - 3), both.shape[-2])
    order = absent.byte().argsort(dim=-1, stable=True)[..., : own.shape[-2], None]
    return both.gather(-2, order.expand_as(own))


SCENE_AUGMENTATIONS: dict[str, Callable[..., Rotate | Mix]] = {"rotate": Rotate, "mix": Mix}
"""name in a recipe -> class; each takes the channel format and the part's options"""
