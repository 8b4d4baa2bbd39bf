"""A recording of any length is one stream: where it is read in stretches makes no difference, and nothing grows."""

from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from system_material import blueprint, noise, outputs, stretch
from torch import nn

from avseld.base.errors import BadInput
from avseld.config import Part
from avseld.decoding.stretches import stretches_of
from avseld.models import MODELS
from avseld.models.live import LiveCRNN
from avseld.system.build import System
from avseld.system.inference import iterate_features, iterate_heads, predict_events
from avseld.system.reach import reach_of

CHUNK_S = 0.98
"""of a training window: ten label frames"""
HOP = 480
FEATURES = Part("sound_field", {"n_fft": 1024, "hop": HOP, "n_mels": 16})


def live_system(**options) -> System:
    torch.manual_seed(0)
    words = {"hidden": 8, "past": 4, "n_boxes": 2, "frames_per_step": 5} | options
    return System(blueprint(features=FEATURES, model=Part("live", words), chunk=CHUNK_S)).eval()


def boxes_at(starts: np.ndarray) -> np.ndarray:
    """Show a walking person and one who stands still in ten label frames from each start on."""
    time = starts[:, None] + 0.1 * np.arange(10)
    shown = np.zeros((*time.shape, 2, 5), np.float32)
    shown[..., 0, :] = np.stack(
        [0.2 + 0.02 * time, 0 * time + 0.4, 0.25 + 0.02 * time, 0 * time + 0.8, 0 * time + 0.9], -1
    )
    shown[..., 1, :] = [0.7, 0.4, 0.75, 0.7, 0.5]
    return shown


