"""Split within recordings: each is cut at shares of its time, and the sections become recordings of another folder."""

import logging
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from avseld.base.errors import BadInput
from avseld.base.files import replacing
from avseld.base.rates import LABEL_HOP
from avseld.io.audio import audio_info
from avseld.io.embeddings import FOLDER as EMBEDDINGS_FOLDER
from avseld.io.events import Events, read_events, write_events
from avseld.io.manifest import Recording, read_classes, read_manifest, write_manifest
from data_prep.jobs import FileJob, work_through
from data_prep.media.clip_table import remove_other_sections
from data_prep.media.cut import cut_sound, has_length

log = logging.getLogger(__name__)

MIN_SECTION_S = 1.0
"""shortest section: about the training window of the fastest recipe"""
MIN_EVENT_S = 1e-6
"""what is left of an event that ends where a section begins, but for rounding, is dropped"""


@dataclass(frozen=True)
class Section:
    """A stretch of a recording that belongs to a part."""

    part: str
    start: float
    """seconds, on a label frame"""
    stop: float
    """seconds"""


def split_by_time(
    prepared: Path, out: Path, shares: dict[str, float], gap: float, seed: int
) -> list[Recording]:
    """Write a prepared folder whose recordings are sections of those of another.

    Audio and labels are cut. Videos and boxes stay whole: a section has its own offset of the video. Each recording
    begins with the next part in turn, so that no part is always the end.

    Args:
        prepared: the folder with the whole recordings; it is only read.
        out: the folder to write.
        shares: of the duration, by part.
        gap: seconds between two sections that are left out.
        seed: draws the part with which the first recording begins.

    Returns:
        The sections.

    Raises:
        BadInput: a recording that is too short, bad labels, a negative gap, or `out` lies in `prepared`.
    """
    if gap < 0:
        raise BadInput(f"gap {gap:g}: give seconds of 0 or more")
    whole, target = prepared.resolve(), out.resolve()
    if target == whole or whole in target.parents or target in whole.parents:
        raise BadInput(f"{out}: lies in {prepared}; give a folder beside it")
    recordings, classes = read_manifest(prepared), read_classes(prepared)
    parts = list(shares)
    first = int(np.random.default_rng(seed).integers(len(parts)))
    due: list[FileJob] = []
    made: list[Recording] = []
    labels: dict[Path, Events] = {}
    for number, one in enumerate(sorted(recordings, key=lambda one: one.name), start=first):
        turn = number % len(parts)
        order = {part: shares[part] for part in parts[turn:] + parts[:turn]}
        events = read_events(one.labels) if one.labels else None
        for section in sections(one, order, gap):
            name = f"{one.name}_{section.part}"
            audio = out / "audio" / f"{name}{one.audio.suffix.lower()}"
            due.append(FileJob(one.audio, audio, (section.start, section.stop)))
            path = out / "labels" / f"{name}.csv" if events is not None else None
            if events is not None and path is not None:
                cut = events.within(section.start, section.stop)
                labels[path] = cut.select(cut.offset - cut.onset > MIN_EVENT_S)
            made.append(_recording(one, name, section, audio, path, out))
    remove_other_sections(out, due)
    if work_through(due, cut_sound, has_length, "cut", alone=True):
        raise BadInput(f"{out}: not all audio could be cut; see above")
    for place, events in labels.items():
        write_events(place, events)
    _copy_visual(recordings, made, out)
    made = [replace(one, duration=audio_info(one.audio).duration) for one in made]
    write_manifest(out, made, classes)
    return made


def sections(recording: Recording, shares: dict[str, float], gap: float) -> list[Section]:
    """Cut the time of a recording at shares, with gaps between the sections.

    Args:
        recording: its duration.
        shares: of the duration without gaps, by part, in the order of their sections.
        gap: seconds.

    Raises:
        BadInput: a section would be shorter than a second.
    """
    parts = list(shares)
    time = recording.duration - gap * (len(parts) - 1)
    if time * min(shares.values()) < MIN_SECTION_S:
        raise BadInput(
            f"{recording.name}: {recording.duration:.1f} s are too short for {len(parts)} sections of 1 s or more with "
            f"gaps of {gap:g} s; give larger shares, a smaller --gap, or split by recording"
        )
    found, start = [], 0.0
    for part in parts:
        stop = start + time * shares[part]
        first = np.ceil(start / LABEL_HOP - 1e-6) * LABEL_HOP
        last = recording.duration if part == parts[-1] else np.floor(stop / LABEL_HOP + 1e-6) * LABEL_HOP
        found.append(Section(part, round(float(first), 6), round(float(last), 6)))
        start = stop + gap
    return found


def _recording(
    whole: Recording, name: str, section: Section, audio: Path, labels: Path | None, out: Path
) -> Recording:
    """Return the entry of a section; its video starts as much earlier as the section begins later."""
    return replace(
        whole,
        name=name,
        audio=audio.absolute(),
        labels=labels,
        boxes=out / "boxes" / f"{whole.name}.npz" if whole.video else None,
        fold=section.part,
        video_offset=round(whole.video_offset - section.start, 6) if whole.video else 0.0,
        embeddings=out / EMBEDDINGS_FOLDER / f"{name}.npz",
    )


def _copy_visual(recordings: Sequence[Recording], made: Sequence[Recording], out: Path) -> None:
    """Copy boxes of whole videos, one file for all sections, and embeddings, one for each."""
    by_name = {one.name: one for one in recordings}
    for section in made:
        whole = by_name[section.name.removesuffix(f"_{section.fold}")]
        for source, target in ((whole.boxes, section.boxes), (whole.embeddings, section.embeddings)):
            if source is not None and target is not None and whole.video and source.is_file():
                with replacing(target) as temporary:
                    shutil.copyfile(source, temporary)
