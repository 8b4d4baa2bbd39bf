"""Metrics of other packages, computed beside the official scores.

A metric is a function `(reference, prediction) -> {name: number}` of two mappings from recording to `Events`.
"""

from collections.abc import Callable, Mapping, Sequence
from numbers import Real

from avseld.base.errors import BadInput
from avseld.base.plugins import find_part
from avseld.io.events import Events
from avseld.metrics.folders import Pairing

Metric = Callable[[Mapping[str, Events], Mapping[str, Events]], Mapping[str, float]]
"""(events by recording of the reference, and of the prediction) -> numbers by name"""

GROUP = "avseld.metrics"
"""entry points of metrics"""


def own_scores(metrics: Sequence[str | Metric], pairs: Pairing) -> dict[str, float]:
    """Compute metrics of other packages.

    Args:
        metrics: functions, their import paths (`package.module:function`) or the names of entry points.
        pairs: recordings with their reference and prediction.

    Returns:
        Numbers by name, in the order of the metrics.

    Raises:
        BadInput: a metric that is not there, fails, returns something else, or a name of an earlier one.
    """
    functions = [
        (each, find_part("metrics", each, {}, GROUP, callables=True))
        if isinstance(each, str)
        else (_name(each), each)
        for each in metrics
    ]
    tables = {name: pairs.pair(name) for name in pairs.names} if functions else {}
    reference, prediction = (
        {name: each[side].with_classes(each[side].classes or pairs.classes) for name, each in tables.items()}
        for side in (0, 1)
    )
    found: dict[str, float] = {}
    for name, function in functions:
        try:
            numbers = function(reference, prediction)
        except BadInput:
            raise
        except Exception as error:
            text = " ".join(str(error).split())
            raise BadInput(f"metrics: {name} fails: {type(error).__name__}: {text}") from error
        fits = isinstance(numbers, Mapping) and all(isinstance(value, Real) for value in numbers.values())
        if not fits:
            raise BadInput(f"metrics: {name} returns {numbers!r}, expected a dict of names and numbers")
        if twice := [key for key in numbers if key in found]:
            raise BadInput(f"metrics: '{twice[0]}' of {name} is the name of another metric; rename it")
        found |= {str(key): float(value) for key, value in numbers.items()}
    return found


def _name(function: Metric) -> str:
    return getattr(function, "__name__", type(function).__name__)
