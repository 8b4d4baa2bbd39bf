"""Position tracks of several classes in one call, by their names or by a table; tracks with times of their own."""

import numpy as np
import pytest

from avseld.base.errors import BadInput
from avseld.io.dcase_csv import read_dcase
from data_prep.positions import positions, read_track

RIGHT_FRONT_UP = "x=right,y=front,z=up"


def save(folder, name, point=(1.0, 0.0, 0.0), n=4):
    folder.mkdir(exist_ok=True)
    np.save(folder / f"{name}.npy", np.tile(point, (n, 1)))


def rows(path):
    events, _ = read_dcase(path)
    return sorted(
        set(zip(events.label.tolist(), events.source.tolist(), events.azimuth.tolist(), strict=True))
    )


def test_tracks_of_one_take_become_one_csv_with_the_classes_of_their_names(tmp_path, caplog):
    caplog.set_level("INFO")
    save(tmp_path / "in", "toy_car_take1")
    save(tmp_path / "in", "bell_take1", (0.0, 1.0, 0.0))
    save(tmp_path / "in", "bell_take2")
    (tmp_path / "classes.txt").write_text("toy\nBell\ntoy_car\n")
    pattern = "{class}_{take}"
    positions(
        tmp_path / "in", tmp_path / "csv", 10, label_from_name=pattern, classes=tmp_path / "classes.txt"
    )
    assert rows(tmp_path / "csv" / "take1.csv") == [(1, 0, 90), (2, 1, 0)]
    assert rows(tmp_path / "csv" / "take2.csv") == [(1, 0, 0)]
    assert "3 tracks of 2 takes" in caplog.text and not (tmp_path / "csv.classes.txt").exists()
    positions(tmp_path / "in", tmp_path / "other", 10, label_from_name=r"(?P<class>.+)_take\d")
    assert (tmp_path / "other.classes.txt").read_text() == "bell\ntoy_car\n"
    assert rows(tmp_path / "other" / "toy_car_take1.csv") == [(1, 0, 0)]


def test_shards_convert_the_takes_of_one_program_with_the_classes_of_all(tmp_path):
    for name in ("bell_take1", "car_take1", "bell_take2", "dog_take3"):
        save(tmp_path / "in", name)
    words = dict(rate=10, label_from_name="{class}_{take}")
    positions(tmp_path / "in", tmp_path / "alone", **words)
    for number in (2, 1):
        positions(tmp_path / "in", tmp_path / "csv", **words, shard=f"{number}/2")
        assert len(list((tmp_path / "csv").iterdir())) == (1 if number == 2 else 3)
    for path in (tmp_path / "alone").iterdir():
        assert (tmp_path / "csv" / path.name).read_bytes() == path.read_bytes()
    classes = (tmp_path / name for name in ("alone.classes.txt", "csv.classes.txt"))
    assert len({path.read_text() for path in classes}) == 1


def test_a_table_names_class_and_take_of_each_track(tmp_path, caplog):
    save(tmp_path / "in", "a")
    save(tmp_path / "in", "b")
    (tmp_path / "in" / "tracks.csv").write_text("file;class;take\na.npy;3;one\nb;0;one\nc;1;two\n")
    table = tmp_path / "in" / "tracks.csv"
    positions(tmp_path / "in", tmp_path / "csv", 10, label_table=table)
    assert rows(tmp_path / "csv" / "one.csv") == [(0, 1, 0), (3, 0, 0)]
    assert "1 rows are of no track (c)" in caplog.text


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"label_from_name": "{take}"}, "says no class"),
        ({"label_from_name": "{class}_{room}"}, "{room} is none of"),
        ({"label_from_name": "(?P<class>["}, "no pattern"),
        ({"label_from_name": "{class}-{}"}, "bell_1.npy: the name is not {class}-{}; rename it"),
        ({"label_from_name": "{class}_{}", "classes": "classes.txt"}, "with a class of knock"),
        ({"label_from_name": r"(?P<class>\w+)_1", "classes": "classes.txt"}, "class 'bell' is none of knock"),
        ({"label_from_name": "{class}", "label": 1}, "two ways to say the class"),
        ({"classes": "classes.txt"}, "is for --label_from_name and --label_table"),
        ({"label_table": "tracks.csv"}, "no row of bell_1.npy"),
    ],
)
def test_classes_that_cannot_be_told_are_refused_before_anything_is_written(tmp_path, options, says):
    save(tmp_path / "in", "bell_1")
    (tmp_path / "classes.txt").write_text("knock\n")
    (tmp_path / "tracks.csv").write_text("file,class\nx,bell\n")
    places = {
        name: tmp_path / value for name, value in options.items() if str(value).endswith(("txt", "csv"))
    }
    with pytest.raises(BadInput) as refusal:
        positions(tmp_path / "in", tmp_path / "csv", 10, **{**options, **places})
    assert says in str(refusal.value) and "\n" not in str(refusal.value)
    assert not (tmp_path / "csv").exists()


def test_two_tracks_of_one_name_and_takes_in_folders_are_refused(tmp_path):
    (tmp_path / "in").mkdir()
    for session in ("first", "second"):
        save(tmp_path / "in" / session, "bell")
    with pytest.raises(BadInput, match=r"second/bell.npy: .*first/bell.npy has the same name"):
        positions(tmp_path / "in", tmp_path / "csv", 10)
    save(tmp_path / "one", "bell")
    (tmp_path / "tracks.csv").write_text("file,class,take\nbell,bell,../take1\n")
    with pytest.raises(BadInput, match=r"'../take1' is no file name"):
        positions(tmp_path / "one", tmp_path / "csv", 10, label_table=tmp_path / "tracks.csv")


def test_tracks_with_times_and_sources_are_placed_at_their_times(tmp_path):
    time = 10_000.0 + 50.0 * np.arange(40)  # 20 Hz, of a block that begins at 10 s
    first = np.stack([time * 0, time * 0 + 1, time * 0, time, time * 0 + 3], axis=1)
    second = np.stack([time * 0 - 1, time * 0, time * 0, time, time * 0 + 7], axis=1)[10:20]
    np.save(tmp_path / "a.npy", np.concatenate([first, second]))
    positions(tmp_path / "a.npy", tmp_path / "csv", 20, RIGHT_FRONT_UP, label=5)
    assert rows(tmp_path / "csv" / "a.csv") == [(5, 0, 0), (5, 1, 90)]
    events, _ = read_dcase(tmp_path / "csv" / "a.csv")
    assert len(events) == 20 + 5 and np.allclose(events.onset[events.source == 1], 0.1 * np.arange(5, 10))
    np.save(tmp_path / "b.npy", first[:, :4])
    assert np.array_equal(read_track(tmp_path / "b.npy", 20)[:, 0], first[:, :3])
    with pytest.raises(BadInput, match=r"b.npy: its times .* are 50 apart, 100 ms at --rate 10"):
        read_track(tmp_path / "b.npy", 10)
    np.save(tmp_path / "c.npy", np.concatenate([first, first]))
    with pytest.raises(BadInput, match="two positions of one source at one time"):
        read_track(tmp_path / "c.npy", 20)
