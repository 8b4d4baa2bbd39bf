"""The general architecture: modules for events and directions, and the network that aligns them."""

import numpy as np
import pytest
import torch
from reference.signals import plane_wave

from avseld.base.errors import BadInput
from avseld.config import InitFrom, Part
from avseld.decoding.bins import bin_of
from avseld.features import learn_statistics
from avseld.features.general import PARTS, GeneralFeatures
from avseld.io.geometry import angle_between, unit_vector
from avseld.models.general import DIRECTIONS, HEADS, MODULES, Alignment, GeneralNetwork, GeneralSystem
from avseld.models.transfer import load_role, transfer
from avseld.system.blueprint import Blueprint
from avseld.system.build import System
from avseld.system.checkpoint import save_system
from avseld.system.pretrained import initialize_from
from avseld.targets import TARGETS

SHAPES = {"sed": (14,), "doa": (3, 14)}


def size(model: torch.nn.Module) -> int:
    return sum(weight.numel() for weight in model.parameters())


def network(module: str) -> GeneralNetwork:
    row = MODULES[module]
    heads = {"sed": (14,), **HEADS}
    return GeneralNetwork(row.n_features, row.n_bins, {name: heads[name] for name in row.heads}, module)


def system(sed: str, doa: str, **options) -> GeneralSystem:
    feature = GeneralFeatures(4, [sed, *DIRECTIONS[doa].values()])
    return GeneralSystem(feature.n_features, feature.n_bins, SHAPES, sed, doa, **options)


def cnn14(path, n_inputs: int = 1, drop: str = "") -> dict[str, torch.Tensor]:
    """Write a checkpoint with the names and shapes of the first four blocks of a Cnn14 (300 MB as published)."""
    random, weights, before = torch.Generator().manual_seed(1), {}, n_inputs
    for k, width in enumerate((64, 128, 256, 512), start=1):
        for i, inputs in ((1, before), (2, width)):
            weights[f"conv_block{k}.conv{i}.weight"] = torch.randn(width, inputs, 3, 3, generator=random)
            for name in ("weight", "bias", "running_mean", "running_var"):
                weights[f"conv_block{k}.bn{i}.{name}"] = torch.rand(width, generator=random)
            weights[f"conv_block{k}.bn{i}.num_batches_tracked"] = torch.tensor(7)
        before = width
    weights |= {"bn0.weight": torch.ones(64), "fc1.weight": torch.ones(3, 3)}
    weights.pop(drop, None)
    torch.save({"iteration": 600000, "model": weights}, path)
    return weights


def test_the_modules_have_the_published_sizes():
    sizes = {"sed_m": 5_184_526, "sed_t": 5_182_798, "doa_iv": 1_789_499, "doa_gcc": 1_790_363, "azi_hist": 1_784_040,
             "ele_hist": 445_155}  # fmt: skip
    assert {module: size(network(module)) for module in MODULES} == sizes
    whole = system("sed_t", "doa_iv")
    assert whole.parameter_count == 491_320 == size(whole.alignment)
    assert sum(w.numel() for w in whole.parameters() if w.requires_grad) == 491_320


def test_a_narrow_module_has_a_fraction_of_the_channels():
    heads = {"azimuth": (72,), "elevation": (19,)}
    whole, quarter = (GeneralNetwork(3, 128, heads, "doa_iv", narrow=narrow) for narrow in (1, 4))
    assert 15 < size(whole.conv_block4) / size(quarter.conv_block4) < 16
    together = GeneralSystem(4, 256, SHAPES, narrow=4)
    assert size(together.doa) == size(quarter) and together.parameter_count == 491_320
    with pytest.raises(BadInput, match="32, 64, 128, 256 channels do not divide by 3"):
        GeneralNetwork(3, 128, heads, "doa_iv", narrow=3)


def test_features_and_modules_agree_on_shapes():
    assert set(PARTS) == set(MODULES)
    for name, row in MODULES.items():
        feature = GeneralFeatures(4, [name])
        assert (feature.n_features, feature.n_bins) == (row.n_features, row.n_bins), name
        assert (feature.hop, feature.sample_rate) == (0.0125, 24000)
        x = feature(torch.randn(2, 4, 9600))
        assert x.shape == (2, row.n_features, 33, row.n_bins) and torch.isfinite(x).all()
        assert network(name).steps(x)[row.heads[0]].shape[:2] == (2, 2)


