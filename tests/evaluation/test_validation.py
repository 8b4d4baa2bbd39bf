"""Validation: counting is separate from running the network, and scores know their direction."""

from contextlib import nullcontext
from functools import partial
from types import SimpleNamespace

import numpy as np
import plane_waves
import pytest
import soundfile
import torch

from avseld.base.errors import BadInput
from avseld.config import Part
from avseld.data.windows import reference
from avseld.evaluation.judging import judge
from avseld.evaluation.validation import RecordingResult, Validator, check_label_frames, tell_how_scored
from avseld.inference.predictor import Predictor
from avseld.io.audio import read_audio
from avseld.io.events import Events
from avseld.io.manifest import Recording, read_manifest
from avseld.io.resampling import open_recording
from avseld.metrics.ranking import Rankings, ranking_names
from avseld.system.build import Blueprint, System
from avseld.system.inference import iterate_heads
from avseld.targets import TwoStageTarget

LOGMEL = {"sample_rate": 24000, "n_fft": 512, "win_length": 480, "hop": 240, "n_mels": 32}
NARROW = {"widths": [8, 8, 8, 8]}


def validator(target: str, year: int = 2023, **options) -> Validator:
    model = {"tagging": Part("cnn", {"layers": 5}), "two_stage": Part("crnn10", NARROW)}[target]
    blueprint = Blueprint(Part("logmel", LOGMEL), model, Part(target, options), ["a", "b"], chunk=1.28)
    return Validator(System(blueprint), year)


@pytest.mark.parametrize(
    ("target", "options", "prefixes"),
    [("two_stage", {"stage": "sed"}, [""]), ("tagging", {}, ["event_", "segment_"])],
)
def test_a_perfect_prediction_scores_1_and_an_empty_one_scores_0(target, options, prefixes):
    nan = np.nan
    reference = Events.from_rows([(0.5, 2.0, 0, 0, nan, nan, nan), (1.0, 1.5, 1, 0, nan, nan, nan)])
    one = validator(target, **options)
    for prediction, right in ((reference, 1.0), (Events.empty(), 0.0)):
        counts = one.scoring.count(reference, prediction)
        values = one.summarize([RecordingResult(prediction, 0.0, counts)])
        for prefix in prefixes:
            assert values[f"{prefix}F"] == pytest.approx(right, abs=1e-9)
            for name, expected in (("ER", 1 - right), ("deletion_rate", 1 - right), ("insertion_rate", 0)):
                assert values[f"{prefix}{name}"] == pytest.approx(expected, abs=1e-9)


def test_recordings_are_judged_as_they_are_predicted_converted_or_without_their_sound(tmp_path):
    system = validator("tagging").system
    noise = np.random.default_rng(0).normal(size=48000) * 0.1
    soundfile.write(tmp_path / "other_rate.wav", noise, 48000)
    read, n_samples = open_recording(tmp_path / "other_rate.wav", "mono", 24000)
    soundfile.write(tmp_path / "converted.wav", read(0, n_samples).T, 24000)
    soundfile.write(tmp_path / "zeros.wav", np.zeros(n_samples), 24000)

    def probability(name, control):
        recording = Recording(name, tmp_path / f"{name}.wav", "mono", duration=1.0)
        judged = judge(Predictor(system), [recording], {name: Events.empty()}, control, 0, 2023)
        return judged.probabilities[name]

    converted, zeros = probability("converted", "blank"), probability("zeros", "aligned")
    assert np.array_equal(probability("other_rate", "blank"), converted)
    assert np.array_equal(probability("converted", "silent"), zeros) and not np.array_equal(converted, zeros)


