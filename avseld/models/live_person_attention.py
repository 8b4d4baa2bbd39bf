"""Attention to people in live video: they are followed from the past only, and what is remembered has a fixed size."""

from collections.abc import Mapping

import torch
from torch import Tensor

from avseld.models.causal import State, mean_back, with_past
from avseld.models.encoders.sound_field import length
from avseld.models.person_attention import People, PersonAttention, beams, people_of, turn_between

SIDES = 2.0
"""how far people turn counts twice, because networks that see a whole window add up both sides of a step"""


class LivePersonAttention(PersonAttention):
    """`PersonAttention` of a network whose predictions may lag behind the sound and the video.

    People are followed up to the newest step. Predictions attend to them, and are rotated to where they were in the
    step that is predicted; whoever came since then does not count.
    """

    bidirectional = False

    def advance(
        self,
        x: Tensor,
        boxes: Tensor,
        answer: Tensor,
        query: Tensor,
        mixed: Tensor,
        pointers: Tensor,
        known: Tensor,
        lag: int,
        state: Mapping[str, Tensor],
    ) -> tuple[Tensor, Tensor, Tensor, State]:
        """Rotate the audio predictions of the next steps to the people that make the sounds.

        Args:
            x: sound field (batch, 6, frame, band) of these steps.
            boxes: (batch, step, person, 5) of these steps.
            answer: (batch, step, answer, 3) predictions from audio alone, for the steps `lag` before.
            query: (batch, step, n_query) audio features.
            mixed: (batch, step, n_mixed, 2) horizontal vectors of the sound that people are compared with.
            pointers: (batch, step, n_pointers, 2) those from which predictions are made.
            known: (batch, n_past + step), 1 for a step of the stream, 0 before its beginning.
            lag: steps.
            state: of the last call; empty at the beginning.

        Returns:
            As `forward`, for the steps `lag` before, and the state.
        """
        n_steps = boxes.shape[1]
        joined, kept = with_past(boxes, state.get("boxes"), lag + 1, 1)
        people, box_values = self._described(joined, lag + 1, n_steps)
        loud, level = loud_so_far(x, known, known.shape[1] - n_steps, state.get("level"))
        along = people.direction @ mixed.transpose(-1, -2)
        beam = beams(x, people.direction, loud)
        seen = self._seen(along, length(mixed, -1), box_values, beam, people.present)
        person, units = self._follow_on(seen, state.get("person"))
        then, values = self._described(joined, 1, n_steps)
        share = self._choose(answer, query, pointers, person * then.present[..., None], then, values)
        rotated = self._rotate(answer, then, share, torch.sigmoid(self.height(query)))
        return rotated, share, then.direction, {"boxes": kept, "level": level, "person": units}

    def _described(self, boxes: Tensor, first: int, n_steps: int) -> tuple[People, Tensor]:
        """Describe the people of some steps of boxes (batch, step, person, 5); the step before them is read, too."""
        before, people = (people_of(boxes[:, begin : begin + n_steps]) for begin in (first - 1, first))
        turn = SIDES * turn_between(before, people)
        return people, self._box_values(boxes[:, first : first + n_steps], people, turn)

    def _follow_on(self, seen: Tensor, units: Tensor | None) -> tuple[Tensor, Tensor]:
        """Run the GRU of every person from where it was: its outputs and its units (batch, person, unit)."""
        batch, _, n_people, _ = seen.shape
        before = None if units is None else units.flatten(0, 1)[None].contiguous()
        person, after = self.follow(seen.transpose(1, 2).flatten(0, 1), before)
        return person.unflatten(0, (batch, n_people)).transpose(1, 2), after[0].unflatten(
            0, (batch, n_people)
        )


def loud_so_far(x: Tensor, known: Tensor, n_past: int, past: Tensor | None) -> tuple[Tensor, Tensor]:
    """Tell how far every band is above the mean level of the steps that are remembered and its own.

    Args:
        x: sound field (batch, 6, frame, band), its first feature the level in bels.
        known: (batch, n_past + step), 1 for a step of the stream, 0 before its beginning.
        n_past: steps that are remembered.
        past: (batch, n_past, 2) mean and mean square of the level in each of them; None at the beginning.

    Returns:
        (batch, frame, band), 0 to 1, and what is to be remembered.
    """
    level = x[:, 0].unflatten(1, (known.shape[1] - n_past, -1))  # (batch, step, frame, band)
    moments = torch.stack([level.mean(dim=(2, 3)), level.square().mean(dim=(2, 3))], dim=-1)
    joined, kept = with_past(moments, past, n_past, 1)
    mean, square = (each[:, :, None, None] for each in mean_back(joined, known, n_past).unbind(dim=-1))
    deviation = (square - mean.square()).clamp(min=0).sqrt()
    return torch.sigmoid(2 * (level - mean) / (deviation + 1e-3)).flatten(1, 2), kept
