import numpy as np
import pytest

from avseld.base.errors import BadInput
from avseld.base.files import fingerprint
from avseld.io.boxes import Boxes, centre_direction, is_perspective, people, read_boxes, write_boxes


def some(n=5, k=3, **about) -> Boxes:
    random = np.random.default_rng(0)
    score = -np.sort(-random.random((n, k)), axis=1)
    box = np.sort(random.random((n, k, 2, 2)), axis=2).reshape(n, k, 4).astype(np.float32)
    return Boxes(np.arange(n) * 0.1, box, score.astype(np.float32), np.zeros((n, k), np.int16), about)


def test_boxes_come_back_as_written(tmp_path):
    boxes = some(detector="mine", duration=0.5)
    write_boxes(tmp_path / "x.npz", boxes)
    back = read_boxes(tmp_path / "x.npz")
    for name in ("time", "box", "score", "label"):
        assert np.array_equal(getattr(back, name), getattr(boxes, name))
    assert back.about == boxes.about


def test_boxes_of_another_video_are_refused(tmp_path):
    video, other = tmp_path / "a.mp4", tmp_path / "b.mp4"
    video.write_bytes(b"one")
    other.write_bytes(b"two")
    write_boxes(tmp_path / "x.npz", some(video=fingerprint(video)))
    read_boxes(tmp_path / "x.npz", video)
    with pytest.raises(BadInput, match=r"x\.npz: boxes of another video than .*b\.mp4"):
        read_boxes(tmp_path / "x.npz", other)


@pytest.mark.parametrize("content", [b"", b"no zip at all", b"PK\x03\x04 cut off"])
def test_a_damaged_boxes_file_is_named(tmp_path, content):
    (tmp_path / "x.npz").write_bytes(content)
    with pytest.raises(BadInput, match=r"x\.npz: no boxes file"):
        read_boxes(tmp_path / "x.npz")


def test_a_pickled_array_is_never_unpickled(tmp_path):
    with (tmp_path / "x.npz").open("wb") as file:
        np.savez(file, time=np.array([print], dtype=object), about="{}")
    with pytest.raises(BadInput, match=r"x\.npz: no boxes file"):
        read_boxes(tmp_path / "x.npz")


def first_is(value):
    def change(array):
        changed = array.astype(float)
        changed.flat[0] = value
        return changed

    return change


@pytest.mark.parametrize(
    ("name", "change", "says"),
    [
        ("time", lambda time: time[::-1], "times do not rise"),
        ("time", np.zeros_like, "times do not rise"),
        ("time", lambda time: time - 1, "a time of -1 s is before the start"),
        ("time", lambda time: time + 1e6, "a time of 1e\\+06 s is after the end of the video"),
        ("time", first_is(np.nan), "a time of nan"),
        ("time", lambda time: time.astype(str), "time holds <U32, not numbers"),
        ("score", lambda score: score * 8, "a score of .*, not from 0 to 1"),
        ("score", lambda score: score[:, ::-1], "scores do not fall"),
        ("score", first_is(np.nan), "a score of nan"),
        ("score", lambda score: score + 0j, "score holds complex64, not numbers"),
        ("box", first_is(np.inf), "a box of inf"),
        ("box", first_is(1e6), r"a box of 1e\+06"),
        ("box", lambda box: box[..., [2, 1, 0, 3]], "a box ends before it begins"),
        ("label", lambda label: label + 0.5, "a label is no whole number"),
        ("label", lambda label: label - 2, "a label of -2"),
        ("about", lambda _: np.array("[1]"), "about is no JSON object"),
        ("about", lambda _: np.array('{"fps": "ten"}'), "fps in about is 'ten', not a number"),
        ("about", lambda _: np.array('{"duration": NaN}'), "duration in about is nan, not a number"),
    ],
)
def test_values_that_are_no_detections_are_refused(tmp_path, name, change, says):
    write_boxes(tmp_path / "x.npz", some(duration=0.5))
    arrays = dict(np.load(tmp_path / "x.npz"))
    np.savez(tmp_path / "x.npz", **arrays | {name: change(arrays[name])})
    with pytest.raises(BadInput, match=rf"x\.npz: no boxes file \({says}.*make it anew with avseld-detect"):
        read_boxes(tmp_path / "x.npz")


def test_the_best_people_come_first_and_the_rest_is_zero():
    score = np.array([[0.9, 0.8, 0.5, 0.10, 0.101, 0.3]])
    label = np.array([[0, 16, 0, 0, 0, 0]])
    box = np.arange(24, dtype=np.float32).reshape(1, 6, 4)
    found = people(Boxes(np.zeros(1), box, score, label), n_boxes=6)[0]
    assert np.array_equal(found[:4], box[0, [0, 2, 5, 4]])  # the dog is no person, 0.10 is not above 0.10
    assert (found[4:] == 0).all()
    assert people(Boxes(np.zeros(1), box, score, label), n_boxes=2).shape == (1, 2, 4)


def test_a_time_has_the_latest_row_not_after_it():
    boxes = some(n=4)
    assert boxes.at(np.array([-1, 0, 0.05, 0.1, 0.2, 0.29, 0.3, 9])).tolist() == [0, 0, 0, 1, 2, 2, 3, 3]


def test_the_centre_of_a_box_is_converted_to_a_direction():
    azimuth, elevation = centre_direction(np.array([[0.2, 0.2, 0.3, 0.3], [0.95, 0.4, 1.05, 0.6]]))
    assert azimuth == pytest.approx([90, -180]) and elevation == pytest.approx([45, 0])


@pytest.mark.parametrize(
    ("about", "perspective"),
    [
        ({"width": 1920, "height": 960}, False),
        ({"width": 360, "height": 180}, False),
        ({"width": 640, "height": 360}, True),
        ({}, False),
    ],
)
def test_boxes_of_a_picture_of_another_shape_than_2_to_1_are_of_no_panorama(about, perspective):
    assert is_perspective(about) == perspective
