"""Bins of a spectrogram in which a single source is heard directly: three tests, and where the source is.

The signal-processing front end of T. N. T. Nguyen et al. (arXiv 2002.05865, 2011.07859), which learns nothing. Its
constants are those of the same authors' SALSA (`General architecture` spec, sections 3 and 6.1).
"""

import torch
from torch import Tensor
from torch.nn import functional

from avseld.features.spectral import power_of

SMOOTH = 3
"""frames of the running magnitude: this one and those before"""
AROUND = 3
"""frames on either side that the spatial covariance is taken over"""
FLOOR_START, FLOOR_FRAMES, FLOOR_LEAST = 0.5, 5, 1e-6
UP, UP_SLOWLY, DOWN, PATIENCE = 1.02, 1.002, 0.98, 3
"""the noise floor follows quickly for so many frames, then slowly while something sounds"""


def surrounded(x: Tensor, dim: int, before: int, after: int, wrap: bool = False) -> Tensor:
    """Frames before the first and after the last one: its repetition, or as published the other end.

    Args:
        x: any.
        dim: of the frames.
        before: how many.
        after: how many.
        wrap: take them from the other end.
    """
    n_frames = x.shape[dim]
    frame = torch.arange(-before, n_frames + after, device=x.device)
    frame = frame % n_frames if wrap else frame.clamp(0, n_frames - 1)
    return x.index_select(dim, frame)


def running_magnitude(omni: Tensor, wrap: bool = False) -> Tensor:
    """Root of the mean power of this frame and the two before.

    Args:
        omni: (batch, frame, bin) complex, the omnidirectional channel.
        wrap: see `surrounded`.

    Returns:
        (batch, frame, bin).
    """
    power = surrounded(power_of(omni), 1, SMOOTH - 1, 0, wrap)
    return power.unfold(1, SMOOTH, 1).mean(dim=-1).sqrt()


def noise_floor(magnitude: Tensor) -> Tensor:
    """Level of the background in every bin, followed over time.

    It rises by 2 % a frame while something is louder, after three such frames by 0.2 % only, and falls by 2 %.

    Args:
        magnitude: (batch, frame, bin).

    Returns:
        The same shape: the floor after each frame.
    """
    floor = FLOOR_START * magnitude[:, :FLOOR_FRAMES].mean(dim=1)
    patience = torch.full_like(floor, PATIENCE)
    floors = []
    for now in magnitude.unbind(1):
        above = now > floor
        patience = torch.where(above, patience - 1, float(PATIENCE))
        rise = torch.where(patience >= 0, UP, UP_SLOWLY)
        floor = (floor * torch.where(above, rise, DOWN)).clamp(min=FLOOR_LEAST)
        floors.append(floor)
    return torch.stack(floors, dim=1)


def rising(magnitude: Tensor, ratio: float = 1.0) -> Tensor:
    """Whether a bin is at least as loud as on average in the three frames before: no reverberation that dies away.

    The published test of the direct path is known by its purpose only; this is ours.

    Args:
        magnitude: (batch, frame, bin).
        ratio: how much louder.

    Returns:
        The same shape, truth.
    """
    before = surrounded(magnitude, 1, SMOOTH, 0)[:, :-1].unfold(1, SMOOTH, 1).mean(dim=-1)
    return magnitude >= ratio * before


def directions(
    spectrum: Tensor, chosen: Tensor, coherence: float = 5.0, wrap: bool = False
) -> tuple[Tensor, Tensor, Tensor]:
    """Where the sound of bins comes from, if it comes from one direction.

    The covariance of seven frames must have a first eigenvalue that is larger than the second one so many times; its
    eigenvector is the response to a plane wave from there.

    Args:
        spectrum: (batch, channel = W Y Z X, frame, bin) complex.
        chosen: (batch, frame, bin), which bins to look at.
        coherence: ratio of eigenvalues; 0 takes all that is chosen.
        wrap: see `surrounded`.

    Returns:
        batch (row,), frame and bin (row, 2), and unit vectors x y z (row, 3) of the bins that pass.
    """
    batch, frame, bin = chosen.nonzero(as_tuple=True)
    padded = surrounded(spectrum, 2, AROUND, AROUND, wrap)
    around = frame[:, None] + torch.arange(2 * AROUND + 1, device=frame.device)
    seen = padded[batch[:, None], :, around, bin[:, None]].transpose(1, 2)  # (row, channel, frame)
    # Scaled, so that quiet bins do not vanish in single precision.
    seen = seen / seen.abs().amax(dim=(1, 2), keepdim=True).clamp(min=1e-30)
    value, vector = torch.linalg.eigh(seen @ seen.mH)
    passing = value[:, -1] > coherence * value[:, -2]
    first = vector[passing, :, -1]
    place = (first[:, [3, 1, 2]] * first[:, :1].conj()).real  # Re(u / u0), but for a positive factor
    return batch[passing], torch.stack([frame, bin], 1)[passing], functional.normalize(place, dim=1)
