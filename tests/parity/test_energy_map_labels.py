"""Energy maps of 32 channels equal those of the official generator of DCASE2026 (newest/ of `--golden DIR`)."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from avseld.directions.eigenmike import steering
from avseld.io.energy_maps import EnergyMap
from avseld.io.events import Events
from data_prep.imaging.bands import band_spectra
from data_prep.imaging.labels import maps_of_sounds
from data_prep.imaging.outlines import standardised
from data_prep.imaging.sparse_maps import (
    COMMON_FREQUENCY_HZ,
    SPEED_OF_SOUND_M_S,
    dictionary,
    lattice,
    sparse_maps,
)

Golden = Callable[[str], Path]


@pytest.fixture
def arrays(golden: Golden) -> dict[str, np.ndarray]:
    with np.load(golden("newest/sai_labels.npz"), allow_pickle=False) as file:
        return dict(file)


@pytest.fixture
def theirs(golden: Golden) -> dict:
    return json.loads(golden("newest/sai_labels.json").read_text())


def made(arrays: dict[str, np.ndarray], theirs: dict, corrected: tuple[str, ...] = ()) -> list[EnergyMap]:
    rows = [(f / 10, (f + 1) / 10, c, s, a, e, d / 100) for f, c, s, a, e, d in theirs["metadata"]]
    return maps_of_sounds(band_spectra(arrays["pcm"]), Events.from_rows(rows), corrected)


def test_directions_and_phases_are_the_official_ones(arrays: dict, theirs: dict) -> None:
    np.testing.assert_allclose(lattice().T, arrays["field"], atol=1e-12)
    waves = steering(lattice(), SPEED_OF_SOUND_M_S / COMMON_FREQUENCY_HZ)
    np.testing.assert_allclose(waves[:4, :8], arrays["steering_sample"], atol=1e-12)
    np.testing.assert_allclose(dictionary().slope, theirs["L"], rtol=1e-9)


def test_covariance_of_a_band_is_the_official_one(arrays: dict) -> None:
    windows = band_spectra(arrays["pcm"])[0, 4]
    expected = arrays["visibility_band4_frame0"]
    np.testing.assert_allclose(windows.conj().T @ windows, expected, atol=1e-9 * np.abs(expected).max())


def test_energies_of_the_directions_are_the_official_ones(arrays: dict) -> None:
    ours = sparse_maps(band_spectra(arrays["pcm"])).transpose(1, 0, 2)
    np.testing.assert_allclose(ours, arrays["apgd"], atol=1e-9)


def test_annotations_are_the_official_ones(arrays: dict, theirs: dict) -> None:
    ours = made(arrays, theirs)
    assert len(ours) == len(theirs["standardised_summary"])
    for one, expected in zip(ours, theirs["standardised_summary"], strict=True):
        keys = ("metadata_frame_index", "category_id", "instance_id")
        assert one.key == tuple(expected[key] for key in keys)
        assert one.distance == pytest.approx(expected["distance"])
        for points, polygon in zip(one.polygons, expected["polygons"], strict=True):
            x, y, energy = points.T
            assert (len(points), [x.min(), x.max()], [y.min(), y.max()]) == (
                polygon["pixels"], polygon["x"], polygon["y"],
            )  # fmt: skip
            np.testing.assert_allclose(points[np.argmax(energy)], polygon["peak"], atol=1e-9)
            assert energy.sum() == pytest.approx(polygon["sum"], abs=1e-6)


def test_every_pixel_of_an_annotation_is_the_official_one(arrays: dict, theirs: dict) -> None:
    (expected,) = theirs["raw_first"]["segmentation"]
    (points,) = made(arrays, theirs)[0].polygons
    np.testing.assert_allclose(points, standardised(np.array(expected)), atol=1e-9)


def test_a_sound_at_the_seam_is_written_for_each_polygon_unless_corrected(arrays: dict, theirs: dict) -> None:
    keys = [one.key for one in made(arrays, theirs)]
    assert len(keys) == 6 and len(set(keys)) == 4
    corrected = made(arrays, theirs, ("doubled",))
    assert [one.key for one in corrected] == sorted(set(keys))
    assert [len(one.polygons) for one in corrected] == [1, 1, 2, 2]
