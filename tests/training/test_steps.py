"""Systems trained in several steps and systems without directions, from recipe to scores."""

import json
from pathlib import Path

import numpy as np
import plane_waves
import pytest
import torch
import yaml
from safetensors.torch import load_file

from avseld.base.errors import BadInput
from avseld.config import Data, Hardware, InitFrom, Part
from avseld.evaluation.evaluate import evaluate
from avseld.inference.predict import predict
from avseld.io.events import read_events
from avseld.io.manifest import read_manifest
from avseld.metrics import score
from avseld.metrics.submission import problems
from avseld.system.checkpoint import load_system
from avseld.system.inference import iterate_heads
from avseld.training.train import train

LOGMEL = {"sample_rate": 24000, "n_fft": 512, "win_length": 480, "hop": 240, "n_mels": 32}
NARROW = {"widths": [8, 8, 8, 8]}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    return plane_waves.make(tmp_path_factory.mktemp("plane_waves"), seconds=4)


def run(prepared: Path, out: Path, features: Part, model: Part, target: Part, **changes) -> Path:
    words = {
        "data": Data(prepared, validate=["fold3_room5"], batch_size=4, chunk=1.28, inference_chunk=4.0, video="blank"),
        "features": features, "model": model, "target": target,
        "optimizer": Part("adam", {"lr": 1e-2}), "out": out, "steps": 4, "validate_every": 2,
        "best_by": "last", "hardware": Hardware("cpu", 1),
    } | changes  # fmt: skip
    train(**words)
    return out


