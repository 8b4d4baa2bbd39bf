"""Audio-visual sound event localization and detection: train, score and look at SELD systems.

The functions of a notebook are here; each is imported on first use, so that `import avseld` is quick:

* `load(RUN).predict(AUDIO, video=None)` returns `Events`;
* `read_events(CSV)`, `score(REFERENCE, PREDICTION, challenge=2023)`, `figure(...)`;
* `recipe("av_foa", data=PREPARED, steps=2000)`, `train(RECIPE, out=RUN)`;
* `dataset(PREPARED, recipe="av_foa", part="train")`, a torch Dataset of training windows.
"""

from typing import TYPE_CHECKING

from avseld.base.lazy import lazy_attributes

if TYPE_CHECKING:
    from avseld.data.dataset import dataset
    from avseld.io.events import Events, read_events
    from avseld.metrics import score
    from avseld.prediction import load
    from avseld.recipes.reading import recipe
    from avseld.reporting import figure
    from avseld.training.from_python import train

__version__ = "0.1.0"

__all__ = ["Events", "dataset", "figure", "load", "read_events", "recipe", "score", "train"]

_MODULES = {
    "Events": "io.events",
    "dataset": "data.dataset",
    "figure": "reporting",
    "load": "prediction",
    "read_events": "io.events",
    "recipe": "recipes.reading",
    "score": "metrics",
    "train": "training.from_python",
}

__getattr__ = lazy_attributes(__name__, _MODULES)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
