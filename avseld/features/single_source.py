"""Time-frequency bins dominated by the direct sound of a single source: three tests, and the direction of the source.

The signal-processing front end of T. N. T. Nguyen et al., Robust source counting and DOA estimation using spatial
pseudo-spectrum and convolutional neural network, arXiv 2002.05865, and arXiv 2011.07859; nothing is trained. Constants
of noise floor and coherence: thomeou/SALSA @ 30bc6b8 (docs/sources.md, General architecture).
"""

import torch
from torch import Tensor
from torch.nn import functional

from avseld.features.spectral import power_of

SMOOTH_FRAMES = 3
"""frames of the smoothed magnitude: the current one and two before; also of the mean in the onset test"""
COVARIANCE_HALF_FRAMES = 3
"""frames on either side of the current one in the spatial covariance"""
INITIAL_FLOOR_RATIO = 0.5
"""noise floor at the start over the mean magnitude of the first frames"""
INITIAL_FLOOR_FRAMES = 5
"""frames of that mean"""
MIN_FLOOR = 1e-6
"""smallest noise floor, as a magnitude of the spectrum: keeps it from falling to 0 in digital silence"""
FLOOR_RISE = 1.02
"""factor per frame while the magnitude is above the floor, for the first `FAST_RISE_FRAMES` frames"""
FLOOR_SLOW_RISE = 1.002
"""factor per frame after that: a sound that lasts is no noise"""
FLOOR_FALL = 0.98
"""factor per frame while the magnitude is below the floor"""
FAST_RISE_FRAMES = 3
"""frames above the floor during which it rises fast"""


def pad_frames(x: Tensor, dim: int, before: int, after: int, wrap: bool = False) -> Tensor:
    """Pad frames by repeating the first and the last one, or as published by frames from the other end.

    Args:
        x: any tensor.
        dim: dimension of the frames.
        before: frames to add before the first one.
        after: frames to add after the last one.
        wrap: take them from the other end.
    """
    n_frames = x.shape[dim]
    frame = torch.arange(-before, n_frames + after, device=x.device)
    frame = frame % n_frames if wrap else frame.clamp(0, n_frames - 1)
    return x.index_select(dim, frame)


def smoothed_magnitude(omni: Tensor, wrap: bool = False) -> Tensor:
    """Compute the root of the mean power of each frame and the two before it.

    Args:
        omni: (batch, frame, bin) complex spectrum of the omnidirectional channel.
        wrap: see `pad_frames`.

    Returns:
        (batch, frame, bin).
    """
    power = pad_frames(power_of(omni), 1, SMOOTH_FRAMES - 1, 0, wrap)
    return power.unfold(1, SMOOTH_FRAMES, 1).mean(dim=-1).sqrt()


def noise_floor(magnitude: Tensor) -> Tensor:
    """Track the noise floor of every bin over time.

    While the magnitude is above it, it rises by 2 % per frame, after three such frames by 0.2 %; else it falls by 2 %.

    Args:
        magnitude: (batch, frame, bin).

    Returns:
        The same shape: the floor after the update of each frame.
    """
    floor = INITIAL_FLOOR_RATIO * magnitude[:, :INITIAL_FLOOR_FRAMES].mean(dim=1)
    fast_left = torch.full_like(floor, FAST_RISE_FRAMES)
    floors = []
    for current in magnitude.unbind(1):
        above = current > floor
        fast_left = torch.where(above, fast_left - 1, float(FAST_RISE_FRAMES))
        rise = torch.where(fast_left >= 0, FLOOR_RISE, FLOOR_SLOW_RISE)
        floor = (floor * torch.where(above, rise, FLOOR_FALL)).clamp(min=MIN_FLOOR)
        floors.append(floor)
    return torch.stack(floors, dim=1)


def is_onset(magnitude: Tensor, ratio: float = 1.0) -> Tensor:
    """Test whether a bin is at least as loud as the mean of the three frames before.

    Decaying reverberation fails. The papers name an onset test without its formula; this one is ours.

    Args:
        magnitude: (batch, frame, bin).
        ratio: required ratio to that mean.

    Returns:
        The same shape, bool.
    """
    before = pad_frames(magnitude, 1, SMOOTH_FRAMES, 0)[:, :-1].unfold(1, SMOOTH_FRAMES, 1).mean(dim=-1)
    return magnitude >= ratio * before


def directions(
    spectrum: Tensor, chosen: Tensor, coherence: float = 5.0, wrap: bool = False
) -> tuple[Tensor, Tensor, Tensor]:
    """Estimate the direction of bins that pass the coherence test.

    The spatial covariance over seven frames must be close to rank 1: its first eigenvalue above `coherence` times the
    second. Its first eigenvector is then the array's response to a plane wave from the source.

    Args:
        spectrum: (batch, channel = W Y Z X, frame, bin) complex.
        chosen: (batch, frame, bin) bool, bins to test.
        coherence: required ratio of the first two eigenvalues; 0 passes all chosen bins.
        wrap: see `pad_frames`.

    Returns:
        batch (row,), frame and bin (row, 2), and unit vectors x y z (row, 3) of the bins that pass.
    """
    batch, frame, bin = chosen.nonzero(as_tuple=True)
    padded = pad_frames(spectrum, 2, COVARIANCE_HALF_FRAMES, COVARIANCE_HALF_FRAMES, wrap)
    window = frame[:, None] + torch.arange(2 * COVARIANCE_HALF_FRAMES + 1, device=frame.device)
    local = padded[batch[:, None], :, window, bin[:, None]].transpose(1, 2)  # (row, channel, frame)
    # Scaled, so that the covariance of quiet bins does not underflow in single precision.
    local = local / local.abs().amax(dim=(1, 2), keepdim=True).clamp(min=1e-30)
    value, eigenvector = torch.linalg.eigh(local @ local.mH)
    passing = value[:, -1] > coherence * value[:, -2]
    first = eigenvector[passing, :, -1]
    vector = (
        torch.cat([first[:, 3:], first[:, 1:3]], dim=1) * first[:, :1].conj()
    ).real  # Re(u / u0) up to a positive factor
    return batch[passing], torch.stack([frame, bin], 1)[passing], functional.normalize(vector, dim=1)
