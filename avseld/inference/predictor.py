"""The predictor: a trained system, applied to recordings of any length."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from tqdm import tqdm

from avseld.base.errors import BadInput
from avseld.data.visual import box_sources, visual_inputs
from avseld.decoding.windows import Reader, VisualAt
from avseld.inference.detectors import detect, encode, options_like
from avseld.io.alignment import aligned, delayed
from avseld.io.array_setup import ArraySetup
from avseld.io.boxes import Boxes, describe_source, read_boxes, source_of
from avseld.io.channel_map import Channels
from avseld.io.classes import ClassMap, give_classes
from avseld.io.events import Events, concatenate
from avseld.io.manifest import Recording
from avseld.io.resampling import describe_conversion, open_array, open_recording, silenced
from avseld.io.run_weights import split_step, weights_of
from avseld.io.video import check_panorama, video_info
from avseld.system.build import System
from avseld.system.checkpoint import load_system
from avseld.system.device import device_named
from avseld.system.inference import iterate_events, predict_events
from avseld.vision.visual_input import VisualInput
from avseld.weights import find, hub, shipped

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
        self._said: set[str] = set()

    @property
    def classes(self) -> list[str]:
        """Class names; the label of an event is an index into them."""
        return self.system.blueprint.classes

    @property
    def task(self) -> str:
        """Task of the target: seld, sed, tagging or directions."""
        return self.system.target.task

    def predict(
        self,
        audio: Path | str | np.ndarray | torch.Tensor,
        video: Path | str | Boxes | None = None,
        sample_rate: int | None = None,
        channels: Channels | None = None,
        detector: Path | str | None = None,
        detector_fps: float | None = None,
        video_offset: float = 0.0,
        video_yaw: float = 0.0,
    ) -> Events:
        """Predict the events of one recording of any length.

        Args:
            audio: a sound file, or a video with sound, of any sample rate; or an array (channel, sample) or (sample,
                channel): floats in -1..1, or integers (uint8, int16, int32), which are divided by their full scale.
                What has another rate than the system is resampled.
            video: a 360-degree video (people are detected first), a boxes file (.npz), Boxes, or None. A network
                without visual input ignores it, with a warning.
            sample_rate: Hz of an array; None for the system's rate. A file has its own.
            channels: channels of the recording to take, counted from 1, in the order of the system's format; or the
                description of the array, as from `avseld.io.array_file.read_array`, in whose room the directions are
                then; None takes all.
            detector: weights file of the detector for a video, or the name of an installed detector or its package;
                None takes the installed default.
            detector_fps: frames of the video per second in which people are detected; None as in training.
            video_offset: second of the recording at which the video starts.
            video_yaw: azimuth of the middle of the picture, degrees, positive to the left.

        Returns:
            One row per active source and label frame of 100 ms.

        Raises:
            BadInput: wrong type, channel count or length, or an unreadable file.
        """
        parts = self.stretches(
            audio, video, sample_rate, channels, detector, detector_fps, video_offset, video_yaw
        )
        return concatenate(events for _, events in parts).with_classes(self.classes)

    def stretches(
        self,
        audio: Path | str | np.ndarray | torch.Tensor,
        video: Path | str | Boxes | None = None,
        sample_rate: int | None = None,
        channels: Channels | None = None,
        detector: Path | str | None = None,
        detector_fps: float | None = None,
        video_offset: float = 0.0,
        video_yaw: float = 0.0,
    ) -> Iterator[tuple[float, Events]]:
        """Predict a recording of any length stretch by stretch, in memory that does not grow with it.

        Arguments and errors as for `predict`.

        Yields:
            Second of the recording up to which it is predicted, and the events since the last one.
        """
        read, n_samples = self.reader(audio, sample_rate, channels)
        turned = channels if isinstance(channels, ArraySetup) and channels.turns_events else None
        if turned is not None and video is not None:
            video_yaw -= _yaw_for_video(turned)  # the network sees and hears in the directions of the array
        visual = None
        if video is not None and self.system.model.vision:
            visual = self._visual_at(video, detector, detector_fps, video_offset, video_yaw)
        elif video is not None:
            log.warning("%s has no visual input: the video is ignored", self.system.blueprint.model.name)
        for until, events in iterate_events(self.system, read, n_samples, visual, self.batch_size):
            yield until, events if turned is None else turned.to_room(events)

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
            read = silenced(read)
        return predict_events(self.system, read, n_samples, visual.at if visual else None, self.batch_size)

    def check_sound(self, audio: Path | str, channels: Channels | None = None) -> None:
        """Refuse a file that cannot be predicted, from its header.

        Args:
            audio: the file.
            channels: see `predict`.

        Raises:
            BadInput: unreadable, wrong channel count, or too short.
        """
        self.reader(audio, None, channels)

    def compare_boxes(self, source: Mapping[str, Any]) -> None:
        """Log a warning where boxes were made in another way than those of the training; once for each way.

        Args:
            source: how they were made, as from `avseld.io.boxes.source_of`.
        """
        known = self.system.blueprint.boxes_from
        if known and source and dict(source) not in known:
            trained = " and of ".join(describe_source(one) for one in known)
            self._say(
                f"trained with boxes of {trained}; these are of {describe_source(source)}: predictions may be worse "
                "(detect as in training: --detector, --detector_fps)"
            )

    def _say(self, message: str) -> None:
        """Log a warning once."""
        if message not in self._said:
            self._said.add(message)
            log.warning("%s", message)

    def reader(
        self,
        audio: Path | str | np.ndarray | torch.Tensor,
        sample_rate: int | None = None,
        channels: Channels | None = None,
    ) -> tuple[Reader, int]:
        """Check a recording and return what reads its sections, and its length in samples; arguments as `predict`."""
        format, rate = self.system.blueprint.format, self.system.sample_rate
        if isinstance(audio, torch.Tensor):
            audio = audio.detach().cpu().numpy()
        if isinstance(audio, str | Path):
            if sample_rate is not None:
                raise BadInput(f"{audio}: sample_rate is for arrays; a file has its own, leave it out")
            read, n_samples = open_recording(audio, format, rate, channels)
            name = str(audio)
            if (what := describe_conversion(audio, format, rate, channels)) and what not in self._said:
                self._said.add(what)
                log.info("%s: converted from %s, as preparation does", Path(audio).name, what)
        else:
            if sample_rate is None:
                self._say(f"an array without sample_rate is taken as {rate} Hz; give sample_rate")
            read, n_samples = open_array(np.asarray(audio), format, rate, sample_rate, channels)
            name = "the array"
        least = self.system.features.stft.n_fft
        if n_samples < least:
            raise BadInput(
                f"{name}: {n_samples} samples are shorter than one frame of {least}; record longer"
            )
        return read, n_samples

    def _visual_at(
        self,
        video: Path | str | Boxes,
        detector: Path | str | None,
        detector_fps: float | None,
        offset: float,
        yaw: float,
    ) -> VisualAt:
        spec = self.system.visual_spec
        embeddings = None
        if isinstance(video, Boxes):
            boxes: Boxes | None = video
        else:
            path = Path(video)
            if path.suffix != ".npz" and (
                flat := check_panorama(path, video_info(path), self.system.blueprint.format)
            ):
                self._say(flat)
            embeddings = encode(path, spec.n_values, yaw) if spec.n_values else None
            if path.suffix == ".npz" and not spec.n_values:
                boxes = read_boxes(path)
            else:
                boxes = self._detect(path, detector, detector_fps) if spec.n_boxes else None
        if boxes is not None:
            self.compare_boxes(source_of(boxes.about))
            boxes = aligned(boxes, offset, yaw)
        if embeddings is not None:
            embeddings = delayed(embeddings, offset)
        return VisualInput(boxes, spec, embeddings).at

    def _detect(self, video: Path, detector: Path | str | None, fps: float | None) -> Boxes:
        """Detect people as the training's boxes were made, where the options do not say otherwise."""
        options = options_like(self.system.blueprint.boxes_from)
        options |= {"fps": fps} if fps is not None else {}
        options |= {"weights": Path(detector)} if detector is not None else {}
        return detect(video, **options)


