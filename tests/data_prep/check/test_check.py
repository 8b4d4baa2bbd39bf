"""The check finds missing files, leaks between folds, wrong channel orders and azimuth conventions."""

import shutil

import numpy as np
import pytest
import soundfile
from raw_tree import RATE, state, write_sound, write_starss, write_video

from avseld.base.errors import BadInput
from avseld.io.boxes import Boxes, write_boxes
from avseld.io.events import Events
from avseld.io.geometry import unit_vector
from avseld.io.manifest import Recording, read_manifest, write_manifest
from data_prep.__main__ import main
from data_prep.check.check import check
from data_prep.check.directions import Directions, Report
from data_prep.check.orientation import DECLARED, fit, measure
from data_prep.corpora.dcase import DATASETS, dcase
from data_prep.corpora.own import own

NAMES = ["fold3_room21_mix013", "fold3_room4_mix001", "fold4_room2_mix001"]


@pytest.fixture
def prepared(tmp_path):
    raw = write_starss(tmp_path / "raw", NAMES, seconds=0.5)
    dcase(raw, tmp_path / "prepared")
    return tmp_path / "prepared"


def scene(path, channels=(0, 1, 2, 3), signs=(1, 1, 1, 1), n_frames=60, azimuth=None):
    """Create a source that changes its direction every 100 ms in faint diffuse noise, and its labels."""
    random = np.random.default_rng(3)
    place, elevation = random.uniform(-180, 180, n_frames), random.uniform(-60, 60, n_frames)
    azimuth, elevation = (place, elevation) if azimuth is None else (place * 0 + azimuth, elevation * 0)
    direction = unit_vector(azimuth, elevation).repeat(RATE // 10, axis=0)
    sound = random.normal(0, 0.05, (len(direction), 1))
    ambisonic = np.concatenate([sound, sound * direction[:, [1, 2, 0]]], axis=1)
    ambisonic += random.normal(0, 0.002, ambisonic.shape)
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, ambisonic[:, channels] * signs, RATE)
    onset = np.arange(n_frames) / 10
    nothing = np.zeros(n_frames)
    events = Events(onset, onset + 0.1, nothing, nothing, azimuth, elevation, nothing + 1)
    return Recording("scene", path, "foa"), events


def test_a_valid_folder_passes_and_is_unchanged(prepared, capsys):
    before = state(prepared.parent)
    assert check(prepared) == 0
    output = capsys.readouterr().out
    assert (
        "0 errors" in output
        and "3 boxes files not made yet" in output
        and "3 recordings (foa), 3 with video" in output
    )
    assert state(prepared.parent) == before


def spoil_audio(folder, recordings):
    recordings[1].audio.unlink()


def spoil_rate(folder, recordings):
    write_sound(recordings[1].audio, 0.5, 4, 16000)


def spoil_channels(folder, recordings):
    write_sound(recordings[1].audio, 0.5, 3)


def spoil_duration(folder, recordings):
    write_sound(recordings[1].audio, 0.45, seed=9)


def spoil_labels(folder, recordings):
    recordings[1].labels.write_text(recordings[1].labels.read_text() + "0.5,0.6,1,0,0,0,1\n")


def spoil_end(folder, recordings):
    recordings[1].labels.write_text(recordings[1].labels.read_text() + "0.2,9.5,1,0,0,0,1\n")


def spoil_class(folder, recordings):
    recordings[1].labels.write_text(recordings[1].labels.read_text().replace("0.3,0.4,0", "0.3,0.4,13"))


def spoil_video(folder, recordings):
    recordings[1].video.write_bytes(b"nothing")


def spoil_boxes(folder, recordings):
    none = np.zeros((1, 1))
    write_boxes(recordings[1].boxes, Boxes(none[0], np.zeros((1, 1, 4)), none, none, {"video": "0" * 32}))


def spoil_manifest(folder, recordings):
    path = folder / "manifest.csv"
    path.write_text(path.read_text() + path.read_text().splitlines()[1] + "\n")


def leak(folder, recordings):
    shutil.copy(recordings[2].audio, recordings[1].audio)


SPOILED = {
    spoil_audio: "mix001.wav: not found",
    spoil_rate: "16000 Hz instead of 24000",
    spoil_channels: "3 channels instead of 4",
    spoil_duration: "lasts 0.45 s, the manifest says 0.5;",
    spoil_labels: "mix001.csv:4: begins at 0.5 s",
    spoil_end: "mix001.csv:4: lasts until 9.5 s, fold3_room4_mix001.wav ends at 0.50 s",
    spoil_class: "mix001.csv:3: class 13",
    spoil_video: "no readable video",
    spoil_boxes: "boxes of another video",
    spoil_manifest: "listed twice",
    leak: "the same audio in different folds",
}


