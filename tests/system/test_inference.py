from functools import partial

import numpy as np
import pytest
import torch
from system_material import blueprint, noise, outputs, stretch

from avseld.decoding.windows import (
    concatenate_grids,
    published_label_frame,
    read_windows,
    window_grid,
)
from avseld.io.events import Events
from avseld.io.geometry import angle_between, unit_vector
from avseld.system.build import System
from avseld.system.inference import iterate_heads, join_windows, predict_events, run_windows
from avseld.system.protocols import Model, complete


@pytest.mark.parametrize("seconds", [0.5, 1.2, 2.4, 3.61, 7.005])
def test_every_frame_of_a_recording_gets_one_output(system, seconds):
    waveform = noise(seconds)
    assert outputs(system, waveform).shape == (int(seconds * 100 + 1e-9), 3, 3, 13)


def test_the_batch_size_does_not_change_the_output(system):
    waveform = noise(5)
    assert np.allclose(
        outputs(system, waveform, batch_size=1), outputs(system, waveform, batch_size=16), atol=1e-6
    )


def test_the_middle_of_a_window_is_what_the_window_alone_would_give_away_from_its_edges(system):
    waveform = noise(6)
    whole = outputs(system, waveform)
    # Window 2 covers frames 240-4 .. 240+123; alone, it has no audio before its first frame.
    alone = torch.from_numpy(waveform[:, 236 * 240 : 236 * 240 + 30480])[None]
    with torch.no_grad():
        output = system(alone)["accdoa"][0].numpy()
    apart = np.abs(output[4:124] - whole[240:360])
    assert apart.max() < 0.1 * np.abs(whole).max()


class Echo(torch.nn.Module):
    """Perfect network: outputs the target of the recording for every frame of a window."""

    n_boxes = 6

    def __init__(self, label: np.ndarray, first: list[int]):
        super().__init__()
        self.label, self.first = label, first
        self.weight = torch.nn.Parameter(torch.zeros(1))

    def forward(self, x, boxes=None):
        rows = [range(f, f + x.shape[2]) for f in self.first[: len(x)]]
        del self.first[: len(x)]
        inside = [
            [self.label[i] if 0 <= i < len(self.label) else 0 * self.label[0] for i in row] for row in rows
        ]
        return {"accdoa": torch.from_numpy(np.stack(inside))}


@pytest.mark.parametrize("seconds", [2.4, 3.6, 10.0, 59.9])
def test_a_perfect_network_predicts_the_reference_of_the_whole_recording(seconds):
    random = np.random.default_rng(int(seconds * 10))
    table = [
        (f * 0.1, (f + 1) * 0.1, int(f // 7 % 13), 0, random.integers(-180, 180), random.integers(-90, 91), np.nan)
        for f in range(int(seconds * 10)) if f % 7 < 5
    ]  # fmt: skip
    wanted = Events.from_rows(table)
    system = System(blueprint())
    n_frames = int(seconds * 100)
    label = system.target.encode(wanted, 0.0, n_frames, 0.01)["accdoa"][:, [0, 0, 0]]
    windows = -(-n_frames // 120)
    system.model = complete(Echo(label, [120 * k - 4 for k in range(windows)]), Model, "echo")
    found = predict_events(system, partial(stretch, noise(seconds)), round(seconds * 24000))
    assert np.array_equal(np.round(found.onset * 10), np.round(wanted.onset * 10))
    assert np.array_equal(found.label, wanted.label)
    apart = angle_between(
        unit_vector(found.azimuth, found.elevation), unit_vector(wanted.azimuth, wanted.elevation)
    )
    assert apart.max() < 1e-3


def test_published_rounding_duplicates_some_frames_and_drops_others():
    system = System(blueprint(legacy=True))
    frame = published_label_frame(system.lengths, np.arange(12 * 40))
    assert frame[9 * 12] == 107 and (frame == 107).sum() == 2 and (frame == 119).sum() == 0
    grid = window_grid(system.lengths, 12_000 * 240)
    first, starts = grid.first_frame, grid.visual_start_s
    early = np.flatnonzero(first != np.arange(100) * 120)
    assert early[:10].tolist() == [3, 6, 12, 17, 24, 29, 31, 34, 48, 53]
    assert starts[9] == pytest.approx(10.8)
    assert (window_grid(System(blueprint()).lengths, 12_000 * 240).first_frame == np.arange(100) * 120).all()


def test_published_frames_are_sixteen_samples_early():
    system, legacy = System(blueprint()).eval(), System(blueprint(legacy=True)).eval()
    click = np.zeros((4, 48_000), np.float32)
    click[:, 24_000] = 1
    seen = []
    for one in (system, legacy):
        asked = []
        list(
            iterate_heads(
                one, lambda start, n, asked=asked: asked.append(start) or stretch(click, start, n), 48_000
            )
        )
        seen.append(asked[0])
    assert seen[0] - seen[1] == 16


def test_a_batch_of_windows_of_several_recordings_gives_what_each_recording_gives_alone(system):
    recordings = [noise(seconds, seed) for seed, seconds in enumerate((0.5, 3.61, 2.4))]
    lengths = [waveform.shape[1] for waveform in recordings]
    grids = [window_grid(system.lengths, n) for n in lengths]
    windows = [
        read_windows(system.lengths, partial(stretch, waveform), grid)
        for waveform, grid in zip(recordings, grids, strict=True)
    ]
    heads = run_windows(system, np.concatenate(windows), None, concatenate_grids(grids))
    first = 0
    for waveform, grid, n in zip(recordings, grids, lengths, strict=True):
        own = {name: head[first : first + len(grid)] for name, head in heads.items()}
        together = join_windows(own, n // system.hop_samples)["accdoa"].numpy()
        assert np.allclose(together, outputs(system, waveform), atol=1e-6)
        first += len(grid)


def test_frames_beyond_each_recording_of_a_batch_are_zeros(system):
    """Recordings of a batch have different ends; the zeros after one must not cut off another."""
    legacy = System(blueprint(legacy=True)).eval()
    legacy.load_state_dict(system.state_dict())
    short, long = noise(0.5), noise(2.4, 1)
    grids = [window_grid(legacy.lengths, short.shape[1]), window_grid(legacy.lengths, long.shape[1])]
    windows = [
        read_windows(legacy.lengths, partial(stretch, w), g)
        for w, g in zip((short, long), grids, strict=True)
    ]
    heads = run_windows(legacy, np.concatenate(windows), None, concatenate_grids(grids))["accdoa"]
    alone = [run_windows(legacy, w, None, g)["accdoa"] for w, g in zip(windows, grids, strict=True)]
    torch.testing.assert_close(heads, torch.cat(alone), atol=1e-6, rtol=0)
