"""Trajectories of sources and people around the microphone array."""

from dataclasses import dataclass

import numpy as np

from avseld.io.geometry import direction

MAX_STEP_DEG = 8.0
"""largest angle between neighbouring waypoints; cross-fading between them stays within 3 degrees (under test)"""
MAX_STEP_M = 0.25
"""largest radial step between neighbouring waypoints: 2 dB of level at a distance of 1 m"""


@dataclass(frozen=True, eq=False)
class Trajectory:
    """A trajectory through key positions; azimuth and radius are interpolated linearly between them.

    Interpolating in polar coordinates keeps the source at least as far from the array as its nearest key position,
    and moves it along an arc where the radius is constant.
    """

    time: np.ndarray
    """(key,) seconds, increasing"""
    azimuth: np.ndarray
    """(key,) degrees, unwrapped: 170 to 190 passes behind the array, 170 to -170 passes its front"""
    radius: np.ndarray
    """(key,) horizontal distance from the array in metres"""
    height: float
    """metres above the array, negative below"""

    @classmethod
    def stationary(cls, azimuth: float, radius: float, height: float) -> "Trajectory":
        """Create the trajectory of a source that does not move.

        Args:
            azimuth: degrees.
            radius: horizontal distance, metres.
            height: metres above the array.
        """
        return cls(np.zeros(1), np.array([azimuth]), np.array([radius]), height)

    def polar(self, time: np.ndarray | float) -> tuple[np.ndarray, np.ndarray]:
        """Interpolate unwrapped azimuth (...,) in degrees and horizontal distance (...,) in metres.

        Args:
            time: (...,) seconds.
        """
        return np.interp(time, self.time, self.azimuth), np.interp(time, self.time, self.radius)

    def position(self, time: np.ndarray | float) -> np.ndarray:
        """Compute Cartesian positions relative to the array.

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
        """Return whether the position changes between two times, given in seconds."""
        return len(self.waypoints(start, stop)) > 1

    def waypoints(self, start: float, stop: float) -> np.ndarray:
        """Choose times at which the impulse response is updated.

        Neighbouring waypoints are at most `MAX_STEP_DEG` and `MAX_STEP_M` apart.

        Args:
            start: seconds.
            stop: seconds.

        Returns:
            (point,) seconds from `start` to `stop`; `start` alone for a stationary source.
        """
        inside = self.time[(self.time > start) & (self.time < stop)]
        edges = np.concatenate([[start], inside, [stop]])
        azimuth, radius = self.polar(edges)
        steps = np.maximum(np.abs(np.diff(azimuth)) / MAX_STEP_DEG, np.abs(np.diff(radius)) / MAX_STEP_M)
        if not steps.any():
            return np.array([start])
        pieces = [
            np.linspace(first, last, int(np.ceil(max(count, 1.0))), endpoint=False)
            for first, last, count in zip(edges[:-1], edges[1:], steps, strict=True)
        ]
        return np.concatenate([*pieces, [stop]])


def to_spherical(position: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Convert positions (..., 3) in metres to azimuth and elevation in degrees and distance in metres."""
    return *direction(position), np.linalg.norm(position, axis=-1)
