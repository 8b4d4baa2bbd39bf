"""Energy maps become rows in the directions of their centres."""

import numpy as np
import pytest

from avseld.io.energy_maps import EnergyMap, write_energy_maps
from avseld.io.events import Events
from avseld.io.label_maps import centre_of, events_of, with_maps
from avseld.io.sphere_grid import N_CELLS


def square(x: int, y: int, size: int = 3, energy: float = 1.0) -> np.ndarray:
    """All pixels of a square around (x, y)."""
    steps = np.arange(size) - size // 2
    return np.array([(x + i, y + j, energy) for i in steps for j in steps])


def test_the_direction_is_the_centre_of_the_energy_not_its_peak():
    weak, strong = square(180, 90, 1), square(200, 90, 1, 3.0)
    (azimuth,) = events_of([EnergyMap(0, 1, 0, (weak, strong))]).azimuth
    assert azimuth == pytest.approx(-0.5 - 15, abs=0.2)


def test_the_centre_of_a_map_over_the_seam_lies_behind():
    both = (square(1, 90), square(358, 90))
    events = events_of([EnergyMap(3, 2, 1, both, 150.0)])
    assert abs(events.azimuth[0]) == pytest.approx(180) and events.elevation[0] == pytest.approx(
        -0.5, abs=0.02
    )
    assert (events.onset[0], events.label[0], events.source[0], events.distance[0]) == (
        pytest.approx(0.3), 2, 1, 1.5,
    )  # fmt: skip


def test_a_map_without_energy_has_no_centre_and_no_row(tmp_path):
    silent = [EnergyMap(0, 0, 0, (square(10, 10, energy=0.0),)), EnergyMap(0, 0, 1, ())]
    assert [centre_of(one) for one in silent] == [None, None]
    assert len(events_of(silent)) == 0
    write_energy_maps(tmp_path / "a.json", [*silent, EnergyMap(1, 0, 0, (square(90, 90),))])
    assert len(with_maps(Events.empty(), tmp_path / "a.json", 1)) == 1


def test_a_map_without_a_row_becomes_the_row_that_it_is_without_csv(tmp_path):
    one = EnergyMap(2, 1, 0, (square(123, 45, 15),), 100.0)
    write_energy_maps(tmp_path / "a.json", [one])
    joined, alone = with_maps(Events.empty(), tmp_path / "a.json", 2), events_of([one])
    for name in ("onset", "label", "source", "azimuth", "elevation", "distance"):
        np.testing.assert_array_equal(getattr(joined, name), getattr(alone, name))
    assert joined.energies.dense(N_CELLS).max() == 1
