"""STAIRS26 becomes a prepared folder of four channels with energy maps."""

import json
import logging

import numpy as np
import pytest
import soundfile
from raw_tree import state, write_sound, write_video

from avseld.base.errors import BadInput
from avseld.io.audio import read_audio
from avseld.io.energy_maps import EnergyMap, read_energy_maps, write_energy_maps
from avseld.io.events import read_events
from avseld.io.manifest import read_classes, read_manifest
from data_prep.__main__ import main
from data_prep.corpora.stairs26 import stairs26

NAME = "fold4_room8_mix003"
SUB = "dev-test-tau"


def square(x, y, size=3):
    """A polygon of all pixels of a square around (x, y), strongest in its middle."""
    steps = np.arange(size) - size // 2
    return np.array([(x + i, y + j, 1.0 - 0.1 * (abs(i) + abs(j))) for i in steps for j in steps])


def seam(frame):
    """A sound over the seam, as the generator of the labels writes it: twice, each time with both polygons."""
    both = (square(1, 90), square(358, 90))
    return [EnergyMap(frame, 3, 0, both, 150.0)] * 2


@pytest.fixture
def raw(tmp_path):
    """One recording of 32 channels, channel c with the value 100 (c + 1), in the layout of STAIRS26."""
    audio = tmp_path / "raw" / "eigen_dev" / SUB / f"{NAME}.wav"
    audio.parent.mkdir(parents=True)
    sound = np.tile(100 * np.arange(1, 33, dtype=np.int16), (12000, 1))
    soundfile.write(audio, sound, 24000, subtype="PCM_16")
    maps = [EnergyMap(0, 1, 0, (square(180, 90),), 200.0), *seam(1), *seam(2)]
    write_energy_maps(tmp_path / "raw" / "labels_dev" / SUB / f"{NAME}_std.json", maps)
    return tmp_path / "raw"


def test_the_four_channels_are_the_capsules_of_starss23(raw, tmp_path):
    before = state(raw)
    assert stairs26(raw, tmp_path / "prepared") == 0
    assert state(raw) == before
    (recording,) = read_manifest(tmp_path / "prepared")
    assert (recording.format, recording.fold, recording.room) == ("mic", "fold4", "room8")
    assert recording.duration == 0.5 and len(read_classes(tmp_path / "prepared")) == 13
    sound = read_audio(recording.audio)
    assert np.round(sound[:, 0] * 32768).tolist() == [600, 1000, 2600, 2200]  # zero-based 5, 9, 25, 21


def test_maps_written_twice_are_merged_and_counted(raw, tmp_path, caplog):
    with caplog.at_level(logging.INFO):
        stairs26(raw, tmp_path / "prepared")
    assert "2 were written twice and are merged" in caplog.text
    (recording,) = read_manifest(tmp_path / "prepared")
    assert recording.maps == tmp_path / "prepared" / "maps" / f"{NAME}_std.json"
    kept = read_energy_maps(recording.maps)
    assert [(one.frame, one.label) for one in kept] == [(0, 1), (1, 3), (2, 3)]
    assert all(len(one.polygons) == 2 for one in kept[1:])


def test_maps_without_doubles_stay_where_they_are(raw, tmp_path):
    path = raw / "labels_dev" / SUB / f"{NAME}_std.json"
    write_energy_maps(path, [EnergyMap(0, 1, 0, (square(180, 90),), 200.0)])
    stairs26(raw, tmp_path / "prepared")
    (recording,) = read_manifest(tmp_path / "prepared")
    assert recording.maps == path and not (tmp_path / "prepared" / "maps").exists()


