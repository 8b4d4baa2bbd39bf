"""Features of the general architecture: those of one of its networks, or of several side by side.

T. N. T. Nguyen et al., A general network architecture for sound event localization and detection using transfer
learning and recurrent neural network, arXiv 2011.07859: 24 kHz, windows of 1,024 samples, 80 frames per second. What
the paper leaves open: docs/sources.md, General architecture.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from avseld.base.errors import BadInput
from avseld.base.feature_maps import BinAxis, FeatureMap, maps_of
from avseld.features.correlation import gcc_phat, lag_axis
from avseld.features.histogram import (
    LOWEST_AZIMUTH_DEG,
    LOWEST_ELEVATION_DEG,
    N_AZIMUTHS,
    N_ELEVATIONS,
    STEP_DEG,
    Histograms,
)
from avseld.features.log_mel import unit_intensity
from avseld.features.mel import Mel, decibel
from avseld.features.spectral import Stft, check_hop, power_of
from avseld.features.statistics import Standardize, standardizer

LOW_HZ, HIGH_HZ = 50.0, 12000.0
"""edges of the mel bands (`dataset/feature_extraction.py` of the authors' repository)"""


class _LogMel(nn.Module):
    """Log-mel of the first channels; a single channel stands for all of them."""

    def __init__(self, sample_rate: int, n_fft: int, n_channels: int, n_mels: int) -> None:
        super().__init__()
        self.n_channels = n_channels
        self.mel = Mel(sample_rate, n_fft, n_mels, LOW_HZ, HIGH_HZ)

    def maps(self, channels: Sequence[str], first_bin: int) -> list[FeatureMap]:
        given = list(channels)
        names = given[: self.n_channels] if len(given) > 1 else given * self.n_channels
        return maps_of("log-mel", names, "dB", self.mel.axis, 0, first_bin)

    def forward(self, spectra: "_Spectra") -> Tensor:
        level = decibel(self.mel(power_of(spectra.short[:, : self.n_channels])))
        return level.expand(-1, self.n_channels, -1, -1)


class _Intensity(nn.Module):
    """Intensity vector normalized to length 1 in every bin, axes y z x, in mel bands."""

    def __init__(self, sample_rate: int, n_fft: int, n_mels: int) -> None:
        super().__init__()
        self.mel = Mel(sample_rate, n_fft, n_mels, LOW_HZ, HIGH_HZ)

    def maps(self, channels: Sequence[str], first_bin: int) -> list[FeatureMap]:
        return maps_of("intensity", "yzx", "", self.mel.axis, 0, first_bin)

    def forward(self, spectra: "_Spectra") -> Tensor:
        return self.mel(unit_intensity(spectra.short[:, :1], spectra.short[:, 1:], 1e-8))


class _Correlation(nn.Module):
    """GCC-PHAT of every pair of channels, from the longer transform."""

    def __init__(self, n_lags: int, sample_rate: int) -> None:
        super().__init__()
        self.n_lags, self.sample_rate = n_lags, sample_rate

    def maps(self, channels: Sequence[str], first_bin: int) -> list[FeatureMap]:
        pairs = [f"{first}-{second}" for first, second in combinations(channels, 2)]
        return maps_of("GCC-PHAT", pairs, "", lag_axis(self.n_lags, self.sample_rate), 0, first_bin)

    def forward(self, spectra: "_Spectra") -> Tensor:
        return gcc_phat(spectra.long, self.n_lags)


HISTOGRAMS = (
    ("azimuth", LOWEST_AZIMUTH_DEG, N_AZIMUTHS),
    ("elevation", LOWEST_ELEVATION_DEG, N_ELEVATIONS),
)
"""angle, centre of its first bin in degrees, number of bins"""


class _Histogram(nn.Module):
    """One of the two histograms: 0 azimuth, 1 elevation."""

    def __init__(self, which: int) -> None:
        super().__init__()
        self.which = which

    def maps(self, channels: Sequence[str], first_bin: int) -> list[FeatureMap]:
        name, lowest, count = HISTOGRAMS[self.which]
        axis = BinAxis(name, "degrees", tuple(lowest + STEP_DEG * bin for bin in range(count)))
        return maps_of("histogram", [f"of {name}"], "", axis, 0, first_bin)

    def forward(self, spectra: "_Spectra") -> Tensor:
        return spectra.histograms[self.which][:, None]


@dataclass
class _Spectra:
    """Spectra and histograms of a batch that parts share; histograms are computed at the first use."""

    short: Tensor
    long: Tensor
    count: Callable[[Tensor], tuple[Tensor, Tensor]]
    counted: tuple[Tensor, Tensor] | None = None

    @property
    def histograms(self) -> tuple[Tensor, Tensor]:
        if self.counted is None:
            self.counted = self.count(self.short)
        return self.counted


@dataclass(frozen=True)
class FeaturePart:
    """Features of one network of the architecture."""

    n_channels: int
    """channels of the recordings that it needs; one does, too, where `repeats` is set"""
    n_features: int
    n_bins: int
    make: Callable[[int, int], nn.Module]
    """(sample rate, n_fft) -> spectra to (batch, feature, frame, bin)"""
    formats: tuple[str, ...] = ()
    """channel formats that it accepts; any if empty"""
    long: bool = False
    """whether it uses the longer transform"""
    repeats: bool = False
    """whether the channel of a single-channel corpus stands for all: then the module is trained there, and serves
    recordings with all channels afterwards"""


PARTS = {
    "sed_m": FeaturePart(4, 4, 128, lambda rate, n_fft: _LogMel(rate, n_fft, 4, 128), repeats=True),
    "sed_t": FeaturePart(1, 1, 64, lambda rate, n_fft: _LogMel(rate, n_fft, 1, 64)),
    "doa_iv": FeaturePart(4, 3, 128, lambda rate, n_fft: _Intensity(rate, n_fft, 128), ("foa",)),
    "doa_gcc": FeaturePart(4, 6, 128, lambda rate, n_fft: _Correlation(128, rate), ("mic",), long=True),
    "azi_hist": FeaturePart(4, 1, N_AZIMUTHS, lambda rate, n_fft: _Histogram(0), ("foa",)),
    "ele_hist": FeaturePart(4, 1, N_ELEVATIONS, lambda rate, n_fft: _Histogram(1), ("foa",)),
}


class GeneralFeatures(nn.Module):
    """Features of one part or of several, the bins of each part after those of the part before.

    sed_m is the log-mel of all channels (a single channel stands for all four: event detection can be trained on a
    single-channel corpus), sed_t that of the first one; doa_iv the intensity vector (first-order
    ambisonics); doa_gcc the GCC-PHAT of all pairs of channels (microphones); azi_hist and ele_hist are histograms of
    directions (first-order ambisonics). Parts with fewer features are padded with zero features.

    Args:
        n_channels: channels of the recordings.
        parts: names from `PARTS`, in their order.
        sample_rate: Hz.
        n_fft: transform and hop, samples.
        hop: transform and hop, samples.
        gcc_fft: transform of the correlations, samples.
        pad_mode: padding at the ends, constant or reflect.
        standardize: standardize by statistics of the training part.
        histogram: options of `Histograms`.

    Raises:
        BadInput: an unknown part or none, too few channels, or an unknown option of the histograms.
    """

    def __init__(
        self,
        n_channels: int = 4,
        parts: Sequence[str] = ("sed_m",),
        sample_rate: int = 24000,
        n_fft: int = 1024,
        hop: int = 300,
        gcc_fft: int = 2048,
        pad_mode: str = "reflect",
        standardize: bool = True,
        histogram: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        for name in parts:
            if name not in PARTS:
                raise BadInput(f"features.options.parts: '{name}' is none of {', '.join(PARTS)}")
            if n_channels < PARTS[name].n_channels and not (n_channels == 1 and PARTS[name].repeats):
                raise BadInput(
                    f"{name} needs {PARTS[name].n_channels} channels, not {n_channels}; choose sed_t"
                )
        if not parts:
            raise BadInput(f"features.options.parts: empty; name some of {', '.join(PARTS)}")
        self.names, chosen = list(parts), [PARTS[name] for name in parts]
        self.sample_rate, self.n_channels = sample_rate, n_channels
        self.formats = next((part.formats for part in chosen if part.formats), ())
        self.hop = check_hop(hop, sample_rate)
        self.short = Stft(n_fft, hop, pad_mode)
        # Callers read `stft` for the samples that a window needs, so it is the longer transform.
        self.stft = Stft(gcc_fft, hop, pad_mode) if any(part.long for part in chosen) else self.short
        try:
            self.histograms = Histograms(sample_rate, n_fft, **(histogram or {}))
        except TypeError as error:
            raise BadInput(f"features.options.histogram: {error}") from None
        self.parts = nn.ModuleList(part.make(sample_rate, n_fft) for part in chosen)
        self.n_features, self.n_bins = max(p.n_features for p in chosen), sum(p.n_bins for p in chosen)
        self.standardize = standardizer(standardize, self.n_features, self.n_bins)

    def feature_maps(self, channels: Sequence[str]) -> list[FeatureMap]:
        """Describe the channels of the features; see `avseld.system.protocols.Feature`."""
        maps: list[FeatureMap] = []
        first_bin = 0
        for name, part in zip(self.names, self.parts, strict=True):
            maps += part.maps(channels, first_bin)  # type: ignore[operator]
            first_bin += PARTS[name].n_bins
        return maps

    def forward(self, waveform: Tensor, centered: bool = True) -> Tensor:
        """Compute the features.

        Args:
            waveform: (batch, channel, sample).
            centered: centre frames on multiples of the hop.

        Returns:
            (batch, feature, frame, bin).
        """
        long = short = self.stft(waveform, centered)
        if self.stft is not self.short:
            margin = 0 if centered else (self.stft.n_fft - self.short.n_fft) // 2
            short = self.short(waveform[..., margin : waveform.shape[2] - margin], centered)
        spectra = _Spectra(short, long, self.histograms)
        features = [part(spectra) for part in self.parts]
        padded = [functional.pad(x, (0, 0, 0, 0, 0, self.n_features - x.shape[1])) for x in features]
        return self.standardize(torch.cat(padded, dim=3))

    def adopt(self, part: str, mean: Tensor, deviation: Tensor) -> None:
        """Copy the statistics of a part from a system trained with that part alone.

        Args:
            part: name from `PARTS`.
            mean: (feature of the part, 1, bin of the part).
            deviation: the same shape.

        Raises:
            BadInput: a part that is not used here, statistics of another shape, or features that are not standardized.
        """
        if part not in self.names:
            raise BadInput(f"features: this system uses {', '.join(self.names)}, not {part}")
        known, index = PARTS[part], self.names.index(part)
        shape = (known.n_features, 1, known.n_bins)
        if not isinstance(self.standardize, Standardize) or {mean.shape, deviation.shape} != {shape}:
            raise BadInput(
                f"features: no statistics of {part} of the shape {shape}; train it with standardize"
            )
        first = sum(PARTS[name].n_bins for name in self.names[:index])
        for own, value in ((self.standardize.mean, mean), (self.standardize.deviation, deviation)):
            own[: known.n_features, :, first : first + known.n_bins] = value
