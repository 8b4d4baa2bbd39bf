"""Pictures of a camera from equirectangular ones: tables of pixels, kept, and their look-up in planes of 4:2:0."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from data_prep.stereo.camera import Camera, View, angles

Planes = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Y, U and V of 4:2:0, (row, column) uint8"""
CHANNELS = 4
"""that OpenCV looks up at once"""


@dataclass(frozen=True)
class PixelTable:
    """Where the pixels of a camera lie in a window of an equirectangular plane."""

    first_column: int
    n_columns: int
    first_row: int
    n_rows: int
    column: np.ndarray
    """(row, column) float32 in the window"""
    row: np.ndarray


@lru_cache(maxsize=64)
def pixel_table(
    camera: Camera, elevation: float, shift: float, width: int, height: int, scale: int
) -> PixelTable:
    """Make the table of a camera that looks ahead, or less than a pixel to the right of it.

    Args:
        camera: the camera.
        elevation: that it looks at, degrees.
        shift: columns to the right, below 1.
        width: pixels of the plane.
        height: pixels of the plane.
        scale: 1 for luma, 2 for chroma of 4:2:0 (on every second column, between two rows, as in H.264).
    """
    longitude, latitude = angles(camera, elevation, scale)
    column = (longitude / (2 * np.pi) + 0.5) * width - 0.5 / scale + shift
    row = (latitude / np.pi + 0.5) * height - 0.5
    first_column, first_row = int(np.floor(column.min())), max(int(np.floor(row.min())), 0)
    n_columns = int(np.floor(column.max())) + 2 - first_column
    n_rows = min(int(np.floor(row.max())) + 2, height) - first_row
    return PixelTable(
        first_column,
        n_columns,
        first_row,
        n_rows,
        (column - first_column).astype(np.float32),
        (row - first_row).astype(np.float32),
    )


class Lens:
    """Looks up pictures of a camera in equirectangular ones: bilinear, wrapped at the seam.

    The table of an angle is that of its fraction of a column; the whole columns are a shift. Four planes are looked up
    as four channels of one, in little more time than one of them takes. A lens overwrites its own memory, so each
    thread has one.

    Args:
        camera: of even width and height.
    """

    def __init__(self, camera: Camera) -> None:
        self.camera = camera
        self._windows = np.empty(0, np.uint8)
        self._seen = {
            scale: np.empty((camera.height // scale, camera.width // scale, CHANNELS), np.uint8)
            for scale in (1, 2)
        }

    def take(self, panoramas: Sequence[Planes], pictures: Sequence[Planes], view: View) -> None:
        """Look up the pictures of a camera that stands still.

        Args:
            panoramas: of one size.
            pictures: as many, (height, width) and half of it, which are overwritten.
            view: where the camera looks.
        """
        luma = [planes[0] for planes in panoramas], [planes[0] for planes in pictures]
        chroma = tuple([planes[part] for planes in side for part in (1, 2)] for side in (panoramas, pictures))
        for scale, (planes, into) in ((1, luma), (2, chroma)):
            height, width = planes[0].shape
            columns = round(-view.azimuth / 360 * width, 6)
            whole = int(np.floor(columns))
            table = pixel_table(self.camera, view.elevation, round(columns - whole, 6), width, height, scale)
            windows = [_window(plane, table, (table.first_column + whole) % width) for plane in planes]
            for first in range(0, len(planes), CHANNELS):
                some = slice(first, first + CHANNELS)
                self._look_up(windows[some], into[some], table, scale)

    def _look_up(
        self, windows: list[np.ndarray], into: list[np.ndarray], table: PixelTable, scale: int
    ) -> None:
        """Look up one to four planes; two or three would take longer than four."""
        if len(windows) == 1:
            _remap(windows[0], table, into[0])
            return
        size = table.n_rows * table.n_columns * CHANNELS
        if len(self._windows) < size:
            self._windows = np.empty(size, np.uint8)
        stack = self._windows[:size].reshape(table.n_rows, table.n_columns, CHANNELS)
        cv2.merge(windows + windows[-1:] * (CHANNELS - len(windows)), stack)
        _remap(stack, table, self._seen[scale])
        cv2.split(self._seen[scale], into)


def _remap(window: np.ndarray, table: PixelTable, into: np.ndarray) -> None:
    cv2.remap(window, table.column, table.row, cv2.INTER_LINEAR, into, borderMode=cv2.BORDER_REPLICATE)


def _window(plane: np.ndarray, table: PixelTable, first: int) -> np.ndarray:
    """Cut what a table needs out of a plane, from a column on."""
    rows = plane[table.first_row : table.first_row + table.n_rows]
    parts = [rows[:, first : first + table.n_columns]]
    while missing := table.n_columns - sum(part.shape[1] for part in parts):
        parts.append(rows[:, :missing])
    return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)
