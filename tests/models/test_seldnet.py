"""SELDnet of 2018 to 2024: sizes, recurrence, normalization, and recipes that build and learn."""

import numpy as np
import pytest
import torch
import yaml

from avseld.base.errors import BadInput
from avseld.config import Part
from avseld.features import FEATURES
from avseld.models import SELDnet, SeldNet
from avseld.models.blocks import BinNorm, ConvBlock
from avseld.models.temporal import ResetFirstGRU
from avseld.recipes import FOLDER
from avseld.system.blueprint import Blueprint
from avseld.system.build import System
from avseld.targets import TARGETS

XYZ = {"sed": (11,), "doa": (3, 11)}
OF_2020 = {"bin_pooling": (4, 4, 2), "frame_pooling": (5, 1, 1)}


def learning(model: torch.nn.Module) -> int:
    return sum(weight.numel() for weight in model.parameters())


@pytest.mark.parametrize(
    ("n_features", "n_bins", "shapes", "options", "total", "trainable"),
    [
        (8, 256, XYZ, {}, 513_148, 512_564),
        (8, 256, {"sed": (11,), "doa": (2, 11)}, {}, 511_729, None),
        (16, 256, XYZ, {}, 517_756, None),
        (8, 256, {"sed": (8,), "doa": (3, 8)}, {}, 511_600, None),
        (8, 1024, {"sed": (11,), "doa": (2, 11)}, {"bin_pooling": (8, 8, 4)}, 613_537, 611_201),
        (7, 64, {"sed": (14,), "doa": (3, 14)}, OF_2020, 513_288, 513_120),
        (10, 64, {"sed": (14,), "doa": (3, 14)}, OF_2020, 515_016, 514_848),
    ],
)
def test_seldnet_has_the_published_sizes(n_features, n_bins, shapes, options, total, trainable):
    model = SELDnet(n_features, n_bins, shapes, **options)
    assert model.parameter_count == total
    assert trainable is None or learning(model) == trainable
    moving = [value for name, value in model.state_dict().items() if "running" in name]
    assert learning(model) + sum(value.numel() for value in moving) == total


@pytest.mark.parametrize(
    ("n_features", "n_bins", "shape", "n_attention", "size"),
    [
        (7, 64, (3, 4, 13), 2, 742_172), (10, 64, (3, 4, 13), 2, 743_900),
        (7, 64, (3, 3, 13), 2, 737_141), (7, 64, (3, 13), 2, 727_079),
        (10, 64, (3, 3, 13), 2, 738_869), (10, 64, (3, 13), 2, 728_807),
        (7, 382, (3, 3, 13), 2, 1_179_509), (7, 382, (3, 13), 2, 1_169_447),
        (7, 64, (3, 3, 13), 0, 604_533), (7, 64, (3, 13), 0, 594_471),
        (10, 64, (3, 3, 13), 0, 606_261), (10, 64, (3, 13), 0, 596_199),
        (7, 382, (3, 3, 13), 0, 1_046_901), (7, 382, (3, 13), 0, 1_036_839),
        (2, 64, (3, 3, 13), 2, 734_261), (2, 64, (3, 13), 2, 724_199),
    ],
)  # fmt: skip
def test_the_baselines_of_2022_to_2025_have_the_published_sizes(n_features, n_bins, shape, n_attention, size):
    assert learning(SeldNet(n_features, n_bins, {"head": shape}, n_attention=n_attention)) == size


@pytest.mark.parametrize(
    ("n_attention", "values", "mean", "deviation"),
    [
        (0, (0.1439591, -0.0864555, -0.0778820), -6.37e-05, 0.1160212),
        (2, (0.1038633, -0.0269257, -0.1362034), 0.00079294, 0.1134240),
    ],
)
def test_the_baselines_of_2022_and_2023_give_their_reference_values(n_attention, values, mean, deviation):
    model = SeldNet(7, 64, {"accdoa": (3, 3, 13)}, n_attention=n_attention).eval()
    for k, weight in enumerate(model.parameters()):
        i = np.arange(weight.numel())
        weight.data = torch.from_numpy(0.05 * np.sin(0.37 * i + 0.11 * k)).float().reshape(weight.shape)
    x = torch.from_numpy(1 + np.sin(0.013 * np.arange(2 * 7 * 250 * 64))).float().reshape(2, 7, 250, 64)
    with torch.no_grad():
        output = model.steps(x)["accdoa"].flatten(2).tanh().numpy()
    assert (output[0, 0, 0], output[0, 10, 5], output[1, 49, -1]) == pytest.approx(values, rel=1e-4)
    assert output.mean() == pytest.approx(mean, abs=1e-6) and output.std() == pytest.approx(
        deviation, rel=1e-4
    )


