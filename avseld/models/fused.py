"""Audio-visual network in which sound points at people: `av_foa_fused`.

People are a set of tracks, each a direction, a size and a score at every label frame. The sound is encoded as scalars,
which do not change when the scene turns about the vertical axis, and horizontal vectors, which turn with it. A person
is compared with the sound by products of their direction with these vectors, and what they give is followed over time,
for each person alone. So the answer turns with the scene, by any angle, and no direction of the room has to be learned
apart from the others.
"""

import math

import torch
from torch import Tensor, nn

from avseld.errors import BadInput
from avseld.models.blocks import hold
from avseld.models.field import FieldEncoder, length

N_MIXED = 24
"""vectors of a step that people are compared with before the recurrence"""
N_POINTERS = 12
"""directions of the sound that an answer is made of"""
KEY = 8
"""width of what a class asks a person"""
ABOUT = 5
"""width and height of a box, its elevation, its score, how fast it moves"""
OWN = 32
"""units, in each direction of time, that follow one person"""
BOLD = 2.0
"""how much faster than other weights those learn that choose a person"""
SHARP = 20.0
"""at first somebody 15 degrees from where the sound seems to be weighs half as much as one right there"""


class FusedCRNN(nn.Module):
    """Equivariant encoder of the sound field, people followed through the window, GRU, attention to both.

    Args of the constructor:
        n_features, n_bins: shape of the audio features, those of `sound_field`.
        shapes: one head, (..., 3) at its end, x y z; Multi-ACCDOA or ACCDOA.
        hidden: units of the GRU in each direction.
        n_boxes: people that are seen at a time.
        vision: False never looks, whatever is shown: the audio-only twin, without the parts that look.
        blind: share of the training windows that are shown nothing, so that a missing video is nothing new.
        frames_per_step: feature frames of a label frame, a multiple of 5: 5 with a hop of 20 ms, 10 with 10 ms.

    Raises:
        BadInput: other features, or a target without x y z.
    """

    sees = "tracks"
    wrap = True

    def __init__(
        self,
        n_features: int,
        n_bins: int,
        shapes: dict[str, tuple[int, ...]],
        hidden: int = 204,
        n_boxes: int = 8,
        vision: bool = True,
        blind: float = 0.2,
        frames_per_step: int = 10,
    ) -> None:
        super().__init__()
        if n_features != 6 or n_bins < FieldEncoder.pooled_bands:
            raise BadInput("features: fused hears the sound field; choose --features.name sound_field")
        ((self.head, self.shape),) = shapes.items()
        self.axis = len(self.shape) - 2
        if self.head != "accdoa" or self.shape[self.axis] != 3:
            raise BadInput("target: fused answers with directions x y z; choose multi_accdoa or accdoa")
        if frames_per_step < 5 or frames_per_step % 5:
            raise BadInput(f"model.options.frames_per_step: {frames_per_step} is no multiple of 5")
        self.frames_per_step = frames_per_step
        n_answers = math.prod(self.shape) // 3
        self.n_boxes, self.vision, self.blind = n_boxes, vision, blind
        self.encoder = FieldEncoder(n_bins, 128, self.frames_per_step)
        n_vectors = self.encoder.n_vectors
        self.mix = nn.Linear(n_vectors, N_MIXED, bias=False)
        self.gru = nn.GRU(128 + N_MIXED, hidden, batch_first=True, bidirectional=True)
        self.moments = nn.Linear(2 * hidden, 2 * N_POINTERS * 8)
        self.pointers = nn.Linear(n_vectors, N_POINTERS, bias=False)
        self.upward = nn.Linear(2 * hidden, n_answers)
        self.ask = nn.Sequential(nn.Linear(2 * hidden, 128), nn.ReLU())
        self.weigh = nn.Linear(128, n_answers * N_POINTERS)
        if not vision:
            return
        self.look = nn.Sequential(nn.Linear(2 * N_MIXED + ABOUT, 64), nn.ReLU(), nn.Linear(64, 48), nn.ReLU())
        self.follow = nn.GRU(48, OWN, batch_first=True, bidirectional=True)
        self.query = nn.Linear(128, n_answers * KEY)
        self.key = nn.Sequential(nn.Linear(2 * OWN + N_POINTERS + ABOUT, 64), nn.ReLU(), nn.Linear(64, KEY))
        self.sharpness = _starting_at(nn.Linear(128, n_answers), math.log(SHARP))
        self.trust = _starting_at(nn.Linear(128, n_answers), 0.0)
        self.taken = _starting_at(nn.Linear(128, n_answers), 0.0)
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
        loud = length(mixed, -1)
        # What sounds, and when, is for the ears: shown to this recurrence, people cost more in F than they gave.
        state = self.gru(torch.cat([heard, loud], dim=-1))[0]
        answer, asked, pointers = self._listen(state, vectors)
        if not self.vision:
            return self._as_head(answer, n_frames)
        boxes = self._seen(boxes, n_steps, heard)
        there = boxes[..., 4] > 0
        azimuth = math.pi * (1 - (boxes[..., 0] + boxes[..., 2]))
        aim = torch.stack([azimuth.cos(), azimuth.sin()], dim=-1)  # (batch, step, person, 2)
        edges = math.pi * (0.5 - boxes[..., [3, 1]])  # elevations of feet and head
        about = self._about(boxes, edges, aim, there)
        own = self._follow(aim @ mixed.transpose(-1, -2), loud, about, there)
        flat = answer[..., :2]
        nearness = flat / (length(flat, -1)[..., None] + 1e-2) @ aim.transpose(-1, -2) - 1
        key = self.key(torch.cat([own, aim @ pointers.transpose(-1, -2), about], dim=-1))
        wanted = self.query(asked).unflatten(-1, (-1, KEY)) @ key.transpose(-1, -2) * (BOLD / math.sqrt(KEY))
        wanted = (
            wanted + self.sharpness(asked).exp()[..., None] * nearness + BOLD * self.trust(asked)[..., None]
        )
        share = self._shares(wanted, self.taken(asked), there)
        answer = self._turn(answer, aim, edges, share, torch.sigmoid(self.height(asked)))
        return self._as_head(answer, n_frames)

    def _as_head(self, answer: Tensor, n_frames: int) -> dict[str, Tensor]:
        """Answers (batch, step, answer, 3) as the target's head (batch, frame, *shape)."""
        answer = answer.unflatten(2, [size for place, size in enumerate(self.shape) if place != self.axis])
        return {self.head: hold(answer.movedim(-1, 2 + self.axis), self.frames_per_step, n_frames)}

    def _listen(self, state: Tensor, vectors: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What the sound says by itself: answers (batch, step, answer, 3), what they ask, and the pointers."""
        pointers = self._point(state, vectors)
        asked = self.ask(state)
        flat = self.weigh(asked).unflatten(-1, (-1, N_POINTERS)) @ pointers  # (batch, step, answer, 2)
        return torch.cat([flat, self.upward(state)[..., None]], dim=-1), asked, pointers

    @staticmethod
    def _about(boxes: Tensor, edges: Tensor, aim: Tensor, there: Tensor) -> Tensor:
        """What is known of people apart from their azimuth: (batch, step, person, ABOUT)."""
        lasting = (there[:, 1:] & there[:, :-1])[..., None]
        turn = (aim[:, 1:] - aim[:, :-1]).square().sum(dim=-1, keepdim=True).clamp(min=1e-9).sqrt() * lasting
        speed = nn.functional.pad(turn, (0, 0, 0, 0, 1, 0)) + nn.functional.pad(turn, (0, 0, 0, 0, 0, 1))
        size = torch.stack([boxes[..., 2] - boxes[..., 0], boxes[..., 3] - boxes[..., 1]], dim=-1)
        return torch.cat([size, edges.mean(dim=-1, keepdim=True).sin(), boxes[..., 4:], 5 * speed], dim=-1)

    def _follow(self, heard_there: Tensor, loud: Tensor, about: Tensor, there: Tensor) -> Tensor:
        """What comes from each person over time: (batch, step, person, 2 * OWN), zeros where there is nobody.

        Args:
            heard_there: (batch, step, person, vector) of the sound along the direction of each.
            loud: (batch, step, vector) lengths of these vectors.
            about: (batch, step, person, ABOUT).
            there: (batch, step, person) whether somebody is seen.
        """
        batch, _, n_people = there.shape
        everywhere = loud[:, :, None].expand_as(heard_there)
        single = self.look(torch.cat([heard_there, everywhere, about], dim=-1)) * there[..., None]
        own = self.follow(single.transpose(1, 2).flatten(0, 1))[0]
        return own.unflatten(0, (batch, n_people)).transpose(1, 2) * there[..., None]

    def _seen(self, boxes: Tensor | None, n_steps: int, like: Tensor) -> Tensor:
        """Boxes (batch, step, n_boxes, 5), zeros for those that are not looked at."""
        batch = like.shape[0]
        if boxes is None:
            return like.new_zeros(batch, n_steps, self.n_boxes, 5)
        if boxes.shape[1] < n_steps:
            raise BadInput(
                f"boxes at {boxes.shape[1]} label frames for {n_steps}; fused needs labels every "
                f"{self.frames_per_step} frames; set model.options.frames_per_step to 0.1 s over features.options.hop"
            )
        boxes = boxes[:, :n_steps]
        if self.training and self.blind:
            boxes = boxes * (torch.rand(batch, device=like.device) >= self.blind)[:, None, None, None]
        return boxes

    def _shares(self, wanted: Tensor, taken: Tensor, there: Tensor) -> Tensor:
        """How much each answer turns to each person: (batch, step, answer, person), with what is left for nobody.

        The answers of one class ask in turn, and whom an earlier one has chosen is more, or less, wanted by the next:
        two women who speak at once are two answers, and no order of people or directions could tell them apart.

        Args:
            wanted: (batch, step, answer, person).
            taken: (batch, step, answer) how much less whoever is chosen already is wanted.
            there: (batch, step, person) whether somebody is seen.
        """
        n_tracks = math.prod(self.shape[: self.axis])
        wanted = wanted.masked_fill(~there[:, :, None], -torch.inf).unflatten(2, (n_tracks, -1))
        taken = BOLD * taken.unflatten(2, (n_tracks, -1))
        nobody = torch.zeros_like(wanted[:, :, 0, :, :1])
        shares: list[Tensor] = []
        for track in range(n_tracks):
            asked = wanted[:, :, track]
            if shares:
                asked = asked - taken[:, :, track, :, None] * torch.stack(shares).sum(dim=0)
            shares.append(torch.cat([asked, nobody], dim=-1).softmax(dim=-1)[..., :-1])
        return torch.stack(shares, dim=2).flatten(2, 3)

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


def _starting_at(layer: nn.Linear, value: float) -> nn.Linear:
    """A layer that gives the same for every input until it has learned."""
    nn.init.zeros_(layer.weight)
    nn.init.constant_(layer.bias, value)
    return layer
