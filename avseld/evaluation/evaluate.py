"""The command `evaluate`: predict, score and draw the recordings of a fold."""

import json
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from avseld.base.errors import BadInput
from avseld.base.files import check_folder, replacing, takes_paths
from avseld.base.next_step import tell_next
from avseld.data.windows import reference
from avseld.evaluation.ablation import gain_table, gains, read_parts
from avseld.evaluation.board import write_board
from avseld.evaluation.front_back import KEY, front_back_of, front_back_table
from avseld.evaluation.judging import judge, scores_of
from avseld.evaluation.score_tables import class_table, table, write_class_scores
from avseld.evaluation.validation import tell_how_scored
from avseld.inference.output import write_clip_file, write_prediction
from avseld.inference.predictor import Control, Predictor, load
from avseld.inference.run_folder import labelled_recordings_of
from avseld.io.alignment import boxes_of
from avseld.io.audio import audio_info, read_audio
from avseld.io.classes import ClassMap, compare_classes
from avseld.io.events import Events
from avseld.io.manifest import Recording, classes_of_predictions, read_class_list, write_class_list
from avseld.io.people_classes import people_classes
from avseld.io.run_config import prepared_folder, read_config
from avseld.io.run_weights import beside
from avseld.metrics.cones import ConeScores
from avseld.reporting import clip_figure, figure, overlay
from avseld.system.build import System

log = logging.getLogger(__name__)


@takes_paths
def evaluate(
    run: Path,
    prepared: Path | None = None,
    fold: str = "test",
    controls: list[Control] | None = None,
    untrained: bool = False,
    weights: Literal["best", "last"] = "best",
    challenge: int | None = None,
    figures: int = 1,
    parts: Path | None = None,
    people: list[str] | None = None,
    out: Path | None = None,
    device: str = "auto",
    legacy: bool | None = None,
) -> None:
    """Predict, score and draw the recordings of a fold.

    Args:
        run: the run folder, or RUN@STEP for the weights of a step that `keep_every` has kept.
        prepared: prepared folder; by default the one of the training.
        fold: test, validate or train as in the recipe, or the name of a fold, a room or a recording.
        controls: visual input: aligned (own video), shuffled (video of another recording), blank (none),
            silent (own video without sound); one row of the table each. By default as in the training.
        untrained: add a row for the same network with random weights.
        weights: best or last.
        challenge: year of the scoring rule; by default the one of the training.
        figures: number of recordings to draw.
        parts: csv with the columns recording,part (presets.csv of a generated corpus): report gains by part
            instead of by room.
        people: classes that people make, whose gains are reported by themselves; by default those whose names say so
            (speech, laughter, footsteps, ...).
        out: folder of the results; by default RUN/evaluation, of a step RUN/evaluation@STEP.
        device: cpu, cuda, ..., or auto.
        legacy: use the published rounding and averaging, defects included.

    Raises:
        BadInput: files are missing or unusable.
    """
    check_folder(out, "--out")
    config = read_config(run)
    year = challenge or config["challenge"]
    predictor = load(run, weights, device, legacy)
    tell_how_scored(predictor.system, year)
    recordings = labelled_recordings_of(run, prepared, fold)
    classes, class_map = _classes(predictor, run, prepared_folder(run, prepared) / "classes.txt")
    references = {r.name: reference(r, len(classes)) for r in recordings}
    people_classes(classes, people)  # a wrong name is told before the prediction
    groups = _rooms(recordings) if parts is None else read_parts(parts, list(references))
    folder = out or beside(run, "evaluation")
    results: dict[str, dict[str, Any]] = {}
    predictions: dict[str, dict[str, Events]] = {}
    chosen = controls or [config["data"]["video"]]
    for control in chosen:
        predictions[control], results[control], probabilities = _predict_and_score(
            predictor, recordings, references, control, config["seed"], year, class_map, classes
        )
        for name, events in predictions[control].items():
            write_prediction(folder / control / f"{name}.csv", events, predictor.system)
        write_clip_file(folder / control, predictions[control], predictor.system, classes, recordings)
        write_class_list(classes_of_predictions(folder / control), classes)
        if control == chosen[0]:
            shown = (references, predictions[control], predictor, probabilities, classes)
            _draw(folder, recordings[:figures], *shown)
    gained = {}
    if len(predictions) > 1 and predictor.task == "seld" and year >= 2020:
        split = groups if len(groups) > 1 else {}
        gained = gains(references, predictions, classes, year, split, config["seed"], people)
        log.info("%s", _people_line(classes, people))
    if untrained:
        fresh = untrained_predictor(predictor, config["seed"])
        _, results["untrained"], _ = _predict_and_score(
            fresh, recordings, references, "blank", config["seed"], year, class_map, classes
        )
    about = {
        "run": str(run),
        "challenge": year,
        "task": predictor.task,
        "parameters": predictor.system.parameter_count,
        "recordings": len(recordings),
        "rooms": sorted({f"{recording.fold}_{recording.room}" for recording in recordings}),
        "selected_on_test": bool(config["data"]["allow_overlap"]),
        "scores": results,
        "gains": gained,
    }
    with replacing(folder / "scores.json") as temporary:
        temporary.write_text(json.dumps(about, indent=1), encoding="utf-8")
    write_board(folder, config, results, gained)
    sys.stdout.write(table(results) + "\n")
    if results[chosen[0]]["classwise"]:
        sys.stdout.write(f"\n{class_table(results[chosen[0]], classes)}\n")
        write_class_scores(folder / "classes.csv", results[chosen[0]], classes)
    if told := {control: row[KEY] for control, row in results.items() if KEY in row}:
        sys.stdout.write(f"\n{front_back_table(told)}\n")
    if gained:
        sys.stdout.write("\n" + gain_table(chosen[0], gained) + "\n")
    if about["selected_on_test"]:
        log.warning(
            "validation and test share recordings (data.allow_overlap), as in the paper: these scores are optimistic"
        )
    log.info("%s", folder / "scores.json")
    _tell_view(run, prepared, folder, chosen[0])


