"""Energy maps of plane waves on the 32 capsules of the Eigenmike."""

import numpy as np
import pytest
from eigenmike_waves import plane_waves
from hypothesis import given, settings
from hypothesis import strategies as st

from avseld.base.sphere import unit_vector
from avseld.directions.eigenmike import TETRAHEDRON, capsule_positions, steering
from avseld.io.events import Events
from avseld.io.geometry import angle_between, direction
from data_prep.imaging.bands import BAND_CENTRES_HZ, band_spectra
from data_prep.imaging.labels import CORRECTIONS, maps_of_sounds
from data_prep.imaging.outlines import around_sound, filled_outlines
from data_prep.imaging.pictures import pictures
from data_prep.imaging.published import maps_plainly, near_plainly, picture_plainly
from data_prep.imaging.sparse_maps import SPEED_OF_SOUND_M_S, lattice, sparse_maps

SPACING_DEG = 9.2
"""between neighbours of the 484 directions; the nearest one is at most two thirds of it away"""


def events(rows: list[tuple[int, int, int, float, float]]) -> Events:
    """Make events of rows frame, class, source, azimuth, elevation."""
    return Events.from_rows([(f / 10, (f + 1) / 10, c, s, a, e, 2.0) for f, c, s, a, e in rows])


def strongest(polygons: tuple[np.ndarray, ...]) -> np.ndarray:
    points = np.concatenate(polygons)
    x, y, _ = points[np.argmax(points[:, 2])]
    return unit_vector(180 - x, 90 - y)


@given(azimuth=st.integers(-180, 179), elevation=st.integers(-60, 60), seed=st.integers(0, 99))
@settings(max_examples=12, deadline=None)
def test_the_map_of_a_plane_wave_is_strongest_where_it_comes_from(
    azimuth: int, elevation: int, seed: int
) -> None:
    spectra = band_spectra(plane_waves([(azimuth, elevation)], seed=seed))
    energies = np.median(sparse_maps(spectra, own_wavelengths=True), axis=1)
    wave = unit_vector(azimuth, elevation)
    assert angle_between(lattice()[np.argmax(energies[-1])], wave) < SPACING_DEG
    made = maps_of_sounds(spectra, events([(1, 3, 0, azimuth, elevation)]), tuple(CORRECTIONS))
    assert len(made) == 1
    assert angle_between(strongest(made[0].polygons), wave) < SPACING_DEG


@pytest.mark.parametrize(("momentum", "own_wavelengths"), [(False, False), (True, False), (False, True)])
def test_energies_are_those_of_matrices_multiplied_one_by_one(momentum: bool, own_wavelengths: bool) -> None:
    sound = plane_waves([(40, 10), (-100, -30)], frames=2) + 1e-3 * np.random.default_rng(1).standard_normal(
        (4800, 32)
    )
    lengths = SPEED_OF_SOUND_M_S / (BAND_CENTRES_HZ if own_wavelengths else np.full(9, 5000.0))
    waves = np.stack([steering(lattice(), each) for each in lengths])
    ours = sparse_maps(band_spectra(sound), own_wavelengths, momentum)
    np.testing.assert_allclose(ours, maps_plainly(sound, waves, momentum), atol=1e-9)


def test_momentum_comes_nearer_to_the_optimum_and_silence_gives_no_energy() -> None:
    sound = plane_waves([(40, 10)], frames=1)
    spectra = band_spectra(np.concatenate([np.zeros((2400, 32)), sound]))
    slow, fast = (sparse_maps(spectra, momentum=each) for each in (False, True))
    assert not slow[0].any() and not fast[0].any()
    near = lattice() @ unit_vector(40, 10) > np.cos(np.radians(15))
    assert fast[1][:, near].sum() > slow[1][:, near].sum()


