"""Mixed precision: the network runs in 16 bits, features and losses do not."""

import numpy as np
import pytest
import torch

from avseld.config import Part
from avseld.decoding.windows import window_grid
from avseld.io.events import Events
from avseld.system.blueprint import Blueprint
from avseld.system.build import System
from avseld.system.inference import run_windows, stretch_loss

FEATURES = ["amplitude_ipd", "logamplitude_iv", "logmel_iv", "sound_field"]
HALVES = [torch.bfloat16, torch.float16]


def system(features: str) -> System:
    torch.manual_seed(0)
    model = Part("avcrnn", {"width": 8, "hidden": 8})
    return System(Blueprint(Part(features), model, Part("multi_accdoa"), ["a", "b"], chunk=1.2))


def seen_by_the_network(system: System, run) -> torch.Tensor:
    """Record the features that the network receives."""
    given = []
    handle = system.model.register_forward_pre_hook(
        lambda module, arguments: given.append(arguments[0].clone())
    )
    run()
    handle.remove()
    (features,) = given
    return features


def signals() -> torch.Tensor:
    time = torch.arange(28_800) / 24_000
    tone = torch.sin(2 * torch.pi * 1000 * time)
    noise = torch.randn(4, 28_800, generator=torch.Generator().manual_seed(0)) * 0.1
    return torch.stack([torch.zeros(4, 28_800), tone.expand(4, -1), noise])


@pytest.mark.parametrize("half", HALVES)
@pytest.mark.parametrize("features", FEATURES)
def test_features_are_the_same_with_and_without_mixed_precision(features, half):
    one = system(features)
    full = seen_by_the_network(one, lambda: one(signals()))
    with torch.autocast("cpu", half):
        mixed = seen_by_the_network(one, lambda: one(signals()))
    assert mixed.dtype == full.dtype and torch.equal(mixed, full)


@pytest.mark.parametrize("features", FEATURES)
def test_features_of_whole_recordings_are_the_same_with_and_without_mixed_precision(features):
    one = system(features).eval()
    grid = window_grid(one.lengths, 28_800)
    waveform = signals()[:, :, :1].repeat(1, 1, 28_800 + one.features.stft.n_fft)[:1]
    waveform[:] = torch.randn(waveform.shape, generator=torch.Generator().manual_seed(1))
    full = seen_by_the_network(one, lambda: run_windows(one, waveform, None, grid))
    with torch.autocast("cpu", torch.bfloat16):
        mixed = seen_by_the_network(one, lambda: run_windows(one, waveform, None, grid))
    assert torch.equal(mixed, full)


@pytest.mark.parametrize("half", HALVES)
@pytest.mark.parametrize("features", FEATURES)
def test_silence_and_a_full_scale_tone_stay_finite_in_mixed_precision(features, half):
    one = system(features)
    with torch.autocast("cpu", half):
        features_given = seen_by_the_network(one, lambda: one(signals()))
        assert torch.isfinite(features_given).all()
        heads = one(signals())
        assert all(torch.isfinite(head).all() for head in heads.values())
        label = one.target.encode(Events.empty(), 0.0, one.window_frames, one.hop)
        batch = {
            name: torch.from_numpy(value)[None].repeat(3, *[1] * value.ndim) for name, value in label.items()
        }
        assert torch.isfinite(one.training_loss(heads, batch)["loss"])


def test_losses_have_single_precision_under_autocast():
    one = system("logmel_iv")
    events = Events.from_rows([(0.1 * n, 0.1 * n + 0.1, n % 2, 0, 30 * n, 10, np.nan) for n in range(12)])
    label = one.target.encode(events, 0.0, one.window_frames, one.hop)
    batch = {name: torch.from_numpy(value)[None] for name, value in label.items()}
    generator = torch.Generator().manual_seed(0)
    heads = {
        "accdoa": torch.randn(
            1, one.window_frames, *one.target.shapes["accdoa"], generator=generator
        ).bfloat16()
    }
    full = one.training_loss({"accdoa": heads["accdoa"].float()}, batch)["loss"]
    with torch.autocast("cpu", torch.bfloat16):
        mixed = one.training_loss(heads, batch)["loss"]
        row = {"accdoa": heads["accdoa"][0].float()}
        assert stretch_loss(one, 0, row, events) == float(full)
    assert mixed.dtype == torch.float32 and torch.equal(mixed, full)


def test_double_precision_stays_double():
    one = system("logmel_iv").double()
    label = one.target.encode(Events.empty(), 0.0, one.window_frames, one.hop)
    heads = {"accdoa": torch.randn(1, one.window_frames, *one.target.shapes["accdoa"], dtype=torch.float64)}
    batch = {name: torch.from_numpy(value)[None] for name, value in label.items()}
    assert one.training_loss(heads, batch)["loss"].dtype == torch.float64
