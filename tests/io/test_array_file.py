"""Array files: what they say is undone in recordings and in what is found, and nonsense in them is refused."""

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from avseld.base.errors import BadInput
from avseld.base.rotation import rotation_angles, rotation_matrix
from avseld.io.array_file import chosen_channels, read_array, write_array
from avseld.io.array_setup import CAPSULES_DEG, ArraySetup
from avseld.io.channel_map import map_for_format
from avseld.io.events import Events
from avseld.io.geometry import angle_between, direction, unit_vector
from avseld.io.manifest import read_manifest
from avseld.io.resampling import open_recording, read_sound
from avseld.io.row_maps import RowMaps
from avseld.io.sphere_grid import DIRECTIONS, N_CELLS
from avseld.reporting.downmix import stereo_blocks
from data_prep.corpora.own import own
from data_prep.media.resample import resample

RATE = 24000
degrees = st.floats(-180, 180)


def wave(azimuth=50.0, elevation=20.0, n_samples=480, seed=0):
    """Return a plane wave in W Y Z X, SN3D, (channel, sample) float32."""
    x, y, z = unit_vector(azimuth, elevation)
    sound = np.random.default_rng(seed).normal(size=n_samples) * 0.05
    return (np.array([1, y, z, x])[:, None] * sound).astype(np.float32)


def found(ambisonic):
    """Return the direction of sound in W Y Z X."""
    w, y, z, x = ambisonic
    return direction([np.mean(w * x), np.mean(w * y), np.mean(w * z)])


def at(azimuth, elevation=0.0):
    one = np.ones(1)
    return Events(0 * one, one, 0 * one, 0 * one, azimuth * one, elevation * one, one)


@given(degrees, st.floats(-89, 89), degrees)
def test_yaw_pitch_and_roll_come_back_from_their_matrix(yaw, pitch, roll):
    matrix = rotation_matrix(yaw, pitch, roll)
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(matrix) > 0
    np.testing.assert_allclose(rotation_matrix(*rotation_angles(matrix)), matrix, atol=1e-9)
    azimuth, elevation = direction(matrix @ [1, 0, 0])
    np.testing.assert_allclose([elevation, np.cos(np.radians(azimuth - yaw))], [pitch, 1], atol=1e-7)


def test_an_array_that_points_up_has_no_roll_of_its_own():
    straight_up = rotation_matrix(30, 90, 20)
    np.testing.assert_allclose(rotation_matrix(*rotation_angles(straight_up)), straight_up, atol=1e-9)


def test_a_positive_roll_raises_the_left_side():
    assert (rotation_matrix(0, 0, 20) @ [0, 1, 0])[2] == pytest.approx(np.sin(np.radians(20)))


@given(degrees, st.floats(-80, 80), degrees, degrees, st.floats(-80, 80))
def test_turned_ambisonics_are_turned_back(yaw, pitch, roll, azimuth, elevation):
    setup = ArraySetup("foa", yaw=yaw, pitch=pitch, roll=roll)
    heard = direction(setup.rotation.T @ unit_vector(azimuth, elevation))
    upright = setup.channel_map(4, "a").take(wave(*heard).astype(float))
    assert angle_between(unit_vector(*found(upright)), unit_vector(azimuth, elevation)) < 0.01
    np.testing.assert_allclose(upright[0], wave()[0], atol=1e-9)


@pytest.mark.parametrize("axis", ["x", "y", "z"])
def test_a_mirrored_axis_of_a_turned_array_is_undone(axis):
    setup = ArraySetup("foa", mirrored=(axis,), yaw=40.0)
    vector = rotation_matrix(-40) @ unit_vector(50, 20)
    vector["xyz".index(axis)] *= -1
    upright = setup.channel_map(4, "a").take(wave(*direction(vector)))
    np.testing.assert_allclose(found(upright), (50, 20), atol=0.01)


