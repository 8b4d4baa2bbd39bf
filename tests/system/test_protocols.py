"""Members that features, models and targets must have and may have."""

import ast
from pathlib import Path
from typing import Any

import pytest
import torch
from system_material import blueprint
from torch import nn

from avseld.base.errors import BadInput
from avseld.base.rates import LABEL_HOP
from avseld.config import Part
from avseld.features import FEATURES
from avseld.models import MODELS
from avseld.system.build import System
from avseld.system.protocols import Feature, Model, Target, complete
from avseld.targets import TARGETS


class Plain(nn.Module):
    """A model that has nothing but what every model must have."""

    def __init__(self, n_features: int, n_bins: int, shapes: dict[str, tuple[int, ...]]) -> None:
        super().__init__()
        self.shapes, self.weight = shapes, nn.Parameter(torch.zeros(n_features))

    def forward(self, x, visual=None):
        rows = x.mean(dim=(1, 3)) + self.weight.sum()
        return {
            name: rows.view(*rows.shape, *(1 for _ in shape)).expand(*rows.shape, *shape)
            for name, shape in self.shapes.items()
        }


def build(monkeypatch, **members: Any) -> System:
    monkeypatch.setitem(MODELS, "own", type("Own", (Plain,), members))
    return System(blueprint(model=Part("own")))


def test_a_model_without_optional_members_gets_their_defaults(monkeypatch):
    model = build(monkeypatch).model
    assert (model.visual_input, model.n_boxes, model.n_values, model.vision) == ("first_boxes", 6, 0, False)
    assert (model.wrap, model.find_unused_parameters, model.training_loss) == (True, False, None)
    assert model.pretrained_roles == {} and model.parameter_count is None


def test_a_target_and_features_without_optional_members_get_their_defaults():
    system = System(blueprint())
    assert (system.target.task, system.target.label_hop, system.target.pads) == ("seld", LABEL_HOP, False)
    assert (system.target.planar, system.target.ranked, system.target.probabilities) == (False, None, None)
    assert system.features.adopt is None


def test_members_that_a_model_has_are_kept(monkeypatch):
    system = build(monkeypatch, visual_input="tracks", n_boxes=3, parameter_count=99)
    assert system.visual_spec.tracks and system.visual_spec.n_boxes == 3 and system.parameter_count == 99


@pytest.mark.parametrize(
    ("members", "says"),
    [
        ({"visual_input": "trakcs"}, "own: visual_input is one of first_boxes, boxes, .*, not 'trakcs'"),
        ({"visual_inptu": "tracks"}, "own: a model has no member 'visual_inptu'; write visual_input"),
        ({"sees": "tracks"}, "own: a model has no member 'sees'; write visual_input"),
        ({"lessons": print}, "own: a model has no member 'lessons'; write training_loss"),
        ({"idle_weights": True}, "own: a model has no member 'idle_weights'; write find_unused_parameters"),
        ({"n_boxes": "six"}, "own: n_boxes must be of type int, not 'six'"),
        ({"n_boxes": True}, "own: n_boxes must be of type int, not True"),
        ({"wrap": 1}, "own: wrap must be of type bool, not 1"),
    ],
)
def test_a_wrong_member_of_a_model_is_an_error_of_one_line(monkeypatch, members, says):
    with pytest.raises(BadInput, match=says) as error:
        build(monkeypatch, **members)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("missing", ["sample_rate", "hop", "n_bins"])
def test_features_without_a_required_member_are_refused(missing):
    features = FEATURES["amplitude_ipd"]()
    delattr(features, missing)
    with pytest.raises(BadInput, match=f"mine: a feature needs the member '{missing}'"):
        complete(features, Feature, "mine")


@pytest.mark.parametrize(("changes", "says"), [
    ({"task": "sled"}, "mine: task is one of seld, sed, tagging, directions, not 'sled'"),
    ({"shapes": None}, "mine: a target needs the member 'shapes'"),
    ({"encode": None}, "mine: a target needs the method 'encode'"),
])  # fmt: skip
def test_a_wrong_target_is_refused(changes, says):
    members = {"shapes": {}, "encode": print, "loss": print, "decode": print} | changes
    target = type("Mine", (), {name: value for name, value in members.items() if value is not None})()
    with pytest.raises(BadInput, match=says):
        complete(target, Target, "mine")


def test_every_target_of_the_table_fits_its_protocol():
    for name, target in TARGETS.items():
        complete(target(3), Target, name)


def test_parts_are_not_probed_for_their_members():
    members = {
        name
        for protocol in (Feature, Model, Target)
        for name in (*protocol.__annotations__, *vars(protocol))
        if not name.startswith("_")
    }
    root = Path(__file__).resolve().parents[2] / "avseld"
    probes = [
        f"{path.name}:{node.lineno}"
        for path in root.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in ("getattr", "hasattr")
        and isinstance(node.args[1], ast.Constant)
        and node.args[1].value in members
    ]
    assert probes == []
