"""The command `predict`: recordings in, events and DCASE CSV files out."""

import logging
from pathlib import Path
from typing import Any, Literal

from tqdm import tqdm

from avseld.base.errors import BadInput
from avseld.base.files import check_folder, takes_paths
from avseld.base.next_step import tell_next
from avseld.config import VideoControl
from avseld.inference.choice import (
    check_channels,
    describe_guess,
    describe_weights,
    format_of,
    warn_of_capsules,
    weights_for,
)
from avseld.inference.energy_maps import check_maps, maps_path, write_maps
from avseld.inference.inputs import sound_files, videos_of
from avseld.inference.output import PredictionFiles, write_clip_file, write_prediction
from avseld.inference.predictor import Predictor, load, predict_all
from avseld.inference.run_folder import folder_of, recordings_for_weights, recordings_of
from avseld.inference.sounds import SoundJob, inner_video, open_page, predict_sound, show
from avseld.inference.submission import Year, check_submission, write_submission
from avseld.inference.thresholds import set_threshold
from avseld.io.array_file import chosen_channels
from avseld.io.array_setup import ArraySetup
from avseld.io.channel_map import Channels
from avseld.io.classes import compare_classes
from avseld.io.manifest import classes_of_predictions, read_classes, write_class_list
from avseld.io.predictions import targets_of
from avseld.io.run_config import prepared_folder
from avseld.io.run_weights import beside

log = logging.getLogger(__name__)

Format = Literal["foa", "mic", "circular", "binaural", "stereo", "mono"]
"""names of `avseld.io.formats.FORMATS`"""


