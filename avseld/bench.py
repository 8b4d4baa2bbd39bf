"""Benchmarks: the same work done here and the published way, in one run on one machine."""

import json as json_format
import sys
from collections.abc import Callable
from typing import Any, Literal

from avseld.benchmark_metrics import bench_metrics

BENCHMARKS: dict[str, Callable[[], dict[str, Any]]] = {"metrics": bench_metrics}


def bench(what: Literal["metrics"], json: bool = False) -> None:
    """Time a part of the work against the same work done the published way, in the same run.

    Args:
        what: metrics scores 54 recordings (the real system's outputs where they lie beside the project, else
            generated ones), with the jackknife, and 10,000 generated recordings.
        json: print one JSON object as the last line.
    """
    result = BENCHMARKS[what]()
    width = max(map(len, result))
    for name, value in result.items():
        sys.stdout.write(
            f"{name:<{width}}  {value:.4g}\n" if isinstance(value, float) else f"{name:<{width}}  {value}\n"
        )
    if json:
        sys.stdout.write(json_format.dumps(result) + "\n")
