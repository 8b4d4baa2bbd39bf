"""An unpacked DCASE corpus becomes a prepared folder with the same content; after an error nothing is written."""

import csv
import shutil

import numpy as np
import pytest
from raw_tree import state, write_sound, write_starss, write_video

from avseld.base.errors import BadInput
from avseld.base.files import fingerprint
from avseld.io.boxes import Boxes, read_boxes, write_boxes
from avseld.io.dcase_csv import Dialect, read_dcase, write_dcase
from avseld.io.energy_maps import EnergyMap, read_energy_maps, write_energy_maps
from avseld.io.events import read_events
from avseld.io.manifest import read_classes, read_manifest
from data_prep.__main__ import main
from data_prep.corpora.dcase import DATASETS, STARSS_CLASSES, dcase
from data_prep.media.resize import resize
from data_prep.split import split

NAMES = ["fold3_room21_mix013", "fold3_room4_mix001", "fold4_room2_mix001"]


def boxes_of(video, detector="generator"):
    return Boxes(
        np.array([0.0, 0.1]),
        np.full((2, 1, 4), 0.25),
        np.ones((2, 1)),
        np.zeros((2, 1)),
        {"video": fingerprint(video), "detector": detector},
    )


def test_the_manifest_lists_the_recordings_of_the_corpus(tmp_path):
    raw = write_starss(tmp_path / "raw", NAMES, blind=(NAMES[0],), seconds=0.8)
    before = state(raw)
    prepared = tmp_path / "prepared"
    assert dcase(raw, prepared) == 0
    assert state(raw) == before
    recordings = {recording.name: recording for recording in read_manifest(prepared)}
    assert list(recordings) == NAMES
    seen = recordings[NAMES[2]]
    assert (seen.fold, seen.room, seen.format, seen.duration) == ("fold4", "room2", "foa", 0.8)
    assert seen.audio == raw / "foa_dev" / "dev-train-sony" / f"{NAMES[2]}.wav"
    assert seen.video == raw / "video_dev" / "dev-train-sony" / f"{NAMES[2]}.mp4"
    assert seen.boxes == prepared / "boxes" / f"{NAMES[2]}.npz" and not seen.boxes.exists()
    blind = recordings[NAMES[0]]
    assert blind.video is None and blind.boxes is None and blind.labels is not None
    assert read_classes(prepared) == list(STARSS_CLASSES) and len(STARSS_CLASSES) == 13
    events = read_events(prepared / "labels" / f"{NAMES[0]}.csv")
    assert events.azimuth.tolist() == [-30, 170] and events.distance.tolist() == [2.5, 0.9]
    assert np.allclose(events.onset, [0, 0.3]) and np.allclose(events.offset, [0.1, 0.4])


def test_a_second_run_writes_the_same_bytes(tmp_path):
    raw = write_starss(tmp_path / "raw", NAMES[:1], seconds=0.5)
    dcase(raw, raw / "prepared")
    first = {name: content for name, (content, _) in state(raw / "prepared").items()}
    dcase(raw, raw / "prepared")
    assert {name: content for name, (content, _) in state(raw / "prepared").items()} == first


def test_the_number_of_recordings_without_video_is_logged(tmp_path, capsys):
    names = [f"fold3_room21_mix{number:03}" for number in range(1, 15)]
    raw = write_starss(tmp_path / "raw", names, blind=tuple(names[:12]), seconds=0.4)
    main(["dcase", "--raw", str(raw), "--prepared", str(tmp_path / "prepared")])
    output = capsys.readouterr().err
    assert "warning: fold3: 12 of 14 recordings have no video" in output
    recordings = read_manifest(tmp_path / "prepared")
    assert len(recordings) == 14 and sum(recording.video is None for recording in recordings) == 12


def test_labels_of_all_starss22_recordings_survive_preparation_byte_by_byte(shared, tmp_path):
    metadata = shared("data/starss22_metadata/metadata_dev")
    paths = sorted(metadata.rglob("*.csv"))
    silent = write_sound(tmp_path / "silent.wav", 1, 1, 24000)
    for path in paths:
        audio = tmp_path / "raw" / "mic_dev" / path.relative_to(metadata).with_suffix(".wav")
        audio.parent.mkdir(parents=True, exist_ok=True)
        audio.symlink_to(silent)
    (tmp_path / "raw" / "metadata_dev").symlink_to(metadata)
    with pytest.MonkeyPatch.context() as patched:
        # Only labels are compared: the published recordings last minutes.
        patched.setattr(
            "data_prep.corpora.dcase.with_duration",
            lambda found, rate: type(found)(**{**vars(found), "duration": 1e6}),
        )
        dcase(tmp_path / "raw", tmp_path / "prepared", "starss22", "mic")
    assert len(paths) == 121
    for path in paths:
        _, dialect = read_dcase(path)
        events = read_events(tmp_path / "prepared" / "labels" / path.name)
        write_dcase(tmp_path / "again.csv", events, dialect)
        assert (tmp_path / "again.csv").read_bytes() == path.read_bytes(), path.name


