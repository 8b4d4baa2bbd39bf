"""Audio-visual network in which sound points at boxes: `av_foa_fused`.

Boxes are a set at every label frame, each a direction, a size and a score. The sound is encoded as scalars, which do
not change when the scene turns about the vertical axis, and horizontal vectors, which turn with it; a box is compared
with the sound by products of its direction with these vectors. So the answer turns with the scene, by any angle, and
no direction of the room has to be learned apart from the others.
"""

import math

import torch
from torch import Tensor, nn

from avseld.errors import BadInput
from avseld.models.blocks import hold
from avseld.models.field import FieldEncoder, length

N_MIXED = 24
"""vectors of a step that the boxes are compared with before the recurrence"""
N_POINTERS = 12
"""directions of the sound that an answer is made of"""
KEY = 16
"""width of what a class asks a box"""
ABOUT = 5
"""width and height of a box, its elevation, its score, how long before or after it was seen"""
AROUND = (-4, -2, 0, 2, 4)
"""label frames whose boxes count: a detector misses people for some tenths of a second at a time"""
SHARP = 20.0
"""at first a box 15 degrees from where the sound seems to be weighs half as much as one right there"""


class FusedCRNN(nn.Module):
    """Equivariant encoder of the sound field, a set of boxes at every label frame, GRU, attention to both.

    Args of the constructor:
        n_features, n_bins: shape of the audio features, those of `sound_field`.
        shapes: one head, (..., 3) at its end, x y z; Multi-ACCDOA or ACCDOA.
        hidden: units of the GRU in each direction.
        n_boxes: boxes that are seen at a time.
        vision: False never looks, whatever is shown: the audio-only twin of as many parameters.
        blind: share of the training windows that are shown nothing, so that a missing video is nothing new.

    Raises:
        BadInput: other features, or a target without x y z.
    """

    sees = "boxes"
    frames_per_step = 10
    wrap = True

    def __init__(
        self,
        n_features: int,
        n_bins: int,
        shapes: dict[str, tuple[int, ...]],
        hidden: int = 160,
        n_boxes: int = 6,
        vision: bool = True,
        blind: float = 0.25,
    ) -> None:
        super().__init__()
        if n_features != 6 or n_bins < FieldEncoder.pooled_bands:
            raise BadInput("features: fused hears the sound field; choose --features.name sound_field")
        ((self.head, self.shape),) = shapes.items()
        self.axis = len(self.shape) - 2
        if self.head != "accdoa" or self.shape[self.axis] != 3:
            raise BadInput("target: fused answers with directions x y z; choose multi_accdoa or accdoa")
        n_answers = math.prod(self.shape) // 3
        self.n_boxes, self.vision, self.blind = n_boxes, vision, blind
        self.encoder = FieldEncoder(n_bins, 128, self.frames_per_step)
        n_vectors = self.encoder.n_vectors
        self.mix = nn.Linear(n_vectors, N_MIXED, bias=False)
        self.look = nn.Sequential(nn.Linear(N_MIXED + ABOUT, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU())
        self.gru = nn.GRU(128 + N_MIXED + 2 * 32, hidden, batch_first=True, bidirectional=True)
        self.moments = nn.Linear(2 * hidden, 2 * N_POINTERS * 8)
        self.pointers = nn.Linear(n_vectors, N_POINTERS, bias=False)
        self.upward = nn.Linear(2 * hidden, n_answers)
        self.ask = nn.Sequential(nn.Linear(2 * hidden, 128), nn.ReLU())
        self.weigh = nn.Linear(128, n_answers * N_POINTERS)
        self.query = nn.Linear(128, n_answers * KEY)
        self.key = nn.Sequential(nn.Linear(32 + N_POINTERS + ABOUT, 64), nn.ReLU(), nn.Linear(64, KEY))
        self.sharpness = nn.Parameter(torch.full((n_answers, 1), math.log(SHARP)))
        self.trust = nn.Parameter(torch.full((n_answers, 1), -1.0))
        self.height = nn.Linear(128, n_answers)
        self.upright = nn.Parameter(torch.full((n_answers, 1), -0.5))

    def forward(self, x: Tensor, boxes: Tensor | None = None) -> dict[str, Tensor]:
        """Run a batch of windows of any length from a label frame on.

        Args:
            x: (batch, feature, frame, band).
            boxes: (batch, label frame, n_boxes, 5), x0 y0 x1 y1 and the score, 0 where there is no box; or None.

        Returns:
            The head: (batch, frame, *shape), constant over a label frame.

        Raises:
            BadInput: the window is too short, or the boxes are those of another rate.
        """
        n_frames = x.shape[2]
        n_steps = n_frames // self.frames_per_step
        if n_steps == 0:
            raise BadInput(
                f"a window of {n_frames} frames is too short; give at least {self.frames_per_step}"
            )
        heard, vectors = self.encoder(x)
        mixed = self._turned(self.mix, vectors)
        boxes, late = self._around(self._seen(boxes, n_steps, heard))
        there = boxes[..., 4] > 0
        azimuth = math.pi * (1 - (boxes[..., 0] + boxes[..., 2]))
        aim = torch.stack([azimuth.cos(), azimuth.sin()], dim=-1)  # (batch, step, box, 2)
        edges = math.pi * (0.5 - boxes[..., [3, 1]])  # elevations of feet and head
        about = torch.stack(
            [
                boxes[..., 2] - boxes[..., 0],
                boxes[..., 3] - boxes[..., 1],
                edges.mean(dim=-1).sin(),
                boxes[..., 4],
                late,
            ],
            dim=-1,
        )
        suited = self.look(torch.cat([aim @ mixed.transpose(-1, -2), about], dim=-1)) * there[..., None]
        summary = torch.cat([suited.amax(dim=2), suited.sum(dim=2) / boxes.shape[2]], dim=-1)
        state = self.gru(torch.cat([heard, length(mixed, -1), summary], dim=-1))[0]
        pointers = self._point(state, vectors)
        asked = self.ask(state)
        flat = self.weigh(asked).unflatten(-1, (-1, N_POINTERS)) @ pointers  # (batch, step, answer, 2)
        answer = torch.cat([flat, self.upward(state)[..., None]], dim=-1)
        nearness = flat / (length(flat, -1)[..., None] + 1e-2) @ aim.transpose(-1, -2) - 1
        key = self.key(torch.cat([suited, aim @ pointers.transpose(-1, -2), about], dim=-1))
        wanted = self.query(asked).unflatten(-1, (-1, KEY)) @ key.transpose(-1, -2) / math.sqrt(KEY)
        wanted = wanted + self.sharpness.exp() * nearness + self.trust
        wanted = wanted.masked_fill(~there[:, :, None], -torch.inf)
        share = torch.cat([wanted, wanted.new_zeros(*wanted.shape[:-1], 1)], dim=-1).softmax(dim=-1)[..., :-1]
        answer = self._turn(answer, aim, edges, share, torch.sigmoid(self.height(asked)))
        answer = answer.unflatten(2, [size for place, size in enumerate(self.shape) if place != self.axis])
        return {self.head: hold(answer.movedim(-1, 2 + self.axis), self.frames_per_step, n_frames)}

    def _seen(self, boxes: Tensor | None, n_steps: int, like: Tensor) -> Tensor:
        """Boxes (batch, step, n_boxes, 5), zeros for those that are not looked at."""
        batch = like.shape[0]
        if boxes is None or not self.vision:
            return like.new_zeros(batch, n_steps, self.n_boxes, 5)
        if boxes.shape[1] < n_steps:
            raise BadInput(
                f"boxes at {boxes.shape[1]} label frames for {n_steps}; fused needs labels every "
                f"{self.frames_per_step} frames, features with a hop of 10 ms"
            )
        boxes = boxes[:, :n_steps]
        if self.training and self.blind:
            boxes = boxes * (torch.rand(batch, device=like.device) >= self.blind)[:, None, None, None]
        return boxes

    @staticmethod
    def _around(boxes: Tensor) -> tuple[Tensor, Tensor]:
        """Boxes of the label frames around each: (batch, step, boxes, 5), and how far off each was seen."""
        reach, n_steps = max(AROUND), boxes.shape[1]
        padded = nn.functional.pad(boxes, (0, 0, 0, 0, reach, reach))
        near = torch.cat([padded[:, reach + by : reach + by + n_steps] for by in AROUND], dim=2)
        late = near.new_tensor(AROUND).abs().repeat_interleave(boxes.shape[2]) / reach
        return near, late.expand(near.shape[:3])

    def _point(self, state: Tensor, vectors: Tensor) -> Tensor:
        """Directions (batch, step, pointer, 2) of the sound, gathered from all steps of the window."""
        query, key = self.moments(state).unflatten(-1, (2, N_POINTERS, 8)).permute(2, 0, 3, 1, 4)
        value = self._turned(self.pointers, vectors).transpose(1, 2)  # (batch, pointer, step, 2)
        gathered = (query @ key.transpose(-1, -2) / math.sqrt(8)).softmax(dim=-1) @ value
        gathered = gathered / (length(gathered, -1)[..., None] + 1e-2)
        return gathered.transpose(1, 2)

    def _turn(self, answer: Tensor, aim: Tensor, edges: Tensor, share: Tensor, height: Tensor) -> Tensor:
        """Turn answers towards boxes: the sound says whether and how loud, the box says where.

        To the side an answer turns by the boxes' shares. Up or down it turns by a part of them, because a box says less
        of that: a voice comes from its upper edge and a step from its lower one, each class from a height of its own.

        Args:
            answer: (batch, step, answer, 3).
            aim: (batch, step, box, 2) horizontal.
            edges: (batch, step, box, 2) elevations of the lower and the upper edge, radians.
            share: (batch, step, answer, box).
            height: (batch, step, answer) between the edges, 0 to 1.

        Returns:
            (batch, step, answer, 3), as long as before but for what boxes that disagree take off.
        """
        flat, z = answer[..., :2], answer[..., 2:]
        believed = share.sum(dim=-1, keepdim=True)
        side = flat * (1 - believed) + length(flat, -1)[..., None] * (share @ aim)
        low, high = edges[:, :, None].unbind(dim=-1)  # (batch, step, 1, box)
        upward = torch.sin(low + height[..., None] * (high - low))
        part = torch.sigmoid(4 * self.upright)
        there = length(answer, -1)[..., None] * (share * upward).sum(dim=-1, keepdim=True)
        return torch.cat([side, z * (1 - part * believed) + part * there], dim=-1)

    @staticmethod
    def _turned(layer: nn.Linear, vectors: Tensor) -> Tensor:
        """A linear layer over the vectors (..., n, 2), the same for both components."""
        return layer(vectors.transpose(-1, -2)).transpose(-1, -2)
