"""Which clips are made: drawn as the official generator draws them, or listed."""

import csv
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from avseld.base.errors import BadInput
from avseld.base.rates import LABEL_HOP
from avseld.io.events import parse
from avseld.io.text import read_text

COLUMNS = ["name", "start", "deg"]
MAX_IN_VAIN = 2000
"""draws in a row that give no clip, after which there is none left"""


@dataclass(frozen=True)
class StereoClip:
    """A section of a recording, seen at one angle.

    Args:
        recording: its name.
        deg: viewing angle, whole degrees to the right, 0 to 359; the scene turns by it to the left.
        start: first label frame, 100 ms each.
        n_frames: label frames.
    """

    recording: str
    deg: int
    start: int
    n_frames: int

    @property
    def name(self) -> str:
        """Name of its files, as the official generator writes it."""
        return f"{self.recording}_deg{self.deg:03d}_start{self.start:04d}"


def draw_clips(
    lengths: dict[str, int], n_clips: int, n_frames: int, seed: int, clipped: Callable[[StereoClip], bool]
) -> list[StereoClip]:
    """Draw clips: recording by its length, then start, then viewing angle; a clip that clips is not counted.

    The first clips are the same whatever the number. Source:
    github.com/SonyResearch/dcase2025_stereo_seld_data_generator, which uses Python's `random` in this order.

    Args:
        lengths: whole label frames of each recording, in the order of their paths.
        n_clips: number of clips.
        n_frames: label frames of a clip.
        seed: of `random`.
        clipped: whether a clip exceeds full scale.

    Raises:
        BadInput: no recording is long enough, or there are not that many clips.
    """
    names = [name for name, length in lengths.items() if length >= n_frames]
    if not names:
        raise BadInput(f"--seconds {n_frames * LABEL_HOP:g}: no recording is that long; give less")
    weights = [lengths[name] for name in names]
    generator = random.Random(seed)
    drawn: dict[str, StereoClip] = {}
    in_vain = 0
    while len(drawn) < n_clips:
        (name,) = generator.choices(names, weights=weights)
        start = generator.randint(0, lengths[name] - n_frames)
        clip = StereoClip(name, generator.randint(0, 359), start, n_frames)
        in_vain += 1
        if in_vain > MAX_IN_VAIN:
            raise BadInput(
                f"--clips {n_clips}: only {len(drawn)} were found in {MAX_IN_VAIN} draws more (the others clip, or are "
                "there); give less"
            )
        if clip.name not in drawn and not clipped(clip):
            drawn[clip.name], in_vain = clip, 0
    return list(drawn.values())


def read_clips(path: Path, lengths: dict[str, int], n_frames: int) -> list[StereoClip]:
    """Read a csv with the columns name (of the recording), start (seconds) and deg (degrees to the right).

    Args:
        path: the csv.
        lengths: label frames of each recording.
        n_frames: label frames of a clip.

    Raises:
        BadInput: other columns, an unknown recording, a start within a label frame or too late; names the line.
    """
    rows = [row for row in csv.reader(read_text(path).splitlines()) if row]
    if not rows or [word.strip().lower() for word in rows[0]] != COLUMNS:
        raise BadInput(f"{path}:1: expected the header {','.join(COLUMNS)}")
    clips: dict[str, StereoClip] = {}
    for line, row in enumerate(rows[1:], start=2):
        if len(row) != len(COLUMNS):
            raise BadInput(f"{path}:{line}: {len(row)} columns; expected {','.join(COLUMNS)}")
        name, start, deg = row[0].strip(), parse(row[1], path, line), parse(row[2], path, line)
        if name not in lengths:
            raise BadInput(f"{path}:{line}: no recording '{name}' with labels and video; correct the name")
        frame = round(start / LABEL_HOP, 6)
        if frame % 1 or not 0 <= frame <= lengths[name] - n_frames:
            raise BadInput(
                f"{path}:{line}: start {start:g} s; give a tenth of a second from 0 to "
                f"{(lengths[name] - n_frames) * LABEL_HOP:g}"
            )
        if deg % 1 or abs(deg) > 360:
            raise BadInput(f"{path}:{line}: deg {deg:g}; give whole degrees in -360..360")
        clip = StereoClip(name, int(deg) % 360, int(frame), n_frames)
        clips[clip.name] = clip
    if not clips:
        raise BadInput(f"{path}: lists no clip; give rows of {','.join(COLUMNS)}")
    return list(clips.values())


def by_recording(clips: Sequence[StereoClip]) -> dict[str, list[StereoClip]]:
    """Group clips by recording, in the order of their starts."""
    groups: dict[str, list[StereoClip]] = {}
    for clip in sorted(clips, key=lambda clip: (clip.recording, clip.start, clip.deg)):
        groups.setdefault(clip.recording, []).append(clip)
    return groups
