"""Recordings of users: files are matched by name."""

from dataclasses import replace

import numpy as np
import pytest
import soundfile
from camera_sound import write_scene
from raw_tree import state, write_sound, write_video

from avseld.base.errors import BadInput
from avseld.io.audio import audio_info
from avseld.io.events import read_events
from avseld.io.manifest import read_classes, read_manifest, write_manifest
from data_prep.__main__ import main
from data_prep.corpora.own import own


def test_audio_video_and_labels_are_matched_by_name(tmp_path):
    write_sound(tmp_path / "in" / "audio" / "kitchen" / "one.wav", 1, 2)
    write_sound(tmp_path / "in" / "audio" / "two.wav", 2, 2, seed=1)
    write_video(tmp_path / "in" / "video" / "one.mp4", 30)
    (tmp_path / "in" / "labels").mkdir()
    (tmp_path / "in" / "labels" / "one.csv").write_text("frame,class,track,azi,ele\n3,1,0,90,0\n")
    (tmp_path / "in" / "labels" / "two.csv").write_text("")
    (tmp_path / "in" / "classes.txt").write_text("cup\nspoon\n")
    before, folder = state(tmp_path / "in"), tmp_path / "in"
    words = f"own --audio {folder}/audio --video {folder}/video --labels {folder}/labels --format binaural"
    main([*words.split(), "--classes", f"{folder}/classes.txt", "--prepared", str(tmp_path / "prepared")])
    assert state(tmp_path / "in") == before
    one, two = read_manifest(tmp_path / "prepared")
    assert (one.name, one.duration, one.format, one.fold) == ("one", 1.0, "binaural", "")
    assert one.video == tmp_path / "in" / "video" / "one.mp4" and one.boxes.name == "one.npz"
    assert two.video is None and two.duration == 2.0
    assert read_classes(tmp_path / "prepared") == ["cup", "spoon"]
    events = read_events(one.labels)
    assert events.azimuth.tolist() == [90] and np.isnan(events.distance).all()
    assert len(read_events(two.labels)) == 0


@pytest.mark.parametrize(
    ("text", "azimuth", "distance"),
    [
        ("3,1,90,10\n", 90, np.nan),
        ("3,1,0,90,10\r\n", 90, np.nan),
        ("3,1,0,90,10,150\n", 90, 1.5),
        ("3,1,0,0.0,0.98,0.17\n", 90, np.nan),
        ("3,1,0,0.0,0.98,0.17,150\n", 90, 1.5),
        ("onset,offset,class,source,azimuth,elevation,distance\n0.25,0.4,1,0,90,10,1.5\n", 90, 1.5),
    ],
)
def test_every_label_format_is_read(tmp_path, text, azimuth, distance):
    write_sound(tmp_path / "audio" / "a.wav")
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "a.csv").write_bytes(text.encode())
    own(tmp_path / "audio", tmp_path / "prepared", labels=tmp_path / "labels")
    events = read_events(tmp_path / "prepared" / "labels" / "a.csv")
    assert events.azimuth == pytest.approx(azimuth) and events.label.tolist() == [1]
    assert events.distance == pytest.approx(distance, nan_ok=True)
    assert events.elevation == pytest.approx(10, abs=0.2)


def test_one_sheet_with_names_of_classes_serves_all_recordings(tmp_path):
    write_sound(tmp_path / "audio" / "Take 1.WAV")
    write_sound(tmp_path / "audio" / "take 2.wav", seed=1)
    sheet = tmp_path / "labels.csv"
    sheet.write_text("File;Start;End;Class;Azimuth\nTake 1.WAV;0,1;0,9;Water tap;30\ntake 2.wav;;;;\n")
    own(tmp_path / "audio", tmp_path / "prepared", labels=sheet)
    one = read_events(tmp_path / "prepared" / "labels" / "Take 1.csv")
    assert one.label.tolist() == [10] and one.onset.tolist() == [0.1] and one.azimuth.tolist() == [30]
    assert len(read_events(tmp_path / "prepared" / "labels" / "take 2.csv")) == 0
    sheet.write_text("File;Start;End;Class;Azimuth\nTake 1.WAV;0,1;0,9;Water tap;30\n")
    with pytest.raises(BadInput, match="no row of take 2; a row with its file alone"):
        own(tmp_path / "audio", tmp_path / "other", labels=sheet)
    assert not (tmp_path / "other").exists()


def test_an_event_that_ends_after_its_recording_is_refused_or_ended_with_it(tmp_path):
    write_sound(tmp_path / "audio" / "a.wav", 1.0)
    sheet = tmp_path / "labels.csv"
    sheet.write_text("onset,offset,class\n0.1,0.5,knock\n0.3,9.5,bell\n2,3,bell\n")
    with pytest.raises(BadInput, match=r"labels.csv:3: lasts until 9.5 s, a.wav ends at 1.00 s"):
        own(tmp_path / "audio", tmp_path / "prepared", labels=sheet)
    assert not (tmp_path / "prepared").exists()
    own(tmp_path / "audio", tmp_path / "prepared", labels=sheet, beyond="drop")
    assert read_events(tmp_path / "prepared" / "labels" / "a.csv").offset.tolist() == [0.5, 1.0]


