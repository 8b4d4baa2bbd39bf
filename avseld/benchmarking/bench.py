"""The command bench: times a part of the work against the published implementation, in one run on one machine."""

import json as json_format
import sys
from collections.abc import Callable
from functools import partial
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Literal

from avseld.base.errors import BadInput
from avseld.base.files import takes_paths

What = Literal[
    "train",
    "predict",
    "features",
    "metrics",
    "imaging",
    "energy_maps",
    "detect",
    "shards",
    "stream",
    "stereo",
]


@takes_paths
def bench(
    what: What,
    weights: Path | None = None,
    json: bool = False,
    hours: float = 1.0,
    recipe: dict[str, Any] | None = None,
) -> None:
    """Time a part of the work against the same work done the published way, in the same run.

    Args:
        what: train times training steps of av_foa, or of the recipe after --config beside the same network written
            plainly; predict a minute of FOA with cached boxes; features a minute of
            four channels in one thread; metrics 54 recordings (the real system's outputs where they lie beside the
            project, else generated ones), with the jackknife, and 10,000 generated recordings; imaging scores of energy
            maps of DCASE2026; energy_maps those maps made from 32 channels; detect a video; shards reading windows from
            shards beside seeking in files; stream the latency of live events beside that of windows a second apart;
            stereo clips of DCASE2025.
        weights: of the detector, for train, predict, detect and stream; YOLOX-Nano of the user's cache if left out, and
            people_drawn for stream.
        json: print one JSON object as the last line.
        hours: length of the corpus that shards are measured with, 0.41 GB of disk each, above 20 hours 0.05 GB; of the
            recordings that imaging watches the memory in.
        recipe: the same as --config: a recipe, a YAML file or a run folder, for train; options of it may follow.

    Raises:
        BadInput: a recipe for another benchmark than train, or no detector.
    """
    if recipe is not None and what != "train":
        raise BadInput(f"{what}: takes no recipe; --config goes with train")
    result = _benchmark(what, weights, hours, recipe)()
    width = max(map(len, result))
    for name, value in result.items():
        sys.stdout.write(
            f"{name:<{width}}  {value:.4g}\n" if isinstance(value, float) else f"{name:<{width}}  {value}\n"
        )
    if json:
        sys.stdout.write(json_format.dumps(result) + "\n")


def _benchmark(
    what: What, weights: Path | None, hours: float, recipe: dict[str, Any] | None
) -> Callable[[], dict[str, Any]]:
    if recipe is not None:
        from avseld.benchmarking.recipe_steps import bench_recipe

        return lambda: bench_recipe(recipe)
    if what == "shards":
        from avseld.benchmarking.shards import bench_shards

        return lambda: bench_shards(hours)
    if what == "imaging":
        from avseld.benchmarking.imaging import bench_imaging

        return lambda: bench_imaging(hours)
    if what == "stream":
        from avseld.benchmarking.live import bench_stream

        return lambda: bench_stream(weights)
    if what == "metrics":
        from avseld.benchmarking.metrics import bench_metrics

        return bench_metrics
    if what == "features":
        from avseld.benchmarking.spectra import bench_features

        return bench_features
    if what == "train":
        from avseld.benchmarking.steps import bench_training

        return lambda: bench_training(weights)
    if what == "predict":
        from avseld.benchmarking.recordings import bench_prediction

        return lambda: bench_prediction(weights)
    if what == "detect":
        return partial(_installed(what, "detector"), weights)
    return _installed(what, "data preparation")


def _installed(name: str, kind: str) -> Callable[..., dict[str, Any]]:
    """Return the benchmark of a part that is no part of the library.

    Raises:
        BadInput: the project was installed before it was there.
    """
    found = [point for point in entry_points(group="avseld.benchmarks") if point.name == name]
    if not found:
        raise BadInput(f"{name}: no {kind} is installed; install the project anew")
    benchmark: Callable[..., dict[str, Any]] = found[0].load()
    return benchmark
