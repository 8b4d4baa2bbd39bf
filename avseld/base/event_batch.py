"""Events of a batch of windows as a tensor, so that labels are rotated, mixed and encoded on the device.

The same table as `avseld.io.events.Events`: rows keep their order, and a window has only those rows that lie near it.
All values are float64, so that times are rounded to frames as on the host.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

COLUMNS = ("onset", "offset", "label", "azimuth", "elevation", "distance", "onscreen", "source")
"""of the table, named as the arrays of `Events`; seconds, class index, degrees, metres"""
SOURCE = COLUMNS.index("source")

NEVER_S = -1e6
"""onset and offset of a row without event: eleven days before any window"""


@dataclass(frozen=True)
class EventBatch:
    """Events near each window of a batch.

    Rows without an event are silent: they end `NEVER_S` seconds before the recording. NaN means "not annotated".

    Args:
        table: (window, row, column = `COLUMNS`) float64; times on the clock of the recording.
        energies: (window, row, cell) float16 of the energy map of each row, where labels have maps.
    """

    table: Tensor
    energies: Tensor | None = None

    @property
    def times(self) -> Tensor:
        """Onset and offset (window, row, 2), seconds."""
        return self.table[..., :2]

    @property
    def onset(self) -> Tensor:
        """(window, row) seconds."""
        return self.table[..., 0]

    @property
    def offset(self) -> Tensor:
        """(window, row) seconds."""
        return self.table[..., 1]

    @cached_property
    def label(self) -> Tensor:
        """Class indices (window, row), int64."""
        return self.table[..., 2].long()

    @property
    def azimuth(self) -> Tensor:
        """(window, row) degrees, positive to the left."""
        return self.table[..., 3]

    @property
    def elevation(self) -> Tensor:
        """(window, row) degrees, positive up."""
        return self.table[..., 4]

    @property
    def distance(self) -> Tensor:
        """(window, row) metres."""
        return self.table[..., 5]

    @property
    def onscreen(self) -> Tensor:
        """(window, row) 1 visible, 0 not."""
        return self.table[..., 6]

    @property
    def source(self) -> Tensor:
        """(window, row) number of the source within its recording."""
        return self.table[..., SOURCE]

    def shifted(self, seconds: Tensor) -> "EventBatch":
        """Move the events of each window by (window,) seconds."""
        table = torch.cat([self.times + seconds[:, None, None], self.table[..., 2:]], dim=-1)
        return EventBatch(table, self.energies)

    def silenced(self, rows: Tensor) -> "EventBatch":
        """Make rows, (window, row) bool, rows without an event."""
        times = torch.where(rows[..., None], NEVER_S, self.times)
        return EventBatch(torch.cat([times, self.table[..., 2:]], dim=-1), self.energies)

    def turned(self, azimuth: Tensor, elevation: Tensor) -> "EventBatch":
        """Replace the directions by others, both (window, row) degrees; energies stay."""
        angles = torch.stack([azimuth, elevation], dim=-1)
        return EventBatch(
            torch.cat([self.table[..., :3], angles, self.table[..., 5:]], dim=-1), self.energies
        )

    def moved(self, places: Tensor, number: Tensor) -> "EventBatch":
        """Move the energies of each window to other cells, if there are any.

        Args:
            places: (rotation, cell) where the energy of each cell comes from.
            number: (window,) rotation of each.
        """
        if self.energies is None:
            return self
        from_cells = places[number][:, None].expand_as(self.energies)
        return EventBatch(self.table, self.energies.gather(-1, from_cells))

    def directions(self) -> Tensor:
        """Compute unit vectors (window, row, axis = x y z)."""
        angles = self.table[..., 3:5].deg2rad()
        (cos_azimuth, horizontal), (sin_azimuth, z) = angles.cos().unbind(-1), angles.sin().unbind(-1)
        return torch.stack([horizontal * cos_azimuth, horizontal * sin_azimuth, z], dim=-1)


def concatenate_batches(batches: Sequence[EventBatch]) -> EventBatch:
    """Join the rows of each window, those of the first batch before those of the others.

    Sources are numbered anew, so that no two batches share one: number * batches + place of the batch.
    """
    table = torch.cat([batch.table for batch in batches], dim=1)
    table[..., SOURCE].mul_(len(batches))
    first = 0
    for place, batch in enumerate(batches):
        if place:
            table[:, first : first + batch.table.shape[1], SOURCE].add_(place)
        first += batch.table.shape[1]
    energies = [batch.energies for batch in batches if batch.energies is not None]
    return EventBatch(table, torch.cat(energies, dim=1) if energies else None)


def wrap(azimuth: Tensor) -> Tensor:
    """Wrap degrees into [-180, 180), as `avseld.io.geometry.wrap`."""
    return (azimuth + 180.0) % 360.0 - 180.0
