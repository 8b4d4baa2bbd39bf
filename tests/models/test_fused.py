"""The fused network's answer turns with the scene, does not know the order of boxes, and stands without any."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from avseld.base.errors import BadInput
from avseld.features import FEATURES
from avseld.models import MODELS
from avseld.models.person_attention import beams, pointing
from avseld.targets import TARGETS

SECONDS = 1.3
TWIN = 224
"""units of the audio-only twin, as many parameters as the network that sees"""


def size(model: torch.nn.Module) -> int:
    return sum(weight.numel() for weight in model.parameters())


def network(**options):
    torch.manual_seed(3)
    model = MODELS["fused"](6, 64, {"accdoa": (3, 3, 13)}, **options).eval()
    if not model.vision:
        return model
    with torch.no_grad():
        model.visual_branch.trust.bias.fill_(1.0)  # people are believed, so that what they do shows
        model.visual_branch.upright.fill_(0.5)
    return model


def scene(seed=0):
    """Two plane waves in noise, and boxes of three people, one of them across the picture's seam."""
    random = np.random.default_rng(seed)
    n = round(24000 * SECONDS)
    waveform = 0.1 * random.standard_normal((4, n))
    for azimuth, elevation in ((0.7, 0.2), (-2.9, -0.1)):
        direction = [
            1, math.sin(azimuth) * math.cos(elevation), math.sin(elevation), math.cos(azimuth) * math.cos(elevation)
        ]  # fmt: skip
        waveform += np.outer(direction, random.standard_normal(n))
    boxes = np.zeros((13, 8, 5), np.float32)
    boxes[:, 0] = [0.30, 0.40, 0.36, 0.80, 0.9]
    boxes[:, 1] = [0.95, 0.35, 1.03, 0.70, 0.6]
    boxes[5:, 2] = [0.10, 0.45, 0.13, 0.60, 0.3]
    return torch.from_numpy(waveform.astype(np.float32))[None], torch.from_numpy(boxes)[None]


def heard(model, waveform, boxes):
    with torch.no_grad():
        return model(FEATURES["sound_field"]()(waveform), boxes)["accdoa"]


def turned_scene(waveform, boxes, angle):
    w, y, z, x = waveform.unbind(1)
    cosine, sine = math.cos(angle), math.sin(angle)
    there = boxes[..., 4:] > 0
    shift = torch.tensor([1.0, 0.0, 1.0, 0.0, 0.0]) * (-angle / (2 * math.pi))
    return torch.stack([w, sine * x + cosine * y, z, cosine * x - sine * y], 1), boxes + shift * there


@settings(max_examples=8, deadline=None)
@given(angle=st.floats(-math.pi, math.pi))
def test_when_the_scene_turns_the_answer_turns_by_the_same_angle(angle):
    model, (waveform, boxes) = network(), scene()
    before, after = heard(model, waveform, boxes), heard(model, *turned_scene(waveform, boxes, angle))
    cosine, sine = math.cos(angle), math.sin(angle)
    x, y, z = before.unbind(3)
    wanted = torch.stack([cosine * x - sine * y, sine * x + cosine * y, z], 3)
    assert before[:, :, :, :2].abs().max() > 0.02
    torch.testing.assert_close(after, wanted, rtol=0, atol=2e-5)


def test_boxes_turned_alone_change_the_answer():
    model, (waveform, boxes) = network(), scene()
    _, moved = turned_scene(waveform, boxes, 1.0)
    assert (heard(model, waveform, boxes) - heard(model, waveform, moved)).abs().max() > 1e-2


@settings(max_examples=8, deadline=None)
@given(order=st.permutations(range(8)))
def test_the_order_of_boxes_is_nothing(order):
    model, (waveform, boxes) = network(), scene()
    torch.testing.assert_close(
        heard(model, waveform, boxes[:, :, order]), heard(model, waveform, boxes), rtol=0, atol=1e-6
    )


def test_boxes_move_the_answer_and_absent_ones_do_not():
    model, (waveform, boxes) = network(), scene()
    blank = heard(model, waveform, None)
    assert (heard(model, waveform, boxes) - blank).abs().max() > 1e-2
    torch.testing.assert_close(heard(model, waveform, boxes * 0), blank, rtol=0, atol=0)


