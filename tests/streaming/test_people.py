"""Cameras and films, the people in them, and what a network is given of them."""

import threading
import time
from pathlib import Path

import av
import numpy as np
import pytest
from yolox_material import write_video

from avseld.base.errors import BadInput
from avseld.io.boxes import Boxes
from avseld.streaming import camera
from avseld.streaming.camera import Camera, Film, is_camera, open_camera
from avseld.streaming.clock import RunningClock, StandingClock
from avseld.streaming.faults import FaultLog
from avseld.streaming.people import HOLD_S, PeopleLog, Watcher
from avseld.vision.visual_input import VisualInput, visual_spec
from detection.detect import boxes_of_video
from detection.live import picture_detector

EXAMPLE = Path(camera.__file__).parents[1] / "examples" / "example.mp4"


def walking(n_frames, fps=10.0, seed=0, n_people=3):
    """Boxes of people who walk, with the noise of a detector."""
    random = np.random.default_rng(seed)
    time_ = np.arange(n_frames) / fps
    centre = random.uniform(0.1, 0.9, n_people) + np.outer(time_, random.uniform(-0.05, 0.05, n_people))
    half = np.full(n_people, 0.03)
    box = np.stack([centre - half, 0 * centre + 0.3, centre + half, 0 * centre + 0.7], axis=-1)
    box = box + random.normal(scale=0.003, size=box.shape)
    score = np.sort(random.uniform(0.3, 0.9, (n_frames, n_people)), axis=1)[:, ::-1]
    return Boxes(time_, box, score, np.zeros((n_frames, n_people), int), {"duration": n_frames / fps})


def row(boxes, number):
    return Boxes(boxes.time[[number]], boxes.box[[number]], boxes.score[[number]], boxes.label[[number]])


@pytest.mark.parametrize("kind", ["first_boxes", "boxes", "live_tracks"])
def test_a_network_is_given_of_live_pictures_what_prediction_gives_it_of_a_video(kind):
    boxes, spec = walking(80), visual_spec(kind, 4, 0, 12, 0.1)
    whole, seen = VisualInput(boxes, spec), PeopleLog(spec, 1.2)
    for number in range(80):
        seen.add(row(boxes, number))
        start = (number + 1) * 0.1 - 1.2  # the window whose last label frame shows the newest picture
        found = seen.visual_at(start, spec.n_label_frames)
        assert np.array_equal(found, whole.at(np.array([start])))
    assert found.any()


def test_people_are_followed_with_the_pictures_so_far_where_a_network_wants_tracks():
    boxes, spec = walking(60), visual_spec("tracks", 4, 0, 12, 0.1)
    seen = PeopleLog(spec, 60.0)
    for number in range(50):
        seen.add(row(boxes, number))
    so_far = Boxes(boxes.time[:50], boxes.box[:50], boxes.score[:50], boxes.label[:50])
    expected = VisualInput(so_far, spec).at(np.array([3.8]))
    assert np.array_equal(seen.visual_at(3.8, 12), expected) and expected.any()


def test_what_is_remembered_of_people_does_not_grow():
    boxes, spec = walking(400), visual_spec("live_tracks", 4, 0, 12, 0.1)
    seen = PeopleLog(spec, 1.2)
    for number in range(400):
        seen.add(row(boxes, number))
    assert len(seen._rows) == len(seen._tracks) <= 43


def test_nobody_is_seen_before_the_first_picture_nor_long_after_the_last_one():
    boxes, spec = walking(20), visual_spec("boxes", 4, 0, 10, 0.1)
    seen = PeopleLog(spec, 1.2)
    assert not seen.visual_at(0.0, 10).any()
    for number in range(20):
        seen.add(row(boxes, number))
    assert seen.visual_at(1.5, 10).any(axis=(2, 3)).all()  # the newest picture counts on
    seen.ended = 2.0
    assert seen.visual_at(1.5, 10)[0].any(axis=(1, 2)).tolist() == [True] * 5 + [False] * 5


class Looks:
    """A detector that finds one person, as far to the right as the picture is bright."""

    width, about = 64, {"fps": 10.0}

    def __call__(self, second, pixels):
        x = float(pixels.mean()) / 255
        return Boxes(
            np.array([second]), np.array([[[x, 0.2, x + 0.05, 0.8]]]), np.array([[0.9]]), np.array([[0]])
        )


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """A video of two seconds that grows brighter."""
    pictures = [np.full((32, 64, 3), 10 * number, np.uint8) for number in range(20)]
    return write_video(tmp_path_factory.mktemp("film") / "a.mp4", pictures, 10)