def test_channels_are_picked_and_their_order_polarity_and_gains_undone():
    w, y, z, x = sound = wave()
    recorded = np.stack([x, 0 * w, w, -z, 2 * y, 0 * w])
    setup = ArraySetup("foa", (3, 5, 4, 1), (1, 1, -1, 1), (1.0, 0.5, 1.0, 1.0), recorded=6)
    np.testing.assert_allclose(setup.channel_map(6, "a").take(recorded), sound, atol=1e-8)
    assert (
        ArraySetup("mic", (2, 3, 4, 5)).channel_map(6, "a").take(recorded).tolist() == recorded[1:5].tolist()
    )


def test_blocks_give_what_the_whole_gives_to_the_bit():
    take = ArraySetup("a_format", (2, 1, 3, 4), yaw=33.0, pitch=4.0).channel_map(4, "a").take
    sound = np.random.default_rng(3).normal(size=(4, 1000)).astype(np.float32)
    pieces = [take(sound[:, start:stop]) for start, stop in ((0, 1), (1, 130), (130, 131), (131, 1000))]
    assert np.array_equal(np.concatenate(pieces, axis=1), take(sound)) and pieces[0].dtype == np.float32


@given(degrees, st.floats(-90, 90), degrees)
def test_four_cardioids_become_ambisonics(azimuth, elevation, yaw):
    setup = ArraySetup("a_format", yaw=yaw)
    towards = setup.rotation.T @ unit_vector(azimuth, elevation)
    capsules = 0.5 * (1 + unit_vector(*np.array(CAPSULES_DEG).T) @ towards)
    upright = setup.channel_map(4, "a").take(capsules[:, None])[:, 0]
    x, y, z = unit_vector(azimuth, elevation)
    np.testing.assert_allclose(upright, [1, y, z, x], atol=1e-9)


def test_the_matrix_of_four_cardioids_is_the_published_one():
    mixing = ArraySetup("a_format").channel_map(4, "a").mixing
    sums = np.array([[1, 1, 1, 1], [1, -1, 1, -1], [1, -1, -1, 1], [1, 1, -1, -1]])  # of FLU, FRD, BLD, BRU
    np.testing.assert_allclose(mixing, sums * np.array([[1], [3**0.5], [3**0.5], [3**0.5]]) / 2, atol=1e-5)


@given(degrees, st.floats(-80, 80), degrees, st.floats(-80, 80), degrees)
def test_what_turned_microphones_find_is_turned_into_the_room_and_back(yaw, pitch, roll, elevation, azimuth):
    setup = ArraySetup("mic", yaw=yaw, pitch=pitch, roll=roll)
    room = unit_vector(azimuth, elevation)
    heard = direction(setup.rotation.T @ room)
    moved = setup.to_room(at(*heard))
    assert angle_between(unit_vector(moved.azimuth, moved.elevation), room) < 1e-6
    back = setup.to_array(moved)
    assert angle_between(unit_vector(back.azimuth, back.elevation), unit_vector(*heard)) < 1e-6


@pytest.mark.parametrize(("yaw", "pitch", "roll"), [(90.0, 0.0, 0.0), (-37.0, 25.0, 10.0)])
def test_the_energy_map_of_what_turned_microphones_find_is_turned_with_its_direction(yaw, pitch, roll):
    heard = at(20.0, 15.0)
    energies = np.exp(-0.5 * (angle_between(DIRECTIONS, unit_vector(20.0, 15.0)) / 15) ** 2)
    events = heard.with_energies(RowMaps.from_dense(energies[None]))
    turned = ArraySetup("mic", yaw=yaw, pitch=pitch, roll=roll).to_room(events)
    there = unit_vector(float(turned.azimuth[0]), float(turned.elevation[0]))
    expected = np.exp(-0.5 * (angle_between(DIRECTIONS, there) / 15) ** 2)
    assert np.abs(turned.energies.dense(N_CELLS)[0] - expected).max() < 0.02


def test_rows_without_direction_stay_and_ambisonics_are_not_turned_twice():
    nothing = np.array([np.nan])
    assert np.isnan(ArraySetup("mic", yaw=30).to_room(at(nothing, nothing)).azimuth).all()
    flat = ArraySetup("mic", yaw=30.0).to_room(at(170.0, nothing))
    assert flat.azimuth[0] == pytest.approx(-160) and np.isnan(flat.elevation[0])
    assert ArraySetup("foa", yaw=30.0).to_room(at(10.0)) == at(10.0)


