"""Energy maps as lobes around the vectors of Multi-ACCDOA: what is learned, and what is decoded from it."""

import numpy as np
import pytest
import torch

from avseld.base.errors import BadInput
from avseld.decoding.lobes import lobes
from avseld.io.energy_maps import REACH_DEG
from avseld.io.events import Events, concatenate
from avseld.io.geometry import angle_between, unit_vector
from avseld.io.row_maps import RowMaps
from avseld.io.sphere_grid import AREA, DIRECTIONS, N_CELLS
from avseld.targets.multi_accdoa import MultiACCDOA
from avseld.targets.sphere_lobes import SphereLobes

HOP = 0.02
NAN = np.nan


def discs(*each: tuple[int, int, float, float, float]) -> Events:
    """Sources of the first label frame with even energy in a disc: (class, source, azimuth, elevation, radius)."""
    events = Events.from_rows([(0.0, 0.1, c, s, a, e, NAN) for c, s, a, e, _ in each])
    cosine = unit_vector(events.azimuth, events.elevation) @ DIRECTIONS.T
    radius = np.array([one[-1] for one in each])
    return events.with_energies(RowMaps.from_dense(cosine >= np.cos(np.radians(radius))[:, None]))


def batch_of(target: SphereLobes, events: Events) -> dict[str, torch.Tensor]:
    """Labels of a window of one label frame."""
    return {name: torch.from_numpy(value)[None] for name, value in target.encode(events, 0, 5, HOP).items()}


def fitted(target: SphereLobes, events: Events, steps: int = 200) -> dict[str, np.ndarray]:
    """Find heads with the smallest loss."""
    labels = batch_of(target, events)
    generator = torch.Generator().manual_seed(0)
    heads = {
        name: (0.1 * torch.randn(1, 1, *shape, generator=generator)).requires_grad_()
        for name, shape in target.shapes.items()
    }
    optimizer = torch.optim.Adam(heads.values(), lr=0.05)
    for _ in range(steps):
        optimizer.zero_grad()
        target.loss({name: head.repeat_interleave(5, 1) for name, head in heads.items()}, labels)[
            "loss"
        ].backward()
        optimizer.step()
    return {name: head.detach().repeat_interleave(5, 1)[0].numpy() for name, head in heads.items()}


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    return float((AREA * np.minimum(a, b)).sum() / (AREA * np.maximum(a, b)).sum())


def test_a_wide_source_is_given_a_wide_lobe_and_a_narrow_one_a_narrow_lobe():
    events = discs((0, 0, 100, 20, 19), (1, 0, -60, -10, 9))
    target = SphereLobes(2)
    found = target.decode(fitted(target, events), HOP)
    assert found.label.tolist() == [0, 1]
    apart = angle_between(
        unit_vector(found.azimuth, found.elevation), unit_vector(events.azimuth, events.elevation)
    )
    assert apart.max() < 3
    maps, known = found.energies.dense(N_CELLS), events.energies.dense(N_CELLS)
    assert [overlap(*pair) for pair in zip(maps, known, strict=True)] > [0.6, 0.4]
    assert maps[0].sum() > 2 * maps[1].sum()
    same = SphereLobes(2, map_weight=0.0)
    typical = same.decode(fitted(same, events), HOP).energies.dense(N_CELLS)
    for narrow_or_wide, typically, label in zip(maps, typical, known, strict=True):
        assert overlap(narrow_or_wide, label) > overlap(typically, label) + 0.03


def test_two_sources_of_a_class_have_a_lobe_each():
    target = SphereLobes(1)
    found = target.decode(fitted(target, discs((0, 0, 90, 0, 15), (0, 1, -30, 0, 15))), HOP)
    order = np.argsort(found.azimuth)
    np.testing.assert_allclose(found.azimuth[order], [-30, 90], atol=3)
    for row, azimuth in zip(order, (-30, 90), strict=True):
        energies = found.energies.dense(N_CELLS)[row]
        far = DIRECTIONS @ unit_vector(np.array([azimuth]), np.zeros(1))[0] < np.cos(
            np.radians(REACH_DEG + 8)
        )
        assert energies.max() == pytest.approx(1) and not energies[far].any()