def _yaw_for_video(setup: ArraySetup) -> float:
    """Return by how many degrees an array of microphones is turned to the left, if pictures can be turned so, too."""
    if setup.is_tilted:
        raise BadInput(
            f"an array with pitch {setup.pitch:g} and roll {setup.roll:g}: pictures can be turned about the vertical "
            "only; predict without video, or set the array upright"
        )
    return setup.yaw


def load(
    run: Path | str,
    weights: Literal["best", "last"] = "best",
    device: str = "auto",
    legacy: bool | None = None,
) -> Predictor:
    """Load the trained system of a run.

    Args:
        run: the run folder, RUN@STEP for the kept weights of a step, one safetensors file of it, the name of weights
            that come with the package (`avseld weights` lists them), or hf:OWNER/NAME[@REVISION] of the Hugging Face
            hub.
        weights: of the best validation, or the last ones.
        device: cpu, cuda, ..., or auto.
        legacy: use the published rounding and averaging, defects included; None as trained.

    Raises:
        BadInput: no such run, step or device, or weights that do not fit the architecture.
    """
    path, place = Path(run), device_named(device)
    folder, _ = split_step(path)
    if path.suffix != ".safetensors" and not folder.is_dir():
        named = find(run)
        if named is None:
            known = ", ".join(shipped())
            raise BadInput(f"{path}: no run folder; train first with avseld train, or name one of {known}")
        path = named
    elif path.suffix != ".safetensors":
        if (path / hub.CONFIG).is_file():
            hub.check_weights(path / hub.WEIGHTS, path / hub.CONFIG)
        path = weights_of(path, weights)
    return Predictor(load_system(path, legacy).to(place))


