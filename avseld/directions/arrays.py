"""What the microphones of an array receive of a plane wave: on a rigid sphere, or in the free field."""

from dataclasses import dataclass

import numpy as np

from avseld.base.physics import EIGENMIKE_RADIUS_M, SPEED_OF_SOUND_M_S, TETRAHEDRON_DEG
from avseld.base.sphere import on_sphere, unit_vector

TABLE_STEP_DEG = 1.0
"""angular step of the tabulated response of the sphere"""


@dataclass(frozen=True)
class RigidSphere:
    """Microphones on a rigid sphere.

    Args:
        capsules_deg: azimuth and elevation of each, degrees.
        radius: metres.
    """

    capsules_deg: tuple[tuple[float, float], ...] = TETRAHEDRON_DEG
    radius: float = EIGENMIKE_RADIUS_M

    @property
    def facing(self) -> np.ndarray:
        """(microphone, 3) unit vectors from the centre."""
        return unit_vector(*np.array(self.capsules_deg).T)

    def responses(self, directions: np.ndarray, frequency: np.ndarray) -> np.ndarray:
        """Compute what the microphones receive of plane waves.

        Args:
            directions: (direction, 3) unit vectors towards the sources.
            frequency: (bin,) Hz.

        Returns:
            (direction, microphone, bin) complex, relative to the free field at the centre.
        """
        step = np.radians(np.arange(0, 180 + TABLE_STEP_DEG / 2, TABLE_STEP_DEG))
        table = on_sphere(np.cos(step), frequency, self.radius)
        angle = np.degrees(np.arccos(np.clip(directions @ self.facing.T, -1, 1)))
        return table[np.round(angle / TABLE_STEP_DEG).astype(int)]


@dataclass(frozen=True)
class FreeField:
    """Microphones in the free field.

    Args:
        positions: x (front), y (left), z (up) of each from the middle of the array, metres.
    """

    positions: tuple[tuple[float, ...], ...]

    def responses(self, directions: np.ndarray, frequency: np.ndarray) -> np.ndarray:
        """Compute what the microphones receive of plane waves; arguments and result as for `RigidSphere`."""
        advance = directions @ np.array(self.positions).T / SPEED_OF_SOUND_M_S
        return np.exp(2j * np.pi * advance[..., None] * frequency)

    @property
    def normal(self) -> np.ndarray | None:
        """The unit vector (3,) on a flat array that points up, to the front or to the left; None if it is not flat.

        What arrives from below a flat array looks as if from above it.
        """
        centred = np.array(self.positions) - np.mean(self.positions, axis=0)
        _, size, axes = np.linalg.svd(centred)
        if size[2] > FLAT * size[0]:
            return None
        normal = axes[2]
        main = max((2, 0, 1), key=lambda axis: round(float(abs(normal[axis])), 6))
        return normal * np.sign(normal[main])


FLAT = 0.05
"""height of a flat array relative to its width"""
Microphones = RigidSphere | FreeField
STARSS23 = RigidSphere()
"""the tetrahedral array of STARSS23 (arXiv 2306.09126)"""
RADII_M = (0.01, 0.015, 0.02, 0.03, STARSS23.radius, 0.06, 0.09)
"""radii that are compared where that of a tetrahedron is not known"""
MIN_RADIUS_GAIN = 1.15
"""how much better another radius than that of STARSS23 must fit the phases; noise reaches 1.1"""
