"""Where things are at a time: arcs around the array."""

from dataclasses import dataclass

import numpy as np

from avseld.io.geometry import direction

STEP_DEG = 8.0
"""largest angle between two neighbouring way points of a moving source"""
STEP_METRES = 0.25


@dataclass(frozen=True, eq=False)
class Path:
    """A way around the array through key positions; angles and radii run linearly from one to the next.

    So a path never comes nearer to the array than its key positions, and an arc of constant radius stays one.
    """

    time: np.ndarray
    """(key,) seconds, rising"""
    azimuth: np.ndarray
    """(key,) degrees, unwrapped: 170 to 190 crosses the back, 170 to -170 passes the front"""
    radius: np.ndarray
    """(key,) horizontal distance from the array in metres"""
    height: float
    """metres above the array, negative below"""

    @classmethod
    def still(cls, azimuth: float, radius: float, height: float) -> "Path":
        """A place that is never left."""
        return cls(np.zeros(1), np.array([azimuth]), np.array([radius]), height)

    def at_height(self, height: float) -> "Path":
        """The same way, higher or lower."""
        return Path(self.time, self.azimuth, self.radius, height)

    def polar(self, time: np.ndarray | float) -> tuple[np.ndarray, np.ndarray]:
        """Unwrapped azimuth (...,) in degrees and horizontal distance (...,) in metres at some times."""
        return np.interp(time, self.time, self.azimuth), np.interp(time, self.time, self.radius)

    def position(self, time: np.ndarray | float) -> np.ndarray:
        """Place at some times, seen from the array.

        Args:
            time: (...,) seconds.

        Returns:
            (..., 3) metres: x front, y left, z up.
        """
        azimuth, radius = self.polar(time)
        angle = np.radians(azimuth)
        height = np.full_like(radius, self.height)
        return np.stack([radius * np.cos(angle), radius * np.sin(angle), height], axis=-1)

    def moves(self, start: float, stop: float) -> bool:
        """Whether the place changes between two times."""
        return len(self.way_points(start, stop)) > 1

    def way_points(self, start: float, stop: float) -> np.ndarray:
        """Times at which the place has moved on by at most `STEP_DEG` and `STEP_METRES`.

        Returns:
            (point,) from `start` to `stop`; `start` alone where nothing moves.
        """
        inside = self.time[(self.time > start) & (self.time < stop)]
        edges = np.concatenate([[start], inside, [stop]])
        azimuth, radius = self.polar(edges)
        steps = np.maximum(np.abs(np.diff(azimuth)) / STEP_DEG, np.abs(np.diff(radius)) / STEP_METRES)
        if not steps.any():
            return np.array([start])
        pieces = [
            np.linspace(first, last, int(np.ceil(max(count, 1.0))), endpoint=False)
            for first, last, count in zip(edges[:-1], edges[1:], steps, strict=True)
        ]
        return np.concatenate([*pieces, [stop]])


def seen_from_array(position: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Azimuth and elevation in degrees and distance in metres of places (..., 3) relative to the array."""
    return *direction(position), np.linalg.norm(position, axis=-1)