def recurrence(x: np.ndarray, w: np.ndarray, u: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Compute one direction of the recurrent layer step by step: (frame, input) -> (frame, unit)."""
    n = u.shape[0]
    h, states = np.zeros(n), []
    for frame in x:
        drive = frame @ w + b
        z = np.clip(0.2 * (drive[:n] + h @ u[:, :n]) + 0.5, 0, 1)
        r = np.clip(0.2 * (drive[n : 2 * n] + h @ u[:, n : 2 * n]) + 0.5, 0, 1)
        h = z * h + (1 - z) * np.tanh(drive[2 * n :] + (r * h) @ u[:, 2 * n :])
        states.append(h)
    return np.array(states)


@pytest.mark.parametrize("merge", ["product", "concat"])
def test_the_recurrent_layer_equals_the_published_one(merge):
    torch.manual_seed(0)
    layer = ResetFirstGRU(5, 4, merge).double()
    layer.bias.data.normal_()
    x = torch.randn(2, 9, 5, dtype=torch.float64)
    w, u, b = (part.detach().numpy() for part in (layer.weight_input, layer.weight_state, layer.bias))
    for one, ours in zip(x.numpy(), layer(x).detach().numpy(), strict=True):
        forward, backward = recurrence(one, w[0], u[0], b[0]), recurrence(one[::-1], w[1], u[1], b[1])[::-1]
        expected = forward * backward if merge == "product" else np.concatenate([forward, backward], axis=1)
        assert np.abs(ours - expected).max() < 1e-12


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_a_bin_is_normalized_over_channels_and_frames(layout):
    norm, x = BinNorm(8), (3 + 2 * torch.randn(4, 6, 10, 8)).contiguous(memory_format=layout)
    usual = torch.nn.BatchNorm2d(8)
    assert torch.allclose(norm(x), usual(x.transpose(1, 3)).transpose(1, 3), atol=1e-5)
    assert norm(x).mean(dim=(0, 1, 2)).abs().max() < 1e-5
    assert torch.allclose(norm.eval()(x), usual.train(False)(x.transpose(1, 3)).transpose(1, 3), atol=1)
    assert norm.norm.running_mean.shape == (8,)


def test_a_block_pools_frames_and_bins():
    x = torch.randn(2, 3, 11, 9)
    assert ConvBlock(3, 4, (5, 2))(x).shape == (2, 4, 2, 4) and ConvBlock(3, 4)(x).shape == (2, 4, 11, 9)
    assert (ConvBlock(3, 4)(x) >= 0).all() and ConvBlock(3, 4, bias=False).conv.bias is None


@pytest.mark.parametrize("n_frames", [5, 24, 250, 251])
def test_any_window_length_gives_one_output_per_frame(n_frames):
    x = torch.randn(2, 7, n_frames, 64)
    model = SELDnet(7, 64, {"sed": (14,), "doa": (3, 14)}, **OF_2020).eval()
    with torch.no_grad():
        output, steps = model(x), model.steps(x)
    assert output["sed"].shape == (2, n_frames, 14) and output["doa"].shape == (2, n_frames, 3, 14)
    assert steps["sed"].shape[1] == n_frames // 5
    assert torch.equal(output["doa"][:, : n_frames // 5 * 5 : 5], steps["doa"])
    assert SeldNet(7, 64, {"accddoa": (3, 4, 13)}).eval()(x)["accddoa"].shape == (2, n_frames, 3, 4, 13)


@pytest.mark.parametrize("make", [SELDnet, SeldNet])
def test_too_few_frames_or_bins_are_refused(make):
    shapes = {"sed": (3,)}
    with pytest.raises(BadInput, match="4 frames is too short"):
        make(7, 64, shapes, **OF_2020)(torch.randn(1, 7, 4, 64))
    with pytest.raises(BadInput, match="pool less"):
        make(7, 16, shapes, bin_pooling=(8, 8, 2))
    with pytest.raises(BadInput, match="one each a block"):
        make(7, 64, shapes, bin_pooling=(4, 4), frame_pooling=(1, 1, 1))
    with pytest.raises(BadInput, match="none of bin, channel"):
        SELDnet(7, 64, shapes, norm="group")


def test_the_network_of_2024_has_one_head_and_says_which_take_more():
    with pytest.raises(BadInput, match=r"one head, not accdoa, width.*encoder_heads"):
        SeldNet(7, 64, {"accdoa": (3, 3, 13), "width": (3, 13)})


RECIPES = {"seldnet_2018": 513_148, "seldnet_2019": 613_537, "seldnet_2020": 513_288, "seldnet_2024": 742_172}
CLASSES = {"seldnet_2018": 11, "seldnet_2019": 11, "seldnet_2020": 14, "seldnet_2024": 13}


def parts(name: str) -> dict:
    return yaml.safe_load((FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", sorted(RECIPES))
@pytest.mark.parametrize("legacy", [False, True])
def test_a_recipe_builds_the_published_system(name, legacy):
    recipe = parts(name)
    named = {
        key: Part(recipe[key]["name"], recipe[key]["options"]) for key in ("features", "model", "target")
    }
    classes = [str(c) for c in range(CLASSES[name])]
    system = System(Blueprint(**named, classes=classes, chunk=recipe["data"]["chunk"], legacy=legacy))
    assert system.parameter_count == RECIPES[name]
    frames = {"seldnet_2018": 512, "seldnet_2019": 128, "seldnet_2020": 300, "seldnet_2024": 250}[name]
    assert system.window_frames == frames + 1


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_every_weight_of_a_recipe_learns(name):
    torch.manual_seed(0)
    recipe = parts(name)
    feature = FEATURES[recipe["features"]["name"]](**recipe["features"]["options"])
    target = TARGETS[recipe["target"]["name"]](3, **recipe["target"]["options"])
    model = recipe["model"]
    table = {"seldnet": SELDnet, "seldnet_attention": SeldNet}
    network = table[model["name"]](feature.n_features, feature.n_bins, target.shapes, **model["options"])
    with torch.no_grad():
        x = feature(0.1 * torch.randn(2, 4, feature.stft.hop * 24))
    shape = {
        name: (2, x.shape[2], *(shape if name != "accddoa" else (6, 5, 3)))
        for name, shape in target.shapes.items()
    }
    wanted = {name: torch.randint(0, 2, size).float() for name, size in shape.items()}
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    losses = []
    for _ in range(6):
        optimizer.zero_grad()
        loss = target.loss(network(x), wanted)["loss"]
        loss.backward()
        still = {
            n for n, w in network.named_parameters() if w.grad is None or not torch.isfinite(w.grad).all()
        }
        assert not still
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