@pytest.fixture(scope="module")
def first_stage(prepared, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "sed"
    target = Part("two_stage", {"stage": "sed"})
    return run(
        prepared, out, Part("logmel_iv", LOGMEL), Part("crnn10", NARROW), target, steps=60, validate_every=30
    )


def scores_of(out: Path) -> list[dict[str, float]]:
    lines = (out / "metrics.csv").read_text().splitlines()
    names = lines[0].split(",")
    return [dict(zip(names, map(float, line.split(",")), strict=True)) for line in lines[1:]]


def test_the_first_stage_is_validated_by_sound_event_detection_scores(first_stage):
    rows = scores_of(first_stage)
    assert {"score/ER", "score/F", "loss/validate"} <= set(rows[0]) and "score/LE" not in rows[0]
    assert rows[-1]["score/F"] > 0.3 and rows[-1]["score/ER"] < 1


def test_the_second_stage_starts_from_the_first_and_learns_directions(prepared, first_stage, tmp_path):
    out = run(
        prepared, tmp_path / "doa", Part("logmel_iv", LOGMEL), Part("two_stage", NARROW),
        Part("two_stage", {"stage": "doa"}), init_from=InitFrom(roles={"sed": first_stage}),
    )  # fmt: skip
    before, after = load_file(first_stage / "model.safetensors"), load_file(out / "model.safetensors")
    for name, value in before.items():
        own = name if name.startswith("features.") else f"sed.{name}"
        assert torch.equal(after[own], value), name
    convolutions = [name for name in after if name.startswith("doa.") and name.endswith("conv1.weight")]
    moved = [(after[name] - before[name.removeprefix("doa.")]).abs().max() for name in convolutions]
    assert len(moved) == 4 and all(
        0 < step < 0.05 for step in moved
    )  # four steps with a learning rate of 0.01
    evaluate(out, figures=0)
    result = json.loads((out / "evaluation" / "scores.json").read_text())["scores"]["blank"]
    assert result["challenge"] == 2023 and result["LR"] > 0
    rows = read_events(next((out / "evaluation" / "blank").glob("*.csv")))
    assert np.allclose(rows.offset - rows.onset, 0.02) and not np.isnan(rows.azimuth).any()
    predict(out, submission=2019)
    assert problems(prepared, out / "submission_2019", 2019, fold="fold4") == []
    for path in sorted((out / "submission_2019").glob("*.csv")):
        assert [tuple(map(int, line.split(","))) for line in path.read_text().splitlines()] == [
            (round(on / 0.02), c, (round(a) + 180) % 360 - 180, round(e))
            for on, c, a, e in zip(
                *(getattr(read_events(out / "evaluation" / "blank" / path.name), column).tolist()
                  for column in ("onset", "label", "azimuth", "elevation")), strict=True)
        ]  # fmt: skip


def test_a_first_stage_with_other_features_or_an_unknown_role_is_refused(prepared, first_stage, tmp_path):
    with pytest.raises(BadInput, match=r"trained with other features|same architecture"):
        run(prepared, tmp_path / "doa", Part("logmel_iv", LOGMEL | {"n_mels": 48}), Part("two_stage", NARROW),
            Part("two_stage", {"stage": "doa"}), init_from=InitFrom(roles={"sed": first_stage}))  # fmt: skip
    with pytest.raises(BadInput, match="takes no weights as 'ears', but as sed"):
        run(prepared, tmp_path / "doa", Part("logmel_iv", LOGMEL), Part("two_stage", NARROW),
            Part("two_stage", {"stage": "doa"}), init_from=InitFrom(roles={"ears": first_stage}))  # fmt: skip
    assert not (tmp_path / "doa").exists()


def test_a_second_stage_without_its_first_is_refused_unless_random_is_meant(prepared, tmp_path):
    parts = Part("logmel_iv", LOGMEL), Part("two_stage", NARROW), Part("two_stage", {"stage": "doa"})
    with pytest.raises(
        BadInput,
        match=r"does not train its sed, .*give --init_from\.roles\.sed RUN with runs of two_stage_sed",
    ):
        run(prepared, tmp_path / "doa", *parts)
    assert not (tmp_path / "doa").exists()
    run(prepared, tmp_path / "random", *parts, steps=2, init_from=InitFrom(random=True))
    assert (tmp_path / "random" / "model.safetensors").exists()


def test_inference_windows_can_be_longer_than_training_windows(prepared, first_stage):
    system = load_system(first_stage / "model.safetensors")
    assert system.window_frames == 129 and system.run_frames == 401
    recording = read_manifest(prepared)[0]
    heads = list(iterate_heads(system, lambda first, n: np.zeros((4, n), np.float32), 4 * 24000))
    assert len(heads) == 1 and len(heads[0][1]["sed"]) == 400
    assert recording.duration == 4


def test_direction_classes_are_scored_by_average_precision(prepared, tmp_path):
    part = {"parts": ["ele_hist"], "sample_rate": 24000, "n_fft": 512, "hop": 300}
    out = run(prepared, tmp_path / "ele", Part("general", part), Part("general", {"module": "ele_hist"}),
              Part("bins", {"angles": ["elevation"]}), steps=2,
              data=Data(prepared, validate=["fold3_room5"], batch_size=2, chunk=1.0, video="blank"))  # fmt: skip
    assert 0 < scores_of(out)[-1]["score/mAP"] <= 1
    evaluate(out, figures=0, untrained=True)
    assert set(json.loads((out / "evaluation" / "scores.json").read_text())["scores"]) == {
        "blank",
        "untrained",
    }


def test_clip_tags_and_events_are_scored(prepared, tmp_path):
    data = Data(prepared, validate=["fold3_room5"], batch_size=4, chunk=5.0, video="blank")
    features = Part("logmel", LOGMEL | {"sample_rate": 24000})
    out = run(prepared, tmp_path / "tags", features, Part("cnn", {"layers": 5}), Part("tagging"), data=data)
    last = scores_of(out)[-1]
    assert {"score/event_F", "score/segment_F", "score/mAP", "score/event_ER"} <= set(last)
    evaluate(out, figures=0)
    for path in (out / "evaluation" / "blank").glob("*.csv"):
        assert np.isnan(read_events(path).azimuth).all()
    evaluated = json.loads((out / "evaluation" / "scores.json").read_text())["scores"]["blank"]
    assert (out / "evaluation" / "blank.tsv").read_text().startswith("filename\tonset\toffset\tevent_label\n")
    for prediction in (None, out / "evaluation" / "blank.tsv"):
        again = score(prediction=prediction, run=out, corrected=True, fold="test")
        assert again["event_F"] == pytest.approx(evaluated["event_F"], nan_ok=True)
    assert yaml.safe_load((out / "config.yaml").read_text())["best_by"] == "last"
    assert (out / "model.safetensors").read_bytes() == (out / "last.safetensors").read_bytes()
