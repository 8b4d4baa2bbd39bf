"""The picture of a stream: the camera or film that a user names, the detector, and what the network is given of it."""

import logging
from dataclasses import dataclass
from pathlib import Path

from avseld.base.errors import BadInput
from avseld.inference.detectors import options_like, picture_detector
from avseld.inference.inputs import sound_files
from avseld.inference.predictor import Predictor
from avseld.inference.sounds import inner_video
from avseld.io.boxes import source_of
from avseld.reporting.recording_files import panorama_of
from avseld.streaming.budget import Budget
from avseld.streaming.camera import Camera, Film, Pictures, is_camera
from avseld.streaming.clock import Clock
from avseld.streaming.faults import FaultLog
from avseld.streaming.people import PeopleLog, PictureDetector, Watcher
from avseld.streaming.timeline import Timeline
from avseld.streaming.wishes import Wishes

log = logging.getLogger(__name__)

NO_VIDEO = "none"
VIEW_WIDTH = 512
"""pixels of the pictures of a page where no detector asks for more"""


@dataclass(frozen=True)
class Sight:
    """Pictures, and who finds people in them.

    Args:
        pictures: of a camera or a film.
        detector: of people; None where the network takes no picture.
        people: boxes for the network.
    """

    pictures: Pictures
    detector: PictureDetector | None
    people: PeopleLog | None


def named_video(wishes: Wishes, predictor: Predictor) -> str | None:
    """Return the camera or the video that is used: by default the picture of an input that has one, or None.

    Raises:
        BadInput: a video for a network whose visual input is not made live.
    """
    if wishes.video == NO_VIDEO:
        return None
    name = wishes.video
    if name is None and wishes.is_file:
        inner = inner_video(sound_files(Path(wishes.input))[0], predictor, f"--video {NO_VIDEO}")
        if inner is None and wishes.view:
            inner = panorama_of(sound_files(Path(wishes.input))[0])
        name = None if inner is None else str(inner)
    spec = predictor.system.visual_spec
    if name is not None and predictor.system.model.vision and spec.n_values:
        raise BadInput(
            f"--video {name}: {predictor.system.blueprint.model.name} takes embeddings of pictures, which are not made "
            "live; leave it out, or use weights that take boxes of people"
        )
    return name


def open_sight(name: str, wishes: Wishes, predictor: Predictor, clock: Clock, timeline: Timeline) -> Sight:
    """Open a camera or a video, and load the detector where the network takes boxes.

    Args:
        name: as from `named_video`.
        wishes: say how people are found.
        predictor: the trained system.
        clock: of the stream.
        timeline: its seconds.

    Raises:
        BadInput: it cannot be opened, or there is no detector.
    """
    system = predictor.system
    detector = None
    if system.model.vision:
        detector = _detector(wishes, predictor)
        predictor.compare_boxes(source_of(detector.about))
    width = VIEW_WIDTH if detector is None else detector.width
    pictures: Pictures
    if is_camera(name):
        pictures = Camera(name, width, clock, timeline.second_of, -wishes.video_offset)
    else:
        pictures = Film(Path(name), width, system.blueprint.format, wishes.video_offset)
    people = None
    if detector is not None:
        people = PeopleLog(system.visual_spec, system.run_frames * system.hop)
    return Sight(pictures, detector, people)


def watcher_of(
    sight: Sight, wishes: Wishes, clock: Clock, timeline: Timeline, faults: FaultLog, budget: Budget
) -> Watcher | None:
    """Build what looks for people; None where nobody asks for them."""
    if sight.detector is None or sight.people is None:
        return None
    fps = float(sight.detector.about["fps"])
    return Watcher(
        sight.pictures, sight.detector, sight.people, clock, timeline.now, faults, fps, wishes.video_yaw,
        lambda seconds: budget.add("detector", seconds),
    )  # fmt: skip


def _detector(wishes: Wishes, predictor: Predictor) -> PictureDetector:
    """Load a detector as it made the boxes of the training, where the options do not say otherwise."""
    options = options_like(predictor.system.blueprint.boxes_from)
    options |= {"fps": wishes.detector_fps} if wishes.detector_fps is not None else {}
    options |= {"weights": wishes.detector} if wishes.detector is not None else {}
    detector: PictureDetector = picture_detector(**options)
    return detector
