"""The command calibrate: recordings of generated rooms in, an array file that puts other recordings right out."""

import numpy as np
import pytest
import soundfile
import soxr
from clapped_rooms import RATE, Cardioids, claps, recording, turned_open, turned_sphere, words

from avseld.__main__ import main
from avseld.base.errors import BadInput
from avseld.calibration.calibrate import calibrate
from avseld.directions.arrays import FreeField
from avseld.io.array_file import read_array, write_array
from avseld.io.array_setup import ArraySetup
from avseld.io.geometry import angle_between, unit_vector
from avseld.io.resampling import open_recording

PLACES = ("front", "left", "above")
SQUARE = ((0.023, 0.023, 0.0), (-0.023, 0.023, 0.0), (-0.023, -0.023, 0.0), (0.023, -0.023, 0.0))


def saved(path, channels, subtype="PCM_24"):
    soundfile.write(path, np.asarray(channels).T, RATE, subtype)
    return path


def turned(ambisonic, yaw):
    """Record W Y Z X (channel, sample) with an array that is turned to the left."""
    w, y, z, x = ambisonic
    cosine, sine = np.cos(np.radians(yaw)), np.sin(np.radians(yaw))
    return np.stack([w, cosine * y - sine * x, z, cosine * x + sine * y])


def found(path, out):
    """Return the directions of the loudest 3 ms of each third of a recording, with its array file: (place, 3)."""
    read, n_samples = open_recording(path, "foa", RATE, read_array(out))
    w, y, z, x = read(0, n_samples)
    directions = []
    for third in np.array_split(np.arange(n_samples), 3):
        peak = third[np.abs(w[third]).argmax()]
        near = slice(peak - 36, peak + 36)
        directions.append([w[near] @ each[near] for each in (x, y, z)])
    return np.array(directions)


def wave(azimuth, elevation, n_samples=2400):
    x, y, z = unit_vector(azimuth, elevation)
    return np.array([1, y, z, x])[:, None] * np.random.default_rng(5).normal(size=n_samples) * 0.05


FAULTS = {
    "none": lambda w: w,
    "W X Y Z": lambda w: w[[0, 3, 1, 2]],
    "FuMa": lambda w: w[[0, 3, 1, 2]] * np.sqrt([[0.5], [1], [1], [1]]),
    "N3D": lambda w: w * np.sqrt([[1], [3], [3], [3]]),
    "reversed": lambda w: w[::-1],
    "mirrored": lambda w: w * [[1], [-1], [1], [1]],
    "upside down": lambda w: w * [[1], [-1], [-1], [1]],
    "turned": lambda w: turned(w, 130.0),
    "turned, mirrored and permuted": lambda w: (turned(w, -70.0) * [[1], [1], [-1], [1]])[[2, 0, 3, 1]],
    "one channel weak": lambda w: w * [[1], [0.25], [1], [1]],
}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_array_file_puts_the_recording_and_others_right(tmp_path, fault):
    clapped = saved(tmp_path / "clap.wav", FAULTS[fault](recording(sound=lambda r: claps(r, 1), pause_s=1.5)))
    calibrate(clapped, tmp_path / "array.yaml")
    assert angle_between(found(clapped, tmp_path / "array.yaml"), np.eye(3)).max() < 6
    for azimuth, elevation in ((-60.0, 10.0), (150.0, -40.0)):
        other = saved(tmp_path / "other.wav", FAULTS[fault](wave(azimuth, elevation)), "FLOAT")
        read, n_samples = open_recording(other, "foa", RATE, read_array(tmp_path / "array.yaml"))
        w, y, z, x = read(0, n_samples)
        assert angle_between([w @ x, w @ y, w @ z], unit_vector(azimuth, elevation)) < 6
        energy = sum(np.square(each).sum() for each in (x, y, z)) / np.square(w).sum()
        assert energy == pytest.approx(1, abs=0.15), "SN3D"


@pytest.mark.parametrize("sound", [claps, words])
@pytest.mark.parametrize(
    ("receiver", "format"),
    [(None, "foa"), (turned_sphere((35.0, 0, 0)), "mic"), (Cardioids((35.0, 0, 0)), "a_format")],
)
def test_format_and_turn_are_found_in_a_reverberant_room_from_claps_and_from_words(
    tmp_path, sound, receiver, format
):
    room = recording(receiver=receiver, rt60=0.4, sound=sound, noise_db=-40.0)
    room = turned(room, 35.0) if format == "foa" else room
    calibrate(saved(tmp_path / "room.wav", room), tmp_path / "array.yaml")
    setup = read_array(tmp_path / "array.yaml")
    assert setup.format == format and setup.channels == (1, 2, 3, 4) and setup.polarity == (1, 1, 1, 1)
    assert abs(setup.yaw - 35) < 10
    missed = [setup.measured[place] for place in PLACES]
    assert max(missed) < 20


