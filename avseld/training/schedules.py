"""Learning rates over the steps, as factors of the first one."""


def stairs(step: int, every: int, factor: float, after: int = 0) -> float:
    """Times a factor at every multiple of a number of steps that comes after a given step.

    The two-stage system of 2019 has every 2000, factor 0.9, after 30,000; the CNNs of DCASE 2019 Task 4 have every
    200, factor 0.9 (`Two-stage` spec, section 7; `DCASE2019 Task 4` spec, section 6).

    Args:
        step: steps done.
        every: steps of a stair.
        factor: from one stair to the next.
        after: the first stair begins at the first multiple of `every` after this step.
    """
    return factor ** max(0, step // every - after // every)


def line(step: int, steps: int, last: float) -> float:
    """Straight from 1 to a last factor (`General architecture` spec, section 9: 1e-3 to 1e-4).

    Args:
        step: steps done.
        steps: after so many, the last factor is reached.
        last: from then on.
    """
    return 1 + (last - 1) * min(step / steps, 1)
