"""Prediction: a run and recordings -> events, as DCASE csv files."""

import logging
from collections.abc import Sequence
from functools import partial
from importlib.metadata import entry_points
from pathlib import Path
from typing import Literal

import numpy as np
import torch
import yaml
from tqdm import tqdm

from avseld.base.errors import BadInput
from avseld.base.rates import LABEL_HOP
from avseld.config import VideoControl
from avseld.data.windows import visual_inputs
from avseld.io.audio import audio_info, read_audio
from avseld.io.boxes import Boxes, read_boxes
from avseld.io.dcase_csv import CARTESIAN, POLAR, STEREO, Dialect, write_dcase
from avseld.io.embeddings import VisualEmbeddings
from avseld.io.events import Events, write_events
from avseld.io.manifest import Recording, pick, read_manifest
from avseld.system.build import System
from avseld.system.checkpoint import load_system
from avseld.system.inference import Reader, VisualAt, predict_events
from avseld.vision.visual_input import VisualInput

log = logging.getLogger(__name__)

WEIGHTS = {"best": "model.safetensors", "last": "last.safetensors"}
Control = Literal["aligned", "shuffled", "blank", "silent"]
"""The controls of the video, and silent: its own video without its sound."""

SPELLING = Dialect(columns=POLAR[5])
WITH_DISTANCE = Dialect(columns=CARTESIAN[7], metres_per_unit=1.0)
"""predictions of 2024 (`DCASE baselines` spec, 2.2)"""
PLANAR = Dialect(columns=STEREO, header=True)
"""predictions of 2025, centimetres (`DCASE baselines` spec, 3.1)"""


class Predictor:
    """A trained system, ready for recordings.

    Args of the constructor:
        system: with its weights.
        batch_size: windows at once.
    """

    def __init__(self, system: System, batch_size: int = 16) -> None:
        self.system, self.batch_size = system.eval(), batch_size

    @property
    def classes(self) -> list[str]:
        """Class names; an event's label is an index into them."""
        return self.system.blueprint.classes

    @property
    def task(self) -> str:
        """What the target is good for: seld, sed, tagging or directions."""
        return self.system.target.task

    def predict(self, audio: Path | str | np.ndarray, video: Path | str | Boxes | None = None) -> Events:
        """What is heard in one recording of any length.

        Args:
            audio: a file in the system's sample rate and channel format, or an array (channel, sample).
            video: a 360-degree video (its people are detected first), a boxes file (.npz), Boxes, or None.

        Returns:
            One row per active source and label frame of 100 ms.

        Raises:
            BadInput: wrong rate, channel count or length, or an unreadable file.
        """
        read, n_samples = self._reader(audio)
        seen = None if video is None or not self.system.model.vision else self._visual_at(video)
        return predict_events(self.system, read, n_samples, seen, self.batch_size)

    def predict_recording(
        self, recording: Recording, visual: VisualInput | None, silent: bool = False
    ) -> Events:
        """The same for a recording of a prepared folder, shown what `visual` saw, with or without its sound."""
        read, n_samples = self._reader(recording.audio)
        if silent:
            n_channels = read(0, 1).shape[0]
            read = partial(_silence, n_channels)
        return predict_events(self.system, read, n_samples, visual.at if visual else None, self.batch_size)

    def _reader(self, audio: Path | str | np.ndarray) -> tuple[Reader, int]:
        least = self.system.features.stft.n_fft
        if isinstance(audio, np.ndarray):
            n_samples = audio.shape[-1]
            read: Reader = partial(_stretch, np.asarray(audio, np.float32))
            name = "the array"
        else:
            info = audio_info(audio, self.system.blueprint.format, self.system.sample_rate)
            n_samples, read, name = info.n_samples, partial(read_audio, audio), str(audio)
        if n_samples < least:
            raise BadInput(
                f"{name}: {n_samples} samples are shorter than one frame of {least}; record longer"
            )
        return read, n_samples

    def _visual_at(self, video: Path | str | Boxes) -> VisualAt:
        if not isinstance(video, Boxes):
            path = Path(video)
            spec = self.system.visual_spec
            if spec.n_values:
                frames = encode(path, spec.n_values)
                return VisualInput(detect(path) if spec.n_boxes else None, spec, frames).at
            video = read_boxes(path) if path.suffix == ".npz" else detect(path)
        return VisualInput(video, self.system.visual_spec).at


def _silence(n_channels: int, start: int, n_samples: int) -> np.ndarray:
    return np.zeros((n_channels, n_samples), np.float32)


def _stretch(waveform: np.ndarray, start: int, n_samples: int) -> np.ndarray:
    """A stretch of an array (channel, sample), silent beyond its ends, as `read_audio` gives it of a file."""
    first, last = max(start, 0), min(start + n_samples, waveform.shape[1])
    stretch = np.zeros((len(waveform), n_samples), np.float32)
    if last > first:
        stretch[:, first - start : last - start] = waveform[:, first:last]
    return stretch


