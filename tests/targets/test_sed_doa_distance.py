"""One source a class with its distance: three heads, and positions in metres."""

import numpy as np
import pytest
import torch

from avseld.base.errors import BadInput
from avseld.io.events import Events
from avseld.targets import TARGETS, SedCoordinates, SedDoa, SedDoaDistance

ROWS = [(0.2, 0.6, 0, 0, 30, 10, 2.0), (0.4, 1.0, 2, 0, -120, -40, 0.6), (0.5, 0.6, 2, 1, 80, 0, 3.5)]


def ideal(target, label: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Heads before their activation that say what a label says."""
    heads = {"sed": 20 * label["sed"] - 10} | {name: label[name] for name in target.shapes if name != "sed"}
    return heads | ({"doa": np.arctanh(0.9999 * label["doa"])} if "doa" in label else {})


@pytest.mark.parametrize("name", ["sed_doa_distance", "sed_coordinates"])
def test_what_is_encoded_is_decoded(name):
    target, events = TARGETS[name](3), Events.from_rows(ROWS)
    label = target.encode(events, 0.0, 50, 0.02)
    found = target.decode(ideal(target, label), 0.02)
    assert [round(t, 1) for t in found.onset] == [0.2, 0.3, 0.4, 0.4, 0.5, 0.5, 0.6, 0.7, 0.8, 0.9]
    # The later row overwrites where two sources of class 2 sound.
    for row, (azimuth, elevation, distance) in {
        0: (30, 10, 2.0),
        3: (-120, -40, 0.6),
        5: (80, 0, 3.5),
    }.items():
        place = (found.azimuth[row], found.elevation[row], found.distance[row])
        assert place == pytest.approx((azimuth, elevation, distance), abs=0.1)


def test_distance_alone_has_no_direction_and_is_scored_as_activity():
    target = SedDoaDistance(3, directions=False)
    label = target.encode(Events.from_rows(ROWS), 0.0, 50, 0.02)
    found = target.decode(ideal(target, label), 0.02)
    assert set(label) == set(target.shapes) == {"sed", "distance"} and target.task == "sed"
    assert np.isnan(found.azimuth).all() and found.distance[3] == pytest.approx(0.6)


@pytest.mark.parametrize("name", ["sed_doa_distance", "sed_coordinates"])
def test_only_active_classes_train_place_and_distance(name):
    target = TARGETS[name](3, frames_per_output=5)
    label = target.encode(Events.from_rows(ROWS), 0.0, 50, 0.02)
    reference = {part: torch.from_numpy(value)[None] for part, value in label.items()}
    output = {
        head: torch.randn(1, 50, *shape).abs().requires_grad_() for head, shape in target.shapes.items()
    }
    target.loss(output, reference)["loss"].backward()
    first = reference["sed"].bool() & (torch.arange(50) % 5 == 0)[:, None]
    for head in set(output) - {"sed"}:
        pulled = output[head].grad.reshape(1, 50, -1, 3).ne(0).any(dim=2)
        assert torch.equal(pulled, first), head


def test_labels_without_distance_are_refused():
    events = Events.from_rows([(*ROWS[0][:6], np.nan)])
    for target in (SedDoaDistance(3), SedCoordinates(3)):
        with pytest.raises(BadInput, match="labels without direction or distance"):
            target.encode(events, 0.0, 50, 0.02)


def test_a_distance_of_zero_is_no_infinite_relative_error():
    target = SedDoaDistance(1, directions=False, distance_error="mspe")
    output = {"sed": torch.zeros(1, 1, 1), "distance": torch.full((1, 1, 1), 0.3)}
    reference = {"sed": torch.ones(1, 1, 1), "distance": torch.zeros(1, 1, 1)}
    assert target.loss(output, reference)["distance"].item() == pytest.approx(9)


@pytest.mark.parametrize(("name", "power"), [("mspe", 2), ("mape", 1)])
def test_published_relative_errors_divide_by_the_distance_alone(name, power):
    reference = {"sed": torch.ones(1, 1, 1), "distance": torch.full((1, 1, 1), 0.02)}
    output = {"sed": torch.zeros(1, 1, 1), "distance": torch.full((1, 1, 1), 0.3)}
    for legacy, divisor in ((False, 0.1), (True, 0.02 + 1e-8)):
        target = SedDoaDistance(1, directions=False, distance_error=name, legacy=legacy)
        error = target.loss(output, reference)["distance"].item()
        assert error == pytest.approx((0.28 / divisor) ** power)


def test_unknown_errors_and_averages_are_refused():
    with pytest.raises(BadInput, match="distance_error: 'rmse' is none of mse, mspe, mape"):
        SedDoaDistance(3, distance_error="rmse")
    with pytest.raises(BadInput, match="give masked true"):
        SedDoa(3, averaged="all")
