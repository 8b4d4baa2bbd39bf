"""Draws two moments of the runs of scripts/demo_vision.sh: vision puts right what audio mistakes, and the opposite.

    python scripts/pictures_of_vision.py FOLDER OUT [--seed 0]

Above what the audio-only twin says, below what the audio-visual network says, with the boxes that it was shown. Writes
OUT/vision_right.jpg and OUT/vision_wrong.jpg. Of all stretches of a second in which somebody is heard by both, the
moments are those with the largest gain and the largest loss in degrees, so both are extremes.
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
from avseld.io.boxes import read_boxes
from avseld.io.dcase_csv import read_dcase
from avseld.io.events import Events
from avseld.io.geometry import angle_between, unit_vector
from avseld.io.manifest import Recording, read_classes, read_manifest
from avseld.io.video import open_panorama
from avseld.reporting.movie import Painter

WIDTH, STRETCH, NOTHING = 960, 10, 90.0
"""pixels; label frames of a stretch; degrees that count where a class is not heard at all"""


@dataclass(frozen=True)
class Moment:
    """A stretch in which one of the two networks is nearer to somebody."""

    gain: float
    """degrees by which the audio-visual network is nearer"""
    recording: Recording
    frame: int
    """the middle of the stretch"""


def errors(wanted: Events, found: Events, n_frames: int, label: int, source: int) -> np.ndarray:
    """Degrees (frame,) from a source to the nearest answer of its class; not a number where it is silent."""
    result = np.full(n_frames, np.nan)
    mine = wanted.select((wanted.label == label) & (wanted.source == source))
    answers = found.select(found.label == label)
    frames = np.round(answers.onset / LABEL_HOP).astype(int)
    vectors = unit_vector(answers.azimuth, answers.elevation)
    there = unit_vector(mine.azimuth, mine.elevation)
    for frame, vector in zip(np.round(mine.onset / LABEL_HOP).astype(int), there, strict=True):
        now = vectors[frames == frame]
        result[frame] = angle_between(vector, now).min(initial=NOTHING) if len(now) else NOTHING
    return result


def moments(
    recording: Recording, wanted: Events, heard: Events, seen: Events, labels: list[int]
) -> list[Moment]:
    """Stretches of a recording in which somebody is heard all the time, by both networks."""
    n_frames = round(recording.duration / LABEL_HOP)
    found = []
    for label in labels:
        for source in np.unique(wanted.source[wanted.label == label]):
            one, other = (errors(wanted, told, n_frames, label, int(source)) for told in (heard, seen))
            for first in range(0, n_frames - STRETCH, 2):
                stretch = slice(first, first + STRETCH)
                both = np.stack([one[stretch], other[stretch]])
                if np.isfinite(both).all() and (both < NOTHING).all():
                    found.append(Moment(float((both[0] - both[1]).mean()), recording, first + STRETCH // 2))
    return found


def draw(moment: Moment, wanted: Events, told: dict[str, Events], classes: list[str]) -> Image.Image:
    """The answers of several networks to one moment, one below the other."""
    recording, time = moment.recording, moment.frame * LABEL_HOP
    assert recording.video is not None and recording.boxes is not None
    boxes, rows = read_boxes(recording.boxes), []
    with open_panorama(recording.video, WIDTH) as source:
        still, _ = source.at(time)
    for title, events in told.items():
        shown = boxes if title != "audio-only" else None
        painter = Painter(
            wanted, events, shown, classes, WIDTH, 0.5 * LABEL_HOP, f"{title}, {recording.name}"
        )
        rows.append(painter.paint(still, time))
    whole = Image.new("RGB", (WIDTH, sum(row.height for row in rows)))
    top = 0
    for row in rows:
        whole.paste(row, (0, top))
        top += row.height
    return whole


def main() -> None:
    """Find the moments and draw them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", default="0")
    words = parser.parse_args()
    prepared = words.folder / "prepared"
    classes = read_classes(prepared)
    labels = class_groups(classes)["people"]
    found, told = [], {}
    for recording in read_manifest(prepared):
        if recording.fold != "fold4":
            continue
        wanted = reference(recording, len(classes))
        runs = {
            "audio-only": f"audio_only_{words.seed}/evaluation/blank",
            "audio-visual": f"audio_visual_{words.seed}/evaluation/aligned",
        }
        answers = {
            title: read_dcase(words.folder / run / f"{recording.name}.csv")[0] for title, run in runs.items()
        }
        told[recording.name] = wanted, answers
        found += moments(recording, wanted, answers["audio-only"], answers["audio-visual"], labels)
    found.sort(key=lambda moment: moment.gain)
    for name, moment in (("vision_right.jpg", found[-1]), ("vision_wrong.jpg", found[0])):
        wanted, answers = told[moment.recording.name]
        with replacing(words.out / name) as temporary:
            draw(moment, wanted, answers, classes).save(temporary, "JPEG", quality=85)
        when = f"{moment.recording.name} at {moment.frame * LABEL_HOP:.1f} s"
        print(f"{words.out / name}: {when}, {moment.gain:+.0f} degrees")


if __name__ == "__main__":
    main()
