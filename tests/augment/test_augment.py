"""Turned, mirrored and mixed scenes: sound, label and box still point the same way."""

import numpy as np
import plane_waves
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from avseld.augment.scenes import EVERY, FEATURES, Mask, Mix, Rotate, Shift, Window, turns
from avseld.base.errors import BadInput
from avseld.config import Data, Hardware, Part
from avseld.io.boxes import centre_direction
from avseld.io.events import Events
from avseld.io.formats import TETRAHEDRON_DEG
from avseld.io.geometry import angle_between, direction, to_picture, unit_vector
from avseld.training.train import train

RATE = 24000
AZIMUTH, ELEVATION = st.integers(-179, 180), st.integers(-75, 75)


def box_at(azimuth: float, elevation: float, half: float = 0.02) -> np.ndarray:
    u, v = to_picture(azimuth, elevation)
    return np.array([[u - half, v - half, u + half, v + half, 0.9], [0, 0, 0, 0, 0]], np.float32)


def scene(azimuth: float, elevation: float) -> Window:
    """A plane wave in first-order ambisonics, its label and its box."""
    x, y, z = unit_vector(azimuth, elevation)
    sound = np.random.default_rng(0).normal(size=2400)
    events = Events.from_rows([(0.0, 0.1, 3, 0, azimuth, elevation, 2.0)])
    return Window(np.outer([1, y, z, x], sound).astype(np.float32), events, 0.0, box_at(azimuth, elevation))


def intensity(waveform: np.ndarray) -> np.ndarray:
    w, y, z, x = waveform
    return np.array([(w * x).mean(), (w * y).mean(), (w * z).mean()])


@given(AZIMUTH, ELEVATION)
def test_intensity_label_and_box_point_the_same_way_after_all_sixteen_turns(azimuth, elevation):
    window = scene(azimuth, elevation)
    seen = set()
    for turn, matrix in turns("foa"):
        heard = intensity(matrix @ window.waveform)
        events, boxes = turn.events(window.events), turn.boxes(window.boxes)
        labelled = unit_vector(events.azimuth[0], events.elevation[0])
        pictured = unit_vector(*centre_direction(boxes[0]))
        assert angle_between(heard, labelled) < 1e-3 and angle_between(pictured, labelled) < 1e-3
        assert not boxes[1].any() and boxes[0, 4] == np.float32(0.9)
        seen.add((float(events.azimuth[0]), float(events.elevation[0])))
    if azimuth % 45 and elevation:
        assert len(seen) == 16


def test_the_array_allows_eight_turns_and_each_permutes_its_capsules():
    capsules = unit_vector(*np.array(TETRAHEDRON_DEG).T)
    found = turns("mic")
    assert len(found) == 8 and len({str(matrix) for _, matrix in found}) == 8
    delay = np.random.default_rng(0)
    for turn, matrix in found:
        assert np.array_equal(np.sort(matrix, axis=1)[:, -1], np.ones(4)) and matrix.sum() == 4
        for _ in range(5):
            wave = delay.normal(size=3)
            arrival = capsules @ wave  # a capsule that faces the wave hears it earlier
            assert np.allclose(matrix @ arrival, capsules @ turn.vectors(wave))


def test_two_ears_and_stereo_change_places():
    for format in ("binaural", "stereo"):
        (_, same), (mirror, swapped) = turns(format)
        assert np.array_equal(same, np.eye(2)) and np.array_equal(swapped @ [1, 2], [2, 1])
        turned = mirror.events(scene(30, 10).events)
        assert (turned.azimuth[0], turned.elevation[0]) == (-30, 10)
        assert np.allclose(
            direction(unit_vector(-30, 10)), centre_direction(mirror.boxes(box_at(30, 10))[0]), atol=1e-4
        )
    with pytest.raises(BadInput, match="mono recordings cannot be turned"):
        turns("mono")


