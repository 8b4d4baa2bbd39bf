from functools import partial

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from avseld.base.errors import BadInput
from avseld.config import Part
from avseld.io.events import Events
from avseld.io.geometry import angle_between, unit_vector
from avseld.system.build import Blueprint, System

CLASSES = [f"class {number}" for number in range(13)]


def blueprint(**changes) -> Blueprint:
    words = {
        "features": Part("amplitude_ipd"), "model": Part("avcrnn"), "target": Part("multi_accdoa"), "classes": CLASSES
    } | changes  # fmt: skip
    return Blueprint(**words)


def stretch(waveform: np.ndarray, start: int, n: int) -> np.ndarray:
    padded = np.pad(waveform, ((0, 0), (40_000, 40_000)))
    return padded[:, start + 40_000 : start + n + 40_000]


def noise(seconds: float, seed=0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(4, round(seconds * 24000))).astype(np.float32) * 0.1


@pytest.fixture(scope="module")
def system() -> System:
    torch.manual_seed(0)
    return System(blueprint()).eval()


def outputs(system, waveform, **options) -> np.ndarray:
    read = partial(stretch, waveform)
    parts = [heads["accdoa"] for _, heads in system.stretches(read, waveform.shape[1], **options)]
    return torch.cat(parts).numpy()


@pytest.mark.parametrize("seconds", [0.5, 1.2, 2.4, 3.61, 7.005])
def test_every_frame_of_a_recording_gets_one_output(system, seconds):
    waveform = noise(seconds)
    assert outputs(system, waveform).shape == (int(seconds * 100 + 1e-9), 3, 3, 13)


def test_the_batch_size_changes_nothing(system):
    waveform = noise(5)
    assert np.allclose(
        outputs(system, waveform, batch_size=1), outputs(system, waveform, batch_size=16), atol=1e-6
    )


def test_the_middle_of_a_window_is_what_the_window_alone_would_give_away_from_its_edges(system):
    waveform = noise(6)
    whole = outputs(system, waveform)
    # Window 2 covers frames 240-4 .. 240+123; heard alone it knows no sound before its first frame.
    alone = torch.from_numpy(waveform[:, 236 * 240 : 236 * 240 + 30480])[None]
    with torch.no_grad():
        output = system(alone)["accdoa"][0].numpy()
    apart = np.abs(output[4:124] - whole[240:360])
    assert apart.max() < 0.1 * np.abs(whole).max()


class Echo(torch.nn.Module):
    """Stands for a network that knows: says, for every frame it sees, what the recording's table holds there."""

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
def test_an_oracle_is_heard_at_the_right_time_and_place(seconds):
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
    system.model = Echo(label, [120 * k - 4 for k in range(windows)])
    found = system.run(partial(stretch, noise(seconds)), round(seconds * 24000))
    assert np.array_equal(np.round(found.onset * 10), np.round(wanted.onset * 10))
    assert np.array_equal(found.label, wanted.label)
    apart = angle_between(
        unit_vector(found.azimuth, found.elevation), unit_vector(wanted.azimuth, wanted.elevation)
    )
    assert apart.max() < 1e-3


def test_the_published_rounding_doubles_some_frames_and_loses_others():
    system = System(blueprint(legacy=True))
    frame = system._published_frame(np.arange(12 * 40))
    assert frame[9 * 12] == 107 and (frame == 107).sum() == 2 and (frame == 119).sum() == 0
    first, starts = system._grid(12_000)
    early = np.flatnonzero(first != np.arange(100) * 120)
    assert early[:10].tolist() == [3, 6, 12, 17, 24, 29, 31, 34, 48, 53]
    assert starts[9] == pytest.approx(10.8)
    assert (System(blueprint())._grid(12_000)[0] == np.arange(100) * 120).all()


def test_the_published_frames_lie_sixteen_samples_early():
    system, legacy = System(blueprint()).eval(), System(blueprint(legacy=True)).eval()
    click = np.zeros((4, 48_000), np.float32)
    click[:, 24_000] = 1
    seen = []
    for one in (system, legacy):
        asked = []
        list(
            one.stretches(
                lambda start, n, asked=asked: asked.append(start) or stretch(click, start, n), 48_000
            )
        )
        seen.append(asked[0])
    assert seen[0] - seen[1] == 16


def test_a_system_comes_back_from_its_file(system, tmp_path):
    system.save(tmp_path / "x.safetensors")
    back = System.load(tmp_path / "x.safetensors")
    assert back.blueprint == system.blueprint
    waveform = noise(2)
    assert np.array_equal(outputs(back, waveform), outputs(system, waveform))


def test_weights_of_another_architecture_are_refused(system, tmp_path):
    path = tmp_path / "x.safetensors"
    system.save(path)
    state = load_file(path)
    smaller = {"fc_xyz.bias": torch.zeros(9)}
    for wrong in ({**state, **smaller}, {k: v for k, v in state.items() if k != "fc_xyz.bias"}):
        save_file(wrong, path, metadata={"avseld": system.blueprint.to_json()})
        with pytest.raises(
            BadInput, match=r"x\.safetensors: weights of another architecture \('fc_xyz\.bias'"
        ):
            System.load(path)
    save_file(state, path)
    with pytest.raises(BadInput, match="without a blueprint"):
        System.load(path)
    path.write_bytes(b"cut off")
    with pytest.raises(BadInput, match="no readable weights"):
        System.load(path)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"model": Part("crnn")}, r"model\.name: 'crnn' is none of"),
        (
            {"model": Part("avcrnn", {"widht": 64})},
            r"model\.options\.widht: avcrnn has no such option; it has width",
        ),
        ({"features": Part("amplitude_ipd", {"hop": 241})}, r"not a multiple"),
        ({"chunk": 1.275}, r"not a multiple"),
        ({"chunk": 0.05}, r"hold no label frame"),
    ],
)
def test_a_wrong_word_in_a_recipe_is_named(changes, says):
    with pytest.raises(BadInput, match=says):
        System(blueprint(**changes))


@pytest.mark.parametrize(
    ("name", "options", "format"),
    [
        ("logmel_iv", {}, "mic"),
        ("logamplitude_iv", {}, "mic"),
        ("salsa_lite", {}, "foa"),
        ("general", {"parts": ["doa_gcc"]}, "foa"),
        ("general", {"parts": ["sed_m", "azi_hist"]}, "mic"),
    ],
)
def test_features_of_one_array_are_refused_for_another(name, options, format):
    with pytest.raises(BadInput, match=f"{name} is meant for .* recordings, not {format}"):
        System(
            Blueprint(Part(name, options), Part("avcrnn"), Part("multi_accdoa"), CLASSES, format, chunk=1.2)
        )
