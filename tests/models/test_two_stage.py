"""Two stages: events, then directions by a second network initialized from the convolutions of the first."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from avseld.base.errors import BadInput
from avseld.decoding.two_stage import nearest_frame
from avseld.features import LogMelGCC
from avseld.io.events import Events
from avseld.models.convolution import DoubleConvBlock
from avseld.models.transfer import load_role, read_weights, transfer
from avseld.models.two_stage import CRNN10, TwoStage
from avseld.targets.two_stage import DECAY, TwoStageTarget
from avseld.training.schedules import linear_factor, step_factor

SHAPES = {"sed": (11,), "doa": (2, 11)}
SMALL = {"widths": (4, 4, 8, 8)}


def size(model: torch.nn.Module) -> int:
    return sum(weight.numel() for weight in model.parameters())


def tensors(target: dict[str, np.ndarray]) -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(value)[None] for name, value in target.items()}


def test_the_networks_have_the_published_sizes():
    assert size(CRNN10(10, 96, SHAPES)) == 5_890_977
    assert size(CRNN10(10, 96, SHAPES, recurrent=False)) == 4_708_257
    assert TwoStage(10, 96, SHAPES).parameter_count == 5_890_977


def test_one_step_spans_sixteen_frames_and_every_frame_gets_an_output():
    model = CRNN10(10, 96, SHAPES, **SMALL).eval()
    x = torch.randn(1, 10, 6001, 96)
    with torch.no_grad():
        steps, output = model.steps(x), model(x)
    assert steps["doa"].shape == (1, 375, 2, 11) and 375 * 16 == 6000
    assert output["sed"].shape == (1, 6001, 11) and output["doa"].shape == (1, 6001, 2, 11)
    assert torch.equal(output["sed"][0, 160:176], steps["sed"][0, 10].expand(16, -1))
    with pytest.raises(BadInput, match="15 frames"):
        model(x[:, :, :15])
    with pytest.raises(BadInput, match="8 bins"):
        model(x[..., :8])


def test_every_weight_learns():
    model = CRNN10(10, 96, SHAPES, **SMALL)
    sum(head.square().sum() for head in model(torch.randn(2, 10, 48, 96)).values()).backward()
    assert all(w.grad is not None and w.grad.abs().sum() > 0 for w in model.parameters())


def test_layers_are_initialized_as_published():
    torch.manual_seed(0)
    model = CRNN10(10, 96, SHAPES)
    assert model.conv_block1.bn1.weight.std().item() == pytest.approx(0.02, rel=0.4)
    limit = math.sqrt(6 / (64 * 9))  # gain sqrt 2
    assert 0.95 * limit < model.conv_block1.conv2.weight.abs().max() <= limit
    for name, weight in model.gru.named_parameters():
        if name.startswith("bias"):
            assert not weight.any()
            continue
        *gates, candidate = weight.detach().chunk(3)
        for gate in gates:
            assert 0.98 * math.sqrt(3 / gate.shape[1]) < gate.abs().max() <= math.sqrt(3 / gate.shape[1])
        turned = candidate @ candidate.T
        assert torch.allclose(turned, torch.eye(256), atol=1e-3) == name.startswith("weight_hh")


def test_pooling_is_a_mean_or_a_maximum_of_four():
    x = torch.randn(1, 3, 8, 8)
    for kind, reduce in (("average", torch.mean), ("max", torch.amax)):
        block = DoubleConvBlock(3, 5, pooling=kind).eval()
        whole = DoubleConvBlock(3, 5, (1, 1)).eval()
        whole.load_state_dict(block.state_dict())
        quads = whole(x).unflatten(3, (4, 2)).unflatten(2, (4, 2))  # (1, 5, 4, 2, 4, 2)
        assert torch.allclose(block(x), reduce(quads, dim=(3, 5)), atol=1e-6)
    with pytest.raises(BadInput, match="median"):
        DoubleConvBlock(3, 5, pooling="median")


def test_the_second_stage_is_initialized_from_the_convolutions_only():
    torch.manual_seed(0)
    first = CRNN10(10, 96, SHAPES, **SMALL)
    both = TwoStage(10, 96, SHAPES, **SMALL)
    before = {name: value.clone() for name, value in both.state_dict().items()}
    copied = transfer(both, first.state_dict(), both.pretrained_roles["sed"], "first.safetensors")
    trained = first.state_dict()
    for name, value in both.state_dict().items():
        stage, own = name.split(".", 1)
        taken = stage == "sed" or own.startswith("conv_block")
        assert (name in copied) == taken
        assert torch.equal(value, trained[own] if taken else before[name]), name
    assert not torch.equal(before["doa.gru.weight_ih_l0"], trained["gru.weight_ih_l0"])


def test_weights_of_another_architecture_are_refused_and_nothing_is_copied():
    other = CRNN10(7, 96, SHAPES, **SMALL)
    both = TwoStage(10, 96, SHAPES, **SMALL)
    before = {name: value.clone() for name, value in both.state_dict().items()}
    with pytest.raises(BadInput, match=r"there.pth: 'conv_block1.conv1.weight' has shape \(4, 7, 3, 3\)"):
        transfer(both, other.state_dict(), both.pretrained_roles["sed"], "there.pth")
    lacking = {name: value for name, value in CRNN10(10, 96, SHAPES, **SMALL).state_dict().items()}
    del lacking["conv_block4.bn2.running_var"]
    with pytest.raises(BadInput, match=r"no weight 'conv_block4.bn2.running_var'"):
        transfer(both, lacking, both.pretrained_roles["sed"], "there.pth")
    with pytest.raises(BadInput, match="'ear' is no module of the network; it has sed, doa"):
        transfer(both, lacking, {"ear": ""}, "there.pth")
    assert all(torch.equal(value, before[name]) for name, value in both.state_dict().items())


def test_a_run_folder_stands_for_its_best_weights(tmp_path):
    first, both = CRNN10(10, 96, SHAPES, **SMALL), TwoStage(10, 96, SHAPES, **SMALL)
    save_file(
        first.state_dict() | {"features.standardize.mean": torch.zeros(1)}, tmp_path / "model.safetensors"
    )
    load_role(both, both.pretrained_roles, "sed", tmp_path)
    assert torch.equal(both.sed.gru.weight_ih_l0, first.gru.weight_ih_l0)
    assert torch.equal(both.doa.conv_block4.conv2.weight, first.conv_block4.conv2.weight)
    with pytest.raises(BadInput, match="takes no weights as 'ears', but as sed"):
        load_role(both, both.pretrained_roles, "ears", tmp_path)
    with pytest.raises(BadInput, match="but as nothing"):
        load_role(first, {}, "sed", tmp_path)
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(BadInput, match=r"model.safetensors: not found"):
        load_role(both, both.pretrained_roles, "sed", tmp_path)


def test_weights_files_are_read_without_executing_code(tmp_path):
    weights = {"conv_block1.conv1.weight": torch.ones(2, 2)}
    for content in (weights, {"iteration": 3, "model": weights}, {"state_dict": weights}):
        torch.save(content, tmp_path / "some.pth")
        assert torch.equal(read_weights(tmp_path / "some.pth")["conv_block1.conv1.weight"], torch.ones(2, 2))

    class Trap:
        def __reduce__(self):
            return (tmp_path.joinpath("sprung").write_text, ("!",))

    torch.save({"model": weights, "extra": Trap()}, tmp_path / "trap.pth")
    with pytest.raises(BadInput, match=r"trap.pth: holds code or objects .* never loaded"):
        read_weights(tmp_path / "trap.pth")
    assert not (tmp_path / "sprung").exists()
    (tmp_path / "torn.pth").write_bytes((tmp_path / "some.pth").read_bytes()[:200])
    (tmp_path / "torn.safetensors").write_bytes(b"\0" * 9)
    torch.save({"model": {}}, tmp_path / "none.pth")
    torch.save([1, 2], tmp_path / "list.pth")
    for name in ("torn.pth", "torn.safetensors", "none.pth", "list.pth", "absent.pth"):
        with pytest.raises(BadInput, match=name):
            read_weights(tmp_path / name)


def test_the_first_stage_is_frozen_while_the_second_learns():
    model = TwoStage(10, 96, SHAPES, **SMALL).train()
    before = {name: value.clone() for name, value in model.sed.state_dict().items()}
    learner = torch.optim.Adam(model.parameters(), lr=0.1)
    output = model(torch.randn(2, 10, 48, 96))
    assert set(output) == {"doa"}
    output["doa"].square().sum().backward()
    learner.step()
    assert all(torch.equal(value, before[name]) for name, value in model.sed.state_dict().items())
    assert not model.sed.training and model.doa.training
    output = model.eval()(torch.randn(2, 10, 48, 96))
    assert set(output) == {"sed", "doa"}


def test_events_come_from_the_first_stage_and_directions_from_the_second():
    model = TwoStage(10, 96, SHAPES, **SMALL).eval()
    x = torch.randn(1, 10, 32, 96)
    with torch.no_grad():
        output = model(x)
        assert torch.equal(output["sed"], model.sed(x)["sed"])
        assert torch.equal(output["doa"], model.doa(x)["doa"])


def test_labels_are_rounded_down_on_both_sides():
    events = Events.from_rows(
        [(0.36645229108, 1.33445229108, 8, 0, -10, -10, 2), (5.34011283858, 7.12411283858, 3, 0, -120, 10, 2)]
    )
    label = TwoStageTarget(11).encode(events, 0.0, 800, 0.01)
    assert label["sed"].sum() == (133 - 36) + (712 - 534)
    assert label["sed"][36:133, 8].all() and label["sed"][534:712, 3].all()
    assert np.allclose(label["doa"][600, :, 3], np.radians([-120, 10]))
    assert (label["doa"][label["sed"].sum(axis=1) == 0] == 0).all()
    later = TwoStageTarget(11).encode(events, 0.3, 100, 0.01)
    assert np.flatnonzero(later["sed"][:, 8]).tolist() == list(range(6, 100))


def test_a_whole_number_of_frames_is_not_lost_to_rounding():
    rows = [(k / 100, (k + 1) / 100, k % 3, 0, 10, 0, np.nan) for k in range(600)]
    active = TwoStageTarget(3).encode(Events.from_rows(rows), 0.0, 600, 0.01)["sed"]
    assert (active.argmax(axis=1) == np.arange(600) % 3).all() and (active.sum(axis=1) == 1).all()


def test_of_two_events_of_one_class_the_later_row_is_used():
    events = Events.from_rows([(0, 1, 0, 0, 50, 0, 1), (0.5, 0.7, 0, 1, -60, 20, 1)])
    place = np.degrees(TwoStageTarget(1).encode(events, 0, 100, 0.01)["doa"][:, 0, 0])
    assert np.allclose(place[[0, 49, 50, 69, 70]], [50, 50, -60, -60, 50], atol=1e-4)


def test_events_without_times_or_directions_are_refused():
    tag = Events.from_rows([(np.nan, np.nan, 0, 0, np.nan, np.nan, np.nan)])
    heard = Events.from_rows([(0, 1, 0, 0, np.nan, np.nan, np.nan)])
    for stage in ("sed", "doa"):
        with pytest.raises(BadInput, match="without times"):
            TwoStageTarget(1, stage).encode(tag, 0, 10, 0.01)
    with pytest.raises(BadInput, match="without direction"):
        TwoStageTarget(1, "doa").encode(heard, 0, 10, 0.01)
    assert TwoStageTarget(1, "sed").encode(heard, 0, 10, 0.01)["sed"].all()


@given(st.integers(0, 2**31), st.booleans(), st.booleans())
@settings(max_examples=60, deadline=None)
def test_the_direction_loss_covers_active_frames_only(seed, legacy, squared):
    random = np.random.default_rng(seed)
    active = (random.random((2, 32, 3)) < 0.3).astype(float)
    place, guess = random.uniform(-3, 3, (2, 2, 32, 2, 3))
    azimuth, elevation, count = 0.0, 0.0, 0
    for b, t, c in zip(*np.nonzero(active), strict=True):
        turn = guess[b, t, 0, c] - place[b, t, 0, c]
        if not legacy:
            turn = math.atan2(math.sin(turn), math.cos(turn))
        rise = guess[b, t, 1, c] - place[b, t, 1, c]
        azimuth += turn**2 if squared else abs(turn)
        elevation += rise**2 if squared else abs(rise)
        count += 1
    expected = [value / max(count, 1) for value in (azimuth, elevation)]
    if squared:
        expected = [math.sqrt(value) for value in expected]
    loss = TwoStageTarget(3, "doa", "square" if squared else "absolute", legacy=legacy).loss(
        {"doa": torch.from_numpy(guess)}, {"sed": torch.from_numpy(active), "doa": torch.from_numpy(place)}
    )
    assert float(loss["loss"]) == pytest.approx(sum(expected), rel=1e-9, abs=1e-5)


@pytest.mark.parametrize(("legacy", "error"), [(False, math.radians(2)), (True, math.radians(358))])
def test_azimuths_across_the_seam_are_close_except_in_the_published_loss(legacy, error):
    target = tensors(TwoStageTarget(1).encode(Events.from_rows([(0, 1, 0, 0, 179, 0, 1)]), 0, 32, 0.01))
    guess = torch.tensor([math.radians(-179), 0.0]).reshape(1, 1, 2, 1).repeat(1, 32, 1, 1).requires_grad_()
    loss = TwoStageTarget(1, legacy=legacy).loss({"doa": guess}, target)["loss"]
    assert loss.item() == pytest.approx(error, rel=1e-4)
    loss.backward()
    assert (guess.grad[0, :, 0] < 0).all() == legacy, "the circle is turned the short way, away from the seam"


def test_a_batch_of_silence_has_a_loss_and_a_gradient():
    guess = torch.randn(1, 32, 2, 2, requires_grad=True)
    silence = {"sed": torch.zeros(1, 32, 2), "doa": torch.zeros(1, 32, 2, 2)}
    for error in ("absolute", "square"):
        loss = TwoStageTarget(2, "doa", error).loss({"doa": guess}, silence)["loss"]
        loss.backward()
        assert loss.item() < 1e-5 and torch.isfinite(guess.grad).all()


def test_the_stages_have_the_published_loss_weights():
    random = torch.Generator().manual_seed(0)
    output = {
        "sed": torch.randn(1, 32, 2, generator=random),
        "doa": torch.randn(1, 32, 2, 2, generator=random),
    }
    target = {"sed": torch.ones(1, 32, 2), "doa": torch.zeros(1, 32, 2, 2)}
    sed, doa, joint = (TwoStageTarget(2, stage).loss(output, target) for stage in ("sed", "doa", "joint"))
    assert set(sed) == {"loss", "sed"} and set(doa) == {"loss", "doa"}
    assert torch.equal(sed["loss"], sed["sed"]) and torch.equal(doa["loss"], doa["doa"])
    assert float(joint["loss"]) == pytest.approx(0.8 * float(sed["sed"]) + 0.2 * float(doa["doa"]), rel=1e-6)


def test_frames_after_the_last_complete_step_are_not_in_the_loss():
    output = {"sed": torch.zeros(1, 40, 1)}
    target = {"sed": torch.zeros(1, 40, 1)}
    loss = TwoStageTarget(1, "sed").loss(output, target)["loss"]
    target["sed"][:, 32:] = 1
    output["sed"][:, 32:] = -50
    assert TwoStageTarget(1, "sed").loss(output, target)["loss"] == loss


def test_label_frames_take_the_nearest_frame():
    assert nearest_frame(100, 0.01, 0.02).tolist() == list(range(0, 100, 2))
    assert nearest_frame(16, 1 / 64, 1 / 50).tolist() == [0, 1, 3, 4, 5, 6, 8, 9, 10, 12, 13, 14]
    assert len(nearest_frame(0, 0.01, 0.02)) == 0


def test_what_is_encoded_is_decoded():
    random = np.random.default_rng(0)
    rows = [
        (0.02 * k, 0.02 * k + 0.02, c, 0, random.integers(-180, 180), random.integers(-90, 91), np.nan)
        for k in range(50) for c in range(3) if random.random() < 0.5
    ]  # fmt: skip
    events, target = Events.from_rows(rows), TwoStageTarget(3)
    label = target.encode(events, 0.0, 100, 0.01)
    found = target.decode({"sed": label["sed"] * 20 - 10, "doa": label["doa"]}, 0.01)
    assert np.allclose(found.onset, events.onset) and np.allclose(found.offset, events.offset)
    assert (found.label == events.label).all()
    assert np.allclose(found.azimuth, events.azimuth, atol=1e-3)
    assert np.allclose(found.elevation, events.elevation, atol=1e-3)
    heard = TwoStageTarget(3, "sed").decode({"sed": label["sed"] * 20 - 10}, 0.01)
    assert (heard.label == events.label).all() and np.isnan(heard.azimuth).all()


def test_events_have_probabilities_above_the_threshold():
    logit = np.log(np.array([0.299, 0.3, 0.301]) / (1 - np.array([0.299, 0.3, 0.301])))
    logit[1] = np.nextafter(logit[1], -1)
    found = TwoStageTarget(3).decode({"sed": logit[None].repeat(2, 0), "doa": np.zeros((2, 2, 3))}, 0.01)
    assert found.label.tolist() == [2]


@pytest.mark.parametrize(
    ("legacy", "told"),
    [(False, [[-180, 0], [-160, 90], [20, -20]]), (True, [[170, 0], [170, 40], [20, -20]])],
)
def test_directions_are_rounded_to_the_grid_and_wrapped_or_clipped(legacy, told):
    place = np.radians([[176, 4.9], [203, 97], [25, -25]])  # halves go to the even ten
    output = {"sed": np.full((2, 3), 9.0), "doa": np.tile(place.T, (2, 1, 1))}
    found = TwoStageTarget(3, grid_deg=10, legacy=legacy).decode(output, 0.01)
    assert np.stack([found.azimuth, found.elevation], 1).tolist() == told


def test_the_learning_rate_falls_as_published():
    rate = [1e-3 * step_factor(step, **DECAY) for step in (0, 30_000, 31_999, 32_000, 49_999, 50_000)]
    assert rate == pytest.approx([1e-3, 1e-3, 1e-3, 9e-4, 3.874204890e-4, 3.486784401e-4], rel=1e-9)
    task4 = [1e-3 * step_factor(step, 200, 0.9) for step in (0, 199, 200, 400, 5000)]
    assert task4 == pytest.approx([1e-3, 1e-3, 9e-4, 8.1e-4, 7.18e-5], rel=1e-3)
    assert [linear_factor(step, 100, 0.1) for step in (0, 50, 100, 200)] == pytest.approx([1, 0.55, 0.1, 0.1])


def test_the_published_features_have_ten_maps_of_96_and_their_lags():
    feature = LogMelGCC(
        sample_rate=32000, n_fft=1024, win_length=None, hop=320, n_mels=96, low_hz=50, pad_mode="reflect",
        gcc_fft=2048,
    )  # fmt: skip
    assert (feature.n_features, feature.n_bins, feature.hop) == (10, 96, 0.01)
    bands = feature.mel.bands.T
    assert bands.shape == (96, 513) and int((bands > 0).sum()) == 1000
    assert float(bands.sum()) == pytest.approx(3.07285083, rel=1e-6)
    assert float(bands.max()) == pytest.approx(0.02664465, rel=1e-6) and int(bands[10].argmax()) == 15
    sound = np.random.default_rng(0).normal(size=32000)
    late = np.stack([sound, np.roll(sound, 7), sound, sound])
    middle = feature(torch.from_numpy(late).float()[None])[0, 4, 20:80]
    assert feature(torch.zeros(1, 4, 60 * 32000)).shape == (1, 10, 6001, 96)
    assert set(middle.argmax(dim=1).tolist()) == {48 + 7}
