"""Rotation-equivariant audio-visual network whose audio predictions attend to people: `av_foa_fused`.

Sound is encoded as scalars, which do not change when the scene rotates about the vertical axis, and horizontal vectors,
which rotate with it. Predictions are linear combinations of these vectors; people, if there are any in view, are
compared with the sound by products of their direction with them (`avseld.models.person_attention`). So predictions
rotate with the scene, by any angle, and no direction of the room has to be learned apart from the others.
"""

import math
from typing import Any

import torch
from torch import Tensor, nn

from avseld.base.errors import BadInput
from avseld.models.blocks import check_shape, hold
from avseld.models.choice import Choice
from avseld.models.encoders import EquivariantEncoder, build_encoder
from avseld.models.encoders.sound_field import length
from avseld.models.person_attention import PersonAttention, attention_loss

N_SCALARS = 128
"""scalars of a step"""
N_MIXED = 24
"""vectors of a step that people are compared with, and whose lengths enter the GRU"""
N_POINTERS = 12
"""directions of the sound from which predictions are made"""
ATTENTION_LOSS_WEIGHT = 0.02
"""weight of the attention loss beside squared errors of direction: 0.01 to 0.03 gave the same (docs/vision.md)"""
N_MOMENT = 8
"""width of queries and keys between the steps of a window"""


