"""The command `predict`: recordings in, DCASE CSV files out."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from tqdm import tqdm

from avseld.base.errors import BadInput
from avseld.base.files import takes_paths
from avseld.config import VideoControl
from avseld.inference.event_list import write_audacity, write_event_list
from avseld.inference.inputs import sound_files, videos_of
from avseld.inference.output import write_prediction
from avseld.inference.predictor import load, predict_all
from avseld.inference.run_folder import recordings_of
from avseld.inference.thresholds import set_threshold
from avseld.io.classes import compare_classes
from avseld.io.events import Events
from avseld.io.labels import EVENT_LIST_SUFFIX
from avseld.io.manifest import classes_of_predictions, read_classes, write_class_list
from avseld.io.run_config import prepared_folder
from avseld.system.build import System

log = logging.getLogger(__name__)


@takes_paths
def predict(
    run: Path,
    prepared: Path | None = None,
    fold: str = "test",
    audio: list[Path] | Path | None = None,
    video: Path | None = None,
    channels: list[int] | None = None,
    detector: Path | None = None,
    detector_fps: float | None = None,
    video_offset: float = 0.0,
    video_yaw: float = 0.0,
    out: Path | None = None,
    events: bool | None = None,
    audacity: bool = False,
    weights: Literal["best", "last"] = "best",
    control: VideoControl = "aligned",
    device: str = "auto",
    legacy: bool | None = None,
    threshold: float | None = None,
) -> None:
    """Predict sound files, or a fold of a prepared folder, into DCASE csv files.

    Args:
        run: the run folder.
        prepared: prepared folder; by default the one of the training.
        fold: test, validate or train as in the recipe, or the name of a fold, a room or a recording.
        audio: sound files, folders or patterns ('takes/*.wav') instead of a prepared folder; any sample rate.
        video: with --audio, its 360-degree video or boxes file; for several recordings a folder of files named
            like them.
        channels: with --audio, the channels to take, counted from 1, in the order of the run's format (1,2,3,4).
        detector: weights of the detector that finds people in --video; by default YOLOX-tiny, fetched once.
        detector_fps: frames of --video per second in which people are detected; by default as in training.
        video_offset: second of --audio at which --video starts.
        video_yaw: azimuth of the middle of the picture of --video, degrees, positive to the left.
        out: csv file for one recording, folder for several; by default RUN/predictions for a fold, and
            ./predictions/NAME.csv for --audio.
        events: also write NAME.events.csv: name, onset, offset, azimuth, elevation of each event; by default with
            --audio only.
        audacity: also write NAME.txt, a label track for Audacity.
        weights: best or last.
        control: visual input: the own video (aligned), the video of another recording (shuffled) or none (blank).
        device: cpu, cuda, ..., or auto.
        legacy: use the published rounding and averaging, defects included.
        threshold: decision threshold in place of the recipe's, 0 to 1; higher gives fewer events.

    Raises:
        BadInput: files are missing or unusable.
    """
    video_place = {"video_offset": video_offset or None, "video_yaw": video_yaw or None}
    given = {"video": video, "channels": channels, "detector": detector} | video_place
    for name, value in given.items():
        if audio is None and value is not None:
            raise BadInput(f"--{name} {value}: needs --audio, the sound of the recording")
    if detector_fps is not None and detector_fps <= 0:
        raise BadInput(f"--detector_fps {detector_fps:g}: choose a positive number of frames per second")
    predictor = load(run, weights, device, legacy)
    set_threshold(predictor.system, threshold)
    if audio is not None:
        sounds = sound_files(audio)
        videos = videos_of(video, sounds)
        for path in sounds:
            predictor.check_sound(path, channels)
        targets = _targets(out, sounds)
        for path in tqdm(sounds, desc="predict", unit="recording", disable=len(sounds) == 1):
            found = predictor.predict(
                path, videos.get(path.stem), None, channels, detector, detector_fps, video_offset, video_yaw
            )
            _write(targets[path], found, predictor.system, predictor.classes, events is not False, audacity)
        log.info("%s", targets[sounds[0]] if len(sounds) == 1 else targets[sounds[0]].parent)
        return
    folder = out or (run if run.is_dir() else run.parent) / "predictions"
    place = prepared_folder(run, prepared)
    classes = read_classes(place)
    class_map = compare_classes(predictor.classes, classes, run, place / "classes.txt")
    recordings = recordings_of(run, prepared, fold)
    for name, found in predict_all(predictor, recordings, control, class_map=class_map).items():
        _write(folder / f"{name}.csv", found, predictor.system, classes, bool(events), audacity)
    write_class_list(classes_of_predictions(folder), classes)
    log.info("%s", folder)


def _targets(out: Path | None, sounds: list[Path]) -> dict[Path, Path]:
    """Name the csv file of each sound file."""
    if out is not None and out.suffix == ".csv":
        if len(sounds) > 1:
            raise BadInput(f"--out {out}: one file for {len(sounds)} recordings; give a folder")
        return {sounds[0]: out}
    folder = out or Path("predictions")
    return {path: folder / f"{path.stem}.csv" for path in sounds}


def _write(
    path: Path, events: Events, system: System, classes: Sequence[str], event_list: bool, audacity: bool
) -> None:
    """Write the files of one recording."""
    write_prediction(path, events, system)
    if event_list:
        write_event_list(path.with_name(path.stem + EVENT_LIST_SUFFIX), events, classes)
    if audacity:
        write_audacity(path.with_suffix(".txt"), events, classes)