def _tell_view(run: Path, prepared: Path | None, folder: Path, control: str) -> None:
    """Name the command that shows what was predicted; arguments as for `evaluate`."""
    if folder == beside(run, "evaluation") and not beside(run, "predictions").is_dir():
        tell_next("avseld", "view", "--run", run, *(() if prepared is None else ("--prepared", prepared)))
        return
    words = ("--prepared", prepared_folder(run, prepared), "--predictions", folder / control)
    tell_next("avseld", "view", *words, "--out", folder / "view.html")


def _people_line(classes: Sequence[str], people: Sequence[str] | None) -> str:
    """Say which classes count as made by people."""
    names = ", ".join(classes[index] for index in people_classes(classes, people)) or "none"
    return f"classes of people: {names}{'' if people else ' (by their names; --people names others)'}"


def _classes(predictor: Predictor, run: Path, path: Path) -> tuple[list[str], ClassMap | None]:
    """Read the classes of a prepared folder, and how those of the run are given as them."""
    classes = read_class_list(path)
    class_map = compare_classes(predictor.classes, classes, run, path)
    if class_map is not None and predictor.task != "seld":
        raise BadInput(
            f"{path}: other classes than those of {run}; prepare the folder with the run's classes"
        )
    return classes, class_map


def _rooms(recordings: Sequence[Recording]) -> dict[str, list[str]]:
    rooms: dict[str, list[str]] = {}
    for recording in recordings:
        rooms.setdefault(f"{recording.fold}_{recording.room}", []).append(recording.name)
    return rooms


def _predict_and_score(
    predictor: Predictor,
    recordings: Sequence[Recording],
    references: dict[str, Events],
    control: Control,
    seed: int,
    year: int,
    class_map: ClassMap | None,
    classes: Sequence[str],
) -> tuple[dict[str, Events], dict[str, Any], dict[str, np.ndarray | None]]:
    """Return predictions by recording, their scores, and frame probabilities where the target computes them."""
    judged = judge(predictor, recordings, references, control, seed, year, class_map)
    scores = scores_of(judged, predictor, references, year, classes)
    told = scores.as_dict()
    if predictor.task == "seld":
        pairs = (references, judged.predictions)
        told[KEY] = _front_back(recordings, *pairs, len(classes), year, scores.average).as_dict()
    return judged.predictions, told, judged.probabilities


def _front_back(
    recordings: Sequence[Recording],
    references: dict[str, Events],
    predictions: dict[str, Events],
    n_classes: int,
    year: int,
    average: str,
) -> ConeScores:
    """Score front-back confusions and errors on the cone of confusion; see `front_back_of`."""
    labels = {recording.name: recording.labels for recording in recordings}
    stereo = all(recording.format == "stereo" for recording in recordings)
    return front_back_of(references, predictions, labels, n_classes, year, average, stereo)


def untrained_predictor(predictor: Predictor, seed: int) -> Predictor:
    """Return a predictor with the same network and random weights; statistics of features are kept.

    Args:
        predictor: the trained system.
        seed: of the weights.
    """
    system = predictor.system
    torch.manual_seed(seed)
    fresh = System(system.blueprint)
    fresh.features.load_state_dict(system.features.state_dict())
    return Predictor(fresh.to(system.device))


def _write_overlay(
    recording: Recording, path: Path, reference: Events, prediction: Events, classes: list[str]
) -> None:
    assert recording.video is not None
    boxes = boxes_of(recording)
    overlay(
        recording.video,
        path,
        reference,
        prediction,
        boxes,
        classes,
        audio=recording.audio,
        format=recording.format,
        stop=min(recording.duration, 60.0),
        title=recording.name,
        video_offset=recording.video_offset,
        video_yaw=recording.video_yaw,
    )


def _draw(
    folder: Path,
    recordings: Sequence[Recording],
    references: dict[str, Events],
    predictions: dict[str, Events],
    predictor: Predictor,
    probabilities: dict[str, np.ndarray | None],
    classes: list[str],
) -> None:
    for number, recording in enumerate(recordings):
        stop = min(recording.duration, 60.0)
        rate = audio_info(recording.audio).sample_rate
        sound = read_audio(recording.audio, 0, round(stop * rate))
        if predictor.task == "tagging":
            picture = clip_figure(
                sound, rate, references[recording.name], predictions[recording.name], classes,
                probabilities.get(recording.name), predictor.system.hop, recording.name,
            )  # fmt: skip
        else:
            picture = figure(
                sound,
                rate,
                references[recording.name].within(0, stop),
                predictions[recording.name].within(0, stop),
                classes,
                title=recording.name,
            )
        with replacing(folder / f"{recording.name}.png") as temporary:
            picture.savefig(temporary, dpi=100)
        log.info("%s", folder / f"{recording.name}.png")
        if number == 0 and recording.video is not None and recording.video.is_file():
            path = folder / f"{recording.name}.mp4"
            try:
                _write_overlay(
                    recording, path, references[recording.name], predictions[recording.name], classes
                )
            except BadInput as error:
                log.warning("no overlay: %s", error)
            else:
                log.info("%s", path)
