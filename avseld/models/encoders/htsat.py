"""HTS-AT: a window of sound folded to a square map, and a transformer with shifted windows on it.

K. Chen et al., HTS-AT: a hierarchical token-semantic audio transformer for sound classification and detection, ICASSP
2022, for several channels as in J. Hu et al., PSELDNets, IEEE TASLP 33, 2025 (Jinbo-Hu/PSELDNets @ adb5e39). Parameter
names as published.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from avseld.base.errors import BadInput
from avseld.models.blocks import BatchNorm, check_shape
from avseld.models.shifted_windows import WINDOW, WindowStage

N_QUARTERS = 4
"""stretches of a window of sound that lie above one another in the map"""
N_FRAMES = 1024
"""frames of the longest window: 10.24 s of frames of 10 ms"""
PATCH = 4
"""frames and bins of a token"""
WIDTHS = 4
"""stages, of which each has half the rows and columns and twice the width of the one before"""
FRAMES_PER_COLUMN = PATCH * 2 ** (WIDTHS - 1)
"""frames of a step of the encoder"""
BIN_MULTIPLE = FRAMES_PER_COLUMN * WINDOW // N_QUARTERS
"""the rows of the last stage, a quarter of them for every quarter of the sound, fill whole windows"""


class BandNorms(nn.ModuleList):
    """Batch normalization of every bin of every feature over batch and frames.

    Args:
        n_features: shape of the features.
        n_bins: shape of the features.
    """

    def __init__(self, n_features: int, n_bins: int) -> None:
        super().__init__(BatchNorm(n_bins) for _ in range(n_features))

    def forward(self, x: Tensor) -> Tensor:
        """Normalize (batch, feature, frame, bin)."""
        by_bin = x.transpose(1, 3)  # (batch, bin, frame, feature)
        normalized = [norm(by_bin[..., place : place + 1]) for place, norm in enumerate(self)]
        return torch.cat(normalized, dim=3).transpose(1, 3)


class PatchEmbedding(nn.Module):
    """Tokens of 4 x 4 frames and bins.

    Args:
        n_features: channels in.
        width: channels of a token.
    """

    def __init__(self, n_features: int, width: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(n_features, width, PATCH, stride=PATCH)
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, feature, row, column) -> (batch, row / 4, column / 4, width)."""
        return self.norm(self.proj(x).permute(0, 2, 3, 1))


class FoldedTransformer(nn.Module):
    """Tokens of the folded window and four stages of attention within windows, for normalized features.

    Args:
        n_features: shape of the features.
        n_bins: shape of the features; a multiple of 64.
        channels: width of the first stage; the last has eight times as many.
        depths: blocks of each stage.
        n_heads: heads of each stage.
        stochastic_depth: rate in the last block; it rises evenly from 0 in the first.

    Raises:
        BadInput: other bins, or depths and heads that are not four.
    """

    longest_window = N_FRAMES
    """feature frames; a system refuses longer windows when it is built"""

    def __init__(
        self,
        n_features: int,
        n_bins: int,
        channels: int = 96,
        depths: Sequence[int] = (2, 2, 6, 2),
        n_heads: Sequence[int] = (4, 8, 16, 32),
        stochastic_depth: float = 0.1,
    ) -> None:
        super().__init__()
        if n_bins % BIN_MULTIPLE or n_bins == 0:
            raise BadInput(
                f"features: HTS-AT takes a multiple of {BIN_MULTIPLE} bins, not {n_bins}; choose "
                f"--features.options.n_mels {BIN_MULTIPLE}"
            )
        if len(depths) != WIDTHS or len(n_heads) != WIDTHS:
            raise BadInput(
                f"model.options: HTS-AT has {WIDTHS} stages; give as many depths and n_heads, not "
                f"{len(depths)} and {len(n_heads)}"
            )
        if channels % n_heads[0] or any(channels * 2**stage % heads for stage, heads in enumerate(n_heads)):
            raise BadInput(
                f"model.options.n_heads: {list(n_heads)} do not divide the widths of the stages; choose others"
            )
        self.n_bins, self.n_channels = n_bins, channels * 2 ** (WIDTHS - 1)
        self.n_rows = n_bins // FRAMES_PER_COLUMN
        """rows of the result, lowest bins first"""
        self.patch_embed = PatchEmbedding(n_features, channels)
        rates = iter([stochastic_depth * number / max(sum(depths) - 1, 1) for number in range(sum(depths))])
        rows, columns = n_bins * N_QUARTERS // PATCH, N_FRAMES // N_QUARTERS // PATCH
        self.layers = nn.ModuleList(
            WindowStage(
                channels * 2**stage,
                n_heads[stage],
                rows // 2**stage,
                columns // 2**stage,
                [next(rates) for _ in range(depths[stage])],
                merges=stage < WIDTHS - 1,
            )
            for stage in range(WIDTHS)
        )
        self.norm = nn.LayerNorm(self.n_channels)

    def embed(self, x: Tensor) -> Tensor:
        """Fold windows of at most 1,024 frames and make tokens of them.

        Args:
            x: (batch, feature, frame, bin), normalized; zeros follow a shorter window.

        Returns:
            (batch, row, column, channels).

        Raises:
            BadInput: a longer window, or other bins.
        """
        if x.shape[2] > N_FRAMES:
            raise BadInput(
                f"a window of {x.shape[2]} frames is longer than the {N_FRAMES} of HTS-AT; give shorter ones"
            )
        if x.shape[3] != self.n_bins:
            raise BadInput(f"features of {x.shape[3]} bins do not fit a network of {self.n_bins}")
        x = functional.pad(x, (0, 0, 0, N_FRAMES - x.shape[2]))
        x = x.unflatten(2, (N_QUARTERS, -1)).transpose(
            3, 4
        )  # (batch, feature, quarter, bin, frame of the quarter)
        return self.patch_embed(x.flatten(2, 3))

    def unfold(self, x: Tensor) -> Tensor:
        """Normalize the map of the last stage and lay its quarters side by side again.

        Args:
            x: (batch, row, column, 8 * channels).

        Returns:
            (batch, 8 * channels, bins / 32, 32 steps).
        """
        quarters = self.norm(x).unflatten(
            1, (N_QUARTERS, self.n_rows)
        )  # (batch, quarter, row, column, channel)
        return quarters.permute(0, 4, 2, 1, 3).flatten(3)

    def forward(self, x: Tensor) -> Tensor:
        """Encode normalized features (batch, feature, frame, bin) as (batch, 8 * channels, bins / 32, 32 steps)."""
        x = self.embed(x)
        for layer in self.layers:
            x = layer(x)
        return self.unfold(x)