def test_a_box_at_a_label_frame_changes_the_answer_around_it():
    model, (waveform, boxes) = network(), scene()
    boxes[:] = 0
    blank = heard(model, waveform, boxes)
    boxes[:, 6, 0] = torch.tensor([0.1, 0.4, 0.2, 0.8, 0.9])
    change = (heard(model, waveform, boxes) - blank).abs().amax(dim=(0, 2, 3, 4))
    near = change[20:110].mean()  # label frames 2 to 10
    assert near > 1.2 * change[:20].mean() and near > 1.2 * change[110:].mean()


def test_the_audio_only_twin_is_as_large_and_blind():
    seeing, (waveform, boxes) = network(), scene()
    twin = network(vision=False, hidden=TWIN)
    assert size(seeing) == 965_062
    assert abs(size(twin) / size(seeing) - 1) < 0.05
    assert size(seeing) < 1.3 * size(MODELS["avcrnn"](7, 257, {"accdoa": (3, 3, 13)}))
    torch.testing.assert_close(heard(twin, waveform, boxes), heard(twin, waveform, None), rtol=0, atol=0)


def test_every_weight_of_the_twin_learns():
    """Parts that nothing reaches would make it smaller than it says."""
    twin, (waveform, _) = network(vision=False, hidden=TWIN), scene()
    twin(FEATURES["sound_field"]()(waveform))["accdoa"].square().sum().backward()
    assert all(weight.grad is not None and weight.grad.any() for weight in twin.parameters())


def test_a_person_is_followed_through_the_window():
    """Where somebody was a second ago, and that it is the same person, changes what is made of them now."""
    model, (waveform, boxes) = network(), scene()
    with torch.no_grad():
        for weight in [*model.visual_branch.follow.parameters(), *model.visual_branch.key.parameters()]:
            weight.mul_(4)  # before training what was a second ago hardly shows
    boxes[:] = 0
    boxes[:, :, 0] = torch.tensor([0.30, 0.40, 0.36, 0.80, 0.9])
    boxes[:, :, 1] = torch.tensor([0.60, 0.40, 0.66, 0.80, 0.9])
    swapped = boxes.clone()
    swapped[:, :6] = boxes[:, :6, [1, 0, *range(2, 8)]]
    late = slice(80, 100)
    before, after = heard(model, waveform, boxes)[:, late], heard(model, waveform, swapped)[:, late]
    assert (before - after).abs().max() > 1e-4


def test_a_later_answer_repeats_the_first_or_goes_to_somebody_else():
    """Two people who sound alike are two answers, although nothing but the choice itself tells these apart."""
    branch = network().visual_branch
    n_answers = 3 * 13
    wanted = torch.full((1, 1, n_answers, 8), 4.0)
    there = torch.zeros(1, 1, 8, dtype=torch.bool)
    there[..., :2] = True
    wanted[..., 0] += 3.0
    again = torch.full((1, 1, n_answers), 8.0)
    alike = branch._shares(wanted, again, there).unflatten(2, (3, 13))
    torch.testing.assert_close(alike[:, :, 1], alike[:, :, 0], rtol=0, atol=0.05)
    apart = branch._shares(wanted, -again, there).unflatten(2, (3, 13))
    assert (apart[:, :, 0, :, 0] > 0.9).all() and (apart[:, :, 1, :, 1] > 0.4).all()
    assert (apart[:, :, 0, :, 1] < 0.1).all()
    assert (apart[..., 2:] == 0).all() and (apart.sum(-1) < 1).all()


def test_what_a_person_sends_is_heard_in_the_beam_towards_them():
    """Between two plane waves in noise, people stand where the first comes from, where the second does, and apart."""
    x = FEATURES["sound_field"]()(scene()[0])[:, :, :120]
    azimuth = torch.tensor([0.7, -2.9, -1.0])
    aim = torch.stack([azimuth.cos(), azimuth.sin()], -1).expand(1, 12, 3, 2)
    beam = beams(x, aim).unflatten(-1, (3, 64)).mean(dim=(0, 1, 4))[:, 0:2]
    assert (beam >= 0).all() and (beam[:, 0] < beam[:, 1]).all()  # narrow, wide
    assert (beam[:2].min(dim=0).values > 3 * beam[2]).all()


