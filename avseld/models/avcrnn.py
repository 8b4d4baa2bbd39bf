"""Audio-visual CRNN of the DCASE2023 Task 3 baseline (Shimada et al., STARSS23, arXiv 2306.09126).

Follows the layer table of the `Sony audio-visual SELD` spec, section 7, with the published parameter names, so that
published weights load. 763,701 parameters for FOA and 13 classes.
"""

import math

import torch
from torch import Tensor, nn

from avseld.base.errors import BadInput
from avseld.models.blocks import BatchNorm, hold
from avseld.models.encoders.transformer import PublishedTransformer, TimeTransformer
from avseld.models.gaussian_vectors import gaussian_vectors
from avseld.models.pooling import conv_norm_pool


class AudioEncoder(nn.Module):
    """Three convolutions with pooling; the frequency axis is averaged away."""

    pooling = ((4, 4), (2, 4), (2, 2))

    def __init__(self, n_features: int, width: int) -> None:
        super().__init__()
        for number, channels in enumerate((n_features, width, width), start=1):
            setattr(self, f"conv{number}", nn.Conv2d(channels, width, 3, padding=1, bias=False))
            setattr(self, f"bn{number}", BatchNorm(width))

    def forward(self, x: Tensor) -> Tensor:
        """Encode (batch, feature, frame, bin) as (batch, frame // 16, width)."""
        for number, pool in enumerate(self.pooling, start=1):
            x = conv_norm_pool(x, getattr(self, f"conv{number}"), getattr(self, f"bn{number}"), pool)
        return x.mean(dim=3).transpose(1, 2)


class AudioVisualCRNN(nn.Module):
    """Audio embedding beside the visual embedding of the window's first video frame, then a GRU decoder.

    Args of the constructor:
        n_features, n_bins: shape of the audio features.
        shapes: heads of the target; one head, per frame.
        width: channels of the encoders.
        hidden: units of the GRU in each direction.
        n_boxes: boxes that are seen.
        n_points: points of a Gaussian vector.
        wrap: let boxes continue beyond the seam of the picture.
        vision: False takes the visual embedding as zero (the published audio-only control), whatever is seen.
        encoder: of audio: cnn, or vit, a transformer.
        legacy: the published transformer, whose tokens are bins.

    Raises:
        BadInput: another encoder.
    """

    find_unused_parameters = True
    """those of vision do not learn where nothing is shown"""

    frames_per_step = math.prod(pool for pool, _ in AudioEncoder.pooling)

    def __init__(
        self,
        n_features: int,
        n_bins: int,
        shapes: dict[str, tuple[int, ...]],
        width: int = 64,
        hidden: int = 256,
        n_boxes: int = 6,
        n_points: int = 37,
        wrap: bool = False,
        vision: bool = True,
        encoder: str = "cnn",
        legacy: bool = False,
    ) -> None:
        super().__init__()
        ((self.head, self.shape),) = shapes.items()
        self.n_boxes, self.n_points, self.wrap, self.vision = n_boxes, n_points, wrap, vision
        self.audio_encoder = _encoder(encoder, legacy, n_features, n_bins, width)
        self.vision_encoder = nn.Sequential(nn.Linear(2 * n_boxes * n_points, width), nn.Linear(width, width))
        self.gru = nn.GRU(2 * width, hidden, batch_first=True, bidirectional=True)
        self.fc_xyz = nn.Linear(2 * hidden, math.prod(self.shape))

    def forward(self, x: Tensor, visual: Tensor | None = None) -> dict[str, Tensor]:
        """Run a batch of windows of any length from 16 frames on.

        Args:
            x: (batch, feature, frame, bin).
            visual: boxes (batch, n_boxes, 4) at the window's start, or None for a visual embedding of zeros.

        Returns:
            The head: (batch, frame, *shape), constant over 16 frames.

        Raises:
            BadInput: the window is too short.
        """
        vectors = None if visual is None else gaussian_vectors(visual, self.n_points, self.wrap)
        return self.from_vectors(x, vectors)

    def from_vectors(self, x: Tensor, vectors: Tensor | None) -> dict[str, Tensor]:
        """The same, from Gaussian vectors (batch, 2, n_boxes, n_points) in place of boxes."""
        n_frames = x.shape[2]
        if n_frames < self.frames_per_step:
            raise BadInput(
                f"a window of {n_frames} frames is too short; give at least {self.frames_per_step}"
            )
        audio = self.audio_encoder(x)
        if vectors is None or not self.vision:
            visual = audio.new_zeros(audio.shape[0], self.vision_encoder[1].out_features)
        else:
            visual = self.vision_encoder(vectors.flatten(1))
        fused = torch.cat([audio, visual[:, None].expand(-1, audio.shape[1], -1)], dim=2)
        decoded = self.fc_xyz(self.gru(fused)[0]).unflatten(2, self.shape)
        return {self.head: hold(decoded, self.frames_per_step, n_frames)}


def _encoder(name: str, legacy: bool, n_features: int, n_bins: int, width: int) -> nn.Module:
    if name == "cnn":
        return AudioEncoder(n_features, width)
    if name == "vit":
        return PublishedTransformer(n_features) if legacy else TimeTransformer(n_features, n_bins, width)
    raise BadInput(f"encoder: '{name}' is none of cnn, vit")
