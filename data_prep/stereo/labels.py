"""Labels as a camera sees them: turned, on screen or not, and folded to the front."""

from dataclasses import dataclass

import numpy as np

from avseld.base.rates import LABEL_HOP
from avseld.io.dcase_csv import STEREO_2025, expand
from avseld.io.events import Events
from avseld.io.unfolded import UNFOLDED_COLUMNS
from data_prep.stereo.camera import Camera, View, on_screen

VIEWS = ("frame", "azimuth", "elevation")


@dataclass(frozen=True)
class SeenLabels:
    """Rows of a clip, one a source and frame, as the camera sees them."""

    frame: np.ndarray
    """(row,) whole numbers from 0"""
    label: np.ndarray
    source: np.ndarray
    azimuth: np.ndarray
    """(row,) degrees in -180..180, positive to the left of where the camera looks; not folded"""
    elevation: np.ndarray
    distance: np.ndarray
    """(row,) metres; nan where unknown"""
    onscreen: np.ndarray
    viewing_angle: np.ndarray
    """(row,) degrees by which the scene is turned to the left, 0..360"""

    def folded_lines(self) -> list[str]:
        """Write the rows of DCASE2025: whole numbers, azimuth folded to the front, centimetres, no elevation."""
        columns = (self.frame, self.label, self.source, fold(self.azimuth), self._centimetres, self.onscreen)
        return [",".join(STEREO_2025), *_lines(columns)]

    def unfolded_lines(self) -> list[str]:
        """Write the same rows as `avseld.io.unfolded` has them: azimuth all around, elevation, viewing angle."""
        place = (self.azimuth, self.elevation, self._centimetres, self.viewing_angle)
        return [",".join(UNFOLDED_COLUMNS), *_lines((self.frame, self.label, self.source, *place))]

    @property
    def _centimetres(self) -> np.ndarray:
        return np.round(self.distance * 100)


def wrap(azimuth: np.ndarray) -> np.ndarray:
    """Bring azimuths above 180 or below -180 degrees into -180..180; both ends stay."""
    return np.where(np.abs(azimuth) <= 180, azimuth, (azimuth + 180) % 360 - 180)


def fold(azimuth: np.ndarray) -> np.ndarray:
    """Mirror the rear half to the front, to which stereo is deaf: degrees in -180..180 -> whole degrees in -90..90."""
    whole = np.round(azimuth)
    behind = np.where(whole < 0, -180 - whole, 180 - whole)
    return np.where(np.abs(whole) > 90, behind, whole)


def seen_labels(events: Events, camera: Camera, start: int, views: list[View]) -> SeenLabels:
    """Take the rows of a section and turn them into the directions of a camera.

    Source: github.com/SonyResearch/dcase2025_stereo_seld_data_generator.

    Args:
        events: of the recording, degrees of the recording.
        camera: the camera.
        start: first frame of the section, 100 ms each.
        views: where the camera looks in the middle of each frame of the section.
    """
    rows = expand(events)
    frame = np.round(rows.onset / LABEL_HOP).astype(int) - start
    inside = (frame >= 0) & (frame < len(views))
    rows, frame = rows.select(inside), frame[inside]
    azimuth, elevation = np.array(rows.azimuth, float), np.array(rows.elevation, float)
    onscreen = np.zeros(len(frame), bool)
    for view in set(views):
        here = np.array([views[each] == view for each in frame], bool)
        if here.any():
            onscreen[here] = on_screen(camera, view, azimuth[here], elevation[here])
            azimuth[here], elevation[here] = as_seen(azimuth[here], elevation[here], view)
    turned = np.array([-views[each].azimuth % 360 for each in frame])
    distance = np.asarray(rows.distance)
    return SeenLabels(
        frame, rows.label, rows.source, azimuth, elevation, distance, onscreen.astype(int), turned
    )


def as_seen(azimuth: np.ndarray, elevation: np.ndarray, view: View) -> tuple[np.ndarray, np.ndarray]:
    """Turn directions of a recording into those of a camera.

    Args:
        azimuth: (direction,) degrees.
        elevation: (direction,) degrees.
        view: where the camera looks.

    Returns:
        Azimuth in -180..180 and elevation, degrees.
    """
    turned = wrap(azimuth - view.azimuth)
    if view.elevation == 0:
        return turned, elevation
    a, e, tilt = np.radians(turned), np.radians(elevation), np.radians(view.elevation)
    x, y, z = np.cos(e) * np.cos(a), np.cos(e) * np.sin(a), np.sin(e)
    x, z = np.cos(tilt) * x + np.sin(tilt) * z, np.cos(tilt) * z - np.sin(tilt) * x
    return np.degrees(np.arctan2(y, x)), np.degrees(np.arcsin(np.clip(z, -1, 1)))


def view_lines(views: list[View]) -> list[str]:
    """Write where the camera looks in the middle of each frame."""
    columns = np.array([(frame, view.azimuth, view.elevation) for frame, view in enumerate(views)]).T
    return [",".join(VIEWS), *_lines(columns)]


def _lines(columns: tuple[np.ndarray, ...] | np.ndarray) -> list[str]:
    return [
        ",".join("nan" if np.isnan(value) else f"{round(value, 1) + 0.0:g}" for value in map(float, row))
        for row in zip(*columns, strict=True)
    ]