@pytest.mark.parametrize(("stage", "right"), [("doa", True), ("joint", False)])
def test_a_network_that_learns_directions_alone_is_scored_with_the_events_of_the_reference(
    stage, right, caplog
):
    reference = Events.from_rows([(0.1, 0.61, 0, 0, 40, 10, np.nan), (0.3, 0.9, 1, 0, -90, 0, np.nan)])
    one = validator("two_stage", 2019, stage=stage)
    heads = {"sed": torch.zeros(128, 2), "doa": torch.zeros(128, 2, 2)}
    for result in (one.result(reference, [(0, heads)]), one.device_result(reference, heads, 0.0)):
        values = one.summarize([result])
        assert (values["ER"] == 0) == (values["mAP"] == 1) == (values["mAP_micro"] == 1) == right
    with caplog.at_level("INFO"):
        tell_how_scored(one.system, 2019)
    assert ("the events of the reference" in caplog.text) == right


def test_a_second_stage_with_a_finished_first_one_is_scored_with_its_own_events():
    target = Part("two_stage", {"stage": "doa"})
    blueprint = Blueprint(Part("logmel", LOGMEL), Part("two_stage", NARROW), target, ["a", "b"], chunk=1.28)
    assert not Validator(System(blueprint), 2019).reference_events


def test_the_published_precision_takes_events_in_place_of_probabilities():
    output, labels = {"sed": np.full((32, 1), 0.5)}, {"sed": np.ones((32, 1), np.float32)}
    for legacy, expected in ((False, 1 / (1 + np.exp(-0.5))), (True, 1.0)):
        target, probability = TwoStageTarget(1, "sed", threshold=0.3, legacy=legacy).ranked(output, labels)[
            "sed"
        ]
        assert target.shape == probability.shape == (2, 1) and probability == pytest.approx(expected)


def test_direction_classes_have_a_precision_of_each_angle_and_their_mean():
    names = ranking_names("directions", ["azimuth", "elevation"])
    hit, miss = np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([[0.0, 1.0], [1.0, 0.0]])
    values = Rankings([{"azimuth": (hit, hit), "elevation": (hit, miss)}], names).values()
    assert values == {"mAP": 0.75, "azimuth_mAP": 1.0, "elevation_mAP": 0.5}
    assert Rankings([{"azimuth": (hit, hit)}], ranking_names("directions", ["azimuth"])).values() == {
        "mAP": 1.0, "azimuth_mAP": 1.0,
    }  # fmt: skip


def test_outputs_of_a_batch_of_recordings_give_the_results_of_the_recordings_one_by_one(tmp_path):
    recordings = read_manifest(plane_waves.make(tmp_path, seconds=2))[:2]
    torch.manual_seed(0)
    target = Part("multi_accdoa", {"threshold": 0.02})  # a drawn network then predicts in every frame
    names = ["tone 0", "tone 1", "tone 2"]
    system = System(Blueprint(Part("logamplitude_iv"), Part("avcrnn", {"hidden": 32}), target, names)).eval()
    one = Validator(system, 2023)
    references = [reference(recording, 3) for recording in recordings]
    outputs = [
        list(iterate_heads(system, partial(read_audio, r.audio), round(r.duration * system.sample_rate)))
        for r in recordings
    ]
    for recording, annotated, stretches in zip(recordings, references, outputs, strict=True):
        expected, result = one.evaluate_recording(recording, annotated), one.result(annotated, stretches)
        assert len(result.prediction) and result.loss == expected.loss
        assert one.summarize([result]) == one.summarize([expected])
        assert np.array_equal(result.prediction.azimuth, expected.prediction.azimuth)


@pytest.mark.parametrize(
    ("hop", "year", "refused"), [(0.1, 2019, True), (0.02, 2019, False), (0.1, 2020, False)]
)
def test_targets_whose_frames_a_year_would_misread_are_refused_before_training(hop, year, refused):
    target = SimpleNamespace(task="seld")
    blueprint = SimpleNamespace(target=Part("multi_accdoa"))
    system = SimpleNamespace(target=target, label_hop=hop, blueprint=blueprint)
    with (
        pytest.raises(BadInput, match="challenge: 2019 scores label frames of 20 ms")
        if refused
        else nullcontext()
    ):
        check_label_frames(system, year)
