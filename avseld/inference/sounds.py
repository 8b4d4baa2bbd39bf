"""Predict sound files and videos that belong to no prepared folder, and show what was found."""

import heapq
import logging
import sys
import webbrowser
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tqdm import tqdm

from avseld.base.printable import printable
from avseld.inference.energy_maps import write_maps
from avseld.inference.event_list import ListedEvent, table_head, table_row
from avseld.inference.output import PredictionFiles, audacity_of
from avseld.inference.predictor import Predictor
from avseld.io.cut_off import cut_off_sound
from avseld.io.events import Events, concatenate
from avseld.io.labels import event_list_of
from avseld.io.picture import guess_by_shape
from avseld.io.resampling import sound_info
from avseld.io.sound_track import is_container
from avseld.io.video import has_video, video_info
from avseld.reporting.recording_files import RecordingFiles, panorama_of
from avseld.reporting.viewer import write_view
from avseld.system.build import System

log = logging.getLogger(__name__)

MAX_ROWS = 20
"""events that the table in the terminal shows"""
LONG_S = 120.0
"""from this duration on a progress bar is shown"""


@dataclass(frozen=True)
class SoundJob:
    """A recording to predict, and how.

    Args:
        path: sound file, or video with a sound track.
        target: csv file to write.
        video: its video or boxes file, or None.
        options: further arguments of `Predictor.stretches`: channels, detector, ...
        event_list: also write NAME.events.csv.
        audacity: also write NAME.txt.
        maps: file of energy maps to write, or None.
    """

    path: Path
    target: Path
    video: Path | None = None
    options: dict[str, Any] = field(default_factory=dict)
    event_list: bool = True
    audacity: bool = False
    maps: Path | None = None

    @property
    def files(self) -> list[Path]:
        """The files that are written."""
        lists = [event_list_of(self.target)] if self.event_list else []
        more = [*([audacity_of(self.target)] if self.audacity else []), *([self.maps] if self.maps else [])]
        return [self.target, *lists, *more]


class Heard:
    """What was found in a recording: counts, and its longest events for a table.

    Args:
        name: of the recording.
        duration: seconds.
    """

    def __init__(self, name: str, duration: float) -> None:
        self.name, self.duration = name, duration
        self.counts: Counter[str] = Counter()
        self._longest: list[tuple[float, int, ListedEvent]] = []

    def add(self, events: Sequence[ListedEvent]) -> None:
        """Take events, in the order of their onsets."""
        for event in events:
            entry = (event.offset - event.onset, -self.counts.total(), event)
            self.counts[event.name] += 1
            if len(self._longest) < MAX_ROWS:
                heapq.heappush(self._longest, entry)
            else:
                heapq.heappushpop(self._longest, entry)

    @property
    def line(self) -> str:
        """Number of events by class in one line."""
        classes = ", ".join(f"{name} {count}" for name, count in self.counts.most_common())
        return f"{self.name}: {self.counts.total()} events in {self.duration:.1f} s{': ' * bool(classes)}{classes}"

    @property
    def table(self) -> str:
        """Start, end, class and direction of the longest events, in the order of time."""
        shown = sorted((entry[2] for entry in self._longest), key=lambda event: event.key)
        width = max(len("class"), *(len(event.name) for event in shown), 0)
        return "".join([table_head(width) * bool(shown), *(table_row(event, width) for event in shown)])


def predict_sound(predictor: Predictor, job: SoundJob) -> Heard:
    """Predict a recording stretch by stretch and write its files.

    Args:
        predictor: the trained system.
        job: the recording.

    Returns:
        What was found.

    Raises:
        BadInput: as `Predictor.predict`.
    """
    duration = sound_info(job.path).duration
    if shortened := cut_off_sound(job.path):
        log.warning("%s", shortened)
    heard = Heard(job.path.name, duration)
    parts = predictor.stretches(job.path, job.video, **job.options)
    mapped: list[Events] = []
    with (
        PredictionFiles(job.target, predictor.system, predictor.classes, job.event_list, job.audacity) as files,
        tqdm(
            total=round(duration), desc=printable(job.path.name), unit="s", leave=False,
            disable=None if duration >= LONG_S else True,
        ) as bar,
    ):  # fmt: skip
        for until, events in parts:
            heard.add(files.add(events, until))
            mapped += [events] if job.maps is not None else []
            bar.update(min(round(until), bar.total or 0) - bar.n)
        heard.add(files.finish())
    if job.maps is not None:
        write_maps(job.maps, concatenate(mapped))
    return heard


