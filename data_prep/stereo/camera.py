"""A pinhole camera in a 360-degree picture: which of its pixels shows what, and which directions are on screen.

Source: github.com/SonyResearch/dcase2025_stereo_seld_data_generator, whose perspective picture is that of
`py360convert.e2p` 0.1.0: end points of both axes included. All angles are degrees, azimuth positive to the left.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

GRID_ROWS, GRID_COLUMNS = 180, 360
"""of the picture of whole degrees in which labels are looked up"""


@dataclass(frozen=True)
class View:
    """Where a camera looks.

    Args:
        azimuth: degrees, positive to the left.
        elevation: degrees, positive upwards.
    """

    azimuth: float = 0.0
    elevation: float = 0.0


@dataclass(frozen=True)
class Camera:
    """A pinhole camera: size of its picture in pixels and horizontal field of view in degrees."""

    width: int = 640
    height: int = 360
    field_deg: float = 100.0


DCASE2025 = Camera()


@lru_cache(maxsize=8)
def angles(camera: Camera, elevation: float, scale: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Compute longitude and latitude that the pixels of a camera show which looks at azimuth 0.

    Args:
        camera: the camera.
        elevation: that it looks at, degrees.
        scale: 2 for the chroma of 4:2:0, whose samples lie on every second column, between two rows.

    Returns:
        Two arrays (row, column), radians: longitude positive to the **right**, latitude positive downwards.
    """
    half_width = np.tan(np.radians(camera.field_deg) / 2)
    half_height = half_width * camera.height / camera.width
    column = np.arange(0, camera.width, scale)
    row = np.arange(0, camera.height, scale) + (scale - 1) / 2
    x = half_width * (2 * column / (camera.width - 1) - 1)
    down = half_height * (2 * row / (camera.height - 1) - 1)
    x, down = np.broadcast_arrays(x[None], down[:, None])
    tilt = np.radians(elevation)
    # The camera's axes right, down, forward in those of a level one.
    forward = np.cos(tilt) + np.sin(tilt) * down
    down = np.cos(tilt) * down - np.sin(tilt)
    return np.arctan2(x, forward), np.arctan2(down, np.hypot(x, forward))


def source_pixels(
    camera: Camera, view: View, width: int, height: int, scale: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """Compute where in an equirectangular picture the pixels of a camera lie.

    Args:
        camera: the camera.
        view: where it looks.
        width: pixels of the luma of the equirectangular picture.
        height: pixels of the luma of the equirectangular picture.
        scale: 2 for positions of chroma in its plane of half the size.

    Returns:
        Columns in -0.5..width - 0.5 and rows, arrays (row, column) float64; whole numbers are centres of pixels.
    """
    longitude, latitude = angles(camera, view.elevation, scale)
    column = ((longitude / (2 * np.pi) + 0.5 - view.azimuth / 360) % 1) * width - 0.5
    row = (latitude / np.pi + 0.5) * height - 0.5
    return column / scale, (row - (scale - 1) / 2) / scale


@lru_cache(maxsize=512)
def seen_cells(camera: Camera, elevation: float, rest_deg: float = 0.0) -> np.ndarray:
    """List the whole degrees that are on screen: those from which a pixel shows less than a degree in both axes.

    A label is looked up in a picture of 360 x 180 pixels whose centres lie at half degrees, half a degree right of
    and below its direction, as in the official table.

    Args:
        camera: the camera.
        elevation: that it looks at, degrees.
        rest_deg: azimuth that it looks at, below a degree.

    Returns:
        (180, 360) booleans: rows 90 - elevation, columns (180 - azimuth) mod 360.
    """
    view = View(rest_deg, elevation)
    column, row = source_pixels(camera, view, GRID_COLUMNS, GRID_ROWS)
    left, above = np.floor(column).astype(int).ravel(), np.floor(row).astype(int).ravel()
    seen = np.zeros((GRID_ROWS, GRID_COLUMNS), bool)
    for right in (0, 1):
        for below in (0, 1):
            # A cell that is a whole degree away is not near.
            near = ((column.ravel() > left) | (right == 0)) & ((row.ravel() > above) | (below == 0))
            rows = above + below
            near &= (rows >= 0) & (rows < GRID_ROWS)
            seen[rows[near], (left + right)[near] % GRID_COLUMNS] = True
    return seen


def on_screen(camera: Camera, view: View, azimuth: np.ndarray, elevation: np.ndarray) -> np.ndarray:
    """Decide which directions are on screen, by whole degrees as the official table does.

    Args:
        camera: the camera.
        view: where it looks.
        azimuth: (direction,) degrees of the recording.
        elevation: (direction,) degrees.

    Returns:
        (direction,) booleans.
    """
    whole = int(np.floor(view.azimuth))
    cells = seen_cells(camera, view.elevation, round(view.azimuth - whole, 6))
    column = (180 - np.round(azimuth).astype(int) + whole) % GRID_COLUMNS
    row = np.minimum(
        90 - np.round(elevation).astype(int), GRID_ROWS - 1
    )  # -90 lies on the lower edge of the last row
    return cells[row, column]
