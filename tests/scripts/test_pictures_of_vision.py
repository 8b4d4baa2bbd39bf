"""Examples of the largest gain and the largest loss from vision are found and drawn."""

import numpy as np
import pytest
from PIL import Image
from yolox_material import write_video

from avseld.io.boxes import Boxes, write_boxes
from avseld.io.events import Events
from avseld.io.manifest import Recording
from scripts.pictures_of_vision import MISSED_DEG, SEGMENT_FRAMES, WIDTH, draw, errors, examples


def source_at(azimuth, label=0, source=0, frames=range(40)):
    """Create the events of one source at one azimuth, or at one azimuth per frame."""
    places = np.broadcast_to(azimuth, len(frames))
    return Events.from_rows(
        [
            (f / 10, (f + 1) / 10, label, source, float(a), 0.0, np.nan)
            for f, a in zip(frames, places, strict=True)
        ]
    )


@pytest.fixture
def recording(tmp_path):
    video = write_video(tmp_path / "x.mp4", [np.full((180, 360, 3), 80, np.uint8)] * 40, 10)
    boxes = tmp_path / "x.npz"
    seen = np.tile([0.45, 0.3, 0.55, 0.8], (40, 1, 1))
    write_boxes(boxes, Boxes(np.arange(40) / 10, seen, np.full((40, 1), 0.9), np.zeros((40, 1), int)))
    return Recording("x", tmp_path / "x.wav", "foa", video, boxes, None, "fold4", "room1", 4.0)


def test_the_error_is_the_angle_to_the_nearest_prediction_of_the_class():
    reference = source_at(10.0, frames=range(5, 15))
    found = errors(reference, source_at(40.0), 40, 0, 0)
    assert np.isnan(found[:5]).all() and np.isnan(found[15:]).all()
    np.testing.assert_allclose(found[5:15], 30.0)
    np.testing.assert_allclose(errors(reference, source_at(10.0, label=1), 40, 0, 0)[5:15], MISSED_DEG)


def test_the_largest_gain_and_the_largest_loss_are_found(recording):
    reference = source_at(0.0)
    audio_only = source_at(np.repeat([50.0, 5.0], 20))
    audio_visual = source_at(np.repeat([2.0, 60.0], 20))
    found = sorted(
        examples(recording, reference, audio_only, audio_visual, [0]), key=lambda example: example.gain
    )
    assert found[-1].gain == pytest.approx(48.0) and found[-1].frame <= 20 - SEGMENT_FRAMES // 2
    assert found[0].gain == pytest.approx(-55.0) and found[0].frame >= 20 + SEGMENT_FRAMES // 2
    assert (
        examples(recording, reference, audio_only, source_at(2.0, label=1), [0]) == []
    )  # not predicted by both


def test_both_predictions_are_drawn_one_below_the_other(recording):
    reference = source_at(0.0)
    (example, *_) = examples(recording, reference, source_at(50.0), source_at(0.0), [0])
    picture = draw(
        example, reference, {"audio-only": source_at(50.0), "audio-visual": source_at(0.0)}, ["female_speech"]
    )
    assert isinstance(picture, Image.Image) and picture.width == WIDTH
    pixels = np.asarray(picture).astype(int)
    above, below = pixels[: WIDTH // 2], pixels[picture.height // 2 :][: WIDTH // 2]
    left = slice(round((180 - 60) / 360 * WIDTH), round((180 - 40) / 360 * WIDTH))
    assert np.abs(above[:, left] - 80).max() > 60  # the audio-only prediction is to the left
    assert np.abs(below[:, left] - 80).max() < 60
