"""Files of energy maps: what is read back, and what is refused in one line."""

import json
import zipfile

import numpy as np
import pytest

from avseld.base.errors import BadInput
from avseld.io.energy_maps import EnergyMap, files_of, merge_doubled, read_energy_maps, write_energy_maps

POINTS = np.array([[10.0, 20.5, 0.25], [11.0, 20.0, 1.0]])
GOOD = {"metadata_frame_index": 3, "instance_id": 1, "category_id": 2, "distance": 150, "score": 0.5,
        "segmentation": [[[1, 2, 0.5]]]}  # fmt: skip


def written(path, *annotations):
    path.write_text(json.dumps({"annotations": list(annotations)}))
    return path


def test_what_is_written_is_read_back(tmp_path):
    maps = [
        EnergyMap(3, 2, 1, (POINTS, POINTS + np.array([100, 0, 0])), 150.0, 0.625),
        EnergyMap(4, 0, 0, (POINTS,), score=0.5),
    ]
    path = tmp_path / "a.json"
    assert write_energy_maps(path, maps) == path.stat().st_size
    back = read_energy_maps(path, predicted=True)
    assert [(one.key, one.score) for one in back] == [(one.key, one.score) for one in maps]
    for one, other in zip(back, maps, strict=True):
        np.testing.assert_array_equal(one.polygons, other.polygons)
    assert back[0].distance == 150 and np.isnan(back[1].distance)
    assert "20.5" in path.read_text() and "10.0" not in path.read_text()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"metadata_frame_index": -1}, "metadata_frame_index is -1"),
        ({"metadata_frame_index": "3"}, "metadata_frame_index is '3'"),
        ({"category_id": 13}, "category_id 13 is none of 0 to 12"),
        ({"category_id": 1.5}, "category_id is 1.5"),
        ({"score": None}, "has no score, which predictions need"),
        ({"score": 1e300}, "give a finite number"),
        ({"distance": 10**400}, "give a finite number"),
        ({"metadata_frame_index": float("inf")}, "metadata_frame_index is inf"),
        ({"category_id": 10**30}, "category_id is 1000"),
        ({"segmentation": [[["1", 2, 1]]]}, "not three numbers"),
        ({"segmentation": [[[1, 2, 10**400]]]}, "not three numbers"),
        ({"segmentation": [[[1, 2, 1e300]]]}, "energies are finite"),
        ({"score": float("nan")}, "give a finite number"),
        ({"segmentation": None}, "no list of polygons"),
        ({"segmentation": [[[1, 2]]]}, "not three numbers"),
        ({"segmentation": [[[361, 2, 1]]]}, "x goes from 0 to 360"),
        ({"segmentation": [[[1, -0.5, 1]]]}, "y from 0 to 180"),
        ({"segmentation": [[[1, 2, float("inf")]]]}, "energy inf"),
        ({"segmentation": [[["a", 2, 1]]]}, "not three numbers"),
    ],
)
def test_a_value_out_of_its_range_is_named_with_its_annotation(tmp_path, change, words):
    path = written(tmp_path / "a.json", GOOD, GOOD | change)
    with pytest.raises(BadInput, match="annotation 2") as caught:
        read_energy_maps(path, predicted=True, n_classes=13)
    assert words in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("content", ["", "[]", '{"annotations": 3}', "not json", "[" * 100_000])
def test_other_files_are_refused(tmp_path, content):
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(BadInput, match=r"a\.json"):
        read_energy_maps(tmp_path / "a.json")


def test_a_zip_archive_an_empty_file_and_a_folder_are_called_by_their_names(tmp_path):
    archive = tmp_path / "a.json"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("b.json", "{}")
    with pytest.raises(BadInput, match=r"a\.json: is a zip archive; unpack it"):
        read_energy_maps(archive)
    with pytest.raises(
        BadInput, match=r"a\.zip: is no \.json file; give one, or the folder that has them, unpacked"
    ):
        files_of(archive.rename(tmp_path / "a.zip"))
    with pytest.raises(BadInput, match=r"b: not found"):
        files_of(tmp_path / "b")
    (tmp_path / "c.json").touch()
    with pytest.raises(BadInput, match=r"c\.json: cannot be read as JSON \(empty\)"):
        read_energy_maps(tmp_path / "c.json")


def test_a_label_needs_no_score_and_an_empty_polygon_is_left_out(tmp_path):
    label = {name: value for name, value in GOOD.items() if name != "score"} | {
        "segmentation": [[], [[1, 2, 1]]]
    }
    (one,) = read_energy_maps(written(tmp_path / "a.json", label))
    assert np.isnan(one.score) and len(one.polygons) == 1


def test_only_what_is_there_twice_is_merged():
    one, same = EnergyMap(3, 2, 1, (POINTS,)), EnergyMap(3, 2, 1, (POINTS.copy(),))
    other = EnergyMap(3, 2, 1, (POINTS + np.array([5, 0, 0]),))
    assert merge_doubled([one, same, other]) == [one, other]


def test_files_are_found_by_recording_whatever_their_ending_and_folder(tmp_path):
    (tmp_path / "dev-test-sony").mkdir()
    for name in ("a_std.json", "b_inference.json", "dev-test-sony/c.json"):
        written(tmp_path / name)
    assert list(files_of(tmp_path)) == ["a", "b", "c"]
    written(tmp_path / "a.json")
    with pytest.raises(BadInput, match="same recording"):
        files_of(tmp_path)
