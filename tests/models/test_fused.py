"""The fused network: rotation with the scene, invariance to box order, operation without boxes."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from avseld.base.errors import BadInput
from avseld.decoding.sphere_lobes import SphereLobesDecoder
from avseld.features import FEATURES
from avseld.io.events import Events
from avseld.io.sphere_grid import COLUMNS, N_CELLS, ROWS
from avseld.models import MODELS
from avseld.models.person_attention import attention_loss, beams, loud_in_window
from avseld.targets import TARGETS

SECONDS = 1.3
AUDIO_ONLY_HIDDEN = 224
"""hidden units of the audio-only baseline, for about as many parameters as with vision"""


def size(model: torch.nn.Module) -> int:
    return sum(weight.numel() for weight in model.parameters())


def network(**options):
    torch.manual_seed(3)
    model = MODELS["fused"](6, 64, {"accdoa": (3, 3, 13)}, **options).eval()
    if not model.vision:
        return model
    with torch.no_grad():
        model.visual_branch.trust.bias.fill_(1.0)  # a large weight of people, so that their effect is visible
        model.visual_branch.upright.fill_(0.5)
    return model


def scene(seed=0):
    """Create two plane waves in noise, and boxes of three people, one of them across the seam."""
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


def rotated(vectors, angle):
    """Rotate (batch, frame, track, x y z, class) about the vertical axis."""
    x, y, z = vectors.unbind(3)
    cosine, sine = math.cos(angle), math.sin(angle)
    return torch.stack([cosine * x - sine * y, sine * x + cosine * y, z], 3)


def output_of(model, waveform, boxes):
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
def test_predictions_rotate_with_the_scene(angle):
    model, (waveform, boxes) = network(), scene()
    before, after = output_of(model, waveform, boxes), output_of(model, *turned_scene(waveform, boxes, angle))
    assert before[:, :, :, :2].abs().max() > 0.02
    torch.testing.assert_close(after, rotated(before, angle), rtol=0, atol=2e-5)


def test_energy_maps_rotate_with_the_scene_and_their_widths_stay():
    torch.manual_seed(3)
    model = MODELS["fused"](6, 64, TARGETS["sphere_lobes"](13).shapes, frames_per_step=5).eval()
    waveform, boxes = scene()
    quarter = math.pi / 2  # cells of the grid move onto cells
    with torch.no_grad():
        before, after = (
            model(FEATURES["sound_field"](hop=480)(sound), people)
            for sound, people in ((waveform, boxes), turned_scene(waveform, boxes, quarter))
        )
    torch.testing.assert_close(after["accdoa"], rotated(before["accdoa"], quarter), rtol=0, atol=2e-5)
    torch.testing.assert_close(after["width"], before["width"], rtol=0, atol=2e-5)
    found, turned = (
        SphereLobesDecoder(1e-3).decode({name: head[0].numpy() for name, head in heads.items()}, 0.02)
        for heads in (before, after)
    )
    assert len(found) == len(turned) > 0
    columns = turned.energies.dense(N_CELLS).reshape(-1, ROWS, COLUMNS)
    there = found.energies.dense(N_CELLS).reshape(-1, ROWS, COLUMNS)
    np.testing.assert_allclose(columns, np.roll(there, -COLUMNS // 4, axis=2), atol=0.03)


def test_predictions_rotate_with_a_resnet_conformer_beside_the_vectors():
    encoder = {"name": "field_resnet_conformer", "options": {"n_blocks": 1, "channels": [4, 4, 4, 8]}}
    model, (waveform, boxes) = network(encoder=encoder), scene()
    before, after = output_of(model, waveform, boxes), output_of(model, *turned_scene(waveform, boxes, 0.8))
    torch.testing.assert_close(after, rotated(before, 0.8), rtol=0, atol=2e-5)
    assert (model.encoder.conformer(waveform.new_zeros(1, 4, 10, 64)) != 0).any()


def test_rotating_the_boxes_alone_changes_the_prediction():
    model, (waveform, boxes) = network(), scene()
    _, moved = turned_scene(waveform, boxes, 1.0)
    assert (output_of(model, waveform, boxes) - output_of(model, waveform, moved)).abs().max() > 1e-2


@settings(max_examples=8, deadline=None)
@given(order=st.permutations(range(8)))
def test_box_order_does_not_change_the_prediction(order):
    model, (waveform, boxes) = network(), scene()
    torch.testing.assert_close(
        output_of(model, waveform, boxes[:, :, order]), output_of(model, waveform, boxes), rtol=0, atol=1e-6
    )


def test_boxes_change_the_prediction_and_empty_ones_do_not():
    model, (waveform, boxes) = network(), scene()
    blank = output_of(model, waveform, None)
    assert (output_of(model, waveform, boxes) - blank).abs().max() > 1e-2
    torch.testing.assert_close(output_of(model, waveform, boxes * 0), blank, rtol=0, atol=0)


def test_a_box_at_a_label_frame_changes_the_prediction_around_it():
    model, (waveform, boxes) = network(), scene()
    boxes[:] = 0
    blank = output_of(model, waveform, boxes)
    boxes[:, 6, 0] = torch.tensor([0.1, 0.4, 0.2, 0.8, 0.9])
    change = (output_of(model, waveform, boxes) - blank).abs().amax(dim=(0, 2, 3, 4))
    near = change[20:110].mean()  # label frames 2 to 10
    assert near > 1.2 * change[:20].mean() and near > 1.2 * change[110:].mean()


def test_the_audio_only_baseline_is_as_large_and_ignores_boxes():
    audio_visual, (waveform, boxes) = network(), scene()
    audio_only = network(vision=False, hidden=AUDIO_ONLY_HIDDEN)
    assert size(audio_visual) == 965_062
    assert abs(size(audio_only) / size(audio_visual) - 1) < 0.05
    assert size(audio_visual) < 1.3 * size(MODELS["avcrnn"](7, 257, {"accdoa": (3, 3, 13)}))
    torch.testing.assert_close(
        output_of(audio_only, waveform, boxes), output_of(audio_only, waveform, None), rtol=0, atol=0
    )


def test_every_weight_of_the_audio_only_baseline_gets_a_gradient():
    """Unreachable weights would make the baseline smaller than its parameter count."""
    audio_only, (waveform, _) = network(vision=False, hidden=AUDIO_ONLY_HIDDEN), scene()
    audio_only(FEATURES["sound_field"]()(waveform))["accdoa"].square().sum().backward()
    assert all(weight.grad is not None and weight.grad.any() for weight in audio_only.parameters())


def test_the_identity_of_a_person_within_a_window_matters():
    """Exchanging two people in the past of a window changes the prediction at its end."""
    model, (waveform, boxes) = network(), scene()
    with torch.no_grad():
        for weight in [*model.visual_branch.follow.parameters(), *model.visual_branch.key.parameters()]:
            weight.mul_(4)  # before training, the past has little effect
    boxes[:] = 0
    boxes[:, :, 0] = torch.tensor([0.30, 0.40, 0.36, 0.80, 0.9])
    boxes[:, :, 1] = torch.tensor([0.60, 0.40, 0.66, 0.80, 0.9])
    swapped = boxes.clone()
    swapped[:, :6] = boxes[:, :6, [1, 0, *range(2, 8)]]
    late = slice(80, 100)
    before, after = output_of(model, waveform, boxes)[:, late], output_of(model, waveform, swapped)[:, late]
    assert (before - after).abs().max() > 1e-4


def test_later_tracks_repeat_the_first_or_choose_another_person():
    """Two people with equal logits get one track each, although only the earlier choice distinguishes the tracks."""
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


def test_beams_towards_a_person_pass_sound_from_there():
    """Of two plane waves in noise, beams pass the one that they are aimed at; a third direction passes less."""
    x = FEATURES["sound_field"]()(scene()[0])[:, :, :120]
    azimuth = torch.tensor([0.7, -2.9, -1.0])
    aim = torch.stack([azimuth.cos(), azimuth.sin()], -1).expand(1, 12, 3, 2)
    beam = beams(x, aim, loud_in_window(x)).unflatten(-1, (3, 64)).mean(dim=(0, 1, 4))[:, 0:2]
    assert (beam >= 0).all() and (beam[:, 0] < beam[:, 1]).all()  # narrow, wide
    assert (beam[:2].min(dim=0).values > 3 * beam[2]).all()


def training_losses(model, target="multi_accdoa"):
    """Compute the losses of one window in which class 2 is active at the first person."""
    waveform, boxes = scene()
    model.train()
    output = model(FEATURES["sound_field"]()(waveform), boxes)
    azimuth = math.pi * (1 - 0.66)
    labels = torch.zeros(1, 131, *((6,) if target == "multi_accdoa" else ()), 3, 13)
    labels.view(1, 131, -1, 3, 13)[:, :, 0, :2, 2] = torch.tensor([math.cos(azimuth), math.sin(azimuth)])
    return model.training_loss(output, {"accdoa": labels}, TARGETS[target](13))


def test_the_visual_losses_give_no_gradient_to_the_audio_branch():
    """Otherwise the network without boxes would predict worse than the audio-only baseline."""
    model = network(video_dropout=0.0)
    losses = training_losses(model)
    (losses["fused"] + losses["attention"]).backward()
    assert all(
        weight.grad is None for name, weight in model.named_parameters() if "visual_branch" not in name
    )
    model.zero_grad()
    training_losses(model)["loss"].backward()
    assert all(weight.grad is not None and weight.grad.any() for weight in model.parameters())


def test_without_boxes_the_prediction_is_that_of_the_audio_branch():
    model = network(video_dropout=1.0)
    losses = training_losses(model)
    torch.testing.assert_close(losses["fused"], losses["audio"])


def test_the_attention_loss_is_zero_at_the_source_or_if_no_person_makes_the_sound():
    aim = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]]).expand(1, 1, 3, 2)
    wanted = torch.tensor([[[[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 0.0]]]])[0]
    right = torch.tensor([[[[0.0, 1.0, 0.0], [0.0, 0.0, 0.0], [1.0, 0.0, 0.0]]]])
    assert float(attention_loss(right, aim, wanted[None])) == pytest.approx(0, abs=1e-6)
    wrong = torch.tensor([[[[1.0, 0.0, 0.0], [0.0, 0.0, 0.0], [1.0, 0.0, 0.0]]]])
    assert float(attention_loss(wrong, aim, wanted[None])) > 4
    assert float(attention_loss(wrong, aim, 0 * wanted[None])) == 0


def test_video_dropout_removes_the_boxes_of_some_training_windows():
    model, (waveform, boxes) = network(video_dropout=0.5), scene()
    x = FEATURES["sound_field"]()(waveform).expand(64, -1, -1, -1)
    model.train()
    for part in model.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            part.eval()
    with torch.no_grad():
        answers = model(x, boxes.expand(64, -1, -1, -1))["accdoa"]
    blank = (answers - output_of(model.eval(), waveform, None)).abs().amax(dim=(1, 2, 3, 4)) < 1e-5
    assert 16 < blank.sum() < 48


def test_the_fused_network_trains_with_accdoa():
    model = MODELS["fused"](6, 64, {"accdoa": (3, 13)}, video_dropout=0.0)
    assert model(torch.randn(2, 6, 25, 64))["accdoa"].shape == (2, 25, 3, 13)
    losses = training_losses(model, "accdoa")
    assert float(losses["attention"]) > 0.1
    losses["loss"].backward()
    assert {name for name, weight in model.named_parameters() if weight.grad is None} == {
        "visual_branch.again.weight", "visual_branch.again.bias",
    }  # with one track per class there is no earlier track to repeat  # fmt: skip


def test_people_and_energy_maps_are_learned_together():
    """With vision, the maps of the fused prediction and of audio alone both enter the loss, with the same widths."""
    torch.manual_seed(3)
    target = TARGETS["sphere_lobes"](13, energies="gaussian")
    model = MODELS["fused"](6, 64, target.shapes, video_dropout=0.0, frames_per_step=5)
    with torch.no_grad():
        model.mixture.weight.mul_(30)  # vectors as long as those of active classes: shorter ones have no lobe
    waveform, boxes = scene()
    events = Events.from_rows([(0.0, 1.3, 2, 0, 61.2, 0, math.nan)])
    batch = {
        name: torch.from_numpy(value)[None] for name, value in target.encode(events, 0, 65, 0.02).items()
    }
    output = model(FEATURES["sound_field"](hop=480)(waveform)[:, :, :65], boxes)
    losses = model.training_loss(output, batch, target)
    assert losses["fused"] == target.loss(output, batch)["loss"]
    assert losses["audio"] == target.loss(output | {"accdoa": output["audio"]}, batch)["loss"]
    losses["loss"].backward()
    assert model.scalars["width"].weight.grad.abs().max() > 0


def test_what_does_not_fit_is_named():
    with pytest.raises(BadInput, match="sound_field"):
        MODELS["fused"](7, 257, {"accdoa": (3, 3, 13)})
    for shapes in ({"accddoa": (3, 4, 13)}, {"accdoa": (4, 13)}, {"sed": (3, 13), "doa": (3, 3)}):
        with pytest.raises(BadInput, match="multi_accdoa"):
            MODELS["fused"](6, 64, shapes)
    with pytest.raises(BadInput, match="directions alone, live"):
        MODELS["live"](6, 64, TARGETS["sphere_lobes"](13).shapes)
    model = network()
    with pytest.raises(BadInput, match="too short"):
        model(torch.zeros(1, 6, 9, 64))
    with pytest.raises(BadInput, match="frames_per_step"):
        model(torch.zeros(1, 6, 100, 64), torch.zeros(1, 5, 6, 5))
