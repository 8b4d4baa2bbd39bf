"""Rotation-equivariant audio-visual network whose audio predictions attend to people: `av_foa_fused`.

It sees a whole window at once; `avseld.models.live` is the same for live sound, `avseld.models.equivariant` what they
share.
"""

import math

import torch
from torch import Tensor

from avseld.models.blocks import check_shape
from avseld.models.choice import Choice
from avseld.models.encoders.sound_field import length
from avseld.models.equivariant import N_MOMENT, EquivariantNetwork


class FusedCRNN(EquivariantNetwork):
    """Equivariant encoder of the sound field, GRU, attention between its steps, and `PersonAttention`.

    Args:
        n_features: shape of the audio features, those of `sound_field`.
        n_bins: shape of the audio features, those of `sound_field`.
        shapes: accdoa, (..., x y z, class), of Multi-ACCDOA or ACCDOA, and heads that do not rotate, such as widths.
        hidden: units of the GRU in each direction.
        n_boxes: people at a time.
        vision: False removes the visual branch: the audio-only baseline.
        video_dropout: share of the training windows without visual input, so that the network learns to do without.
        frames_per_step: feature frames of a label frame, a multiple of 5: 5 with a hop of 20 ms, 10 with 10 ms.
        encoder: one with vectors, by its name or as {name: ..., options: {...}}.

    Raises:
        BadInput: other features, or a target without x y z.
    """

    visual_input = "tracks"

    def __init__(
        self,
        n_features: int,
        n_bins: int,
        shapes: dict[str, tuple[int, ...]],
        hidden: int = 208,
        n_boxes: int = 8,
        vision: bool = True,
        video_dropout: float = 0.1,
        frames_per_step: int = 10,
        encoder: Choice = "sound_field",
    ) -> None:
        super().__init__(
            n_features,
            n_bins,
            shapes,
            hidden=hidden,
            bidirectional=True,
            n_boxes=n_boxes,
            vision=vision,
            video_dropout=video_dropout,
            frames_per_step=frames_per_step,
            encoder=encoder,
        )

    def forward(self, x: Tensor, visual: Tensor | None = None) -> dict[str, Tensor]:
        """Run a batch of windows of any length from a label frame on.

        Args:
            x: (batch, feature, frame, band).
            visual: (batch, label frame, n_boxes, 5), x0 y0 x1 y1 and the score, 0 where there is no box; or None.

        Returns:
            The heads: (batch, frame, *shape), constant over a label frame.

        Raises:
            BadInput: the window is too short, or the boxes are those of another rate.
        """
        check_shape(x, self.frames_per_step)
        n_frames = x.shape[2]
        n_steps = n_frames // self.frames_per_step
        scalars, vectors = self.encoder.scalars_and_vectors(x)
        mixed = self._equivariant(self.mix, vectors)
        # The GRU sees audio only; feeding it visual features lowered F20 (docs/vision.md).
        state = self.gru(torch.cat([scalars, length(mixed, -1)], dim=-1))[0]
        answer, query, pointers = self._predict(state, self._point(state, vectors))
        if not self.vision:
            return {self.head: self._as_head(answer, n_frames)} | self._scalars(state, n_frames)
        boxes = self._boxes(visual, n_steps, scalars)
        audio = (part.detach() for part in (answer, query, mixed, pointers))
        rotated, share, direction = self.visual_branch(
            x[:, :, : n_steps * self.frames_per_step], boxes, *audio
        )
        output = {self.head: self._as_head(rotated, n_frames)} | self._scalars(state, n_frames)
        if self.training:
            output |= {"audio": self._as_head(answer, n_frames), "share": share, "direction": direction}
        return output

    def _point(self, state: Tensor, vectors: Tensor) -> Tensor:
        """Attend to the vectors of all steps of the window: (batch, pointer, step, 2)."""
        query, key, value = self._moments(state, vectors)
        return (query @ key.transpose(-1, -2) / math.sqrt(N_MOMENT)).softmax(dim=-1) @ value
