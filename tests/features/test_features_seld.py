"""Mel bands, correlations, delays, magnitude and phase, and the statistics that standardize them."""

import io

import librosa
import numpy as np
import pytest
import soundfile
import torch
from reference.signals import tone_mixture

from avseld.base.errors import BadInput
from avseld.features import FEATURES, LogMel, LogMelGCC, LogMelIV, MagnitudePhase, SalsaLite
from avseld.features.correlation import gcc_phat
from avseld.features.mel import htk_mel_to_hz, hz_to_htk_mel, hz_to_mel, mel_filters, mel_to_hz
from avseld.features.spectral import Stft
from avseld.features.statistics import FeatureLayout, Standardize, learn_statistics
from avseld.io.geometry import angle_between, unit_vector


def seldnet_signal(sample_rate: int, seconds: float = 1.0) -> torch.Tensor:
    """A test signal whose features were computed with the published code of 2018 to 2020."""
    t, k = np.arange(int(sample_rate * seconds)) / sample_rate, np.arange(4)[:, None]
    tone = 0.3 * np.sin(2 * np.pi * 440 * (k + 1) * t + 0.3 * k)
    return torch.from_numpy(tone + 0.1 * np.cos(2 * np.pi * (1000 + 37 * k) * t) + 1e-8)[None]


def quantized(n: int) -> torch.Tensor:
    """The signal of the baselines' reference values, as it is read from a 16-bit file.

    Between its two tones there is only the noise of rounding, which decides the correlations.
    """
    t, c = np.arange(n) / 24000, np.arange(4)[:, None]
    turn = 2 * np.pi * t
    signal = 0.5 * np.sin((300 + 100 * c) * turn + 0.3 * c) + 0.1 * np.sin((1777 + 13 * c) * turn + c)
    file = io.BytesIO()
    soundfile.write(file, signal.T, 24000, subtype="PCM_16", format="WAV")
    file.seek(0)
    return torch.from_numpy(soundfile.read(file, dtype="float64")[0].T.copy() + 1e-8)[None]


def flat(feature: torch.nn.Module, waveform: torch.Tensor, n_frames: int) -> np.ndarray:
    """(frame, feature and bin), feature by feature, as the baselines keep them."""
    return feature.double()(waveform)[0, :, :n_frames].transpose(0, 1).flatten(1).numpy()


def test_the_baseline_features_have_their_published_values():
    waveform = quantized(120_000)
    intensity = flat(LogMelIV(top_db=80.0), waveform, 250)
    for place, value in {
        (100, 5): 24.666072, (100, 69): -16.749306, (0, 0): 2.969696, (249, 40): -55.333892,
        (100, 63): -55.333892,
    }.items():  # fmt: skip
        assert intensity[place] == pytest.approx(value, abs=1e-3), place
    assert intensity[:, :256].mean() == pytest.approx(-46.647074, abs=1e-3)
    for place, value in {(100, 5): -0.0046286822, (100, 72): -0.0002885402, (0, 0): 0.0236075174}.items():
        assert intensity[place[0], 256 + place[1]] == pytest.approx(value, abs=1e-6), place
    assert intensity[:, 256:].min() == pytest.approx(-0.0320166712, abs=1e-7)
    correlation = flat(LogMelGCC(top_db=80.0), waveform, 250)[:, 256:]
    for place, value in {
        (100, 31): 0.1215684,
        (100, 32): 0.0733183,
        (100, 353): 0.1170457,
        (0, 0): 0.0485493,
    }.items():
        assert correlation[place] == pytest.approx(value, abs=5e-4), place
    salsa = flat(SalsaLite(legacy=True), waveform, 250)
    for place, value in {
        (100, 11): 41.3863606, (100, 397): 41.5617193, (100, 1539): 0.0535166, (100, 1613): 0, (100, 1921): 0.1054905,
    }.items():  # fmt: skip
        assert salsa[place] == pytest.approx(value, abs=1e-4), place


def test_the_log_mel_of_2020_has_its_published_value():
    level = LogMel(top_db=80.0).double()(seldnet_signal(24000))[0].numpy()
    assert level.min() == pytest.approx(-63.5579, abs=1e-3) and level.max() == pytest.approx(
        20.7014, abs=1e-3
    )
    assert level[:, 10, 0] == pytest.approx([-60.18, -59.2986, -60.4117, -63.5579], abs=1e-3)