def in_one_piece(system: System, waveform: np.ndarray, seen: bool) -> np.ndarray:
    """Run a window as long as the recording, with the silence after it that the look-ahead needs."""
    n_frames = waveform.shape[1] // HOP
    n_steps = -(-n_frames // 5) + system.model.look_ahead_frames // 5
    padded = np.pad(waveform, ((0, 0), (0, 10 * 2400)))
    with torch.no_grad():
        x = system.features(torch.from_numpy(padded)[None])[:, :, : 5 * n_steps]
        boxes = torch.from_numpy(boxes_at(np.arange(0, 20, 1.0)).reshape(1, -1, 2, 5))[:, :n_steps]
        boxes[:, -(-n_frames // 5) :] = 0
        return system.model(x, boxes if seen else None)["accdoa"][0, :n_frames].numpy()


@settings(max_examples=12, deadline=None)
@given(
    n_samples=st.integers(200, 24_000 * 5),
    batch_size=st.sampled_from([1, 2, 3, 16]),
    look_ahead=st.integers(0, 3),
    vision=st.booleans(),
)
def test_a_recording_in_stretches_of_any_length_is_the_recording_in_one(
    n_samples, batch_size, look_ahead, vision
):
    system = live_system(look_ahead=look_ahead, vision=vision)
    waveform = noise(5)[:, :n_samples]
    wanted = in_one_piece(system, waveform, vision) if n_samples >= HOP else None
    visual_at = boxes_at if vision else None
    found = outputs(system, waveform, batch_size=batch_size, visual_at=visual_at)
    assert len(found) == max(n_samples // HOP, 1)
    if wanted is not None:
        np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_the_features_of_stretches_are_those_of_the_whole_recording():
    system, waveform = live_system(), noise(5)
    whole = system.features(torch.from_numpy(np.pad(waveform, ((0, 0), (0, 2400))))[None])[0].numpy()
    read = partial(stretch, waveform)
    for first, part in iterate_features(system, read, waveform.shape[1], batch_size=1):
        np.testing.assert_allclose(part, whole[:, first : first + part.shape[1]], atol=1e-4)


@pytest.mark.parametrize("seconds", [7, 70])
def test_no_more_sound_is_read_at_once_in_a_longer_recording(seconds):
    asked = []

    def read(start: int, n: int) -> np.ndarray:
        asked.append((start, n))
        return np.zeros((4, n), np.float32)

    n_frames = sum(
        len(heads["accdoa"])
        for _, heads in iterate_heads(live_system(), read, seconds * 24_000, batch_size=2)
    )
    assert n_frames == 50 * seconds
    assert max(n for _, n in asked) == (100 - 1) * HOP + 1024  # twenty label frames of five frames
    # Every frame is computed once: a stretch begins where the frames of the one before end.
    starts = [start for start, _ in asked]
    assert starts[0] == -512 and set(np.diff(starts)) == {100 * HOP}


def test_a_stretch_that_is_shorter_than_the_look_ahead_is_no_output():
    system = live_system(look_ahead=12)
    parts = list(iterate_heads(system, partial(stretch, noise(3)), 3 * 24_000, batch_size=1))
    assert [first for first, _ in parts] == [0, 40, 90, 140]
    assert sum(len(heads["accdoa"]) for _, heads in parts) == 150


@pytest.mark.parametrize(("look_ahead", "vision"), [(0, False), (1, True), (3, False)])
def test_the_reach_of_a_network_for_live_sound_ends_with_its_look_ahead(look_ahead, vision):
    reach = reach_of(live_system(look_ahead=look_ahead, vision=vision))
    assert reach.after_s == pytest.approx(0.1 * look_ahead)
    assert reach.causal == (look_ahead == 0) and reach.before_s is None


def test_events_are_those_of_the_heads_in_one_piece():
    system, waveform = live_system(look_ahead=2), noise(4)
    with torch.no_grad():
        for layer in (system.model.mixture, system.model.upward):
            layer.weight.mul_(8)
    found = predict_events(system, partial(stretch, waveform), waveform.shape[1], batch_size=1)
    wanted = system.target.decode({"accdoa": in_one_piece(system, waveform, False)}, system.hop)
    assert len(found) == len(wanted) > 20
    np.testing.assert_allclose(found.onset, wanted.onset, atol=1e-9)
    np.testing.assert_allclose(found.azimuth, wanted.azimuth, atol=0.01)


def test_stretches_are_whole_windows_and_the_last_reaches_beyond_the_end_by_the_look_ahead():
    found = stretches_of(live_system().lengths, 502, 10, 2)
    assert [one.first for one in found] == [100 * k for k in range(6)]
    assert [one.n_frames for one in found] == [100] * 5 + [15]


def test_a_look_ahead_that_is_no_whole_number_of_label_frames_is_refused():
    features = Part("sound_field", {"n_fft": 1024, "hop": 240, "n_mels": 16})
    with pytest.raises(BadInput, match="live looks 5 feature frames ahead, a label frame has 10"):
        System(blueprint(features=features, model=Part("live", {"frames_per_step": 5}), chunk=CHUNK_S))


class Forgetful(LiveCRNN):
    """Remembers nothing between the pieces of a stream."""

    def advance(self, x, visual=None, state=None):
        return super().advance(x, visual, None)


class Growing(LiveCRNN):
    """Remembers all of a stream."""

    def advance(self, x, visual=None, state=None):
        heads, after = super().advance(x, visual, state)
        before = x[:, :, :0] if state is None else state["sound"]
        return heads, after | {"sound": torch.cat([before, x], dim=2)}


class Hasty(LiveCRNN):
    """Lags behind its input by more than it says."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.look_ahead_frames = 0


class Glancing(nn.Module):
    """Runs a stream with the boxes at the start of a window alone."""

    vision = True

    def __init__(self, n_features, n_bins, shapes):
        super().__init__()
        self.shapes, self.weight = shapes, nn.Parameter(torch.zeros(1))

    def advance(self, x, visual, state):
        return self.forward(x), {}

    def forward(self, x, visual=None):
        return {name: self.weight.expand(len(x), x.shape[2], *shape) for name, shape in self.shapes.items()}


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        (Forgetful, "depend on where it is cut"),
        (Growing, "states of other names or sizes"),
        (Hasty, "or differ from those of a window"),
        (Glancing, "its visual_input must be one for every label frame"),
    ],
)
def test_a_network_of_another_package_that_runs_no_stream_is_refused(monkeypatch, kind, says):
    monkeypatch.setitem(MODELS, "own", kind)
    with pytest.raises(BadInput, match=f"own.*{says}"):
        System(blueprint(features=FEATURES, model=Part("own"), chunk=CHUNK_S))