@pytest.mark.parametrize("spoil", SPOILED, ids=lambda spoil: spoil.__name__)
def test_faults_are_errors(prepared, capsys, spoil):
    spoil(prepared, read_manifest(prepared))
    assert check(prepared) == 1
    errors = [line for line in capsys.readouterr().out.splitlines() if line.startswith("error:")]
    assert len(errors) == 1 and SPOILED[spoil] in errors[0]


def test_events_and_seconds_of_each_class_are_counted(prepared, capsys):
    recordings = read_manifest(prepared)
    header = "onset,offset,class,source,azimuth,elevation,distance\n"
    rows = [
        "0,0.1,1,0,0,0,1",
        "0.1,0.2,1,0,9,0,1",
        "0.1,0.2,1,1,0,0,1",
        "0.3,0.4,1,0,0,0,1",
        "0,0.5,3,0,0,0,",
    ]
    recordings[0].labels.write_text(header + "\n".join(rows) + "\n")
    for recording in recordings[1:]:
        recording.labels.write_text(header)
    assert check(prepared) == 0
    words = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["male_speech", "3", "events", "0.4", "s"] in words
    assert ["telephone", "1", "events", "0.5", "s"] in words
    assert any(line[:6] == ["no", "events", "of", "11", "of", "13"] for line in words)


def test_all_errors_are_found_in_one_run(prepared, capsys):
    recordings = read_manifest(prepared)
    spoil_boxes(prepared, recordings)
    spoil_class(prepared, recordings)
    recordings[2].audio.unlink()
    assert check(prepared) == 1
    assert "3 errors" in capsys.readouterr().out


def test_doubtful_values_are_warnings(prepared, capsys):
    recordings = read_manifest(prepared)
    write_video(recordings[0].video, 6)
    shutil.copy(recordings[0].audio, recordings[1].audio)
    text = (prepared / "manifest.csv").read_text().replace("fold4,room2", "fold4,room21")
    (prepared / "manifest.csv").write_text(text)
    assert check(prepared) == 0
    warnings = [line for line in capsys.readouterr().out.splitlines() if line.startswith("warning:")]
    for words in ("0.20 s of video for 0.50 s", "the same audio; remove", "room21 is in fold3 and fold4"):
        assert sum(words in line for line in warnings) == 1, words


def test_a_raw_corpus_is_checked(tmp_path, capsys):
    raw = write_starss(tmp_path / "raw", NAMES, seconds=0.5)
    assert check(raw) == 0
    shutil.copytree(raw / "foa_dev", raw / "mic_dev")
    sub = "dev-train-sony"
    (raw / "metadata_dev" / sub / f"{NAMES[0]}.csv").unlink()
    (raw / "metadata_dev" / sub / f"{NAMES[1]}.csv").write_text("1,1,0,0\n1,1\n")
    write_sound(raw / "mic_dev" / sub / f"{NAMES[2]}.wav", 0.5, 2)
    (raw / "foa_dev" / sub / "mix9.wav").write_bytes(b"")
    write_video(raw / "video_dev" / sub / "fold3_room1_mix001.mp4", 2)
    capsys.readouterr()
    assert check(raw) == 1
    output = capsys.readouterr().out
    for words in (
        f"{NAMES[0]}.csv: not found",
        f"{NAMES[1]}.csv:2: 2 columns",
        "2 channels",
        "mix9.wav: the name",
    ):
        assert sum(words in line for line in output.splitlines()) == 1, words
    assert "1 files without audio (fold3_room1_mix001)" in output and "4 errors" in output, output


def test_a_folder_neither_raw_nor_prepared_is_refused(tmp_path):
    with pytest.raises(BadInput, match="neither manifest"):
        check(tmp_path)


def test_intensity_vectors_agree_with_correct_labels(tmp_path):
    found = fit(*zip(measure(*scene(tmp_path / "a.wav")), strict=True))
    assert found.axes == DECLARED and found.declared < 2 and not found.suspicious
    assert found.n_frames >= 30


@pytest.mark.parametrize(
    ("channels", "signs", "words"),
    [
        ((0, 3, 1, 2), (1, 1, 1, 1), "W X Y Z"),
        ((0, 1, 2, 3), (1, -1, 1, 1), "azimuth mirrored"),
        ((0, 1, 2, 3), (1, 1, 1, -1), "front and back"),
        ((0, 1, 2, 3), (1, 1, -1, 1), "up and down"),
        ((0, 1, 2, 3), (-1, 1, 1, 1), "sign of W"),
        ((0, 2, 3, 1), (1, 1, 1, -1), "x = +channel 3, y = -channel 4, z = +channel 2"),
    ],
)
def test_wrong_channel_orders_and_signs_are_identified(tmp_path, channels, signs, words):
    found = fit(*zip(measure(*scene(tmp_path / "a.wav", channels, signs)), strict=True))
    assert found.suspicious and found.best < 2
    assert words in found.words


