"""Direction classes and activity: encoding, loss and decoding."""

import numpy as np
import pytest
import torch

from avseld.decoding.bins import bin_of, degrees_of
from avseld.io.events import Events
from avseld.targets import TARGETS
from avseld.targets.activity import Activity
from avseld.targets.bins import DirectionBins


def test_directions_become_the_nearest_classes():
    assert bin_of("azimuth", [-180, 180, 177.6, 177.4, 0, -2, 175]).tolist() == [0, 0, 0, 71, 36, 36, 71]
    assert bin_of("elevation", [-45, 45, 0, 60, -90, 12]).tolist() == [0, 18, 9, 18, 0, 11]
    for angle, n in (("azimuth", 72), ("elevation", 19)):
        assert bin_of(angle, degrees_of(angle, np.arange(n))).tolist() == list(range(n))


def test_direction_classes_are_the_union_of_active_sources():
    events = Events.from_rows(
        [(0, 0.4, 0, 0, 30, 0, 1), (0.2, 0.6, 0, 1, -60, 20, 1), (0.2, 0.6, 3, 0, 180, 20, 1)]
    )
    target = DirectionBins(14).encode(events, 0.0, 64, 0.0125)
    assert target["azimuth"].shape == (64, 72) and target["elevation"].shape == (64, 19)
    heard = [
        set(degrees_of("azimuth", np.flatnonzero(target["azimuth"][t]))) for t in (0, 15, 16, 32, 47, 48)
    ]
    assert heard == [{30}, {30}, {30, -60, -180}, {-60, -180}, {-60, -180}, set()]
    assert set(degrees_of("elevation", np.flatnonzero(target["elevation"][20]))) == {0, 20}
    only = DirectionBins(14, ["elevation"])
    assert set(only.shapes) == {"elevation"} and set(only.encode(events, 0, 8, 0.0125)) == {"elevation"}


@pytest.mark.parametrize("name", ["activity", "bins"])
def test_published_labels_lie_around_the_start_of_their_frame(name):
    events = Events.from_rows([(0.1, 0.2, 0, 0, 30, 0, 1)])
    for legacy, first in ((False, 8), (True, 4)):
        target = next(iter(TARGETS[name](14, legacy=legacy).encode(events, 0.0, 32, 0.0125).values()))
        assert np.flatnonzero(target.any(axis=1)).tolist() == list(range(first, first + 8))


def test_encoded_direction_classes_are_decoded():
    events = Events.from_rows([(0, 0.3, 0, 0, 30, 10, 1), (0.1, 0.3, 5, 0, -180, 10, 1)])
    target = DirectionBins(14)
    logit = {name: value * 20 - 10 for name, value in target.encode(events, 0.0, 32, 0.0125).items()}
    found = target.decode(logit, 0.0125)
    assert found.azimuth.tolist() == [30, -180, 30, -180, 30] and set(found.elevation) == {10}
    assert found.source.tolist() == [0, 0, 1, 0, 1] and np.allclose(found.onset, [0, 0.1, 0.1, 0.2, 0.2])
    azimuth = DirectionBins(14, ["azimuth"]).decode({"azimuth": logit["azimuth"]}, 0.0125)
    assert azimuth.azimuth.tolist() == found.azimuth.tolist() and np.isnan(azimuth.elevation).all()


def test_encoded_activity_is_decoded():
    random = np.random.default_rng(0)
    heard = [(f, c) for f in range(20) for c in range(5) if random.random() < 0.4]
    rows = [(0.1 * f, 0.1 * f + 0.1, c, 0, np.nan, np.nan, np.nan) for f, c in heard]
    events, target = Events.from_rows(rows), Activity(5)
    found = target.decode({"sed": target.encode(events, 0, 160, 0.0125)["sed"] * 20 - 10}, 0.0125)
    assert (found.label == events.label).all() and np.allclose(found.onset, events.onset)
    assert np.isnan(found.azimuth).all() and len(found) == len(events)


def test_frames_that_share_an_output_count_once_in_the_loss():
    events = Events.from_rows([(0, 0.2, 1, 0, 30, 0, 1)])
    for target in (Activity(3), DirectionBins(3)):
        wanted = {k: torch.from_numpy(v)[None] for k, v in target.encode(events, 0, 33, 0.0125).items()}
        logit = {k: torch.zeros_like(v) for k, v in wanted.items()}
        loss = target.loss(logit, wanted)["loss"]
        assert float(loss) == pytest.approx(np.log(2) * len(wanted), rel=1e-6)
        logit = {k: torch.where(torch.arange(33)[:, None] % 8 > 0, 50.0, v) for k, v in logit.items()}
        assert target.loss(logit, wanted)["loss"] == loss
        right = {k: v * 40 - 20 for k, v in wanted.items()}
        assert float(target.loss(right, wanted)["loss"]) < 1e-6