def six_channels(microphones):
    """Add what a ReSpeaker records beside its microphones: a processed channel first, 30 ms late, playback last."""
    lag = round(0.03 * RATE)
    processed = 2 * np.concatenate([np.zeros(lag), microphones[:3].mean(axis=0)[:-lag]])
    return np.concatenate([processed[None], microphones, np.zeros((1, microphones.shape[1]))])


def test_the_raw_microphones_among_six_channels_are_found(tmp_path, capsys):
    square = recording(receiver=turned_open(SQUARE, (20.0, 0, 0)), rt60=0.4)
    square[2] *= -1
    path = saved(tmp_path / "respeaker.wav", six_channels(square))
    calibrate(path, tmp_path / "array.yaml", format="mic", positions=[each for row in SQUARE for each in row])
    setup = read_array(tmp_path / "array.yaml")
    assert setup.channels == (2, 3, 4, 5) and setup.polarity == (1, 1, -1, 1) and setup.recorded == 6
    assert abs(setup.yaw - 20) < 4 and setup.positions == SQUARE
    said = capsys.readouterr().out
    assert "31 ms late, as a processed signal" in said or "29 ms late" in said or "30 ms late" in said
    assert "silent" in said and "inverted: channel 4 (3)" in said


def test_an_earlier_array_file_says_format_channels_and_positions(tmp_path):
    write_array(tmp_path / "draft.yaml", ArraySetup("mic", (2, 3, 4, 5), positions=SQUARE))
    square = recording(receiver=turned_open(SQUARE, (-70.0, 0, 0)), rt60=0.3)
    path = saved(tmp_path / "a.wav", np.concatenate([0 * square[:1], square, 0 * square[:1]]))
    calibrate(path, tmp_path / "new.yaml", array=tmp_path / "draft.yaml")
    setup = read_array(tmp_path / "new.yaml")
    assert setup.channels == (2, 3, 4, 5) and setup.positions == SQUARE and abs(setup.yaw + 70) < 4


@pytest.mark.parametrize("rate", [16000, 48000])
def test_recordings_of_any_rate_are_calibrated_with(tmp_path, rate):
    room = soxr.resample(recording(receiver=turned_sphere((35.0, 0, 0))).T, RATE, rate)
    soundfile.write(tmp_path / "a.wav", room, rate)
    calibrate(tmp_path / "a.wav", tmp_path / "a.yaml")
    setup = read_array(tmp_path / "a.yaml")
    assert setup.format == "mic" and setup.channels == (1, 2, 3, 4) and abs(setup.yaw - 35) < 4


def test_channels_that_may_all_be_microphones_are_to_be_named(tmp_path):
    four = recording(receiver=turned_sphere(), rt60=0.2)
    five = np.concatenate([four, four[:1] * 0.5 + four[1:2] * 0.5])
    with pytest.raises(BadInput, match="channels 1, 2, 3, 4, 5 of 5 may be microphones; say which four are"):
        calibrate(saved(tmp_path / "a.wav", five), tmp_path / "array.yaml")
    calibrate(saved(tmp_path / "a.wav", five), tmp_path / "array.yaml", channels=[1, 2, 3, 4])
    assert read_array(tmp_path / "array.yaml").channels == (1, 2, 3, 4)


def test_a_recording_of_each_place_and_another_order_give_the_same(tmp_path):
    room = recording(sound=lambda r: claps(r, 1), pause_s=1.5)
    thirds = np.array_split(turned(room, 60.0), 3, axis=1)
    files = [saved(tmp_path / f"{name}.wav", third) for name, third in zip(PLACES, thirds, strict=True)]
    calibrate([files[2], files[0], files[1]], tmp_path / "array.yaml", order=["above", "front", "left"])
    assert abs(read_array(tmp_path / "array.yaml").yaw - 60) < 4
    right = recording(("back", "right", "above"), sound=lambda r: claps(r, 1), pause_s=1.5)
    calibrate(saved(tmp_path / "a.wav", right), tmp_path / "array.yaml", order=["back", "right", "above"])
    setup = read_array(tmp_path / "array.yaml")
    assert abs(setup.yaw) < 4 and setup.mirrored == ()


def test_a_fan_at_the_right_moves_nothing(tmp_path):
    room = recording(rt60=0.2, noise_db=-60.0)
    w = np.random.default_rng(9).normal(size=room.shape[1]) * 0.005
    fan = np.stack([w, -w, 0 * w, 0 * w])
    calibrate(saved(tmp_path / "a.wav", room + fan), tmp_path / "array.yaml")
    setup = read_array(tmp_path / "array.yaml")
    assert setup.channels == (1, 2, 3, 4) and abs(setup.yaw) < 4


