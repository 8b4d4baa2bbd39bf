"""The network on a stream, against recordings as a whole and windows that are written out."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from system_material import blueprint, noise, outputs, stretch

from avseld.config import Part
from avseld.streaming.engine import Engine
from avseld.streaming.feature_frames import stand_alone
from avseld.system.build import System
from avseld.system.inference import window_features


def system_of(**changes) -> System:
    torch.manual_seed(0)
    return System(blueprint(**changes)).eval()


@pytest.fixture(scope="module")
def system():
    return system_of(model=Part("avcrnn", {"width": 8, "hidden": 16}))


def only(heads):
    """The head of a network that has one."""
    (head,) = heads.values()
    return head


def streamed(engine, waveform, block=1000, step=1):
    """Head (frame, ...) of a stream that comes in blocks, joined."""
    parts = []
    for first in range(0, waveform.shape[1], block):
        engine.append(waveform[:, first : first + block])
        while engine.ready >= step:
            parts.append(engine.run(step))
    parts += engine.finish()
    firsts = [part.first for part in parts]
    lengths = [len(only(part.heads)) for part in parts]
    assert firsts == np.cumsum([0, *lengths[:-1]]).tolist()
    return torch.cat([only(part.heads) for part in parts]).numpy()


def windows_written_out(system, waveform, step, n_after):
    """Heads of a stream with whole windows: each computed from the samples, of each the newest `step` label frames."""
    lengths, n_samples = system.lengths, waveform.shape[1]
    n_frames, length = n_samples // lengths.hop_samples, step * lengths.label_frames
    found = []
    for first in range(0, n_frames, length):
        begin = first + length + n_after - lengths.run_frames
        samples = stretch(waveform, begin * lengths.hop_samples - lengths.lead, lengths.span)
        with torch.inference_mode():
            features = window_features(system, samples[None])
            if system.features.state_dict():  # standardized: nothing is their mean, zero
                features[:, :, : max(-begin, 0)] = 0
            heads = only(system.model(features))[0]
        found.append(heads[first - begin : min(first + length, n_frames) - begin])
    return torch.cat(found).numpy()


@pytest.mark.parametrize(("step", "n_after"), [(1, 3), (2, 0), (3, 17)])
def test_each_step_is_the_newest_part_of_a_window_that_reaches_back(system, step, n_after):
    waveform = noise(3.6)
    found = streamed(Engine(system, n_after * system.hop), waveform, step=step)
    expected = windows_written_out(system, waveform, step, n_after)
    assert found.shape == (360, 3, 3, 13) and np.abs(found - expected).max() < 1e-5


def test_in_steps_as_long_as_the_windows_of_prediction_a_stream_says_what_prediction_says(system):
    waveform = noise(6.05)
    found = streamed(Engine(system), waveform, step=12)[:600]  # what comes after it is no whole step
    assert np.abs(found - outputs(system, waveform)[:600]).max() < 1e-5


def test_features_that_look_around_their_frame_are_computed_for_every_window():
    histograms = {"parts": ["azi_hist"], "sample_rate": 24000, "n_fft": 1024, "hop": 300}
    system = system_of(
        features=Part("general", histograms),
        model=Part("general", {"module": "azi_hist"}),
        target=Part("bins", {"angles": ["azimuth"], "frames_per_output": 8}),
        chunk=1.25,
    )
    assert not stand_alone(system)
    waveform = noise(1.6)
    found = streamed(Engine(system, 0.0), waveform, step=4)
    assert np.abs(found - windows_written_out(system, waveform, 4, 0)).max() < 1e-5


@settings(max_examples=8)
@given(st.integers(1, 9000))
def test_the_length_of_the_blocks_makes_no_difference(system, block):
    waveform = noise(1.5)
    found = streamed(Engine(system), waveform, block=block, step=2)
    assert np.abs(found - streamed(Engine(system), waveform, block=24000, step=2)).max() < 1e-6


def test_label_frames_that_came_late_are_given_together(system):
    engine, waveform = Engine(system), noise(3.0)
    engine.append(waveform)
    ready = engine.ready
    assert ready > engine.n_most == 12
    stretch = engine.run(12)
    assert stretch.first == 0 and len(stretch.heads["accdoa"]) == 120 and engine.ready == ready - 12


def test_a_label_frame_is_given_as_soon_as_its_look_ahead_has_come_and_not_earlier(system):
    engine = Engine(system, 0.05)
    needed = round((0.1 + engine.look_ahead_s) * 24000)
    engine.append(noise(1)[:, : needed - 1])
    assert engine.ready == 0
    engine.append(np.zeros((4, 1), np.float32))
    assert engine.ready == 1
    n_fft = system.features.stft.n_fft
    assert engine.look_ahead_s == pytest.approx(0.05 - 0.01 + n_fft / 2 / 24000)  # of frames, less their hop
