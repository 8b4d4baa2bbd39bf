import numpy as np
import pytest
import torch

from avseld.base.physics import EIGENMIKE_RADIUS_M, TETRAHEDRON_DEG
from avseld.base.sphere import on_sphere
from avseld.features import FEATURES
from avseld.io.geometry import angle_between, unit_vector

CAPSULES = unit_vector(*np.array(TETRAHEDRON_DEG).T)
SAMPLES = 4800


def plane_wave(azimuth, elevation, seed=0):
    """White noise from a direction, as (microphones of the array, first-order ambisonics), (1, 4, sample) each."""
    sound = np.random.default_rng(seed).normal(size=SAMPLES)
    source = unit_vector(azimuth, elevation)
    response = on_sphere(CAPSULES @ source, np.fft.rfftfreq(SAMPLES, 1 / 24000), EIGENMIKE_RADIUS_M)
    at_array = np.fft.irfft(np.fft.rfft(sound) * response, SAMPLES)
    x, y, z = source
    ambisonic = np.stack([sound, sound * y, sound * z, sound * x])
    return [torch.from_numpy(each).float()[None] for each in (at_array, ambisonic)]


@pytest.mark.parametrize(("azimuth", "elevation"), [(0, 0), (45, 35), (-100, 20), (170, -60), (80, -10)])
def test_the_features_of_a_plane_wave_are_those_of_ambisonics(azimuth, elevation):
    at_array, ambisonic = plane_wave(azimuth, elevation)
    ours = FEATURES["array_sound_field"]()(at_array)[0, :, 5:-5].mean(dim=1).numpy()
    true = FEATURES["sound_field"]()(ambisonic)[0, :, 5:-5].mean(dim=1).numpy()
    z, x, y = ours[3:]
    error = angle_between(np.stack([x, y, z], axis=-1), unit_vector(azimuth, elevation))
    assert error[1:22].max() < 5  # bands up to 1.5 kHz
    assert np.median(error) < 4
    assert error[1:].max() < 16
    assert np.abs(ours[0, 2:] - true[0, 2:]).max() < 0.3  # bels of pressure
    assert np.median(np.abs(ours[1:3, 2:] - true[1:3, 2:])) < 0.3
    assert np.abs(np.median(np.linalg.norm(ours[3:, 2:], axis=0)) - 1) < 0.1


def test_in_a_diffuse_field_the_intensity_is_short():
    rng = np.random.default_rng(1)
    directions = rng.normal(size=(100, 3))
    angles = [
        (np.degrees(np.arctan2(y, x)), np.degrees(np.arcsin(z / np.sqrt(x * x + y * y + z * z))))
        for x, y, z in directions
    ]
    field = sum(plane_wave(*angle, seed=place)[0] for place, angle in enumerate(angles))
    intensity = FEATURES["array_sound_field"]()(field)[0, 3:].mean(dim=1)
    assert intensity.norm(dim=0)[4:].mean() < 0.25


def test_half_a_turn_of_the_scene_turns_the_horizontal_intensity():
    feature = FEATURES["array_sound_field"]()
    at_array, _ = plane_wave(20, 10)
    # Half a turn about the vertical axis exchanges microphones 1 and 4, 2 and 3.
    before = feature(at_array)[0]
    after = feature(at_array[:, [3, 2, 1, 0]])[0]
    assert torch.allclose(after[:4], before[:4], atol=1e-4)
    assert torch.allclose(after[4:], -before[4:], atol=1e-4)
