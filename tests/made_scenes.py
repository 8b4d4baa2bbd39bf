"""Sources that stay where they are, for scenes whose scores one can compute by hand."""

import numpy as np

from avseld.io.events import Events


def heard(
    first: int,
    last: int,
    label: int = 0,
    azimuth: float = 0.0,
    elevation: float = 0.0,
    source: int = 0,
    distance: float = 2.0,
    hop: float = 0.1,
) -> Events:
    """One source that stays where it is, in the frames from first to last."""
    frame = np.arange(first, last + 1)
    same = np.ones(len(frame))
    return Events(
        frame * hop,
        (frame + 1) * hop,
        label * same,
        source * same,
        azimuth * same,
        elevation * same,
        distance * same,
        same,
    )