@takes_paths
def predict(
    run: Path | None = None,
    prepared: Path | None = None,
    fold: str = "test",
    audio: list[Path] | Path | None = None,
    video: Path | None = None,
    format: Format | None = None,
    channels: list[int | str] | None = None,
    array: Path | None = None,
    detector: Path | None = None,
    detector_fps: float | None = None,
    video_offset: float = 0.0,
    video_yaw: float = 0.0,
    out: Path | None = None,
    events: bool | None = None,
    audacity: bool = False,
    view: bool = False,
    weights: Literal["best", "last"] = "best",
    control: VideoControl = "aligned",
    device: str = "auto",
    legacy: bool | None = None,
    threshold: float | None = None,
    submission: Year | None = None,
    maps: Path | None = None,
) -> None:
    """Predict sound files and videos, or a fold of a prepared folder, into DCASE csv files.

    Args:
        run: run folder, RUN@STEP for the weights of a step that `keep_every` has kept, safetensors file, or name of
            shipped weights; by default the shipped weights for the format of the sound files.
        prepared: prepared folder; by default the one of the training.
        fold: test, validate or train as in the recipe, or the name of a fold, a room or a recording.
        audio: sound files, videos with sound, folders or patterns ('takes/*.wav') instead of a prepared folder; any
            sample rate. May be written without --audio; `example` is the recording that comes with the package.
        video: with sound files, the 360-degree video or boxes file; for several recordings a folder of files named
            like them. By default the picture of a file that has one.
        format: of the sound files: foa (W Y Z X), mic (tetrahedral array), ...; by default that of the run, or a guess
            by the number of channels.
        channels: of the sound files, the channels to take, counted from 1, in the order of the format (1,2,3,4); or
            their names in the order of the file (W,X,Y,Z); or ambix, n3d or fuma, the first order of ambisonics of any
            order in that convention.
        array: of the sound files, the array file that `avseld calibrate` wrote, in place of --channels; directions are
            then those of the room.
        detector: weights of the detector that finds people in the video, or the name of an installed detector or of its
            package; by default YOLOX-tiny, fetched once.
        detector_fps: frames of the video per second in which people are detected; by default as in training.
        video_offset: second of the sound at which --video starts.
        video_yaw: azimuth of the middle of the picture, degrees, positive to the left.
        out: csv file for one recording, folder for several; by default RUN/predictions for a fold (of a step
            RUN/predictions@STEP), and ./predictions/NAME.csv for sound files.
        events: also write NAME.events.csv: name, onset, offset, azimuth, elevation of each event; by default for
            sound files only.
        audacity: also write NAME.txt, a label track for Audacity.
        view: for sound files, also write an HTML page beside the csv and open it in the browser.
        weights: best or last.
        control: visual input: the own video (aligned), the video of another recording (shuffled) or none (blank).
        device: cpu, cuda, ..., or auto.
        legacy: use the published rounding and averaging, defects included.
        threshold: decision threshold in place of the recipe's, 0 to 1; higher gives fewer events.
        submission: year of a challenge: write a fold as the files that it asks for, into RUN/submission_YEAR by default
            (2019: frame of 20 ms, class, azimuth, elevation as whole numbers).
        maps: folder for energy maps of DCASE2026, NAME.json for each recording: those of the network, or a Gaussian
            of 10 degrees around each direction.

    Raises:
        BadInput: files are missing or unusable.
    """
    taken = chosen_channels(channels, array)
    check_folder(maps, "--maps")
    options = {
        "channels": taken, "detector": detector, "detector_fps": detector_fps,
        "video_offset": video_offset, "video_yaw": video_yaw,
    }  # fmt: skip
    if detector_fps is not None and detector_fps <= 0:
        raise BadInput(f"--detector_fps {detector_fps:g}: choose a positive number of frames per second")
    if audio is None:
        given = {"video": video, "format": format, "view": view or None, "array": array}
        _refuse({name: value or None for name, value in (given | options).items()})
        if run is None:
            raise BadInput("nothing to predict; give sound files or videos, or --run RUN for its test fold")
        check_folder(out, "--out")
        predictor = load(run, weights, device, legacy)
        set_threshold(predictor.system, threshold)
        _predict_fold(predictor, run, prepared, fold, out, control, bool(events), audacity, submission, maps)
        return
    _refuse_options_of_folds(submission, control)
    sounds = sound_files(audio)
    videos, targets = videos_of(video, sounds), targets_of(out, sounds)
    if run is None:
        formats = {path: format_of(path, format, taken) for path in sounds}
        runs = {path: Path(weights_for(path, formats[path]).name) for path in sounds}
        _say_choices(formats, format is not None or array is not None)
    else:
        runs = dict.fromkeys(sounds, run)
    predictors = {each: load(each, weights, device, legacy) for each in dict.fromkeys(runs.values())}
    jobs = []
    for path in sounds:
        predictor = predictors[runs[path]]
        _check(predictor, path, runs[path], format, taken, run is not None)
        picture = videos.get(path.stem)
        if picture is None and control != "blank":
            picture = inner_video(path, predictor)
        if maps is not None:
            check_maps(predictor.system, predictor.classes)
        own_maps = None if maps is None else maps_path(maps, path.stem)
        jobs.append(SoundJob(path, targets[path], picture, options, events is not False, audacity, own_maps))
    for predictor in predictors.values():
        set_threshold(predictor.system, threshold)
    for job in tqdm(jobs, desc="predict", unit="recording", disable=True if len(jobs) == 1 else None):
        predictor = predictors[runs[job.path]]
        show(predict_sound(predictor, job), predictor.system, job, len(jobs) == 1)
    log.info("%s", " and ".join(map(str, jobs[0].files)) if len(jobs) == 1 else jobs[0].target.parent)
    if not view:
        path, target = jobs[0].path, jobs[0].target
        described: list[str | Path] = [] if array is None else ["--array", array]
        described += [] if maps is None else ["--maps", maps]
        tell_next("avseld", "view", "--audio", path, "--prediction", target, *described)
    if view:
        open_page(jobs, predictors[runs[sounds[0]]])


def _refuse(given: dict[str, Any]) -> None:
    """Refuse options of sound files where there are none."""
    for name, value in given.items():
        if value is not None:
            shown = "" if value is True else f" {value}"
            raise BadInput(f"--{name}{shown}: needs --audio, the sound of the recording")


