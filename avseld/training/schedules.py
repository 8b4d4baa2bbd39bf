"""Learning rates over the steps, as factors of the first one."""


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