@given(st.sampled_from(EVERY), AZIMUTH, ELEVATION)
def test_a_turn_keeps_angles_and_the_vertical(turn, azimuth, elevation):
    one, other = unit_vector(azimuth, elevation), unit_vector(17.0, -8.0)
    assert angle_between(turn.vectors(one), turn.vectors(other)) == pytest.approx(
        angle_between(one, other), abs=1e-6
    )
    assert abs(turn.vectors(one)[2]) == pytest.approx(abs(one[2]))


def test_a_drawn_turn_is_one_of_the_sixteen_and_all_come():
    rotate, random = Rotate("foa"), np.random.default_rng(0)
    window = scene(20.0, 15.0)
    seen = set()
    for _ in range(300):
        turned = rotate(window, random, lambda: window)
        assert (
            angle_between(
                intensity(turned.waveform), unit_vector(turned.events.azimuth[0], turned.events.elevation[0])
            )
            < 1e-3
        )
        seen.add((float(turned.events.azimuth[0]), float(turned.events.elevation[0])))
    assert len(seen) == 16


def test_mixed_windows_hold_both_sounds_both_labels_and_both_boxes():
    first, second = scene(20.0, 0.0), scene(-100.0, 10.0)
    second = Window(second.waveform, second.events, -3.0, second.boxes)
    mixed = Mix("foa", chance=1.0, gain_db=0.0)(first, np.random.default_rng(0), lambda: second)
    assert np.allclose(mixed.waveform, first.waveform + second.waveform, atol=1e-6)
    assert mixed.events.azimuth.tolist() == [20, -100] and mixed.events.source.tolist() == [0, 1]
    assert mixed.events.onset.tolist() == [0.0, 3.0]  # as far from the start of the window as before
    assert mixed.boxes.shape == (2, 5) and mixed.boxes[:, 4].all()
    assert Mix("foa", chance=0.0)(first, np.random.default_rng(0), lambda: second) is first


def test_masks_are_stretches_of_frames_and_bins_the_same_in_all_features():
    torch.manual_seed(0)
    masked = Mask(frames=5, bins=4, n=1)(torch.ones(50, 3, 40, 30))
    assert torch.equal(masked[:, 0], masked[:, 2])
    frames, bins = (masked[:, 0].amax(dim=axis) == 0 for axis in (2, 1))
    assert frames.sum(dim=1).max() == 5 and bins.sum(dim=1).max() == 4
    for rows in (frames, bins):
        edges = rows.int().diff(dim=1).abs().sum(dim=1)
        assert (edges <= 2).all()


def test_shifted_bins_move_together_by_at_most_so_many():
    torch.manual_seed(0)
    x = torch.zeros(200, 2, 3, 50)
    x[..., 25] = 1
    place = Shift(4)(x).argmax(dim=3)
    assert (place == place[:, :1, :1]).all() and set(place[:, 0, 0].tolist()) == set(range(21, 30))
    assert set(FEATURES) == {"mask", "shift"}


def test_training_with_every_augmentation_is_seeded_and_leaves_the_plain_windows_alone(tmp_path):
    prepared = plane_waves.make(tmp_path / "waves", seconds=4)

    def run(name: str, augment: list[Part] | None) -> bytes:
        train(
            Data(prepared, validate=["fold3_room5"], batch_size=2), Part("logamplitude_iv"),
            Part("avcrnn", {"width": 8, "hidden": 8}), Part("multi_accdoa"), Part("adam", {"lr": 1e-2}),
            tmp_path / name, steps=4, validate_every=2, augment=augment, hardware=Hardware("cpu", 1),
        )  # fmt: skip
        return (tmp_path / name / "last.safetensors").read_bytes()

    parts = [Part("rotate"), Part("mix", {"chance": 1.0}), Part("mask"), Part("shift")]
    assert run("a", parts) == run("b", parts) != run("c", None)
    with pytest.raises(BadInput, match="augment: 'twirl' is none of rotate, mix, mask, shift"):
        run("d", [Part("twirl")])
    with pytest.raises(BadInput, match=r"augment: mix: .*loudness"):
        run("d", [Part("mix", {"loudness": 1})])
