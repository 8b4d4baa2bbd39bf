"""Spectrograms of multichannel audio, computed in batches on the model's device."""

import torch
from torch import Tensor, nn

from avseld.base.errors import BadInput
from avseld.base.rates import exact_div


class Stft(nn.Module):
    """Short-time Fourier transform with a Hann window.

    Centred, frame k lies around sample k * hop and the waveform is taken as silent (or mirrored) beyond its ends;
    not centred, frame k starts at sample k * hop. `Sony audio-visual SELD` spec, section 4.

    Args of the constructor:
        n_fft: samples of the transform.
        hop: samples between frames.
        pad_mode: constant or reflect, at the ends.
        win_length: samples of the window, in the middle of the transform; as long as it if None.
        symmetric: a window whose two ends are both zero (SELDnet 2018) in place of the periodic one.
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
        self.n_fft, self.hop, self.pad_mode = n_fft, hop, pad_mode
        self.n_bins = n_fft // 2 + 1
        window = torch.hann_window(win_length or n_fft, periodic=not symmetric)
        self.register_buffer("window", window, persistent=False)

    def forward(self, waveform: Tensor, centered: bool = True) -> Tensor:
        """Transform the last axis.

        Args:
            waveform: (batch, channel, sample).
            centered: whether frames are centred on multiples of the hop.

        Returns:
            (batch, channel, frame, bin), complex.

        Raises:
            BadInput: the waveform is shorter than a frame.
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


def planes(spectrum: Tensor) -> tuple[Tensor, Tensor]:
    """Real and imaginary part, each in memory of its own: PyTorch passes over complex values at a third of the pace."""
    pair = torch.view_as_real(spectrum)
    return pair[..., 0].contiguous(), pair[..., 1].contiguous()


def power_of(spectrum: Tensor) -> Tensor:
    """Squared magnitude."""
    pair = torch.view_as_real(spectrum)
    return pair[..., 0].square().addcmul_(pair[..., 1], pair[..., 1])


def magnitude_of(spectrum: Tensor) -> Tensor:
    """Magnitude, not for gradients: that of the root has no value in silence."""
    return power_of(spectrum).sqrt_()


def check_hop(hop: int, sample_rate: int) -> float:
    """Seconds between frames; a label frame of 10 ms must hold a whole number of samples.

    Raises:
        BadInput: the hop does not divide a second.
    """
    return 1.0 / exact_div(sample_rate, hop, f"frames per second at {sample_rate} Hz with a hop of {hop}")
