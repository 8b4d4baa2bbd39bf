"""Cutting into clips, positions to labels, splits by recording, binaural rendering."""

import csv
import shutil
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile
from counting_video import late_video, number_of
from hypothesis import given
from hypothesis import strategies as st

from avseld.base.errors import BadInput
from avseld.io.audio import audio_info
from avseld.io.dcase_csv import read_dcase
from avseld.io.events import read_events
from avseld.io.geometry import unit_vector
from avseld.io.manifest import Recording, read_manifest, write_manifest
from avseld.io.sheets import read_sheet, sheet_events
from avseld.io.video import sample_frames, video_info
from data_prep.corpora.own import own
from data_prep.media.binaural import binaural
from data_prep.media.clips import equal_clips, read_times
from data_prep.media.cut import cut, cut_video
from data_prep.media.resize import resize
from data_prep.positions import events_of, positions, read_axes
from data_prep.split import draw, lists, read_shares, split
from data_prep.synth.corpus import synth

STEM = "fold3_room4_mix007_10.0-15.0s"


@pytest.fixture
def real(tmp_path, shared):
    """Create a folder with a real recording and its labels, in two formats."""
    for folder in ("foa_dev", "mic_dev"):
        (tmp_path / "raw" / folder).mkdir(parents=True)
        shutil.copy(shared(f"data/starss22_foa_excerpt/{STEM}.wav"), tmp_path / "raw" / folder / "a.wav")
    (tmp_path / "raw" / "metadata_dev").mkdir()
    shutil.copy(shared(f"data/starss22_foa_excerpt/{STEM}.csv"), tmp_path / "raw" / "metadata_dev" / "a.csv")
    return tmp_path


def test_concatenated_clips_equal_the_recording_bit_for_bit(real):
    assert cut(real / "raw", real / "clips", seconds=1.3, rest=True, jobs=1) == 0
    whole, _ = soundfile.read(real / "raw" / "foa_dev" / "a.wav", dtype="int32")
    for folder in ("foa_dev", "mic_dev"):
        clips = sorted((real / "clips" / folder).glob("a_*.wav"))
        assert [len(soundfile.read(clip)[0]) for clip in clips] == [31200] * 3 + [26400]
        again = np.concatenate([soundfile.read(clip, dtype="int32")[0] for clip in clips])
        assert np.array_equal(again, whole)
        assert audio_info(clips[0]).sample_rate == 24000 and soundfile.info(clips[0]).subtype == "PCM_16"


def test_concatenated_labels_of_clips_equal_those_of_the_recording(real):
    cut(real / "raw", real / "clips", seconds=1.3, rest=True, jobs=1)
    whole, _ = read_dcase(real / "raw" / "metadata_dev" / "a.csv")
    onsets, azimuths = [], []
    for number, path in enumerate(sorted((real / "clips" / "metadata_dev").glob("a_*.csv"))):
        part, _ = read_dcase(path)
        assert (part.onset > -1e-9).all() and (part.onset < 1.3 - 1e-6).all()
        onsets += (part.onset + 1.3 * number).tolist()
        azimuths += part.azimuth.tolist()
    assert np.allclose(np.sort(onsets), np.sort(whole.onset)) and sorted(azimuths) == sorted(
        whole.azimuth.tolist()
    )


def test_labels_of_any_format_are_cut_and_looked_at_before_anything_is_written(real):
    labels = real / "raw" / "metadata_dev" / "a.csv"
    labels.write_text('Start;End;Class;Azimuth\n0,5;2,3;a "loud", knock;30\n2,5;2,75;bell;-90\n')
    cut(real / "raw", real / "clips", seconds=2.0, rest=True, jobs=1)
    parts = [read_sheet(path) for path in sorted((real / "clips" / "metadata_dev").iterdir())]
    found = [sheet_events(part, ['a "loud", knock', "bell"]).events for part in parts]
    assert [events.onset.tolist() for events in found] == [[0.5], [0.0, 0.5], []]
    assert [events.offset.round(6).tolist() for events in found] == [[2.0], [0.3, 0.75], []]
    assert found[1].label.tolist() == [0, 1] and found[1].azimuth.tolist() == [30, -90]
    labels.write_text("Start;End;Class\n0,5;loud;knock\n")
    with pytest.raises(BadInput, match=r"a\.csv:2: 'loud' is not a number"):
        cut(real / "raw", real / "other", jobs=1)
    assert not (real / "other").exists()


