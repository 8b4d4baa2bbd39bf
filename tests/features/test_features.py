import librosa
import numpy as np
import pytest
import torch
from reference.signals import tone_mixture

from avseld.base.errors import BadInput
from avseld.features import FEATURES, AmplitudeIPD, LogAmplitudeIV
from avseld.io.geometry import angle_between, unit_vector


def test_amplitude_and_phase_of_a_tone_mixture_have_its_published_values():
    feature = AmplitudeIPD()(torch.from_numpy(tone_mixture(30480))[None])[0].transpose(1, 2).numpy()
    assert feature.shape == (7, 257, 128)
    for place, value in {
        (0, 6, 0): 31.676785, (0, 6, 1): 57.679897, (0, 6, 64): 57.673214, (1, 8, 64): 53.092476,
        (2, 11, 64): 59.543026, (3, 13, 127): 30.790331, (0, 38, 64): 12.732129, (4, 6, 64): 3.4440765,
        (5, 6, 64): 3.7620528, (6, 6, 64): 4.0848064, (4, 8, 10): 0.2999574, (5, 38, 64): 6.0212307,
    }.items():  # fmt: skip
        assert feature[place] == pytest.approx(value, rel=2e-5), place
    assert feature[:4].mean() == pytest.approx(0.63337946, rel=1e-5)


@pytest.mark.parametrize("pad_mode", ["constant", "reflect"])
@pytest.mark.parametrize("n_channels", [1, 2, 4, 8])
def test_amplitude_and_phase_difference_equal_librosas(pad_mode, n_channels):
    waveform = np.random.default_rng(0).normal(size=(n_channels, 4800)).astype(np.float32)
    spectrum = librosa.stft(waveform, n_fft=512, hop_length=240, pad_mode=pad_mode).transpose(0, 2, 1)
    ours = AmplitudeIPD(n_channels, pad_mode=pad_mode)(torch.from_numpy(waveform)[None])[0].numpy()
    assert ours.shape == (2 * n_channels - 1, 21, 257)
    assert np.abs(ours[:n_channels] - np.abs(spectrum)).max() < 1e-4
    turn = ours[n_channels:] - np.angle(spectrum[1:] / spectrum[:1])
    assert np.percentile(np.abs(np.angle(np.exp(1j * turn))), 99) < 1e-4 if n_channels > 1 else turn.size == 0
    assert (ours[n_channels:] >= 0).all() and (ours[n_channels:] <= 2 * np.pi).all()


@pytest.mark.parametrize("azimuth", [-180, -120, -45, 0, 30, 90, 170])
@pytest.mark.parametrize("elevation", [-60, 0, 35])
def test_the_intensity_of_a_plane_wave_is_a_unit_vector_to_its_source(azimuth, elevation):
    x, y, z = unit_vector(azimuth, elevation)
    sound = np.random.default_rng(1).normal(size=9600)
    waveform = torch.from_numpy(np.stack([sound, sound * y, sound * z, sound * x])).float()[None]
    feature = LogAmplitudeIV()(waveform)[0].numpy()
    assert np.abs(feature[4:].transpose(1, 2, 0) - (x, y, z)).max() < 1e-3
    assert angle_between(feature[4:].mean(axis=(1, 2)), (x, y, z)) < 0.05


@pytest.mark.parametrize("name", sorted(FEATURES))
def test_windows_with_context_equal_the_whole_recording(name):
    feature = FEATURES[name]()
    n_channels = getattr(feature, "n_channels", 4)
    hop, edge = feature.stft.hop, feature.stft.n_fft // 2
    waveform = torch.from_numpy(tone_mixture(96000))[None] + 0.01 * torch.randn(
        1, 4, 96000, generator=torch.Generator().manual_seed(0)
    )
    waveform = waveform[:, :n_channels]
    whole = feature(waveform)
    part = feature(waveform[:, :, hop * 50 - edge : hop * 177 + edge], centered=False)
    assert part.shape == (1, feature.n_features, 128, feature.n_bins)
    assert (part - whole[:, :, 50:178]).abs().median() < 1e-5
    assert (part - whole[:, :, 50:178])[:, :4].abs().max() < 1e-3


def test_silence_has_finite_features():
    for name in FEATURES:
        feature = FEATURES[name]()
        silence = torch.zeros(1, getattr(feature, "n_channels", 4), 30480)
        assert torch.isfinite(feature(silence)).all()


def test_a_format_without_an_intensity_vector_is_refused():
    with pytest.raises(BadInput, match="amplitude_ipd"):
        LogAmplitudeIV(n_channels=2)
    with pytest.raises(BadInput, match="not a multiple"):
        AmplitudeIPD(hop=250, sample_rate=24100)


def test_a_window_longer_than_its_transform_is_refused():
    with pytest.raises(BadInput, match="a window of 960 samples does not fit n_fft 512"):
        FEATURES["logmel"](n_channels=4, n_fft=512)
