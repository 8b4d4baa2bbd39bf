"""Augmentations that a recipe names: their classes, and checks of those of other packages."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from avseld.augment.features import FEATURE_AUGMENTATIONS
from avseld.augment.scenes import SCENE_AUGMENTATIONS, Window
from avseld.base.errors import BadInput
from avseld.base.plugins import find_part

GROUP = "avseld.augmentations"
"""entry points of augmentations"""


def augmentation_class(name: str) -> tuple[Callable[..., Any], bool]:
    """Find an augmentation.

    Args:
        name: as in `augment` of a recipe: of either table, of an installed package, or an import path.

    Returns:
        Its class, and whether it changes features: those are `torch.nn.Module`s, the others change scenes.

    Raises:
        BadInput: an unknown name, or a package that is not there.
    """
    found = find_part("augment", name, {**SCENE_AUGMENTATIONS, **FEATURE_AUGMENTATIONS}, GROUP)
    return found, issubclass(found, nn.Module)


def check_names(names: Sequence[str]) -> None:
    """Refuse unknown augmentations.

    Args:
        names: as in `augment` of a recipe.

    Raises:
        BadInput: the first name that is in neither table, no entry point and no import path.
    """
    for name in names:
        augmentation_class(name)


def check_scene_change(name: str, change: Callable[..., Any], window: Window) -> None:
    """Apply a change of scenes to one window and compare what comes back.

    Args:
        name: of the augmentation.
        change: (window, random, another) -> window.
        window: with sound, events and visual input.

    Raises:
        BadInput: the change fails, or returns another shape.
    """
    try:
        changed = change(window, np.random.default_rng(0), lambda: window)
    except Exception as error:
        raise BadInput(f"augment: {name} fails: {type(error).__name__}: {_line(error)}") from error
    if not isinstance(changed, Window):
        raise BadInput(f"augment: {name} returns a {type(changed).__name__}, expected a Window")
    for member, given in (("waveform", window.waveform), ("visual", window.visual)):
        value = getattr(changed, member)
        if given is not None and np.shape(value) != given.shape:
            raise BadInput(f"augment: {name}: {member} is {np.shape(value)}, expected {given.shape}")
    if changed.waveform.dtype != np.float32:
        raise BadInput(f"augment: {name}: waveform is {changed.waveform.dtype}, expected float32")


def check_feature_change(name: str, change: nn.Module, x: Tensor) -> None:
    """Apply a change of features to one window and compare the shape.

    Args:
        name: of the augmentation.
        change: (batch, feature, frame, bin) -> the same shape.
        x: features of a window.

    Raises:
        BadInput: the change fails, or returns another shape.
    """
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            changed = change(x)
    except Exception as error:
        raise BadInput(f"augment: {name} fails: {type(error).__name__}: {_line(error)}") from error
    if not isinstance(changed, Tensor) or changed.shape != x.shape:
        shape = tuple(changed.shape) if isinstance(changed, Tensor) else f"a {type(changed).__name__}"
        raise BadInput(f"augment: {name}: features are {shape}, expected {tuple(x.shape)}")


def _line(error: Exception) -> str:
    return " ".join(str(error).split())
