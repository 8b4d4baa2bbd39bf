"""The command `predict`: recordings in, DCASE CSV files out."""

import logging
from pathlib import Path
from typing import Literal

from avseld.base.errors import BadInput
from avseld.config import VideoControl
from avseld.inference.output import write_prediction
from avseld.inference.predictor import load, predict_all
from avseld.inference.run_folder import recordings_of
from avseld.inference.thresholds import set_threshold

log = logging.getLogger(__name__)


def predict(
    run: Path,
    prepared: Path | None = None,
    fold: str = "test",
    audio: Path | None = None,
    video: Path | None = None,
    out: Path | None = None,
    weights: Literal["best", "last"] = "best",
    control: VideoControl = "aligned",
    device: str = "auto",
    legacy: bool | None = None,
    threshold: float | None = None,
) -> None:
    """Predict one recording, or a fold of a prepared folder, into DCASE csv files.

    Args:
        run: the run folder.
        prepared: prepared folder; by default the one of the training.
        fold: test, validate or train as in the recipe, or the name of a fold, a room or a recording.
        audio: one recording instead of a prepared folder.
        video: its 360-degree video, or its boxes file.
        out: csv file for one recording, folder for several; by default RUN/predictions.
        weights: best or last.
        control: visual input: the own video (aligned), the video of another recording (shuffled) or none (blank).
        device: cpu, cuda, ..., or auto.
        legacy: use the published rounding and averaging, defects included.
        threshold: decision threshold in place of the recipe's, 0 to 1; higher gives fewer events.

    Raises:
        BadInput: files are missing or unusable.
    """
    if audio is None and video is not None:
        raise BadInput(f"--video {video}: needs --audio, the sound of the recording")
    predictor = load(run, weights, device, legacy)
    set_threshold(predictor.system, threshold)
    if audio is not None:
        path = out or Path("predictions") / f"{audio.stem}.csv"
        path = path / f"{audio.stem}.csv" if path.suffix != ".csv" else path
        write_prediction(path, predictor.predict(audio, video), predictor.system)
        log.info("%s", path)
        return
    folder = out or (run if run.is_dir() else run.parent) / "predictions"
    for name, events in predict_all(predictor, recordings_of(run, prepared, fold), control).items():
        write_prediction(folder / f"{name}.csv", events, predictor.system)
    log.info("%s", folder)
