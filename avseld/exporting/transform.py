"""Fourier transforms as convolutions and products of matrices, which ONNX has.

ONNX has an operator for the short-time transform, too. In ONNX Runtime on a CPU it takes 1.5 to 3 times as long as what
is here, and its rounding errors are three times as large (docs/export.md).
"""

import math

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

MOST_PHASES = 16
"""sums of a frame's samples in the second step; more make the matrices of the first one too small"""


def short_time_transform(
    waveform: Tensor,
    n_fft: int,
    hop_length: int,
    win_length: int | None = None,
    window: Tensor | None = None,
    center: bool = True,
    pad_mode: str = "reflect",
) -> tuple[Tensor, Tensor]:
    """Compute what `torch.stft` does, in two steps (J. Cooley, J. Tukey, 1965).

    With n_fft = A B, sample n = a B + b of a frame and bin k = i + A j, the first step transforms the A samples of each
    b: a convolution whose groups are b, which cuts frames, multiplies by the window and by the phases between the
    steps, too. The second one adds up over b. So few values are multiplied that it takes a third to a tenth of one
    product with all sines and cosines, and rounding errors are smaller.

    Args:
        waveform: (row, sample), of a fixed length.
        n_fft: transform, samples.
        hop_length: samples between frames.
        win_length: of the window; n_fft if None.
        window: (win_length,); ones if None.
        center: centre frames on multiples of the hop.
        pad_mode: padding of centred frames at the ends.

    Returns:
        Real and imaginary part, (row, bin, frame) each.
    """
    if center:
        sides = (n_fft // 2, n_fft // 2)
        waveform = functional.pad(waveform[:, None], sides, mode=pad_mode)[:, 0]
    n_frames = (int(waveform.shape[1]) - n_fft) // hop_length + 1
    n_phases = phases_of(n_fft, hop_length)
    n_sums, n_shifts = n_fft // n_phases, n_phases // math.gcd(n_phases, hop_length)
    # Frames whose distance is a multiple of n_phases are computed together, as rows that begin at different samples.
    stride = n_shifts * hop_length // n_phases
    n_steps = -(-n_frames // n_shifts)
    length = ((n_steps - 1) * stride + n_sums) * n_phases
    missing = (n_shifts - 1) * hop_length + length - int(waveform.shape[1])
    padded = functional.pad(waveform, (0, missing)) if missing > 0 else waveform
    shifts = [padded[:, hop_length * shift : hop_length * shift + length] for shift in range(n_shifts)]
    rows = torch.stack(shifts, dim=1).flatten(0, 1) if n_shifts > 1 else shifts[0]
    first, second = (torch.from_numpy(part).to(waveform) for part in _steps(n_fft, n_phases, window))
    sums = functional.conv1d(
        rows.unflatten(1, (-1, n_phases)).transpose(1, 2), first, stride=stride, groups=n_phases
    )
    sums = sums.unflatten(1, (2 * n_phases, n_sums)).flatten(
        2
    )  # (row, b and its real and imaginary, i and step)
    parts = (second @ sums).unflatten(1, (2, -1)).unflatten(3, (n_sums, n_steps))
    return tuple(_in_order(part, n_fft, n_shifts, n_frames) for part in parts.unbind(1))  # type: ignore[return-value]


def phases_of(n_fft: int, hop: int) -> int:
    """Choose B, how many samples of a frame the second step adds up: a divisor of n_fft, if possible of the hop."""
    divisors = [number for number in range(1, 2 * MOST_PHASES + 1) if n_fft % number == 0]
    divisors = [number for number in divisors if number**2 <= n_fft]
    fitting = max(number for number in divisors if hop % number == 0)
    return fitting if 2 * fitting >= MOST_PHASES else max(n for n in divisors if n <= MOST_PHASES)


def _steps(n_fft: int, n_phases: int, window: Tensor | None) -> tuple[np.ndarray, np.ndarray]:
    """Compute the weights of both steps in double precision.

    Returns:
        Kernels of the convolution (b, real and imaginary, i; 1; a), and the matrix of the second step (real and
        imaginary, j; b, real and imaginary).
    """
    n_sums = n_fft // n_phases
    shape = np.ones(n_fft) if window is None else window.detach().double().numpy()
    before = (n_fft - len(shape)) // 2
    shape = np.pad(shape, (before, n_fft - len(shape) - before)).reshape(n_sums, n_phases).T  # (b, a)
    b, i, a = np.ogrid[:n_phases, :n_sums, :n_sums]
    kernel = _circle(n_fft, i * (a * n_phases + b)) * shape[:, None]  # (b, i, a) complex
    first = np.stack([kernel.real, kernel.imag], axis=1).reshape(-1, 1, n_sums)
    j, b = np.ogrid[: n_phases // 2 + 1, :n_phases]
    turn = _circle(n_phases, j * b)
    real, imag = np.stack([turn.real, -turn.imag], axis=2), np.stack([turn.imag, turn.real], axis=2)
    return first, np.concatenate([real, imag]).reshape(-1, 2 * n_phases)


def _circle(n: int, step: np.ndarray) -> np.ndarray:
    """Compute exp(-2 pi j step / n), exactly real or imaginary where it should be."""
    values = np.exp(-2j * np.pi * np.arange(n) / n)
    values = np.where(np.abs(values.real) < 1e-15, 0, values.real) + 1j * np.where(
        np.abs(values.imag) < 1e-15, 0, values.imag
    )
    return values[step % n]


def _in_order(part: Tensor, n_fft: int, n_shifts: int, n_frames: int) -> Tensor:
    """Bring (row and shift, j, i, step) into the order of bins and frames: (row, bin, frame)."""
    bins = part.flatten(1, 2)[:, : n_fft // 2 + 1]
    if n_shifts == 1:
        return bins
    return bins.unflatten(0, (-1, n_shifts)).permute(0, 2, 3, 1).flatten(2)[..., :n_frames]


class InverseTransform:
    """The inverse of a real transform, of which those samples are computed that are taken out of it.

    Args:
        real: (..., bin).
        imag: (..., bin).
        n: samples.
    """

    def __init__(self, real: Tensor, imag: Tensor, n: int) -> None:
        self.real, self.imag, self.n = real, imag, int(n)

    def __getitem__(self, key: tuple[object, slice]) -> Tensor:
        """Compute the samples [..., slice]."""
        sample = np.arange(self.n)[key[1]]
        bin = np.arange(self.n // 2 + 1)[:, None]
        turn = _circle(self.n, bin * sample).conj() / self.n
        weight = np.where((bin == 0) | (2 * bin == self.n), 1, 2)
        cosine, sine = (torch.from_numpy(weight * part).to(self.real) for part in (turn.real, turn.imag))
        return self.real @ cosine - self.imag @ sine