def test_an_array_file_comes_back_as_it_was_written(tmp_path):
    positions = tuple((0.02 * a, 0.01, 0.0) for a in range(4))
    setup = ArraySetup(
        "mic", (2, 3, 5, 4), (1, -1, 1, 1), (1.0, 1.5, 1.0, 1.0), (), -20.5, 1.0, 2.0, positions, 6,
        {"by": "avseld calibrate", "front": 1.5},
    )  # fmt: skip
    write_array(tmp_path / "a.yaml", setup)
    assert read_array(tmp_path / "a.yaml") == setup
    plain = ArraySetup("foa")
    write_array(tmp_path / "b.yaml", plain)
    assert (tmp_path / "b.yaml").read_text() == "format: foa\nchannels: [1, 2, 3, 4]\nyaw: 0.0\n"
    assert read_array(tmp_path / "b.yaml") == plain


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no array file"), ("- 1", "no array file"), ("format: [", "no readable YAML"),
        ("!!python/object/apply:os.system ['true']", "no readable YAML"), ("[" * 60000, "no readable YAML"),
        ("format: foa\nturn: 3", "'turn' is none of format, channels"), ("yaw: 3", "format is None, none of foa"),
        ("format: bfa", "format is 'bfa', none of foa, mic, a_format"),
        ("format: foa\nchannels: [1, 2, 3]", "channels: is [1, 2, 3], no list of 4 numbers"),
        ("format: foa\nchannels: [0, 1, 2, 3]", "0 is no channel; they are counted from 1"),
        ("format: foa\nchannels: [1, 2, 2, 3]", "takes a channel twice"),
        ("format: foa\nchannels: [1.5, 2, 3, 4]", "1.5 is no channel"),
        ("format: foa\npolarity: [1, 1, 2, 1]", "2 is neither 1 nor -1"),
        ("format: foa\ngains: [1, 1, -2, 1]", "-2 is no factor; give positive ones"),
        ("format: foa\ngains: [1, 1, .nan, 1]", "nan is no number"),
        ("format: foa\nmirrored: [w]", "no"), ("format: foa\nmirrored: [y, y]", "none or some of x, y and z"),
        ("format: mic\nmirrored: [y]", "the order of the channels mirrors"),
        ("format: foa\nyaw: left", "'left' is no number"), ("format: foa\nyaw: true", "True is no number"),
        ("format: foa\npitch: 100", "pitch: 100 degrees are more than 90"),
        ("format: mic\npositions: [[1, 2, 3]]", "no list of x, y, z of 4 microphones"),
        ("format: mic\npositions: [[42, 0, 0], [0, 0, 0], [0, 0, 0], [0, 0, 0]]", "positions are in metres"),
        ("format: foa\npositions: [[0, 0, 0], [0, 0, 0], [0, 0, 0], [0, 0, 0]]", "ambisonics have none"),
        ("format: a_format\npositions: [[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0]]", "corners of a tetrahedron"),
        ("format: foa\nrecorded: 3", "no number of channels from 4"),
        ("format: foa\nchannels: [2, 3, 4, 7]\nrecorded: 6", "channel 7 of 6 recorded ones"),
        ("format: foa\nmeasured: yes", "no names and values"), ("x" * 70000, "no array file"),
    ],
)  # fmt: skip
def test_an_array_file_that_says_nonsense_is_refused_in_one_line(tmp_path, text, says):
    path = tmp_path / "array.yaml"
    path.write_text(text)
    with pytest.raises(BadInput) as refused:
        read_array(path)
    message = str(refused.value)
    assert says in message and message.startswith(str(path)) and "\n" not in message and len(message) < 400


def test_a_recording_of_another_array_is_refused():
    with pytest.raises(
        BadInput, match="a: 4 channels, its array file is for recordings of 6; give another array"
    ):
        ArraySetup("foa", recorded=6).channel_map(4, "a")
    with pytest.raises(BadInput, match="a: 4 channels, its array file is for recordings of at least 5"):
        ArraySetup("foa", (2, 3, 4, 5)).channel_map(4, "a")
    with pytest.raises(BadInput, match="a: its array file describes mic recordings, foa ones are wanted"):
        map_for_format(4, "foa", ArraySetup("mic"), "a")


