"""Detection in tiles of a panorama: every person once, in place, and small people that the whole frame misses."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from yolox_material import Bright, panorama, write_video

from avseld.base.errors import BadInput
from avseld.io.boxes import PERSON
from detection.backends.tiles import TiledDetector
from detection.detect import boxes_of_video, in_tiles
from detection.detector import load
from detection.prepared_boxes import _is_done

WIDE, HIGH = 720, 360


@settings(max_examples=30, deadline=None)
@given(
    middles=st.lists(st.integers(0, WIDE - 1), min_size=3, max_size=3),
    half=st.integers(2, 18),
    n_tiles=st.integers(2, 6),
)
def test_every_person_is_detected_once_at_every_azimuth(middles, half, n_tiles):
    apart = (np.array(middles)[:, None] - middles + WIDE / 2) % WIDE - WIDE / 2
    assume(np.abs(apart[np.triu_indices(3, 1)]).min() >= 2 * half)
    picture = np.zeros((1, HIGH, WIDE, 3), np.uint8)
    for channel, middle in enumerate(middles):
        picture[0, 150:200, (middle + np.arange(-half, half)) % WIDE, channel] = 255
    (found,) = TiledDetector(Bright(), n_tiles)(picture)
    assert len(found.score) == 3
    centre = (found.box[:, 0] + found.box[:, 2]) / 2 * WIDE
    assert ((centre >= 0) & (centre <= WIDE)).all()
    for middle in middles:
        off = np.abs((centre - middle + WIDE / 2) % WIDE - WIDE / 2)
        assert off.min() < 1e-6
    np.testing.assert_allclose((found.box[:, 2] - found.box[:, 0]) * WIDE, 2 * half, atol=1e-6)
    np.testing.assert_allclose(found.box[:, [1, 3]] * HIGH, [[150, 200]] * len(found.box), atol=1e-6)


def test_duplicates_across_the_seam_are_merged():
    class Twice(Bright):
        """Detector that finds a person in every tile that contains one, with different scores."""

        def one(self, frame):
            found = super().one(frame)
            return found._replace(score=np.full(len(found.score), 0.5 + frame.mean() / 1000))

    picture = np.zeros((2, HIGH, WIDE, 3), np.uint8)
    picture[:, 150:250, np.arange(-15, 15) % WIDE, 0] = 255
    for found in TiledDetector(Twice(), 4)(picture):
        assert len(found.score) == 1
        np.testing.assert_allclose((found.box[0, 0] + found.box[0, 2]) / 2 % 1.0, 0.0, atol=1e-9)


def test_no_frames_give_no_detections():
    assert TiledDetector(Bright(), 3)(np.zeros((0, HIGH, WIDE, 3), np.uint8)) == []


@pytest.mark.parametrize("tiles", [0, -1, 13])
def test_tiles_out_of_range_are_refused(tiles):
    with pytest.raises(BadInput, match="tiles"):
        in_tiles(Bright(), tiles)


def test_tiles_detect_small_people_that_the_whole_frame_misses(shared):
    crops = sorted(shared("data/images/objects/femaleSpeech").iterdir())[:6]
    places = np.linspace(0.1, 0.9, 6)
    picture = panorama({(float(x), 0.55): crop for x, crop in zip(places, crops, strict=True)}, 150)
    detector = load("onnx", shared("data/yolox/yolox_nano.onnx"))

    def people(detector):
        (found,) = detector(picture[None])
        chosen = (found.label == PERSON) & (found.score > 0.3)
        middle = (found.box[chosen, 0] + found.box[chosen, 2]) / 2
        off = np.abs((middle[None] - places[:, None] + 0.5) % 1.0 - 0.5)
        return int((off.min(axis=1, initial=1.0) < 0.02).sum())

    assert people(in_tiles(detector, 4)) >= people(detector) + 2


def test_boxes_files_store_the_number_of_tiles(shared, tmp_path):
    weights = shared("data/yolox/yolox_nano.onnx")
    film = write_video(tmp_path / "film.mp4", [np.full((180, 360, 3), 90, np.uint8)] * 5, 10)
    assert boxes_of_video(film, weights=weights, tiles=3).about["tiles"] == 3
    assert "tiles" not in boxes_of_video(film, weights=weights).about


def test_boxes_with_another_number_of_tiles_are_detected_again():
    whole = {"detector": "onnx", "looked_at": 360}
    assert _is_done(whole, whole) and _is_done({"tiles": 4, **whole}, {"tiles": 4, **whole})
    assert not _is_done({"tiles": 4, **whole}, whole) and not _is_done(whole, {"tiles": 4, **whole})
