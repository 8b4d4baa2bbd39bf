"""Stationary sources, for scenes whose scores can be computed by hand."""

import numpy as np

from avseld.io.events import Events


def stationary_source(
    first: int,
    last: int,
    label: int = 0,
    azimuth: float = 0.0,
    elevation: float = 0.0,
    source: int = 0,
    distance: float = 2.0,
    hop: float = 0.1,
) -> Events:
    """Create the events of a stationary source in the frames from `first` to `last`, both included.

    Args:
        first: first frame.
        last: last frame.
        label: class index.
        azimuth: degrees.
        elevation: degrees.
        source: source number.
        distance: metres.
        hop: length of a frame, seconds.
    """
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
