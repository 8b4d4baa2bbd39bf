"""The components of the DCASE2024 audio baseline against their published implementation."""

import numpy as np
import pytest
import soundfile
import torch
from reference.filled import of_file
from safetensors.torch import load_file

from avseld.features import LogMelGCC, LogMelIV, SalsaLite
from avseld.io.dcase_csv import read_dcase
from avseld.models import SeldNet
from avseld.targets import MultiACCDDOA

FEATURE, RELATIVE = 1e-4, 1e-5


@pytest.fixture(scope="module")
def values(golden):
    with np.load(golden("components/dcase2024.npz")) as file:
        return dict(file)


@pytest.fixture(scope="module")
def scene(golden) -> torch.Tensor:
    audio, _ = soundfile.read(golden("components/scene.wav"), dtype="float64")
    return torch.from_numpy(audio.T.copy())[None]


def apart(ours, theirs) -> float:
    """Return the largest difference relative to the largest value."""
    return float(np.abs(np.asarray(ours, float) - theirs).max() / np.abs(theirs).max())


def kept(feature: np.ndarray, values: dict[str, np.ndarray], name: str) -> np.ndarray:
    """Select the frames (axis 1) for which a file of reference values holds feature `name`."""
    return feature[:, values.get(f"{name}/frames", np.arange(len(values[name])))]


@pytest.mark.parametrize("n_bins", [64])
@pytest.mark.parametrize(
    ("name", "feature"),
    [("foa/logmel_iv", LogMelIV(top_db=80.0)), ("mic/logmel_gcc", LogMelGCC(top_db=80.0))],
)
def test_log_mel_with_intensity_or_correlation_is_the_published_one(values, scene, name, feature, n_bins):
    expected = values[name].reshape(len(values[name]), -1, n_bins).transpose(1, 0, 2)
    ours = kept(feature(scene.float())[0].numpy(), values, name)
    assert ours.shape == expected.shape
    assert apart(ours[:4], expected[:4]) < FEATURE and apart(ours[4:], expected[4:]) < FEATURE


def test_salsa_lite_is_the_published_one(values, scene):
    # In double precision: single precision differs in a few bins 80 dB below the signal.
    feature = SalsaLite(legacy=True).double()
    expected = values["mic/salsa_lite"].reshape(len(values["mic/salsa_lite"]), -1, 382).transpose(1, 0, 2)
    ours = kept(feature(scene)[0].numpy(), values, "mic/salsa_lite")
    assert ours.shape == expected.shape
    assert apart(ours[:4], expected[:4]) < FEATURE and apart(ours[4:], expected[4:]) < FEATURE


def target_of(n_classes: int) -> MultiACCDDOA:
    return MultiACCDDOA(n_classes)


def test_labels_with_distance_are_the_published_ones(values, golden):
    expected = values["label/adpit"]
    events, _ = read_dcase(golden("components/scene.csv"))
    ours = target_of(expected.shape[3]).encode(events, 0.0, len(expected), 0.1)["accddoa"]
    assert np.abs(ours - expected).max() < RELATIVE


def test_loss_and_its_gradient_are_the_published_ones(values):
    n_classes = values["loss/target"].shape[4]
    output = torch.from_numpy(values["loss/output"]).requires_grad_()
    target = target_of(n_classes)
    loss = target.loss(
        {"accddoa": output.unflatten(2, target.shapes["accddoa"])},
        {"accddoa": torch.from_numpy(values["loss/target"])},
    )["loss"]
    loss.backward()
    assert abs(loss.item() / float(values["loss/value"]) - 1) < RELATIVE
    assert apart(output.grad.numpy(), values["loss/grad"]) < RELATIVE


def test_the_published_weights_load_by_name_and_give_the_published_output(values, golden):
    state = load_file(golden("components/dcase2024_foa_pretrained.safetensors", elsewhere=True))
    compare_network(state, torch.from_numpy(values["model/input"]), values["model/output"])


def test_network_gives_the_published_output_with_weights_by_formula(values):
    if "filled/output" not in values:
        pytest.skip("the folder of reference values holds no weights by formula")
    state, (audio,) = of_file(values, "filled")
    state = {name: torch.from_numpy(value) for name, value in state.items()}
    compare_network(state, torch.from_numpy(audio), values["filled/output"])


def compare_network(state: dict[str, torch.Tensor], audio: torch.Tensor, expected: np.ndarray) -> None:
    """Compare at label frames, and at feature frames, of which five make a label frame."""
    shapes = target_of(expected.shape[2] // 12).shapes
    model = SeldNet(audio.shape[1], audio.shape[3], shapes).eval()
    model.load_state_dict(state, strict=True)
    with torch.no_grad():
        steps, frames = model.steps(audio)["accddoa"].flatten(2), model(audio)["accddoa"].flatten(2)
    assert apart(steps.numpy(), expected) < RELATIVE
    assert apart(frames[:, ::5].numpy(), expected) < RELATIVE
