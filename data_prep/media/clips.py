"""Sections of recordings that become clips: of equal length, or at listed times."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from avseld.base.errors import BadInput
from avseld.base.rates import LABEL_HOP
from data_prep.clip_list import ListedClip, check_file_name, check_times, names_of_clips, read_clip_list


@dataclass(frozen=True)
class Clip:
    """A section of a recording."""

    name: str
    start: float
    """seconds"""
    stop: float
    """seconds"""


def equal_clips(name: str, duration: float, seconds: float, hop: float, rest: bool = False) -> list[Clip]:
    """List clips of equal length, one hop apart.

    Args:
        name: of the recording.
        duration: of the recording, seconds.
        seconds: duration of a clip.
        hop: seconds from one clip to the next.
        rest: keep a shorter clip at the end.

    Raises:
        BadInput: a length that is not positive.
    """
    if seconds <= 0 or hop <= 0:
        raise BadInput(f"seconds {seconds}, hop {hop}: give lengths above 0")
    whole = int(np.floor((duration - seconds) / hop + 1e-9)) + 1 if duration >= seconds - 1e-9 else 0
    clips = [Clip(f"{name}_{k:03d}", k * hop, k * hop + seconds) for k in range(whole)]
    if rest and whole * hop < duration - 1e-9:
        clips.append(Clip(f"{name}_{whole:03d}", whole * hop, duration))
    return clips


def read_times(path: Path, durations: dict[str, float]) -> dict[str, list[Clip]]:
    """Read the times of clips; see `listed_clips`.

    Args:
        path: JSON or csv, see `data_prep.clip_list.read_clip_list`.
        durations: seconds, by name of the recording.
    """
    return listed_clips(read_clip_list(path), durations)


def listed_clips(entries: Sequence[ListedClip], durations: dict[str, float]) -> dict[str, list[Clip]]:
    """Find the clips of a list in their recordings.

    Args:
        entries: of the list.
        durations: seconds, by name of the recording.

    Returns:
        Clips, by name of the recording.

    Raises:
        BadInput: no times, an unknown recording, or times outside it; names the entry.
    """
    check_times(entries)
    clips: dict[str, list[Clip]] = {}
    for entry, (name, word) in zip(entries, names_of_clips(entries, durations), strict=True):
        if name not in durations:
            raise BadInput(f"{entry.place}: no recording '{name}'; correct the name")
        start, stop = entry.start or 0.0, entry.stop or 0.0
        if not 0 <= start < stop <= durations[name] + 1e-6:
            raise BadInput(
                f"{entry.place}: from {start} to {stop} s lies not in {name}, which ends at {durations[name]:.2f} s"
            )
        check_file_name(word, entry.place)
        clips.setdefault(name, []).append(Clip(word, start, stop))
    return clips


def check_on_label_frame(clip: Clip, name: str) -> None:
    """Refuse a clip that begins within a label frame.

    Raises:
        BadInput: names the recording.
    """
    frame = clip.start / LABEL_HOP
    if abs(frame - round(frame)) > 1e-6:
        raise BadInput(
            f"{name}: a clip from {clip.start} s begins within a label frame; choose a hop in whole tenths"
        )
