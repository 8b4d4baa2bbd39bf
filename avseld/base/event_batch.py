"""Events of a batch of windows as tensors, so that labels are rotated, mixed and encoded on the device.

The same table as `avseld.io.events.Events`, without the numbers of sources: rows keep their order, and a window has
only those rows that lie near it. All times and angles are float64, so that they are rounded to frames as on the host.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

COLUMNS = ("onset", "offset", "label", "azimuth", "elevation", "distance", "onscreen")
"""of the table that `EventBatch.from_table` reads"""

NEVER_S = -1e6
"""onset and offset of a row without event: eleven days before any window"""


@dataclass(frozen=True)
class EventBatch:
    """Events near each window of a batch, all arrays (window, row).

    Rows without an event are silent: they end `NEVER_S` seconds before the recording. NaN means "not annotated".
    """

    onset: Tensor
    """seconds on the clock of the recording, float64"""
    offset: Tensor
    """seconds, float64"""
    label: Tensor
    """class index, int64"""
    azimuth: Tensor
    """degrees, positive to the left, float64"""
    elevation: Tensor
    """degrees, positive up, float64"""
    distance: Tensor
    """metres, float64"""
    onscreen: Tensor
    """1 visible, 0 not, float64"""

    @classmethod
    def from_table(cls, table: Tensor) -> "EventBatch":
        """Split a table (window, row, column = `COLUMNS`), float64."""
        columns = dict(zip(COLUMNS, table.unbind(-1), strict=True))
        return cls(**{**columns, "label": columns["label"].long()})

    def shifted(self, seconds: Tensor) -> "EventBatch":
        """Move the events of each window by (window,) seconds."""
        return replace(self, onset=self.onset + seconds[:, None], offset=self.offset + seconds[:, None])

    def directions(self) -> Tensor:
        """Compute unit vectors (window, row, axis = x y z), float64."""
        azimuth, elevation = self.azimuth.deg2rad(), self.elevation.deg2rad()
        horizontal = elevation.cos()
        return torch.stack([horizontal * azimuth.cos(), horizontal * azimuth.sin(), elevation.sin()], dim=-1)


def concatenate_batches(batches: Sequence[EventBatch]) -> EventBatch:
    """Join the rows of each window, those of the first batch before those of the others."""
    return EventBatch(
        **{
            column.name: torch.cat([getattr(batch, column.name) for batch in batches], dim=1)
            for column in fields(EventBatch)
        }
    )


def wrap(azimuth: Tensor) -> Tensor:
    """Wrap degrees into [-180, 180), as `avseld.io.geometry.wrap`."""
    return (azimuth + 180.0) % 360.0 - 180.0