def watched(pictures, clock, second, faults, detector=None):
    people = PeopleLog(visual_spec("boxes", 2, 0, 1, 0.1), 100.0)
    return people, Watcher(pictures, detector or Looks(), people, clock, second, faults, 10.0)


@pytest.mark.parametrize("offset", [0.0, 0.7])
def test_a_film_is_looked_at_ten_times_a_second_until_its_end(film, offset):
    people, watcher = watched(Film(film, 64, "foa", offset), StandingClock(), lambda: 0.0, FaultLog())
    for second in np.arange(0, 4, 0.13):
        watcher.look_until(float(second))
    watcher.stop()
    times = [float(one.time[0]) for one in people._rows]
    assert times == pytest.approx(offset + 0.1 * np.arange(20)) and people.ended == pytest.approx(
        2.0 + offset
    )
    brightness = [one.box[0, 0, 0] * 255 for one in people._rows]
    assert brightness == pytest.approx(10 * np.arange(20), abs=4)


def test_a_film_that_is_no_panorama_is_refused_as_prediction_refuses_it(film, caplog, tmp_path):
    square = write_video(tmp_path / "a.mp4", [np.zeros((64, 64, 3), np.uint8)] * 3, 10)
    Film(square, 64, "foa").close()
    assert "is not an equirectangular 2:1 video" in caplog.text
    with pytest.raises(BadInput, match="not found"):
        Film(tmp_path / "none.mp4", 64, "foa")


def test_pictures_one_by_one_give_the_boxes_of_the_whole_video():
    detector = picture_detector(Path("people_drawn"))
    whole = boxes_of_video(EXAMPLE, weights=Path("people_drawn"), fps=2.0)
    people, watcher = watched(
        Film(EXAMPLE, detector.width, "foa"), StandingClock(), lambda: 0.0, FaultLog(), detector
    )
    watcher._fps = 2.0
    watcher.look_until(2.6)
    watcher.stop()
    assert len(people._rows) == 6
    for number, one in enumerate(people._rows):
        n = one.score.shape[1]
        assert one.time[0] == whole.time[number] and np.array_equal(one.box[0], whole.box[number, :n])
        assert np.array_equal(one.score[0], whole.score[number, :n]) and one.score.any()


class Lens:
    """A camera at the interface of PyAV: it gives pictures, breaks off, and comes back."""

    def __init__(self, broken):
        self.broken = broken

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def close(self):
        pass

    def decode(self, video):
        while True:
            if self.broken.is_set():
                raise av.error.EOFError(541478725, "End of file", "camera")
            yield av.VideoFrame.from_ndarray(np.full((64, 128, 3), 200, np.uint8), format="rgb24")
            time.sleep(0.01)


def test_a_camera_that_stops_is_reported_and_seen_again_when_it_comes_back(monkeypatch):
    broken, clock, faults = threading.Event(), RunningClock(), FaultLog()

    def opened(name):
        if broken.is_set():
            raise BadInput("--video camera: cannot be opened")
        return Lens(broken)

    monkeypatch.setattr(camera, "open_camera", opened)
    monkeypatch.setattr(camera, "RETRY_S", 0.05)
    monkeypatch.setattr("avseld.streaming.people.STOPPED_S", 0.3)
    begin = clock.now()

    def second():
        return clock.now() - begin

    pictures = Camera("camera", 64, clock, lambda at: at - begin)
    people, watcher = watched(pictures, clock, second, faults)
    watcher.start()

    def until(condition):
        end = time.monotonic() + 5
        while not condition() and time.monotonic() < end:
            time.sleep(0.01)
        assert condition()

    until(lambda: len(people._rows) >= 3)
    assert watcher.picture.pixels.shape == (32, 64, 3) and people.visual_at(second() - 0.1, 1).any()
    broken.set()
    until(lambda: faults.all)
    (fault,) = faults.all
    assert (fault.kind, fault.where, faults.status) == ("camera", "camera", 6)
    last = people._rows[-1].time[0]
    assert people.ended == pytest.approx(last + HOLD_S) and not people.visual_at(last + HOLD_S, 1).any()
    broken.clear()
    until(lambda: people.ended == np.inf and people._rows[-1].time[0] > last)
    watcher.stop()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "camera:/dev/video77",
            "--video camera:/dev/video77: /dev/video77 cannot be opened .*is it plugged in",
        ),
        (
            "rtsp://127.0.0.1:9/none",
            "--video rtsp://127.0.0.1:9/none: .* cannot be opened .*check the address",
        ),
    ],
)
def test_a_camera_that_cannot_be_opened_is_refused(name, message, monkeypatch):
    monkeypatch.setattr("sys.platform", "linux")
    assert is_camera(name)
    with pytest.raises(BadInput, match=message):
        open_camera(name)