def test_labels_without_csv_are_the_centres_of_the_maps(raw, tmp_path, caplog):
    with caplog.at_level(logging.INFO):
        stairs26(raw, tmp_path / "prepared")
    assert "directions of their labels are the centres of their energy maps" in caplog.text
    (recording,) = read_manifest(tmp_path / "prepared")
    events = read_events(recording.labels)
    assert events.label.tolist() == [1, 3, 3] and events.onset == pytest.approx([0, 0.1, 0.2])
    assert events.azimuth[:1] == pytest.approx([-0.5]) and events.elevation == pytest.approx(
        [-0.5] * 3, abs=0.02
    )
    assert np.abs(events.azimuth[1:]) == pytest.approx([180, 180])  # the seam is behind
    assert events.distance == pytest.approx([2, 1.5, 1.5])


def test_annotated_directions_and_video_of_starss23_are_taken_where_they_lie_beside(raw, tmp_path):
    labels = raw / "metadata_dev" / SUB / f"{NAME}.csv"
    labels.parent.mkdir(parents=True)
    labels.write_text("0,1,0,12,-7,250\n")
    video = write_video(raw / "video_dev" / SUB / f"{NAME}.mp4", 16)
    stairs26(raw, tmp_path / "prepared")
    (recording,) = read_manifest(tmp_path / "prepared")
    events = read_events(recording.labels)
    assert events.azimuth.tolist() == [12] and events.elevation.tolist() == [-7]
    assert recording.video == video and recording.maps is not None


@pytest.mark.parametrize(
    ("channels", "message"),
    [
        (
            1,
            r"1 channels instead of 32; the `datasets` library averages channels to one.*32ch_audio_dev\.zip",
        ),
        (4, r"4 channels instead of 32; .*avseld-prep dcase --format mic"),
        (2, r"2 channels instead of 32; take the files of 32ch_audio_dev\.zip"),
    ],
)
def test_recordings_of_another_number_of_channels_are_refused(raw, tmp_path, channels, message):
    write_sound(raw / "eigen_dev" / SUB / f"{NAME}.wav", 0.5, channels=channels)
    with pytest.raises(BadInput, match=message):
        stairs26(raw, tmp_path / "prepared")
    assert not (tmp_path / "prepared" / "manifest.csv").exists()


def test_a_recording_without_maps_is_refused_unless_it_is_accepted(raw, tmp_path):
    (raw / "labels_dev" / SUB / f"{NAME}_std.json").unlink()
    (raw / "labels_dev" / SUB / "fold4_room8_mix004_std.json").write_text('{"annotations": []}')
    with pytest.raises(
        BadInput, match=rf"no {NAME}_std\.json; unpack labels_dev\.zip there, or give --no-labels"
    ):
        stairs26(raw, tmp_path / "prepared")
    stairs26(raw, tmp_path / "prepared", no_labels=True)
    (recording,) = read_manifest(tmp_path / "prepared")
    assert recording.maps is None and recording.labels is None


def test_a_second_run_keeps_the_channels_and_writes_the_same_bytes(raw, tmp_path):
    stairs26(raw, tmp_path / "prepared")
    before = state(tmp_path / "prepared")
    stairs26(raw, tmp_path / "prepared")
    after = state(tmp_path / "prepared")
    assert {name: total for name, (total, _) in after.items()} == {
        name: total for name, (total, _) in before.items()
    }
    assert after[f"audio/{NAME}.wav"] == before[f"audio/{NAME}.wav"]


def test_the_command_names_a_file_whose_published_checksum_differs(raw, tmp_path, capsys):
    sums = tmp_path / "record.json"
    (raw / "labels_dev.zip").write_bytes(b"half an archive")
    sums.write_text(json.dumps({"files": [{"key": "labels_dev.zip", "checksum": "md5:" + "0" * 32}]}))
    words = ["stairs26", "--raw", str(raw), "--prepared", str(tmp_path / "p"), "--checksums", str(sums)]
    with pytest.raises(SystemExit) as stop:
        main(words)
    assert stop.value.code == 2
    line = capsys.readouterr().err.strip().splitlines()[-1]
    assert "labels_dev.zip: its MD5 is " in line and "record.json says 0000" in line
