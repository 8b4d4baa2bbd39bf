from dataclasses import replace
from pathlib import Path

import pytest

from avseld.base.errors import BadInput
from avseld.io.manifest import Recording, disjoint, pick, read_classes, read_manifest, write_manifest


def recording(name: str, root: Path) -> Recording:
    fold, room, _ = name.split("_")
    return Recording(
        name, root / "raw" / f"{name}.wav", "foa", None, None, root / f"{name}.csv", fold, room, 1.5
    )


@pytest.fixture
def four(tmp_path):
    names = ("fold3_room1_mix001", "fold3_room2_mix001", "fold3_room2_mix002", "fold4_room9_mix001")
    return [recording(name, tmp_path) for name in names]


def test_a_manifest_comes_back_as_written_and_moves_with_its_files(tmp_path, four):
    write_manifest(tmp_path / "prepared", four, ["speech", "bell"])
    assert read_manifest(tmp_path / "prepared") == four
    assert read_classes(tmp_path / "prepared") == ["speech", "bell"]
    assert str(tmp_path) not in (tmp_path / "prepared" / "manifest.csv").read_text()
    (tmp_path / "prepared").rename(tmp_path / "elsewhere")
    assert read_manifest(tmp_path / "elsewhere") == four


def test_offset_and_yaw_of_videos_are_columns_only_where_a_recording_has_them(tmp_path, four):
    write_manifest(tmp_path, four, ["a"])
    assert "video_offset" not in (tmp_path / "manifest.csv").read_text()
    moved = [replace(four[0], video_offset=-0.7), replace(four[1], video_yaw=90.0), *four[2:]]
    write_manifest(tmp_path, moved, ["a"])
    assert read_manifest(tmp_path) == moved
    path = tmp_path / "manifest.csv"
    assert path.read_text().splitlines()[0].endswith(",duration,video_offset,video_yaw")
    path.write_text(path.read_text().replace(",-0.7,", ",late,"))
    with pytest.raises(BadInput, match=r"manifest.csv:2: video_offset 'late' is not a number"):
        read_manifest(tmp_path)


def test_folds_rooms_and_names_pick_recordings(four):
    assert pick(four, ["fold3"]) == four[:3]
    assert pick(four, ["fold3_room2"]) == four[1:3]
    assert pick(four, ["fold4", "fold3_room1_mix001"]) == [four[0], four[3]]
    with pytest.raises(BadInput, match=r"'fold7' names no fold.*fold3, fold4"):
        pick(four, ["fold7"])


def test_a_recording_in_two_parts_is_refused(four):
    with pytest.raises(BadInput, match="fold3_room1_mix001 is both in train and in test"):
        disjoint({"train": four[:2], "test": four[:1]})
    disjoint({"train": four[:2], "test": four[:1]}, allow_overlap=True)
    disjoint({"train": four[:2], "test": four[2:]})


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("x,a.wav,quad,,,,,,1", r"manifest\.csv:2: format 'quad'"),
        ("../x,a.wav,foa,,,,,,1", r"manifest\.csv:2: a recording needs a plain name"),
        ("x,a.wav,foa,,,,,,long", r"manifest\.csv:2: duration 'long'"),
        ("x,a.wav,foa,,,,,,nan", r"manifest\.csv:2: duration 'nan' is not a number"),
        ("x,a.wav,foa,,,,,,-5", r"manifest\.csv:2: duration -5 is below 0"),
        ("x\x1b[2J,a.wav,foa,,,,,,1", r"manifest\.csv:2: control characters in the name x\\x1b"),
        ("x,a.wav,foa", r"manifest\.csv:2: 3 columns instead of 9"),
        ("x,a.wav,foa,,,,,,1\nx,b.wav,foa,,,,,,1", r"manifest\.csv:3: x is listed twice"),
    ],
)
def test_a_bad_row_is_refused_with_its_line_number(tmp_path, row, message):
    header = "name,audio,format,video,boxes,labels,fold,room,duration"
    (tmp_path / "manifest.csv").write_text(f"{header}\n{row}\n")
    with pytest.raises(BadInput, match=message):
        read_manifest(tmp_path)


@pytest.mark.parametrize(
    ("place", "says"), [("1e30,0", "video_offset 1e"), ("0,400", "video_yaw 400 is beyond 360")]
)
def test_a_video_that_starts_or_looks_nowhere_is_refused(tmp_path, place, says):
    header = "name,audio,format,video,boxes,labels,fold,room,duration,video_offset,video_yaw"
    (tmp_path / "manifest.csv").write_text(f"{header}\nx,a.wav,foa,,,,,,1,{place}\n")
    with pytest.raises(BadInput, match=rf"manifest\.csv:2: {says}"):
        read_manifest(tmp_path)


def test_a_class_that_stands_twice_is_refused(tmp_path):
    (tmp_path / "classes.txt").write_text("bell\nknock\nbell\n")
    with pytest.raises(BadInput, match=r"classes\.txt: the class bell stands twice"):
        read_classes(tmp_path)


def test_a_class_with_control_characters_is_refused(tmp_path):
    (tmp_path / "classes.txt").write_text("bell\nkn\x1b[2Jock\n")
    with pytest.raises(BadInput, match=r"classes\.txt: control characters in the class kn\\x1b\[2Jock"):
        read_classes(tmp_path)


def test_a_missing_folder_names_the_remedy(tmp_path):
    with pytest.raises(BadInput, match="avseld-prep"):
        read_manifest(tmp_path / "nowhere")
