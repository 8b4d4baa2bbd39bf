"""Thresholds of classes: chosen where the F-score of each is best, kept in the weights, used in decoding."""

from types import SimpleNamespace

import numpy as np
import pytest
from made_scenes import stationary_source
from system_material import blueprint

from avseld.base.errors import BadInput
from avseld.config import Part
from avseld.evaluation import choose_thresholds
from avseld.evaluation.choose_thresholds import choose, table, write
from avseld.inference.predictor import load
from avseld.io.events import Events, concatenate
from avseld.system.build import System
from avseld.system.checkpoint import save_system
from avseld.targets import ACCDOA, MultiACCDDOA, MultiACCDOA

TRUE = concatenate([stationary_source(0, 9, label=0), stationary_source(20, 29, label=1, azimuth=90.0)])


def predicted(threshold: float):
    """Class 0 has false alarms up to a threshold of 0.6; class 1 is missed from 0.35 on; class 2 never sounds."""
    parts = [stationary_source(20, 29, label=1, azimuth=90.0)] if threshold < 0.35 else []
    parts += [stationary_source(0, 9, label=0)] if threshold < 0.85 else []
    parts += [stationary_source(10, 39, label=0, azimuth=-120.0)] if threshold < 0.6 else []
    return concatenate(parts) if parts else Events.empty()


@pytest.fixture
def choice(monkeypatch):
    monkeypatch.setattr(choose_thresholds, "visual_inputs", lambda recordings, *rest: {"a": None})
    monkeypatch.setattr(choose_thresholds, "reference", lambda recording, n: TRUE)
    monkeypatch.setattr(
        choose_thresholds,
        "predict_at_thresholds",
        lambda predictor, recording, tried, visual: [predicted(t) for t in tried],
    )
    target = SimpleNamespace(threshold=0.5, distance=False)
    system = SimpleNamespace(target=target, visual_spec=None)
    predictor = SimpleNamespace(system=system, task="seld", classes=["speech", "door", "bell"])
    return choose(predictor, [SimpleNamespace(name="a")], 2023)


def test_each_class_gets_the_middle_of_its_best_thresholds(choice):
    assert choice.after.tolist() == pytest.approx([0.7, 0.2, 0.5])
    assert choice.f_before[:2].tolist() == pytest.approx([0.4, 0.0], abs=0.1)
    assert choice.f_after[:2].tolist() == pytest.approx([1.0, 1.0]) and np.isnan(choice.f_after[2])
    text = table(choice, ["speech", "door", "bell"], 2023)
    assert "0.50 -> 0.70" in text and "no reference" in text and text.splitlines()[-1].endswith("-> 1.000")


def test_chosen_thresholds_travel_in_the_weights(tmp_path):
    system = System(blueprint(classes=["a", "b"], model=Part("avcrnn", {"width": 8, "hidden": 8})))
    save_system(system, tmp_path / "model.safetensors")
    write(tmp_path / "model.safetensors", tmp_path / "tuned.safetensors", [0.7, 0.25])
    tuned = load(tmp_path / "tuned.safetensors", device="cpu").system
    assert tuned.target.threshold == [0.7, 0.25]
    before = load(tmp_path, device="cpu").system.model.state_dict()
    assert all((value == before[name]).all() for name, value in tuned.model.state_dict().items())
    with pytest.raises(BadInput, match="weights end in"):
        write(tmp_path / "model.safetensors", tmp_path / "tuned.csv", [0.7, 0.25])


@pytest.mark.parametrize(
    ("target", "head"),
    [
        (MultiACCDOA, lambda v: {"accdoa": np.repeat(v[:, None], 3, axis=1)}),
        (ACCDOA, lambda v: {"accdoa": v}),
        (
            MultiACCDDOA,
            lambda v: {"accddoa": np.pad(np.repeat(v[:, None], 3, axis=1), [(0, 0), (0, 0), (0, 2), (0, 0)])},
        ),
    ],
)
def test_a_class_is_active_above_its_own_threshold(target, head):
    vectors = np.zeros((5, 3, 2))  # frame, axis, class
    vectors[:, 0] = 0.5
    decoded = {
        tuple(limits): target(2, threshold=limits).decode(head(vectors), 0.1).label.tolist()
        for limits in ([0.3, 0.7], [0.7, 0.3], [0.3, 0.3])
    }
    assert decoded == {(0.3, 0.7): [0] * 5, (0.7, 0.3): [1] * 5, (0.3, 0.3): [0, 1] * 5}
    with pytest.raises(BadInput, match="one for each of 2 classes"):
        target(2, threshold=[0.1, 0.2, 0.3])
