"""The network on a stream, against recordings as a whole and windows that are written out."""

from dataclasses import replace
from functools import cache, partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from live_material import live_system
from system_material import blueprint, noise, outputs, stretch

from avseld.base.errors import BadInput
from avseld.config import Part
from avseld.io.boxes import Boxes
from avseld.streaming.engine import Engine
from avseld.streaming.feature_frames import stand_alone
from avseld.system.build import System
from avseld.system.inference import iterate_heads, window_features
from avseld.vision.visual_input import VisualInput


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


def as_predicted(system, waveform, visual=None):
    """Head (frame, ...) as prediction runs a recording."""
    stretches = iterate_heads(system, partial(stretch, waveform), waveform.shape[1], visual)
    return torch.cat([only(heads) for _, heads in stretches]).numpy()


@pytest.mark.parametrize(("look_ahead", "step", "block"), [(0, 1, 480), (1, 2, 1000), (3, 1, 7777)])
def test_a_network_with_a_state_says_of_a_stream_what_it_says_of_the_recording(look_ahead, step, block):
    system, waveform = live_system(look_ahead), noise(3.07)
    engine = Engine(system)
    found = streamed(engine, waveform, block, step)
    assert engine.has_state and found.shape == (153, 3, 3, 13)
    assert np.abs(found - as_predicted(system, waveform)).max() < 1e-5


def test_a_network_with_a_state_that_sees_people_says_of_a_stream_what_it_says_of_the_recording():
    system, waveform = live_system(vision=True), noise(3.07)
    with torch.no_grad():
        system.model.visual_branch.trust.bias.fill_(1.0)
    about = {"duration": 2.5}  # the video ends before the sound
    box = np.stack(
        [np.linspace(0.2, 0.4, 26), np.full(26, 0.3), np.linspace(0.25, 0.45, 26), np.full(26, 0.8)], 1
    )
    boxes = Boxes(np.arange(26) / 10, box[:, None], np.full((26, 1), 0.9), np.zeros((26, 1), int), about)

    seen = cache(lambda n: VisualInput(boxes, replace(system.visual_spec, n_label_frames=n)))

    def at(start, n_label_frames):
        return seen(n_label_frames).at(np.array([start]))

    found = streamed(Engine(system, visual_at=at), waveform)
    expected = as_predicted(system, waveform, VisualInput(boxes, system.visual_spec).at)
    assert np.abs(found - expected).max() < 1e-5
    assert np.abs(found - streamed(Engine(system), waveform)).max() > 1e-3


def test_after_a_skip_a_network_with_a_state_begins_anew():
    system, waveform = live_system(), noise(4.0)
    engine = Engine(system)
    engine.append(waveform[:, :60_000])
    engine.run(5)
    engine.skip(10)
    engine.append(waveform[:, 60_000:])
    found = torch.cat([only(part.heads) for part in (engine.run(5), engine.run(7))]).numpy()
    from_there = Engine(system)
    lead = system.lengths.lead
    from_there.append(np.zeros((4, 0), np.float32))
    from_there._frames._samples._parts = [waveform[:, 36_000 - lead : 36_000]]
    from_there._frames._samples._first = -lead
    from_there._frames._computed = from_there._frames._first = 0
    from_there.append(waveform[:, 36_000:])
    assert np.abs(found - only(from_there.run(12).heads).numpy()).max() < 1e-5


def test_a_network_with_a_state_has_a_look_ahead_of_its_own():
    with pytest.raises(
        BadInput, match=r"--look_ahead 0\.3: live has one of its own, of 0\.1 s; leave it out"
    ):
        Engine(live_system(), 0.3)


def test_windows_end_where_they_are_shorter_than_the_look_ahead(system):
    with pytest.raises(BadInput, match=r"--look_ahead 1.25: windows have 1.28 s; choose 0 to 1.18"):
        Engine(system, 1.25)
    with pytest.raises(BadInput, match="tags whole clips"):
        Engine(
            system_of(
                target=Part("tagging"),
                model=Part("cnn", {"layers": 5}),
                features=Part("logmel", {"hop": 240}),
            )
        )
