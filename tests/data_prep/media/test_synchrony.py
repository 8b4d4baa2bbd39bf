"""The start of a video by the sound track of its camera."""

import numpy as np
import pytest
import soundfile
from camera_sound import bursts, write_camera, write_scene

from avseld.base.errors import BadInput
from avseld.io.sound_track import read_sound_track
from data_prep.media.synchrony import estimate_offset


@pytest.mark.parametrize(("offset", "seed"), [(0.7, 0), (-1.234, 1), (0.0, 2)])
def test_the_start_of_a_video_is_found_by_its_sound_track(tmp_path, offset, seed):
    write_scene(tmp_path / "a.wav", tmp_path / "a.mp4", offset, seed=seed)
    assert estimate_offset(tmp_path / "a.wav", tmp_path / "a.mp4") == pytest.approx(offset, abs=0.015)


def test_clocks_that_differ_by_100_parts_per_million_are_matched(tmp_path):
    write_scene(tmp_path / "a.wav", tmp_path / "a.mp4", 0.5, seconds=20.0, rate=16000)
    sound, rate = soundfile.read(tmp_path / "a.wav")
    places = np.arange(len(sound)) * 1.0001
    slow = np.stack([np.interp(places, np.arange(len(sound)), channel) for channel in sound.T], axis=1)
    soundfile.write(tmp_path / "a.wav", slow, rate)
    assert estimate_offset(tmp_path / "a.wav", tmp_path / "a.mp4") == pytest.approx(0.5, abs=0.02)


def test_another_scene_and_a_silent_camera_are_refused(tmp_path):
    write_scene(tmp_path / "a.wav", tmp_path / "a.mp4", 0.5, rate=16000)
    write_camera(tmp_path / "b.mp4", bursts(8.0, 16000, seed=9), 16000)
    with pytest.raises(BadInput, match=r"b\.mp4: its sound track does not clearly match"):
        estimate_offset(tmp_path / "a.wav", tmp_path / "b.mp4")
    write_camera(tmp_path / "c.mp4", None, 16000, pictures=np.zeros((10, 48, 96, 3), np.uint8))
    with pytest.raises(BadInput, match=r"c\.mp4: has no sound track"):
        estimate_offset(tmp_path / "a.wav", tmp_path / "c.mp4")
    write_camera(tmp_path / "d.mp4", np.zeros(8 * 16000), 16000)
    with pytest.raises(BadInput, match="does not clearly match"):
        estimate_offset(tmp_path / "a.wav", tmp_path / "d.mp4")


def test_a_sound_track_is_read_from_the_zero_of_the_containers_clock(tmp_path):
    sound = np.zeros(32000)
    sound[16000] = 0.9
    write_camera(tmp_path / "a.mp4", sound, 16000)
    track = read_sound_track(tmp_path / "a.mp4", 8000)
    assert abs(int(np.argmax(np.abs(track))) - 8000) < 40
