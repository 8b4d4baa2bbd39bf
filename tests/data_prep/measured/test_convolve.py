"""Real sounds through room responses: the responses are computed here, so that every direction is known."""

import csv
from dataclasses import replace

import numpy as np
import pytest
import soundfile

from avseld.base.errors import BadInput
from avseld.io.audio import read_audio
from avseld.io.dcase_csv import read_dcase
from avseld.io.geometry import angle_between, unit_vector
from avseld.io.manifest import read_manifest
from data_prep.corpora.dcase import dcase
from data_prep.measured import responses
from data_prep.measured.convolve import convolve
from data_prep.measured.responses import CONVENTIONS, diffuse_noise, direct_vector, read_response, turned_to
from data_prep.measured.scenes import active_frames, draw_sources, render

RATE = 24000


def room(path, convention="ambix", azimuth=70.0, elevation=-15.0, rate=RATE, late_s=0.4):
    """Write the response of a made room: direct sound, a reflection from elsewhere, a diffuse decay."""
    rng = np.random.default_rng(3)

    def wave(azimuth, elevation):
        x, y, z = unit_vector(azimuth, elevation)
        return np.array([1, y, z, x])

    length = round(late_s * rate)
    decay = rng.normal(size=(4, length)) * 10 ** (-3 * np.arange(length) / length)
    decay[1:] /= 3**0.5
    decay[:, : rate // 100] = 0
    decay *= 0.05
    decay[:, rate // 200] += wave(azimuth, elevation)
    decay[:, rate // 60] += 0.5 * wave(azimuth + 150, 0)
    chosen = CONVENTIONS[convention]
    file = np.zeros_like(decay)
    file[list(chosen.order)] = decay / np.array([chosen.gains[0], *[chosen.gains[1]] * 3])[:, None]
    soundfile.write(path, 0.2 * file.T, rate, subtype="FLOAT")
    return path


@pytest.fixture
def sounds(tmp_path):
    """A folder of two kinds of sounds."""
    rng = np.random.default_rng(0)
    time = np.arange(3 * RATE) / RATE
    for kind, sound in {
        "hiss": rng.normal(size=len(time)),
        "pulses": rng.normal(size=len(time)) * (time % 1 < 0.4),
    }.items():
        for number in range(2):
            (tmp_path / "sounds" / kind).mkdir(parents=True, exist_ok=True)
            soundfile.write(tmp_path / "sounds" / kind / f"{number}.wav", 0.1 * sound, RATE)
    return tmp_path / "sounds"


@pytest.mark.parametrize("convention", CONVENTIONS)
@pytest.mark.parametrize("rate", [24000, 44100])
def test_the_convention_and_the_direct_direction_of_a_response_are_found(tmp_path, convention, rate):
    response = read_response(room(tmp_path / "r.wav", convention, rate=rate))
    assert response.convention == convention
    assert np.allclose(response.angles, (70, -15), atol=1.0)
    named = read_response(tmp_path / "r.wav", convention)
    assert np.array_equal(named.channels, response.channels)


def test_the_first_order_of_a_higher_order_response_is_taken(tmp_path):
    expected = read_response(room(tmp_path / "r.wav"))
    sound, _ = soundfile.read(tmp_path / "r.wav")
    soundfile.write(tmp_path / "r.wav", np.pad(sound, ((0, 0), (0, 5))), RATE, subtype="FLOAT")
    assert np.array_equal(read_response(tmp_path / "r.wav").channels, expected.channels)
    sound[-1, 2] = np.nan
    soundfile.write(tmp_path / "r.wav", sound, RATE, subtype="FLOAT")
    with pytest.raises(BadInput, match="a sample of nan after"):
        read_response(tmp_path / "r.wav")


def test_another_convention_than_that_of_the_file_is_refused(tmp_path):
    path = room(tmp_path / "r.wav", "fuma")
    with pytest.raises(BadInput, match=r"r\.wav: .* as in fuma"):
        read_response(path, "ambix")
    sound, _ = soundfile.read(path)
    soundfile.write(path, sound * [1, 4, 4, 4], RATE, subtype="FLOAT")
    with pytest.raises(BadInput, match="name its convention"):
        read_response(path)


def test_a_turned_response_keeps_its_energies_and_comes_from_the_wanted_direction(tmp_path):
    response = read_response(room(tmp_path / "r.wav"))
    for azimuth, elevation in ((0, 0), (-135, 40), (180, -40)):
        turned = turned_to(response, azimuth, elevation)
        assert angle_between(direct_vector(turned), unit_vector(azimuth, elevation)) < 1e-6
        assert np.array_equal(turned[0], response.channels[0])
        before, after = (np.square(each[1:]).sum(axis=0) for each in (response.channels, turned))
        assert np.allclose(before, after)


def test_noise_has_no_direction_and_is_stationary(tmp_path):
    response = read_response(room(tmp_path / "r.wav"))
    noise = diffuse_noise(response, 10 * RATE, np.random.default_rng(1))
    power = np.square(noise).mean(axis=1)
    assert power[0] == pytest.approx(1) and np.allclose(power[1:], 1 / 3, rtol=0.3)
    assert np.abs((noise[1:] * noise[0]).mean(axis=1)).max() < 0.2
    quarters = np.square(noise[0]).reshape(4, -1).mean(axis=1)
    assert quarters.max() / quarters.min() < 1.6


def test_noise_is_made_of_the_late_response_alone_in_many_orientations(tmp_path):
    response = read_response(room(tmp_path / "r.wav"))
    late = response.channels.copy()
    late[:, : RATE // 1000 + 80 * RATE // 1000] = 0
    noise, same = (
        diffuse_noise(each, RATE, np.random.default_rng(1))
        for each in (response, replace(response, channels=late))
    )
    assert np.allclose(noise, same)
    x, y, z = unit_vector(40, 10)
    one_side = replace(response, channels=np.array([1, y, z, x])[:, None] * late[0])
    w, *others = diffuse_noise(one_side, RATE, np.random.default_rng(1))
    assert np.linalg.norm(np.array(others) @ w / (w @ w)) < 0.6  # 1 for a plane wave


def test_the_sources_of_a_recording_are_at_least_30_degrees_apart(sounds):
    for seed in range(12):
        drawn = draw_sources([sounds / "hiss" / "0.wav"] * 3, 8.0, np.random.default_rng(seed))
        vectors = unit_vector([each.azimuth for each in drawn], [each.elevation for each in drawn])
        assert min(angle_between(vectors, np.roll(vectors, 1, axis=0))) >= 30


def test_the_intensity_of_the_clean_sound_points_to_the_labels(tmp_path, sounds):
    response = read_response(room(tmp_path / "r.wav"))
    for seed in range(3):
        rng = np.random.default_rng(seed)
        sources = draw_sources([sounds / "hiss" / "0.wav"], 8.0, rng)
        rendering = render(sources, response, 15.0, rng)
        w, y, z, x = rendering.events
        intensity = np.array([x, y, z]) @ w
        wanted = unit_vector(rendering.labels.azimuth[0], rendering.labels.elevation[0])
        assert angle_between(intensity, wanted) < 20  # the reflection and the decay pull a little
        lags = np.arange(-60, 61)
        match = [abs(np.roll(sources[0].dry, lag) @ w) for lag in lags]
        assert lags[np.argmax(match)] == 0  # labels begin with the direct sound
        onset = np.flatnonzero(np.abs(sources[0].dry) > 0)[0]
        start = slice(onset, onset + RATE // 120)  # the direct sound alone
        assert angle_between(np.array([x, y, z])[:, start] @ w[start], wanted) < 1.0


def test_the_noise_lies_at_the_wanted_level_below_the_active_frames(tmp_path, sounds):
    response = read_response(room(tmp_path / "r.wav"))
    rng = np.random.default_rng(0)
    files = [sounds / "hiss" / "0.wav", sounds / "pulses" / "1.wav"]
    rendering = render(draw_sources(files, 8.0, rng), response, 12.0, rng)
    frames = np.unique(np.round(rendering.labels.onset * 10).astype(int))
    clean = np.square(rendering.events[0].reshape(-1, RATE // 10)[frames]).mean()
    assert 10 * np.log10(clean / np.square(rendering.noise[0]).mean()) == pytest.approx(12.0, abs=0.01)
    assert set(rendering.labels.source) == {0, 1}
    both = np.unique(rendering.labels.onset, return_counts=True)[1]
    assert (both == 2).sum() >= 5
    directions = {(a, e) for a, e in zip(rendering.labels.azimuth, rendering.labels.elevation, strict=True)}
    first, second = (unit_vector(*each) for each in directions)
    assert angle_between(first, second) >= 30


def test_label_frames_are_active_down_to_20_db_and_across_short_pauses():
    level = 10 ** (np.array([-99, 0, -19, -21, -15, -60, -60, -60, 0, -60, -60, 0, -99]) / 20)
    dry = np.repeat(level, RATE // 10) * np.random.default_rng(0).choice([-1, 1], len(level) * RATE // 10)
    assert active_frames(dry).astype(int).tolist() == [0, 1, 1, 1, 1, 0, 0, 0, 1, 1, 1, 1, 0]


def test_the_folder_becomes_a_prepared_folder_and_a_second_run_gives_the_same_bytes(tmp_path, sounds):
    rooms = f"{room(tmp_path / 'a.wav')},{room(tmp_path / 'b.wav', 'fuma', azimuth=-20)}"
    for out in ("one", "two"):
        convolve(sounds, rooms, tmp_path / out, recordings=4, seconds=6.0, seed=5)
    files = sorted(path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*.*"))
    assert len(files) == 9
    for file in files:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()
    with (tmp_path / "one" / "scenes.csv").open() as file:
        listing = list(csv.DictReader(file))
    assert len(listing) == 6  # one and two sources in turn, in each room
    for row in listing:
        labels, _ = read_dcase(tmp_path / "one" / "metadata_dev" / f"{row['recording']}.csv")
        mine = labels.select(labels.source == int(row["source"]))
        assert set(mine.azimuth) == {float(row["azimuth"])} and set(mine.elevation) == {
            float(row["elevation"])
        }
        assert mine.onset.min() >= 1.0 - 0.1 and mine.offset.max() <= 4.0 + 0.1
    dcase(tmp_path / "one", tmp_path / "prepared")
    assert (tmp_path / "prepared" / "manifest.csv").read_text().count("fold4") >= 4


def test_stereo_recordings_are_cardioids_to_both_sides_of_the_same_scene(tmp_path, sounds):
    responses = str(room(tmp_path / "a.wav"))
    convolve(sounds, responses, tmp_path / "out", recordings=1, seconds=6.0, formats="foa,stereo")
    w, y, _, _ = read_audio(tmp_path / "out" / "foa_dev" / "fold4_room1_mix001.wav")
    left, right = read_audio(tmp_path / "out" / "stereo_dev" / "fold4_room1_mix001.wav")
    step = 2 / 2**15
    np.testing.assert_allclose(left + right, w, atol=step)
    np.testing.assert_allclose(left - right, y, atol=step)
    dcase(tmp_path / "out", tmp_path / "prepared", format="stereo", one_class="sound")
    assert [each.format for each in read_manifest(tmp_path / "prepared")] == ["stereo"]


def test_bad_input_leaves_nothing_behind(tmp_path, sounds):
    good = room(tmp_path / "a.wav")
    short = room(tmp_path / "short.wav", late_s=0.1)
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "mine.txt").touch()
    mono = sounds / "hiss" / "0.wav"
    for message, arguments in {
        "exists": {"out": tmp_path / "taken"},
        "1 channels instead of 4": {"responses": str(mono)},
        "no noise of this room|noise": {"responses": str(short)},
        "absent: not found": {"sounds": tmp_path / "absent"},
        "sources 4": {"sources": "4"},
        "seconds 2": {"seconds": 2.0},
        "conventions: 2 for 1": {"conventions": "fuma,ambix"},
        "convention 'x'": {"conventions": "x"},
        "formats: 'mic' is none of foa, stereo": {"formats": "foa,mic"},
    }.items():
        before = sorted(tmp_path.rglob("*"))
        with pytest.raises(BadInput, match=message):
            convolve(**({"sounds": sounds, "responses": str(good), "out": tmp_path / "out"} | arguments))
        assert sorted(tmp_path.rglob("*")) == before
    silent = sounds / "hiss" / "silent.wav"
    soundfile.write(silent, np.zeros(RATE), RATE)
    (sounds / "hiss" / "0.wav").unlink()
    (sounds / "hiss" / "1.wav").unlink()
    with pytest.raises(BadInput, match="silent"):
        convolve(sounds, str(good), tmp_path / "out", recordings=8, seconds=6.0)
    assert not list(tmp_path.glob("*out*"))


def test_the_direct_sound_of_measured_responses_is_found(shared):
    folder = shared("data/rir")
    hall = read_response(folder / "IR_Gewandhaus_SH1.wav")
    other = read_response(folder / "room_1_bf.wav")
    assert (hall.convention, other.convention) == ("n3d", "fuma")
    assert responses.direct_vector(hall.channels)[0] > 0.98 and other.direct[0] > 0.97


def test_shards_make_the_test_set_of_one_program(sounds, tmp_path):
    words = dict(recordings=3, seconds=5.0, sources="1", formats="foa,stereo")
    responses = str(room(tmp_path / "a.wav"))
    convolve(sounds, responses, tmp_path / "alone", **words)
    for number in (2, 1):
        assert not (tmp_path / "shared" / "scenes.csv").exists()
        convolve(sounds, responses, tmp_path / "shared", **words, shard=f"{number}/2")
    files = {
        folder: {
            path.relative_to(tmp_path / folder): path.read_bytes()
            for path in (tmp_path / folder).rglob("*.*")
            if path.is_file() and ".parts" not in path.parts
        }
        for folder in ("alone", "shared")
    }
    assert files["alone"] == files["shared"] and len(files["alone"]) == 10
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "shared").rglob("*.*") if path.is_file()}
    convolve(sounds, responses, tmp_path / "shared", **words, shard="1/2")
    assert before == {
        path: path.stat().st_mtime_ns for path in (tmp_path / "shared").rglob("*.*") if path.is_file()
    }
    with pytest.raises(BadInput, match="exists; give a new folder"):
        convolve(sounds, responses, tmp_path / "shared", **(words | {"seed": 1}), shard="1/2")