def test_distances_are_written_back_in_centimetres(tmp_path):
    raw = write_starss(tmp_path / "raw", NAMES[:1])
    labels = raw / "metadata_dev" / "dev-train-sony" / f"{NAMES[0]}.csv"
    labels.write_bytes(b"".join(b"%d,1,0,-180,-90,%d\n" % (frame, 50 + 57 * frame) for frame in range(10)))
    dcase(raw, tmp_path / "prepared")
    events = read_events(tmp_path / "prepared" / "labels" / f"{NAMES[0]}.csv")
    write_dcase(tmp_path / "again.csv", events, Dialect())
    assert (tmp_path / "again.csv").read_bytes() == labels.read_bytes()


def test_resized_videos_are_preferred_with_their_own_boxes(tmp_path):
    raw = write_starss(tmp_path / "raw", NAMES[:1])
    video = raw / "video_dev" / "dev-train-sony" / f"{NAMES[0]}.mp4"
    exact = raw / "boxes_dev" / "dev-train-sony" / f"{NAMES[0]}.npz"
    write_boxes(exact, boxes_of(video))
    resize(raw / "video_dev", raw / "video_360x180_dev", 48, 24)
    dcase(raw, tmp_path / "prepared")
    (recording,) = read_manifest(tmp_path / "prepared")
    assert recording.video == raw / "video_360x180_dev" / "dev-train-sony" / f"{NAMES[0]}.mp4"
    boxes = read_boxes(recording.boxes, recording.video)  # refuses those of another video
    assert boxes.about["detector"] == "generator"
    assert np.array_equal(boxes.box, boxes_of(video).box)


def test_energy_maps_of_the_labels_are_named_where_they_lie_beside(tmp_path):
    raw = write_starss(tmp_path / "raw", NAMES[:2])
    path = raw / "labels_dev" / "dev-train-sony" / f"{NAMES[0]}_std.json"
    write_energy_maps(path, [])
    dcase(raw, tmp_path / "prepared")
    maps = {recording.name: recording.maps for recording in read_manifest(tmp_path / "prepared")}
    assert maps == {NAMES[0]: path, NAMES[1]: None}


def test_boxes_of_a_detector_survive_a_second_preparation(tmp_path):
    raw = write_starss(tmp_path / "raw", NAMES[:1])
    video = raw / "video_dev" / "dev-train-sony" / f"{NAMES[0]}.mp4"
    write_boxes(raw / "boxes_dev" / "dev-train-sony" / f"{NAMES[0]}.npz", boxes_of(video))
    dcase(raw, tmp_path / "prepared")
    target = tmp_path / "prepared" / "boxes" / f"{NAMES[0]}.npz"
    write_boxes(target, boxes_of(video, detector="yolox"))
    dcase(raw, tmp_path / "prepared")
    assert read_boxes(target, video).about["detector"] == "yolox"
    shutil.copy(write_video(tmp_path / "other.mp4", 30, grey=200), video)  # now both are of another video
    with pytest.raises(BadInput, match="boxes of another video"):
        dcase(raw, tmp_path / "prepared")


def test_offset_and_yaw_of_videos_are_given_as_for_own_recordings_and_kept(tmp_path):
    raw = write_starss(tmp_path / "raw", NAMES[:2])
    prepared = tmp_path / "prepared"
    sheet = tmp_path / "videos.csv"
    sheet.write_text(f"file,video_offset\n{NAMES[1]}.mp4,0.7\n")
    dcase(raw, prepared, video_offset=str(sheet), video_yaw="90")
    dcase(raw, prepared)
    found = [(one.name, one.video_offset, one.video_yaw) for one in read_manifest(prepared)]
    assert found == [(NAMES[0], 0, 90), (NAMES[1], 0.7, 90)]
    with pytest.raises(BadInput, match="'late' is not a number"):
        dcase(raw, tmp_path / "other", video_offset="late")
    assert not (tmp_path / "other").exists()


