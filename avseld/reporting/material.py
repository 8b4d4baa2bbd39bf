"""What there is to draw: the files of recordings, found through a run or a prepared folder."""

from dataclasses import dataclass
from pathlib import Path

import yaml

from avseld.base.errors import BadInput
from avseld.base.files import visible_files
from avseld.io.boxes import Boxes, read_boxes
from avseld.io.events import Events
from avseld.io.labels import read_labels
from avseld.io.manifest import Recording, matches, pick, read_classes, read_manifest


@dataclass(frozen=True)
class Material:
    """The files of one recording; None = absent."""

    name: str
    audio: Path
    classes: list[str]
    format: str | None = None
    video: Path | None = None
    boxes: Path | None = None
    reference: Path | None = None
    prediction: Path | None = None

    def events(self, metres_per_unit: float = 0.01) -> tuple[Events | None, Events | None]:
        """Reference and prediction.

        Args:
            metres_per_unit: unit of the distances in the prediction.

        Raises:
            BadInput: a file is missing or has a bad row.
        """
        n_classes = len(self.classes) or None
        reference = read_labels(self.reference, n_classes) if self.reference else None
        prediction = None
        if self.prediction:
            prediction = read_labels(self.prediction, n_classes, metres_per_unit=metres_per_unit)
        return reference, prediction

    def found_boxes(self) -> Boxes | None:
        """Boxes, None where there is no boxes file.

        Raises:
            BadInput: the file is damaged or belongs to another video.
        """
        return read_boxes(self.boxes, self.video) if self.boxes else None


def from_prepared(prepared: Path, names: list[str] | None, predictions: Path | None) -> list[Material]:
    """Recordings of a prepared folder.

    Args:
        prepared: the folder.
        names: folds, rooms or recordings; None takes all.
        predictions: folder of csv files named as the recordings, searched with its folders; recordings
            without one are left out.

    Raises:
        BadInput: no such folder, recording or prediction.
    """
    classes, listed = read_classes(prepared), read_manifest(prepared)
    chosen = listed if names is None else pick(listed, names)
    files = _csv_files(predictions) if predictions else {}
    if predictions:
        chosen = [recording for recording in chosen if recording.name in files]
        if not chosen:
            raise BadInput(
                f"{predictions}: no csv named as a recording of {prepared}; predict with avseld predict"
            )
    return [_material(recording, classes, files.get(recording.name)) for recording in chosen]


def from_run(run: Path, prepared: Path | None = None, names: list[str] | None = None) -> list[Material]:
    """The recordings of a run that have a prediction.

    Args:
        run: folder with config.yaml and predictions/.
        prepared: the prepared folder, where it is not at the place that the run's config.yaml names.
        names: folds, rooms or recordings; None takes the test recordings.

    Raises:
        BadInput: no run, no predictions, or no prepared folder.
    """
    path = run / "config.yaml"
    if not path.is_file():
        raise BadInput(f"{path}: not found; give the folder of a run made by avseld train")
    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
        data = config["data"]
        place, tokens = Path(prepared or data["prepared"]), data.get("test") or []
    except (yaml.YAMLError, KeyError, TypeError, UnicodeDecodeError) as error:
        raise BadInput(
            f"{path}: no configuration of a run ({error}); give --prepared, or train anew"
        ) from error
    if not (run / "predictions").is_dir():
        raise BadInput(f"{run / 'predictions'}: not found; predict with avseld predict --run {run}")
    if not place.is_dir():
        raise BadInput(f"{place}: the prepared folder of {path} is not there; say where with --prepared")
    known = read_manifest(place)
    # another folder than that of the training may have other folds: then take all that is predicted
    tests = [token for token in map(str, tokens) if any(matches(recording, token) for recording in known)]
    return from_prepared(place, names or tests or None, run / "predictions")


def _csv_files(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        raise BadInput(f"{folder}: not found; give the folder of the predicted csv files")
    return {path.stem: path for path in visible_files(folder, (".csv",))}


def _material(recording: Recording, classes: list[str], prediction: Path | None) -> Material:
    boxes = recording.boxes if recording.boxes and recording.boxes.is_file() else None
    return Material(
        recording.name,
        recording.audio,
        classes,
        recording.format,
        recording.video,
        boxes,
        recording.labels,
        prediction,
    )
