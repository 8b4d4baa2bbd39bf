"""Sections of recordings that become clips: of equal length, or at listed times."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from avseld.base.errors import BadInput
from avseld.base.printable import has_control_characters, printable
from avseld.base.rates import LABEL_HOP
from avseld.io.sheets import recording_name
from avseld.io.tables import cell_number, read_rows

TIMES = ("name", "start", "stop")
"""columns of a table of times"""


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
    """Read the times of clips.

    Args:
        path: csv with the columns name, start, stop and perhaps clip, as spreadsheets save it.
        durations: seconds, by name of the recording.

    Returns:
        Clips, by name of the recording.

    Raises:
        BadInput: missing columns, an unknown recording, or times outside it; names the line.
    """
    rows = read_rows(path, TIMES, "name, start, stop and perhaps clip, such as take1,10,20")
    clips: dict[str, list[Clip]] = {}
    for line, row in rows:
        missing = [word for word in ("name", "start", "stop") if not row[word]]
        if missing:
            raise BadInput(f"{path}:{line}: no {missing[0]}; columns are name, start, stop and perhaps clip")
        name = row["name"] if row["name"] in durations else recording_name(row["name"])
        if name not in durations:
            raise BadInput(f"{path}:{line}: no recording '{name}'; correct the name")
        start, stop = (cell_number(row[word], path, line) for word in ("start", "stop"))
        if not 0 <= start < stop <= durations[name] + 1e-6:
            raise BadInput(
                f"{path}:{line}: from {start} to {stop} s lies not in {name}, which ends at {durations[name]:.2f} s"
            )
        own = clips.setdefault(name, [])
        word = row.get("clip") or f"{name}_{len(own):03d}"
        if Path(word).name != word or word in (".", "..") or has_control_characters(word):
            shown = printable(word)
            raise BadInput(
                f"{path}:{line}: '{shown}' is no file name; leave out folders and control characters"
            )
        own.append(Clip(word, start, stop))
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
