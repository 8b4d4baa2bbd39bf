"""Official SELD and SED metrics: Events x Events -> counts -> scores. No torch.

`score` does it all for mappings and folders. Its three steps, for validation during training and across
processes, are `count_recording`, `sum_counts` and `scores_from_counts`.
"""

from avseld.metrics.api import count_recording, score, scores_from_counts
from avseld.metrics.counts import Counts, sum_counts
from avseld.metrics.definitions import SCORES, ScoreDefinition
from avseld.metrics.formulas import Scores
from avseld.metrics.rules import RULES, Rule

__all__ = [
    "RULES",
    "SCORES",
    "Counts",
    "Rule",
    "ScoreDefinition",
    "Scores",
    "count_recording",
    "score",
    "scores_from_counts",
    "sum_counts",
]
