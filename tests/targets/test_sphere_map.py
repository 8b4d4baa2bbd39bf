"""Energy maps as a target: encoding, loss, decoding, and maps that turn with the scene."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from avseld.augment.scenes import ALL_ROTATIONS
from avseld.base.errors import BadInput
from avseld.base.harmonics import spherical_harmonics
from avseld.io.energy_maps import EnergyMap, directions_of_pixels, write_energy_maps
from avseld.io.events import Events, concatenate
from avseld.io.geometry import angle_between, unit_vector
from avseld.io.label_maps import with_maps
from avseld.io.row_maps import RowMaps
from avseld.io.sphere_grid import AREA, DIRECTIONS, N_CELLS, at_pixels, from_points
from avseld.metrics.imaging import maps_of, maps_of_directions
from avseld.metrics.imaging.drawing import draw
from avseld.metrics.imaging.matching import soft_iou
from avseld.targets.sphere_map import SphereMap

HOP = 0.02
NAN = np.nan
GAUSSIAN = SphereMap(4, energies="gaussian")


def rows(*each: tuple[int, int, int, float, float]) -> Events:
    """Events of a label frame: (frame, class, source, azimuth, elevation)."""
    return Events.from_rows([(f / 10, (f + 1) / 10, c, s, a, e, NAN) for f, c, s, a, e in each])


def fitted(target: SphereMap, events: Events, n_labels: int, steps: int = 300) -> dict[str, np.ndarray]:
    """Find heads with the smallest loss for some events."""
    encoded = target.encode(events, 0.0, n_labels * 5, HOP)
    labels = {name: torch.from_numpy(value)[None] for name, value in encoded.items()}
    heads = torch.zeros(1, n_labels, *target.shapes["maps"], requires_grad=True)
    optimizer = torch.optim.Adam([heads], lr=0.05)
    for _ in range(steps):
        optimizer.zero_grad()
        target.loss({"maps": heads.repeat_interleave(5, dim=1)}, labels)["loss"].backward()
        optimizer.step()
    return {"maps": heads.detach().repeat_interleave(5, dim=1)[0].numpy()}


def test_harmonics_are_orthonormal_over_the_sphere_and_begin_with_the_axes():
    found = spherical_harmonics(DIRECTIONS, 4)
    product = (found * AREA[:, None]).T @ found / N_CELLS
    np.testing.assert_allclose(product, np.eye(25), atol=0.01)  # the grid itself is that exact
    x, y, z = DIRECTIONS.T
    np.testing.assert_allclose(
        found[:, :4], np.stack([1 + 0 * x, *(3**0.5 * np.stack([y, z, x]))], axis=1), atol=1e-12
    )
    np.testing.assert_allclose(found[:, 6], 5**0.5 * (1.5 * z**2 - 0.5), atol=1e-12)  # degree 2, order 0
    np.testing.assert_allclose(found[:, 8], 15**0.5 / 2 * (x**2 - y**2), atol=1e-12)  # degree 2, order 2


def test_a_label_frame_has_the_sources_that_sound_in_its_middle():
    events = Events.from_rows([(0.06, 0.3, 2, 0, 0, 0, NAN)])
    heard = GAUSSIAN.encode(events, 0.0, 25, HOP)["energy"].any(axis=-1)
    assert np.argwhere(heard).tolist() == [[1, 2], [2, 2]]
    late = GAUSSIAN.encode(events, 0.08, 24, HOP)["energy"].any(axis=-1)
    assert late.shape == (4, 4) and np.argwhere(late).tolist() == [[0, 2], [1, 2]]


def test_two_sources_of_a_class_share_a_map_and_are_decoded_as_two():
    events = rows((0, 1, 0, 60, 20), (0, 1, 1, -100, -30), (1, 3, 0, 179, 0))
    found = GAUSSIAN.decode(fitted(GAUSSIAN, events, 2), HOP)
    assert sorted(zip(found.onset.tolist(), found.label.tolist(), strict=True)) == [(0, 1), (0, 1), (0.1, 3)]
    for one in events:
        near = (found.onset == one.onset) & (found.label == one.label)
        vectors = unit_vector(found.azimuth[near], found.elevation[near])
        assert angle_between(vectors, unit_vector(one.azimuth, one.elevation)).min() < 4
    assert found.source.tolist() == [0, 1, 0]
    assert (found.confidence > 0.5).all()


def test_a_map_that_is_encoded_learned_decoded_and_drawn_overlaps_itself():
    events = rows((0, 0, 0, 20, 10), (1, 1, 0, -178, -35), (2, 2, 0, 95, 50))
    found = maps_of(GAUSSIAN.decode(fitted(GAUSSIAN, events, 3), HOP))
    wanted = maps_of_directions(events)
    assert [(one.frame, one.label) for one in found] == [(0, 0), (1, 1), (2, 2)]
    overlaps = [soft_iou(draw(a.polygons), draw(b.polygons)) for a, b in zip(wanted, found, strict=True)]
    assert min(overlaps) > 0.75


@settings(max_examples=20, deadline=None)
@given(
    st.floats(-180, 180), st.floats(-59, 59)
)  # rules draw a disc that holds a pole as all between its points
def test_energies_on_the_grid_are_drawn_as_what_they_were_read_from(azimuth, elevation):
    x, y = np.meshgrid(np.arange(360), np.arange(180))
    pixels = directions_of_pixels(x.ravel(), y.ravel())
    angle = angle_between(pixels, unit_vector(azimuth, elevation))
    near = angle < 30
    points = np.stack([x.ravel(), y.ravel(), np.exp(-0.5 * (angle / 10) ** 2)], axis=1)[near]
    energies = from_points([points])
    event = rows((0, 0, 0, azimuth, elevation)).with_energies(RowMaps.from_dense(energies[None]))
    (drawn,) = maps_of(event)
    assert soft_iou(draw([points]), draw(drawn.polygons)) > 0.88


@pytest.mark.parametrize("elevation", [85.0, -85.0])
def test_a_map_goes_on_beyond_a_pole(elevation):
    centre = unit_vector(20.0, elevation)
    cells = np.exp(-0.5 * (angle_between(DIRECTIONS, centre) / 10) ** 2)
    x, y = np.arange(0.0, 360.0, 5.0), np.full(72, 0.0 if elevation > 0 else 179.0)
    expected = np.exp(-0.5 * (angle_between(directions_of_pixels(x, y), centre) / 10) ** 2)
    assert np.abs(at_pixels(cells, x, y) - expected).max() < 0.01


@pytest.mark.parametrize("rotation", ALL_ROTATIONS)
def test_turning_the_scene_turns_its_maps(rotation):
    events = rows((0, 0, 0, 33, 21), (0, 1, 0, -140, -50))
    centres = unit_vector(events.azimuth, events.elevation)
    angles = angle_between(DIRECTIONS[None], centres[:, None])
    events = events.with_energies(
        RowMaps.from_dense(np.where(angles < 20, 20 - angles, 0).astype(np.float32))
    )
    turned = rotation.events(events)
    centres = unit_vector(turned.azimuth, turned.elevation)
    angles = angle_between(DIRECTIONS[None], centres[:, None])
    np.testing.assert_allclose(
        turned.energies.dense(N_CELLS), np.where(angles < 20, 20 - angles, 0), atol=1e-4
    )


def test_the_gradient_of_the_loss_is_that_of_its_differences():
    target = SphereMap(2, sh_order=2, energies="gaussian", frames_per_label=1)
    events = rows((0, 1, 0, 10, 0))
    labels = {"energy": torch.from_numpy(target.encode(events, 0.0, 1, 0.1)["energy"])[None].double()}
    heads = torch.randn(1, 1, 2, 10, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) * 0.3
    heads.requires_grad_()
    assert torch.autograd.gradcheck(lambda maps: target.loss({"maps": maps}, labels)["loss"], heads)


def test_silence_trains_the_activity_alone():
    encoded = GAUSSIAN.encode(Events.empty(), 0.0, 10, HOP)
    heads = torch.randn(1, 10, *GAUSSIAN.shapes["maps"], requires_grad=True)
    GAUSSIAN.loss({"maps": heads}, {"energy": torch.from_numpy(encoded["energy"])[None]})["loss"].backward()
    assert heads.grad[..., 1:].abs().max() == 0 and heads.grad[..., 0].abs().min() > 0
    assert len(GAUSSIAN.decode({"maps": np.full((10, 4, 50), -5.0)}, HOP)) == 0


def test_maps_of_labels_join_the_rows_of_their_frame_class_and_source(tmp_path):
    def disc(x: int, y: int) -> tuple[np.ndarray, ...]:
        across, down = np.meshgrid(np.arange(-12, 13), np.arange(-12, 13))
        points = np.stack([(x + across.ravel()) % 360, y + down.ravel(), np.full(across.size, 0.5)], axis=1)
        return (points,)

    path = tmp_path / "a_std.json"
    write_energy_maps(path, [
        EnergyMap(1, 2, 0, disc(90, 90)), EnergyMap(1, 2, 1, disc(270, 90)), EnergyMap(7, 3, 0, disc(0, 60)),
    ])  # fmt: skip
    labels = Events.from_rows([(0.1, 0.3, 2, 1, -90, 0, 1.5), (0.1, 0.2, 2, 0, 90, 0, 1.0)])
    found = with_maps(labels, path, 4)
    assert found.onset.round(1).tolist() == [0.1, 0.1, 0.2, 0.7]
    assert found.source.tolist() == [0, 1, 1, 0]
    dense = found.energies.dense(N_CELLS)
    assert dense.max(axis=1).tolist() == [1, 1, 0, 1]
    peaks = [DIRECTIONS[row > 0.5].mean(axis=0) for row in dense[[0, 1, 3]]]
    for peak, direction in zip(peaks, [(90, 0), (-90, 0), (180, 30)], strict=True):
        assert angle_between(peak, unit_vector(*direction)) < 3
    assert found.azimuth[:3].tolist() == [90, -90, -90]
    assert angle_between(unit_vector(found.azimuth[3], found.elevation[3]), unit_vector(180, 30)) < 20
    target = SphereMap(4)
    energy = target.encode(found, 0.0, 50, HOP)["energy"]
    assert np.argwhere(energy.any(axis=-1)).tolist() == [[1, 2], [7, 3]]
    with pytest.raises(BadInput, match="labels without energy maps"):
        target.encode(labels, 0.0, 50, HOP)


@given(st.integers(0, 6), st.integers(0, 99))
def test_maps_of_rows_are_selected_and_joined_as_their_rows(n, seed):
    random = np.random.default_rng(seed)
    dense = np.where(random.random((n, 9)) < 0.4, random.random((n, 9)), 0).astype(np.float32)
    maps = RowMaps.from_dense(dense)
    mask, order = random.random(n) < 0.5, random.permutation(n)
    np.testing.assert_array_equal(maps[mask].dense(9), dense[mask])
    np.testing.assert_array_equal(maps[order].dense(9), dense[order])
    places = random.permutation(9)
    np.testing.assert_array_equal(maps.moved(places).dense(9), dense[:, places])
    table = Events.from_rows([(0, 0.1, 0, 0, 0, 0, NAN)] * n).with_energies(maps)
    both = concatenate([table.select(mask), table])
    if n:
        np.testing.assert_array_equal(both.energies.dense(9), np.concatenate([dense[mask], dense]))


def test_a_label_frame_of_another_number_of_frames_is_refused():
    with pytest.raises(BadInput, match="frames_per_label: 5, but a label frame has 10 frames"):
        GAUSSIAN.encode(Events.empty(), 0.0, 100, 0.01)
    with pytest.raises(BadInput, match="energies: 'x' is none of maps, gaussian"):
        SphereMap(3, energies="x")