def test_folds_and_rooms_that_were_entered_later_are_kept(tmp_path, caplog):
    raw, prepared = write_starss(tmp_path / "raw", NAMES), tmp_path / "prepared"
    dcase(raw, prepared)
    split(prepared, "train=0.5,test=0.5", by="room")
    path = prepared / "manifest.csv"
    path.write_text(path.read_text().replace(",room21,", ",hall,"))
    before = path.read_bytes()
    dcase(raw, prepared)
    assert path.read_bytes() == before
    assert (
        "3 recordings stay in the folds of the manifest, not in those found now (fold3, fold4)" in caplog.text
    )


def test_a_manifest_that_cannot_be_read_is_not_written_over(tmp_path):
    raw, prepared = write_starss(tmp_path / "raw", NAMES[:1]), tmp_path / "prepared"
    dcase(raw, prepared)
    path = prepared / "manifest.csv"
    path.write_text(path.read_text() + "x,y\n")
    before = state(prepared)
    with pytest.raises(
        BadInput, match=r"manifest.csv:3: 2 columns .* or remove .*manifest.csv to prepare without"
    ):
        dcase(raw, prepared)
    assert state(prepared) == before


def broken(change):
    def build(tmp_path):
        raw = write_starss(tmp_path / "raw", NAMES[:2])
        change(raw, raw / "foa_dev" / "dev-train-sony", raw / "metadata_dev" / "dev-train-sony")
        return raw

    return build


