"""Log-mel spectrograms with the generalized cross-correlation of every pair of channels."""

from collections.abc import Sequence
from itertools import combinations

import torch
from torch import Tensor, nn

from avseld.base.errors import BadInput
from avseld.base.feature_maps import BinAxis, FeatureMap, maps_of
from avseld.features.mel import Mel, decibel
from avseld.features.spectral import Stft, check_hop, planes, power_of
from avseld.features.statistics import FeatureLayout, standardizer


def gcc_phat(spectrum: Tensor, n_lags: int) -> Tensor:
    """Compute the generalized cross-correlation with phase transform (GCC-PHAT) of every pair of channels.

    If the second channel of a pair is later than the first by d samples, the peak is at n_lags // 2 + d.
    C. Knapp, G. Carter, The generalized correlation method for estimation of time delay, IEEE TASSP 1976.

    Args:
        spectrum: (batch, channel, frame, bin) complex, bin 0 to half the sample rate.
        n_lags: number of lags around 0, in samples; even.

    Returns:
        (batch, pair = (0, 1) (0, 2) ... (1, 2) ..., frame, lag).
    """
    correlation = torch.fft.irfft(_whitened(spectrum), n=2 * (spectrum.shape[3] - 1))
    half = n_lags // 2
    return torch.cat([correlation[..., -half:], correlation[..., :half]], dim=3)


def _whitened(spectrum: Tensor) -> Tensor:
    """Compute the cross spectra of all pairs with magnitude 1: (batch, pair, frame, bin) complex.

    The phase of 0 counts as 0, as published: silence has its peak at lag 0. Channels are divided by their magnitudes
    before they are multiplied, which takes half as long as an angle and its cosine and sine for every pair.
    """
    real, imaginary = planes(spectrum.resolve_conj())
    power = real.square().addcmul_(imaginary, imaginary)
    sounds = power > 0
    inverse = power.rsqrt_().masked_fill_(~sounds, 0)
    real, imaginary = real * inverse, imaginary * inverse
    cross = []
    for a, b in combinations(range(spectrum.shape[1]), 2):
        cosine = (real[:, a] * real[:, b]).addcmul_(imaginary[:, a], imaginary[:, b])
        sine = (real[:, a] * imaginary[:, b]).addcmul_(imaginary[:, a], real[:, b], value=-1)
        cross.append(torch.complex(torch.where(sounds[:, a] & sounds[:, b], cosine, 1.0), sine))
    return torch.stack(cross, dim=1)


def lag_axis(n_lags: int, sample_rate: int, mirrored: bool = False) -> BinAxis:
    """Return the lags of `gcc_phat` in milliseconds, positive where the second channel of a pair is later.

    Args:
        n_lags: number of lags.
        sample_rate: Hz.
        mirrored: whether their direction is reversed.
    """
    sign = -1000 if mirrored else 1000
    lags = (sign * (lag - n_lags // 2) / sample_rate for lag in range(n_lags))
    return BinAxis("lag", "ms", tuple(lags))


class LogMelGCC(nn.Module):
    """Log-mel of every channel and GCC-PHAT of every pair of channels, with as many lags as mel bands.

    As in sharathadavanne/seld-dcase2023 @ 24d14c9, `cls_feature_class.py`.

    Args:
        n_channels: channels of the recordings, at least 2.
        sample_rate: Hz.
        n_fft: transform, window and hop, samples.
        win_length: transform, window and hop, samples.
        hop: transform, window and hop, samples.
        n_mels: see `Mel`; n_mels even.
        low_hz: see `Mel`; n_mels even.
        high_hz: see `Mel`; n_mels even.
        pad_mode: padding at the ends, constant or reflect.
        top_db: see `decibel`.
        gcc_fft: transform and window of the correlation, samples; None uses n_fft and win_length.
        mirrored: reverse the direction of the lags.
        layout: correct, or legacy for the published order of 2020, see `FeatureLayout`.
        standardize: standardize by statistics of the training part.
        scale: see `Mel`.

    Raises:
        BadInput: a single channel, an odd n_mels, or gcc_fft below n_fft.
    """

    def __init__(
        self,
        n_channels: int = 4,
        sample_rate: int = 24000,
        n_fft: int = 1024,
        win_length: int | None = 960,
        hop: int = 480,
        n_mels: int = 64,
        low_hz: float = 0.0,
        high_hz: float | None = None,
        pad_mode: str = "constant",
        top_db: float | None = None,
        gcc_fft: int | None = None,
        mirrored: bool = False,
        layout: str = "correct",
        standardize: bool = True,
        scale: str = "slaney",
    ) -> None:
        super().__init__()
        if n_channels < 2 or n_mels % 2:
            raise BadInput(
                f"GCC-PHAT needs two channels or more and an even n_mels, not {n_channels} and {n_mels}; "
                "use logmel for one channel"
            )
        if gcc_fft is not None and gcc_fft < n_fft:
            raise BadInput(f"gcc_fft: {gcc_fft} is less than n_fft, {n_fft}; lengthen it")
        self.sample_rate, self.n_channels, self.top_db = sample_rate, n_channels, top_db
        self.hop = check_hop(hop, sample_rate)
        self.mel_stft = Stft(n_fft, hop, pad_mode, win_length)
        # Callers read `stft` for the samples that a window needs, so it is the longer transform.
        self.stft = self.mel_stft if gcc_fft is None else Stft(gcc_fft, hop, pad_mode)
        self.mel = Mel(sample_rate, n_fft, n_mels, low_hz, high_hz, scale)
        self.mirrored = mirrored
        n_pairs = n_channels * (n_channels - 1) // 2
        self.n_features, self.n_bins = n_channels + n_pairs, n_mels
        self.layout = FeatureLayout(layout, (n_channels, n_pairs), n_mels)
        self.standardize = standardizer(standardize, self.n_features, self.n_bins)

    def feature_maps(self, channels: Sequence[str]) -> list[FeatureMap]:
        """Describe the channels of the features; see `avseld.system.protocols.Feature`."""
        pairs = [f"{first}-{second}" for first, second in combinations(channels, 2)]
        maps = maps_of("log-mel", channels, "dB", self.mel.axis)
        axis = lag_axis(self.n_bins, self.sample_rate, self.mirrored)
        return self.layout.maps([*maps, *maps_of("GCC-PHAT", pairs, "", axis, len(maps))])

    def forward(self, waveform: Tensor, centered: bool = True) -> Tensor:
        """Compute the features.

        Args:
            waveform: (batch, channel, sample).
            centered: centre frames on multiples of the hop.

        Returns:
            (batch, feature = log-mels then pairs, frame, bin = mel band or lag); lag 0 is bin n_mels // 2.
        """
        spectrum = short = self.stft(waveform, centered)
        if self.stft is not self.mel_stft:
            margin = 0 if centered else (self.stft.n_fft - self.mel_stft.n_fft) // 2
            short = self.mel_stft(waveform[..., margin : waveform.shape[2] - margin], centered)
        level = decibel(self.mel(power_of(short)), self.top_db)
        correlation = gcc_phat(spectrum.conj() if self.mirrored else spectrum, self.n_bins)
        return self.standardize(self.layout(torch.cat([level, correlation], dim=1)))
