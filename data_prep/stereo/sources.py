"""Recordings that clips are made of: FOA with labels and 360-degree video, of a prepared folder or a corpus."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from pathlib import Path

import numpy as np

from avseld.base.errors import BadInput
from avseld.base.files import require_folder, visible_files
from avseld.base.rates import LABEL_HOP, exact_div
from avseld.io.audio import audio_info, read_audio
from avseld.io.events import Events
from avseld.io.labels import read_labels, require_directions
from avseld.io.manifest import Recording, of_format
from avseld.io.video import VIDEOS, video_info
from data_prep.corpora.dcase import DATASETS, find
from data_prep.corpora.recordings import Findings, example
from data_prep.stereo.clips import StereoClip
from data_prep.stereo.film import frame_rate
from data_prep.stereo.sound import loudest, stereo

log = logging.getLogger(__name__)

FULL_SCALE = 0.9999
"""a clip with a larger sample is not made, as in the official generator"""
NO_VIDEO = "none"
ORIGINALS = ("video_dev", "video_360x180_dev")


@dataclass(frozen=True)
class Source:
    """A recording that clips are made of.

    Args:
        recording: with paths.
        folder: below the folders of the target, such as dev-train-tau.
        sample_rate: Hz.
        n_frames: whole label frames of sound and video.
        rate: of the video, frames a second; None without video.
    """

    recording: Recording
    folder: str
    sample_rate: int
    n_frames: int
    rate: Fraction | None

    @property
    def hop(self) -> int:
        """Samples of a label frame."""
        return exact_div(self.sample_rate, round(1 / LABEL_HOP), str(self.recording.audio))

    def events(self) -> Events:
        """Read the labels, with directions."""
        if self.recording.labels is None:
            return Events.empty()
        events = read_labels(self.recording.labels)
        require_directions(events, self.recording.labels)
        return events

    def sound(self, clip: StereoClip) -> np.ndarray:
        """Read the section of a clip: (channel, sample) W Y Z X."""
        return read_audio(self.recording.audio, clip.start * self.hop, clip.n_frames * self.hop)

    @cached_property
    def peaks(self) -> np.ndarray:
        """Largest magnitude that stereo can have in each label frame, whatever the viewing angle."""
        foa = read_audio(self.recording.audio, 0, self.n_frames * self.hop)
        return loudest(foa).reshape(self.n_frames, self.hop).max(axis=1)

    def exceeds(self, clip: StereoClip, azimuth: np.ndarray | float) -> bool:
        """Return whether the stereo of a clip exceeds full scale.

        Args:
            clip: the clip.
            azimuth: that its camera looks at, degrees: one number or (sample,).
        """
        if self.peaks[clip.start : clip.start + clip.n_frames].max() <= FULL_SCALE:
            return False
        return bool(np.abs(stereo(self.sound(clip), azimuth)).max() > FULL_SCALE)


def find_sources(folder: Path, video: str) -> list[Source]:
    """List the recordings of a prepared folder or a corpus in the order of their paths.

    Args:
        folder: prepared folder, or a corpus with foa_dev, metadata_dev and video_dev.
        video: auto for the videos of the recordings; a folder of NAME.mp4; or none for clips without video.

    Raises:
        BadInput: neither of the two, a video that is no panorama, or sound that is no FOA.
    """
    require_folder(folder)
    recordings = sorted(_recordings(folder), key=lambda each: each.audio.as_posix())
    recordings = _with_videos(recordings, video)
    seen = [each for each in recordings if each.video is not None]
    if video != NO_VIDEO and 0 < len(seen) < len(recordings):
        without = {each.name for each in recordings if each.video is None}
        log.warning(
            "%s: %d recordings without video are left out (%s)", folder, len(without), example(without)
        )
        recordings = seen
    unlabelled = {each.name for each in recordings if each.labels is None}
    if unlabelled:
        raise BadInput(
            f"{folder}: {len(unlabelled)} recordings without labels ({example(unlabelled)}); add them"
        )
    return [_source(each) for each in recordings]


def _recordings(folder: Path) -> list[Recording]:
    corpus = DATASETS["starss23"]
    if (folder / corpus.audio["foa"]).is_dir():
        return find(
            folder,
            replace(corpus, videos=ORIGINALS, name=r"(?P<fold>fold\d+)_.+"),
            "foa",
            Findings(strict=True),
        )
    return of_format(folder, "foa", "stereo")


def _with_videos(recordings: Sequence[Recording], video: str) -> list[Recording]:
    if video == NO_VIDEO:
        return [replace(each, video=None) for each in recordings]
    if video == "auto":
        return list(recordings)
    require_folder(Path(video))
    found = {path.stem: path for path in visible_files(Path(video), VIDEOS)}
    if not found.keys() & {each.name for each in recordings}:
        raise BadInput(
            f"--video {video}: no video has the name of a recording; give the folder of the videos"
        )
    return [replace(each, video=found.get(each.name)) for each in recordings]


def _source(recording: Recording) -> Source:
    info = audio_info(recording.audio, "foa")
    duration, rate = info.duration, None
    if recording.video is not None:
        rate = frame_rate(recording.video)
        duration = min(duration, video_info(recording.video).end + recording.video_offset)
    parent = recording.audio.parent.name
    folder = parent if parent.startswith("dev-") else recording.fold or "all"
    return Source(recording, folder, info.sample_rate, int(duration / LABEL_HOP + 1e-6), rate)
