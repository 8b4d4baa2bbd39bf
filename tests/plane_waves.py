"""A small prepared folder of plane waves with one tone per class, which a network learns in seconds."""

from pathlib import Path

import numpy as np
import soundfile

from avseld.io.boxes import Boxes, write_boxes
from avseld.io.events import Events, write_events
from avseld.io.geometry import to_frame, unit_vector
from avseld.io.manifest import Recording, write_manifest

RATE = 24000
ROOMS = (("fold3", "room1"),) * 3 + (("fold3", "room5"),) * 2 + (("fold4", "room9"),) * 2


def make(folder: Path, seconds: int = 6, n_classes: int = 3, seed: int = 0) -> Path:
    """Write seven recordings: three for training, two for validation (room5), two for test."""
    random = np.random.default_rng(seed)
    recordings = []
    for number, (fold, room) in enumerate(ROOMS):
        name = f"{fold}_{room}_mix{number:03d}"
        waveform = random.normal(size=(4, seconds * RATE)) * 1e-3
        rows, sights = [], np.zeros((seconds * 10, 1, 4))
        for frame in range(0, seconds * 10, 15):
            label, azimuth, elevation = (
                random.integers(n_classes),
                random.integers(-180, 180),
                random.integers(-30, 30),
            )
            span = slice(frame * 2400, min(frame + 12, seconds * 10) * 2400)
            x, y, z = unit_vector(azimuth, elevation)
            tone = 0.2 * np.sin(2 * np.pi * 500 * 2.0**label * np.arange(span.stop - span.start) / RATE)
            waveform[:, span] += np.array([1, y, z, x])[:, None] * tone
            here = range(frame, min(frame + 12, seconds * 10))
            rows += [(f * 0.1, (f + 1) * 0.1, label, 0, azimuth, elevation, 2.0) for f in here]
            u, v = to_frame(azimuth, elevation)
            sights[list(here), 0] = (u - 0.02, v - 0.1, u + 0.02, v + 0.1)
        audio, labels = folder / "audio" / f"{name}.wav", folder / "labels" / f"{name}.csv"
        audio.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(audio, waveform.T, RATE, subtype="PCM_16")
        write_events(labels, Events.from_rows(rows))
        score = np.where(sights.any(axis=2), 0.9, 0.0)
        about = {"detector": "truth", "duration": float(seconds)}
        boxes = Boxes(np.arange(seconds * 10) * 0.1, sights, score, np.where(score > 0, 0, -1), about)
        write_boxes(folder / "boxes" / f"{name}.npz", boxes)
        recordings.append(
            Recording(
                name, audio, "foa", folder / f"{name}.mp4", folder / "boxes" / f"{name}.npz", labels, fold, room,
                float(seconds),
            )
        )  # fmt: skip
    write_manifest(folder, recordings, [f"tone {k}" for k in range(n_classes)])
    return folder
