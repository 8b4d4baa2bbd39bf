"""A part of another package that breaks its contract is an error of one line when the system is built."""

import math

import numpy as np
import pytest
import torch
from system_material import blueprint
from torch import nn

from avseld.augment.checks import check_feature_change, check_scene_change
from avseld.augment.scenes import Mix, Window
from avseld.base.errors import BadInput
from avseld.config import Part
from avseld.features import FEATURES, LogAmplitudeIV
from avseld.io.events import Events
from avseld.models import MODELS
from avseld.system.build import System
from avseld.system.dry_run import ONE_EVENT
from avseld.targets import TARGETS, MultiACCDOA


class Net(nn.Module):
    """A model that keeps its contract."""

    def __init__(self, n_features, n_bins, shapes):
        super().__init__()
        ((self.head, self.shape),) = shapes.items()
        self.layer = nn.Linear(n_features * n_bins, math.prod(self.shape))

    def heads(self, x):
        return self.layer(x.transpose(1, 2).flatten(2)).unflatten(2, self.shape)

    def forward(self, x, visual=None):
        return {self.head: self.heads(x)}


def build(monkeypatch, **methods) -> System:
    monkeypatch.setitem(MODELS, "own", type("Own", (Net,), methods))
    return System(blueprint(model=Part("own")))


@pytest.mark.parametrize(
    ("forward", "says"),
    [
        (
            lambda self, x, visual=None: {self.head: self.heads(x)[:, ::2]},
            r"model own: heads.accdoa is \(1, 64, 3, 3, 13\), expected \(1, 128, 3, 3, 13\)",
        ),
        (lambda self, x: {self.head: self.heads(x)}, r"forward takes \(x\), expected \(x, visual=None\)"),
        (lambda self, x, visual: {self.head: self.heads(x)}, r"forward takes \(x, visual\), expected"),
        (lambda self, x, visual=None: self.heads(x), r"forward returns \(1, 128, .*expected a dict"),
        (lambda self, x, visual=None: {"doa": self.heads(x)}, "heads.accdoa is missing"),
        (lambda self, x, visual=None: {self.head: self.absent(x)}, "AttributeError: 'Own' object has no"),
        (
            lambda self, x, visual=None: {self.head: self.heads(x) + (0 if visual is None else visual)},
            r"and visual input \(1, 6, 4\) fails: RuntimeError",
        ),
    ],
)
def test_a_model_that_breaks_its_contract_is_named(monkeypatch, forward, says):
    with pytest.raises(BadInput, match=says) as error:
        build(monkeypatch, forward=forward)
    assert "\n" not in str(error.value) and str(error.value).startswith("model own: ")


@pytest.mark.parametrize(
    ("constructor", "says"),
    [
        (lambda self, n_features: None, "TypeError"),
        (lambda self, n_features, n_bins, shapes: setattr(self, "layer", nn.Linear(1, 1)), "AttributeError"),
    ],
)
def test_a_constructor_that_fails_is_named(monkeypatch, constructor, says):
    with pytest.raises(BadInput, match=f"model own: its constructor fails: {says}"):
        build(monkeypatch, __init__=constructor)


def test_a_model_without_parameters_is_refused(monkeypatch):
    def constructor(self, n_features, n_bins, shapes):
        nn.Module.__init__(self)

    with pytest.raises(BadInput, match="model own: has no parameters"):
        build(monkeypatch, __init__=constructor)


def test_the_dry_run_leaves_weights_modes_and_random_numbers_as_they_were(monkeypatch):
    def constructor(self, n_features, n_bins, shapes):
        Net.__init__(self, n_features, n_bins, shapes)
        self.norm = nn.BatchNorm1d(1)
        self.fixed = nn.Dropout().eval()

    def forward(self, x, visual=None):
        self.norm(x.mean((1, 2, 3))[:, None] + torch.rand(1))
        return {self.head: self.heads(x)}

    torch.manual_seed(5)
    build(monkeypatch, __init__=constructor)
    expected = torch.rand(3)
    torch.manual_seed(5)
    system = build(monkeypatch, __init__=constructor, forward=forward)
    assert torch.equal(torch.rand(3), expected)
    assert system.training and system.model.norm.training and not system.model.fixed.training
    assert system.model.norm.num_batches_tracked == 0


@pytest.mark.parametrize(
    ("members", "says"),
    [
        (
            {"forward": lambda self, waveform: None},
            r"forward takes \(waveform\), expected \(waveform, centered=T",
        ),
        (
            {"forward": lambda self, waveform, centered=True: LogAmplitudeIV.forward(self, waveform)},
            r"with centered=False is \(1, 7, 1.., 257\), expected \(1, 7, 128, 257\)",
        ),
        (
            {
                "forward": lambda self, waveform, centered=True: LogAmplitudeIV.forward(
                    self, waveform, centered
                )[:, :3]
            },
            r"is \(1, 3, 128, 257\), expected \(1, 7, 128, 257\)",
        ),
        (
            {
                "forward": lambda self, waveform, centered=True: (
                    LogAmplitudeIV.forward(self, waveform, centered) * math.nan
                )
            },
            "not finite",
        ),
    ],
)
def test_features_that_break_their_contract_are_named(monkeypatch, members, says):
    monkeypatch.setitem(FEATURES, "own", type("Own", (LogAmplitudeIV,), members))
    with pytest.raises(BadInput, match=says) as error:
        System(blueprint(features=Part("own")))
    assert str(error.value).startswith("features own: ")


@pytest.mark.parametrize(
    ("members", "says"),
    [
        ({"encode": lambda *_: []}, "encode returns a list, expected a dict of arrays"),
        ({"encode": lambda *_: {}}, "loss of heads .* fails: KeyError: 'accdoa'"),
        ({"loss": lambda *_: torch.zeros(())}, r"loss returns \(\), expected a dict with a tensor 'loss'"),
        ({"loss": lambda *_: {"loss": torch.zeros(2)}}, r"loss is \(2,\), expected a scalar"),
        ({"decode": lambda *_: None}, "decode returns a NoneType, expected Events"),
    ],
)
def test_a_target_that_breaks_its_contract_is_named(monkeypatch, members, says):
    monkeypatch.setitem(TARGETS, "own", type("Own", (MultiACCDOA,), members))
    with pytest.raises(BadInput, match=f"target own: {says}"):
        System(blueprint(target=Part("own")))


def test_an_augmentation_that_breaks_its_contract_is_named():
    window = Window(np.zeros((4, 100), np.float32), ONE_EVENT, 0.0, np.zeros((6, 4), np.float32))
    check_scene_change("mix", Mix("foa"), window)
    for change, says in (
        (lambda window, random: window, "own fails: TypeError"),
        (lambda *_: None, "own returns a NoneType, expected a Window"),
        (
            lambda window, *_: Window(window.waveform[:2], Events.empty(), 0.0),
            r"waveform is \(2, 100\), expec",
        ),
        (
            lambda window, *_: Window(window.waveform, Events.empty(), 0.0),
            r"visual is \(\), expected \(6, 4\)",
        ),
        (
            lambda window, *_: Window(window.waveform * np.float64(1.0), Events.empty(), 0.0, window.visual),
            "waveform is float64, expected float32",
        ),
    ):
        with pytest.raises(BadInput, match=f"augment: {says}" if "own" in says else f"augment: own: {says}"):
            check_scene_change("own", change, window)
    with pytest.raises(BadInput, match=r"augment: own: features are \(1, 2, 5, 2\), expected \(1, 2, 5, 4\)"):
        check_feature_change("own", nn.AvgPool2d((1, 2)), torch.zeros(1, 2, 5, 4))
