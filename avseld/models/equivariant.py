"""What the rotation-equivariant networks share: encoder, predictions from directions of the sound, people, losses.

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
from avseld.models.blocks import hold
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
VECTORS = "accdoa"
"""head whose values rotate with the scene, (..., axis = x y z, class); those of other heads stay as they are"""
N_MOMENT = 8
"""width of queries and keys between the steps of a window"""


class EquivariantNetwork(nn.Module):
    """Encoder, GRU, predictions from directions of the sound, and people; `forward` is that of a subclass.

    Args:
        n_features: shape of the audio features, those of `sound_field`.
        n_bins: shape of the audio features, those of `sound_field`.
        shapes: accdoa, (..., x y z, class), of Multi-ACCDOA or ACCDOA, and heads that do not rotate, such as widths.
        hidden: units of the GRU in each direction.
        bidirectional: whether there are two directions.
        n_boxes: people at a time.
        vision: False removes the visual branch: the audio-only baseline.
        video_dropout: share of the training windows without visual input, so that the network learns to do without.
        frames_per_step: feature frames of a label frame, a multiple of 5: 5 with a hop of 20 ms, 10 with 10 ms.
        encoder: one with vectors, by its name or as {name: ..., options: {...}}.

    Raises:
        BadInput: other features, or a target without x y z.
    """

    person_attention: type[PersonAttention] = PersonAttention
    wrap = True
    find_unused_parameters = True
    """the visual branch gets no gradient from a batch whose videos were all dropped"""

    def __init__(
        self,
        n_features: int,
        n_bins: int,
        shapes: dict[str, tuple[int, ...]],
        hidden: int,
        bidirectional: bool,
        n_boxes: int,
        vision: bool,
        video_dropout: float,
        frames_per_step: int,
        encoder: Choice,
    ) -> None:
        super().__init__()
        if VECTORS not in shapes or shapes[VECTORS][-2] != 3:
            raise BadInput("target: this network predicts directions x y z; choose multi_accdoa or accdoa")
        self.head, self.shape = VECTORS, shapes[VECTORS]
        self.axis = len(self.shape) - 2
        n_answers = math.prod(self.shape) // 3
        self.n_boxes, self.vision, self.video_dropout = n_boxes, vision, video_dropout
        self.encoder = build_encoder(
            encoder, n_features, n_bins, width=N_SCALARS, frames_per_step=frames_per_step
        )
        if not isinstance(self.encoder, EquivariantEncoder):
            raise BadInput(
                "encoder: this network needs one with vectors that rotate with the scene; choose sound_field"
            )
        self.frames_per_step: int = self.encoder.frames_per_step
        self.visual_step_frames = self.frames_per_step
        n_vectors = self.encoder.n_vectors
        n_scalars = self.encoder.n_outputs - 2 * n_vectors
        n_state = hidden * (1 + bidirectional)
        self.mix = nn.Linear(n_vectors, N_MIXED, bias=False)
        self.gru = nn.GRU(n_scalars + N_MIXED, hidden, batch_first=True, bidirectional=bidirectional)
        self.moments = nn.Linear(n_state, 2 * N_POINTERS * N_MOMENT)
        self.pointers = nn.Linear(n_vectors, N_POINTERS, bias=False)
        self.upward = nn.Linear(n_state, n_answers)
        self.query = nn.Sequential(nn.Linear(n_state, 128), nn.ReLU())
        self.mixture = nn.Linear(128, n_answers * N_POINTERS)
        self.scalar_shapes = {name: shape for name, shape in shapes.items() if name != self.head}
        self.scalars = nn.ModuleDict(
            {name: nn.Linear(n_state, math.prod(shape)) for name, shape in self.scalar_shapes.items()}
        )
        if not vision:
            return
        n_tracks = math.prod(self.shape[: self.axis])
        self.visual_branch = self.person_attention(n_bins, N_MIXED, N_POINTERS, 128, n_answers, n_tracks)

    def training_loss(
        self, output: dict[str, Tensor], batch: dict[str, Tensor], target: Any
    ) -> dict[str, Tensor]:
        """Compute the losses in training: of the predictions, of those from audio alone, and of the attention.

        Label frames at the end of a window for which a network has no answer in training are left out.

        Args:
            output: of `forward` in training.
            batch: holds the target's labels.
            target: multi_accdoa or accdoa.

        Returns:
            `loss`, which is minimised, and its parts `fused`, `audio` and `attention`.
        """
        labels = batch | {self.head: batch[self.head][:, : output[self.head].shape[1]]}
        losses = target.loss(output, labels)
        answer = losses["loss"]
        if "share" not in output:
            return losses
        audio = target.loss(output | {self.head: output["audio"]}, labels)["loss"]
        n_steps, fps = output["share"].shape[1], self.frames_per_step
        middle = slice(fps // 2, n_steps * fps, fps)
        reference = target.assigned(
            {self.head: output[self.head][:, middle].detach()}, {self.head: labels[self.head][:, middle]}
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
        return hold(answer.movedim(answer.ndim - 1, 2 + self.axis), self.frames_per_step, n_frames)

    def _scalars(self, state: Tensor, n_frames: int) -> dict[str, Tensor]:
        """Predict the heads that stay when the scene rotates: (batch, frame, *shape) each."""
        return {
            name: hold(layer(state).unflatten(-1, self.scalar_shapes[name]), self.frames_per_step, n_frames)
            for name, layer in self.scalars.items()
        }

    def _moments(self, state: Tensor, vectors: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return queries and keys (batch, pointer, step, N_MOMENT) of the steps, and their directions (..., 2)."""
        query, key = self.moments(state).unflatten(-1, (2, N_POINTERS, N_MOMENT)).permute(2, 0, 3, 1, 4)
        return query, key, self._equivariant(self.pointers, vectors).transpose(1, 2)

    def _predict(self, state: Tensor, gathered: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Predict from audio alone.

        Args:
            state: (batch, step, unit) of the GRU.
            gathered: (batch, pointer, step, 2) directions that each step attends to.

        Returns:
            Predictions (batch, step, answer, 3), the query (batch, step, 128), the pointers (batch, step, pointer, 2).
        """
        pointers = (gathered / (length(gathered, -1)[..., None] + 1e-2)).transpose(1, 2)
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
                f"boxes at {boxes.shape[1]} label frames for {n_steps}; this network needs labels every "
                f"{self.frames_per_step} frames; set model.options.frames_per_step to 0.1 s over features.options.hop"
            )
        boxes = boxes[:, :n_steps]
        if self.training and self.video_dropout:
            boxes = boxes * (torch.rand(batch, device=like.device) >= self.video_dropout)[:, None, None, None]
        return boxes

    @staticmethod
    def _equivariant(layer: nn.Linear, vectors: Tensor) -> Tensor:
        """Apply a linear layer to the vectors (..., n, 2), the same to both components."""
        return layer(vectors.transpose(-1, -2)).transpose(-1, -2)
