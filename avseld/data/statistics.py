"""Mean and standard deviation of features over training windows."""

import math
from collections.abc import Iterable, Iterator
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from avseld.data.windows import WindowSource
from avseld.features import learn_statistics
from avseld.features.statistics import Standardize
from avseld.system.build import System
from avseld.system.roles import learn_role_statistics

STATISTICS_WINDOWS = 256
"""training windows from which the mean and standard deviation of the features are computed, at most"""
COVERAGE = 4
"""times that so many windows cover a small corpus; more of them say nothing new"""


def learn_from_windows(system: System, windows: WindowSource, given: Iterable[str] = ()) -> None:
    """Compute the statistics by which a system standardizes its features, if it does.

    Args:
        system: its features get them.
        windows: of the training recordings; they are drawn from all recordings, without augmentation.
        given: roles of systems inside the network whose statistics come with their weights.

    Raises:
        BadInput: features that are not finite.
    """
    learn_statistics(system.features, _waveforms(windows))
    learn_role_statistics(system.model.role_systems, partial(_waveforms, windows), given)


def standardization(feature: nn.Module) -> Standardize | None:
    """Return the layer that standardizes features; None where they are not standardized."""
    return next((module for module in feature.modules() if isinstance(module, Standardize)), None)


def measured(system: System, windows: WindowSource) -> Standardize:
    """Compute mean and standard deviation of features, also of those that are not standardized.

    Args:
        system: its features are computed, and keep the statistics where they are standardized.
        windows: of the recordings to measure.

    Raises:
        BadInput: features that are not finite.
    """
    own = standardization(system.features)
    if own is not None:
        learn_from_windows(system, windows)
        return own
    apart = Standardize(system.features.n_features, system.features.n_bins)
    with torch.no_grad():
        apart.fit(system.features(waveform) for waveform in _waveforms(windows))
    return apart


def _waveforms(windows: WindowSource) -> Iterator[Tensor]:
    return (torch.from_numpy(windows.waveform(number))[None] for number in range(_enough(windows)))


def _enough(windows: WindowSource) -> int:
    """Return the number of windows that are measured: as many as cover the recordings several times, at most 256."""
    windows_in_all = float(np.maximum(windows.length / windows.n_samples, 1).sum())
    return min(STATISTICS_WINDOWS, math.ceil(COVERAGE * windows_in_all))
