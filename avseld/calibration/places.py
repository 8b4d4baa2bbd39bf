"""When somebody sounded from each place: bursts of sound, and the pauses between the places."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from avseld.base.errors import BadInput
from avseld.calibration.heard import Heard

LEAST_RISE_DB = 10.0
"""by which a sound exceeds the noise, in the middle of the channels"""
BELOW_LOUDEST_DB = 25.0
"""what is weaker than the loudest sound by more is no sound of a place: steps, clothes, reverberation"""
SAME_SOUND_S = 0.3
"""shorter gaps are within one sound"""
LEAST_PAUSE_S = 1.0
"""between two places"""
CLEAR_PAUSE = 1.5
"""by which factor the pauses between places are longer than all others"""


@dataclass(frozen=True)
class Span:
    """Windows of a recording in which one place is heard.

    Args:
        first: window.
        last: window after the last one.
    """

    first: int
    last: int


def sounds_of(heard: Heard) -> list[Span]:
    """Find the sounds of a recording.

    Args:
        heard: the recording.
    """
    level = np.median(heard.rise_db(), axis=0)
    if not len(level):
        return []
    is_sound = level >= max(LEAST_RISE_DB, float(level.max()) - BELOW_LOUDEST_DB)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], is_sound.astype(int), [0]])))
    gap = SAME_SOUND_S * heard.sample_rate / heard.hop
    spans: list[Span] = []
    for first, last in edges.reshape(-1, 2).tolist():
        if spans and first - spans[-1].last < gap:
            spans[-1] = Span(spans[-1].first, last)
        else:
            spans.append(Span(first, last))
    return spans


def places_of(heard: Heard, names: Sequence[str], file: str) -> dict[str, Span]:
    """Find when each place is heard: the longest pauses are those between the places.

    Args:
        heard: the recording.
        names: of the places, in their order.
        file: of the recording, for messages.

    Raises:
        BadInput: fewer sounds than places, or no clear pauses between them.
    """
    spans = sounds_of(heard)
    places = ", ".join(names)
    if len(spans) < len(names):
        raise BadInput(
            f"{file}: {len(spans)} sounds stand out of the noise, {len(names)} are needed ({places}, in this order); "
            "clap louder and nearer, with pauses of three seconds"
        )
    pauses = np.array([after.first - before.last for before, after in pairwise(spans)])
    pauses = pauses * heard.hop / heard.sample_rate
    ranked = np.sort(pauses)[::-1]
    n_between = len(names) - 1
    rest = ranked[n_between] if len(ranked) > n_between else 0.0
    if n_between and ranked[n_between - 1] < max(LEAST_PAUSE_S, CLEAR_PAUSE * rest):
        times = ", ".join(f"{heard.time(span.first):.1f}" for span in spans[:12])
        raise BadInput(
            f"{file}: {len(spans)} sounds (at {times} s) fall into no {len(names)} groups; pause three seconds between "
            f"{places}, or give a file for each (--audio front.wav,left.wav,above.wav)"
        )
    cuts = np.sort(np.argsort(-pauses, kind="stable")[:n_between])
    firsts, lasts = [0, *(cuts + 1)], [*cuts, len(spans) - 1]
    return {
        name: Span(spans[first].first, spans[last].last)
        for name, first, last in zip(names, firsts, lasts, strict=True)
    }