def visuals_of(
    predictor: Predictor, recordings: Sequence[Recording], video: Control = "aligned", seed: int = 0
) -> dict[str, VisualInput | None]:
    """Read the visual input of recordings, and say what of it is missing or made in another way than for the training.

    Args:
        predictor: the trained system.
        recordings: of a prepared folder.
        video: visual input, see `Control`.
        seed: of the choice of other videos, for shuffled.

    Returns:
        Visual input by name of the recording; None without one.
    """
    visuals = visual_inputs(
        recordings, "aligned" if video == "silent" else video, predictor.system.visual_spec, seed
    )
    for source in box_sources(visuals.values()):
        predictor.compare_boxes(source)
    n_missing = sum(visual is None for visual in visuals.values())
    if video != "blank" and n_missing and predictor.system.model.vision:
        log.warning(
            "%d of %d recordings have no visual input; predicted from audio only", n_missing, len(recordings)
        )
    return visuals


def predict_all(
    predictor: Predictor,
    recordings: Sequence[Recording],
    video: Control = "aligned",
    seed: int = 0,
    class_map: ClassMap | None = None,
) -> dict[str, Events]:
    """Predict the events of every recording.

    Args:
        predictor: the trained system.
        recordings: of a prepared folder.
        video: visual input, see `Control`.
        seed: of the choice of other videos, for shuffled.
        class_map: other classes to give the events (`avseld.io.classes.compare_classes`); None for the system's own.

    Returns:
        Events by name of the recording.
    """
    visuals = visuals_of(predictor, recordings, video, seed)
    return {
        recording.name: give_classes(
            predictor.predict_recording(recording, visuals[recording.name], video == "silent"), class_map
        )
        for recording in tqdm(recordings, desc=f"predict ({video})", unit="recording")
    }
