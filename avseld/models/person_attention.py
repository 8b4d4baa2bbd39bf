"""Attention of audio predictions to people: which person makes each predicted sound, and where that person is.

People are tracks, each a direction, a size and a score at every label frame. For each person the share of every band's
intensity that comes from around their direction is followed over time. A prediction of the audio branch attends to
people by that, by their distance to its own direction, and by whom the earlier predictions of its class attended to.

The visual branch of `avseld.models.fused` and, followed in one direction, of `avseld.models.live`. It knows tensors and
the vectors of the sound field encoder, no file, target or configuration. Constants: docs/sources.md, Attention to
people.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from avseld.models.encoders.sound_field import length

N_KEY = 8
"""width of queries and keys"""
N_BOX_VALUES = 5
"""values of a box: width, height, elevation, score, speed"""
N_TRACK_UNITS = 32
"""GRU units, in each of two directions, for one person"""
N_BEAM_VALUES = 32
"""values that describe the bands from a person's direction"""
N_PERSON_VALUES = 48
"""values of a person in one step, before the GRU"""
QUERY_SCALE = 2.0
"""scale on the attention logits; acts as a higher learning rate for person selection"""
INIT_SHARPNESS = 20.0
"""initial sharpness: a person 15 degrees off the audio estimate gets half the weight of one at 0 degrees"""
MIN_SHARE = 1e-4
"""smallest attention share whose logarithm is taken; keeps the cross-entropy finite"""
MIN_LENGTH = 1e-2
"""added to the length of predicted vectors before division; shorter ones have no reliable direction"""
SPEED_SCALE = 5.0
"""brings the speed of people, about 0.2 radians per step at most, to the range of the other values"""
ACTIVE_SQUARED_LENGTH = 0.25
"""squared length above which a reference vector is active: half of its value 1"""
BEAM = 20.0
"""exponent of the beam toward a person, per 1 - cos: half at 15 degrees; the narrow beam is its square"""
WIDE_BEAM = 8.0
"""the same of the wide beam: half at 24 degrees"""


