"""Augmentation of features, on the network's device: masks and shifts."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn


class Mask(nn.Module):
    """Replace stretches of frames and of bins, the same ones in all features, by the feature's mean over the window.

    D. Park et al., SpecAugment: a simple data augmentation method for automatic speech recognition, Interspeech 2019,
    section 2: frequency and time masking. The paper masks with 0 because its log-mel spectrograms have mean 0; features
    that are not standardized have another mean, and a log-amplitude of 0 would be louder than almost any sound.

    Args:
        frames: longest stretch of frames; lengths are drawn evenly from 0 to it.
        bins: longest stretch of bins.
        n: stretches of each kind.
    """

    draws_on_device = True
    """whether nothing is drawn on the host, so that a recorded step draws anew each time"""

    def __init__(self, frames: int = 16, bins: int = 32, n: int = 2) -> None:
        super().__init__()
        self.frames, self.bins, self.n = frames, bins, n

    def forward(self, x: Tensor) -> Tensor:
        """Mask features.

        Args:
            x: (batch, feature, frame, bin).

        Returns:
            The same shape.
        """
        drawn = [(_draw(x, x.shape[2], self.frames), _draw(x, x.shape[3], self.bins)) for _ in range(self.n)]
        if not drawn:
            return x
        frames, bins = (_inside(x.shape[axis], [pair[axis - 2] for pair in drawn]) for axis in (2, 3))
        kept = ~(frames[:, None, :, None] | bins[:, None, None, :])
        return torch.where(kept, x, x.mean(dim=(2, 3), keepdim=True))


class Shift(nn.Module):
    """Move all bins of a window up or down by one number of bins; the edge bin is repeated.

    T. N. T. Nguyen et al., SALSA: spatial cue-augmented log-spectrogram features for polyphonic sound event
    localization and detection, IEEE/ACM TASLP 2022: its frequency shifting.

    Args:
        bins: largest shift.
    """

    draws_on_device = True
    """whether nothing is drawn on the host, so that a recorded step draws anew each time"""

    def __init__(self, bins: int = 10) -> None:
        super().__init__()
        self.bins = bins

    def forward(self, x: Tensor) -> Tensor:
        """Shift features.

        Args:
            x: (batch, feature, frame, bin).

        Returns:
            The same shape.
        """
        by = torch.randint(-self.bins, self.bins + 1, (x.shape[0], 1), device=x.device)
        index = (torch.arange(x.shape[3], device=x.device) - by).clamp(0, x.shape[3] - 1)
        return x.gather(3, index[:, None, None, :].expand_as(x))


def _draw(x: Tensor, n: int, longest: int) -> tuple[Tensor, Tensor]:
    """Draw the length of a stretch of n places for each window of x, and where it lies in 0..1: both (batch, 1)."""
    length = torch.randint(0, min(longest, n) + 1, (x.shape[0], 1), device=x.device)
    return length, torch.rand(x.shape[0], 1, device=x.device)


def _inside(n: int, drawn: Sequence[tuple[Tensor, Tensor]]) -> Tensor:
    """Tell which of n places lie in any of the stretches drawn by `_draw`: (batch, n)."""
    length, where = (torch.cat(each, dim=1)[..., None] for each in zip(*drawn, strict=True))
    first = (where * (n - length + 1)).long()
    place = torch.arange(n, device=length.device)
    return ((place >= first) & (place < first + length)).any(1)


FEATURE_AUGMENTATIONS: dict[str, Callable[..., nn.Module]] = {"mask": Mask, "shift": Shift}
"""name in a recipe -> class; each takes the part's options"""