def test_the_spectrum_of_2018_has_its_published_values():
    feature = MagnitudePhase(layout="legacy").double()
    spectrum = feature.spectrum(seldnet_signal(44100), centered=False)[0, :, :10].numpy()
    expected = [
        0.01149379 + 0.06574904j,
        0.19195152 + 1.63021978j,
        -0.01628323 + 0.00577648j,
        -0.00076719 + 0.00311152j,
    ]
    assert np.abs(spectrum[:, 3, 10] - expected).max() < 1e-6
    assert np.abs(spectrum).sum() == pytest.approx(182.95039193, rel=1e-6)
    shifted = feature.spectrum(seldnet_signal(44100))[0, :, 1:11].numpy()
    assert np.abs(shifted - spectrum).max() < 1e-9, (
        "frame i of 2018 is frame i + 1 around multiples of the hop"
    )


def test_one_of_the_two_outermost_bins_is_left_out():
    waveform = torch.randn(1, 4, 48000, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    spectrum = librosa.stft(
        waveform[0].numpy(), n_fft=2048, win_length=1920, hop_length=960, pad_mode="reflect"
    )
    feature = MagnitudePhase(
        4, 48000, 2048, 1920, 960, "reflect", symmetric=False, orthonormal=False, dropped="dc"
    ).double()
    ours = feature.spectrum(waveform)[0].numpy()
    assert np.abs(ours - spectrum[:, 1:].transpose(0, 2, 1)).max() < 1e-4
    assert (feature.n_features, feature.n_bins, feature.hop) == (8, 1024, 0.02)
    assert MagnitudePhase(8).n_features == 16 and MagnitudePhase(8).hop == 256 / 44100


@pytest.mark.parametrize(
    ("sample_rate", "n_fft", "n_mels", "low_hz", "high_hz"),
    [
        (24000, 1024, 64, 0, None),
        (32000, 1024, 96, 50, None),
        (16000, 1024, 128, 0, 7000),
        (44100, 2048, 40, 20, 12000),
    ],
)
@pytest.mark.filterwarnings("ignore:Empty filters")
def test_mel_filters_are_librosas(sample_rate, n_fft, n_mels, low_hz, high_hz):
    theirs = librosa.filters.mel(sr=sample_rate, n_fft=n_fft, n_mels=n_mels, fmin=low_hz, fmax=high_hz)
    np.testing.assert_array_max_ulp(
        mel_filters(sample_rate, n_fft, n_mels, low_hz, high_hz), theirs, maxulp=1
    )
    theirs = librosa.filters.mel(
        sr=sample_rate, n_fft=n_fft, n_mels=n_mels, fmin=low_hz, fmax=high_hz, htk=True
    )
    np.testing.assert_allclose(
        mel_filters(sample_rate, n_fft, n_mels, low_hz, high_hz, "htk"), theirs, atol=1e-7
    )


def test_hz_and_mel_are_inverse_and_the_scale_breaks_at_1_khz():
    assert hz_to_mel([0, 1000, 6400]) == pytest.approx([0, 15, 42])
    frequency = np.linspace(0, 24000, 100)
    assert mel_to_hz(hz_to_mel(frequency)) == pytest.approx(frequency)
    assert htk_mel_to_hz(hz_to_htk_mel(frequency)) == pytest.approx(frequency)
    assert hz_to_htk_mel(1000) == pytest.approx(1000, abs=0.1)
    with pytest.raises(BadInput, match="scale: 'bark' is none of slaney, htk"):
        FEATURES["logmel"](scale="bark")
    with pytest.raises(BadInput, match="low_hz must be below high_hz"):
        FEATURES["logmel"](high_hz=50.0, low_hz=50.0)
    with pytest.raises(
        BadInput, match="up to 14000 Hz: recordings of 24000 Hz end at 12000 Hz; lower high_hz"
    ):
        FEATURES["logmel"](sample_rate=24000, low_hz=50.0, high_hz=14000.0)
    with pytest.raises(BadInput, match="512 mel bands are too many for a transform of 1024; lengthen n_fft"):
        FEATURES["logmel"](n_mels=512)


def test_mel_bands_are_librosas():
    waveform = torch.randn(1, 3, 24000, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    ours = LogMel(3, 32000, 1024, None, 320, 96, 50.0, pad_mode="reflect").double()(waveform)[0].numpy()
    power = np.abs(librosa.stft(waveform[0].numpy(), n_fft=1024, hop_length=320, pad_mode="reflect")) ** 2
    bands = librosa.filters.mel(sr=32000, n_fft=1024, n_mels=96, fmin=50)
    assert np.abs(ours - librosa.power_to_db(bands @ power, top_db=None).transpose(0, 2, 1)).max() < 1e-4


@pytest.mark.parametrize("delay", [-7, -1, 0, 3, 30])
@pytest.mark.parametrize("longer", [False, True])
def test_a_delayed_channel_peaks_at_its_delay(delay, longer):
    sound = np.random.default_rng(0).normal(size=24000)
    waveform = torch.from_numpy(np.stack([sound, np.roll(sound, delay)]))[None]
    options = {"gcc_fft": 2048} if longer else {}
    middle = LogMelGCC(2, **options).double()(waveform)[0, 2, 10:40]
    assert (middle.argmax(dim=1) == 32 + delay).all()
    mirrored = LogMelGCC(2, mirrored=True, **options).double()(waveform)[0, 2, 10:40]
    assert (mirrored.argmax(dim=1) == 32 - delay).all()


def test_pairs_of_channels_come_in_the_published_order():
    sound, delays = np.random.default_rng(0).normal(size=9600), np.array([0, 2, 5, 11])
    spectrum = Stft(1024, 480)(torch.from_numpy(np.stack([np.roll(sound, d) for d in delays]))[None].float())
    peaks = gcc_phat(spectrum, 64)[0, :, 5:15].argmax(dim=2).mode(dim=1).values - 32
    assert peaks.tolist() == [2, 5, 11, 3, 9, 6]


def test_silence_correlates_at_lag_0_with_silence_and_with_sound():
    sound = np.random.default_rng(0).normal(size=9600)
    spectrum = Stft(1024, 480)(torch.from_numpy(np.stack([sound, 0 * sound, 0 * sound]))[None])
    peak = torch.zeros(64, dtype=torch.float64)
    peak[32] = 1
    torch.testing.assert_close(
        gcc_phat(spectrum, 64)[0], peak.expand(3, spectrum.shape[2], 64), atol=1e-12, rtol=0
    )


def test_a_longer_correlation_fits_the_frames_of_the_log_mel():
    feature = LogMelGCC(gcc_fft=2048)
    waveform = torch.from_numpy(tone_mixture(96000))[None] + 0.01 * torch.randn(1, 4, 96000)
    whole = feature(waveform)
    part = feature(waveform[:, :, 480 * 50 - 1024 : 480 * 150 + 1024], centered=False)
    assert part.shape[2] == 101 and (part - whole[:, :, 50:151]).abs().max() < 1e-3


@pytest.mark.parametrize("azimuth", [-150, -60, 0, 45, 120])
@pytest.mark.parametrize("elevation", [-50, 0, 30])
@pytest.mark.parametrize(("intensity", "order"), [("energy", (1, 2, 0)), ("length", (0, 1, 2))])
def test_the_intensity_in_mel_bands_points_to_the_source(azimuth, elevation, intensity, order):
    x, y, z = unit_vector(azimuth, elevation)
    sound = np.random.default_rng(1).normal(size=9600)
    waveform = torch.from_numpy(np.stack([sound, sound * y, sound * z, sound * x])).float()[None]
    vector = LogMelIV(intensity=intensity)(waveform)[0, 4:].mean(dim=(1, 2)).numpy()
    assert angle_between(vector, np.array([x, y, z])[list(order)]) < 0.05


def test_salsa_lite_measures_path_differences_in_metres_below_the_alias():
    feature = SalsaLite(2, alias_hz=2000.0)
    assert (feature.low, feature.high, feature.n_bins, feature.unambiguous) == (2, 384, 382, 83)
    assert SalsaLite(2, legacy=True).unambiguous == 85
    assert float(feature.wave_number[0]) == pytest.approx(2 * 0.4293357, rel=1e-6)
    spectrum = np.fft.rfft(np.random.default_rng(0).normal(size=24000))
    delay = 0.03 / 343.0
    late = np.fft.irfft(spectrum * np.exp(-2j * np.pi * np.fft.rfftfreq(24000, 1 / 24000) * delay))
    waveform = torch.from_numpy(np.stack([np.fft.irfft(spectrum), late])).float()[None]
    path = feature(waveform)[0, 2].numpy()
    assert np.median(path[:, :83]) == pytest.approx(-0.03, abs=1e-4) and (path[:, 83:] == 0).all()


def test_the_legacy_layout_orders_values_as_published():
    bins, channels = 6, 2
    value = (torch.arange(bins)[None] * 2 + torch.arange(channels)[:, None]).float()
    packed = FeatureLayout("legacy", (2, 2), bins)(torch.cat([value, 100 + value])[None, :, None, :])[0, :, 0]
    rows = [
        [0, 1, 2, 3],
        [4, 5, 6, 7],
        [8, 9, 10, 11],
        [100, 101, 102, 103],
        [104, 105, 106, 107],
        [108, 109, 110, 111],
    ]
    assert packed.T.tolist() == rows
    whole = torch.randn(2, 7, 5, 64)
    assert torch.equal(FeatureLayout("correct", (4, 3), 64)(whole), whole)
    packed = FeatureLayout("legacy", (4, 3), 64)(whole)
    stored = torch.cat(
        [whole[:, :4].permute(0, 2, 3, 1).flatten(2), whole[:, 4:].permute(0, 2, 3, 1).flatten(2)], 2
    )
    assert torch.equal(packed, stored.unflatten(2, (64, 7)).permute(0, 3, 1, 2))


def test_the_published_layout_holds_every_second_bin():
    """docs/sources.md, SELDnet: bin 2 (f mod M/2) + k // C of channel k mod C, magnitude in the lower half."""
    waveform = torch.randn(1, 4, 4096, generator=torch.Generator().manual_seed(0))
    correct, legacy = MagnitudePhase()(waveform)[0], MagnitudePhase(layout="legacy")(waveform)[0]
    f, k = torch.meshgrid(torch.arange(256), torch.arange(8), indexing="ij")
    source = correct[(f >= 128) * 4 + k % 4, :, 2 * (f % 128) + k // 4]
    assert torch.equal(legacy.permute(2, 0, 1), source)


def test_statistics_of_the_training_part_standardize_it_and_are_saved_with_the_weights():
    generator = torch.Generator().manual_seed(0)
    recordings = [torch.randn(1, 4, n, generator=generator) * (1 + n / 10000) for n in (9600, 30000, 14400)]
    feature, plain = LogMelIV(), LogMelIV(standardize=False)
    assert torch.equal(feature(recordings[0]), plain(recordings[0])), "without statistics nothing changes"
    learn_statistics(feature, recordings)
    every = torch.cat([feature(recording) for recording in recordings], dim=2).double()
    assert every.mean(dim=(0, 2)).abs().max() < 1e-4
    assert (every.std(dim=(0, 2), correction=0) - 1).abs().max() < 1e-4
    assert set(feature.state_dict()) == {"standardize.mean", "standardize.deviation"}
    other = LogMelIV()
    other.load_state_dict(feature.state_dict())
    assert torch.equal(other(recordings[1]), feature(recordings[1]))
    learn_statistics(feature, recordings)
    assert torch.allclose(other.standardize.mean, feature.standardize.mean), (
        "learning anew forgets the old ones"
    )


def test_a_constant_bin_becomes_zero():
    standardize = Standardize(1, 2)
    standardize.fit([torch.stack([torch.full((4,), 3.0), torch.arange(4.0)], dim=1)[None, None]])
    assert standardize(torch.full((1, 1, 1, 2), 3.0)).flatten().tolist() == pytest.approx(
        [0, 1.5 / np.sqrt(1.25)]
    )


def test_missing_recordings_and_broken_audio_are_refused():
    with pytest.raises(BadInput, match=r"data\.train"):
        learn_statistics(LogMel(), [])
    with pytest.raises(BadInput, match="not finite"):
        learn_statistics(LogMel(), [torch.full((1, 4, 4800), float("nan"))])
    learn_statistics(FEATURES["amplitude_ipd"](), [])


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: LogMelIV(n_channels=2), "logmel_gcc"),
        (lambda: LogMelIV(intensity="loud"), "none of energy, length"),
        (lambda: LogMelIV(layout="odd"), "none of correct, legacy"),
        (lambda: LogMelGCC(n_channels=1), "two channels"),
        (lambda: LogMelGCC(gcc_fft=512), "lengthen it"),
        (lambda: SalsaLite(n_channels=1), "two channels"),
        (lambda: SalsaLite(low_hz=9000), "widen the range"),
        (lambda: MagnitudePhase(dropped="first"), "none of nyquist, dc"),
    ],
)
def test_impossible_options_of_features_are_refused_in_one_line(make, words):
    with pytest.raises(BadInput, match=words) as caught:
        make()
    assert "\n" not in str(caught.value)
