"""The stereo features of plane waves and diffuse fields, as coincident cardioids record them."""

import numpy as np
import pytest
import torch

from avseld.base.errors import BadInput
from avseld.features import FEATURES
from avseld.io.geometry import unit_vector

SAMPLES = 24000


def cardioids(azimuth, elevation, seed=0):
    """White noise from a direction, recorded by cardioids that face left and right: (1, 2, sample)."""
    sound = np.random.default_rng(seed).normal(size=SAMPLES) * 0.1
    side = unit_vector(azimuth, elevation)[1]
    return torch.from_numpy(np.stack([(1 + side) / 2 * sound, (1 - side) / 2 * sound])).float()[None]


@pytest.mark.parametrize(("azimuth", "elevation"), [(0, 0), (40, 0), (-75, 10), (140, 0), (60, 45)])
def test_levels_and_level_difference_of_a_plane_wave_follow_from_its_lateral_direction(azimuth, elevation):
    feature = FEATURES["mid_side"]()(cardioids(azimuth, elevation))[0, :, 2:-2, 4:]
    side = float(unit_vector(azimuth, elevation)[1])
    assert (feature[2] - 2 * side / (1 + side**2)).abs().max() < 1e-3
    if abs(side) > 0.1:
        assert (feature[1] - feature[0] - 2 * np.log10(abs(side))).abs().max() < 1e-3


def test_exchanging_the_channels_mirrors_the_level_difference_and_nothing_else():
    recording = cardioids(30, 0) + cardioids(-80, 0, seed=1)
    given, exchanged = (FEATURES["mid_side"]()(each) for each in (recording, recording[:, [1, 0]]))
    assert torch.allclose(given[:, :2], exchanged[:, :2], atol=1e-5)
    assert torch.allclose(given[:, 2], -exchanged[:, 2], atol=1e-5)


def test_in_a_diffuse_field_mid_is_louder_than_side_and_neither_channel_than_the_other():
    directions = np.random.default_rng(1).normal(size=(200, 3))
    field = sum(
        cardioids(np.degrees(np.arctan2(y, x)), np.degrees(np.arctan2(z, np.hypot(x, y))), seed)
        for seed, (x, y, z) in enumerate(directions)
    )
    feature = FEATURES["mid_side"]()(field)[0].mean(dim=(1, 2))
    assert feature[0] - feature[1] == pytest.approx(np.log10(3), abs=0.15)  # bels: a dipole takes a third
    assert feature[2].abs() < 0.1


def test_other_channel_counts_are_refused():
    with pytest.raises(BadInput, match="needs 2 channels, not 4"):
        FEATURES["mid_side"](n_channels=4)