def test_events_after_the_end_of_their_recording_are_said(real, caplog):
    labels = real / "raw" / "metadata_dev" / "a.csv"
    labels.write_text("onset,offset,class\n0,1,knock\n4,95,bell\n")
    cut(real / "raw", real / "clips", jobs=1)
    assert "a.csv: 1 events last until 95.0 s, but a ends at 5.00 s" in caplog.text


def test_one_sheet_of_many_recordings_becomes_a_csv_of_each_clip(real):
    (real / "raw" / "metadata_dev" / "a.csv").unlink()
    (real / "raw" / "sheet.tsv").write_text(
        "file\tonset\toffset\tclass\na.wav\t0.25\t1.5\t3\nb.wav\t0\t1\t2\n"
    )
    cut(real / "raw", real / "clips", seconds=1.3, jobs=1)
    first, second, third = sorted((real / "clips").glob("*.csv"))
    assert read_events(first).offset.tolist() == [1.3] and read_events(second).label.tolist() == [3]
    assert len(read_events(third)) == 0 and third.name == "a_002.csv"


def test_a_second_run_skips_existing_clips_and_replaces_damaged_ones(real):
    cut(real / "raw", real / "clips", seconds=1.0, jobs=1)
    clip = real / "clips" / "foa_dev" / "a_002.wav"
    before = {path: path.stat().st_mtime_ns for path in (real / "clips").rglob("*") if path.is_file()}
    bits = clip.read_bytes()
    cut(real / "raw", real / "clips", seconds=1.0, jobs=1)
    assert before == {path: path.stat().st_mtime_ns for path in before}
    clip.write_bytes(bits[:-1000])
    cut(real / "raw", real / "clips", seconds=1.0, jobs=1)
    assert clip.read_bytes() == bits


def test_a_clip_that_begins_elsewhere_is_cut_anew(real):
    cut(real / "raw", real / "clips", seconds=1.0, jobs=1)
    cut(real / "raw", real / "clips", seconds=1.0, hop=0.5, jobs=1)
    whole, _ = soundfile.read(real / "raw" / "foa_dev" / "a.wav", dtype="int32")
    clip, _ = soundfile.read(real / "clips" / "foa_dev" / "a_001.wav", dtype="int32")
    assert np.array_equal(clip, whole[12000:36000])
    events, _ = read_dcase(real / "raw" / "metadata_dev" / "a.csv")
    part, _ = read_dcase(real / "clips" / "metadata_dev" / "a_001.csv")
    assert len(part) == ((events.onset > 0.499) & (events.onset < 1.499)).sum()


def places_of(folder):
    with (folder / "videos.csv").open() as file:
        return {
            row["file"]: (float(row["video_offset"]), float(row["video_yaw"])) for row in csv.DictReader(file)
        }


@pytest.mark.parametrize(
    ("offset", "frames", "offsets"),
    [
        (0.4, [range(0, 6), range(6, 16)], [0.4, 0.0]),  # the camera was started 0.4 s later
        (-0.4, [range(4, 14), range(14, 20)], [0.0, 0.0]),
        (1.2, [range(0), range(0, 8)], [None, 0.2]),
    ],
)
def test_offset_and_yaw_of_a_recording_travel_into_its_clips(tmp_path, caplog, offset, frames, offsets):
    source, target = tmp_path / "takes", tmp_path / "clips"
    source.mkdir()
    soundfile.write(source / "a.wav", np.zeros((48000, 4)), 24000)
    late_video(source / "a.mp4", n=20, first=0)
    (source / "a.csv").write_text("onset,offset,class\n0.5,1.5,knock\n")
    cut(source, target, seconds=1.0, video_offset=str(offset), video_yaw="90", jobs=1)
    shown = [target / f"a_{clip:03d}.mp4" for clip in range(2)]
    assert [path.exists() for path in shown] == [each is not None for each in offsets]
    for path, seen, start in zip(shown, frames, offsets, strict=True):
        if start is not None:
            _, pictures = next(sample_frames(path, 10))
            assert number_of(pictures).tolist() == list(seen)
            assert places_of(target)[path.name] == (pytest.approx(start), 90)
    sheet = str(target / "videos.csv")
    own(target, tmp_path / "prepared", video=target, labels=target, video_offset=sheet, video_yaw=sheet)
    assert "videos.csv" not in caplog.text
    prepared = [
        (one.video_offset, one.video_yaw) for one in read_manifest(tmp_path / "prepared") if one.video
    ]
    assert prepared == [(pytest.approx(start), 90) for start in offsets if start is not None]