def test_a_sound_that_stronger_ones_cover_is_no_source():
    events = discs((0, 0, 0, 0, 15), (1, 0, 90, 0, -1))
    assert events.energies.count.tolist()[1] == 0
    encoded = SphereLobes(2).encode(events, 0, 5, HOP)
    assert encoded["accdoa"][..., 0].any() and not encoded["accdoa"][..., 1].any()
    drawn = SphereLobes(2, energies="gaussian").encode(events, 0, 5, HOP)
    assert drawn["accdoa"][..., 1].any() and drawn["energy"][:, 1].any()


def test_directions_and_confidences_are_those_of_multi_accdoa():
    generator = np.random.default_rng(0)
    heads = {
        "accdoa": generator.normal(0, 0.4, (35, 3, 3, 4)),
        "width": generator.normal(0, 1, (35, 3, 4)),
    }
    found, plain = (kind(4).decode(heads, HOP) for kind in (SphereLobes, MultiACCDOA))
    assert len(found) > 20
    assert (found.label.tolist(), found.source.tolist()) == (plain.label.tolist(), plain.source.tolist())
    np.testing.assert_allclose(found.confidence, plain.confidence, atol=1e-12)
    apart = angle_between(
        unit_vector(found.azimuth, found.elevation), unit_vector(plain.azimuth, plain.elevation)
    )
    assert apart.max() < 1e-4
    assert not len(SphereLobes(4).decode({name: 0 * head for name, head in heads.items()}, HOP))


def test_without_weight_of_maps_the_loss_is_that_of_multi_accdoa():
    labels = batch_of(target := SphereLobes(2, map_weight=0.0), discs((0, 0, 100, 20, 19)))
    output = {
        name: torch.randn(1, 5, *shape, generator=torch.Generator().manual_seed(1))
        for name, shape in target.shapes.items()
    }
    plain = MultiACCDOA(2).loss(output, labels)["loss"]
    assert target.loss(output, labels)["loss"] == plain
    assert SphereLobes(2).loss(output, labels)["loss"] > plain


def test_silence_has_a_loss_and_no_map_to_compare():
    target = SphereLobes(2)
    labels = {
        name: torch.zeros_like(value) for name, value in batch_of(target, discs((0, 0, 0, 0, 9))).items()
    }
    output = {name: torch.ones(1, 5, *shape) for name, shape in target.shapes.items()}
    losses = target.loss(output, labels)
    assert losses["iou"] == 0 and losses["loss"] == losses["vectors"] > 0


def test_lobes_are_the_same_in_numpy_and_torch_and_end_where_the_gaussians_of_labels_do():
    cosine, width = np.linspace(-1, 1, 101), np.linspace(-3, 3, 7)[:, None]
    plain = lobes(cosine, width, np)
    np.testing.assert_allclose(
        lobes(torch.from_numpy(cosine), torch.from_numpy(width), torch).numpy(), plain, atol=1e-12
    )
    assert (np.diff(plain, axis=1) >= 0).all() and (np.diff(plain, axis=0) >= 0).all()
    assert plain[:, cosine < np.cos(np.radians(REACH_DEG + 6))].max() < 0.01


def test_labels_without_maps_are_refused_with_what_helps():
    events = Events.from_rows([(0.0, 0.1, 0, 0, 0, 0, NAN)])
    with pytest.raises(BadInput, match=r"--target.options.energies gaussian"):
        SphereLobes(2).encode(events, 0, 5, HOP)
    with pytest.raises(BadInput, match="none of maps, gaussian"):
        SphereLobes(2, energies="x")
    assert not SphereLobes(2).encode(concatenate([]), 0, 5, HOP)["energy"].any()
