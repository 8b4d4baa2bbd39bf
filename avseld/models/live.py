"""Rotation-equivariant network for live sound: `live_foa`, `live_mic`.

The network of `avseld.models.fused` that reads nothing after a step: kernels that cover a frame and those before it, a
GRU in one direction, attention that reaches back a fixed number of steps, people followed from the past only, and
running statistics alone. Its predictions may lag: with a look-ahead of n label frames, a label frame is predicted when
the n after it are known, as in networks with delayed targets (A. Graves, J. Schmidhuber, Framewise phoneme
classification with bidirectional LSTM, Neural Networks 18, 2005, section 5.1). So every look-ahead has the same layers.
"""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from avseld.base.errors import BadInput
from avseld.models.blocks import check_shape
from avseld.models.causal import State, attend_back, named, with_past, within
from avseld.models.choice import Choice
from avseld.models.encoders.causal_sound_field import CausalFieldEncoder
from avseld.models.encoders.sound_field import length
from avseld.models.equivariant import EquivariantNetwork
from avseld.models.live_person_attention import LivePersonAttention


class Predicted(NamedTuple):
    """Predictions of steps.

    Attributes:
        final: (batch, step, answer, 3), rotated to people where the network has vision.
        audio: (batch, step, answer, 3), from audio alone.
        share: (batch, step, answer, person) attention shares; None without vision.
        direction: (batch, step, person, 2) of people; None without vision.
    """

    final: Tensor
    audio: Tensor
    share: Tensor | None = None
    direction: Tensor | None = None


