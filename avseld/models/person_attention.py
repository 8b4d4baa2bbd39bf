"""Attention of answers to people: which person each answer of the sound comes from, and where that person is.

People are tracks, each a direction, a size and a score at every label frame. Each is listened to: the share of every
band's intensity that comes from around their direction is followed over time, for each person alone. An answer of the
sound chooses among them by that, by their nearness to where it points itself, and by whom the answers before it in
its class have chosen.

The part of `avseld.models.fused` that sees. It knows tensors and the vectors of the sound field encoder, no file,
target or configuration.
"""

import math

import torch
from torch import Tensor, nn

from avseld.models.encoders.sound_field import length

KEY = 8
"""width of what a class asks a person"""
ABOUT = 5
"""width and height of a box, its elevation, its score, how fast it moves"""
OWN = 32
"""units, in each direction of time, that follow one person"""
BEAM = 32
"""values that say how the bands sound from a person's direction"""
BOLD = 2.0
"""how much faster than other weights those learn that choose a person"""
SHARP = 20.0
"""at first somebody 15 degrees from where the sound seems to be weighs half as much as one right there"""
SURE = 1e-4
"""smallest share whose logarithm is learned from"""


class PersonAttention(nn.Module):
    """People, each listened to and followed; attention of answers to them.

    Args of the constructor:
        n_bands: of the sound field.
        n_mixed: vectors of the sound that people are compared with.
        n_pointers: directions that answers are made of.
        n_asked: width of what a step of sound asks.
        n_answers: answers, tracks by classes.
        n_tracks: answers of one class.
    """

    def __init__(
        self, n_bands: int, n_mixed: int, n_pointers: int, n_asked: int, n_answers: int, n_tracks: int
    ) -> None:
        super().__init__()
        self.n_tracks = n_tracks
        self.beam = nn.Linear(3 * n_bands, BEAM)
        self.look = nn.Sequential(
            nn.Linear(2 * n_mixed + ABOUT + BEAM, 64), nn.ReLU(), nn.Linear(64, 48), nn.ReLU()
        )
        self.follow = nn.GRU(48, OWN, batch_first=True, bidirectional=True)
        self.query = nn.Linear(n_asked, n_answers * KEY)
        self.key = nn.Sequential(nn.Linear(2 * OWN + n_pointers + ABOUT, 64), nn.ReLU(), nn.Linear(64, KEY))
        self.sharpness = _starting_at(nn.Linear(n_asked, n_answers), math.log(SHARP))
        self.trust = _starting_at(nn.Linear(n_asked, n_answers), 0.0)
        self.again = _starting_at(nn.Linear(n_asked, n_answers), 0.0)
        self.height = nn.Linear(n_asked, n_answers)
        self.upright = nn.Parameter(torch.full((n_answers, 1), -0.5))

    def forward(
        self, x: Tensor, boxes: Tensor, answer: Tensor, asked: Tensor, mixed: Tensor, pointers: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Look for the makers of answers.

        Args:
            x: sound field (batch, 6, frame, band), a whole number of frames a step.
            boxes: (batch, step, person, 5).
            answer: (batch, step, answer, 3) by the ears.
            asked: (batch, step, n_asked).
            mixed: horizontal vectors of the sound (batch, step, vector, 2) that people are compared with.
            pointers: those that answers are made of.

        Returns:
            Answers turned to people (batch, step, answer, 3); how much each turned to each person (batch, step, answer,
            person); their directions (batch, step, person, 2), zeros where there is nobody.
        """
        there = boxes[..., 4] > 0
        azimuth = math.pi * (1 - (boxes[..., 0] + boxes[..., 2]))
        aim = torch.stack([azimuth.cos(), azimuth.sin()], dim=-1) * there[..., None]
        edges = math.pi * (0.5 - boxes[..., [3, 1]])  # elevations of feet and head
        about = self._about(boxes, edges, aim, there)
        own = self._follow(aim @ mixed.transpose(-1, -2), length(mixed, -1), about, beams(x, aim), there)
        flat = answer[..., :2]
        nearness = flat / (length(flat, -1)[..., None] + 1e-2) @ aim.transpose(-1, -2) - 1
        key = self.key(torch.cat([own, aim @ pointers.transpose(-1, -2), about], dim=-1))
        wanted = self.query(asked).unflatten(-1, (-1, KEY)) @ key.transpose(-1, -2) * (BOLD / math.sqrt(KEY))
        wanted = (
            wanted + self.sharpness(asked).exp()[..., None] * nearness + BOLD * self.trust(asked)[..., None]
        )
        share = self._shares(wanted, self.again(asked), there)
        return self._turn(answer, aim, edges, share, torch.sigmoid(self.height(asked))), share, aim

    @staticmethod
    def _about(boxes: Tensor, edges: Tensor, aim: Tensor, there: Tensor) -> Tensor:
        """What is known of people apart from their azimuth: (batch, step, person, ABOUT)."""
        lasting = (there[:, 1:] & there[:, :-1])[..., None]
        turn = (aim[:, 1:] - aim[:, :-1]).square().sum(dim=-1, keepdim=True).clamp(min=1e-9).sqrt() * lasting
        speed = nn.functional.pad(turn, (0, 0, 0, 0, 1, 0)) + nn.functional.pad(turn, (0, 0, 0, 0, 0, 1))
        size = torch.stack([boxes[..., 2] - boxes[..., 0], boxes[..., 3] - boxes[..., 1]], dim=-1)
        return torch.cat([size, edges.mean(dim=-1, keepdim=True).sin(), boxes[..., 4:], 5 * speed], dim=-1)

    def _follow(
        self, heard_there: Tensor, loud: Tensor, about: Tensor, beam: Tensor, there: Tensor
    ) -> Tensor:
        """What comes from each person over time: (batch, step, person, 2 * OWN), zeros where there is nobody.

        Args:
            heard_there: (batch, step, person, vector) of the sound along the direction of each.
            loud: (batch, step, vector) lengths of these vectors.
            about: (batch, step, person, ABOUT).
            beam: (batch, step, person, 3 * band) of `beams`.
            there: (batch, step, person) whether somebody is seen.
        """
        batch, _, n_people = there.shape
        everywhere = loud[:, :, None].expand_as(heard_there)
        beam = torch.relu(self.beam(beam))
        single = self.look(torch.cat([heard_there, everywhere, about, beam], dim=-1)) * there[..., None]
        own = self.follow(single.transpose(1, 2).flatten(0, 1))[0]
        return own.unflatten(0, (batch, n_people)).transpose(1, 2) * there[..., None]

    def _shares(self, wanted: Tensor, again: Tensor, there: Tensor) -> Tensor:
        """How much each answer turns to each person: (batch, step, answer, person), with what is left for nobody.

        The answers of one class choose in turn, a later one somebody whom none has chosen, or the first one's choice
        again: two women who speak at once are two answers, and no order of people or directions could tell them
        apart; one woman is one answer three times.

        Args:
            wanted: (batch, step, answer, person).
            again: (batch, step, answer) how much the choice of the first is wanted.
            there: (batch, step, person) whether somebody is seen.
        """
        wanted = wanted.masked_fill(~there[:, :, None], -torch.inf).unflatten(2, (self.n_tracks, -1))
        again = BOLD * again.unflatten(2, (self.n_tracks, -1))[..., None]
        nobody = torch.zeros_like(again[:, :, 0])
        shares = [torch.cat([wanted[:, :, 0], nobody], dim=-1).softmax(dim=-1)[..., :-1]]
        for track in range(1, self.n_tracks):
            left = (1 - torch.stack(shares).sum(dim=0)).clamp(min=SURE).log()
            chosen = torch.cat([wanted[:, :, track] + left, nobody, again[:, :, track]], dim=-1).softmax(
                dim=-1
            )
            shares.append(chosen[..., :-2] + chosen[..., -1:] * shares[0])
        return torch.stack(shares, dim=2).flatten(2, 3)

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


def beams(x: Tensor, aim: Tensor) -> Tensor:
    """How much of every band's intensity comes from around each person.

    Args:
        x: sound field (batch, 6, frame, band): its first feature is the level in bels, the last two are intensity.
        aim: (batch, step, person, 2) unit vectors.

    Returns:
        (batch, step, person, 3 * band) from 0 to 4: in a narrow beam, in a wide one, and in one between them in which
        what is louder than the window's mean counts for more. Each is the mean over the step's frames.
    """
    with torch.no_grad():
        frames = x.shape[2] // aim.shape[1]
        flow = x[:, 4:6].unflatten(2, (aim.shape[1], frames))
        strength = length(flow, 1)
        cosine = torch.einsum("bcsfm,bspc->bspfm", flow / strength[:, None], aim)
        level = x[:, 0] - x[:, 0].mean(dim=(1, 2), keepdim=True)
        level = 2 * level / (level.square().mean(dim=(1, 2), keepdim=True).sqrt() + 1e-3)
        loud = torch.sigmoid(level).unflatten(1, (aim.shape[1], frames))
        near = torch.exp(20 * (cosine - 1))
        strength = strength[:, :, None]
        each = (near.square(), torch.exp(8 * (cosine - 1)), near * loud[:, :, None])
        return 4 * torch.cat([(strength * part).mean(dim=3) for part in each], dim=-1)


def pointing(share: Tensor, aim: Tensor, wanted: Tensor, within: float = 6.0) -> Tensor:
    """Cross-entropy of whom answers chose against who makes the sound.

    Args:
        share: (batch, step, answer, person) of `PersonAttention`.
        aim: (batch, step, person, 2), zeros where there is nobody.
        wanted: (batch, step, answer, 3) the direction of each answer's source, zeros in silence.
        within: degrees of azimuth within which a person is its maker; where none is, nobody was to be chosen.

    Returns:
        Mean over the answers whose source sounds; 0 if none does.
    """
    flat = wanted[..., :2]
    close = flat / length(flat, -1)[..., None] @ aim.transpose(-1, -2)
    nearest, who = close.max(dim=-1)
    who = torch.where(nearest > math.cos(math.radians(within)), who, share.shape[-1])
    chosen = torch.cat([share, 1 - share.sum(dim=-1, keepdim=True)], dim=-1).clamp(min=SURE).log()
    sounds = wanted.square().sum(dim=-1) > 0.25
    surprise = -chosen.gather(-1, who[..., None])[..., 0]
    return (surprise * sounds).sum() / sounds.sum().clamp(min=1)


def _starting_at(layer: nn.Linear, value: float) -> nn.Linear:
    """A layer that gives the same for every input until it has learned."""
    nn.init.zeros_(layer.weight)
    nn.init.constant_(layer.bias, value)
    return layer