def test_channels_and_array_are_not_given_together(tmp_path):
    write_array(tmp_path / "a.yaml", ArraySetup("foa"))
    with pytest.raises(BadInput, match=r"--array .*: says which channels to take; leave out --channels"):
        chosen_channels([1, 2, 3, 4], tmp_path / "a.yaml")
    assert chosen_channels(["fuma"], None) == ["fuma"]


@pytest.fixture
def takes(tmp_path):
    """Write six channels of a recorder with a turned array, among them W Z Y X with Y inverted, and its array file."""
    setup = ArraySetup("foa", (2, 4, 3, 5), (1, -1, 1, 1), yaw=90.0, recorded=6)
    w, y, z, x = wave(50 - 90, 20)
    (tmp_path / "audio").mkdir()
    soundfile.write(tmp_path / "audio" / "a.wav", np.stack([0 * w, w, z, -y, x, 0 * w]).T, RATE, "FLOAT")
    write_array(tmp_path / "array.yaml", setup)
    return tmp_path / "audio" / "a.wav", tmp_path / "array.yaml"


def test_every_way_to_read_a_recording_takes_its_array_file(takes, tmp_path):
    path, array = takes
    read, n_samples = open_recording(path, "foa", RATE, read_array(array))
    np.testing.assert_allclose(read(0, n_samples), wave(), atol=1e-6)
    resample(path, tmp_path / "b.wav", array=array, subtype="keep")
    np.testing.assert_allclose(read_sound(tmp_path / "b.wav")[0], wave(), atol=1e-6)
    own(path.parent, tmp_path / "prepared", array=array)
    (one,) = read_manifest(tmp_path / "prepared")
    np.testing.assert_allclose(read_sound(one.audio)[0], wave(), atol=1e-6)
    blocks, _ = stereo_blocks(path, "foa", channels=read_array(array))
    left, right = np.concatenate(list(blocks)).T
    assert np.abs(left).sum() > 2 * np.abs(right).sum()


def test_another_array_file_makes_the_audio_anew(takes, tmp_path):
    path, array = takes
    for yaw in (90.0, 0.0):
        write_array(array, ArraySetup("foa", (2, 4, 3, 5), (1, -1, 1, 1), yaw=yaw, recorded=6))
        own(path.parent, tmp_path / "prepared", array=array)
        (one,) = read_manifest(tmp_path / "prepared")
        assert found(read_sound(one.audio)[0])[0] == pytest.approx(50 - 90 + yaw, abs=0.1)


def test_labels_and_videos_of_turned_microphones_are_prepared_in_the_directions_of_the_array(tmp_path):
    (tmp_path / "audio").mkdir()
    (tmp_path / "labels").mkdir()
    soundfile.write(tmp_path / "audio" / "a.wav", wave(n_samples=RATE).T, RATE)
    (tmp_path / "labels" / "a.csv").write_text("onset,offset,class,azimuth,elevation\n0.1,0.5,0,50,20\n")
    write_array(tmp_path / "array.yaml", ArraySetup("mic", yaw=70.0))
    options = {"format": "mic", "labels": tmp_path / "labels", "array": tmp_path / "array.yaml"}
    own(tmp_path / "audio", tmp_path / "prepared", **options)
    (one,) = read_manifest(tmp_path / "prepared")
    assert "-20" in one.labels.read_text() and "50" not in one.labels.read_text()
    with pytest.raises(
        BadInput, match="give --video_yaw, the azimuth of the middle of the picture in the room"
    ):
        own(tmp_path / "audio", tmp_path / "prepared", video=tmp_path / "labels", **options)
    write_array(tmp_path / "array.yaml", ArraySetup("mic", yaw=70.0, pitch=20.0))
    with pytest.raises(BadInput, match="the array is tilted"):
        own(tmp_path / "audio", tmp_path / "prepared", video=tmp_path / "labels", video_yaw="0", **options)