def inner_video(path: Path, predictor: Predictor, without: str = "--control blank") -> Path | None:
    """Return a video file for the picture that it holds beside its sound, where the network takes one.

    Args:
        path: sound file or video.
        predictor: the trained system.
        without: option that leaves the picture out.

    Returns:
        None without a picture, for a network without visual input, or where the picture has no directions in space:
        a flat one for a network that takes sound from all around.
    """
    if not is_container(path) or not has_video(path):
        return None
    if not predictor.system.model.vision:
        log.info("%s: the picture is not used, these weights take sound only", path.name)
        return None
    info = video_info(path)
    if predictor.system.blueprint.format in ("foa", "mic") and not info.is_panorama:
        size = f"{info.width}x{info.height}"
        why = f"it {info.flaw}" if info.flaw else f"{size} is not an equirectangular 2:1 one"
        log.warning(
            "%s: the picture is not used, %s%s", path, why, "" if info.flaw else guess_by_shape(info.aspect)
        )
        return None
    log.info("%s: sound and picture are used; %s leaves the picture out", path.name, without)
    return path


def show(heard: Heard, system: System, job: SoundJob, with_table: bool) -> None:
    """Print what was found in one recording.

    Args:
        heard: as from `predict_sound`.
        system: that predicted it.
        job: the recording.
        with_table: also print its longest events.
    """
    total, threshold = heard.counts.total(), system.target.threshold
    lines = [f"{heard.line}\n"]
    if with_table:
        lines.append(heard.table)
        if total > MAX_ROWS:
            rest = f"; all are in {job.files[1]}" if job.event_list else ""
            lines.append(f"These are the {MAX_ROWS} longest of {total}{rest}\n")
        elif not total and threshold is not None:
            one = f"the threshold of {threshold:g}" if isinstance(threshold, float) else "the thresholds"
            lines.append(f"Nothing reaches {one}; --threshold takes a lower one\n")
    with tqdm.external_write_mode(file=sys.stdout):
        sys.stdout.writelines(lines)
        sys.stdout.flush()


def open_page(jobs: Sequence[SoundJob], predictor: Predictor) -> None:
    """Write an HTML page of the predicted recordings and open it in the browser.

    Args:
        jobs: the recordings.
        predictor: that predicted them.

    Raises:
        BadInput: a file cannot be read.
    """
    format = predictor.system.blueprint.format
    files = [_files_of(job, predictor.classes, format) for job in jobs]
    target = jobs[0].target
    page = target.with_suffix(".html") if len(jobs) == 1 else target.parent / "view.html"
    write_view(page, files)
    if not webbrowser.open(page.resolve().as_uri()):
        log.info("%s: no browser was found; open it in yours", page)


def _files_of(job: SoundJob, classes: Sequence[str], format: str) -> RecordingFiles:
    """Name the files of a recording for its page: of video and boxes, those that have a whole panorama."""
    video = job.video if job.video is not None and job.video.suffix != ".npz" else None
    boxes = job.video if video is None else None
    if video is None:
        video = panorama_of(job.path)
    elif not video_info(video).is_panorama:
        video = None
    return RecordingFiles(
        job.path.stem,
        job.path,
        list(classes),
        format,
        video,
        boxes,
        prediction=job.target,
        video_offset=job.options.get("video_offset", 0.0),
        video_yaw=job.options.get("video_yaw", 0.0),
        channels=job.options.get("channels"),
    )
