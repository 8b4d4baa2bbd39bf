"""Single-source bins and the histograms of their directions."""

import numpy as np
import pytest
import torch
from reference.signals import plane_wave

from avseld.decoding.bins import bin_of, degrees_of
from avseld.features.general import GeneralFeatures
from avseld.features.histogram import Histograms
from avseld.features.single_source import directions, is_onset, noise_floor, smoothed_magnitude
from avseld.io.geometry import unit_vector


def salsa_bins() -> torch.Tensor:
    """Create bins (batch, channel, frame, bin) with a source in frames 10 to 20; reference: thomeou/SALSA @ 30bc6b8."""
    random = np.random.default_rng(0)
    bins = random.normal(size=(6, 30, 4)) + 1j * random.normal(size=(6, 30, 4))
    x, y, z = unit_vector(40, 20)
    source = random.normal(size=(6, 11)) + 1j * random.normal(size=(6, 11))
    bins[:, 10:21] = 5 * source[:, :, None] * np.array([1, y, z, x]) + 0.05 * bins[:, 10:21]
    return torch.from_numpy(bins.transpose(2, 1, 0).copy())[None]


def test_single_source_bins_have_their_reference_values():
    spectrum = salsa_bins()
    magnitude = smoothed_magnitude(spectrum[:, 0], wrap=True)
    loud = magnitude > 1.5 * noise_floor(magnitude)
    _, place, vector = directions(spectrum, loud, 5.0, wrap=True)
    assert len(vector) == 83 and float(vector.sum()) == pytest.approx(138.270896, abs=1e-5)
    here = int(((place[:, 0] == 15) & (place[:, 1] == 2)).nonzero())
    assert vector[here, [1, 2, 0]].tolist() == pytest.approx([0.606499, 0.342123, 0.717712], abs=1e-6)
    _, _, everything = directions(spectrum, torch.ones_like(loud), 0.0, wrap=True)
    assert len(everything) == 180 and float(everything.sum()) == pytest.approx(195.290035, abs=1e-5)


def test_the_noise_floor_follows_the_noise_and_not_the_signal():
    noise = torch.randn(1, 602, 1, 2, generator=torch.Generator().manual_seed(0))
    magnitude = smoothed_magnitude(torch.view_as_complex(noise))[:, 2:]
    level = float(magnitude.mean())
    magnitude[:, 500:540] = 10 * level
    floor = noise_floor(magnitude)[0, :, 0]
    assert 0.7 * level < float(floor[200:500].mean()) < 1.1 * level
    rise = (floor[500:540] / floor[499:539]).log() / np.log(1.02)
    assert (rise[5:] < 0.11).all() and rise.sum() < 8, "quick steps, then slow ones"
    steps = torch.cat([torch.full((5,), 4.0), torch.full((10,), 0.1), torch.full((20,), 10.0)])
    follows = noise_floor(steps[None, :, None])[0, :, 0]
    ratio = (follows[1:] / follows[:-1])[4:]
    assert ratio.tolist() == pytest.approx([0.98] * 10 + [1.02] * 3 + [1.002] * 17, rel=1e-5)
    assert float(noise_floor(torch.zeros(1, 50, 1)).min()) == pytest.approx(1e-6)


def test_decaying_bins_do_not_vote():
    level = torch.cat([torch.ones(10), 2 * 0.8 ** torch.arange(20)])[None, :, None]
    passed = is_onset(level)[0, :, 0]
    assert passed[:11].all() and not passed[13:].any()


@pytest.mark.parametrize("azimuth", [-180, -120, -45, 0, 30, 90, 175])
@pytest.mark.parametrize("elevation", [-45, -10, 0, 35])
def test_histograms_point_at_a_plane_wave_in_noise(azimuth, elevation):
    x = GeneralFeatures(4, ["azi_hist", "ele_hist"])(plane_wave(azimuth, elevation, 0.6, noise=0.1).float())
    votes = torch.expm1(x[0, 0]).sum(dim=0)
    around, along = votes[:72], votes[72:]
    assert degrees_of("azimuth", int(around.argmax())) == azimuth
    assert degrees_of("elevation", int(along.argmax())) == elevation
    near = [(int(around.argmax()) + k) % 72 for k in (-2, -1, 0, 1, 2)]
    assert float(around[near].sum() / around.sum()) > 0.8


def test_two_sources_make_two_peaks():
    waveform = plane_wave(-60, 0, 1.2, seed=1) + plane_wave(80, 30, 1.2, seed=2).roll(4800, dims=2)
    votes = torch.expm1(GeneralFeatures(4, ["azi_hist"])(waveform.float())[0, 0]).sum(dim=0)
    order = votes.argsort(descending=True)[:6]
    found = {int(k) for k in order}
    assert {int(bin_of("azimuth", -60)), int(bin_of("azimuth", 80))} <= found


def test_diffuse_noise_and_silence_give_few_votes():
    noise = torch.randn(1, 4, 24000, generator=torch.Generator().manual_seed(0))
    wave = plane_wave(30, 0).float()
    feature = GeneralFeatures(4, ["azi_hist"])
    count = [float(torch.expm1(feature(x)).sum()) for x in (noise, wave, torch.zeros(1, 4, 24000))]
    assert count[0] < 0.1 * count[1] and count[2] == 0


def test_every_single_source_test_removes_votes():
    spectrum = GeneralFeatures(4).short(plane_wave(30, 0, noise=0.1).float())
    votes = [
        len(Histograms(**options).single_source_bins(spectrum)[2])
        for options in ({}, {"loud": 0}, {"onset": 0}, {"coherence": 0})
    ]
    assert all(votes[0] < more for more in votes[1:])


def test_recordings_of_a_batch_are_independent():
    one, other = plane_wave(30, 0, 0.5).float(), plane_wave(-100, 20, 0.5, seed=4).float()
    feature = GeneralFeatures(4, ["azi_hist", "ele_hist"])
    both = feature(torch.cat([one, other]))
    assert torch.allclose(both[:1], feature(one)) and torch.allclose(both[1:], feature(other))
