"""CNNs with an output for the clip and for every frame."""

import numpy as np
import pytest
import torch

from avseld.base.errors import BadInput
from avseld.features import LogMel
from avseld.models.cnn import CNN

SHAPES = {"frame": (10,), "clip": (10,)}


def task4_features(**options) -> LogMel:
    return LogMel(
        1, 32000, 1024, None, 500, 64, 50.0, 14000.0, "reflect", symmetric=True, standardize=False, **options
    )


def task4_signal() -> torch.Tensor:
    """Create a signal whose log-mel was computed by qiuqiangkong/dcase2019_task4 @ d54cde2."""
    t = np.arange(64000) / 32000
    x = 0.5 * np.sin(2 * np.pi * 440 * t) + 0.1 * np.sin(2 * np.pi * 3000 * t)
    x += 0.05 * np.cos(2 * np.pi * (500 * t + 1000 * t**2))
    return torch.from_numpy(np.concatenate([x, np.zeros(256000)]))[None, None]


def test_the_networks_have_the_published_sizes():
    for layers, size in ((5, 4_309_450), (9, 4_691_274)):
        assert sum(weight.numel() for weight in CNN(1, 64, SHAPES, layers).parameters()) == size
    with torch.device("meta"), pytest.MonkeyPatch.context() as patched:
        patched.setattr("avseld.models.cnn.initialize", lambda model: None)
        assert sum(weight.numel() for weight in CNN(1, 64, SHAPES, 13).parameters()) == 75_497_802


def test_a_narrow_network_has_a_fraction_of_the_channels_and_all_outputs():
    with torch.no_grad():
        narrow = CNN(1, 64, SHAPES, narrow=4).eval()
        assert narrow.encode(torch.randn(1, 1, 64, 64)).shape[1] == 512 // 4
        assert narrow(torch.randn(1, 1, 64, 64))["frame"].shape == (1, 64, 10)
    with pytest.raises(BadInput, match="64, 128, 256, 512 channels do not divide by 5"):
        CNN(1, 64, SHAPES, narrow=5)


def test_weights_have_the_published_names():
    names = set(CNN(1, 64, SHAPES).state_dict())
    moments = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    blocks = [f"conv_block{k}" for k in range(1, 5)]
    expected = {f"{block}.conv{i}.weight" for block in blocks for i in (1, 2)}
    expected |= {f"{block}.bn{i}.{m}" for block in blocks for i in (1, 2) for m in moments}
    assert names == expected | {"fc.weight", "fc.bias"}
    five = {f"conv{i}.weight" for i in range(1, 5)} | {f"bn{i}.{m}" for i in range(1, 5) for m in moments}
    assert set(CNN(1, 64, SHAPES, 5).state_dict()) == five | {"fc.weight", "fc.bias"}


@pytest.mark.parametrize("pooling", ["average", "max"])
@pytest.mark.parametrize("layers", [5, 9])
def test_there_is_an_output_for_every_frame_and_for_the_clip(layers, pooling):
    model = CNN(1, 64, SHAPES, layers, pooling).eval()
    with torch.no_grad():
        output = model(torch.randn(2, 1, 131, 64))
    assert output["frame"].shape == output["clip"].shape == (2, 131, 10)
    steps = output["frame"][:, :128].unflatten(1, (16, 8))
    assert torch.equal(steps, steps[:, :, :1].expand_as(steps)), "a step lasts eight frames"
    assert not torch.equal(steps[:, 0], steps[:, 1])
    assert torch.equal(output["clip"], output["clip"][:, :1].expand_as(output["clip"]))


@pytest.mark.parametrize(("layers", "pooling"), [(5, "average"), (9, "average"), (9, "max")])
def test_frequency_is_pooled_by_mean_or_maximum(layers, pooling):
    model = CNN(1, 64, SHAPES, layers, pooling).eval()
    x = torch.randn(1, 1, 64, 64)
    with torch.no_grad():
        encoded = model.encode(x)
        assert encoded.shape == (1, 512, 8, 8)
        seen = encoded.mean(dim=3) if layers == 5 else encoded.amax(dim=3)
        frame = model.fc(seen.transpose(1, 2))
        assert torch.allclose(model(x)["frame"][:, ::8], frame, atol=1e-6)
        assert torch.allclose(model(x)["clip"][:, 0], model.fc(seen.amax(dim=2)), atol=1e-6)


def test_the_clip_output_is_the_maximum_over_frames_only_if_trained_by_frames():
    weak, strong = CNN(1, 64, SHAPES).eval(), CNN(1, 64, SHAPES, clip_from="frames").eval()
    strong.load_state_dict(weak.state_dict())
    x = torch.randn(1, 1, 64, 64)
    with torch.no_grad():
        by_features, by_frames = weak(x), strong(x)
    assert torch.equal(by_features["frame"], by_frames["frame"])
    assert torch.equal(by_frames["clip"][:, 0], by_frames["frame"].amax(dim=1))
    assert not torch.allclose(by_features["clip"], by_frames["clip"], atol=1e-3)


def test_impossible_options_of_a_cnn_are_refused():
    for options, text in (
        ({"layers": 7}, "7 is none of 5, 9, 13"),
        ({"pooling": "median"}, "median"),
        ({"clip_from": "ears"}, "ears"),
    ):
        with pytest.raises(BadInput, match=text):
            CNN(1, 64, SHAPES, **options)
    with pytest.raises(BadInput, match="choose target tagging"):
        CNN(1, 64, {"sed": (10,)})
    with pytest.raises(BadInput, match="7 frames"):
        CNN(1, 64, SHAPES)(torch.randn(1, 1, 7, 64))


def test_the_log_mel_of_task_4_has_its_reference_values():
    feature = task4_features().double()
    bands = feature.mel.bands.T
    assert bands.shape == (64, 513) and int((bands > 0).sum()) == 866
    assert float(bands.sum()) == pytest.approx(2.04812618, rel=1e-6)
    assert float(bands.max()) == pytest.approx(0.01814952, rel=1e-6) and int(bands[10].argmax()) == 21
    level = feature(task4_signal())[0, 0]
    assert level.shape == (641, 64) and feature.hop == 1 / 64
    for place, value in {
        (0, 0): 6.9802, (0, 10): 5.1181, (10, 0): -56.1296, (10, 9): -32.7258, (10, 10): -38.5230,
        (64, 10): -41.8361, (127, 10): -41.8233, (128, 10): -0.9651, (130, 10): -100.0,
    }.items():  # fmt: skip
        assert float(level[place]) == pytest.approx(value, abs=2e-2), place
    assert float(level[10, 40]) == pytest.approx(-97.0563, abs=0.5), "below -70 dB single precision shows"
    assert float(level[129, 10]) == pytest.approx(-76.1602, abs=0.5)
    assert float(level.max()) == pytest.approx(24.859066, abs=1e-4)
