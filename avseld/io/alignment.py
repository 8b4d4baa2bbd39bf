"""Boxes and embeddings of a recording in the time and the directions of its sound.

A video may start later or earlier than the sound, and its camera may face another way than the microphones. The
manifest says how: a moment of the video plus `video_offset` is the moment of the sound, and an azimuth in the picture
plus `video_yaw` is the azimuth in the labels.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np

from avseld.base.archive import is_file
from avseld.base.errors import BadInput
from avseld.io.boxes import Boxes, read_boxes
from avseld.io.embeddings import VisualEmbeddings, read_embeddings
from avseld.io.manifest import Recording

START = "start"
"""entry of a description: second of the recording at which its video starts"""


def boxes_of(recording: Recording) -> Boxes | None:
    """Read the boxes of a recording, moved to the time and the directions of its sound.

    Args:
        recording: names the boxes file, and the video that it must be of.

    Returns:
        None if there is no boxes file.

    Raises:
        BadInput: the file is damaged or of another video.
    """
    if recording.boxes is None or not is_file(recording.boxes):
        return None
    boxes = read_boxes(recording.boxes, _existing(recording.video))
    return aligned(boxes, recording.video_offset, recording.video_yaw)


def embeddings_of(recording: Recording) -> VisualEmbeddings:
    """Read the embeddings of a recording, moved to the time of its sound.

    Raises:
        BadInput: missing, damaged, of another video, or computed with the camera facing another way.
    """
    assert recording.embeddings is not None
    embeddings = read_embeddings(recording.embeddings, _existing(recording.video))
    yaw = float(embeddings.about.get("yaw", 0.0))
    if yaw != recording.video_yaw:
        raise BadInput(
            f"{recording.embeddings}: embeddings for video_yaw {yaw:g}, the manifest says {recording.video_yaw:g}; "
            "make them anew with avseld-detect embed"
        )
    return delayed(embeddings, recording.video_offset)


def delayed(embeddings: VisualEmbeddings, offset: float) -> VisualEmbeddings:
    """Move embeddings from the clock of a video to that of the sound.

    Args:
        embeddings: of the video.
        offset: seconds of the sound at which the video starts.
    """
    if not offset:
        return embeddings
    return replace(embeddings, time=embeddings.time + offset, about=_moved(embeddings.about, offset))


def aligned(boxes: Boxes, offset: float = 0.0, yaw: float = 0.0) -> Boxes:
    """Move boxes from the clock and the directions of a video to those of the sound.

    Args:
        boxes: of the video.
        offset: seconds of the sound at which the video starts.
        yaw: azimuth, in the labels, of the middle of the picture; degrees, positive to the left.

    Returns:
        The boxes; one at the seam of the picture reaches beyond 0..1.
    """
    if offset:
        boxes = replace(boxes, time=boxes.time + offset, about=_moved(boxes.about, offset))
    if yaw % 360:
        half_width = (boxes.box[..., 2] - boxes.box[..., 0]) / 2
        centre = ((boxes.box[..., 0] + boxes.box[..., 2]) / 2 - yaw / 360) % 1.0
        moved = boxes.box.copy()
        moved[..., 0], moved[..., 2] = centre - half_width, centre + half_width
        boxes = replace(boxes, box=np.where((boxes.label >= 0)[..., None], moved, boxes.box))
    return boxes


def _moved(about: dict, offset: float) -> dict:
    moved = about | {START: about.get(START, 0.0) + offset}
    return moved | {"duration": about["duration"] + offset} if "duration" in about else moved


def _existing(video: Path | None) -> Path | None:
    return video if video is not None and video.exists() else None
