"""Prediction and pictures of recordings of an array that an array file describes."""

import logging

import numpy as np
import pytest
import soundfile
import torch
from system_material import blueprint

from avseld.base.errors import BadInput
from avseld.config import Part
from avseld.inference.choice import format_of
from avseld.inference.predict import predict
from avseld.inference.predictor import Predictor
from avseld.io.alignment import aligned
from avseld.io.array_file import write_array
from avseld.io.array_setup import ArraySetup
from avseld.io.boxes import Boxes
from avseld.io.dcase_csv import read_dcase
from avseld.io.geometry import wrap
from avseld.reporting.plot_command import plot
from avseld.reporting.viewer import view
from avseld.system.build import System
from avseld.system.checkpoint import save_system

RATE = 24000
YAW = 70.0


def system(format):
    """Build a small network with random weights, whose threshold is so low that it predicts everywhere."""
    torch.manual_seed(0)
    return System(
        blueprint(
            features=Part("logmel_gcc" if format == "mic" else "logamplitude_iv"),
            model=Part("avcrnn", {"hidden": 16}),
            target=Part("multi_accdoa", {"threshold": 0.02}),
            classes=["tone"],
            format=format,
            chunk=1.28,
        )
    ).eval()


@pytest.fixture(scope="module")
def sound():
    return np.random.default_rng(0).normal(size=(4, RATE)).astype(np.float32) * 0.1


@pytest.fixture(scope="module")
def microphones():
    return Predictor(system("mic"))


def boxes():
    box = np.array([[[0.1, 0.4, 0.2, 0.6]]]).repeat(10, axis=0)
    return Boxes(np.arange(10) * 0.1, box, np.full((10, 1), 0.9), np.zeros((10, 1), int), {})


def test_directions_of_turned_microphones_are_those_of_the_room(microphones, sound):
    plain = microphones.predict(sound, sample_rate=RATE)
    turned = microphones.predict(sound, sample_rate=RATE, channels=ArraySetup("mic", yaw=YAW))
    assert len(plain) > 5
    np.testing.assert_allclose(wrap(turned.azimuth - plain.azimuth - YAW), 0, atol=1e-6)
    np.testing.assert_allclose(turned.elevation, plain.elevation, atol=1e-6)


def test_a_network_of_turned_microphones_sees_people_where_it_hears_them(microphones, sound):
    setup = ArraySetup("mic", yaw=YAW)
    in_the_room = microphones.predict(sound, boxes(), RATE, setup)
    in_the_array = microphones.predict(sound, aligned(boxes(), yaw=-YAW), RATE)
    np.testing.assert_allclose(wrap(in_the_room.azimuth - in_the_array.azimuth - YAW), 0, atol=1e-4)
    unturned = microphones.predict(sound, boxes(), RATE)
    assert np.abs(wrap(in_the_room.azimuth[:5] - unturned.azimuth[:5] - YAW)).max() > 0.01
    with pytest.raises(
        BadInput, match="an array with pitch 10 and roll 0: pictures can be turned about the vertical"
    ):
        microphones.predict(sound, boxes(), RATE, ArraySetup("mic", pitch=10.0))


def test_an_array_file_says_the_format(tmp_path):
    assert format_of(tmp_path / "a.wav", None, ArraySetup("mic")) == "mic"
    assert format_of(tmp_path / "a.wav", None, ArraySetup("a_format")) == "foa"


def test_predict_view_and_plot_take_an_array_file(tmp_path, sound, caplog):
    """Six channels, of which the second to fifth are W Y Z X with Y inverted, give what W Y Z X gives."""
    save_system(system("foa"), tmp_path / "model.safetensors")
    signs = np.array([1, -1, 1, 1], np.float32)[:, None]
    nothing = np.zeros((1, RATE))
    soundfile.write(tmp_path / "plain.wav", sound.T, RATE, "FLOAT")
    soundfile.write(tmp_path / "six.wav", np.concatenate([nothing, sound * signs, nothing]).T, RATE, "FLOAT")
    array = tmp_path / "array.yaml"
    write_array(array, ArraySetup("foa", (2, 3, 4, 5), (1, -1, 1, 1), recorded=6))
    run = tmp_path / "model.safetensors"
    predict(run=run, audio=tmp_path / "plain.wav", out=tmp_path / "plain.csv")
    with caplog.at_level(logging.INFO):
        predict(run=run, audio=tmp_path / "six.wav", array=array, out=tmp_path / "six.csv")
    assert f"--prediction {tmp_path / 'six.csv'} --array {array}" in caplog.text
    rows = [read_dcase(tmp_path / name) for name in ("plain.csv", "six.csv")]
    assert len(rows[0]) and rows[0] == rows[1]
    view(audio=tmp_path / "six.wav", prediction=tmp_path / "six.csv", array=array, out=tmp_path / "six.html")
    plot(audio=tmp_path / "six.wav", prediction=tmp_path / "six.csv", array=array, out=tmp_path / "six.png")
    assert (tmp_path / "six.html").stat().st_size > 1000 < (tmp_path / "six.png").stat().st_size


@pytest.mark.parametrize("command", [predict, view, plot])
def test_an_array_file_without_sound_is_refused(command, tmp_path):
    write_array(tmp_path / "array.yaml", ArraySetup("foa"))
    with pytest.raises(BadInput, match=r"--array .*: needs --audio, the sound of the recording"):
        command(array=tmp_path / "array.yaml")
