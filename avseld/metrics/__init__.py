"""Official SELD and SED metrics: Events x Events -> counts -> scores. No torch.

`score` is the whole way for mappings and folders; `counts`, `total` and `scores` are its three steps, for
validation during training and across processes.
"""

from avseld.metrics.api import counts, score, scores
from avseld.metrics.counts import Counts, total
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
    "counts",
    "score",
    "scores",
    "total",
]
