"""Operators of a training step from a corpus on the device: what a GPU is given to do, counted without one."""

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from avseld.config import Data, Part
from avseld.data.augmentation import augmentation
from avseld.data.device_cache import DeviceCache
from avseld.data.windows import Windows
from avseld.io.manifest import read_manifest
from avseld.models.plain_layers import pytorch_layers
from avseld.system.build import System

ASKS_HOST = (
    "_local_scalar_dense",
    "nonzero",
    "lift_fresh",
    "is_nonzero",
    "equal.",
    "unique",
    "masked_select",
    "item",
)
"""operators that wait for the device, or that bring values from the host into a step"""
VIEWS = (
    "view", "t.", "transpose", "unsqueeze", "expand", "permute", "slice", "select.", "detach", "alias",
    "as_strided", "squeeze", "split", "unbind", "empty", "profiler", "_unsafe_view", "_reshape_alias", "unsafe_split",
    "chunk", "unfold.", "diagonal", "real", "view_as",
)  # fmt: skip
"""operators that launch nothing"""
AUGMENTED = (Part("rotate"), Part("mix"), Part("mask"), Part("shift"))


class Operators(TorchDispatchMode):
    """Notes the operators that run within."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def __torch_dispatch__(self, function: Any, types: Any, arguments: Any = (), words: Any = None) -> Any:
        """Note an operator and run it."""
        self.names.append(str(function).removeprefix("aten."))
        if self.names[-1].startswith(("index.", "index_put")) and any(map(_is_mask, arguments[1])):
            self.names.append("nonzero")  # which a CPU does inside of the operator
        return function(*arguments, **(words or {}))

    @property
    def kernels(self) -> list[str]:
        """Those that launch at least one kernel."""
        return [name for name in self.names if not name.startswith(VIEWS)]

    @property
    def asking(self) -> list[str]:
        """Those that make the device wait for the host."""
        return [name for name in self.names if name.startswith(ASKS_HOST)]


def _is_mask(index: Any) -> bool:
    return isinstance(index, torch.Tensor) and index.dtype in (torch.bool, torch.uint8)


def operators_of_step(
    system: System, folder: Path, augment: Sequence[Part] = (), n_windows: int = 4
) -> dict[str, Operators]:
    """Run a training step in its parts, as on a GPU, and note their operators.

    Args:
        system: with a video; in training afterwards.
        folder: a prepared folder.
        augment: augmentations of a recipe.
        n_windows: windows of the step.

    Returns:
        Operators of: batch, features, network, loss, backward, optimizer.
    """
    system.train()
    changes = augmentation(system, list(augment), system.blueprint.format)
    data = Data(folder, format=system.blueprint.format)
    cache = DeviceCache(Windows(read_manifest(folder), system, data, 0, changes), system.device)
    optimizer = torch.optim.Adam(system.model.parameters(), fused=True)
    places = cache.places(range(n_windows))
    noted: dict[str, Operators] = {}

    def note(name: str, work: Callable[[], Any]) -> Any:
        noted[name] = Operators()
        with noted[name]:
            return work()

    with pytorch_layers():
        for _ in range(2):  # tables of constants are made in the first step
            batch = note("batch", partial(cache.batch, places))
            features = note("features", partial(system.features_of, batch["waveform"]))
            heads = note("network", partial(system.model, features, batch.get("visual")))
            loss = note("loss", partial(system.training_loss, heads, batch))["loss"]
            note("backward", loss.backward)
            note("optimizer", optimizer.step)
            optimizer.zero_grad()
    return noted


def count_operators(plain: System, augmented: System, folder: Path) -> dict[str, Any]:
    """Count the operators of a step that launch kernels, plain and with every augmentation.

    Args:
        plain: a system with a video.
        augmented: the same, which gets augmentations of features.
        folder: a prepared folder.

    Returns:
        plain and augmented: kernels by part of the step, and `all`.
    """
    counts: dict[str, Any] = {}
    for name, system, parts in (("plain", plain, ()), ("augmented", augmented, AUGMENTED)):
        noted = operators_of_step(system, folder, parts)
        counted = Counter({part: len(operators.kernels) for part, operators in noted.items()})
        counts[name] = {**counted, "all": counted.total()}
    return counts
