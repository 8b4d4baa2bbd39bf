"""Measure how often `avseld-prep check` calls pictures of generated rooms mirrored or turned, rightly and wrongly.

    python scripts/measure_mirrored.py --rooms 200

Labels are those of the planned scenes, boxes have the errors of a small detector; nothing is rendered.
"""

import argparse
import json
import sys
from dataclasses import replace

import numpy as np

from avseld.io.boxes import Boxes
from avseld.io.events import Events, concatenate
from data_prep.check.mirrored import measure, warning_of
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


def changed(boxes: Boxes, change: str) -> Boxes:
    """Return the boxes of a mirrored or turned picture."""
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
    for change in ("as it is", "mirrored", "upside down"):
        measured = [measure(events, changed(boxes, change), NAMES) for events, boxes in drawn]
        result[change] = {}
        for size in (1, 5, 20):
            parts = [measured[start : start + size] for start in range(0, rooms - size + 1, size)]
            found = [warning_of(part, NAMES) is not None for part in parts]
            result[change][f"corpora of {size}"] = round(float(np.mean(found)), 3)
    sys.stdout.write(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
