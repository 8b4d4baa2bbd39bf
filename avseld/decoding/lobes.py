"""Lobes: energy around a direction, a Gaussian of some width that ends where those of the labels do.

The angle enters through its cosine, so that a lobe is smooth in its centre, too.
"""

from typing import Any

import numpy as np

from avseld.io.energy_maps import REACH_DEG

TYPICAL_DEG = 14.0
"""width that shares most with labels whose directions are missed by some 10 degrees (`scripts/measure_lobes.py`)"""
OCTAVES = 1.0
"""widths are between half and double the typical one"""
EDGE_DEG = 2.0
"""over which a lobe ends"""
_REACH = float(np.cos(np.radians(REACH_DEG)))
_EDGE = float(np.sin(np.radians(REACH_DEG)) * np.radians(EDGE_DEG) / 2)


def lobes(cosine: Any, width: Any, library: Any) -> Any:
    """Compute energies, 1 in the centre of a wide lobe and nearly so of a narrow one.

    Args:
        cosine: of the angle between the centre and a direction, any shape.
        width: of the network, any number: the typical width times 2 to the hyperbolic tangent of it.
        library: numpy or torch, whose arrays these are.
    """
    radians = np.radians(TYPICAL_DEG) * 2 ** (OCTAVES * library.tanh(width))
    edge = (cosine - _REACH) / _EDGE
    return library.exp((cosine - 1) / radians**2) * (1 + library.tanh(edge / 2)) / 2