BROKEN = {
    "a rate of 48 kHz": (
        lambda raw, audio, labels: write_sound(audio / f"{NAMES[1]}.wav", 1, 4, 48000),
        ["foa_dev/dev-train-sony/fold3_room4_mix001.wav: 48000 Hz", "avseld-prep resample"],
    ),
    "two channels": (
        lambda raw, audio, labels: write_sound(audio / f"{NAMES[1]}.wav", 1, 2),
        ["fold3_room4_mix001.wav: 2 channels instead of 4"],
    ),
    "an unreadable wav": (
        lambda raw, audio, labels: (audio / f"{NAMES[1]}.wav").write_bytes(b"none"),
        ["fold3_room4_mix001.wav: no readable audio"],
    ),
    "an unreadable mp4": (
        lambda raw, audio, labels: (raw / "video_dev/dev-train-sony" / f"{NAMES[1]}.mp4").write_bytes(
            b"none"
        ),
        ["fold3_room4_mix001.mp4: no readable video"],
    ),
    "a csv beyond the end of the audio": (
        lambda raw, audio, labels: (labels / f"{NAMES[1]}.csv").write_text(
            "1,1,0,0,0,100\n\n10,1,0,0,0,100\n"
        ),
        ["fold3_room4_mix001.csv:3: begins at 1.0 s", "ends at 1.00 s", "--beyond drop"],
    ),
    "a csv with a bad row": (
        lambda raw, audio, labels: (labels / f"{NAMES[1]}.csv").write_text("1,1,0,0,0,100\n2,1,0,0,x,100\n"),
        ["fold3_room4_mix001.csv:2: 'x' is not a number"],
    ),
    "a class that is not in the list": (
        lambda raw, audio, labels: (labels / f"{NAMES[1]}.csv").write_text("1,13,0,0,0,100\n"),
        ["fold3_room4_mix001.csv:1: class 13"],
    ),
    "a missing csv": (
        lambda raw, audio, labels: (labels / f"{NAMES[1]}.csv").unlink(),
        ["fold3_room4_mix001.csv: not found", "--no-labels"],
    ),
    "a name of another form": (
        lambda raw, audio, labels: (audio / f"{NAMES[1]}.wav").rename(audio / "mix001.wav"),
        ["mix001.wav: the name does not say fold, room and mix"],
    ),
    "a name that comes twice": (
        lambda raw, audio, labels: write_sound(raw / "foa_dev" / "dev-test-tau" / f"{NAMES[1]}.wav"),
        ["dev-train-sony/fold3_room4_mix001.wav: the name is taken by", "dev-test-tau"],
    ),
    "no audio at all": (
        lambda raw, audio, labels: shutil.rmtree(raw / "foa_dev"),
        ["foa_dev: not found", "--format"],
    ),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_bad_input_gives_one_line_and_status_2_and_writes_nothing(tmp_path, capsys, fault):
    change, words = BROKEN[fault]
    raw = broken(change)(tmp_path)
    with pytest.raises(SystemExit) as stopped:
        main(["dcase", "--raw", str(raw), "--prepared", str(tmp_path / "prepared")])
    assert stopped.value.code == 2
    output = capsys.readouterr().err.strip().splitlines()[-1]
    for word in words:
        assert word in output
    assert not (tmp_path / "prepared").exists()


def test_labels_beyond_the_end_of_the_audio_are_dropped_on_request(tmp_path, caplog):
    raw = write_starss(tmp_path / "raw", NAMES[:1])
    (raw / "metadata_dev/dev-train-sony" / f"{NAMES[0]}.csv").write_text("9,1,0,0,0,100\n10,1,0,0,0,100\n")
    dcase(raw, tmp_path / "prepared", beyond="drop")
    assert len(read_events(tmp_path / "prepared" / "labels" / f"{NAMES[0]}.csv")) == 1
    assert "1 rows after the end" in caplog.text


def test_a_video_shorter_than_the_audio_is_reported_with_both_durations(tmp_path, caplog):
    raw = write_starss(tmp_path / "raw", NAMES[:2], seconds=2)
    write_video(raw / "video_dev" / "dev-train-sony" / f"{NAMES[1]}.mp4", 30)
    dcase(raw, tmp_path / "prepared")
    short = [record.getMessage() for record in caplog.records if "as far as it goes" in record.getMessage()]
    assert len(short) == 1 and NAMES[1] in short[0] and "1.00 s" in short[0] and "2.00 s" in short[0]


def test_folds_and_formats_can_be_selected(tmp_path):
    raw = write_starss(tmp_path / "raw", NAMES, seconds=0.4)
    shutil.copytree(raw / "foa_dev", raw / "mic_dev")
    dcase(raw, tmp_path / "prepared", format="mic", folds="fold4")
    (recording,) = read_manifest(tmp_path / "prepared")
    assert recording.name == NAMES[2] and recording.format == "mic" and "mic_dev" in recording.audio.parts
    with pytest.raises(BadInput, match="there are fold3, fold4"):
        dcase(raw, tmp_path / "other", folds="fold5")


@pytest.mark.parametrize("dataset", ["starss23_eval", "tau_nigens2020_eval"])
def test_an_evaluation_set_needs_no_labels(tmp_path, dataset):
    raw = tmp_path / "raw"
    write_sound(raw / "foa_eval" / "mix001.wav")
    dcase(raw, tmp_path / "prepared", dataset, no_labels=True)
    (recording,) = read_manifest(tmp_path / "prepared")
    assert recording.name == "mix001" and recording.labels is None and recording.fold == ""


@pytest.mark.parametrize("place", [".", "foa_dev", "metadata_dev/dev-train-sony"])
def test_the_raw_corpus_is_never_written_to(tmp_path, place):
    raw = write_starss(tmp_path / "raw", NAMES[:1])
    with pytest.raises(BadInput, match="lies in the corpus"):
        dcase(raw, raw / place)


def test_every_dataset_is_accepted_on_the_command_line():
    choices = dcase.__annotations__["dataset"].__args__
    assert set(choices) == set(DATASETS)
    assert [len(DATASETS[name].classes) for name in choices] == [13, 13, 13, 13, 12, 14, 14]


def test_the_manifest_is_plain_csv_with_relative_paths(tmp_path):
    raw = write_starss(tmp_path / "raw", NAMES[:1])
    dcase(raw, raw / "prepared")
    with (raw / "prepared" / "manifest.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["audio"] == f"../foa_dev/dev-train-sony/{NAMES[0]}.wav"
    assert row["labels"] == f"labels/{NAMES[0]}.csv"
    shutil.move(raw, tmp_path / "moved")
    (recording,) = read_manifest(tmp_path / "moved" / "prepared")
    assert recording.audio.is_file() and recording.video.is_file() and recording.labels.is_file()


UNFOLDED = "frame,class,source,azimuth,elevation,distance,viewing_angle\n"


def write_stereo(raw, name="fold4_room8_mix003_deg010_start0000"):
    """Write a clip in the layout of DCASE 2025, with the labels before they were mirrored to the front."""
    write_sound(raw / "stereo_dev" / "dev-test-tau" / f"{name}.wav", 0.5, channels=2)
    labels = raw / "metadata_dev" / "dev-test-tau" / f"{name}.csv"
    labels.parent.mkdir(parents=True)
    labels.write_text("frame,class,source,azimuth,distance,onscreen\n0,1,0,-30,250,1\n3,0,1,10,90,0\n")
    write_video(raw / "video_dev" / "dev-test-tau" / f"{name}.mp4", 15, width=64, height=36)
    beside = labels.with_name(f"{name}.unfolded.csv")
    beside.write_text(UNFOLDED + "0,1,0,-30,5,250,10\n3,0,1,170,-5,90,10\n")
    return beside


def test_labels_before_mirroring_come_along_and_are_no_recording(tmp_path, caplog):
    beside = write_stereo(tmp_path / "raw")
    assert dcase(tmp_path / "raw", tmp_path / "prepared", "stereo2025", "stereo") == 0
    (recording,) = read_manifest(tmp_path / "prepared")
    events = read_events(recording.labels)
    assert (recording.fold, recording.room, recording.format) == ("fold4", "room8", "stereo")
    assert recording.video is not None and recording.video.parts[-3] == "video_dev"
    assert events.azimuth.tolist() == [-30, 10] and events.onscreen.tolist() == [1, 0]
    assert events.distance.tolist() == [2.5, 0.9] and "panorama" not in caplog.text
    assert (tmp_path / "prepared/labels" / beside.name).read_bytes() == beside.read_bytes()
    assert "without audio" not in caplog.text and "belong to no recording" not in caplog.text


def test_labels_before_mirroring_of_another_class_list_are_refused(tmp_path):
    beside = write_stereo(tmp_path / "raw")
    beside.write_text(UNFOLDED + "0,13,0,-30,5,250,10\n")
    with pytest.raises(BadInput, match=r"unfolded\.csv:2: class 13"):
        dcase(tmp_path / "raw", tmp_path / "prepared", "stereo2025", "stereo")


def test_a_file_of_another_published_checksum_stops_the_preparation(tmp_path):
    raw = write_starss(tmp_path / "raw", NAMES[:1], seconds=0.5)
    sums = tmp_path / "sums.md5"
    sums.write_text(f"{'0' * 32}  metadata_dev/dev-train-sony/{NAMES[0]}.csv\n")
    with pytest.raises(BadInput, match=rf"{NAMES[0]}\.csv: its MD5 is .*sums\.md5 says 0000"):
        dcase(raw, tmp_path / "prepared", checksums=sums)
    assert not (tmp_path / "prepared" / "manifest.csv").exists()


@pytest.mark.parametrize("format", ["foa", "mic"])
def test_maps_written_twice_are_merged_in_every_format(tmp_path, caplog, format):
    raw = write_starss(tmp_path / "raw", NAMES[:2], seconds=0.5)
    write_sound(raw / "mic_dev" / "dev-train-sony" / f"{NAMES[0]}.wav", 0.5)
    write_sound(raw / "mic_dev" / "dev-train-sony" / f"{NAMES[1]}.wav", 0.5)
    square = np.array([(x, y, 0.5) for x in range(3) for y in range(3)])
    seam = EnergyMap(1, 3, 0, (square, np.add(square, (357, 0, 0))))
    below = raw / "labels_dev" / "dev-train-sony"
    write_energy_maps(below / f"{NAMES[0]}_std.json", [seam, seam])
    write_energy_maps(below / f"{NAMES[1]}_std.json", [seam])
    with caplog.at_level("INFO"):
        dcase(raw, tmp_path / "prepared", format=format)
    assert "1 were written twice and are merged" in caplog.text
    one, other = read_manifest(tmp_path / "prepared")
    assert one.maps == tmp_path / "prepared" / "maps" / f"{NAMES[0]}_std.json"
    assert len(read_energy_maps(one.maps)) == 1
    assert other.maps == below / f"{NAMES[1]}_std.json"


def test_maps_that_cannot_be_read_are_named_before_anything_is_written(tmp_path):
    raw = write_starss(tmp_path / "raw", NAMES[:1], seconds=0.5)
    path = raw / "labels_dev" / "dev-train-sony" / f"{NAMES[0]}_std.json"
    write_energy_maps(path, [EnergyMap(0, 13, 0, ())])
    with pytest.raises(BadInput, match=r"_std\.json: annotation 1: category_id 13 is none of 0 to 12"):
        dcase(raw, tmp_path / "prepared")
    assert not (tmp_path / "prepared" / "manifest.csv").exists()
    assert dcase(raw, tmp_path / "prepared", one_class="sound") == 0  # of which maps say nothing
    assert read_manifest(tmp_path / "prepared")[0].maps is None
