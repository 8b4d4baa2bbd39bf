"""Training windows as a torch Dataset with a length: `dataset("prepared", recipe="av_foa", part="train")`."""

from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from torch.utils.data import Dataset

from avseld.base.errors import BadInput
from avseld.config import Recipe
from avseld.data.augmentation import augmentation
from avseld.data.folds import choose
from avseld.data.windows import Batch, Windows
from avseld.io.manifest import Recording, read_classes
from avseld.recipes.reading import recipe as read_recipe
from avseld.system.blueprint import Blueprint
from avseld.system.build import System


class WindowDataset(Dataset[Batch]):
    """Windows of the recordings of one part, as many as cover them once.

    An item holds the waveform (channel, sample), the visual input unless the recipe goes without video, and the arrays
    of the target (frame, ...), as tensors. `system.features(batch["waveform"])` computes the features of a batch.

    Args:
        windows: of the recordings.
        system: its features, network and target.
        drawn: draw the windows at random, each a function of seed and index, as training does; else they follow one
            another.
    """

    def __init__(self, windows: Windows, system: System, drawn: bool) -> None:
        self.windows, self.system, self.drawn = windows, system, drawn
        per_recording = -(-windows.length // windows.n_samples)
        self.ends = np.cumsum(np.maximum(per_recording, 1))

    @property
    def recordings(self) -> list[Recording]:
        """Recordings that the windows come from."""
        return self.windows.recordings

    @property
    def classes(self) -> list[str]:
        """Class names by index."""
        return self.system.blueprint.classes

    def __len__(self) -> int:
        return int(self.ends[-1])

    def __getitem__(self, index: int) -> Batch:
        index = int(index) + len(self) * (index < 0)
        if not 0 <= index < len(self):
            raise IndexError(f"window {index} of {len(self)}")
        if self.drawn:
            return self.windows[index]
        which = int(np.searchsorted(self.ends, index, side="right"))
        number = index - (int(self.ends[which - 1]) if which else 0)
        last = max(int(self.windows.length[which]) - self.windows.n_samples, 0)
        return self.windows.at(which, min(number * self.windows.n_samples, last))


def dataset(
    prepared: Path | str,
    recipe: Recipe | str | Path = "av_foa",
    part: Literal["train", "validate", "test"] = "train",
    **changes: Any,
) -> WindowDataset:
    """Open the recordings of a prepared folder as windows with labels.

    Args:
        prepared: the prepared folder.
        recipe: decides format, windows, folds, features and target: a name, or what `avseld.recipe` returns.
        part: train draws windows at random, with the augmentation of the recipe; the windows of validate and test
            follow one another.
        changes: of the recipe, see `avseld.recipe`: `seed=1`; for one by name `data={"chunk": 2.5}`, too.

    Returns:
        A torch Dataset with a length, for a DataLoader.

    Raises:
        BadInput: an unknown part, no recording in it, or whatever is wrong with the recipe or the files.
    """
    if part not in ("train", "validate", "test"):
        raise BadInput(f"part: '{part}' is none of train, validate, test")
    if isinstance(recipe, Recipe):
        recipe = replace(recipe, data=replace(recipe.data, prepared=Path(prepared)), **changes)
    else:
        given = changes.pop("data", {})
        recipe = read_recipe(recipe, **changes, data={**given, "prepared": str(prepared)})
    data = recipe.data
    blueprint = Blueprint(
        recipe.features,
        recipe.model,
        recipe.target,
        read_classes(data.prepared),
        data.format,
        data.chunk,
        recipe.legacy,
        data.inference_chunk,
    )
    system = System(blueprint)
    recordings = choose(data, system.visual_spec)[part]
    if not recordings:
        raise BadInput(f"{prepared}: no recording to {part}; check data.{part}")
    changed = augmentation(system, recipe.augment or [], data.format) if part == "train" else []
    return WindowDataset(Windows(recordings, system, data, recipe.seed, changed), system, part == "train")
