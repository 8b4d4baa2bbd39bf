"""Resampling of waveforms on the training device, by windowed sinc filters."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from avseld.base.errors import BadInput

ZERO_CROSSINGS = 16
"""of the sinc on either side: the transition band is a sixteenth of the lower Nyquist frequency"""
PASS_BAND = 0.95
"""edge of the filter over the lower Nyquist frequency"""
MAX_PHASES = 640
"""largest number of samples in a common period of both rates: 147 for 44.1 and 48 kHz, 441 for 22.05 and 32 kHz"""


class Resample(nn.Module):
    """Change the sample rate; a rate that stays changes nothing.

    J. O. Smith, Digital Audio Resampling, ccrma.stanford.edu/~jos/resample: a polyphase filter bank with a Hann window.

    Args:
        rate: Hz of the input.
        new_rate: Hz of the output.

    Raises:
        BadInput: rates without a short common period.
    """

    bank: Tensor

    def __init__(self, rate: int, new_rate: int) -> None:
        super().__init__()
        common = math.gcd(rate, new_rate)
        self.old, self.new = rate // common, new_rate // common
        if max(self.old, self.new) > MAX_PHASES:
            raise BadInput(
                f"{rate} Hz cannot be resampled to {new_rate} Hz; choose rates such as 24000, 32000, 44100 or 48000"
            )
        edge = PASS_BAND * min(self.old, self.new)
        self.width = math.ceil(ZERO_CROSSINGS * self.old / edge)
        tap = torch.arange(-self.width, self.width + self.old, dtype=torch.float64) / self.old
        time = edge * (tap - torch.arange(self.new, dtype=torch.float64)[:, None] / self.new)
        window = torch.cos(
            time.clamp(-ZERO_CROSSINGS, ZERO_CROSSINGS) * math.pi / (2 * ZERO_CROSSINGS)
        ).square()
        bank = torch.sinc(time) * window * edge / self.old
        self.register_buffer("bank", bank.float()[:, None], persistent=False)

    def forward(self, waveform: Tensor) -> Tensor:
        """Resample (batch, channel, sample); the result has as many samples as the same time takes, rounded up."""
        if self.old == self.new:
            return waveform
        batch, n_channels, n_samples = waveform.shape
        padded = functional.pad(waveform.flatten(0, 1)[:, None], (self.width, self.width + self.old))
        phases = functional.conv1d(padded, self.bank.to(waveform), stride=self.old)  # (row, phase, period)
        length = -(-n_samples * self.new // self.old)
        return phases.transpose(1, 2).flatten(1)[:, :length].unflatten(0, (batch, n_channels))
