"""The network for live sound: cut anywhere, causal up to its look-ahead, a state of fixed size, equivariant."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from avseld.base.errors import BadInput
from avseld.features import FEATURES
from avseld.models import MODELS
from avseld.models.live_person_attention import loud_so_far
from avseld.targets import TARGETS

FRAMES, BANDS, PEOPLE = 5, 16, 3
N_STEPS = 16
SHAPES = {"accdoa": (3, 3, 4)}


def network(look_ahead: int = 1, vision: bool = False, **options):
    """Build a small network in which people have an effect before training, with statistics of other sound."""
    torch.manual_seed(5)
    words = {"hidden": 12, "past": 4, "n_boxes": PEOPLE, "frames_per_step": FRAMES} | options
    model = MODELS["live"](6, BANDS, SHAPES, look_ahead=look_ahead, vision=vision, **words).eval()
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.3)
            module.running_var.uniform_(0.5, 2)
    if vision:
        with torch.no_grad():
            model.visual_branch.trust.bias.fill_(1.0)
            model.visual_branch.upright.fill_(0.5)
            for layer in (model.visual_branch.beam, model.visual_branch.look[0]):
                layer.weight.mul_(4)
    return model


def sound(n_steps: int = N_STEPS, seed: int = 0) -> torch.Tensor:
    """Create noise whose level changes from step to step."""
    random = torch.Generator().manual_seed(seed)
    x = torch.randn(1, 6, n_steps * FRAMES, BANDS, generator=random)
    level = 2 * torch.randn(n_steps, generator=random)
    return x + level.repeat_interleave(FRAMES)[:, None] * torch.tensor([1.0, 1, 1, 0, 0, 0])[:, None, None]


def people(n_steps: int = N_STEPS, seed: int = 0) -> torch.Tensor:
    """Create boxes of people who walk, one of whom comes late and one of whom leaves."""
    random = np.random.default_rng(seed)
    boxes = np.zeros((1, n_steps, PEOPLE, 5), np.float32)
    for person in range(PEOPLE):
        at = random.uniform(0, 1) + 0.01 * np.arange(n_steps)
        boxes[0, :, person] = np.stack([at, 0 * at + 0.4, at + 0.05, 0 * at + 0.8, 0 * at + 0.9], axis=1)
    boxes[0, : n_steps // 3, 1] = 0
    boxes[0, n_steps // 2 :, 2] = 0
    return torch.from_numpy(boxes)


def two_scenes() -> tuple[torch.Tensor, torch.Tensor]:
    return torch.cat([sound(), sound(seed=1)]), torch.cat([people(), people(seed=1)])


def streamed(model, x, boxes, cuts):
    """Run a stream in pieces that end at some steps, and silence after it: the head without its lag."""
    ahead = model.look_ahead_frames
    x = torch.cat([x, model.encoder.silence(x, ahead)], dim=2)
    if boxes is not None:
        boxes = torch.cat([boxes, boxes.new_zeros(len(boxes), ahead // FRAMES, PEOPLE, 5)], dim=1)
    parts, state = [], None
    n_steps = x.shape[2] // FRAMES
    for begin, end in zip([0, *cuts], [*cuts, n_steps], strict=True):
        seen = None if boxes is None else boxes[:, begin:end]
        with torch.no_grad():
            heads, state = model.advance(x[:, :, begin * FRAMES : end * FRAMES], seen, state)
        assert heads["accdoa"].shape[1] == (end - begin) * FRAMES
        parts.append(heads["accdoa"])
    return torch.cat(parts, dim=1)[:, ahead:]


@settings(max_examples=12, deadline=None)
@given(look_ahead=st.integers(0, 3), vision=st.booleans(), cuts=st.sets(st.integers(1, N_STEPS - 1)))
def test_a_stream_in_pieces_of_any_length_is_the_window_in_one(look_ahead, vision, cuts):
    model, (x, boxes) = network(look_ahead, vision), two_scenes()
    boxes = boxes if vision else None
    with torch.no_grad():
        whole = model(x, boxes)["accdoa"]
    assert whole.shape == (2, N_STEPS * FRAMES, *SHAPES["accdoa"]) and whole.abs().max() > 0.02
    torch.testing.assert_close(streamed(model, x, boxes, sorted(cuts)), whole, rtol=0, atol=1e-5)


@pytest.mark.parametrize("vision", [False, True])
def test_no_state_is_the_same_as_one_of_zeros(vision):
    model, x, boxes = network(vision=vision), sound(), people()
    with torch.no_grad():
        heads, state = model.advance(x, boxes, None)
        again, _ = model.advance(x, boxes, {name: torch.zeros_like(each) for name, each in state.items()})
    torch.testing.assert_close(again, heads, rtol=0, atol=0)


@pytest.mark.parametrize("vision", [False, True])
def test_the_state_is_as_large_after_an_hour_as_after_a_label_frame(vision):
    model, state, sizes = network(2, vision), None, set()
    with torch.no_grad():
        for n_steps in (1, 2, 7, 36):
            _, state = model.advance(sound(n_steps), people(n_steps), state)
            sizes.add(tuple((name, tuple(each.shape)) for name, each in sorted(state.items())))
    assert len(sizes) == 1
    assert all(each.untyped_storage().nbytes() == 4 * each.numel() for each in state.values())


@settings(max_examples=12, deadline=None)
@given(look_ahead=st.integers(0, 3), at=st.integers(0, N_STEPS - 1), vision=st.booleans())
def test_sound_and_people_later_than_the_look_ahead_enter_no_label_frame(look_ahead, at, vision):
    model, x, boxes = network(look_ahead, vision), sound(), people()
    x[:, :, at * FRAMES :] = torch.nan
    boxes[:, at:] = torch.nan
    with torch.no_grad():
        answer = model(x, boxes if vision else None)["accdoa"][0, ::FRAMES].isnan().flatten(1).any(dim=1)
    first = max(at - look_ahead, 0)
    assert answer.tolist() == [False] * first + [True] * (N_STEPS - first)


def test_sound_before_the_attention_reaches_still_enters_by_the_recurrence():
    model, x = network(past=2), sound()
    with torch.no_grad():
        before = model(x)["accdoa"]
        x[:, :, :FRAMES] += 1
        after = model(x)["accdoa"]
    assert (before - after)[:, -FRAMES:].abs().max() > 1e-7


def test_normalization_does_not_depend_on_the_window():
    model, x = network(), sound()
    with torch.no_grad():
        alone = model(x)["accdoa"]
        together = model(torch.cat([x, 30 + sound(seed=1)]))["accdoa"][:1]
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-6)


@settings(max_examples=6, deadline=None)
@given(angle=st.floats(-math.pi, math.pi), look_ahead=st.integers(0, 2))
def test_predictions_rotate_with_the_scene(angle, look_ahead):
    model, x, boxes = network(look_ahead, vision=True), sound(), people()
    cosine, sine = math.cos(angle), math.sin(angle)
    turned = x.clone()
    turned[:, 4], turned[:, 5] = cosine * x[:, 4] - sine * x[:, 5], sine * x[:, 4] + cosine * x[:, 5]
    shift = torch.tensor([1.0, 0.0, 1.0, 0.0, 0.0]) * (-angle / (2 * math.pi))
    with torch.no_grad():
        before = model(x, boxes)["accdoa"]
        after = model(turned, boxes + shift * (boxes[..., 4:] > 0))["accdoa"]
    east, north, up = before.unbind(3)
    wanted = torch.stack([cosine * east - sine * north, sine * east + cosine * north, up], 3)
    torch.testing.assert_close(after, wanted, rtol=0, atol=2e-5)


@pytest.mark.parametrize("look_ahead", [0, 2])
def test_a_prediction_is_rotated_to_where_people_were_in_its_label_frame(look_ahead):
    """People who come or go after a label frame do not change it, those in it do."""
    model, x, boxes = network(look_ahead, vision=True), sound(), people()
    boxes[:] = 0
    with torch.no_grad():
        blank = model(x, boxes)["accdoa"]
        boxes[:, 6, 0] = torch.tensor([0.1, 0.4, 0.2, 0.8, 0.9])
        change = (model(x, boxes)["accdoa"] - blank).abs().amax(dim=(0, 2, 3, 4))[::FRAMES]
    assert (change > 1e-3).nonzero().flatten().tolist() == [6]


def test_loud_bands_are_those_above_the_mean_of_the_steps_that_are_remembered():
    x = torch.zeros(1, 6, 20 * FRAMES, 4)
    x[:, 0, :, 1] = 2.0  # one band in four
    x[:, 0, 10 * FRAMES :] += 30
    known = torch.cat([torch.zeros(1, 3), torch.ones(1, 20)], dim=1)
    loud, kept = loud_so_far(x, known, 3, None)
    at = loud[0, ::FRAMES]
    assert (at[:10, 1] > 0.9).all() and (at[:10, 0] < 0.4).all()
    assert (at[10] > 0.5).all()  # after a step of silence all is loud,
    torch.testing.assert_close(at[13:], at[:1].expand(7, -1))  # until it is forgotten
    first, between = loud_so_far(x[:, :, : 12 * FRAMES], known[:, :15], 3, None)
    second, after = loud_so_far(x[:, :, 12 * FRAMES :], torch.ones(1, 11), 3, between)
    torch.testing.assert_close(torch.cat([first, second], dim=1), loud)
    torch.testing.assert_close(after, kept)


@pytest.mark.parametrize("name", ["sound_field", "array_sound_field"])
def test_silence_after_a_stream_has_the_features_of_digital_silence(name):
    model = MODELS["live"](6, 64, SHAPES)
    features = FEATURES[name](hop=480)(torch.zeros(1, 4, 4800))
    torch.testing.assert_close(model.encoder.silence(features, features.shape[2]), features)


def test_weights_of_a_network_without_causality_fit_the_encoder():
    here, there = network(), MODELS["fused"](6, BANDS, SHAPES, frames_per_step=FRAMES)
    here.encoder.load_state_dict(there.encoder.state_dict())
    here.pointers.load_state_dict(there.pointers.state_dict())


def test_a_causal_encoder_gives_what_the_other_gives_two_steps_before():
    """Kernels are the same, moved back by a frame of 20 ms and by two steps."""
    here, there = network().encoder, MODELS["fused"](6, BANDS, SHAPES, frames_per_step=FRAMES).eval().encoder
    here.load_state_dict(there.state_dict())
    x = sound()
    with torch.no_grad():
        later = here.scalars_and_vectors(torch.roll(x, -1, dims=2))[0]
        wanted = there.scalars_and_vectors(x)[0]
    torch.testing.assert_close(later[:, 6:-1], wanted[:, 4:-3], rtol=0, atol=1e-5)


def training_losses(model, boxes):
    n_frames = N_STEPS * FRAMES + 1
    labels = torch.zeros(1, n_frames, 6, 3, 4)
    aim = math.pi * (1 - (0.3 + 0.35))
    labels[:, :, 0, :2, 2] = torch.tensor([math.cos(aim), math.sin(aim)])
    x = torch.nn.functional.pad(sound(), (0, 0, 0, 1))
    return model.training_loss(model.train()(x, boxes), {"accdoa": labels}, TARGETS["multi_accdoa"](4))


@pytest.mark.parametrize("look_ahead", [0, 2])
def test_every_weight_gets_a_gradient(look_ahead):
    boxes = people()
    boxes[..., :4] = torch.tensor([0.3, 0.4, 0.35, 0.8])
    model = network(look_ahead, vision=True, video_dropout=0.0)
    training_losses(model, boxes)["loss"].backward()
    assert all(weight.grad is not None and weight.grad.any() for weight in model.parameters())


def test_training_leaves_out_label_frames_whose_look_ahead_is_not_known():
    model, x = network(3).train(), sound()
    assert model(x)["accdoa"].shape[1] == (N_STEPS - 3) * FRAMES
    with pytest.raises(BadInput, match="too short"):
        model(x[:, :, : 3 * FRAMES])


def test_what_does_not_fit_is_named():
    with pytest.raises(BadInput, match="causal_sound_field"):
        network(encoder="sound_field")
    with pytest.raises(BadInput, match="look_ahead: -1"):
        network(look_ahead=-1)
    with pytest.raises(BadInput, match="7 frames are no whole number"):
        network().advance(torch.zeros(1, 6, 7, BANDS))
    with pytest.raises(BadInput, match="too short"):
        network()(torch.zeros(1, 6, 4, BANDS))