@pytest.mark.parametrize(
    ("turn", "words"),
    [
        (lambda az: az + 90, "azimuth 0 at the right, 90 in front"),
        (lambda az: 90 - az, "azimuth 0 at the left, 90 in front"),
    ],
)
def test_other_azimuth_conventions_are_identified(tmp_path, turn, words):
    recording, events = scene(tmp_path / "a.wav")
    turned = Events(
        events.onset,
        events.offset,
        events.label,
        events.source,
        turn(events.azimuth),
        events.elevation,
        events.distance,
    )
    assert words in fit(*zip(measure(recording, turned), strict=True)).words


def test_frames_with_two_sources_are_ignored(tmp_path):
    recording, events = scene(tmp_path / "a.wav")
    doubled = Events(*(np.concatenate([column, column[:40]]) for column in list(vars(events).values())[:7]))
    measured, labelled = measure(recording, doubled)
    assert len(measured) == len(labelled) == 10  # the louder half of 20


def test_intensity_vectors_of_a_real_recording_agree_with_its_labels(shared, tmp_path, capsys):
    excerpt = shared("data/starss22_foa_excerpt")
    name = "fold3_room4_mix007_10.0-15.0s"
    for suffix, folder in ((".wav", "audio"), (".csv", "labels")):
        (tmp_path / folder).mkdir()
        shutil.copy(excerpt / f"{name}{suffix}", tmp_path / folder)
    own(tmp_path / "audio", tmp_path / "prepared", labels=tmp_path / "labels", fold_from="name")
    assert check(tmp_path / "prepared") == 0
    output = capsys.readouterr().out
    assert "0 errors, 0 warnings" in output
    assert float(output.split("mean angle ")[1].split()[0]) < 30
    sound, rate = soundfile.read(tmp_path / "audio" / f"{name}.wav", dtype="int16")
    soundfile.write(tmp_path / "audio" / f"{name}.wav", sound[:, [0, 3, 1, 2]], rate)
    assert check(tmp_path / "prepared") == 0
    assert "warning: intensity vector" in capsys.readouterr().out


def test_an_empty_manifest_is_valid(tmp_path, capsys):
    write_manifest(tmp_path, [], ["a"])
    assert check(tmp_path) == 0


@pytest.mark.parametrize("dataset", DATASETS)
def test_every_corpus_that_can_be_prepared_can_be_checked(tmp_path, dataset, capsys):
    layout = DATASETS[dataset]
    folder, channels = {"stereo": ("stereo", 2)}.get(next(iter(layout.audio)), ("foa", 4))
    name = "fold3_room21_mix013" if "fold" in layout.name else "mix013"
    write_sound(tmp_path / layout.audio[folder] / f"{name}.wav", 0.5, channels)
    (tmp_path / layout.labels).mkdir()
    (tmp_path / layout.labels / f"{name}.csv").write_text("0,1,0,-30,10,250\n")
    main(["check", str(tmp_path), "--dataset", dataset])
    assert "0 errors" in capsys.readouterr().out


def warnings_of(recording, events):
    report, directions = Report(strict=False), Directions()
    directions.add_sound(recording)
    directions.add(recording, events)
    directions.report(report)
    return report.warnings


@pytest.mark.parametrize(
    ("channels", "gains", "says"),
    [
        ((0, 1, 2, 3), (1, 1, 1, 1), None),
        ((0, 1, 2, 3), (1, *[3**0.5] * 3), "in N3D 3: prepare again with --channels n3d"),
        ((0, 3, 1, 2), (0.5**0.5, 1, 1, 1), "prepare again with --channels fuma"),
        ((0, 1, 2, 3), (0.5**0.5, 1, 1, 1), "raise W by 3 dB"),
        ((0, 1, 2, 3), (1, *[3**-0.5] * 3), "applied twice"),
    ],
)
def test_gains_of_other_ambisonic_conventions_are_named_with_the_remedy(tmp_path, channels, gains, says):
    found = warnings_of(*scene(tmp_path / "x.wav", channels, gains))
    assert (any(says in line for line in found)) if says else not found


def test_without_labels_the_convention_is_called_likely_and_noise_of_the_channels_is_none(tmp_path):
    recording, _ = scene(tmp_path / "x.wav", signs=(1, *[3**0.5] * 3))
    (line,) = warnings_of(recording, Events.empty())
    assert "likely N3D, which labels would confirm" in line
    write_sound(tmp_path / "noise.wav", 2.0, 4)
    assert not warnings_of(Recording("noise", tmp_path / "noise.wav", "foa"), Events.empty())


def test_an_order_is_named_only_where_the_labelled_directions_decide_it(tmp_path):
    (line,) = warnings_of(*scene(tmp_path / "x.wav", (0, 3, 1, 2), azimuth=90.0))
    assert "too few to say which" in line and "FuMa" not in line
    (line,) = warnings_of(*scene(tmp_path / "y.wav", (0, 3, 1, 2)))
    assert "channels in the order W X Y Z (FuMa)" in line and "the next best order has" in line