def lesson(model, target="multi_accdoa"):
    """Losses of one window in which class 2 sounds from where the first person is."""
    waveform, boxes = scene()
    model.train()
    output = model(FEATURES["sound_field"]()(waveform), boxes)
    azimuth = math.pi * (1 - 0.66)
    labels = torch.zeros(1, 131, *((6,) if target == "multi_accdoa" else ()), 3, 13)
    labels.view(1, 131, -1, 3, 13)[:, :, 0, :2, 2] = torch.tensor([math.cos(azimuth), math.sin(azimuth)])
    return model.training_loss(output, {"accdoa": labels}, TARGETS[target](13))


def test_eyes_teach_the_ears_nothing():
    """Else a network that sees would hear worse than its twin whenever it is shown nothing."""
    model = network(video_dropout=0.0)
    losses = lesson(model)
    (losses["answer"] + losses["pointing"]).backward()
    assert all(
        weight.grad is None for name, weight in model.named_parameters() if "visual_branch" not in name
    )
    model.zero_grad()
    lesson(model)["loss"].backward()
    assert all(weight.grad is not None and weight.grad.any() for weight in model.parameters())


def test_without_boxes_the_answer_is_that_of_the_ears():
    model = network(video_dropout=1.0)
    losses = lesson(model)
    torch.testing.assert_close(losses["answer"], losses["heard"])


def test_pointing_is_right_at_the_maker_and_at_nobody_when_no_maker_is_seen():
    aim = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]]).expand(1, 1, 3, 2)
    wanted = torch.tensor([[[[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 0.0]]]])[0]
    right = torch.tensor([[[[0.0, 1.0, 0.0], [0.0, 0.0, 0.0], [1.0, 0.0, 0.0]]]])
    assert float(pointing(right, aim, wanted[None])) == pytest.approx(0, abs=1e-6)
    wrong = torch.tensor([[[[1.0, 0.0, 0.0], [0.0, 0.0, 0.0], [1.0, 0.0, 0.0]]]])
    assert float(pointing(wrong, aim, wanted[None])) > 4
    assert float(pointing(wrong, aim, 0 * wanted[None])) == 0


def test_some_training_windows_are_shown_nothing():
    model, (waveform, boxes) = network(video_dropout=0.5), scene()
    x = FEATURES["sound_field"]()(waveform).expand(64, -1, -1, -1)
    model.train()
    for part in model.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            part.eval()
    with torch.no_grad():
        answers = model(x, boxes.expand(64, -1, -1, -1))["accdoa"]
    blank = (answers - heard(model.eval(), waveform, None)).abs().amax(dim=(1, 2, 3, 4)) < 1e-5
    assert 16 < blank.sum() < 48


def test_accdoa_is_answered_too():
    model = MODELS["fused"](6, 64, {"accdoa": (3, 13)}, video_dropout=0.0)
    assert model(torch.randn(2, 6, 25, 64))["accdoa"].shape == (2, 25, 3, 13)
    losses = lesson(model, "accdoa")
    assert float(losses["pointing"]) > 0.1
    losses["loss"].backward()
    assert {name for name, weight in model.named_parameters() if weight.grad is None} == {
        "visual_branch.again.weight", "visual_branch.again.bias",
    }  # one answer a class has none before it to repeat  # fmt: skip


def test_what_does_not_fit_is_named():
    with pytest.raises(BadInput, match="sound_field"):
        MODELS["fused"](7, 257, {"accdoa": (3, 3, 13)})
    with pytest.raises(BadInput, match="multi_accdoa"):
        MODELS["fused"](6, 64, {"accddoa": (3, 4, 13)})
    model = network()
    with pytest.raises(BadInput, match="too short"):
        model(torch.zeros(1, 6, 9, 64))
    with pytest.raises(BadInput, match="frames_per_step"):
        model(torch.zeros(1, 6, 100, 64), torch.zeros(1, 5, 6, 5))