def test_every_sed_module_works_with_every_doa_module():
    for sed in ("sed_m", "sed_t"):
        for doa, modules in DIRECTIONS.items():
            feature, model = GeneralFeatures(4, [sed, *modules.values()]), system(sed, doa).eval()
            with torch.no_grad():
                output = model(feature(plane_wave(30, 0, 0.6, seed=3).float()))
            assert output["sed"].shape == (1, 49, 14) and output["doa"].shape == (1, 49, 3, 14)
            label_frames = output["sed"][0, :48].unflatten(0, (6, 8))
            assert torch.equal(label_frames, label_frames[:, :1].expand_as(label_frames))
            assert not torch.equal(label_frames[0], label_frames[1])


def test_concatenated_features_equal_those_of_each_module():
    waveform = plane_wave(40, 10, 0.5).float()
    names = ["sed_t", "doa_gcc", "azi_hist", "ele_hist"]
    together = GeneralFeatures(4, names)(waveform)
    assert together.shape == (1, 6, 41, 64 + 128 + 72 + 19)
    first = 0
    for name in names:
        alone = GeneralFeatures(4, [name])(waveform)
        own = together[:, : alone.shape[1], :, first : first + alone.shape[3]]
        assert torch.allclose(own, alone, atol=1e-4), name
        assert not together[:, alone.shape[1] :, :, first : first + alone.shape[3]].any()
        first += alone.shape[3]


def test_statistics_of_a_part_are_adopted_at_its_bins():
    together = GeneralFeatures(4, ["sed_t", "doa_iv"])
    mean, deviation = torch.randn(3, 1, 128), torch.rand(3, 1, 128) + 0.5
    together.adopt("doa_iv", mean, deviation)
    assert torch.equal(together.standardize.mean[..., 64:], mean)
    assert torch.equal(together.standardize.deviation[..., 64:], deviation)
    assert not together.standardize.mean[..., :64].any()
    with pytest.raises(BadInput, match="statistics of doa_iv"):
        together.adopt("doa_iv", mean[:1], deviation[:1])
    with pytest.raises(BadInput, match="uses sed_t, doa_iv, not sed_m"):
        together.adopt("sed_m", mean, deviation)


def test_a_longer_correlation_is_cut_at_the_frames_of_the_log_mel():
    feature = GeneralFeatures(4, ["sed_m", "doa_gcc"], pad_mode="constant")
    waveform = torch.randn(1, 4, 24000)
    whole = feature(waveform)
    part = feature(waveform[:, :, 300 * 20 - 1024 : 300 * 50 + 1024], centered=False)
    assert feature.stft.n_fft == 2048 and part.shape[2] == 31
    assert (part - whole[:, :, 20:51]).abs().max() < 1e-2


def test_the_mel_bands_have_their_reference_values():
    bands = GeneralFeatures(4, ["sed_m"]).parts[0].mel.bands.T
    assert bands.shape == (128, 513) and float(bands.sum()) == pytest.approx(5.46015591, rel=1e-6)
    assert float(bands.max()) == pytest.approx(0.03761468, rel=1e-6) and int(bands[10].argmax()) == 14


def test_the_intensity_in_mel_bands_points_to_the_source():
    x = GeneralFeatures(4, ["doa_iv"])(plane_wave(120, -20, noise=0).float())
    y, z, front = x[0].mean(dim=(1, 2)).tolist()
    assert angle_between([front, y, z], unit_vector(120, -20)) < 0.5


def test_the_alignment_receives_the_posteriors_of_the_frozen_modules():
    model = system("sed_t", "hist").train()
    x = torch.randn(2, 1, 64, 64 + 72 + 19)
    said = model.posteriors(x)
    assert said.shape == (2, 4, 105) and not said.requires_grad
    alone = [
        model.sed.steps(x[..., :64])["sed"],
        model.azimuth.steps(x[..., 64:136])["azimuth"],
        model.elevation.steps(x[..., 136:])["elevation"],
    ]
    assert torch.equal(said, torch.cat(alone, dim=2).sigmoid())
    output = model(x)
    (output["sed"].sum() + output["doa"].sum()).backward()
    still = {name for name, w in model.named_parameters() if w.grad is None}
    assert still and all(name.startswith(("sed.", "azimuth.", "elevation.")) for name in still)
    assert all(w.grad is not None for w in model.alignment.parameters())
    assert not model.sed.training and model.alignment.training


def test_the_modules_can_be_fine_tuned():
    model = system("sed_t", "hist", fine_tune=True).train()
    model(torch.randn(1, 1, 64, 64 + 72 + 19))["sed"].sum().backward()
    assert model.sed.training and model.sed.conv_block1.conv1.weight.grad.abs().sum() > 0


