"""PaSST: a transformer on overlapping patches of a window of sound, whose frequency axis is averaged at the end.

K. Koutini et al., Efficient training of audio transformers with patchout, Interspeech 2022, for several channels and
without patchout as in J. Hu et al., PSELDNets, IEEE TASLP 33, 2025 (Jinbo-Hu/PSELDNets @ adb5e39; docs/sources.md,
Encoders). Parameter names as published.
"""

import torch
from torch import Tensor, nn

from avseld.base.errors import BadInput
from avseld.models.attention import attention
from avseld.models.blocks import check_shape
from avseld.models.encoders.htsat import BandNorms
from avseld.models.shifted_windows import FeedForward

PATCH, STRIDE, PADDING = 16, 10, 3
"""bins and frames of a patch, from one patch to the next, and zeros at each end: a patch for every ten frames"""
N_EXTRA = 2
"""tokens of the whole window before those of the patches: for classification and for distillation"""
DEVIATION = 0.02
"""of the initial codes and weights"""
EPS = 1e-6
"""of the normalization within the transformer"""


class PatchTransformer(nn.Module):
    """Patches, their codes of time and frequency, and blocks of self-attention, for normalized features.

    Args:
        n_features: channels of the features.
        n_bins: bins of the features, 10 at least.
        width: of a token.
        n_blocks: blocks.
        n_heads: heads of the attention.
        max_steps: columns of patches of the longest window.

    Raises:
        BadInput: too few bins, or heads that do not divide the width.
    """

    def __init__(
        self, n_features: int, n_bins: int, width: int, n_blocks: int, n_heads: int, max_steps: int
    ) -> None:
        super().__init__()
        if n_bins < STRIDE:
            raise BadInput(f"{n_bins} bins are too few; give at least {STRIDE}")
        if width % n_heads:
            raise BadInput(f"n_heads: a width of {width} is no multiple of {n_heads} heads")
        self.max_steps, n_rows = max_steps, n_bins // STRIDE
        self.longest_window = (max_steps + 1) * STRIDE - 1
        self.patch_embed = PatchEmbedding(n_features, width)
        self.cls_token = nn.Parameter(torch.empty(1, 1, width))
        self.dist_token = nn.Parameter(torch.empty(1, 1, width))
        self.new_pos_embed = nn.Parameter(torch.empty(1, N_EXTRA, width))
        self.freq_new_pos_embed = nn.Parameter(torch.empty(1, width, n_rows, 1))
        self.time_new_pos_embed = nn.Parameter(torch.empty(1, width, 1, max_steps))
        self.blocks = nn.ModuleList(Block(width, n_heads) for _ in range(n_blocks))
        self.norm = nn.LayerNorm(width, eps=EPS)
        self.head = nn.Sequential(nn.LayerNorm(width))
        for code in (
            self.cls_token, self.dist_token, self.new_pos_embed, self.freq_new_pos_embed, self.time_new_pos_embed,
        ):  # fmt: skip
            nn.init.trunc_normal_(code, std=DEVIATION)
        for layer in self.modules():
            if isinstance(layer, nn.Linear):
                nn.init.trunc_normal_(layer.weight, std=DEVIATION)
                nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Encode normalized features.

        In training a shorter window takes a random stretch of the codes of time, else the first.

        Args:
            x: (batch, feature, frame, bin).

        Returns:
            (batch, frame // 10, width).

        Raises:
            BadInput: a window of less than a patch's stride, or of more than the codes of time.
        """
        check_shape(x, STRIDE)
        n_steps = x.shape[2] // STRIDE
        if n_steps > self.max_steps:
            raise BadInput(
                f"a window of {x.shape[2]} frames is longer than the {self.max_steps * STRIDE} of PaSST; choose "
                "--data.chunk 10 (and --data.inference_chunk 10) with frames of 10 ms, or more max_steps"
            )
        place = torch.arange(n_steps, device=x.device)
        if self.training:
            place = place + torch.randint(self.max_steps - n_steps + 1, (1,), device=x.device)
        patches = self.patch_embed(x.transpose(2, 3))  # (batch, width, row, step)
        patches = patches + self.time_new_pos_embed[..., place] + self.freq_new_pos_embed
        extra = torch.cat([self.cls_token, self.dist_token], dim=1) + self.new_pos_embed
        tokens = torch.cat([extra.expand(len(x), -1, -1), patches.flatten(2).transpose(1, 2)], dim=1)
        for block in self.blocks:
            tokens = block(tokens)
        rows = self.norm(tokens)[:, N_EXTRA:].unflatten(1, (-1, n_steps))
        encoded: Tensor = self.head(rows.mean(dim=1))
        return encoded


class PatchEmbedding(nn.Module):
    """Overlapping patches as tokens.

    Args:
        n_features: channels in.
        width: of a token.
    """

    def __init__(self, n_features: int, width: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(n_features, width, PATCH, STRIDE, PADDING)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, feature, bin, frame) -> (batch, width, bin // 10, frame // 10)."""
        patches: Tensor = self.proj(x)
        return patches


class Block(nn.Module):
    """Self-attention and a feed-forward network, each after normalization and added to its input.

    Args:
        width: of a token.
        n_heads: heads of the attention.
    """

    def __init__(self, width: int, n_heads: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width, eps=EPS), nn.LayerNorm(width, eps=EPS)
        self.attn = GlobalAttention(width, n_heads)
        self.mlp = FeedForward(width, 4 * width)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, token, width) -> the same shape."""
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class GlobalAttention(nn.Module):
    """Self-attention among all tokens.

    Args:
        width: of a token.
        n_heads: heads, each of width / n_heads.
    """

    def __init__(self, width: int, n_heads: int) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, token, width) -> the same shape."""
        heads = self.qkv(x).unflatten(2, (3, self.n_heads, -1)).permute(2, 0, 3, 1, 4)
        attended = attention(*heads.unbind(0))
        return self.proj(attended.transpose(1, 2).flatten(2))


class PaSST(nn.Module):
    """PaSST as an encoder: a step every 10 frames.

    51,080,576 parameters for 7 features of 64 bins. Windows of any length up to `max_steps` steps.

    Args:
        n_features: channels of the features.
        n_bins: bins of the features, 10 at least.
        token: values of a token, and of a step.
        n_blocks: blocks.
        n_heads: heads of the attention.
        max_steps: steps of the longest window: 100 for 10 s of frames of 10 ms.

    Raises:
        BadInput: too few bins, or heads that do not divide the width.
    """

    frames_per_step = STRIDE

    def __init__(
        self,
        n_features: int,
        n_bins: int,
        token: int = 768,
        n_blocks: int = 7,
        n_heads: int = 12,
        max_steps: int = 100,
    ) -> None:
        super().__init__()
        self.n_outputs = token
        self.scalar = BandNorms(n_features, n_bins)
        self.encoder = PatchTransformer(n_features, n_bins, token, n_blocks, n_heads, max_steps)

    def forward(self, x: Tensor) -> Tensor:
        """Encode (batch, feature, frame, bin) as (batch, frame // 10, n_outputs).

        Raises:
            BadInput: a window of less than 10 frames, or of more than `max_steps` steps.
        """
        encoded: Tensor = self.encoder(self.scalar(x))
        return encoded
