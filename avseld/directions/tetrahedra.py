"""Orders of the capsules of a tetrahedron: each is a rotation or a mirror image of it."""

from functools import cache
from itertools import permutations

import numpy as np

Order = tuple[int, ...]
AS_GIVEN: Order = (0, 1, 2, 3)


@cache
def order_matrices(capsules: tuple[tuple[float, ...], ...]) -> dict[Order, np.ndarray]:
    """Return what each order of the channels does to directions that were measured with them as given.

    Args:
        capsules: (4, 3) unit vectors from the centre to the capsules.

    Returns:
        Orthogonal (3, 3) matrices by order, the given one first. Channel order[k] of the file is that of capsule k.
    """
    facing = np.array(capsules)
    return {order: _between(facing, facing[list(order)]) for order in permutations(AS_GIVEN)}


def _between(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the orthogonal matrix that maps the capsules of the channels as given to those of another order."""
    left, _, right = np.linalg.svd(first.T @ second)
    return left @ right