def clipped(room):
    return np.clip(4 * room, -1, 1 - 2**-23)


def test_clipped_and_quiet_recordings_are_said(tmp_path, capsys):
    calibrate(saved(tmp_path / "a.wav", clipped(recording())), tmp_path / "array.yaml")
    assert "warning: channel" in (said := capsys.readouterr().out) and "samples clipped" in said
    calibrate(saved(tmp_path / "a.wav", recording(noise_db=-60) * 1e-3), tmp_path / "array.yaml")
    assert "below full scale; raise the gain" in capsys.readouterr().out


def noise_like(room, level=1e-4):
    return np.random.default_rng(1).normal(size=room.shape) * level


def diffuse(room):
    """Return bursts that arrive from everywhere."""
    bursts = noise_like(room, 1e-3)
    for start in (1.5, 5.5, 9.5):
        first = round(start * RATE)
        bursts[:, first : first + 4800] = np.random.default_rng(2).normal(size=(4, 4800)) * 0.1
    return bursts


NOT_ENOUGH = {
    "channel 3 is dead: it hears none of the sounds": lambda: (
        recording() * [[1], [1], [0], [1]] + noise_like(recording())
    ),
    "channel 2 is silent": lambda: recording() * [[1], [0], [1], [1]],
    "channel 4 is the same as channel 2": lambda: recording()[[0, 1, 2, 1]],
    "0 sounds stand out of the noise, 3 are needed (front, left, above": lambda: 0 * recording(),
    "0 sounds stand out": lambda: noise_like(recording(), 0.1),
    "2 sounds stand out": lambda: recording(("front", "left"), sound=lambda r: claps(r, 1)),
    "all sounds come from the same direction; go to front, left, above": lambda: recording(("front",) * 3),
    "front and left are heard from the same direction": lambda: recording(("front", "front", "above")),
    "left and above are heard from the same direction": lambda: recording(("front", "left", "left")),
    "degrees from where it must be, seen from the others": lambda: recording(("front", "left", "back")),
    "no clear direction": lambda: diffuse(recording()),
    "fall into no 3 groups; pause three seconds between front, left, above": lambda: recording(
        PLACES, sound=lambda r: claps(r, 4), pause_s=0.0
    ),
    "3 channels; an array of four microphones is needed": lambda: recording()[:3],
}


@pytest.mark.parametrize("says", NOT_ENOUGH)
def test_evidence_that_is_not_enough_is_said_in_one_line_and_nothing_is_written(tmp_path, says, capsys):
    before = ArraySetup("foa", yaw=12.0)
    write_array(tmp_path / "array.yaml", before)
    path = saved(tmp_path / "a.wav", NOT_ENOUGH[says]())
    with pytest.raises(SystemExit) as end:
        main(["calibrate", "--audio", str(path), "--format", "foa", "--out", str(tmp_path / "array.yaml")])
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert end.value.code == 2 and says in line and line.startswith(f"avseld calibrate: {path}: ")
    assert read_array(tmp_path / "array.yaml") == before


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ({"order": ["front", "left"]}, "two do not tell a mirrored array from a turned one"),
        ({"order": ["front", "back", "above"]}, "three places at right angles are needed"),
        ({"order": ["front", "side", "above"]}, "'side' is none of front, left, above"),
        ({"positions": [0.0] * 12}, "give --format mic or a_format, too"),
        ({"positions": [0.0] * 9, "format": "mic"}, "9 numbers; give x, y and z of four microphones"),
        ({"positions": [0.1, 0, 0] * 4, "format": "mic"}, "microphones in a line or at a point"),
    ],
)
def test_options_that_mean_nothing_are_refused(words, says):
    with pytest.raises(BadInput, match=says):
        calibrate(**words)


def test_two_files_for_three_places_are_refused(tmp_path):
    path = saved(tmp_path / "a.wav", np.zeros((4, RATE)))
    with pytest.raises(BadInput, match="--audio: 2 files; give one, or 3: front, left, above"):
        calibrate([path, path])


def test_a_flat_array_hears_nothing_below_itself():
    assert FreeField(SQUARE).normal == pytest.approx([0, 0, 1])
    assert FreeField(
        ((0.0, 0.1, 0.0), (0.0, -0.1, 0.0), (0.0, 0.0, 0.1), (0.0, 0.0, -0.1))
    ).normal == pytest.approx([1, 0, 0])
    assert FreeField(((0.1, 0.0, 0.0), (0.0, 0.1, 0.0), (0.0, 0.0, 0.1), (0.0, 0.0, 0.0))).normal is None