class LiveCRNN(EquivariantNetwork):
    """Causal encoder of the sound field, GRU, attention to past steps, and `LivePersonAttention`.

    Args:
        n_features: shape of the audio features, those of `sound_field`.
        n_bins: shape of the audio features, those of `sound_field`.
        shapes: accdoa alone, (..., x y z, class), of Multi-ACCDOA or ACCDOA.
        hidden: units of the GRU.
        look_ahead: label frames after a label frame that are known when it is predicted.
        past: label frames before a label frame that attention reaches.
        n_boxes: people at a time.
        vision: whether there is a visual branch.
        video_dropout: share of the training windows without visual input, so that the network learns to do without.
        frames_per_step: feature frames of a label frame, a multiple of 5: 5 with a hop of 20 ms, 10 with 10 ms.
        encoder: a causal one with vectors, by its name or as {name: ..., options: {...}}.

    Raises:
        BadInput: other features, a target without x y z, an encoder that is not causal, or a negative option.
    """

    visual_input = "live_tracks"
    person_attention = LivePersonAttention
    visual_branch: LivePersonAttention

    def __init__(
        self,
        n_features: int,
        n_bins: int,
        shapes: dict[str, tuple[int, ...]],
        hidden: int = 352,
        look_ahead: int = 1,
        past: int = 24,
        n_boxes: int = 8,
        vision: bool = False,
        video_dropout: float = 0.1,
        frames_per_step: int = 5,
        encoder: Choice = "causal_sound_field",
    ) -> None:
        if len(shapes) > 1:
            raise BadInput(
                "target: this network predicts directions alone, live; choose multi_accdoa or accdoa"
            )
        for option, value in {"look_ahead": look_ahead, "past": past}.items():
            if value < 0:
                raise BadInput(f"model.options.{option}: {value} label frames; give 0 or more")
        super().__init__(
            n_features,
            n_bins,
            shapes,
            hidden=hidden,
            bidirectional=False,
            n_boxes=n_boxes,
            vision=vision,
            video_dropout=video_dropout,
            frames_per_step=frames_per_step,
            encoder=encoder,
        )
        if not isinstance(self.encoder, CausalFieldEncoder):
            raise BadInput("encoder: live needs one that reads no later frames; choose causal_sound_field")
        self.look_ahead, self.past = look_ahead, past
        self.look_ahead_frames = look_ahead * self.frames_per_step

    def forward(self, x: Tensor, visual: Tensor | None = None) -> dict[str, Tensor]:
        """Run a batch of windows of any length from a label frame on, each the beginning of a stream.

        Args:
            x: (batch, feature, frame, band).
            visual: (batch, label frame, n_boxes, 5), x0 y0 x1 y1 and the score, 0 where there is no box; or None.

        Returns:
            The head: (batch, frame, *shape), constant over a label frame. After a window there is silence; in training
            the label frames that would need it are left out.

        Raises:
            BadInput: the window is too short, or the boxes are those of another rate.
        """
        check_shape(x, self.frames_per_step)
        n_frames = x.shape[2]
        n_steps = n_frames // self.frames_per_step
        boxes = self._boxes(visual, n_steps, x) if self.vision else None
        x = x[:, :, : n_steps * self.frames_per_step]
        if self.training:
            n_frames = (n_steps - self.look_ahead) * self.frames_per_step
            check_shape(x, self.look_ahead_frames + self.frames_per_step)
        else:
            x = torch.cat([x, self.encoder.silence(x, self.look_ahead_frames)], dim=2)
            boxes = None if boxes is None else _lengthened(boxes, self.look_ahead)
        predicted, _ = self._predict_next(x, boxes, {})
        final, audio, share, direction = (
            None if part is None else part[:, self.look_ahead :] for part in predicted
        )
        assert final is not None
        output = {self.head: self._as_head(final, n_frames)}
        if self.training and audio is not None and share is not None and direction is not None:
            output |= {"audio": self._as_head(audio, n_frames), "share": share, "direction": direction}
        return output

    def advance(
        self, x: Tensor, visual: Tensor | None = None, state: Mapping[str, Tensor] | None = None
    ) -> tuple[dict[str, Tensor], State]:
        """Run the next frames of a stream; see `avseld.system.protocols.Model`.

        Args:
            x: (batch, feature, frame, band), a whole number of label frames.
            visual: (batch, label frame, n_boxes, 5) of these label frames, or None.
            state: what the last call returned; None at the beginning.

        Returns:
            The head (batch, frame, *shape) of as many frames, `look_ahead_frames` before those of `x`; and the state.

        Raises:
            BadInput: frames that are no whole number of label frames.
        """
        n_frames = x.shape[2]
        if n_frames == 0 or n_frames % self.frames_per_step:
            raise BadInput(f"{n_frames} frames are no whole number of label frames of {self.frames_per_step}")
        boxes = self._boxes(visual, n_frames // self.frames_per_step, x) if self.vision else None
        predicted, after = self._predict_next(x, boxes, state or {})
        return {self.head: self._as_head(predicted.final, n_frames)}, after

    def _predict_next(
        self, x: Tensor, boxes: Tensor | None, state: Mapping[str, Tensor]
    ) -> tuple[Predicted, State]:
        """Predict the steps `look_ahead` before those of `x`, and return the state."""
        scalars, vectors, remembered = self.encoder.advance(x, within("encoder.", state))
        after = named("encoder.", remembered)
        mixed = self._equivariant(self.mix, vectors)
        heard = torch.cat([scalars, length(mixed, -1)], dim=-1)
        before = state.get("gru")
        hidden, last = self.gru(heard, None if before is None else before[None].contiguous())
        after["gru"] = last[0]
        query, key, value = self._moments(hidden, vectors)
        key, after["key"] = with_past(key, state.get("key"), self.past, 2)
        value, after["value"] = with_past(value, state.get("value"), self.past, 2)
        ones = heard.new_ones(heard.shape[:2])
        known, after["known"] = with_past(ones, state.get("known"), self.past, 1)
        answer, asked, pointers = self._predict(hidden, attend_back(query, key, value, known))
        if boxes is None:
            return Predicted(answer, answer), after
        rotated, share, direction, followed = self.visual_branch.advance(
            x,
            boxes,
            answer.detach(),
            asked.detach(),
            mixed.detach(),
            pointers.detach(),
            known,
            self.look_ahead,
            within("people.", state),
        )
        return Predicted(rotated, answer, share, direction), after | named("people.", followed)


def _lengthened(boxes: Tensor, n_steps: int) -> Tensor:
    """Add steps without people to boxes (batch, step, person, 5)."""
    return torch.cat([boxes, boxes.new_zeros(len(boxes), n_steps, *boxes.shape[2:])], dim=1)
