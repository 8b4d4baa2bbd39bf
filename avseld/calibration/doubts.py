"""Why nothing explains what is heard: which part of the evidence is missing."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from avseld.calibration.explanation import CLOSE_FIT, explain
from avseld.calibration.fitting import LEAST_FIT, Fit
from avseld.io.geometry import angle_between

ALIKE_DEG = 45.0
"""places that are heard nearer to each other are heard from the same direction"""
NEARER = "clap within two metres of the array, in a room with less echo or out of doors"


def doubt_of(fit: Fit, names: Sequence[str], towards: np.ndarray) -> str:
    """Say why a fit has no explanation.

    Args:
        fit: without one.
        names: of the places.
        towards: (place, 3) unit vectors to them.
    """
    best_fit = max((each.fit for each in fit.candidates), default=0.0)
    if best_fit < LEAST_FIT[fit.format]:
        return (
            f"the sounds have no clear direction (fit {best_fit:.2f}, {LEAST_FIT[fit.format]:g} needed): too much "
            f"reverberation or noise, or no {fit.format} array; {NEARER}"
        )
    able = [each for each in fit.candidates if each.fit >= CLOSE_FIT * best_fit]
    best = min((explain(each, towards) for each in able), key=lambda each: float(each.misses.mean()))
    apart = angle_between(
        *np.stack(
            [best.candidate.directions[list(pair)] for pair in combinations(range(len(names)), 2)], axis=1
        )
    )
    pairs = list(combinations(names, 2))
    if (apart < ALIKE_DEG).all():
        return f"all sounds come from the same direction; go to {', '.join(names)}, one after the other"
    if (apart < ALIKE_DEG).any():
        first, second = pairs[int(apart.argmin())]
        return (
            f"{first} and {second} are heard from the same direction, {apart.min():.0f} degrees apart; one of the two "
            "is missing"
        )
    worst = int(best.misses.argmax())
    return (
        f"{names[worst]} is heard {best.misses[worst]:.0f} degrees from where it must be, seen from the others; was it "
        f"there (--order), or is there too much reverberation? {NEARER}"
    )