class FusedCRNN(nn.Module):
    """Equivariant encoder of the sound field, GRU, attention between its steps, and `PersonAttention`.

    Args:
        n_features: shape of the audio features, those of `sound_field`.
        n_bins: shape of the audio features, those of `sound_field`.
        shapes: one head, (..., 3) at its end, x y z; Multi-ACCDOA or ACCDOA.
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
    wrap = True
    find_unused_parameters = True
    """the visual branch gets no gradient from a batch whose videos were all dropped"""

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
        super().__init__()
        self.head, self.shape = next(iter(shapes.items()))
        self.axis = len(self.shape) - 2
        if len(shapes) > 1 or self.axis < 0 or self.shape[self.axis] != 3:
            raise BadInput("target: fused predicts directions x y z; choose multi_accdoa or accdoa")
        n_answers = math.prod(self.shape) // 3
        self.n_boxes, self.vision, self.video_dropout = n_boxes, vision, video_dropout
        self.encoder = build_encoder(
            encoder, n_features, n_bins, width=N_SCALARS, frames_per_step=frames_per_step
        )
        if not isinstance(self.encoder, EquivariantEncoder):
            raise BadInput(
                "encoder: fused needs one with vectors that rotate with the scene; choose sound_field"
            )
        self.frames_per_step: int = self.encoder.frames_per_step
        self.visual_step_frames = self.frames_per_step
        n_vectors = self.encoder.n_vectors
        n_scalars = self.encoder.n_outputs - 2 * n_vectors
        self.mix = nn.Linear(n_vectors, N_MIXED, bias=False)
        self.gru = nn.GRU(n_scalars + N_MIXED, hidden, batch_first=True, bidirectional=True)
        self.moments = nn.Linear(2 * hidden, 2 * N_POINTERS * N_MOMENT)
        self.pointers = nn.Linear(n_vectors, N_POINTERS, bias=False)
        self.upward = nn.Linear(2 * hidden, n_answers)
        self.query = nn.Sequential(nn.Linear(2 * hidden, 128), nn.ReLU())
        self.mixture = nn.Linear(128, n_answers * N_POINTERS)
        if not vision:
            return
        n_tracks = math.prod(self.shape[: self.axis])
        self.visual_branch = PersonAttention(n_bins, N_MIXED, N_POINTERS, 128, n_answers, n_tracks)

    def forward(self, x: Tensor, visual: Tensor | None = None) -> dict[str, Tensor]:
        """Run a batch of windows of any length from a label frame on.

        Args:
            x: (batch, feature, frame, band).
            visual: (batch, label frame, n_boxes, 5), x0 y0 x1 y1 and the score, 0 where there is no box; or None.

        Returns:
            The head: (batch, frame, *shape), constant over a label frame.

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
        answer, query, pointers = self._predict(state, vectors)
        if not self.vision:
            return {self.head: self._as_head(answer, n_frames)}
        boxes = self._boxes(visual, n_steps, scalars)
        audio = (part.detach() for part in (answer, query, mixed, pointers))
        rotated, share, direction = self.visual_branch(
            x[:, :, : n_steps * self.frames_per_step], boxes, *audio
        )
        output = {self.head: self._as_head(rotated, n_frames)}
        if self.training:
            output |= {"audio": self._as_head(answer, n_frames), "share": share, "direction": direction}
        return output

    def training_loss(
        self, output: dict[str, Tensor], batch: dict[str, Tensor], target: Any
    ) -> dict[str, Tensor]:
        """Compute the losses in training: of the predictions, of those from audio alone, and of the attention.

        Args:
            output: of `forward` in training.
            batch: holds the target's labels.
            target: multi_accdoa or accdoa.

        Returns:
            `loss`, which is minimised, and its parts `fused`, `audio` and `attention`.
        """
        answer = target.loss({self.head: output[self.head]}, batch)["loss"]
        if "share" not in output:
            return {"loss": answer}
        audio = target.loss({self.head: output["audio"]}, batch)["loss"]
        n_steps, fps = output["share"].shape[1], self.frames_per_step
        middle = slice(fps // 2, n_steps * fps, fps)
        reference = target.assigned(
            {self.head: output[self.head][:, middle].detach()}, {self.head: batch[self.head][:, middle]}
        )
        reference = reference.movedim(2 + self.axis, -1).flatten(2, -2)
        attention = attention_loss(output["share"], output["direction"], reference)
        return {
            "loss": answer + audio + ATTENTION_LOSS_WEIGHT * attention,
            "fused": answer, "audio": audio, "attention": attention,
        }  # fmt: skip

    def _as_head(self, answer: Tensor, n_frames: int) -> Tensor:
        """Bring predictions (batch, step, answer, 3) to the shape of the head (batch, frame, *shape)."""
        answer = answer.unflatten(2, [size for place, size in enumerate(self.shape) if place != self.axis])
        return hold(answer.movedim(-1, 2 + self.axis), self.frames_per_step, n_frames)

    def _predict(self, state: Tensor, vectors: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Predict from audio alone: (batch, step, answer, 3), the query (batch, step, 128), and the pointers."""
        pointers = self._point(state, vectors)
        query = self.query(state)
        flat = self.mixture(query).unflatten(-1, (-1, N_POINTERS)) @ pointers  # (batch, step, answer, 2)
        return torch.cat([flat, self.upward(state)[..., None]], dim=-1), query, pointers

    def _boxes(self, boxes: Tensor | None, n_steps: int, like: Tensor) -> Tensor:
        """Boxes (batch, step, n_boxes, 5), zeros where they are missing or dropped."""
        batch = like.shape[0]
        if boxes is None:
            return like.new_zeros(batch, n_steps, self.n_boxes, 5)
        if boxes.shape[1] < n_steps:
            raise BadInput(
                f"boxes at {boxes.shape[1]} label frames for {n_steps}; fused needs labels every "
                f"{self.frames_per_step} frames; set model.options.frames_per_step to 0.1 s over features.options.hop"
            )
        boxes = boxes[:, :n_steps]
        if self.training and self.video_dropout:
            boxes = boxes * (torch.rand(batch, device=like.device) >= self.video_dropout)[:, None, None, None]
        return boxes

    def _point(self, state: Tensor, vectors: Tensor) -> Tensor:
        """Attend to the vectors of all steps of the window: directions (batch, step, pointer, 2) of the sound."""
        query, key = self.moments(state).unflatten(-1, (2, N_POINTERS, N_MOMENT)).permute(2, 0, 3, 1, 4)
        value = self._equivariant(self.pointers, vectors).transpose(1, 2)  # (batch, pointer, step, 2)
        gathered = (query @ key.transpose(-1, -2) / math.sqrt(N_MOMENT)).softmax(dim=-1) @ value
        gathered = gathered / (length(gathered, -1)[..., None] + 1e-2)
        return gathered.transpose(1, 2)

    @staticmethod
    def _equivariant(layer: nn.Linear, vectors: Tensor) -> Tensor:
        """Apply a linear layer to the vectors (..., n, 2), the same to both components."""
        return layer(vectors.transpose(-1, -2)).transpose(-1, -2)
