"""AV-Conformer and CMAF: an audio network and embeddings of video frames, joined by a conformer or by attention.

D. Berghi et al., Fusion of audio and visual embeddings for sound event localization and detection (arXiv 2312.09034,
ICASSP 2024); sizes of dberghi/AV-SELD @ 657723d (docs/sources.md, Encoders).
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from avseld.base.errors import BadInput
from avseld.models.attention import SelfAttention, attention
from avseld.models.blocks import check_shape, hold, hold_heads
from avseld.models.encoders.conv_conformer import ConvConformer, conformer
from avseld.models.position_conformer import sinusoids

FUSIONS = ("conformer", "attention")
N_ROUNDS = 4
"""of attention between sound and video"""
FEEDFORWARD = 2048
"""width within their feed-forward networks"""
HIDDEN = 128
"""values before the heads"""


class AVConformer(nn.Module):
    """Sound and embeddings of video frames, joined by a conformer (AV-Conformer) or by mutual attention (CMAF).

    For 7 features, 13 classes and Multi-ACCDOA: AV-Conformer 85,327,221 parameters with the 4,096 values of two halves
    of a ResNet-50 and a conformer of the video, 68,392,309 with 2,048 of I3D without; CMAF 72,506,741 and 55,571,829.
    Windows of any length from a step of 16 frames on.

    Args:
        n_features: shape of the features.
        n_bins: shape of the features, 16 bins at least.
        shapes: heads of the target, per frame; any.
        n_values: values of an embedding, one for every label frame: 768 of ViT, 72 of the map of the whole panorama.
        fusion: conformer or attention.
        widths: channels of the convolution blocks; the last is the width of both streams.
        n_blocks: conformer blocks of each stream, and after both are joined.
        n_heads: of all attention.
        video_conformer: conformer blocks for the embeddings, too (published for ResNet-50 and not for I3D).
        dropout: of conformer blocks and attention.
        vision: False takes every video as blank, the audio-only control.

    Raises:
        BadInput: an unknown word, no widths or an odd last one, too few bins, or heads that do not divide the width.
    """

    visual_input = "embeddings"

    def __init__(
        self,
        n_features: int,
        n_bins: int,
        shapes: dict[str, tuple[int, ...]],
        n_values: int = 768,
        fusion: str = "conformer",
        widths: Sequence[int] = (64, 128, 256, 512),
        n_blocks: int = 4,
        n_heads: int = 8,
        video_conformer: bool = True,
        dropout: float = 0.1,
        vision: bool = True,
    ) -> None:
        super().__init__()
        if fusion not in FUSIONS:
            raise BadInput(f"fusion: '{fusion}' is none of {', '.join(FUSIONS)}")
        self.shapes, self.n_values, self.vision, self.n_boxes = dict(shapes), n_values, vision, 0
        self.audio = ConvConformer(n_features, n_bins, widths, n_blocks, n_heads, dropout)
        self.frames_per_step, width = self.audio.frames_per_step, self.audio.n_outputs
        self.visual_step_frames = self.frames_per_step
        self.embed = nn.Linear(n_values, width)
        self.video_blocks = conformer(width, n_blocks, n_heads, dropout) if video_conformer else None
        self.video_norm = nn.LayerNorm(width)
        self.fusion: nn.Module
        if fusion == "conformer":
            self.fusion = ConformerFusion(width, n_blocks, n_heads, dropout)
        else:
            self.fusion = AttentionFusion(width, n_heads, dropout)
        self.hidden = nn.Linear(2 * width, HIDDEN)
        self.heads = nn.ModuleDict(
            {name: nn.Linear(HIDDEN, math.prod(shape)) for name, shape in shapes.items()}
        )

    def forward(self, x: Tensor, visual: Tensor | None = None) -> dict[str, Tensor]:
        """Run a batch of windows.

        Args:
            x: (batch, feature, frame, bin).
            visual: embeddings of every label frame (batch, label frame, n_values), or None for a blank video.

        Returns:
            Each head (batch, frame, *shape) before its activation, which is the target's; constant over a step.

        Raises:
            BadInput: the window is shorter than a step.
        """
        heads = self.steps(x, visual)
        return hold_heads(heads, self.frames_per_step, x.shape[2])

    def steps(self, x: Tensor, visual: Tensor | None = None) -> dict[str, Tensor]:
        """Compute the heads (batch, step, *shape), one step for 16 frames; arguments as for `forward`."""
        check_shape(x, self.frames_per_step)
        n_steps = x.shape[2] // self.frames_per_step
        if visual is None or not self.vision:
            visual = x.new_zeros(len(x), n_steps, self.n_values)
        video = self.embed(hold(visual.flatten(2), 1, max(n_steps, visual.shape[1]))[:, :n_steps])
        if self.video_blocks is not None:
            video = self.video_blocks(video)
        joined = self.hidden(self.fusion(self.audio(x), self.video_norm(video)))
        return {name: head(joined).unflatten(2, self.shapes[name]) for name, head in self.heads.items()}


class ConformerFusion(nn.Module):
    """Conformer blocks on sound and video side by side.

    Args:
        width: of each.
        n_blocks: blocks.
        n_heads: of their attention.
        dropout: of the blocks.
    """

    def __init__(self, width: int, n_blocks: int, n_heads: int, dropout: float) -> None:
        super().__init__()
        self.blocks = conformer(2 * width, n_blocks, n_heads, dropout)

    def forward(self, audio: Tensor, video: Tensor) -> Tensor:
        """Two times (batch, step, width) -> (batch, step, 2 * width)."""
        joined: Tensor = self.blocks(torch.cat([audio, video], dim=2))
        return joined


class AttentionFusion(nn.Module):
    """Rounds in which sound attends to video, then video to the sound of that round.

    Args:
        width: of both.
        n_heads: of the attention.
        dropout: of the layers.

    Raises:
        BadInput: an odd width, or heads that do not divide it.
    """

    def __init__(self, width: int, n_heads: int, dropout: float) -> None:
        super().__init__()
        if width % 2:
            raise BadInput(f"widths: the last is {width}; sines and cosines of positions need an even one")
        self.of_audio = nn.ModuleList(CrossLayer(width, n_heads, dropout) for _ in range(N_ROUNDS))
        self.of_video = nn.ModuleList(CrossLayer(width, n_heads, dropout) for _ in range(N_ROUNDS))

    def forward(self, audio: Tensor, video: Tensor) -> Tensor:
        """Two times (batch, step, width) -> (batch, step, 2 * width)."""
        for of_audio, of_video in zip(self.of_audio, self.of_video, strict=True):
            audio = of_audio(audio, video)
            video = of_video(video, audio)
        return torch.cat([audio, video], dim=2)


class CrossLayer(nn.Module):
    """Attention of a stream to itself and to another, both added, then a feed-forward network; normalized after each.

    Args:
        width: of both streams.
        n_heads: of both attentions.
        dropout: after positions are added, of attention weights, and after each addition.
    """

    def __init__(self, width: int, n_heads: int, dropout: float) -> None:
        super().__init__()
        self.itself = SelfAttention(width, n_heads, dropout=dropout)
        self.other = CrossAttention(width, n_heads, dropout)
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.linear1, self.linear2 = nn.Linear(width, FEEDFORWARD), nn.Linear(FEEDFORWARD, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, other: Tensor) -> Tensor:
        """Attend to another stream; both (batch, step, width), the result too."""
        code = sinusoids(torch.arange(x.shape[1], device=x.device), x.shape[2], x.dtype)
        x, other = self.dropout(x + code), self.dropout(other + code)
        x = self.norm1(x + self.dropout(self.itself(x)) + self.dropout(self.other(x, other)))
        inner = self.dropout(functional.relu(self.linear1(x)))
        return self.norm2(x + self.dropout(self.linear2(inner)))


class CrossAttention(SelfAttention):
    """Attention whose keys and values are those of another stream.

    Args:
        width: of a step.
        n_heads: heads, each of width / n_heads.
        dropout: share of the attention weights that training sets to zero.

    Raises:
        BadInput: heads that do not divide the width.
    """

    def __init__(self, width: int, n_heads: int, dropout: float) -> None:
        super().__init__(width, n_heads, dropout=dropout)

    def forward(self, x: Tensor, other: Tensor) -> Tensor:  # type: ignore[override]
        """Attend to another stream.

        Args:
            x: (batch, step, width), for the queries.
            other: (batch, step of the other, width).

        Returns:
            The shape of `x`.
        """
        width = x.shape[-1]
        assert self.in_proj_bias is not None
        weights, biases = self.in_proj_weight.split(width), self.in_proj_bias.split(width)
        query, key, value = (
            functional.linear(each, weight, bias).unflatten(-1, (self.n_heads, -1)).transpose(-2, -3)
            for each, weight, bias in zip((x, other, other), weights, biases, strict=True)
        )
        attended = attention(query, key, value, dropout=self.dropout if self.training else 0.0)
        return self.out_proj(attended.transpose(-2, -3).flatten(-2))
