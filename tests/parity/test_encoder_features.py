"""The input features of PSELDNets, EINV2 and AV-SELD against what the published code computes."""

import numpy as np
import pytest
import soundfile
import torch

from avseld.features import LogMelIV
from avseld.features.log_mel import INTENSITIES
from avseld.features.mel import mel_filters

COMMON = {"win_length": None, "high_hz": 12000.0, "pad_mode": "reflect", "intensity": "length_yzx"}
FEATURES = {
    "pseldnets": {"n_fft": 1024, "hop": 240, "n_mels": 64, "low_hz": 20.0, "scale": "htk"},
    "einv2": {"n_fft": 1024, "hop": 600, "n_mels": 256, "low_hz": 20.0},
    "av_seld": {"n_fft": 512, "hop": 150, "n_mels": 128, "low_hz": 0.0},
}
LEVEL_DB, INTENSITY = 1e-3, 5e-6
QUIET_DB = -90.0
"""below it the published single precision leaves hundredths of a decibel"""


@pytest.fixture(scope="module")
def values(golden):
    with np.load(golden("encoders/features.npz")) as file:
        return dict(file)


@pytest.fixture(scope="module")
def scene(golden) -> torch.Tensor:
    audio, _ = soundfile.read(golden("components/scene.wav"), dtype="float32")
    return torch.from_numpy(audio.T.copy())[None]


@pytest.mark.parametrize("name", FEATURES)
def test_log_mel_and_intensity_are_the_published_ones(values, scene, name):
    feature = LogMelIV(**COMMON, **FEATURES[name], standardize=False)
    ours = feature(scene)[0, :, values[f"{name}/frames"]].numpy()
    expected = values[f"{name}/logmel_iv"]
    assert ours.shape == expected.shape
    level = np.abs(ours[:4] - expected[:4])
    assert level[expected[:4] > QUIET_DB].max() < LEVEL_DB and level.max() < 0.05
    assert np.abs(ours[4:] - expected[4:]).max() < INTENSITY


def test_ten_seconds_are_1001_frames_of_10_ms_with_reflected_edges():
    wave = torch.randn(1, 4, 240000, generator=torch.Generator().manual_seed(0))
    feature = LogMelIV(**COMMON, **FEATURES["pseldnets"], standardize=False)
    assert feature(wave).shape == (1, 7, 1001, 64) and feature.hop == 0.01
    wave = wave[..., :24000]
    mirrored = torch.cat([wave[..., 1:513].flip(2), wave, wave[..., -513:-1].flip(2)], dim=2)
    torch.testing.assert_close(feature(wave), feature(mirrored, centered=False), atol=2e-3, rtol=0)
    silent = feature(torch.zeros(1, 4, 24000))
    assert (silent[:, :4] == -100).all() and (silent[:, 4:] == 0).all()


def test_the_mel_bands_are_the_published_ones(values):
    np.testing.assert_allclose(
        mel_filters(24000, 1024, 64, 20.0, 12000.0, "htk").sum(axis=1), values["pseldnets/mel_sum"], rtol=1e-5
    )


def test_an_intensity_as_short_as_the_published_constant_is_halved():
    spectrum = torch.zeros(1, 4, 1, 3, dtype=torch.complex64)
    spectrum[:, 0] = 1j
    for place in range(3):  # Y, Z and X in turn
        spectrum[:, place + 1, :, place] = 1j * 1.1920929e-07
    torch.testing.assert_close(INTENSITIES["length_yzx"](spectrum)[0, :, 0], torch.eye(3) / 2)
