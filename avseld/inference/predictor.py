"""The predictor: a trained system, applied to recordings of any length."""

import logging
from collections.abc import Sequence
from functools import partial
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from tqdm import tqdm

from avseld.base.errors import BadInput
from avseld.data.visual import visual_inputs
from avseld.inference.run_folder import WEIGHTS
from avseld.io.audio import audio_info, read_audio
from avseld.io.boxes import Boxes, read_boxes
from avseld.io.embeddings import VisualEmbeddings
from avseld.io.events import Events
from avseld.io.formats import format_named
from avseld.io.manifest import Recording
from avseld.system.build import System
from avseld.system.checkpoint import load_system
from avseld.system.inference import Reader, VisualAt, predict_events
from avseld.vision.visual_input import VisualInput

log = logging.getLogger(__name__)

Control = Literal["aligned", "shuffled", "blank", "silent"]
"""visual input of a recording: the own video, the video of another one, none, or the own video without sound"""


class Predictor:
    """A trained system that predicts events in recordings.

    Args:
        system: with its weights; put into evaluation mode.
        batch_size: windows that run at once.
    """

    def __init__(self, system: System, batch_size: int = 16) -> None:
        self.system, self.batch_size = system.eval(), batch_size

    @property
    def classes(self) -> list[str]:
        """Class names; the label of an event is an index into them."""
        return self.system.blueprint.classes

    @property
    def task(self) -> str:
        """Task of the target: seld, sed, tagging or directions."""
        return self.system.target.task

    def predict(self, audio: Path | str | np.ndarray, video: Path | str | Boxes | None = None) -> Events:
        """Predict the events of one recording of any length.

        Args:
            audio: a file in the system's sample rate and channel format, or an array (channel, sample).
            video: a 360-degree video (people are detected first), a boxes file (.npz), Boxes, or None. A network
                without visual input ignores it, with a warning.

        Returns:
            One row per active source and label frame of 100 ms.

        Raises:
            BadInput: wrong rate, channel count or length, or an unreadable file.
        """
        read, n_samples = self.reader(audio)
        visual = None
        if video is not None and self.system.model.vision:
            visual = self._visual_at(video)
        elif video is not None:
            log.warning("%s has no visual input: the video is ignored", self.system.blueprint.model.name)
        return predict_events(self.system, read, n_samples, visual, self.batch_size)

    def predict_recording(
        self, recording: Recording, visual: VisualInput | None, silent: bool = False
    ) -> Events:
        """Predict the events of a recording of a prepared folder.

        Args:
            recording: its audio is read window by window.
            visual: visual input, or None.
            silent: replace the audio by zeros.

        Raises:
            BadInput: as `predict`.
        """
        read, n_samples = self.reader(recording.audio)
        if silent:
            n_channels = read(0, 1).shape[0]
            read = partial(_silence, n_channels)
        return predict_events(self.system, read, n_samples, visual.at if visual else None, self.batch_size)

    def reader(self, audio: Path | str | np.ndarray) -> tuple[Reader, int]:
        """Check a recording and return what reads its sections, and its length in samples."""
        least = self.system.features.stft.n_fft
        if isinstance(audio, np.ndarray):
            channels = format_named(self.system.blueprint.format).channels
            if audio.ndim != 2 or len(audio) != channels:
                raise BadInput(
                    f"an array of shape {audio.shape}; {self.system.blueprint.format} needs ({channels}, samples)"
                )
            n_samples = audio.shape[-1]
            read: Reader = partial(_read_array, np.asarray(audio, np.float32))
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
                embeddings = encode(path, spec.n_values)
                return VisualInput(detect(path) if spec.n_boxes else None, spec, embeddings).at
            video = read_boxes(path) if path.suffix == ".npz" else detect(path)
        return VisualInput(video, self.system.visual_spec).at


def _silence(n_channels: int, start: int, n_samples: int) -> np.ndarray:
    return np.zeros((n_channels, n_samples), np.float32)


def _read_array(waveform: np.ndarray, start: int, n_samples: int) -> np.ndarray:
    """Cut a segment from an array (channel, sample), with zeros beyond its ends, like `read_audio` from a file."""
    first, last = max(start, 0), min(start + n_samples, waveform.shape[1])
    segment = np.zeros((len(waveform), n_samples), np.float32)
    if last > first:
        segment[:, first - start : last - start] = waveform[:, first:last]
    return segment


def detect(video: Path) -> Boxes:
    """Detect the people in a video with the detector that is installed under `avseld.detectors`.

    The library imports no detector itself, so that it can be used and tested without one.

    Raises:
        BadInput: the video is unreadable, or there is no detector, or it has no weights.
    """
    return _installed("avseld.detectors")(video)


def encode(video: Path, n_values: int) -> VisualEmbeddings:
    """Compute embeddings of the frames of a video with the encoder that is installed under `avseld.encoders`.

    Raises:
        BadInput: the video is unreadable, or no encoder has this many values, or it has no weights.
    """
    return _installed("avseld.encoders")(video, n_values)


def _installed(group: str) -> Any:
    """Load the entry point `default` of a group; one of another package takes precedence over our own."""
    candidates = list(entry_points(group=group, name="default"))
    others = [each for each in candidates if each.module.split(".")[0] != "detection"]
    if not candidates:
        raise BadInput(f"no package offers {group}: default; install avseld again, or another one that does")
    if len(others) > 1:
        raise BadInput(f"{group}: default is offered by {' and '.join(e.value for e in others)}; remove one")
    return (others or candidates)[0].load()


def load(
    run: Path | str,
    weights: Literal["best", "last"] = "best",
    device: str = "auto",
    legacy: bool | None = None,
) -> Predictor:
    """Load the trained system of a run.

    Args:
        run: the run folder, or one safetensors file of it.
        weights: of the best validation, or the last ones.
        device: cpu, cuda, ..., or auto.
        legacy: use the published rounding and averaging, defects included; None as trained.

    Raises:
        BadInput: no such run, or weights that do not fit the architecture.
    """
    path = Path(run)
    if path.suffix != ".safetensors":
        if not path.is_dir():
            raise BadInput(f"{path}: no run folder; train first with avseld train")
        path = path / WEIGHTS[weights]
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    return Predictor(load_system(path, legacy).to(device))


def predict_all(
    predictor: Predictor, recordings: Sequence[Recording], video: Control = "aligned", seed: int = 0
) -> dict[str, Events]:
    """Predict the events of every recording.

    Args:
        predictor: the trained system.
        recordings: of a prepared folder.
        video: visual input, see `Control`.
        seed: of the choice of other videos, for shuffled.

    Returns:
        Events by name of the recording.
    """
    silent = video == "silent"
    visuals = visual_inputs(
        recordings, "aligned" if video == "silent" else video, predictor.system.visual_spec, seed
    )
    n_missing = sum(visual is None for visual in visuals.values())
    if video != "blank" and n_missing:
        log.warning(
            "%d of %d recordings have no visual input; predicted from audio only", n_missing, len(recordings)
        )
    return {
        recording.name: predictor.predict_recording(recording, visuals[recording.name], silent)
        for recording in tqdm(recordings, desc=f"predict ({video})", unit="recording")
    }
