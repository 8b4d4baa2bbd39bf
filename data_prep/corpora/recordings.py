"""Check recordings of any corpus: audio, labels, video and names."""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np

from avseld.base.errors import BadInput
from avseld.base.printable import has_control_characters, printable
from avseld.base.rates import LABEL_HOP
from avseld.io.audio import audio_info, check_samples
from avseld.io.block_resampler import resampled_length
from avseld.io.channel_map import Channels, map_for_format
from avseld.io.cut_off import cut_off_sound
from avseld.io.cut_off_video import cut_off_video
from avseld.io.events import Events
from avseld.io.label_files import LabelFile
from avseld.io.labels import Coordinates
from avseld.io.manifest import Recording
from avseld.io.resampling import sound_info
from avseld.io.sound_track import is_container
from avseld.io.video import panorama_warning, video_info
from data_prep.check.label_events import repeats

log = logging.getLogger(__name__)

MISSING_END_S = LABEL_HOP
"""how much earlier than the audio a video may end before a warning is logged"""
NOT_IN_TIME = "it is used as far as it goes; if it starts late, prepare with --video_offset SECONDS or auto"
ROUNDING_S = 1e-6
"""error of times in floating point"""


@dataclass
class Findings:
    """Errors and warnings about data.

    Args:
        strict: raise the first error (preparation) instead of collecting all (check).
    """

    strict: bool
    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def error(self, text: str) -> None:
        """Add an error: the data cannot be used. The text names the file and the remedy.

        Raises:
            BadInput: the findings are strict.
        """
        if self.strict:
            raise BadInput(text)
        self.errors.append(text)

    def warning(self, text: str) -> None:
        """Add a warning."""
        if self.strict:
            log.warning("%s", text)
        self.warnings.append(text)

    @contextmanager
    def noting(self) -> Iterator[None]:
        """Turn bad input in the block into an error; the rest of the block is skipped."""
        try:
            yield
        except BadInput as error:
            self.error(str(error))


@dataclass(frozen=True)
class LabelRules:
    """Conventions of the labels of a corpus."""

    n_classes: int
    metres_per_unit: float = 0.01
    coordinates: Coordinates = "auto"
    beyond: Literal["refuse", "drop"] = "refuse"
    """what is done with events after the end of the audio"""
    classes: tuple[str, ...] = ()
    """names by index, for labels that name classes"""
    degrees_per_unit: float = 1.0
    """of angles in frame CSVs"""
    first_frame: int = 0
    """index of the frame that begins at 0 s"""
    sheet_metres_per_unit: float = 1.0
    """unit of distances in sheets whose header names none"""


def with_duration(
    recording: Recording,
    sample_rate: int,
    resampled: bool = False,
    warn: Callable[[str], None] = log.warning,
    channels: Channels | None = None,
) -> Recording:
    """Return a recording with the duration in the header of its audio.

    Args:
        recording: names the audio.
        sample_rate: Hz.
        resampled: accept another rate, or the sound track of a video, and return the duration after resampling.
        warn: is told of a file that was cut off.
        channels: of the file that are taken, see `avseld.io.channel_map.channel_map`.

    Raises:
        BadInput: missing, unreadable, empty, wrong rate or channel count, or samples that are no numbers.
    """
    track = resampled and is_container(recording.audio)
    info = (
        sound_info(recording.audio)
        if track
        else audio_info(
            recording.audio,
            None if channels or resampled else recording.format,
            None if resampled else sample_rate,
        )
    )
    if channels or resampled:
        map_for_format(info.channels, recording.format, channels, str(recording.audio))
    if not info.n_samples:
        raise BadInput(f"{recording.audio}: holds no samples; remove it or copy it again")
    if not track:
        check_samples(recording.audio)
    if shortened := cut_off_sound(recording.audio):
        warn(shortened)
    if info.sample_rate != sample_rate:
        return replace(
            recording, duration=resampled_length(info.n_samples, info.sample_rate, sample_rate) / sample_rate
        )
    return replace(recording, duration=info.duration)