def test_trained_modules_initialize_the_system():
    torch.manual_seed(0)
    model, sed, doa = system("sed_m", "doa_iv"), network("sed_m"), network("doa_iv")
    transfer(model, sed.state_dict(), model.pretrained_roles["sed"], "sed run")
    transfer(model, doa.state_dict(), model.pretrained_roles["doa"], "doa run")
    x = torch.randn(1, 4, 32, 256)
    expected = [sed.eval().steps(x[..., :128]), doa.eval().steps(x[:, :3, :, 128:])]
    logits = [expected[0]["sed"], expected[1]["azimuth"], expected[1]["elevation"]]
    assert torch.allclose(model.eval().posteriors(x), torch.cat(logits, dim=2).sigmoid(), atol=1e-6)
    with pytest.raises(BadInput, match=r"sed run: 'conv_block1.conv1.weight' has shape \(64, 4, 3, 3\)"):
        transfer(model, sed.state_dict(), {"doa": ""}, "sed run")


def test_a_pann_checkpoint_initializes_the_convolutions_only(tmp_path):
    weights = cnn14(tmp_path / "Cnn14.pth")
    model = network("sed_t")
    before = {name: value.clone() for name, value in model.state_dict().items()}
    taken = load_role(model, model.pretrained_roles, "panns", tmp_path / "Cnn14.pth")
    for name, value in model.state_dict().items():
        assert (name in taken) == name.startswith("conv_block")
        assert torch.equal(value, weights[name] if name in taken else before[name]), name


def test_an_unusable_checkpoint_is_refused_and_changes_no_weight(tmp_path):
    cnn14(tmp_path / "four_channels.pth", n_inputs=4)
    cnn14(tmp_path / "lacking.pth", drop="conv_block3.bn1.running_var")
    torch.save({"model": {"features.0.weight": torch.ones(3)}}, tmp_path / "resnet.pth")
    torch.save({"model": torch.nn.Linear(1, 1)}, tmp_path / "pickled.pth")
    (tmp_path / "text.pth").write_text("<html>")
    model = network("sed_t")
    before = {name: value.clone() for name, value in model.state_dict().items()}
    for name, text in (
        ("four_channels.pth", r"has shape \(64, 4, 3, 3\)"),
        ("lacking.pth", "no weight 'conv_block3.bn1.running_var'"),
        ("resnet.pth", "no weight 'conv_block1.conv1.weight'"),
        ("pickled.pth", "never loaded"),
        ("text.pth", "is no checkpoint"),
        ("absent.pth", "not found"),
    ):
        with pytest.raises(BadInput, match=text) as refusal:
            load_role(model, model.pretrained_roles, "panns", tmp_path / name)
        assert name in str(refusal.value) and "\n" not in str(refusal.value)
    with pytest.raises(BadInput, match=r"the network's 'conv_block1.conv1.weight' \(64, 4, 3, 3\)"):
        cnn14(tmp_path / "Cnn14.pth")
        load_role(network("sed_m"), network("sed_m").pretrained_roles, "panns", tmp_path / "Cnn14.pth")
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_what_does_not_fit_is_refused():
    with pytest.raises(BadInput, match="sed_m takes 4 x 128 values a frame, not 1 x 64"):
        GeneralNetwork(1, 64, {"sed": (14,)}, "sed_m")
    with pytest.raises(BadInput, match="azi_hist has the heads azimuth, not sed"):
        GeneralNetwork(1, 72, {"sed": (14,)}, "azi_hist")
    with pytest.raises(BadInput, match="'ear' is none of"):
        GeneralNetwork(1, 64, {"sed": (14,)}, "ear")
    with pytest.raises(BadInput, match="take 4 x 256 values"):
        GeneralSystem(4, 128, SHAPES)
    with pytest.raises(BadInput, match="'eye' is none of doa_iv, doa_gcc, hist"):
        GeneralSystem(4, 256, SHAPES, doa="eye")
    with pytest.raises(BadInput, match="'sed' is none of"):
        GeneralFeatures(4, ["sed"])
    with pytest.raises(BadInput, match="doa_iv needs 4 channels, not 1"):
        GeneralFeatures(1, ["doa_iv"])
    with pytest.raises(BadInput, match=r"histogram: .*'width'"):
        GeneralFeatures(4, ["azi_hist"], histogram={"width": 3})


