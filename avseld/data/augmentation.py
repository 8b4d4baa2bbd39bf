"""Augmentations that a recipe names, built for a system."""

import logging
from typing import Any

import numpy as np
import torch

from avseld.augment.checks import (
    augmentation_class,
    check_feature_change,
    check_names,
    check_scene_change,
)
from avseld.augment.maps import N_MAP_VALUES
from avseld.augment.scenes import VisualLayout, Window, rotations
from avseld.base.errors import BadInput
from avseld.base.options import check_options
from avseld.base.plugins import comes_from_elsewhere
from avseld.config import Part
from avseld.data.windows import SceneChange
from avseld.io.formats import format_named
from avseld.system.build import System
from avseld.system.dry_run import ONE_EVENT

log = logging.getLogger(__name__)


def augmentation(system: System, parts: list[Part], format: str) -> list[SceneChange]:
    """Build the augmentations that a recipe names; those of features are added to the system.

    Raises:
        BadInput: an unknown name or option, or a change that the channel format does not allow.
    """
    check_names([part.name for part in parts])
    turned = "rotate" in [part.name for part in parts] and any(
        rotation.quarter for rotation, _ in rotations(format)
    )
    if turned and not system.model.wrap:
        log.warning(
            "rotate may turn people across the picture's seam, where this network does not see them whole; give "
            "--model.options.wrap true"
        )
    n_values = system.visual_spec.n_values
    if "rotate" in [part.name for part in parts] and n_values not in (0, N_MAP_VALUES):
        raise BadInput(
            f"augment: rotate cannot rotate embeddings of {n_values} values, only the maps of whole panoramas "
            f"({N_MAP_VALUES} values, avseld-detect embed without --crop); leave it out"
        )
    scenes: list[SceneChange] = []
    for part in parts:
        constructor, of_features = augmentation_class(part.name)
        if of_features and system.model.role_systems:
            raise BadInput(
                f"augment: {part.name} changes features, but {system.blueprint.model.name} computes its own; "
                "leave it out"
            )
        options = check_options(f"augment {part.name}", constructor, part.options)
        try:
            change = constructor(**options) if of_features else constructor(format, **options)
        except TypeError as error:
            raise BadInput(f"augment: {part.name}: {error}") from None
        if comes_from_elsewhere(change):
            _check_change(system, part.name, change)
        (system.masks if of_features else scenes).append(change)
    return scenes


def _check_change(system: System, name: str, change: Any) -> None:
    """Try an augmentation of another package on one window."""
    if isinstance(change, torch.nn.Module):
        shape = (1, system.features.n_features, system.window_frames, system.features.n_bins)
        check_feature_change(name, change, torch.zeros(shape))
        return
    n_channels = format_named(system.blueprint.format).channels
    waveform = np.zeros((n_channels, system.window_samples), np.float32)
    visual = np.zeros(system.visual_spec.shape, np.float32)
    spec = system.visual_spec
    layout: VisualLayout = "embeddings" if spec.n_values else "tracks" if spec.tracks else "boxes"
    check_scene_change(name, change, Window(waveform, ONE_EVENT, 0.0, visual, layout))
