"""Prediction: seconds for a minute of FOA with a video, ours with cached boxes, and the published way."""

import math
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch

from avseld.base.memory import keep_freed_memory
from avseld.benchmarking import published
from avseld.benchmarking.corpus import write_corpus
from avseld.benchmarking.machine import alone, best, floor_of_answer, made_of
from avseld.benchmarking.steps import fresh_system
from avseld.inference.predict import Predictor
from avseld.io.manifest import read_manifest
from avseld.models.fast_cpu import plain

SECONDS = 60


def bench_prediction(weights: Path | None = None) -> dict[str, Any]:
    """Time the prediction of a minute of FOA.

    Args:
        weights: of the detector that the published way runs on one picture a window.

    Returns:
        Seconds: `ours`, `published`, `ratio`; `floor` of the network alone and what it is made of; peak memory of each.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_corpus(folder, 1, SECONDS)
        ours = alone(ours_seconds, folder)
        theirs = alone(published_seconds, folder, weights)
        floor = alone(floor_seconds)
    return {
        "ours": ours["seconds"],
        "published": theirs["seconds"],
        "ratio": theirs["seconds"] / ours["seconds"],
        "unit": "s",
        "floor": floor["floor"],
        "floor_is_made_of": made_of(floor),
        "published_detector": theirs["detector"],
        "peak_mb": {"ours": ours["peak_mb"], "published": theirs["peak_mb"]},
        "threads": torch.get_num_threads(),
    }


def ours_seconds(folder: Path) -> dict[str, Any]:
    """From the files to events."""
    keep_freed_memory()
    (recording,) = read_manifest(folder)
    predictor = Predictor(fresh_system())
    predictor.predict(recording.audio, recording.boxes)
    return {"seconds": best(lambda: predictor.predict(recording.audio, recording.boxes), 3)}


def floor_seconds() -> dict[str, Any]:
    """Of all windows of a minute."""
    system = fresh_system()
    n = math.ceil(SECONDS / (system.kept_frames * system.hop))
    x = torch.randn(n, system.features.n_features, system.run_frames, system.features.n_bins)
    return floor_of_answer(system.model, x, torch.zeros(n, 6, 4))


def published_seconds(folder: Path, weights: Path | None) -> dict[str, Any]:
    """Features of the whole file, then window by window: a picture, the detector, the network, loops over frames."""
    (recording,) = read_manifest(folder)
    look = published.detector(weights)
    system = fresh_system().eval()
    model = system.model.to(memory_format=torch.contiguous_format)

    def predict() -> list[tuple[int, int, float, float]]:
        x = published.features(soundfile.read(recording.audio, dtype="float32")[0].T)
        x = np.pad(x, [(0, 0), (4, 128), (0, 0)])
        rows: list[tuple[int, int, float, float]] = []
        assert recording.video is not None
        for window in range(round(SECONDS / 1.2)):
            picture = published.picture_at(recording.video, window * 1.2)
            if look is not None:
                look(picture)
            part = torch.from_numpy(np.ascontiguousarray(x[None, :, window * 120 : window * 120 + 128]))
            with torch.no_grad(), plain():
                out = model.from_vectors(part, torch.zeros(1, 2, 6, 37))["accdoa"]  # type: ignore[operator]
            rows += _loops(out[0, 4:124].numpy(), window * 12)
        return rows

    return {
        "seconds": best(predict, 1),
        "detector": "none, no weights were given" if look is None else getattr(look, "about", "yes"),
    }


def _loops(out: np.ndarray, first: int) -> list[tuple[int, int, float, float]]:
    """Rows of 12 label frames of (frame, track, axis, class), value by value."""
    rows = []
    for frame in range(12):
        for label in range(out.shape[3]):
            for track in range(3):
                x, y, z = out[frame * 10 : frame * 10 + 10, track, :, label].T
                activity = np.minimum(1, np.sqrt(x**2 + y**2 + z**2))
                if activity.mean() > 0.3:
                    weight = activity / activity.sum()
                    azimuth = sum(w * math.atan2(b, a) for w, a, b in zip(weight, x, y, strict=True))
                    elevation = sum(
                        w * math.atan2(c, math.hypot(a, b))
                        for w, a, b, c in zip(weight, x, y, z, strict=True)
                    )
                    rows.append((first + frame, label, math.degrees(azimuth), math.degrees(elevation)))
    return rows
