"""The check finds permuted channels of arrays, turned arrays and exchanged sides, and raises no false alarm."""

from dataclasses import replace
from functools import cache
from itertools import permutations

import numpy as np
import pytest
import soundfile
from raw_tree import RATE

from avseld.base.sphere import on_sphere
from avseld.io.events import Events, write_events
from avseld.io.formats import FORMATS
from avseld.io.geometry import unit_vector
from avseld.io.manifest import Recording, write_manifest
from data_prep.check.array_order import fit, measure
from data_prep.check.check import check

FRAME = RATE // 10


@cache
def sphere(radius):
    """Return the response of a microphone to plane waves from 0 to 180 degrees beside it, (angle, frequency)."""
    return on_sphere(np.cos(np.radians(np.arange(181))), np.fft.rfftfreq(FRAME, 1 / RATE), radius, 16)


def scene(
    path,
    order=(0, 1, 2, 3),
    turn=0.0,
    radius=FORMATS["mic"].radius,
    n_echoes=0,
    noise=0.01,
    seed=4,
    n_frames=60,
):
    """Record a source that changes its direction every 200 ms, with an array turned by `turn` degrees, and echoes.

    Channel order[k] of the file is microphone k.
    """
    random = np.random.default_rng(seed)
    azimuth, elevation = (random.uniform(-low, low, n_frames // 2).repeat(2).round() for low in (180.0, 50.0))
    spectra = np.fft.rfft(random.normal(0, 0.05, (n_frames, FRAME)))
    capsules = unit_vector(*np.array(FORMATS["mic"].capsules_deg).T)
    waves = [(unit_vector(azimuth - turn, elevation), spectra)]
    for echo in random.normal(size=(n_echoes, 3)):
        delay = np.exp(-2j * np.pi * np.arange(spectra.shape[1]) * random.uniform(0.05, 0.4))
        direction = np.tile(echo / np.linalg.norm(echo), (n_frames, 1))
        waves.append((direction, 0.8 * spectra * delay))
    recorded = np.zeros((4, n_frames * FRAME))
    for direction, spectrum in waves:
        angle = np.degrees(np.arccos(np.clip(direction @ capsules.T, -1, 1))).round().astype(int)
        heard = np.fft.irfft(sphere(radius)[angle] * spectrum[:, None], FRAME)  # (frame, microphone, sample)
        recorded[list(order)] += heard.transpose(1, 0, 2).reshape(4, -1)
    recorded += random.normal(0, noise, recorded.shape)
    soundfile.write(path, recorded.T, RATE, "PCM_24")
    onset, nothing = np.arange(n_frames) / 10, np.zeros(n_frames)
    events = Events(onset, onset + 0.1, nothing, nothing, azimuth, elevation, nothing + 1)
    return Recording("scene", path, "mic", duration=n_frames / 10), events


def found(*arguments, **options):
    return fit([measure(*scene(*arguments, **options))])


def test_directions_from_time_differences_agree_with_correct_labels(tmp_path):
    right = found(tmp_path / "a.wav")
    assert right.declared < 5 and right.n_frames >= 30 and not right.suspicious


@pytest.mark.parametrize("order", [(1, 0, 2, 3), (2, 0, 1, 3), (3, 2, 1, 0), (1, 2, 3, 0)])
def test_the_order_that_puts_permuted_channels_right_is_found(tmp_path, order):
    wrong = found(tmp_path / "a.wav", order)
    assert wrong.suspicious and wrong.order == order
    assert wrong.best < 5 and wrong.declared > 50
    numbers = ",".join(str(channel + 1) for channel in order)
    assert wrong.words.startswith(f"channels look permuted: order {numbers} fits the labels with ")


@pytest.mark.parametrize("turn", [90, -40])
def test_a_turned_array_is_found(tmp_path, turn):
    wrong = found(tmp_path / "a.wav", turn=turn)
    assert wrong.suspicious and wrong.yaw == turn and wrong.best < 5
    assert wrong.words.startswith(f"the array looks turned: {turn} degrees less in the labels' azimuths fits")


def test_an_array_of_another_radius_gives_the_same_order(tmp_path):
    right = found(tmp_path / "a.wav", radius=0.015)
    assert right.declared < 10 and not right.suspicious and right.radius == 0.015
    wrong = found(tmp_path / "b.wav", (1, 0, 2, 3), radius=0.015)
    assert wrong.suspicious and wrong.order == (1, 0, 2, 3)


def test_a_source_that_stands_still_does_not_tell_the_order(tmp_path):
    moving = measure(*scene(tmp_path / "a.wav", (1, 0, 2, 3)))
    still = replace(moving, directions=moving.directions[[0] * 30], labelled=moving.labelled[[0] * 30])
    assert not fit([still]).suspicious


@pytest.mark.parametrize("seed", range(4))
def test_in_a_reverberant_and_noisy_room_only_permuted_channels_raise_an_alarm(tmp_path, seed):
    room = {"n_echoes": 12, "noise": 0.04, "seed": seed, "n_frames": 90}
    right = found(tmp_path / "a.wav", **room)
    assert 10 < right.declared < 50 and not right.suspicious
    order = list(permutations(range(4)))[3 * seed + 1]
    wrong = found(tmp_path / "b.wav", order, **room)
    assert wrong.suspicious and wrong.order == order


def prepared(folder, recording, events):
    write_events(folder / "labels" / "scene.csv", events)
    write_manifest(
        folder,
        [
            Recording(
                "scene",
                recording.audio,
                recording.format,
                None,
                None,
                folder / "labels" / "scene.csv",
                duration=6.0,
            )
        ],
        ["sound"],
    )
    return folder


def test_check_prints_the_angle_of_the_array_or_warns(tmp_path, capsys):
    check(prepared(tmp_path / "right", *scene(tmp_path / "a.wav")))
    output = capsys.readouterr().out
    assert "time differences against labels in" in output and "0 errors, 0 warnings" in output
    assert "the tetrahedron of STARSS23 is assumed" in output
    check(prepared(tmp_path / "wrong", *scene(tmp_path / "a.wav", (1, 0, 2, 3))))
    assert "warning: channels look permuted: order 2,1,3,4 fits the labels with" in capsys.readouterr().out


@pytest.mark.parametrize("format", ["binaural", "stereo"])
def test_exchanged_sides_are_found(tmp_path, capsys, format):
    _, events = scene(tmp_path / "mic.wav", n_frames=90)
    left = np.sin(np.radians(events.azimuth)).repeat(FRAME)
    sound = np.random.default_rng(0).normal(0, 0.05, len(left))
    both = np.stack([sound * (1 + 0.5 * left), sound * (1 - 0.5 * left)], axis=1)
    for name, channels in (("right", both), ("exchanged", both[:, ::-1])):
        soundfile.write(tmp_path / f"{name}.wav", channels, RATE)
        check(
            prepared(
                tmp_path / name, Recording("scene", tmp_path / f"{name}.wav", format, duration=9.0), events
            )
        )
        output = capsys.readouterr().out
        assert ("left and right look exchanged" in output) == (name == "exchanged")
    assert "0 % on the labelled side" in output