def test_audio_of_other_rates_is_resampled_while_it_is_prepared(tmp_path, caplog):
    write_sound(tmp_path / "audio" / "Take 1.WAV", 1.5, rate=48000)
    write_sound(tmp_path / "audio" / "b.wav", 1.0, seed=1)
    (tmp_path / "labels.csv").write_text("file,onset,offset,class\nTake 1,1.2,1.6,3\nb,0,1,3\n")
    with caplog.at_level("INFO"):
        own(tmp_path / "audio", tmp_path / "prepared", labels=tmp_path / "labels.csv")
    one, two = read_manifest(tmp_path / "prepared")
    assert one.audio == tmp_path / "prepared" / "audio" / "Take 1.wav" and two.audio.parent.name == "audio"
    assert two.audio == tmp_path / "audio" / "b.wav" and one.duration == 1.5
    assert audio_info(one.audio).n_samples == 36000 and audio_info(one.audio).sample_rate == 24000
    assert "1 of 2 recordings are resampled from 48000 to 24000 Hz" in caplog.text
    made = one.audio.stat().st_mtime_ns
    own(tmp_path / "audio", tmp_path / "prepared", labels=tmp_path / "labels.csv")
    assert one.audio.stat().st_mtime_ns == made


def test_distances_in_metres_stay_metres(tmp_path):
    write_sound(tmp_path / "audio" / "a.wav")
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "a.csv").write_text("3,1,0,90,10,2\n")
    own(tmp_path / "audio", tmp_path / "prepared", labels=tmp_path / "labels", distance="m")
    assert read_events(tmp_path / "prepared" / "labels" / "a.csv").distance.tolist() == [2]


def test_folds_and_rooms_come_from_folders_or_names(tmp_path):
    write_sound(tmp_path / "audio" / "train" / "hall" / "fold1_roomA_x.wav")
    write_sound(tmp_path / "audio" / "test" / "fold2_room7_mix1.wav", seed=1)
    own(tmp_path / "audio", tmp_path / "a", fold_from="folder")
    assert [(one.fold, one.room) for one in read_manifest(tmp_path / "a")] == [
        ("test", ""),
        ("train", "hall"),
    ]
    own(tmp_path / "audio", tmp_path / "b", fold_from="name")
    found = [(one.fold, one.room) for one in read_manifest(tmp_path / "b")]
    assert found == [("fold2", "room7"), ("fold1", "roomA")]
    own(tmp_path / "audio", tmp_path / "c")
    assert {one.fold for one in read_manifest(tmp_path / "c")} == {""}


def test_bad_input_is_refused_before_anything_is_written(tmp_path):
    audio, labels, video = tmp_path / "audio", tmp_path / "labels", tmp_path / "video"
    write_sound(audio / "a.wav")
    labels.mkdir()
    video.mkdir()
    prepared = tmp_path / "prepared"
    faults = {
        "give an empty file": {"labels": labels},
        "no video has the name": {"video": video},
        "nowhere: not found": {"video": tmp_path / "nowhere"},
        "4 channels instead of 2": {"format": "binaural"},
        "names its fold|name its fold": {"fold_from": "folder"},
        "does not say fold": {"fold_from": "name"},
        "nothing.txt: not found": {"classes": tmp_path / "nothing.txt"},
    }
    for words, options in faults.items():
        with pytest.raises(BadInput, match=words):
            own(audio, prepared, **options)
    with pytest.raises(BadInput, match="lies in"):
        own(audio, audio / "prepared")
    write_sound(audio / "sub" / "a.wav")
    with pytest.raises(BadInput, match="is taken by"):
        own(audio, prepared)
    assert not prepared.exists()


def test_a_name_with_control_characters_is_refused_in_one_line(tmp_path, capsys):
    write_sound(tmp_path / "audio" / "a\nb\x1b[2J.wav")
    with pytest.raises(SystemExit):
        main(["own", "--audio", str(tmp_path / "audio"), "--prepared", str(tmp_path / "prepared")])
    assert capsys.readouterr().err == (
        f"avseld-prep own: {tmp_path}/audio/a\\nb\\x1b[2J.wav: control characters in the name; rename the file\n"
    )
    assert not (tmp_path / "prepared").exists()


def test_preparing_again_keeps_the_folds_of_split_and_warns_of_recordings_without(tmp_path, caplog):
    for name in ("a", "b"):
        write_sound(tmp_path / "audio" / f"{name}.wav", 1)
    prepared = tmp_path / "prepared"
    own(tmp_path / "audio", prepared)
    recordings = read_manifest(prepared)
    folds = {"a": "train", "b": "test"}
    write_manifest(prepared, [replace(one, fold=folds[one.name], room="hall") for one in recordings], ["x"])
    write_sound(tmp_path / "audio" / "c.wav", 1)
    own(tmp_path / "audio", prepared)
    again = {one.name: (one.fold, one.room) for one in read_manifest(prepared)}
    assert again == {"a": ("train", "hall"), "b": ("test", "hall"), "c": ("", "")}
    assert "1 recordings have no fold (c); split again" in caplog.text
    (tmp_path / "audio" / "b.wav").unlink()
    own(tmp_path / "audio", prepared)
    assert "1 recordings of the manifest are not found now (b)" in caplog.text


