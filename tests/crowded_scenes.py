"""A prepared folder of any format whose scenes are crowded: sources of one class overlap, move, start at any time."""

from pathlib import Path

import numpy as np
import soundfile

from avseld.io.boxes import PERSON, Boxes, write_boxes
from avseld.io.events import Events, write_events
from avseld.io.formats import format_named
from avseld.io.manifest import Recording, write_manifest


def make(
    folder: Path,
    format: str = "foa",
    rate: int = 24000,
    folds: tuple[str, ...] = ("fold3", "fold4"),
    n_classes: int = 3,
    seconds: float = 7,
    recordings: int = 3,
) -> Path:
    """Write a folder and return it: so many recordings of the first fold, one of each other."""
    random = np.random.default_rng(0)
    made = []
    for number, fold in enumerate([*[folds[0]] * recordings, *folds[1:]]):
        name = f"{fold}_room{number}_mix{number:03}"
        audio, labels = folder / "audio" / f"{name}.wav", folder / "labels" / f"{name}.csv"
        boxes = folder / "boxes" / f"{name}.npz"
        for path in (audio, labels, boxes):
            path.parent.mkdir(parents=True, exist_ok=True)
        length = round(rate * seconds) - 17 * number
        sound = 0.1 * random.standard_normal((length, format_named(format).channels))
        soundfile.write(audio, sound, rate, subtype="PCM_16")
        write_events(labels, _events(seconds - 0.1, n_classes, random))
        write_boxes(boxes, _boxes(seconds, random))
        made.append(Recording(name, audio, format, None, boxes, labels, fold, f"room{number}", length / rate))
    write_manifest(folder, made, [f"class {number}" for number in range(n_classes)])
    return folder


def _events(seconds: float, n_classes: int, random: np.random.Generator) -> Events:
    """Draw five sources of few classes: two on the grid of label frames, moving, and three at any time."""
    rows = []
    for source in range(2):
        label = int(random.integers(n_classes))
        for frame in range(int(random.integers(10)), int(seconds * 10)):
            rows.append(
                (frame / 10, (frame + 1) / 10, label, source, frame * 7 % 360 - 180, frame % 60 - 20, 2.0, 1)
            )
    for source in range(2, 5):
        for begin in np.sort(random.uniform(0, seconds - 1, 4)):
            angles = (random.uniform(-180, 180), random.uniform(-40, 40), random.uniform(1, 4))
            label, onscreen = int(random.integers(n_classes)), int(random.integers(2))
            rows.append((begin, begin + random.uniform(0.01, 1), label, source, *angles, onscreen))
    return Events.from_rows(rows).sorted()


def _boxes(seconds: float, random: np.random.Generator) -> Boxes:
    """Draw up to three boxes for each tenth of a second; the video ends half a second early."""
    n = round(seconds * 10)
    x, y = random.uniform(0, 0.9, (2, n, 3))
    box = np.stack([x, y * 0.7, x + 0.08, y * 0.7 + 0.3], axis=-1)
    score = np.sort(random.uniform(0.2, 0.9, (n, 3)), axis=1)[:, ::-1]
    box[::3, 2:] = 0
    return Boxes(
        np.arange(n) / 10, box, score * box.any(-1), np.full((n, 3), PERSON), {"duration": seconds - 0.5}
    )
