"""The files of recordings to draw, located from a run or a prepared folder."""

from dataclasses import dataclass
from pathlib import Path

from avseld.base.archive import is_file
from avseld.base.errors import BadInput
from avseld.base.files import require_folder, visible_files
from avseld.io.alignment import aligned
from avseld.io.boxes import Boxes, read_boxes
from avseld.io.channel_map import Channels
from avseld.io.events import Events
from avseld.io.labels import EVENT_LIST_SUFFIX, coordinates_of, read_labels
from avseld.io.manifest import (
    Recording,
    check_classes_of_predictions,
    matches,
    pick,
    read_classes,
    read_manifest,
)
from avseld.io.run_config import CONFIG, parts_of, predictions_of, prepared_folder
from avseld.io.sound_track import is_container
from avseld.io.video import has_video, video_info


@dataclass(frozen=True)
class RecordingFiles:
    """The files of one recording; None where there is none."""

    name: str
    audio: Path
    classes: list[str]
    format: str | None = None
    video: Path | None = None
    boxes: Path | None = None
    reference: Path | None = None
    prediction: Path | None = None
    video_offset: float = 0.0
    """second of the recording at which its video starts"""
    video_yaw: float = 0.0
    """azimuth of the middle of the picture, degrees"""
    channels: Channels | None = None
    """channels of the audio to take, see `avseld.io.channel_map`; None for all"""
    prompt: str = ""
    """description in words"""
    maps: Path | None = None
    """energy maps: a folder that has some of the recording, or their file"""

    def load_events(self, metres_per_unit: float | None = None) -> tuple[Events | None, Events | None]:
        """Read reference and prediction.

        Args:
            metres_per_unit: unit of the distances in the prediction; None for metres in Cartesian files, as
                `avseld predict` writes them, and centimetres in others.

        Raises:
            BadInput: a file is missing or has a bad row.
        """
        n_classes = len(self.classes) or None
        classes = self.classes or None
        reference = None
        if self.reference:
            reference = read_labels(self.reference, n_classes, classes=classes, recording=self.name)
        prediction = None
        if self.prediction:
            if metres_per_unit is None:
                metres_per_unit = coordinates_of(self.prediction, None)[1]
            prediction = read_labels(
                self.prediction,
                n_classes,
                metres_per_unit=metres_per_unit,
                classes=classes,
                recording=self.name,
            )
        return reference, prediction

    def load_boxes(self) -> Boxes | None:
        """Read the boxes, moved to the time and the directions of the sound; None if there is no boxes file.

        Raises:
            BadInput: the file is damaged or belongs to another video.
        """
        if self.boxes is None:
            return None
        return aligned(read_boxes(self.boxes, self.video), self.video_offset, self.video_yaw)


def panorama_of(path: Path) -> Path | None:
    """Return a video file for the 360-degree picture that it holds beside its sound; None for other files.

    Raises:
        BadInput: missing or unreadable.
    """
    return path if is_container(path) and has_video(path) and video_info(path).is_panorama else None


def from_prepared(prepared: Path, names: list[str] | None, predictions: Path | None) -> list[RecordingFiles]:
    """Locate the files of recordings of a prepared folder.

    Args:
        prepared: the prepared folder.
        names: folds, rooms or recordings; None for all.
        predictions: folder of CSV files named like the recordings, searched recursively; recordings without one are
            left out.

    Raises:
        BadInput: no such folder, recording or prediction.
    """
    classes, listed = read_classes(prepared), read_manifest(prepared)
    chosen = listed if names is None else pick(listed, names)
    files = _csv_files(predictions) if predictions else {}
    if predictions:
        check_classes_of_predictions(predictions, classes, prepared / "classes.txt")
    if predictions:
        chosen = [recording for recording in chosen if recording.name in files]
        if not chosen:
            raise BadInput(
                f"{predictions}: no csv named as a recording of {prepared}; predict with avseld predict"
            )
    return [_files_of(recording, classes, files.get(recording.name)) for recording in chosen]


def from_run(run: Path, prepared: Path | None = None, names: list[str] | None = None) -> list[RecordingFiles]:
    """Locate the files of the recordings of a run that have a prediction.

    Args:
        run: folder with config.yaml and predictions/ (of `predict`) or evaluation/ (of `evaluate`).
        prepared: the prepared folder, if it is not where config.yaml says.
        names: folds, rooms or recordings; None for the test recordings.

    Raises:
        BadInput: no run, no predictions, or no prepared folder.
    """
    try:
        place, tokens = prepared_folder(run, prepared), parts_of(run)["test"]
    except (KeyError, TypeError, AttributeError) as error:
        raise BadInput(
            f"{run / CONFIG}: no configuration of a run ({error}); give --prepared, or train anew"
        ) from error
    predictions = predictions_of(run, prepared)
    listed = read_manifest(place)
    # Another prepared folder than the training's may have other folds: then take all predicted recordings.
    tests = [token for token in map(str, tokens) if any(matches(recording, token) for recording in listed)]
    return from_prepared(place, names or tests or None, predictions)


def _csv_files(folder: Path) -> dict[str, Path]:
    require_folder(folder, "give the folder of the predicted csv files")
    found = visible_files(folder, (".csv",))
    return {path.stem: path for path in found if not path.name.endswith(EVENT_LIST_SUFFIX)}


def _files_of(recording: Recording, classes: list[str], prediction: Path | None) -> RecordingFiles:
    boxes = recording.boxes if recording.boxes and is_file(recording.boxes) else None
    return RecordingFiles(
        recording.name,
        recording.audio,
        classes,
        recording.format,
        recording.video,
        boxes,
        recording.labels,
        prediction,
        recording.video_offset,
        recording.video_yaw,
        prompt=recording.prompt,
    )
