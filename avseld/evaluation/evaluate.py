"""Evaluation: predict, score, draw, and say it in one table."""

import json
import logging
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import lightning
import numpy as np
from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm

from avseld.base.errors import BadInput
from avseld.base.files import replacing
from avseld.data.windows import reference
from avseld.evaluation.ablation import gain_table, gains, read_parts
from avseld.evaluation.validation import Validator
from avseld.inference.predict import (
    Control,
    Predictor,
    load,
    predict_all,
    read_config,
    recordings_of,
    write_prediction,
)
from avseld.io.audio import read_audio
from avseld.io.boxes import read_boxes
from avseld.io.events import Events
from avseld.io.manifest import Recording
from avseld.metrics import SCORES, score
from avseld.reporting import clip_figure, figure, overlay
from avseld.system.build import System

log = logging.getLogger(__name__)


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
    out: Path | None = None,
    device: str = "auto",
    legacy: bool | None = None,
) -> None:
    """Predict, score and draw the recordings of a fold.

    Args:
        run: the run folder.
        prepared: prepared folder; the one that the run was trained on if left out.
        fold: test, validate or train as in the recipe, or the name of a fold, a room or a recording.
        controls: what the recordings are shown: aligned (their own videos), shuffled (those of others), blank,
            silent (their own videos without their sound);
            one row of the table each. As trained if left out.
        untrained: one more row, the same network with the weights it started from.
        weights: best or last.
        challenge: the year whose scores are computed; the one of the training if left out.
        figures: recordings to draw.
        parts: csv with the columns recording,part (presets.csv of a generated corpus): gains are told by part, in
            place of by room.
        out: folder of the results; RUN/evaluation if left out.
        device: cpu, cuda, ..., or auto.
        legacy: the published rounding and averaging, defects included.

    Raises:
        BadInput: whatever is wrong with the files.
    """
    config = read_config(run)
    year = challenge or config["challenge"]
    predictor = load(run, weights, device, legacy)
    recordings = recordings_of(run, prepared, fold)
    wanted = {r.name: reference(r, len(predictor.classes)) for r in recordings}
    groups = _rooms(recordings) if parts is None else read_parts(parts, list(wanted))
    folder = out or run / "evaluation"
    results: dict[str, dict[str, Any]] = {}
    heard: dict[str, dict[str, Events]] = {}
    chosen = controls or [config["data"]["video"]]
    for control in chosen:
        found, results[control], probable = _scored(
            predictor, recordings, wanted, control, config["seed"], year
        )
        heard[control] = found
        for name, events in found.items():
            write_prediction(folder / control / f"{name}.csv", events, predictor.system)
        if control == chosen[0]:
            _draw(folder, recordings[:figures], wanted, found, predictor, probable)
    gained = {}
    if len(heard) > 1 and predictor.task == "seld" and year >= 2020:
        gained = gains(
            wanted, heard, predictor.classes, year, groups if len(groups) > 1 else {}, config["seed"]
        )
        to_tensorboard(folder, chosen[0], gained)
    if untrained:
        fresh = Predictor(_untrained(predictor.system, config["seed"]).to(predictor.system.device))
        _, results["untrained"], _ = _scored(fresh, recordings, wanted, "blank", config["seed"], year)
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
    sys.stdout.write(table(results) + "\n")
    if gained:
        sys.stdout.write("\n" + gain_table(chosen[0], gained) + "\n")
    if about["selected_on_test"]:
        log.warning(
            "the recipe lets validation and test share recordings, as the paper did: read these as optimistic"
        )
    log.info("%s", folder / "scores.json")


def to_tensorboard(folder: Path, first: str, gained: Mapping[str, Any]) -> None:
    """Write what vision gains where TensorBoard finds it beside the run: a table, and a number for each row."""
    with SummaryWriter(str(folder)) as board:
        board.add_text("gains", "```\n" + gain_table(first, gained) + "\n```")
        for other, parts in gained.items():
            for part, groups in parts.items():
                for group, told in groups.items():
                    for measure, (gain, _, _) in told.items():
                        board.add_scalar(f"gain over {other}/{measure} {part} {group}", gain)


