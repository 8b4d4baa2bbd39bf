"""Decision thresholds: one for all classes, or one of each class."""

from collections.abc import Sequence

import numpy as np

from avseld.base.errors import BadInput

Thresholds = float | Sequence[float]
"""one threshold for all classes, or one per class"""


def per_class(value: Thresholds, n_classes: int, option: str = "threshold") -> np.ndarray:
    """Repeat a single threshold for all classes, or check that there is one of each class.

    Args:
        value: one threshold, or one per class.
        n_classes: number of classes.
        option: name of the option, for the message.

    Returns:
        (class,).

    Raises:
        BadInput: another number of thresholds than of classes.
    """
    try:
        return np.broadcast_to(np.asarray(value, float), (n_classes,))
    except ValueError:
        raise BadInput(f"{option}: give one threshold, or one for each of {n_classes} classes") from None
