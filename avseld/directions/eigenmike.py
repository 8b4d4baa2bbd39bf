"""The 32 capsules of the Eigenmike em32: where they sit, and the phases with which plane waves reach them.

Source: mh acoustics, em32 Eigenmike microphone array release notes (v17.0), 2013, appendix; the label generator of
DCASE2026 has the same list (docs/sources.md, DCASE2026).
"""

import numpy as np

from avseld.base.physics import EIGENMIKE_RADIUS_M
from avseld.base.sphere import unit_vector

COLATITUDE_AZIMUTH_DEG = (
    (69, 0), (90, 32), (111, 0), (90, 328), (32, 0), (55, 45), (90, 69), (125, 45),
    (148, 0), (125, 315), (90, 291), (55, 315), (21, 91), (58, 90), (121, 90), (159, 89),
    (69, 180), (90, 212), (111, 180), (90, 148), (32, 180), (55, 225), (90, 249), (125, 225),
    (148, 180), (125, 135), (90, 111), (55, 135), (21, 269), (58, 270), (122, 270), (159, 271),
)  # fmt: skip
"""angle from the top and azimuth, positive to the left, of each capsule in the order of the channels"""
N_CAPSULES = len(COLATITUDE_AZIMUTH_DEG)
CAPSULES_DEG = tuple((float(azimuth), 90.0 - colatitude) for colatitude, azimuth in COLATITUDE_AZIMUTH_DEG)
"""azimuth and elevation of each capsule"""
TETRAHEDRON = (5, 9, 25, 21)
"""channels, counted from 0, that are the four microphones of STARSS23, in its order"""


def capsule_positions(radius: float = EIGENMIKE_RADIUS_M) -> np.ndarray:
    """Return where the capsules sit, (32, 3): x (front), y (left), z (up) from the centre, metres."""
    return radius * unit_vector(*np.array(CAPSULES_DEG).T)


def steering(directions: np.ndarray, wavelength: float, positions: np.ndarray | None = None) -> np.ndarray:
    """Compute the phases of plane waves at the capsules in the free field, as if the sphere scattered nothing.

    The sign is that of the label generator of DCASE2026, exp(-j k p.r): the conjugate of a spectrum in the convention
    exp(+j 2 pi f t).

    Args:
        directions: (direction, 3) unit vectors towards the sources.
        wavelength: metres.
        positions: (capsule, 3) metres; those of the Eigenmike if left out.

    Returns:
        (capsule, direction) complex, of magnitude 1.
    """
    places = capsule_positions() if positions is None else positions
    return np.exp(-2j * np.pi / wavelength * (places @ directions.T))