def test_a_map_does_not_depend_on_the_level_of_the_recording() -> None:
    spectra = band_spectra(plane_waves([(0, 0), (90, 0)]))
    np.testing.assert_allclose(sparse_maps(spectra), sparse_maps(1e-3 * spectra), atol=1e-12)


def test_a_picture_is_the_linear_interpolation_of_the_directions() -> None:
    energies = np.random.default_rng(0).random((1, 484))
    np.testing.assert_allclose(pictures(energies)[0], picture_plainly(energies[0], lattice()), atol=1e-12)


def test_on_the_sphere_a_picture_has_no_gap_at_the_seam_and_the_poles() -> None:
    even = np.ones((1, 484))
    plane, sphere = pictures(even)[0], pictures(even, on_sphere=True)[0]
    assert (plane[:, [0, 359]] == 0).any() and not plane[0].any()
    np.testing.assert_allclose(sphere, 1, atol=1e-12)


def test_on_the_sphere_a_smooth_field_is_met_everywhere() -> None:
    axis = unit_vector(170, 20)
    drawn = pictures((lattice() @ axis)[None], on_sphere=True)[0]
    azimuth, elevation = np.meshgrid(180.0 - np.arange(360), 90.0 - np.arange(180))
    assert np.abs(drawn - unit_vector(azimuth, elevation) @ axis).max() < 0.015


@given(azimuth=st.integers(-180, 180), elevation=st.integers(-90, 90))
@settings(max_examples=20, deadline=None)
def test_the_surroundings_of_a_sound_are_a_gaussian_on_the_circle(azimuth: int, elevation: int) -> None:
    picture = np.random.default_rng(0).random((180, 360)) * 1e-3
    np.testing.assert_allclose(
        around_sound(picture, azimuth, elevation), near_plainly(picture, azimuth, elevation), atol=1e-15
    )


def test_outlines_keep_holes_join_corners_and_leave_single_pixels_out() -> None:
    picture = np.zeros((180, 360))
    picture[10:15, 20:25] = 1.0
    picture[12, 22] = 0.0  # a hole
    picture[15, 25] = 1.0  # touches at a corner
    picture[50, 50] = 1.0  # alone
    picture[5, [0, 1, 359]] = 1.0  # at both sides of the seam
    picture[4, 359] = 1.0
    areas = filled_outlines(picture)
    assert [len(area) for area in areas] == [26, 2, 2]
    assert [22, 12, 0] in areas[0].tolist() and [25, 15, 1] in areas[0].tolist()
    assert areas[1][:, 0].tolist() == [0, 1] and areas[2][:, 0].tolist() == [359, 359]
    assert filled_outlines(np.zeros((180, 360))) == []


def test_a_sound_at_the_seam_has_energy_across_it_when_corrected() -> None:
    spectra = band_spectra(plane_waves([(180, 0)]))
    rows = events([(1, 0, 0, 180, 0)])
    (whole,) = maps_of_sounds(spectra, rows, tuple(CORRECTIONS))
    x = np.concatenate(whole.polygons)[:, 0]
    assert {0, 1, 358, 359} <= set(x.astype(int)) and len(whole.polygons) == 2
    official = np.concatenate(maps_of_sounds(spectra, rows)[0].polygons)[:, 0]
    assert not {0, 359} & set(official.astype(int))


def test_sounds_beyond_the_end_and_far_from_any_energy_have_no_map() -> None:
    spectra = band_spectra(plane_waves([(0, 0)]))
    made = maps_of_sounds(spectra, events([(0, 1, 0, 0, 0), (1, 1, 0, 180, 0), (7, 1, 0, 0, 0)]), ("seam",))
    assert [one.frame for one in made] == [0]


def test_four_capsules_are_the_microphones_of_starss23() -> None:
    places = direction(capsule_positions()[list(TETRAHEDRON)])
    expected = [(45, 35), (-45, -35), (135, -35), (-135, 35)]
    np.testing.assert_allclose(np.stack(places[:2], axis=-1), expected, atol=1e-9)