def test_clips_of_audio_and_video_are_synchronous(tmp_path):
    synth(tmp_path / "raw", recordings=1, seconds=6.0, preset="simple", width=64, fps=10, seed=1, jobs=1)
    cut(tmp_path / "raw", tmp_path / "clips", seconds=2.0, jobs=1)
    videos = sorted((tmp_path / "clips").rglob("*.mp4"))
    assert len(videos) == 3 and [round(video_info(path).end, 1) for path in videos] == [2.0] * 3
    assert len(sorted((tmp_path / "clips").rglob("*.wav"))) == 3

    def frames(path):
        import av

        with av.open(str(path)) as file:
            return [frame.to_ndarray(format="rgb24").astype(float) for frame in file.decode(video=0)]

    whole = frames(next((tmp_path / "raw").rglob("*.mp4")))
    for number, path in enumerate(videos):
        part = frames(path)
        errors = [np.abs(part[5] - frame).mean() for frame in whole]
        assert len(part) == 20 and abs(errors[20 * number + 5] - min(errors)) < 0.5


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize(
    "text",
    ["name,start,stop,clip\na,0.5,1.5,cough\na,2.0,2.25\n", "Name;Start;Stop\na.wav;0,5;1,5\na;2,0;2,25\n"],
)
def test_tables_of_times_are_read_as_spreadsheets_save_them(tmp_path, text, encoding):
    (tmp_path / "times.csv").write_text(text, encoding=encoding)
    clips = read_times(tmp_path / "times.csv", {"a": 4.0})["a"]
    assert [(clip.start, clip.stop) for clip in clips] == [(0.5, 1.5), (2.0, 2.25)]
    assert clips[0].name == ("cough" if "cough" in text else "a_000")


def test_clips_are_cut_at_listed_times_and_invalid_lists_are_refused(real):
    times = real / "times.csv"
    times.write_text("name,start,stop,clip\na,0.5,1.5,cough\na,2.0,2.25,\n")
    cut(real / "raw", real / "clips", times=times, jobs=1)
    assert {path.name for path in (real / "clips" / "foa_dev").iterdir()} == {"cough.wav", "a_001.wav"}
    for text, message in (
        ("name,start,stop\na,4,6\n", "times.csv:2: from 4.0 to 6.0 s lies not in a"),
        ("name,start,stop\nb,0,1\n", "times.csv:2: no recording 'b'"),
        ("name,stop\na,1\n", "times.csv:1: no column start"),
        ("name,start,stop,clip\na,0,1,../x\n", "is no file name"),
        ("name,start,stop,clip\na,0,1,x\x1b[2J\n", "control characters"),
        ("name,start,stop\na,0.55,1\n", "begins within a label frame"),
    ):
        times.write_text(text)
        with pytest.raises(BadInput, match=message):
            cut(real / "raw", real / "other", times=times, jobs=1)
        assert not (real / "other").exists()
    with pytest.raises(BadInput, match="lies in"):
        cut(real / "raw", real / "raw" / "clips", jobs=1)


@given(st.floats(0.5, 30), st.floats(0.1, 5), st.floats(0.1, 5), st.booleans())
def test_clips_lie_within_the_recording_one_hop_apart(duration, seconds, hop, rest):
    clips = equal_clips("x", duration, seconds, hop, rest)
    assert all(0 <= clip.start < clip.stop <= duration + 1e-6 for clip in clips)
    assert all(after.start - before.start == pytest.approx(hop) for before, after in pairwise(clips))
    if rest:
        assert (
            clips[-1].stop == pytest.approx(duration, abs=1e-6)
            or hop > seconds
            or duration - clips[-1].stop < hop
        )


def test_formats_of_different_length_are_refused(real):
    sound, rate = soundfile.read(real / "raw" / "mic_dev" / "a.wav")
    soundfile.write(real / "raw" / "mic_dev" / "a.wav", sound[:-5000], rate, subtype="PCM_16")
    with pytest.raises(BadInput, match="they are not one recording"):
        cut(real / "raw", real / "clips", jobs=1)


