"""Energy maps of the rows of a table of events, on the cells of a sphere grid; only cells with energy take memory."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class RowMaps:
    """Energies of rows, row after row.

    Args:
        count: (row,) cells with energy.
        cell: (value,) number of the cell in the grid.
        value: (value,) energy.
    """

    count: np.ndarray
    cell: np.ndarray
    value: np.ndarray

    @classmethod
    def from_dense(cls, energies: np.ndarray) -> "RowMaps":
        """Keep the cells of (row, cell) that are not zero."""
        row, cell = np.nonzero(energies)
        count = np.bincount(row, minlength=len(energies))
        return cls(count, cell.astype(np.uint16), energies[row, cell].astype(np.float32))

    def __len__(self) -> int:
        return len(self.count)

    def __getitem__(self, rows: np.ndarray | slice) -> "RowMaps":
        chosen = np.arange(len(self))[rows]
        count = self.count[chosen]
        first = (np.cumsum(self.count) - self.count)[chosen]
        place = np.repeat(first - (np.cumsum(count) - count), count) + np.arange(count.sum())
        return RowMaps(count, self.cell[place], self.value[place])

    def dense(self, n_cells: int) -> np.ndarray:
        """Write the energies out: (row, cell) float32."""
        energies = np.zeros((len(self), n_cells), np.float32)
        energies[np.repeat(np.arange(len(self)), self.count), self.cell] = self.value
        return energies

    def moved(self, places: np.ndarray) -> "RowMaps":
        """Move every energy to another cell.

        Args:
            places: (cell,) where the energy of each cell comes from, a permutation.
        """
        return RowMaps(self.count, np.argsort(places).astype(np.uint16)[self.cell], self.value)


def concatenate_maps(parts: Sequence[RowMaps]) -> RowMaps:
    """Join the maps of tables, in their order."""
    return RowMaps(
        *(np.concatenate([getattr(part, name) for part in parts]) for name in ("count", "cell", "value"))
    )
