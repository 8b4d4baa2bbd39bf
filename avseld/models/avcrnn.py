"""Audio-visual CRNN of the DCASE2023 Task 3 baseline (K. Shimada et al., STARSS23, arXiv 2306.09126).

Encoder and temporal model may be exchanged. With the defaults the layers and the parameter names are those of
sony/audio-visual-seld-dcase2023, so that its weights load: 763,701 parameters for FOA and 13 classes.
"""

import math

import torch
from torch import Tensor, nn

from avseld.models.blocks import check_shape, hold
from avseld.models.choice import Choice, build_choice
from avseld.models.encoders import build_encoder
from avseld.models.gaussian_vectors import gaussian_vectors
from avseld.models.temporal import TEMPORAL_MODELS


class AudioVisualCRNN(nn.Module):
    """Audio embedding beside the visual embedding of the window's first video frame, then a temporal model.

    Args:
        n_features: shape of the audio features.
        n_bins: shape of the audio features.
        shapes: heads of the target, per frame; any.
        width: values of the visual embedding, and channels of encoders that have an option `width`.
        hidden: units of the temporal model, in each direction.
        n_boxes: boxes in the visual input.
        n_points: points of a Gaussian vector.
        wrap: let boxes continue beyond the seam of the picture.
        vision: False sets the visual embedding to zero (the published audio-only control), whatever the input.
        encoder: of audio: a name from `avseld.models.encoders.ENCODERS`, or {name: ..., options: {...}}.
        temporal: a name from `avseld.models.temporal.TEMPORAL_MODELS`, or {name: ..., options: {...}}.
        legacy: the published transformer, whose tokens are bins, in place of vit.

    Raises:
        BadInput: an unknown encoder or temporal model, an option that it lacks, or features that it can't take.
    """

    find_unused_parameters = True
    """the visual branch gets no gradient from windows without video"""

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
        encoder: Choice = "cnn",
        temporal: Choice = "gru",
        legacy: bool = False,
    ) -> None:
        super().__init__()
        self.shapes = dict(shapes)
        self.n_boxes, self.n_points, self.wrap, self.vision = n_boxes, n_points, wrap, vision
        self.audio_encoder = build_encoder(encoder, n_features, n_bins, legacy, width=width)
        self.frames_per_step: int = self.audio_encoder.frames_per_step
        self.vision_encoder = nn.Sequential(nn.Linear(2 * n_boxes * n_points, width), nn.Linear(width, width))
        n_inputs = self.audio_encoder.n_outputs + width
        # Named as published; it may be another temporal model.
        self.gru = build_choice("temporal", TEMPORAL_MODELS, temporal, n_inputs, hidden=hidden)
        outputs = {name: nn.Linear(self.gru.n_outputs, math.prod(shape)) for name, shape in shapes.items()}
        # One head has the published name.
        if len(outputs) == 1:
            (self.fc_xyz,) = outputs.values()
        else:
            self.heads = nn.ModuleDict(outputs)

    def forward(self, x: Tensor, visual: Tensor | None = None) -> dict[str, Tensor]:
        """Run a batch of windows of any length from a step on.

        Args:
            x: (batch, feature, frame, bin).
            visual: boxes (batch, n_boxes, 4) at the window's start, or None for a visual embedding of zeros.

        Returns:
            Each head (batch, frame, *shape) before its activation; constant over a step (16 frames for cnn).

        Raises:
            BadInput: the window is too short.
        """
        vectors = None if visual is None else gaussian_vectors(visual, self.n_points, self.wrap)
        return self.from_vectors(x, vectors)

    def from_vectors(self, x: Tensor, vectors: Tensor | None) -> dict[str, Tensor]:
        """Run a batch of windows with Gaussian vectors (batch, 2, n_boxes, n_points) in place of boxes."""
        check_shape(x, self.frames_per_step)
        audio = self.audio_encoder(x)
        if vectors is None or not self.vision:
            visual = audio.new_zeros(audio.shape[0], self.vision_encoder[1].out_features)
        else:
            visual = self.vision_encoder(vectors.flatten(1))
        decoded = self.gru(torch.cat([audio, visual[:, None].expand(-1, audio.shape[1], -1)], dim=2))
        layers = {name: self.fc_xyz for name in self.shapes} if len(self.shapes) == 1 else self.heads
        return {
            name: hold(layer(decoded).unflatten(2, self.shapes[name]), self.frames_per_step, x.shape[2])
            for name, layer in layers.items()
        }