def _rooms(recordings: Sequence[Recording]) -> dict[str, list[str]]:
    rooms: dict[str, list[str]] = {}
    for recording in recordings:
        rooms.setdefault(f"{recording.fold}_{recording.room}", []).append(recording.name)
    return rooms


def _scored(
    predictor: Predictor,
    recordings: Sequence[Recording],
    wanted: dict[str, Events],
    control: Control,
    seed: int,
    year: int,
) -> tuple[dict[str, Events], dict[str, Any], dict[str, np.ndarray | None]]:
    """Predictions by recording, their scores, and the probabilities of frames where the target tells them."""
    if predictor.task == "seld":
        found = predict_all(predictor, recordings, control, seed)
        return found, score(wanted, found, year, n_classes=len(predictor.classes)).as_dict(), {}
    validator = Validator(predictor.system, year)
    run = {
        recording.name: validator.evaluate_recording(recording, wanted[recording.name])
        for recording in tqdm(recordings, desc="predict", unit="recording")
    }
    found = {name: one.prediction for name, one in run.items()}
    probable = {name: one.probability for name, one in run.items()}
    return found, dict(validator.summarize(list(run.values()))), probable


def table(results: dict[str, dict[str, Any]]) -> str:
    """Rows of scores as text.

    Args:
        results: scores by their names, for every row by its name.
    """
    names = [name for name in SCORES if any(name in row for row in results.values())]
    width = max(len(row) for row in results) + 2
    lines = [" " * width + "".join(f"{SCORES[name].label:>9}" for name in names)]
    for title, row in results.items():
        cells = [_cell(name, row.get(name)) for name in names]
        lines.append(f"{title:<{width}}" + "".join(f"{cell:>9}" for cell in cells))
    return "\n".join(lines)


def _cell(name: str, value: float | None) -> str:
    text = SCORES[name].text(value)
    return text if text == "-" else text + SCORES[name].unit


def _untrained(system: System, seed: int) -> System:
    lightning.seed_everything(seed, verbose=False)
    fresh = System(system.blueprint)
    fresh.features.load_state_dict(system.features.state_dict())
    return fresh


def _film(recording: Recording, path: Path, wanted: Events, found: Events, predictor: Predictor) -> None:
    assert recording.video is not None
    boxes = read_boxes(recording.boxes) if recording.boxes is not None and recording.boxes.is_file() else None
    overlay(
        recording.video,
        path,
        wanted,
        found,
        boxes,
        predictor.classes,
        audio=recording.audio,
        format=recording.format,
        stop=min(recording.duration, 60.0),
        title=recording.name,
    )


def _draw(
    folder: Path,
    recordings: Sequence[Recording],
    wanted: dict[str, Events],
    found: dict[str, Events],
    predictor: Predictor,
    probable: dict[str, np.ndarray | None],
) -> None:
    rate = predictor.system.sample_rate
    for number, recording in enumerate(recordings):
        stop = min(recording.duration, 60.0)
        sound = read_audio(recording.audio, 0, round(stop * rate))
        if predictor.task == "tagging":
            picture = clip_figure(
                sound, rate, wanted[recording.name], found[recording.name], predictor.classes,
                probable.get(recording.name), predictor.system.hop, recording.name,
            )  # fmt: skip
        else:
            picture = figure(
                sound,
                rate,
                wanted[recording.name].within(0, stop),
                found[recording.name].within(0, stop),
                predictor.classes,
                title=recording.name,
            )
        with replacing(folder / f"{recording.name}.png") as temporary:
            picture.savefig(temporary, dpi=100)
        log.info("%s", folder / f"{recording.name}.png")
        if number == 0 and recording.video is not None and recording.video.is_file():
            path = folder / f"{recording.name}.mp4"
            try:
                _film(recording, path, wanted[recording.name], found[recording.name], predictor)
            except BadInput as error:
                log.warning("no overlay: %s", error)
            else:
                log.info("%s", path)