def labels_of(
    recording: Recording,
    rules: LabelRules,
    file: LabelFile | None = None,
    warn: Callable[[str], None] | None = None,
) -> Events:
    """Read the labels of a recording and check that they lie within its audio.

    Args:
        recording: its duration is that of the audio.
        rules: conventions of the corpus.
        file: where the labels are; by default the recording's own file.
        warn: is told of rows written twice and of events within others of their class; None leaves them unseen.

    Raises:
        BadInput: missing, a bad row, a class that is not in the list, or an event that begins or ends after the end of
            the audio; names file and line.
    """
    if file is None:
        if recording.labels is None:
            return Events.empty()
        file = LabelFile(recording.labels, recording.name)
    labels = file.read(
        rules.n_classes,
        rules.coordinates,
        rules.metres_per_unit,
        classes=rules.classes or None,
        degrees_per_unit=rules.degrees_per_unit,
        first_frame=rules.first_frame,
        sheet_metres_per_unit=rules.sheet_metres_per_unit,
    )
    events, end = labels.events, recording.duration
    if warn is not None:
        found = repeats(events, labels.numbered)
        for text in found.warnings(events, lambda row: f"{labels.path}:{labels.line(row)}"):
            warn(text)
    late = events.onset >= end - ROUNDING_S
    across = ~late & (
        events.offset > end + LABEL_HOP + ROUNDING_S
    )  # the last label frame may end after the audio
    if not late.any() and not across.any():
        return events
    if rules.beyond == "drop":
        if late.any():
            log.warning("%s: %d rows after the end of the audio are left out", labels.path, late.sum())
        if across.any():
            log.warning("%s: %d events are ended with the audio", labels.path, across.sum())
        return replace(events, offset=np.where(across, end, events.offset)).select(~late)
    row = int(np.argmax(late | across))
    what = f"begins at {events.onset[row]:.1f} s" if late[row] else f"lasts until {events.offset[row]:.1f} s"
    raise BadInput(
        f"{labels.path}:{labels.line(row)}: {what}, {recording.audio.name} ends at "
        f"{end:.2f} s; correct the labels (times in seconds, frames count from "
        f"{rules.first_frame}), or leave out what is after the end with --beyond drop"
    )


def check_video(recording: Recording, findings: Findings) -> None:
    """Warn about a video that was cut off, is shorter than the audio, or not a 360-degree panorama.

    Raises:
        BadInput: missing or unreadable.
    """
    if recording.video is None:
        return
    info = video_info(recording.video)
    end = info.end + recording.video_offset
    if info.end > 0 and end < recording.duration - MISSING_END_S:
        findings.warning(
            f"{recording.video}: {info.end:.2f} s of video for {recording.duration:.2f} s of audio; "
            + ("it is used as far as it goes" if recording.video_offset else NOT_IN_TIME)
        )
    if shortened := cut_off_video(recording.video):
        findings.warning(shortened)
    if flat := panorama_warning(recording.video, info, recording.format):
        findings.warning(flat)


def by_name(paths: Sequence[Path], findings: Findings) -> dict[str, Path]:
    """Map files by their stem; a stem that occurs twice, or with control characters, is an error."""
    found: dict[str, Path] = {}
    for path in paths:
        if has_control_characters(path.stem):
            findings.error(f"{printable(str(path))}: control characters in the name; rename the file")
        elif path.stem in found:
            findings.error(
                f"{path}: the name is taken by {found[path.stem]}; rename or remove one of the two"
            )
        else:
            found[path.stem] = path
    return found


def example(names: Iterable[str]) -> str:
    """Format the first few of many names for a message."""
    ordered = sorted(names)
    return ", ".join(ordered[:3]) + (", ..." if len(ordered) > 3 else "")