def check_step(frames_per_step: int) -> None:
    """Refuse steps that no window holds.

    Raises:
        BadInput: less than a frame, or more than the longest window.
    """
    if not 1 <= frames_per_step <= N_FRAMES:
        raise BadInput(
            f"frames_per_step: {frames_per_step}; HTS-AT takes windows of up to {N_FRAMES} frames, give 1 to {N_FRAMES}"
        )


def to_steps(x: Tensor, n_steps: int, frames_per_step: int) -> Tensor:
    """Interpolate the 32 columns of the longest window linearly to its frames, and average those of each step.

    Args:
        x: (batch, channel, column = 32).
        n_steps: steps of the result, of the shorter window.
        frames_per_step: feature frames of a step.

    Returns:
        (batch, step, channel).
    """
    frames = functional.interpolate(x, scale_factor=float(FRAMES_PER_COLUMN), mode="linear")
    steps = functional.avg_pool1d(frames[..., : n_steps * frames_per_step], frames_per_step)
    return steps.transpose(1, 2)


class HTSAT(nn.Module):
    """HTS-AT as an encoder: a step every 10 frames, interpolated from the 32 columns of its last map.

    Windows of up to 1,024 frames. Shorter ones are followed by zeros, after the normalization of the features, and the
    result is cut: attention reaches the zeros, so that the steps of half a window differ from those of a whole one.

    Args:
        n_features: shape of the features.
        n_bins: shape of the features; a multiple of 64.
        frames_per_step: feature frames of a step; 10 are the label frames of features every 10 ms.
        channels: width of the first stage; the last has eight times as many.
        depths: blocks of each stage.
        n_heads: heads of each stage.
        stochastic_depth: rate in the last block; it rises evenly from 0 in the first.

    Raises:
        BadInput: other bins, steps longer than a window, or depths and heads that are not four.
    """

    def __init__(
        self,
        n_features: int,
        n_bins: int,
        frames_per_step: int = 10,
        channels: int = 96,
        depths: Sequence[int] = (2, 2, 6, 2),
        n_heads: Sequence[int] = (4, 8, 16, 32),
        stochastic_depth: float = 0.1,
    ) -> None:
        super().__init__()
        check_step(frames_per_step)
        self.frames_per_step = frames_per_step
        self.scalar = BandNorms(n_features, n_bins)
        self.encoder = FoldedTransformer(n_features, n_bins, channels, depths, n_heads, stochastic_depth)
        self.n_outputs = self.encoder.n_channels * self.encoder.n_rows

    def forward(self, x: Tensor) -> Tensor:
        """Encode (batch, feature, frame, bin) as (batch, frame // frames_per_step, n_outputs).

        Raises:
            BadInput: a window of less than a step or more than 1,024 frames.
        """
        check_shape(x, self.frames_per_step)
        encoded = self.encoder(self.scalar(x)).flatten(1, 2)
        return to_steps(encoded, x.shape[2] // self.frames_per_step, self.frames_per_step)
