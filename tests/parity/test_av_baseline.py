"""The audio-visual baseline against its published implementation."""

import numpy as np
import pytest
import torch
from reference.filled import of_file

from avseld.features import AmplitudeIPD
from avseld.io.dcase_csv import read_dcase
from avseld.models import AudioVisualCRNN
from avseld.models.gaussian_vectors import gaussian_vectors
from avseld.targets import MultiACCDOA

RELATIVE = 1e-5


@pytest.fixture(scope="module")
def values(golden):
    with np.load(golden("components/av_baseline.npz")) as file:
        return dict(file)


def apart(ours, theirs) -> float:
    """Return the largest difference relative to the largest value."""
    return float(np.abs(np.asarray(ours, float) - theirs).max() / np.abs(theirs).max())


@pytest.fixture(scope="module")
def features(values, golden):
    import soundfile

    start = int(values["feature/start_sample"])
    audio, _ = soundfile.read(golden("components/scene.wav"), start=start, frames=30480, dtype="float32")
    with torch.no_grad():
        found = AmplitudeIPD()(torch.from_numpy(audio.T.copy())[None])[0].transpose(1, 2).numpy()
    assert found.shape == (7, 257, 128)
    return found[:, :, values.get("feature/frames", np.arange(128))]


def test_amplitude_is_the_published_one(features, values):
    assert apart(features[:4], values["feature/amplitude"]) < RELATIVE


def test_phase_difference_is_the_published_one_where_there_is_sound(features, values):
    amplitude = values["feature/amplitude"]
    loud = (amplitude[1:] > 1e-3 * amplitude.max()) & (amplitude[:1] > 1e-3 * amplitude.max())
    assert loud.mean() > 0.05
    turn = np.angle(np.exp(1j * (features[4:] - values["feature/phasediff"])))
    assert np.abs(turn[loud]).max() < RELATIVE * 2 * np.pi * 10
    assert np.sqrt(np.mean(turn[loud] ** 2)) < RELATIVE


def test_labels_are_the_published_ones(values, golden):
    events, _ = read_dcase(golden("components/scene.csv"))
    windows = [key.split("/")[1] for key in values if key.startswith("label/") and key.endswith("adpit")]
    assert windows
    for window in windows:
        expected = values[f"label/{window}/adpit"]
        n_classes, n_frames = expected.shape[2:]
        ours = MultiACCDOA(n_classes).encode(
            events, float(values[f"label/{window}/start_sec"]), n_frames, 0.01
        )
        assert np.abs(ours["accdoa"].transpose(1, 2, 3, 0) - expected).max() < RELATIVE


def test_boxes_become_the_published_vectors(values):
    ours = gaussian_vectors(torch.from_numpy(values["boxes/xyxy"])).numpy()
    assert apart(ours, values["boxes/gaussian"]) < RELATIVE


def test_network_gives_the_published_output_with_the_published_weights(values):
    if "model/audio" in values:
        inputs = [values["model/audio"], values["model/visual"]]
        state = {key: values[key] for key in values if key.startswith("model/state/")}
    else:
        state, inputs = of_file(values, "model")
    state = {key.removeprefix("model/state/"): torch.from_numpy(value) for key, value in state.items()}
    expected = values["model/output"]
    model = AudioVisualCRNN(7, 257, {"accdoa": (3, 3, expected.shape[3])}).eval()
    model.load_state_dict(state, strict=True)
    audio, vectors = map(torch.from_numpy, inputs)
    with torch.no_grad():
        output = model.from_vectors(audio.transpose(2, 3), vectors)["accdoa"]
    assert apart(output.permute(0, 2, 3, 4, 1).numpy(), expected) < RELATIVE


def test_loss_and_its_gradient_are_the_published_ones(values):
    output = torch.from_numpy(values["loss/output"]).requires_grad_()
    target = torch.from_numpy(values["loss/target"])
    loss = MultiACCDOA(output.shape[3]).loss(
        {"accdoa": output.permute(0, 4, 1, 2, 3)}, {"accdoa": target.permute(0, 4, 1, 2, 3)}
    )["loss"]
    loss.backward()
    assert abs(loss.item() / float(values["loss/value"]) - 1) < RELATIVE
    assert apart(output.grad.numpy(), values["loss/grad"]) < RELATIVE
