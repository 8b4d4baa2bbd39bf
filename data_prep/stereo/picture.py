"""Pictures of a camera from equirectangular ones: tables of pixels, kept, and their look-up in planes of 4:2:0."""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from data_prep.stereo.camera import Camera, View, angles


@dataclass(frozen=True)
class PixelTable:
    """Where the pixels of a camera lie in a window of an equirectangular plane."""

    first_column: int
    n_columns: int
    first_row: int
    n_rows: int
    whole: np.ndarray
    """(row, column, 2) int16, see `cv2.convertMaps`"""
    rest: np.ndarray
    """(row, column) uint16"""


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
    maps = cv2.convertMaps(
        (column - first_column).astype(np.float32), (row - first_row).astype(np.float32), cv2.CV_16SC2
    )
    return PixelTable(first_column, n_columns, first_row, n_rows, *maps)


def plane_of_camera(plane: np.ndarray, camera: Camera, view: View, scale: int = 1) -> np.ndarray:
    """Look up one plane of a camera's picture: bilinear, wrapped at the seam.

    The table of an angle is that of its fraction of a column; the whole columns are a shift.

    Args:
        plane: (row, column) uint8 of an equirectangular picture.
        camera: the camera.
        view: where it looks.
        scale: 1 for luma, 2 for chroma.

    Returns:
        (height / scale, width / scale) uint8.
    """
    height, width = plane.shape
    columns = round(-view.azimuth / 360 * width, 6)
    whole = int(np.floor(columns))
    table = pixel_table(camera, view.elevation, round(columns - whole, 6), width, height, scale)
    rows = plane[table.first_row : table.first_row + table.n_rows]
    first = (table.first_column + whole) % width
    stop = first + table.n_columns
    if stop <= width:
        window = rows[:, first:stop]
    else:
        window = np.concatenate([rows[:, first:], rows, rows], axis=1)[:, : table.n_columns]
    return cv2.remap(window, table.whole, table.rest, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def picture_of_camera(planes: tuple[np.ndarray, ...], camera: Camera, view: View) -> np.ndarray:
    """Look up a picture of a camera in the three planes of an equirectangular one.

    Args:
        planes: Y, U, V of 4:2:0, (row, column) uint8.
        camera: of even width and height.
        view: where it looks.

    Returns:
        (height * 3 / 2, width) uint8, as `av.VideoFrame.from_ndarray` takes yuv420p.
    """
    parts = [plane_of_camera(planes[0], camera, view)]
    parts += [plane_of_camera(plane, camera, view, 2) for plane in planes[1:]]
    return np.concatenate([part.ravel() for part in parts]).reshape(-1, camera.width)