def test_positions_in_declared_axes_become_dcase_directions(tmp_path):
    time = np.arange(40) / 20  # 20 Hz, two seconds
    angle = np.radians(30 * time)  # from the front to the left
    track = (
        np.stack([-np.sin(angle), np.cos(angle), 0 * angle + 0.5], axis=1) * 1000
    )  # x right, y front, z up, mm
    track[10:20] = np.nan
    np.save(tmp_path / "bird.npy", track)
    positions(
        tmp_path / "bird.npy", tmp_path / "csv", rate=20, axes="x=right,y=front,z=up", unit="mm", label=3
    )
    events, _ = read_dcase(tmp_path / "csv" / "bird.csv")
    frames = np.round(events.onset * 10).astype(int)
    assert set(frames) == {*range(5), *range(10, 20)} and set(events.label) == {3}
    assert np.allclose(events.azimuth, np.round(30 * (frames + 0.25) / 10), atol=1.01)
    assert np.allclose(events.elevation, np.round(np.degrees(np.arctan(0.5)))) and np.allclose(
        events.distance, 1.12
    )


def test_frames_start_at_zero_and_the_front_can_be_turned():
    track = np.tile(unit_vector(90.0, 0.0), (10, 1))[:, None]
    events = events_of(track, rate=10)
    assert events.onset[0] == 0 and len(events) == 10 and (events.azimuth == 90).all()
    assert (events_of(track, rate=10, turn=30.0).azimuth == 60).all()


@pytest.mark.parametrize(
    ("axes", "point"),
    [
        ("x=right,y=up,z=front", [1, 0, 1]),  # Unity
        ("x=front,y=right,z=up", [1, 1, 0]),  # Unreal
        ("x=right,y=front,z=up", [1, 1, 0]),
    ],
)
def test_axes_of_left_and_right_handed_engines_give_the_same_direction(tmp_path, axes, point):
    cells = [f"{value},0" for value in point]
    (tmp_path / "a.csv").write_text("X;Y;Z\n" + f"{';'.join(cells)}\n" * 2, encoding="utf-16")
    positions(tmp_path / "a.csv", tmp_path / "csv", rate=10, axes=axes)
    assert (tmp_path / "csv" / "a.csv").read_text() == "0,0,0,-45,0,141\n1,0,0,-45,0,141\n"


@pytest.mark.parametrize(
    ("axes", "message"),
    [
        ("x=front,y=front,z=up", "lie on one line"),
        ("x=front,y=back,z=up", "lie on one line"),
        ("x=north,y=left,z=up", "give the direction of each axis"),
    ],
)
def test_invalid_axes_are_refused(axes, message):
    with pytest.raises(BadInput, match=message):
        read_axes(axes)


def test_invalid_position_files_are_refused(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((5, 2)))
    with pytest.raises(BadInput, match="is no track"):
        positions(tmp_path / "a.npy", tmp_path / "csv", rate=10)
    np.save(tmp_path / "b.npy", np.array([{}], object), allow_pickle=True)
    with pytest.raises(BadInput, match="no readable array"):
        positions(tmp_path / "b.npy", tmp_path / "csv", rate=10)
    (tmp_path / "c.csv").write_text("x,y,z\n1,2,3\n1,x,3\n")
    with pytest.raises(BadInput, match=r"c\.csv:3"):
        positions(tmp_path / "c.csv", tmp_path / "csv", rate=10)
    (tmp_path / "c.csv").write_text("x,y,z\n1,2,3\n1,2\n")
    with pytest.raises(BadInput, match=r"c\.csv:3: 2 columns instead of 3"):
        positions(tmp_path / "c.csv", tmp_path / "csv", rate=10)
    assert not (tmp_path / "csv").exists()


def clips(n: int = 12, rooms: int = 4) -> list[Recording]:
    return [
        Recording(name, Path(f"/x/{name}.wav"), "foa", room=f"room{k % rooms}", duration=10.0)
        for k, name in enumerate(f"take{k // 3}_{k % 3:03d}" for k in range(n))
    ]


@given(st.integers(0, 1000), st.sampled_from(["recording", "room"]))
def test_clips_of_one_recording_stay_in_one_fold(seed, by):
    recordings = clips(30, rooms=5)
    part_of = draw(recordings, {"train": 0.7, "validate": 0.1, "test": 0.2}, by, seed=seed)
    group = (lambda one: one.room) if by == "room" else (lambda one: one.name[:-4])
    for name in {group(one) for one in recordings}:
        assert len({part_of[one.name] for one in recordings if group(one) == name}) == 1
    assert set(part_of.values()) == {"train", "validate", "test"}
    assert part_of == draw(recordings[::-1], {"train": 0.7, "validate": 0.1, "test": 0.2}, by, seed=seed)


