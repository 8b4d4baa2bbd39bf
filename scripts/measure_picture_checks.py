"""Measure how often `avseld-prep check` warns of the pictures of generated rooms, rightly and wrongly.

    python scripts/measure_picture_checks.py --rooms 200

Counted are warnings of a mirrored or upside-down picture, of a turned one (video_yaw) and of a late video
(video_offset).

Labels are those of the planned scenes, boxes have the errors of a small detector; nothing is rendered.
"""

import argparse
import json
import sys
from dataclasses import replace

import numpy as np

from avseld.io.alignment import aligned
from avseld.io.boxes import Boxes
from avseld.io.events import Events, concatenate
from data_prep.check.mirrored import measure, warning_of
from data_prep.check.video_agreement import agreement, warnings_of
from data_prep.synth.acoustics.render import event_labels
from data_prep.synth.layouts.plan import CorpusOptions, PlannedRecording
from data_prep.synth.layouts.starss23 import BOX_HOP_S, plan_scene
from data_prep.synth.sounds.classes import CLASSES, SAMPLE_RATE
from data_prep.synth.video.camera import Camera
from data_prep.synth.video.detector_noise import yolox_nano_noise

SECONDS, WIDTH = 30.0, 360
NAMES = [each.name for each in CLASSES]


def draw(room: int) -> tuple[Events, Boxes]:
    """Draw labels and detected boxes of one recording in a room."""
    preset = ("easy", "reverberant", "noisy", "crowded")[room % 4]
    options = CorpusOptions("starss23", 1, SECONDS, ("foa",), preset, None, None, 0, WIDTH, 10.0, 1, 1, 0.0)
    scene, _, seed = plan_scene(PlannedRecording(room, room, 1, False), options)
    rows = [
        event_labels(event, np.ones(round(event.duration * SAMPLE_RATE)), SECONDS) for event in scene.events
    ]
    rng = np.random.default_rng(seed)
    times = np.arange(round(SECONDS / BOX_HOP_S)) * BOX_HOP_S
    boxes = Camera(scene, WIDTH, {}).boxes(times, {"duration": SECONDS}, rng)
    return concatenate(rows).sorted(), yolox_nano_noise().apply(boxes, rng)


OFFSET_S, YAW_DEG = 0.7, 40.0


def changed(boxes: Boxes, change: str) -> Boxes:
    """Return the boxes of a mirrored or turned picture, or of a late video."""
    if change == "late":
        return aligned(boxes, offset=OFFSET_S)
    if change == "turned":
        return aligned(boxes, yaw=YAW_DEG)
    x0, y0, x1, y1 = np.moveaxis(boxes.box, -1, 0)
    if change in ("mirrored", "upside down"):
        x0, x1 = 1 - x1, 1 - x0
    if change == "upside down":
        y0, y1 = 1 - y1, 1 - y0
    return replace(boxes, box=np.stack([x0, y0, x1, y1], axis=-1))


def main() -> None:
    """Print shares of corpora of one, five and twenty rooms that are warned of."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rooms", type=int, default=200)
    rooms = parser.parse_args().rooms
    drawn = [draw(room) for room in range(rooms)]
    result: dict[str, dict[str, float]] = {}
    for change in ("as it is", "mirrored", "upside down", "turned", "late"):
        moved = [(events, changed(boxes, change)) for events, boxes in drawn]
        flipped = [measure(events, boxes, NAMES) for events, boxes in moved]
        placed = [agreement(str(room), *each) for room, each in enumerate(moved)]
        result[change] = {}
        for size in (1, 5, 20):
            corpora = [slice(start, start + size) for start in range(0, rooms - size + 1, size)]
            lines = [warnings_of(placed[part]) for part in corpora]
            counts: dict[str, list[float]] = {
                "mirrored": [float(warning_of(flipped[part], NAMES) is not None) for part in corpora],
                "video_yaw": [float(any("video_yaw" in line for line in each)) for each in lines],
                "video_offset of a recording": [
                    sum("video_offset" in line for line in each) / size for each in lines
                ],
            }
            for warning, found in counts.items():
                result[change][f"{warning}, corpora of {size}"] = round(float(np.mean(found)), 3)
    sys.stdout.write(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