def test_the_alignment_has_the_published_loss_weights():
    target = TARGETS["sed_doa"](
        14, axes="linear_xyz", masked=True, sed_weight=0.7, doa_weight=0.3, frames_per_output=8
    )
    wanted = {"sed": torch.zeros(1, 8, 14), "doa": torch.zeros(1, 8, 3, 14)}
    wanted["sed"][..., 2] = 1
    output = {"sed": torch.zeros(1, 8, 14), "doa": torch.full((1, 8, 3, 14), 2.0)}
    assert float(target.loss(output, wanted)["loss"]) == pytest.approx(0.7 * np.log(2) + 0.3 * 4, rel=1e-6)


def test_the_alignment_learns_to_pair_classes_with_directions():
    """One source at a time; after some seconds of training, new sequences get the right pairs."""
    torch.manual_seed(0)
    random = np.random.default_rng(0)
    target = TARGETS["sed_doa"](
        14, axes="linear_xyz", masked=True, sed_weight=0.7, doa_weight=0.3, frames_per_output=1
    )
    model = Alignment(14 + 72 + 19, SHAPES, hidden=32, n_recurrent=1, dropout=0.0)
    learner = torch.optim.Adam(model.parameters(), lr=1e-2)

    def sequences(n: int) -> tuple[torch.Tensor, dict[str, torch.Tensor], np.ndarray]:
        shape = n, 4
        label, azimuth = random.integers(14, size=shape), random.integers(-180, 180, shape)
        elevation = random.integers(-45, 46, shape)
        told = np.zeros((*shape, 14 + 72 + 19), np.float32)
        for first, index in (
            (0, label),
            (14, bin_of("azimuth", azimuth)),
            (86, bin_of("elevation", elevation)),
        ):
            np.put_along_axis(told, first + index[..., None], 1, axis=-1)
        activity = np.eye(14, dtype=np.float32)[label]
        vector = unit_vector(azimuth, elevation)
        doa = vector[..., None] * activity[..., None, :]
        held = [np.repeat(each, 5, axis=1).astype(np.float32) for each in (told, activity, doa)]
        told, activity, doa = map(torch.from_numpy, held)
        return told, {"sed": activity, "doa": doa}, np.repeat(label, 5, axis=1)

    for _ in range(300):
        told, wanted, _ = sequences(16)
        loss = target.loss(model(told), wanted)["loss"]
        learner.zero_grad()
        loss.backward()
        learner.step()
    told, wanted, label = sequences(32)
    with torch.no_grad():
        output = model(told)
    assert (output["sed"].argmax(dim=2).numpy() == label).mean() > 0.9
    place = torch.from_numpy(label)[:, :, None, None].expand(-1, -1, 3, 1)
    found, true = (each["doa"].gather(3, place)[..., 0].numpy() for each in (output, wanted))
    assert np.median(angle_between(found, true)) < 15


def test_modules_that_are_not_trained_name_the_recipes_that_make_them():
    assert system("sed_t", "hist").frozen_roles == {
        "sed": "general_sed_t",
        "azimuth": "general_azi_hist",
        "elevation": "general_ele_hist",
    }
    assert system("sed_m", "doa_iv", fine_tune=True).frozen_roles == {}


@pytest.mark.parametrize("part", ["sed_m", "sed_t"])
def test_event_detection_trained_on_one_channel_serves_recordings_with_four(part, tmp_path):
    torch.manual_seed(0)
    classes, narrow = tuple(map(str, range(14))), {"narrow": 16}
    features = {
        name: Part("general", {"parts": parts})
        for name, parts in (("mono", [part]), ("foa", [part, "doa_iv"]))
    }

    def built(model: str, options: dict, target: Part, format: str) -> System:
        parts = features[format], Part(model, options | narrow), target
        return System(Blueprint(*parts, classes, format, chunk=1.0))

    alone = built("general", {"module": part}, Part("activity", {"frames_per_output": 8}), "mono")
    single = torch.randn(1, 1, 24000)
    learn_statistics(alone.features, [single, single.flip(2)])
    save_system(alone, tmp_path / "sed.safetensors")
    target = Part("sed_doa", {"axes": "linear_xyz", "rounding": 2020, "frames_per_output": 8})
    whole = built("general_system", {"sed": part}, target, "foa")
    initialize_from(whole, InitFrom(roles={"sed": tmp_path / "sed.safetensors"}))
    heard = whole.model.eval().posteriors(whole.features(single.expand(1, 4, -1)))[..., :14]
    steps = alone.model.eval().steps(alone.features(single))["sed"].sigmoid()
    assert torch.allclose(heard, steps, atol=1e-5)
    with pytest.raises(BadInput, match="sed_m needs 4 channels, not 2"):
        GeneralFeatures(2, ["sed_m"])
