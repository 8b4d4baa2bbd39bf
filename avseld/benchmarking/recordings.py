"""Time to predict a minute of FOA with a video: ours with boxes from a file, and the published way."""

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
from avseld.inference.predictor import Predictor
from avseld.io.manifest import read_manifest
from avseld.models.plain_layers import pytorch_layers

DURATION_S = 60
"""length of the recording"""


def bench_prediction(weights: Path | None = None) -> dict[str, Any]:
    """Time the prediction of a minute of FOA.

    Args:
        weights: of the detector that the published way runs on one video frame per window.

    Returns:
        Seconds: `ours`, `published`, `ratio`; `floor`, the lower bound of the network's time, and its parts; `peak_mb`,
        peak memory of both.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_corpus(folder, 1, DURATION_S)
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
    """Time our prediction from files to events.

    Args:
        folder: a prepared folder of one recording.
    """
    keep_freed_memory()
    (recording,) = read_manifest(folder)
    predictor = Predictor(fresh_system())
    predictor.predict(recording.audio, recording.boxes)
    return {"seconds": best(lambda: predictor.predict(recording.audio, recording.boxes), 3)}


def floor_seconds() -> dict[str, Any]:
    """Compute the lower bound of the network's time for all windows of the recording."""
    system = fresh_system()
    n = math.ceil(DURATION_S / (system.kept_frames * system.hop))
    x = torch.randn(n, system.features.n_features, system.run_frames, system.features.n_bins)
    return floor_of_answer(system.model, x, torch.zeros(n, 6, 4))


def published_seconds(folder: Path, weights: Path | None) -> dict[str, Any]:
    """Time the published prediction: features of the whole file; per window a video frame, detector, network and loops.

    Args:
        folder: a prepared folder of one recording.
        weights: of the detector; without any, no detector runs.
    """
    (recording,) = read_manifest(folder)
    look = published.detector(weights)
    system = fresh_system().eval()
    model = system.model.to(memory_format=torch.contiguous_format)

    def predict() -> list[tuple[int, int, float, float]]:
        x = published.features(soundfile.read(recording.audio, dtype="float32")[0].T)
        x = np.pad(x, [(0, 0), (4, 128), (0, 0)])
        rows: list[tuple[int, int, float, float]] = []
        assert recording.video is not None
        for window in range(round(DURATION_S / 1.2)):
            frame = published.video_frame_at(recording.video, window * 1.2)
            if look is not None:
                look(frame)
            part = torch.from_numpy(np.ascontiguousarray(x[None, :, window * 120 : window * 120 + 128]))
            with torch.no_grad(), pytorch_layers():
                out = model.from_vectors(part, torch.zeros(1, 2, 6, 37))["accdoa"]  # type: ignore[operator]
            rows += _decode_by_loops(out[0, 4:124].numpy(), window * 12)
        return rows

    return {
        "seconds": best(predict, 1),
        "detector": "none, no weights were given" if look is None else getattr(look, "about", "yes"),
    }


def _decode_by_loops(out: np.ndarray, first: int) -> list[tuple[int, int, float, float]]:
    """Decode 12 label frames of (frame, track, axis, class) value by value.

    Args:
        out: output of the network, 10 frames per label frame.
        first: index of the first label frame.

    Returns:
        Rows of label frame, class, azimuth, elevation; degrees.
    """
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
