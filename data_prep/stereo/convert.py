"""Make the clips of a recording: sound, labels, what is kept beside them, films; each file by a temporary name."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import soundfile

from avseld.base.files import replacing
from avseld.base.rates import LABEL_HOP
from data_prep.corpora.dcase import DATASETS
from data_prep.stereo.camera import DCASE2025, Camera, View
from data_prep.stereo.clips import StereoClip
from data_prep.stereo.film import Film, film
from data_prep.stereo.labels import seen_labels, view_lines
from data_prep.stereo.path import STILL, ViewingPath
from data_prep.stereo.sound import stereo
from data_prep.stereo.sources import Source

SOUND, LABELS, VIDEO = "stereo_dev", "metadata_dev", "video_dev"
"""folders of DCASE2025"""
UNFOLDED, VIEWS = DATASETS["stereo2025"].unfolded, "views_dev"
"""folders beside them: labels before they were mirrored; where a camera that turns looks"""
SUFFIXES = {SOUND: ".wav", LABELS: ".csv", UNFOLDED: ".csv", VIEWS: ".csv", VIDEO: ".mp4"}


@dataclass(frozen=True)
class Plan:
    """How all clips are made.

    Args:
        target: the folder.
        path: of the camera.
        camera: its picture.
    """

    target: Path
    path: ViewingPath = STILL
    camera: Camera = DCASE2025

    def files(self, source: Source, clip: StereoClip) -> dict[str, Path]:
        """Return the files of a clip by their folder."""
        absent = {VIDEO} if source.rate is None else set()
        absent |= {VIEWS} if self.path.is_still else set()
        names = [name for name in SUFFIXES if name not in absent]
        return {name: self.target / name / source.folder / f"{clip.name}{SUFFIXES[name]}" for name in names}

    def is_made(self, source: Source, clip: StereoClip) -> bool:
        """Return whether all files of a clip are there."""
        return all(path.is_file() for path in self.files(source, clip).values())

    def azimuths(self, source: Source, clip: StereoClip) -> np.ndarray | float:
        """Compute the azimuth that the camera looks at at each sample; one number for one that stands still."""
        return self.path.azimuth(clip.deg, np.arange(clip.n_frames * source.hop) / source.sample_rate)

    def exceeds(self, source: Source, clip: StereoClip) -> bool:
        """Return whether the stereo of a clip exceeds full scale."""
        return source.exceeds(clip, self.azimuths(source, clip))


def convert(source: Source, clips: Sequence[StereoClip], plan: Plan) -> int:
    """Make the clips of one recording that are not there; the video is decoded once for all of them.

    Args:
        source: the recording.
        clips: its clips.
        plan: how.

    Returns:
        Number of clips made.

    Raises:
        BadInput: a file that cannot be read.
    """
    due = [clip for clip in clips if not plan.is_made(source, clip)]
    if not due:
        return 0
    events = source.events()
    films = []
    for clip in due:
        files = plan.files(source, clip)
        _write_sound(files[SOUND], source, clip, plan)
        views = [plan.path.at(clip.deg, (frame + 0.5) * LABEL_HOP) for frame in range(clip.n_frames)]
        labels = seen_labels(events, plan.camera, clip.start, views)
        _write(files[LABELS], labels.folded_lines())
        _write(files[UNFOLDED], labels.unfolded_lines())
        if VIEWS in files:
            _write(files[VIEWS], view_lines(views))
        if VIDEO in files:
            films.append(_film(files[VIDEO], source, clip, plan.path))
    if source.recording.video is not None:
        film(source.recording.video, films, plan.camera)
    return len(due)


def _write_sound(path: Path, source: Source, clip: StereoClip, plan: Plan) -> None:
    """Write 16-bit stereo as the official generator does, by soundfile."""
    sound = stereo(source.sound(clip), plan.azimuths(source, clip))
    with replacing(path) as temporary:
        soundfile.write(temporary, sound.T, source.sample_rate, "PCM_16")


def _film(path: Path, source: Source, clip: StereoClip, viewing: ViewingPath) -> Film:
    assert source.rate is not None
    first = round((clip.start * LABEL_HOP - source.recording.video_offset) * source.rate)
    n_frames = round(clip.n_frames * LABEL_HOP * source.rate)
    return Film(
        path,
        first,
        n_frames,
        partial(_view, viewing, clip.deg, float(source.rate), source.recording.video_yaw),
    )


def _view(viewing: ViewingPath, deg: int, rate: float, yaw: float, number: int) -> View:
    """Return where the camera looks in the middle of a frame, in the directions of the video."""
    view = viewing.at(deg, (number + 0.5) / rate)
    return View(view.azimuth - yaw, view.elevation)


def _write(path: Path, lines: Sequence[str]) -> None:
    with replacing(path) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")