def detect(video: Path) -> Boxes:
    """Find the people in a video with whichever detector is installed under `avseld.detectors`.

    The library names no detector itself, so that it can be used and tested without one.

    Raises:
        BadInput: the video is unreadable, or there are no detector weights.
    """
    (default,) = entry_points(group="avseld.detectors", name="default")
    return default.load()(video)


def encode(video: Path, n_values: int) -> VisualEmbeddings:
    """Have the pictures of a video described by whichever encoder is installed under `avseld.encoders`.

    Raises:
        BadInput: the video is unreadable, or no encoder gives so many values, or it has no weights.
    """
    (default,) = entry_points(group="avseld.encoders", name="default")
    return default.load()(video, n_values)


def load(
    run: Path | str,
    weights: Literal["best", "last"] = "best",
    device: str = "auto",
    legacy: bool | None = None,
) -> Predictor:
    """Load a run's system.

    Args:
        run: the run folder, or one safetensors file of it.
        weights: those of the best validation, or the last ones.
        device: cpu, cuda, ..., or auto.
        legacy: True for the published rounding and averaging; None as trained.

    Raises:
        BadInput: no such run, or weights of another architecture.
    """
    path = Path(run)
    if path.suffix != ".safetensors":
        if not path.is_dir():
            raise BadInput(f"{path}: no run folder; train first with avseld train")
        path = path / WEIGHTS[weights]
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    return Predictor(load_system(path, legacy).to(device))


def recordings_of(run: Path, prepared: Path | None, fold: str) -> list[Recording]:
    """Recordings that a run is to be tried on.

    Args:
        run: its config.yaml names the prepared folder and the folds, where the caller does not.
        prepared: another prepared folder.
        fold: test, validate or train as in the recipe, or the name of a fold, a room or a recording.

    Raises:
        BadInput: no configuration, or nothing of that name.
    """
    config = read_config(run)
    there = read_manifest(prepared or config["data"]["prepared"])
    there = [recording for recording in there if recording.format == config["data"]["format"]]
    return pick(there, config["data"][fold] if fold in ("test", "validate", "train") else [fold])


def write_prediction(path: Path, events: Events, system: System) -> None:
    """Write what was predicted: DCASE frame csv where that can hold it, else events with onset and offset.

    A frame csv has frames of 100 ms and directions, as the challenges of each year spell them: with distances as in
    2024, planar as in 2025. The systems of 2019 tell frames of 20 ms, and sound event detection knows no directions.

    Args:
        path: csv file.
        events: of one recording.
        system: that predicted them.
    """
    if system.target.task == "seld" and system.label_hop == LABEL_HOP:
        known = len(events) > 0 and bool(np.isfinite(events.distance).all())
        spelling = WITH_DISTANCE if known else SPELLING
        write_dcase(path, events, PLANAR if system.target.planar else spelling)
    else:
        write_events(path, events)


def read_config(run: Path) -> dict:
    """The complete configuration of a run.

    Raises:
        BadInput: the folder holds no readable configuration.
    """
    path = run / "config.yaml"
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError:
        raise BadInput(f"{path}: not found; give the folder of a run made by avseld train") from None
    except yaml.YAMLError as error:
        raise BadInput(f"{path}: no readable YAML ({' '.join(str(error).split())}); restore it") from error


def predict_all(
    predictor: Predictor, recordings: Sequence[Recording], video: Control = "aligned", seed: int = 0
) -> dict[str, Events]:
    """Events of every recording by name, shown its own video, another one's, none, or its own in silence."""
    silent = video == "silent"
    shown = visual_inputs(
        recordings, "aligned" if video == "silent" else video, predictor.system.visual_spec, seed
    )
    unseen = sum(visual is None for visual in shown.values())
    if video != "blank" and unseen:
        log.warning(
            "%d of %d recordings have no boxes or frames; they are heard only", unseen, len(recordings)
        )
    return {
        recording.name: predictor.predict_recording(recording, shown[recording.name], silent)
        for recording in tqdm(recordings, desc=f"predict ({video})", unit="recording")
    }


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
) -> None:
    """Write the DCASE csv of one recording, or of a fold of a prepared folder.

    Args:
        run: the run folder.
        prepared: prepared folder; the one that the run was trained on if left out.
        fold: test, validate or train as in the recipe, or the name of a fold, a room or a recording.
        audio: one recording in place of a prepared folder.
        video: its 360-degree video, or its boxes file.
        out: csv file for one recording, folder for several; RUN/predictions if left out.
        weights: best or last.
        control: show each recording its own video (aligned), that of another one (shuffled) or none (blank).
        device: cpu, cuda, ..., or auto.
        legacy: the published rounding and averaging, defects included.

    Raises:
        BadInput: whatever is wrong with the files.
    """
    if audio is None and video is not None:
        raise BadInput(f"--video {video}: goes with --audio, the recording's sound")
    predictor = load(run, weights, device, legacy)
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
