"""Spectra of multichannel audio, computed in batches on the model's device."""

import numpy as np
import torch
from torch import Tensor, nn

from avseld.base.errors import BadInput
from avseld.base.feature_maps import BinAxis
from avseld.base.rates import exact_div


class Stft(nn.Module):
    """Short-time Fourier transform with a Hann window.

    With `centered`, frame k is centred on sample k * hop and the waveform is padded at both ends; without, frame k
    starts at sample k * hop.

    Args:
        n_fft: transform, samples.
        hop: samples between frames.
        pad_mode: padding at the ends, constant (silence) or reflect.
        win_length: window in the middle of the transform, samples; n_fft if None.
        symmetric: use a symmetric window, zero at both ends (SELDnet 2018), instead of a periodic one.
    """

    def __init__(
        self,
        n_fft: int = 512,
        hop: int = 240,
        pad_mode: str = "constant",
        win_length: int | None = None,
        symmetric: bool = False,
    ) -> None:
        super().__init__()
        if win_length is not None and not 0 < win_length <= n_fft:
            raise BadInput(
                f"features.options.win_length: a window of {win_length} samples does not fit n_fft {n_fft}; "
                "give a longer n_fft or a shorter win_length"
            )
        self.n_fft, self.hop, self.pad_mode = n_fft, hop, pad_mode
        self.n_bins = n_fft // 2 + 1
        window = torch.hann_window(win_length or n_fft, periodic=not symmetric)
        self.register_buffer("window", window, persistent=False)

    def axis(self, sample_rate: int, kept: slice = slice(None)) -> BinAxis:
        """Return the frequencies of bins, Hz.

        Args:
            sample_rate: Hz.
            kept: bins of the transform.
        """
        return frequency_axis(np.fft.rfftfreq(self.n_fft, 1 / sample_rate)[kept])

    def forward(self, waveform: Tensor, centered: bool = True) -> Tensor:
        """Compute the complex spectrum.

        Args:
            waveform: (batch, channel, sample).
            centered: centre frames on multiples of the hop.

        Returns:
            (batch, channel, frame, bin), complex.

        Raises:
            BadInput: the waveform is shorter than a frame that is not centred.
        """
        batch, channel, n_samples = waveform.shape
        if not centered and n_samples < self.n_fft:
            raise BadInput(
                f"{n_samples} samples are shorter than one frame of {self.n_fft}; use a longer recording"
            )
        spectrum = torch.stft(
            waveform.reshape(batch * channel, n_samples),
            self.n_fft,
            self.hop,
            win_length=len(self.window),  # type: ignore[arg-type]
            window=self.window,  # type: ignore[arg-type]
            center=centered,
            pad_mode=self.pad_mode,
            return_complex=True,
        )
        return spectrum.unflatten(0, (batch, channel)).transpose(2, 3)


def frequency_axis(frequency: np.ndarray) -> BinAxis:
    """Describe bins by their centre frequencies (bin,) in Hz."""
    return BinAxis("frequency", "Hz", tuple(frequency.tolist()))


def planes(spectrum: Tensor) -> tuple[Tensor, Tensor]:
    """Split into contiguous real and imaginary parts: PyTorch takes three times as long over complex memory."""
    pair = torch.view_as_real(spectrum)
    return pair[..., 0].contiguous(), pair[..., 1].contiguous()


def power_of(spectrum: Tensor) -> Tensor:
    """Compute the squared magnitude of a complex tensor of any shape."""
    pair = torch.view_as_real(spectrum)
    return pair[..., 0].square().addcmul_(pair[..., 1], pair[..., 1])


def magnitude_of(spectrum: Tensor) -> Tensor:
    """Compute the magnitude of a complex tensor; not for gradients, since that of the root is infinite in silence."""
    return power_of(spectrum).sqrt_()


def check_hop(hop: int, sample_rate: int) -> float:
    """Compute the seconds between frames of a hop that divides a second.

    Args:
        hop: samples.
        sample_rate: Hz.

    Raises:
        BadInput: it does not.
    """
    return 1.0 / exact_div(sample_rate, hop, f"frames per second at {sample_rate} Hz with a hop of {hop}")
