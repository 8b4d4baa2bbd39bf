"""A prepared folder of short recordings, for tests of shards."""

import numpy as np
import soundfile

from avseld.io.boxes import Boxes, write_boxes
from avseld.io.events import Events, write_events
from avseld.io.manifest import Recording, write_manifest

CLASSES = [f"class {number}" for number in range(13)]
RATE = 24_000


def write_prepared(folder, seconds, folds, suffix=".wav", constant=False):
    """Write recordings whose sound, boxes and labels encode their number.

    Args:
        folder: the prepared folder.
        seconds: length of each recording.
        folds: of each recording.
        suffix: of the sound files.
        constant: sound of one value, (number + 1) / 1024, in place of noise.
    """
    recordings = []
    for number, (length, fold) in enumerate(zip(seconds, folds, strict=True)):
        name = f"{fold}_room{number % 3}_mix{number:03d}"
        n = round(length * RATE)
        noise = np.random.default_rng(number).normal(size=(n, 4)) * 0.01
        audio = folder / "audio" / f"{name}{suffix}"
        audio.parent.mkdir(parents=True, exist_ok=True)
        level = np.full((n, 4), (number + 1) / 1024)
        soundfile.write(
            audio, (level * 32768).astype(np.int16) if constant else noise, RATE, subtype="PCM_16"
        )
        rows = [(f * 0.1, (f + 1) * 0.1, number % 13, 0, f, 0, 1.0) for f in range(round(length * 10))]
        write_events(folder / "labels" / f"{name}.csv", Events.from_rows(rows))
        time = np.arange(round(length * 10)) * 0.1
        place = np.tile(np.array([0.01 * number, 0.4, 0.01 * number + 0.1, 0.6]), (len(time), 1, 1))
        boxes = Boxes(time, place, np.full((len(time), 1), 0.9), np.zeros((len(time), 1)), {})
        write_boxes(folder / "boxes" / f"{name}.npz", boxes)
        recordings.append(
            Recording(
                name, audio, "foa", folder / f"{name}.mp4", folder / "boxes" / f"{name}.npz",
                folder / "labels" / f"{name}.csv", fold, f"room{number % 3}", length,
            )
        )  # fmt: skip
    write_manifest(folder, recordings, CLASSES)
    return folder
