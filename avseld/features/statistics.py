"""Standardization of features by statistics of the training part; order of the values in published features."""

import logging
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from avseld.base.errors import BadInput
from avseld.base.feature_maps import FeatureMap, unnamed_maps

log = logging.getLogger(__name__)


class Standardize(nn.Module):
    """Subtract the mean and divide by the standard deviation of every feature and bin.

    Until `learn_statistics` has been called it changes nothing. The statistics are buffers, so they are saved with the
    weights. The published systems compute them from all development files, test split included; training here passes
    the training part only.

    Args:
        n_features: features.
        n_bins: bins.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, n_features: int, n_bins: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(n_features, 1, n_bins))
        self.register_buffer("deviation", torch.ones(n_features, 1, n_bins))

    def forward(self, x: Tensor) -> Tensor:
        """Standardize (batch, feature, frame, bin)."""
        return (x - self.mean) / self.deviation

    def reset(self) -> None:
        """Set mean 0 and deviation 1."""
        self.mean.zero_()
        self.deviation.fill_(1.0)

    def fit(self, features: Iterable[Tensor]) -> None:
        """Compute mean and population standard deviation in one pass, in double precision.

        A bin that is constant gets the deviation 1.

        Args:
            features: each (batch, feature, frame, bin), not standardized.

        Raises:
            BadInput: no features, or values that are not finite.
        """
        count, mean, square = 0, torch.zeros((), dtype=torch.float64), torch.zeros((), dtype=torch.float64)
        for x in features:
            x = x.detach().to("cpu", torch.float64)
            more = x.shape[0] * x.shape[2]
            own = x.mean(dim=(0, 2))
            # Merge two parts: T. Chan, G. Golub, R. LeVeque, Updating formulae for computing variances, 1979.
            step = own - mean
            square = (
                square
                + (x - own[:, None]).square().sum(dim=(0, 2))
                + step.square() * (count * more / (count + more))
            )
            mean, count = mean + step * (more / (count + more)), count + more
        if count == 0:
            raise BadInput("nothing to learn feature statistics from; check data.train")
        if not torch.isfinite(square).all():
            raise BadInput("features of the training recordings are not finite; check their audio")
        deviation = (square / count).sqrt()
        self.mean.copy_(mean[:, None])
        self.deviation.copy_(torch.where(deviation > 1e-12, deviation, 1.0)[:, None])


def learn_statistics(feature: nn.Module, waveforms: Iterable[Tensor]) -> None:
    """Compute the statistics of a feature from waveforms of the training part.

    Args:
        feature: one of `FEATURES`; one that is not standardized is not changed.
        waveforms: each (batch, channel, sample), on the device of the feature.

    Raises:
        BadInput: no waveforms, or features that are not finite.
    """
    for module in feature.modules():
        if isinstance(module, Standardize):
            module.reset()
            with torch.no_grad():
                module.fit(feature(waveform) for waveform in waveforms)


def standardizer(enabled: bool, n_features: int, n_bins: int) -> nn.Module:
    """Make a `Standardize`, or a module that changes nothing if not enabled."""
    return Standardize(n_features, n_bins) if enabled else nn.Identity()


class FeatureLayout(nn.Module):
    """Order of the values in (feature, bin): correct, or mixed up as in the published SELDnet of 2018 to 2020.

    The published code stores a frame as one row, part by part, each bin by bin with its channels side by side, and
    reads it back as (bin, feature). So a "feature" of the network holds every second bin of a channel, and the parts
    lie above one another along the bins (fixed in sharathadavanne/seld-dcase2021 @ 3dbd1c4; docs/sources.md, SELDnet).

    Args:
        layout: correct or legacy.
        parts: channels of each part, e.g. (4, 3) for log-mel and intensity vector.
        n_bins: bins of every part.

    Raises:
        BadInput: an unknown layout.
    """

    order: Tensor | None

    def __init__(self, layout: str, parts: Sequence[int], n_bins: int) -> None:
        super().__init__()
        if layout not in ("correct", "legacy"):
            raise BadInput(f"layout: '{layout}' is none of correct, legacy")
        self.n_features, self.n_bins = sum(parts), n_bins
        order = legacy_order(parts, n_bins) if layout == "legacy" else None
        self.register_buffer("order", order, persistent=False)

    def maps(self, maps: list[FeatureMap]) -> list[FeatureMap]:
        """Return the description of channels in this order; mixed up, they have no names."""
        return maps if self.order is None else unnamed_maps(self.n_features, self.n_bins)

    def forward(self, x: Tensor) -> Tensor:
        """Reorder (batch, feature, frame, bin)."""
        if self.order is None:
            return x
        flat = x.transpose(2, 3).flatten(1, 2)[:, self.order]  # (batch, feature and bin, frame)
        return flat.unflatten(1, (self.n_features, self.n_bins)).transpose(2, 3)


def legacy_order(parts: Sequence[int], n_bins: int) -> Tensor:
    """Compute the index into (feature * n_bins + bin,) of each value of the published layout, in its order.

    Args:
        parts: channels of each part.
        n_bins: bins of every part.

    Returns:
        (feature * n_bins,) int.
    """
    index, first = [], 0
    for channels in parts:
        channel, bin = torch.meshgrid(torch.arange(channels), torch.arange(n_bins), indexing="ij")
        index.append(((first + channel) * n_bins + bin).T.flatten())  # bin by bin, channels side by side
        first += channels
    row = torch.cat(index)
    return row.reshape(n_bins, sum(parts)).T.flatten()
