"""Learning rates over the steps, as factors of the first one."""

import math

from avseld.base.errors import BadInput


def step_factor(step: int, every: int, factor: float, after: int = 0) -> float:
    """Compute step decay: multiply by `factor` every `every` steps, starting after step `after`.

    The two-stage system of 2019 has every 2000, factor 0.9, after 30,000 (Y. Cao et al., Polyphonic sound event
    detection and localization using a two-stage strategy, DCASE 2019, section 3.2); the CNNs of DCASE 2019 Task 4 have
    every 200, factor 0.9 (Q. Kong et al., arXiv 1904.03476).

    Args:
        step: steps done.
        every: steps between two decays.
        factor: of one decay.
        after: decays begin at the first multiple of `every` after this step.
    """
    return factor ** max(0, step // every - after // every)


def linear_factor(step: int, steps: int, last: float) -> float:
    """Compute linear decay from 1 to a last factor, as in the general SELD architecture of 2020 (1e-3 to 1e-4).

    Args:
        step: steps done.
        steps: steps after which the last factor is reached and kept.
        last: the last factor.
    """
    return 1 + (last - 1) * min(step / steps, 1)


def tri_stage_factor(
    step: int,
    steps: int,
    rising: float = 0.1,
    holding: float = 0.6,
    first: float = 0.01,
    last: float = 0.05,
    legacy: bool = False,
    fall: str = "exponential",
) -> float:
    """Compute a linear rise, a constant stage and a fall, exponential (ResNet-Conformer) or a cosine (CST-former).

    yxdong0320/Solution_on_3D_SELD @ e6582e6, and yusunnny/CST-former @ 2cb442d (500 epochs: 5, 195 and 300). The
    scheduler of the first sets the rate after each update and leaves the optimizer alone before the first one, which
    therefore runs at the highest rate; every later update has the rate of the one before.

    Args:
        step: steps done.
        steps: of the whole training.
        rising: share of the steps in which the factor rises from `first` to 1.
        holding: share of the steps at 1; in the rest it falls to `last`.
        first: the first factor.
        last: the last factor, which is kept after the training's last step.
        legacy: the published first update of ResNet-Conformer.
        fall: exponential or cosine.

    Raises:
        BadInput: shares that are more than all steps, factors that are not positive, or another word.
    """
    if rising + holding > 1:
        raise BadInput(f"rising {rising:g} and holding {holding:g} are shares; at most 1 together")
    if not (first > 0 and last > 0):
        raise BadInput(f"first {first:g} and last {last:g} are factors; give positive numbers")
    if fall not in ("exponential", "cosine"):
        raise BadInput(f"fall '{fall}' is none of exponential, cosine")
    if legacy:
        if step == 0:
            return 1.0
        step -= 1
    rise, falls_from = round(rising * steps), round((rising + holding) * steps)
    if step < rise:
        return first + (1 - first) * step / rise
    falling = steps - falls_from
    share = min(max(step - falls_from, 0), falling) / max(falling, 1)
    if fall == "cosine":
        return last + (1 - last) * (1 + math.cos(math.pi * share)) / 2
    return float(last**share)
