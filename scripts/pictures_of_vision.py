"""Draws two examples from the runs of scripts/demo_vision.sh: vision corrects the audio-only network, and misleads it.

    python scripts/pictures_of_vision.py FOLDER OUT [--seed 0]

Each picture shows the audio-only prediction above, the audio-visual prediction with its input boxes below. Writes
OUT/vision_right.jpg and OUT/vision_wrong.jpg. Among all segments of 1 s in which both networks detect a person, these
have the largest gain and the largest loss in degrees: both are extremes.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from avseld.base.files import replacing
from avseld.base.rates import LABEL_HOP
from avseld.data.windows import reference
from avseld.evaluation.ablation import class_groups
from avseld.io.alignment import boxes_of
from avseld.io.dcase_csv import read_dcase
from avseld.io.events import Events
from avseld.io.geometry import angle_between, unit_vector
from avseld.io.manifest import Recording, read_classes, read_manifest
from avseld.io.video import open_panorama
from avseld.reporting.video_overlay import FrameRenderer

WIDTH = 960
"""columns of a picture"""
SEGMENT_FRAMES = 10
"""label frames of a segment: 1 s"""
SEGMENT_HOP_FRAMES = 2
MISSED_DEG = 90.0
"""error where the class is not predicted; segments with such frames are left out"""


@dataclass(frozen=True)
class Example:
    """A segment of a recording with one reference source."""

    gain: float
    """degrees by which the audio-visual prediction is closer than the audio-only one"""
    recording: Recording
    frame: int
    """label frame at the centre of the segment"""


def errors(reference: Events, prediction: Events, n_frames: int, label: int, source: int) -> np.ndarray:
    """Compute the angle between a reference source and the nearest prediction of its class.

    Args:
        reference: reference events.
        prediction: predicted events.
        n_frames: label frames of the recording.
        label: class index of the source.
        source: source number.

    Returns:
        (frame,) degrees; NaN where the source is silent, `MISSED_DEG` where its class is not predicted.
    """
    result = np.full(n_frames, np.nan)
    own = reference.select((reference.label == label) & (reference.source == source))
    predicted = prediction.select(prediction.label == label)
    predicted_frames = np.round(predicted.onset / LABEL_HOP).astype(int)
    predicted_vectors = unit_vector(predicted.azimuth, predicted.elevation)
    vectors = unit_vector(own.azimuth, own.elevation)
    for frame, vector in zip(np.round(own.onset / LABEL_HOP).astype(int), vectors, strict=True):
        now = predicted_vectors[predicted_frames == frame]
        result[frame] = angle_between(vector, now).min(initial=MISSED_DEG) if len(now) else MISSED_DEG
    return result


def examples(
    recording: Recording, reference: Events, audio_only: Events, audio_visual: Events, labels: list[int]
) -> list[Example]:
    """List the segments in which a source is active throughout and both networks predict its class in every frame.

    Args:
        recording: the recording.
        reference: reference events.
        audio_only: prediction of the audio-only network.
        audio_visual: prediction of the audio-visual network.
        labels: indices of the classes to consider.
    """
    n_frames = round(recording.duration / LABEL_HOP)
    found = []
    for label in labels:
        for source in np.unique(reference.source[reference.label == label]):
            both = np.stack(
                [
                    errors(reference, prediction, n_frames, label, int(source))
                    for prediction in (audio_only, audio_visual)
                ]
            )
            for first in range(0, n_frames - SEGMENT_FRAMES, SEGMENT_HOP_FRAMES):
                segment = both[:, first : first + SEGMENT_FRAMES]
                if np.isfinite(segment).all() and (segment < MISSED_DEG).all():
                    gain = float((segment[0] - segment[1]).mean())
                    found.append(Example(gain, recording, first + SEGMENT_FRAMES // 2))
    return found


def draw(
    example: Example, reference: Events, predictions: dict[str, Events], classes: list[str]
) -> Image.Image:
    """Draw the predictions of several networks for one example, one below the other.

    Args:
        example: the example.
        reference: reference events.
        predictions: predicted events by name of the network; boxes are drawn except for "audio-only".
        classes: class names by index.
    """
    recording, time = example.recording, example.frame * LABEL_HOP
    assert recording.video is not None and recording.boxes is not None
    boxes, rows = boxes_of(recording), []
    assert boxes is not None
    with open_panorama(recording.video, WIDTH, recording.video_offset, recording.video_yaw) as panorama:
        still, _ = panorama.at(time)
    for name, prediction in predictions.items():
        renderer = FrameRenderer(
            reference,
            prediction,
            boxes if name != "audio-only" else None,
            classes,
            WIDTH,
            0.5 * LABEL_HOP,
            f"{name}, {recording.name}",
        )
        rows.append(renderer.render(still, time))
    whole = Image.new("RGB", (WIDTH, sum(row.height for row in rows)))
    top = 0
    for row in rows:
        whole.paste(row, (0, top))
        top += row.height
    return whole


def main() -> None:
    """Find the two examples and draw them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", default="0")
    args = parser.parse_args()
    prepared = args.folder / "prepared"
    classes = read_classes(prepared)
    labels = class_groups(classes)["people"]
    runs = {
        "audio-only": f"audio_only_{args.seed}/evaluation/blank",
        "audio-visual": f"audio_visual_{args.seed}/evaluation/aligned",
    }
    found, events = [], {}
    for recording in read_manifest(prepared):
        if recording.fold != "fold4":
            continue
        expected = reference(recording, len(classes))
        predictions = {
            name: read_dcase(args.folder / run / f"{recording.name}.csv")[0] for name, run in runs.items()
        }
        events[recording.name] = expected, predictions
        found += examples(recording, expected, predictions["audio-only"], predictions["audio-visual"], labels)
    found.sort(key=lambda example: example.gain)
    for file_name, example in (("vision_right.jpg", found[-1]), ("vision_wrong.jpg", found[0])):
        expected, predictions = events[example.recording.name]
        with replacing(args.out / file_name) as temporary:
            draw(example, expected, predictions, classes).save(temporary, "JPEG", quality=85)
        when = f"{example.recording.name} at {example.frame * LABEL_HOP:.1f} s"
        print(f"{args.out / file_name}: {when}, {example.gain:+.0f} degrees")


if __name__ == "__main__":
    main()