def _refuse_options_of_folds(submission: int | None, control: str) -> None:
    """Refuse what only the recordings of a prepared folder have."""
    if submission is not None:
        raise BadInput(
            f"--submission {submission}: is written for the recordings of a prepared folder; prepare the evaluation "
            "set (--no_labels), and give --prepared in place of sound files"
        )
    if control == "shuffled":
        raise BadInput("--control shuffled: needs the recordings of a prepared folder, not sound files")


def _say_choices(formats: dict[Path, str], given: bool) -> None:
    """Log what the recordings are taken for and which weights are chosen, once for each format.

    Args:
        formats: by recording.
        given: whether the user named the format.
    """
    for format in dict.fromkeys(formats.values()):
        paths = [path for path, each in formats.items() if each == format]
        more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
        if not given:
            log.info("%s", describe_guess(f"{paths[0].name}{more}", format))
        log.info("%s", describe_weights(weights_for(paths[0], format)))


def _check(
    predictor: Predictor,
    path: Path,
    run: Path,
    format: str | None,
    channels: Channels | None,
    named: bool,
) -> None:
    """Refuse a recording that cannot be predicted; warn where its channels look like those of another format."""
    taken = predictor.system.blueprint.format
    if format not in (None, taken):
        raise BadInput(
            f"{path}: --format {format}, but {run} takes {taken} recordings; leave out --format, or give another --run"
        )
    if named and channels is None:
        check_channels(path, run, taken)
    predictor.check_sound(path, channels)
    if taken == "foa" and format is None and not isinstance(channels, ArraySetup):
        warn_of_capsules(path, channels)


def _refuse_beside_submission(year: int, given: dict[str, bool]) -> None:
    """Refuse further files of a recording: a submission holds nothing but those that the challenge asks for."""
    for name, value in given.items():
        if value:
            raise BadInput(
                f"--{name}: a submission ({year}) holds no further files; leave one of the two out"
            )


def _predict_fold(
    predictor: Predictor,
    run: Path,
    prepared: Path | None,
    fold: str,
    out: Path | None,
    control: VideoControl,
    event_list: bool,
    audacity: bool,
    submission: int | None,
    maps: Path | None,
) -> None:
    """Predict a fold of a prepared folder; arguments as for `predict`."""
    home = folder_of(run)
    if home is None:
        recordings = recordings_for_weights(run, predictor.system.blueprint.format, prepared, fold)
    else:
        recordings = recordings_of(home, prepared, fold)
    kind = "predictions" if submission is None else f"submission_{submission}"
    folder = out or (Path(kind) if home is None else beside(run, kind))
    place = prepared or prepared_folder(run if home is None else home)
    classes = read_classes(place)
    class_map = compare_classes(predictor.classes, classes, run, place / "classes.txt")
    if submission is not None:
        _refuse_beside_submission(submission, {"events": event_list, "audacity": audacity})
        check_submission(predictor.system, submission, classes)
    if maps is not None:
        check_maps(predictor.system, classes)
    predictions = predict_all(predictor, recordings, control, class_map=class_map)
    for name, found in predictions.items():
        if maps is not None:
            write_maps(maps_path(maps, name), found)
        path = folder / f"{name}.csv"
        if submission is not None:
            write_submission(path, found, submission)
            continue
        if not event_list and not audacity:
            write_prediction(path, found, predictor.system)
            continue
        with PredictionFiles(path, predictor.system, classes, event_list, audacity) as files:
            files.add(found, 0.0)
            files.finish()
    write_clip_file(folder, predictions, predictor.system, classes, recordings)
    write_class_list(classes_of_predictions(folder), classes)
    log.info("%s", folder)
    if submission is not None and all(one.labels for one in recordings):
        tell_next("avseld", "score", place, folder, "--challenge", str(submission), "--check_only")
    if submission is not None:
        return
    if home is not None and folder == beside(run, "predictions") and all(one.labels for one in recordings):
        again = () if prepared is None else (prepared, folder)
        tell_next("avseld", "score", *again, "--run", run if folder != home / "predictions" else home)
    else:
        tell_next("avseld", "view", "--prepared", place, "--predictions", folder, "--out", f"{folder}.html")