def test_folds_are_written_to_the_manifest_and_listed(tmp_path):
    recordings = clips()
    for one in recordings:
        path = tmp_path / "audio" / f"{one.name}.wav"
        path.parent.mkdir(exist_ok=True)
        soundfile.write(path, np.zeros((24000, 4)), 24000)
    write_manifest(
        tmp_path / "p",
        [
            Recording(o.name, tmp_path / "audio" / f"{o.name}.wav", "foa", room=o.room, duration=1.0)
            for o in recordings
        ],
        ["a"],
    )
    split(tmp_path / "p", "train=0.75,test=0.25", seed=3)
    there = read_manifest(tmp_path / "p")
    assert sorted(one.fold for one in there) == ["test"] * 3 + ["train"] * 9
    lists(tmp_path / "p", tmp_path / "lists")
    written = (tmp_path / "lists" / "foa_test.txt").read_text().split()
    assert len(written) == 3 and all(name.endswith(".wav") for name in written)
    with pytest.raises(BadInput, match="4 recordings cannot be shared out"):
        split(tmp_path / "p", "a=0.2,b=0.2,c=0.2,d=0.2,e=0.2")
    with pytest.raises(BadInput, match="add up to 1"):
        read_shares("train=0.8,test=0.3")


@pytest.mark.parametrize("measured", [False, True])
def test_sound_from_the_left_is_louder_and_earlier_in_the_left_channel(tmp_path, shared, measured):
    sofa = shared("data/hrtf/UniS_Anechoic_BRIR_48k.sofa") if measured else None
    click = np.zeros(4800)
    click[1000] = 0.5
    for name, azimuth in (("left", 80.0), ("right", -80.0)):
        x, y, z = unit_vector(azimuth, 0.0)
        soundfile.write(tmp_path / f"{name}.wav", np.outer(click, [1, y, z, x]), 24000, subtype="PCM_16")
        binaural(tmp_path / f"{name}.wav", tmp_path / "ears", sofa=sofa, jobs=1)
        rendered, rate = soundfile.read(tmp_path / "ears" / f"{name}.wav")
        near, far = rendered.T if name == "left" else rendered.T[::-1]
        assert rate == 24000 and rendered.shape == (4800, 2)
        assert np.square(near).sum() > 1.5 * np.square(far).sum()
        middle = [(np.square(ear) * np.arange(4800)).sum() / np.square(ear).sum() for ear in (near, far)]
        assert middle[0] < middle[1]


def test_a_long_binaural_recording_has_no_discontinuities_between_blocks(tmp_path, monkeypatch):
    sound = np.random.default_rng(0).normal(size=(24000 * 2, 4)) * 0.05
    soundfile.write(tmp_path / "a.wav", sound, 24000, subtype="PCM_16")
    binaural(tmp_path / "a.wav", tmp_path / "whole", jobs=1)
    monkeypatch.setattr("data_prep.media.binaural.BLOCK_S", 0.05)
    binaural(tmp_path / "a.wav", tmp_path / "pieces", jobs=1)
    whole, pieces = (soundfile.read(tmp_path / name / "a.wav")[0] for name in ("whole", "pieces"))
    assert np.abs(whole - pieces).max() <= 2**-15


def test_clips_of_a_video_that_starts_late_keep_its_delay(tmp_path):
    source = late_video(tmp_path / "late.mp4", n=20, first=5)  # frame 0 is shown from 0.5 s on
    for start, stop, shown, delay in ((1.0, 1.3, [5, 6, 7], 0.0), (0.2, 0.8, [0, 1, 2], 0.3)):
        target = tmp_path / f"{start}.mp4"
        assert cut_video(source, target, start, stop) == ""
        info = video_info(target)
        assert (info.start, info.end) == (pytest.approx(delay), pytest.approx(stop - start))
        _, frames = next(sample_frames(target, 10))
        assert number_of(frames).tolist() == shown  # nothing before the first frame


def test_a_resized_video_that_starts_late_keeps_its_delay(tmp_path):
    source = late_video(tmp_path / "late.mp4")
    assert resize(source, tmp_path / "small.mp4", 64, 32) == 0
    assert video_info(tmp_path / "small.mp4").start == pytest.approx(0.5)
    before, after = (next(sample_frames(path, 10))[1] for path in (source, tmp_path / "small.mp4"))
    assert number_of(after).tolist() == number_of(before).tolist()