@pytest.fixture
def late(tmp_path):
    """Two recordings with videos that start late, the first with a sound track."""
    write_scene(tmp_path / "audio" / "Take 1.WAV", tmp_path / "video" / "Take 1.MP4", 0.7)
    write_sound(tmp_path / "audio" / "b.wav", 1.0)
    write_video(tmp_path / "video" / "b.mp4", 30)
    return tmp_path


def places(folder):
    return [(one.name, one.video_offset, one.video_yaw) for one in read_manifest(folder)]


def test_offset_and_yaw_of_videos_are_given_for_all_or_for_each_in_a_csv(late):
    audio, video, prepared = late / "audio", late / "video", late / "prepared"
    own(audio, prepared, video=video, video_offset="0.7", video_yaw="-90")
    assert places(prepared) == [("Take 1", 0.7, -90), ("b", 0.7, -90)]
    (late / "videos.csv").write_text("file;video_offset;video_yaw\nTake 1.MP4;auto;\nb.mp4;-0,25;90\n")
    sheet = str(late / "videos.csv")
    own(audio, prepared, video=video, video_offset=sheet, video_yaw=sheet)
    (one, offset, yaw), two = places(prepared)
    assert (one, yaw) == ("Take 1", -90) and offset == pytest.approx(0.7, abs=0.015)
    assert two == ("b", -0.25, 90)


def test_offset_and_yaw_are_kept_when_the_folder_is_prepared_again(late, caplog):
    audio, video, prepared = late / "audio", late / "video", late / "prepared"
    own(audio, prepared, video=video, video_offset="0.7")
    with caplog.at_level("INFO"):
        own(audio, prepared, video=video)
    assert places(prepared) == [("Take 1", 0.7, 0), ("b", 0.7, 0)]
    assert "video_offset of 2 recordings is kept from the manifest (Take 1: 0.7, b: 0.7)" in caplog.text
    own(audio, prepared, video=video, video_offset="0")
    assert places(prepared) == [("Take 1", 0, 0), ("b", 0, 0)]


def test_offsets_are_kept_for_a_video_that_was_moved_or_left_out_once(late, caplog):
    audio, video, prepared = late / "audio", late / "video", late / "prepared"
    own(audio, prepared, video=video, video_offset="0.7")
    video.rename(late / "films")
    own(audio, prepared)
    assert "2 recordings had video before and have none now (Take 1, b); check --video" in caplog.text
    own(audio, prepared, video=late / "films")
    assert places(prepared) == [("Take 1", 0.7, 0), ("b", 0.7, 0)]
    (late / "films").rename(video)
    own(audio, prepared, video=video)
    assert places(prepared) == [("Take 1", 0.7, 0), ("b", 0.7, 0)]
    assert "have another video than before" in caplog.text


def test_offsets_that_cannot_be_used_are_refused_before_anything_is_written(late):
    audio, video, prepared = late / "audio", late / "video", late / "prepared"
    sheet = late / "videos.csv"
    sheet.write_text("file,video_offset\nTake 2.mp4,0.5\n")
    faults = {
        "b.mp4: has no sound track": {"video_offset": "auto"},
        "--video_offset: 'late' is not a number; give seconds, auto": {"video_offset": "late"},
        "--video_yaw: 'auto' is not a number; give degrees": {"video_yaw": "auto"},
        r"videos.csv:2: no recording Take 2": {"video_offset": str(sheet)},
        r"videos.csv:1: no column video_yaw in file, video_offset; expected file,video_yaw": {
            "video_yaw": str(sheet)
        },
    }
    for words, options in faults.items():
        with pytest.raises(BadInput, match=words):
            own(audio, prepared, video=video, **options)
    assert not prepared.exists()


def test_a_video_with_its_offset_is_not_called_too_short(late, caplog):
    own(late / "audio", late / "prepared", video=late / "video")
    assert "if it starts late, prepare with --video_offset" not in caplog.text
    write_sound(late / "audio" / "b.wav", 1.7)
    own(late / "audio", late / "prepared", video=late / "video")
    assert (
        "b.mp4: 1.00 s of video for 1.70 s of audio; it is used as far as it goes; if it starts late"
        in caplog.text
    )
    caplog.clear()
    own(late / "audio", late / "prepared", video=late / "video", video_offset="0.7")
    assert "b.mp4" not in caplog.text


def test_a_recording_that_was_cut_off_is_used_and_named(tmp_path, capsys):
    (tmp_path / "audio").mkdir()
    path = tmp_path / "audio" / "a.wav"
    soundfile.write(path, np.zeros((48000, 4)), 24000)
    path.write_bytes(path.read_bytes()[:200_000])
    main(["own", "--audio", str(tmp_path / "audio"), "--prepared", str(tmp_path / "prepared")])
    assert "a.wav: was cut off: 184044 bytes" in capsys.readouterr().err
    assert read_manifest(tmp_path / "prepared")[0].duration == pytest.approx(1.04, abs=0.01)