class PersonAttention(nn.Module):
    """Recurrent features of tracked people, and attention of audio predictions to them.

    Args:
        n_bands: of the sound field.
        n_mixed: vectors of the sound that people are compared with.
        n_pointers: directions of the sound from which predictions are made.
        n_query: width of the audio features that form the queries.
        n_answers: predictions in a step, tracks by classes.
        n_tracks: predictions of one class.
    """

    bidirectional = True
    """whether people are followed in both directions; in one, with as many units"""

    def __init__(
        self, n_bands: int, n_mixed: int, n_pointers: int, n_query: int, n_answers: int, n_tracks: int
    ) -> None:
        super().__init__()
        self.n_tracks = n_tracks
        self.beam = nn.Linear(3 * n_bands, N_BEAM_VALUES)
        self.look = nn.Sequential(
            nn.Linear(2 * n_mixed + N_BOX_VALUES + N_BEAM_VALUES, 64),
            nn.ReLU(),
            nn.Linear(64, N_PERSON_VALUES),
            nn.ReLU(),
        )
        units = N_TRACK_UNITS if self.bidirectional else 2 * N_TRACK_UNITS
        self.follow = nn.GRU(N_PERSON_VALUES, units, batch_first=True, bidirectional=self.bidirectional)
        self.query = nn.Linear(n_query, n_answers * N_KEY)
        self.key = nn.Sequential(
            nn.Linear(2 * N_TRACK_UNITS + n_pointers + N_BOX_VALUES, 64), nn.ReLU(), nn.Linear(64, N_KEY)
        )
        self.sharpness = _constant(nn.Linear(n_query, n_answers), math.log(INIT_SHARPNESS))
        self.trust = _constant(nn.Linear(n_query, n_answers), 0.0)
        self.again = _constant(nn.Linear(n_query, n_answers), 0.0)
        self.height = nn.Linear(n_query, n_answers)
        self.upright = nn.Parameter(torch.full((n_answers, 1), -0.5))

    def forward(
        self, x: Tensor, boxes: Tensor, answer: Tensor, query: Tensor, mixed: Tensor, pointers: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Rotate audio predictions to the people that make the sounds.

        Args:
            x: sound field (batch, 6, frame, band), a whole number of frames a step.
            boxes: (batch, step, person, 5), score 0 where there is none.
            answer: (batch, step, answer, 3) predictions from audio alone.
            query: (batch, step, n_query) audio features.
            mixed: (batch, step, n_mixed, 2) horizontal vectors of the sound that people are compared with.
            pointers: (batch, step, n_pointers, 2) those from which predictions are made.

        Returns:
            Rotated predictions (batch, step, answer, 3); attention shares (batch, step, answer, person); directions of
            people (batch, step, person, 2), zeros where there is none.
        """
        people = people_of(boxes)
        box_values = self._box_values(boxes, people, _speed(people))
        along = people.direction @ mixed.transpose(-1, -2)
        beam = beams(x, people.direction, loud_in_window(x))
        person = self._follow(self._seen(along, length(mixed, -1), box_values, beam, people.present))
        share = self._choose(answer, query, pointers, person * people.present[..., None], people, box_values)
        rotated = self._rotate(answer, people, share, torch.sigmoid(self.height(query)))
        return rotated, share, people.direction

    @staticmethod
    def _box_values(boxes: Tensor, people: "People", speed: Tensor) -> Tensor:
        """Describe people apart from their azimuth: (batch, step, person, N_BOX_VALUES)."""
        size = torch.stack([boxes[..., 2] - boxes[..., 0], boxes[..., 3] - boxes[..., 1]], dim=-1)
        elevation = people.edges.mean(dim=-1, keepdim=True).sin()
        return torch.cat([size, elevation, boxes[..., 4:], SPEED_SCALE * speed], dim=-1)

    def _seen(
        self, along: Tensor, loudness: Tensor, box_values: Tensor, beam: Tensor, present: Tensor
    ) -> Tensor:
        """Describe every person in every step alone: (batch, step, person, N_PERSON_VALUES), zeros without one.

        Args:
            along: (batch, step, person, vector) components of the sound's vectors along each direction.
            loudness: (batch, step, vector) lengths of these vectors.
            box_values: (batch, step, person, N_BOX_VALUES).
            beam: (batch, step, person, 3 band) as from `beams`.
            present: (batch, step, person) whether there is a person.
        """
        everywhere = loudness[:, :, None].expand_as(along)
        beam = torch.relu(self.beam(beam))
        return self.look(torch.cat([along, everywhere, box_values, beam], dim=-1)) * present[..., None]

    def _follow(self, seen: Tensor) -> Tensor:
        """Run the GRU of every person: (batch, step, person, N_PERSON_VALUES) -> (..., 2 N_TRACK_UNITS)."""
        person = self.follow(seen.transpose(1, 2).flatten(0, 1))[0]
        return person.unflatten(0, (len(seen), seen.shape[2])).transpose(1, 2)

    def _choose(
        self,
        answer: Tensor,
        query: Tensor,
        pointers: Tensor,
        person: Tensor,
        people: "People",
        box_values: Tensor,
    ) -> Tensor:
        """Compute attention shares (batch, step, answer, person); arguments as for `forward` and from its steps."""
        flat = answer[..., :2]
        along = people.direction.transpose(-1, -2)
        nearness = flat / (length(flat, -1)[..., None] + MIN_LENGTH) @ along - 1
        key = self.key(torch.cat([person, people.direction @ pointers.transpose(-1, -2), box_values], dim=-1))
        logit = self.query(query).unflatten(-1, (-1, N_KEY)) @ key.transpose(-1, -2)
        logit = logit * (QUERY_SCALE / math.sqrt(N_KEY))
        logit = logit + self.sharpness(query).exp()[..., None] * nearness
        logit = logit + QUERY_SCALE * self.trust(query)[..., None]
        return self._shares(logit, self.again(query), people.present)

    def _shares(self, logit: Tensor, again: Tensor, present: Tensor) -> Tensor:
        """Compute attention shares (batch, step, answer, person); what is missing to 1 is the share of no person.

        The predictions of one class choose in turn: a later one a person that none has chosen yet, or the choice of
        the first again. Two women who speak at once are two predictions, and no order of people or directions could
        tell them apart; one woman is the same prediction three times.

        Args:
            logit: (batch, step, answer, person).
            again: (batch, step, answer) logits of repeating the choice of the first prediction.
            present: (batch, step, person) whether there is a person.
        """
        logit = logit.masked_fill(~present[:, :, None], -torch.inf).unflatten(2, (self.n_tracks, -1))
        again = QUERY_SCALE * again.unflatten(2, (self.n_tracks, -1))[..., None]
        nobody = torch.zeros_like(again[:, :, 0])
        shares = [torch.cat([logit[:, :, 0], nobody], dim=-1).softmax(dim=-1)[..., :-1]]
        for track in range(1, self.n_tracks):
            left = (1 - torch.stack(shares).sum(dim=0)).clamp(min=MIN_SHARE).log()
            choices = torch.cat([logit[:, :, track] + left, nobody, again[:, :, track]], dim=-1)
            chosen = choices.softmax(dim=-1)
            shares.append(chosen[..., :-2] + chosen[..., -1:] * shares[0])
        return torch.stack(shares, dim=2).flatten(2, 3)

    def _rotate(self, answer: Tensor, people: "People", share: Tensor, height: Tensor) -> Tensor:
        """Rotate predictions towards boxes: audio decides whether and how strongly, vision decides where.

        The azimuth rotates by the attention shares. The elevation rotates by a part of them, because a box says less
        about it: a voice comes from its upper edge and a step from its lower one, each class from a height of its own.

        Args:
            answer: (batch, step, answer, 3).
            people: where they are.
            share: (batch, step, answer, person).
            height: (batch, step, answer) between the edges, 0 to 1.

        Returns:
            (batch, step, answer, 3), as long as before; shorter where people in several directions share the attention.
        """
        flat, z = answer[..., :2], answer[..., 2:]
        total = share.sum(dim=-1, keepdim=True)
        side = flat * (1 - total) + length(flat, -1)[..., None] * (share @ people.direction)
        low, high = people.edges[:, :, None].unbind(dim=-1)  # (batch, step, 1, person)
        upward = torch.sin(low + height[..., None] * (high - low))
        part = torch.sigmoid(4 * self.upright)
        person_z = length(answer, -1)[..., None] * (share * upward).sum(dim=-1, keepdim=True)
        return torch.cat([side, z * (1 - part * total) + part * person_z], dim=-1)


class People(NamedTuple):
    """Where people are.

    Attributes:
        present: (batch, step, person) whether there is one.
        direction: (batch, step, person, 2) horizontal unit vectors, zeros where there is none.
        edges: (batch, step, person, 2) elevations of the lower and the upper edge, radians.
    """

    present: Tensor
    direction: Tensor
    edges: Tensor


def people_of(boxes: Tensor) -> People:
    """Find where the people of boxes (batch, step, person, 5) are; a score of 0 means that there is none."""
    present = boxes[..., 4] > 0
    azimuth = math.pi * (1 - (boxes[..., 0] + boxes[..., 2]))
    direction = torch.stack([azimuth.cos(), azimuth.sin()], dim=-1) * present[..., None]
    return People(present, direction, math.pi * (0.5 - boxes[..., 1:4:2].flip(-1)))


def turn_between(before: People, after: People) -> Tensor:
    """Measure how far people turn from one step to another, 0 where one has no person: (batch, step, person, 1)."""
    stays = (before.present & after.present)[..., None]
    turn = (after.direction - before.direction).square().sum(dim=-1, keepdim=True)
    return turn.clamp(min=1e-9).sqrt() * stays


def _speed(people: People) -> Tensor:
    """Add up how far people turn from the step before and to the step after: (batch, step, person, 1)."""
    turn = turn_between(
        *(People(*(each[:, part] for each in people)) for part in (slice(-1), slice(1, None)))
    )
    return nn.functional.pad(turn, (0, 0, 0, 0, 1, 0)) + nn.functional.pad(turn, (0, 0, 0, 0, 0, 1))


def loud_in_window(x: Tensor) -> Tensor:
    """Tell how far every band is above the mean level of its window: (batch, frame, band), 0 to 1.

    Args:
        x: sound field (batch, 6, frame, band), its first feature the level in bels.
    """
    level = x[:, 0] - x[:, 0].mean(dim=(1, 2), keepdim=True)
    return torch.sigmoid(2 * level / (level.square().mean(dim=(1, 2), keepdim=True).sqrt() + 1e-3))


def beams(x: Tensor, direction: Tensor, loud: Tensor) -> Tensor:
    """Measure how much of every band's intensity comes from around each person.

    Args:
        x: sound field (batch, 6, frame, band), its last two features intensity.
        direction: (batch, step, person, 2) unit vectors.
        loud: (batch, frame, band) weights of bands, 0 to 1.

    Returns:
        (batch, step, person, 3 band) from 0 to 4: in a narrow beam, in a wide one, and in one between them in which
        loud bands count more. Each is the mean over the frames of a step.
    """
    with torch.no_grad():
        n_frames = x.shape[2] // direction.shape[1]
        intensity = x[:, 4:6].unflatten(2, (direction.shape[1], n_frames))
        strength = length(intensity, 1)
        cosine = torch.einsum("bcsfm,bspc->bspfm", intensity / strength[:, None], direction)
        loud = loud.unflatten(1, (direction.shape[1], n_frames))
        near = torch.exp(BEAM * (cosine - 1))
        strength = strength[:, :, None]
        each = (near.square(), torch.exp(WIDE_BEAM * (cosine - 1)), near * loud[:, :, None])
        return 4 * torch.cat([(strength * part).mean(dim=3) for part in each], dim=-1)


def attention_loss(share: Tensor, direction: Tensor, reference: Tensor, within_deg: float = 6.0) -> Tensor:
    """Cross-entropy between attention shares and the person that makes the sound.

    Args:
        share: (batch, step, answer, person) from `PersonAttention`.
        direction: (batch, step, person, 2), zeros where there is none.
        reference: (batch, step, answer, 3) direction of each prediction's source, zeros in silence.
        within_deg: largest azimuth difference between a source and its person; farther sources have no person.

    Returns:
        Mean over the predictions whose source is active; 0 if none is.
    """
    flat = reference[..., :2]
    cosine = flat / length(flat, -1)[..., None] @ direction.transpose(-1, -2)
    nearest, person = cosine.max(dim=-1)
    person = torch.where(nearest > math.cos(math.radians(within_deg)), person, share.shape[-1])
    chosen = torch.cat([share, 1 - share.sum(dim=-1, keepdim=True)], dim=-1).clamp(min=MIN_SHARE).log()
    active = reference.square().sum(dim=-1) > ACTIVE_SQUARED_LENGTH
    entropy = -chosen.gather(-1, person[..., None])[..., 0]
    return (entropy * active).sum() / active.sum().clamp(min=1)


def _constant(layer: nn.Linear, value: float) -> nn.Linear:
    """Initialise a layer to give one value for every input."""
    nn.init.zeros_(layer.weight)
    nn.init.constant_(layer.bias, value)
    return layer
