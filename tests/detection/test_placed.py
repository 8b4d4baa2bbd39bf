"""Perspective pictures before a detector of panoramas: people where they are, as large as it knows them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from yolox_material import Bright, write_video

from avseld.base.errors import BadInput
from detection.backends.placed import PlacedDetector
from detection.detect import boxes_of_video, seen_as
from detection.prepared_boxes import _is_done

WIDE, HIGH = 320, 180


class Witness(Bright):
    """Keeps the size of the pictures that it is shown."""

    def __call__(self, frames):
        self.shape = frames.shape
        return super().__call__(frames)


@settings(max_examples=30, deadline=None)
@given(
    left=st.integers(0, WIDE - 40),
    top=st.integers(0, HIGH - 60),
    field_deg=st.floats(10, 160),
)
def test_people_of_a_perspective_picture_are_found_where_they_are(left, top, field_deg):
    picture = np.zeros((1, HIGH, WIDE, 3), np.uint8)
    picture[0, top : top + 60, left : left + 40, 1] = 255
    (found,) = PlacedDetector(Bright(), field_deg)(picture)
    place = found.box[0] * [WIDE, HIGH, WIDE, HIGH]
    np.testing.assert_allclose(place, [left, top, left + 40, top + 60], atol=1e-6)


def test_a_degree_in_the_middle_is_as_wide_as_in_a_panorama():
    inner = Witness()
    detector = PlacedDetector(inner, 100)
    detector(np.zeros((2, HIGH, WIDE, 3), np.uint8))
    _, high, wide, _ = inner.shape
    degree = WIDE / 2 * np.tan(np.radians(1)) / np.tan(np.radians(50))
    assert degree == pytest.approx(wide / 360, rel=0.01)
    assert high == wide // 2
    assert detector.size == round(416 * WIDE / wide)  # pictures come no larger than the detector sees them


def test_a_field_of_view_out_of_range_or_beside_tiles_is_refused():
    with pytest.raises(BadInput, match="field_deg 5"):
        seen_as(Bright(), field_deg=5)
    with pytest.raises(BadInput, match="tiles"):
        seen_as(Bright(), tiles=3, field_deg=100)


def test_boxes_files_store_the_field_of_view(tmp_path):
    film = write_video(tmp_path / "film.mp4", [np.full((HIGH, WIDE, 3), 90, np.uint8)] * 3, 10)
    about = boxes_of_video(film, weights="people_drawn", field_deg=100).about
    assert about["field_deg"] == 100 and about["looked_at"] < 384
    whole = {key: value for key, value in about.items() if key != "field_deg"}
    assert _is_done(about, about) and not _is_done(about, whole) and not _is_done(whole, about)
