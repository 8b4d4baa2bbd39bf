"""Figure of the scores of several groups of runs."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

WIDTH_OF_SCORE, HEIGHT = 2.6, 3.6
"""inches"""


def comparison_figure(
    groups: Mapping[str, Sequence[Mapping[str, float]]], titles: Mapping[str, str]
) -> Figure:
    """Draw every run as a point and the mean of each group as a line, one axis a score.

    Args:
        groups: scores by name of each run, by group.
        titles: of the scores that are drawn, by name.
    """
    names = list(titles)
    drawn = Figure(figsize=(WIDTH_OF_SCORE * len(names), HEIGHT), layout="constrained")
    axes = np.atleast_1d(drawn.subplots(1, len(names)))
    for axis, name in zip(axes, names, strict=True):
        for place, runs in enumerate(groups.values()):
            values = [run[name] for run in runs]
            axis.plot([place] * len(values), values, "o", alpha=0.6, color=f"C{place % 10}")
            axis.hlines(np.mean(values), place - 0.3, place + 0.3, color=f"C{place % 10}")
        axis.set_title(titles[name], fontsize=9)
        axis.set_xticks(range(len(groups)), list(groups), rotation=30, ha="right")
        axis.set_xlim(-0.6, len(groups) - 0.4)
    return drawn
