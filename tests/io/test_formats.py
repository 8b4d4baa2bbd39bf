"""Channel formats declare their channels once; features and augmentation follow."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from avseld.augment.scenes import rotations
from avseld.base.errors import BadInput
from avseld.config import Part
from avseld.features import FEATURES
from avseld.io.formats import COMMON_FEATURES, FORMATS, format_named
from avseld.system.blueprint import Blueprint
from avseld.system.build import System

CLASSES = ["one", "two"]
RATE = 24000


def blueprint(feature: str, format: str) -> Blueprint:
    return Blueprint(
        Part(feature), Part("avcrnn", {"width": 4, "hidden": 4}), Part("multi_accdoa"), CLASSES, format
    )


@pytest.mark.parametrize("format", FORMATS)
def test_a_format_takes_the_features_that_it_declares(format):
    known = FORMATS[format]
    for name in known.features:
        if name == "general":  # its parts decide
            continue
        feature = FEATURES[name](n_channels=known.channels)
        spectrum = feature(torch.randn(1, known.channels, feature.sample_rate))
        assert spectrum.shape[1] == feature.n_features and torch.isfinite(spectrum).all()


@pytest.mark.parametrize("format", FORMATS)
def test_a_format_refuses_features_that_only_others_declare(format):
    every = {name for known in FORMATS.values() for name in known.features}
    for name in every - set(FORMATS[format].features):
        with pytest.raises(BadInput, match=f"{name} is meant for"):
            System(blueprint(name, format))


def test_every_feature_is_declared_by_some_format():
    assert {name for known in FORMATS.values() for name in known.features} == set(FEATURES)
    assert set(COMMON_FEATURES) < set(FEATURES)


@pytest.mark.parametrize(("format", "n"), [("foa", 16), ("mic", 8), ("binaural", 2), ("stereo", 2)])
def test_a_format_allows_the_rotations_of_its_symmetry(format, n):
    assert len(rotations(format)) == n
    assert all(matrix.shape == (format_named(format).channels,) * 2 for _, matrix in rotations(format))


@pytest.mark.parametrize("format", ["circular", "mono"])
def test_a_format_without_symmetry_cannot_be_rotated(format):
    with pytest.raises(BadInput, match="cannot be rotated"):
        rotations(format)
    with pytest.raises(BadInput, match="none of foa"):
        format_named("quad")


@given(delay=st.integers(-8, 8), louder=st.floats(-10, 10), seed=st.integers(0, 99))
def test_interaural_differences_show_the_ear_with_the_earlier_and_louder_sound(delay, louder, seed):
    """A sound that reaches the right ear `delay` samples later, and so many decibels softer."""
    sound = np.random.default_rng(seed).standard_normal(RATE + 16)
    left, right = sound[8:-8], sound[8 - delay : len(sound) - 8 - delay] * 10 ** (-louder / 20)
    feature = FEATURES["interaural"]()
    x = feature(torch.from_numpy(np.stack([left, right])[None].astype(np.float32)))[0, :, 4:-4]
    bin = 20
    phase = torch.atan2(x[3, :, bin].mean(), x[2, :, bin].mean())
    expected = 2 * math.pi * bin / 512 * delay
    assert abs(math.remainder(float(phase) - expected, 2 * math.pi)) < 0.1
    ratio = 10 ** (louder / 10)
    assert float(x[4].mean()) == pytest.approx((ratio - 1) / (ratio + 1), abs=0.1)
    assert float((x[0] - x[1]).mean()) == pytest.approx(louder * math.log(10) / 20, abs=0.1)


def test_silence_at_one_ear_is_bounded():
    waveform = torch.zeros(1, 2, RATE // 4)
    waveform[:, 0] = torch.randn(RATE // 4)
    x = FEATURES["interaural"]()(waveform)
    assert torch.isfinite(x).all() and float(x[0, 4, 10:-10, 5:250].mean()) == pytest.approx(1, abs=1e-3)
    silence = FEATURES["interaural"]()(torch.zeros(1, 2, RATE // 4))
    assert float(silence[:, 2:].abs().max()) == 0
