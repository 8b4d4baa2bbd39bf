"""Official SELD and SED metrics: Events x Events -> counts -> scores. No torch.

`score` is the whole way for mappings and folders; `counts`, `total` and `scores` are its three steps, for
validation during training and across processes.
"""

from avseld.metrics.api import counts, score, scores
from avseld.metrics.counts import Counts, total
from avseld.metrics.rules import RULES, Rule
from avseld.metrics.scores import Scores

__all__ = ["RULES", "Counts", "Rule", "Scores", "counts", "score", "scores", "total"]
