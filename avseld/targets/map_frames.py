"""Energy maps of labels in label frames, which targets that learn maps compare with, and the overlap of maps."""

import numpy as np
import torch
from torch import Tensor

from avseld.base.errors import BadInput
from avseld.base.event_batch import EventBatch
from avseld.base.rates import LABEL_HOP
from avseld.io.energy_maps import REACH_DEG, SIGMA_DEG
from avseld.io.events import Events
from avseld.io.geometry import unit_vector
from avseld.io.row_maps import RowMaps
from avseld.io.sphere_grid import AREA, DIRECTIONS, N_CELLS
from avseld.targets.batch_frames import divide

TINY = 1e-6
WITHOUT_MAPS = (
    "labels without energy maps; prepare them with the maps of the labels, or give "
    "--target.options.energies gaussian"
)


class MapFrames:
    """Energies of each class in each label frame, on the cells of `avseld.io.sphere_grid`.

    Args:
        n_classes: classes.
        energies: maps, those of the labels; or gaussian, drawn around each annotated direction.
        frames_per_label: feature frames of a label frame of 100 ms.

    Raises:
        BadInput: another kind of energies.
    """

    def __init__(self, n_classes: int, energies: str, frames_per_label: int) -> None:
        if energies not in ("maps", "gaussian"):
            raise BadInput(f"energies: '{energies}' is none of maps, gaussian")
        self.n_classes, self.frames_per_label = n_classes, frames_per_label
        self.needs_maps = energies == "maps"

    def encode(self, events: Events, start: float, n_frames: int, hop: float) -> np.ndarray:
        """Encode a window; a label frame of it has the sources that sound in its middle.

        Args:
            events: the whole recording.
            start: start of the window, seconds.
            n_frames: frames.
            hop: seconds between frames.

        Returns:
            (whole label frame, class, cell) float16, the largest of the sources of a class.

        Raises:
            BadInput: a label frame has another number of frames than `frames_per_label`, or rows without direction,
                or without map where it is needed.
        """
        if round(LABEL_HOP / hop) != self.frames_per_label:
            raise BadInput(
                f"frames_per_label: {self.frames_per_label}, but a label frame has {LABEL_HOP / hop:g} frames of the "
                "features; give their number"
            )
        n_labels = n_frames // self.frames_per_label
        first, stop = (
            np.ceil((time - start) / LABEL_HOP - 0.5 - TINY).clip(0, n_labels).astype(int)
            for time in (events.onset, events.offset)
        )
        heard = np.flatnonzero(stop > first)
        energy = np.zeros((n_labels, self.n_classes, N_CELLS), np.float16)
        for row, values in zip(heard, self._energies(events.select(heard)), strict=True):
            place = energy[first[row] : stop[row], events.label[row]]
            np.maximum(place, values, out=place)
        return energy

    def encode_batch(self, events: EventBatch, start: Tensor, n_frames: int) -> Tensor:
        """Encode a batch of windows on its device, as `encode` does each: (window, label frame, class, cell) float16.

        Raises:
            BadInput: no energy maps where they are needed.
        """
        n_labels = n_frames // self.frames_per_label
        first, stop = (
            (divide(time - start[:, None], LABEL_HOP) - 0.5 - TINY).ceil().clamp(0, n_labels)
            for time in (events.onset, events.offset)
        )
        energies = self._batch_energies(events)
        rows = events.label[..., None].expand_as(energies)
        energy = energies.new_zeros(len(energies), n_labels, self.n_classes, N_CELLS)
        for frame in range(n_labels):  # all at once would take the memory of each row in each frame
            heard = energies * ((first <= frame) & (frame < stop))[..., None]
            energy[:, frame].scatter_reduce_(1, rows, heard, "amax")
        return energy

    def batch_with_energy(self, events: EventBatch) -> EventBatch:
        """Silence the rows without energy, as `with_energy` leaves them out."""
        return events.silenced(self._batch_energies(events).amax(dim=-1) == 0) if self.needs_maps else events

    def _batch_energies(self, events: EventBatch) -> Tensor:
        """Return the energies of rows (window, row, cell) float16, of the labels or drawn."""
        if self.needs_maps:
            if events.energies is None:
                raise BadInput(WITHOUT_MAPS)
            return events.energies
        cells = torch.from_numpy(DIRECTIONS).to(events.table)
        angle = (events.directions() @ cells.T).clamp(-1, 1).arccos().rad2deg()
        return torch.where(angle <= REACH_DEG, (-0.5 * divide(angle, SIGMA_DEG) ** 2).exp(), 0).half()

    def with_energy(self, events: Events) -> Events:
        """Keep the rows that have energy: a sound that stronger ones cover has none in the labels.

        Raises:
            BadInput: no energy maps where they are needed.
        """
        if not self.needs_maps or not len(events):
            return events
        return events.select(_maps_of(events).count > 0)

    def _energies(self, events: Events) -> np.ndarray:
        """Return the energies of rows (row, cell), of the labels or drawn."""
        if self.needs_maps:
            return _maps_of(events).dense(N_CELLS) if len(events) else np.zeros((0, N_CELLS))
        if np.isnan(events.azimuth).any() or np.isnan(events.elevation).any():
            raise BadInput("labels without direction cannot train energy maps; choose another target")
        centres = unit_vector(events.azimuth, events.elevation)
        angle = np.degrees(np.arccos(np.clip(centres @ DIRECTIONS.T, -1, 1)))
        return np.where(angle <= REACH_DEG, np.exp(-0.5 * (angle / SIGMA_DEG) ** 2), 0)


def _maps_of(events: Events) -> RowMaps:
    """Return the energy maps of rows, which are needed."""
    if events.energies is None:
        raise BadInput(WITHOUT_MAPS)
    return events.energies


def soft_iou(found: Tensor, reference: Tensor) -> Tensor:
    """Compute the soft intersection over union of maps on the cells of the grid, weighted by their areas.

    Args:
        found: (map, cell) energies.
        reference: (map, cell).

    Returns:
        (map,).
    """
    area = torch.from_numpy(AREA).to(found)
    shared = (area * torch.minimum(found, reference)).sum(dim=-1)
    return shared / (area * torch.maximum(found, reference)).sum(dim=-1).clamp(min=TINY)


def label_frames(x: Tensor, n_labels: int, frames_per_label: int) -> Tensor:
    """Average the frames of each label frame: (batch, frame, ...) -> (batch, n_labels, ...)."""
    return x[:, : n_labels * frames_per_label].unflatten(1, (n_labels, frames_per_label)).mean(dim=2)
