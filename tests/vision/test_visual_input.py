"""Visual input: the same in training windows, whole recordings and single files."""

import numpy as np
import pytest
import torch
from torch import nn

from avseld.config import Part
from avseld.decoding.windows import window_grid
from avseld.inference.predictor import Predictor
from avseld.io.boxes import Boxes, people
from avseld.models import MODELS
from avseld.system.blueprint import Blueprint
from avseld.system.build import System
from avseld.vision.visual_input import VisualInput, VisualSpec

CLASSES = [f"class {number}" for number in range(13)]


class Onlooker(nn.Module):
    """Network that ignores audio and records its visual input."""

    visual_input, n_boxes, vision = "boxes", 3, True

    def __init__(self, n_features: int, n_bins: int, shapes: dict[str, tuple[int, ...]]) -> None:
        super().__init__()
        ((self.head, self.shape),) = shapes.items()
        self.weight = nn.Parameter(torch.zeros(1))
        self.shown: list[torch.Tensor] = []

    def forward(self, x: torch.Tensor, boxes: torch.Tensor | None = None) -> dict[str, torch.Tensor]:
        if boxes is not None:
            self.shown.append(boxes.clone())
        return {self.head: x.new_zeros(x.shape[0], x.shape[2], *self.shape)}


@pytest.fixture
def system(monkeypatch):
    monkeypatch.setitem(MODELS, "onlooker", Onlooker)
    system = System(Blueprint(Part("amplitude_ipd"), Part("onlooker"), Part("multi_accdoa"), CLASSES))
    system.model.shown.clear()  # a system with a network from elsewhere is tried on a window when it is built
    return system


def walk(fps: float, duration: float = 6.0) -> Boxes:
    """Create boxes of a person whose left edge moves by 0.1 per second, at `fps` frames per second."""
    time = np.arange(round(duration * fps)) / fps
    box = np.stack([time / 10, 0 * time + 0.4, time / 10 + 0.1, 0 * time + 0.6], axis=1)[:, None]
    score = np.full((len(time), 1), 0.75)
    return Boxes(time, box, score, np.zeros((len(time), 1)), {"duration": duration})


@pytest.mark.parametrize("fps", [5.0, 10.0, 29.97, 50.0])
def test_label_frames_get_the_latest_boxes_at_any_frame_rate(fps):
    shown = VisualInput(walk(fps), VisualSpec(3, 12)).at(np.array([0.0, 1.23]))
    assert shown.shape == (2, 12, 3, 5) and shown.dtype == np.float32
    middle = np.array([0.0, 1.23])[:, None] + 0.1 * np.arange(12) + 0.05
    late = middle - shown[:, :, 0, 0] * 10
    assert late.min() > -1e-4 and late.max() < 1 / fps + 1e-4
    assert (shown[:, :, 0, 4] == 0.75).all() and not shown[:, :, 1:].any()


def test_scores_follow_the_coordinates_of_their_box():
    box = np.arange(12).reshape(1, 3, 4) / 12
    boxes = Boxes(np.zeros(1), box, np.array([[0.2, 0.9, 0.05]]), np.zeros((1, 3)))
    found = people(boxes, 3, scored=True)[0]
    np.testing.assert_allclose(found[:2, 4], [0.9, 0.2], rtol=1e-6)
    np.testing.assert_allclose(found[0, :4], box[0, 1], rtol=1e-6)
    assert not found[2].any()


def test_visual_input_is_zero_before_and_after_the_video():
    shown = VisualInput(walk(10.0, 2.0), VisualSpec(3, 12)).at(np.array([-0.5, 1.5]))[:, :, 0, 4] > 0
    assert np.flatnonzero(shown[0]).tolist() == list(range(5, 12))
    assert np.flatnonzero(shown[1]).tolist() == list(range(5))


def test_a_boxes_file_without_rows_gives_zeros():
    nothing = Boxes(np.zeros(0), np.zeros((0, 1, 4)), np.zeros((0, 1)), np.zeros((0, 1)))
    for view in (VisualSpec(3, 12), VisualSpec(3)):
        assert not VisualInput(nothing, view).at(np.zeros(2)).any()


@pytest.mark.parametrize("legacy", [False, True])
def test_inference_windows_get_the_boxes_of_their_own_time(monkeypatch, legacy):
    monkeypatch.setitem(MODELS, "onlooker", Onlooker)
    system = System(
        Blueprint(Part("amplitude_ipd"), Part("onlooker"), Part("multi_accdoa"), CLASSES, legacy=legacy)
    )
    system.model.shown.clear()  # of the window on which the system was tried when it was built
    Predictor(system).predict(np.zeros((4, 5 * 24_000), np.float32), walk(50.0))
    shown = torch.cat(system.model.shown).numpy()
    assert shown.shape == (5, 13, 3, 5)
    first = window_grid(system.lengths, 500 * 240).first_frame
    begin = (first - system.margin) * system.hop
    middle = begin[:, None] + 0.1 * np.arange(13) + 0.05
    inside = (middle >= 0) & (middle < 6)
    np.testing.assert_allclose(shown[:, :, 0, 0][inside], middle[inside] / 10, atol=0.0021)
    assert not shown[~inside].any()


def test_networks_without_settings_get_the_published_number_of_boxes():
    system = System(Blueprint(Part("amplitude_ipd"), Part("avcrnn"), Part("multi_accdoa"), CLASSES))
    assert system.visual_spec == VisualSpec(6) and system.visual_spec.shape == (6, 4)


def test_a_window_has_one_row_for_every_label_frame_that_it_overlaps(system):
    assert system.visual_spec.shape == (13, 3, 5)
    assert system.visual_spec.n_label_frames * system.visual_spec.hop >= system.blueprint.chunk
