"""One source a class: activity and direction heads, and ACCDOA."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from avseld.base.errors import BadInput
from avseld.decoding.frames import mean_of_groups
from avseld.io.events import Events
from avseld.io.geometry import angle_between, unit_vector
from avseld.targets import ACCDOA, SedDoa

HOP_2018 = 256 / 44100


def scene(*rows) -> Events:
    """Rows of (onset, offset, class, azimuth, elevation[, distance])."""
    return Events.from_rows((on, off, c, 0, a, e, *(d or [np.nan])) for on, off, c, a, e, *d in rows)


def active(target: SedDoa, event, hop: float, n_frames: int, start: float = 0.0) -> list[int]:
    label = target.encode(scene(event), start, n_frames, hop)
    directed = np.flatnonzero((label["doa"][:, :, event[2]] != target.axes.inactive).any(axis=1))
    sounding = np.flatnonzero(label["sed"][:, event[2]])
    return [int(edge) for edge in (sounding[0], sounding[-1], directed[0], directed[-1])]


@given(st.floats(0, 25), st.floats(0.02, 4), st.sampled_from([2018, 2019]), st.booleans())
@settings(max_examples=150, deadline=None)
def test_activity_and_direction_fill_the_frames_of_their_year(onset, length, year, legacy):
    rate, hop = (44100 / 256, HOP_2018) if year == 2018 else (50, 0.02)
    begin, end = math.floor(onset * rate), math.ceil((onset + length) * rate)
    if min(abs(t * rate - round(t * rate)) for t in (onset, onset + length)) < 1e-5:
        return
    target = SedDoa(2, "xyz", year, legacy=legacy)
    late = 1 if legacy else 0
    late_direction = late if year == 2019 else 0
    assert active(target, (onset, onset + length, 1, 20, 10), hop, 6000) == [
        begin, end - 1 + late, begin, end - 1 + late_direction,
    ]  # fmt: skip


def test_times_on_the_grid_start_on_their_frame():
    event = (0.58, 1.16, 0, 20, 10)  # 0.58 * 50 is 28.999999999999996
    assert active(SedDoa(1, rounding=2019), event, 0.02, 100) == [29, 57, 29, 57]
    assert active(SedDoa(1, rounding=2019, legacy=True), event, 0.02, 100)[0] == 28
    assert active(SedDoa(1, rounding=2020), (0.3, 0.7, 0, 20, 10), 0.1, 10) == [3, 6, 3, 6]
    assert active(SedDoa(1, rounding=2020), (0.3, 0.7, 0, 20, 10), 0.02, 50) == [15, 34, 15, 34]


def test_a_window_has_its_part_of_the_labels():
    events = scene((1.0, 2.0, 0, 20, 10), (1.5, 1.7, 1, -90, 0))
    whole, part = (SedDoa(2).encode(events, start, n, 0.02) for start, n in ((0.0, 200), (1.4, 60)))
    for name in whole:
        assert np.array_equal(whole[name][70:130], part[name])


def test_of_two_sources_of_a_class_the_later_row_is_used():
    events = scene((0, 1, 0, 20, 0), (0.4, 0.6, 0, 90, 0))
    for target, name in ((SedDoa(1), "doa"), (ACCDOA(1), "accdoa")):
        label = target.encode(events, 0.0, 10, 0.1)[name][:, :, 0]
        assert np.allclose(label[3], unit_vector(20, 0)) and np.allclose(label[4], unit_vector(90, 0))


def test_silence_is_zero_as_a_vector_and_180_degrees_as_an_angle():
    assert (SedDoa(2).encode(Events.empty(), 0, 5, 0.1)["doa"] == 0).all()
    angles = SedDoa(2, "angles", 2019, stretch=3.6)
    assert np.allclose(angles.encode(Events.empty(), 0, 5, 0.02)["doa"], math.pi)
    label = angles.encode(scene((0, 1, 1, -170, 40)), 0, 5, 0.02)["doa"]
    assert np.allclose(label[2, :, 1], (math.radians(-170), math.radians(40) * 180 / 50))
    assert np.allclose(
        SedDoa(1, "xy").encode(scene((0, 1, 0, 30, 50)), 0, 1, 0.1)["doa"].ravel(), (math.sqrt(3) / 2, 0.5)
    )


@pytest.mark.parametrize("elevation", [-70, 55, 60])
def test_steep_events_had_no_direction_in_2018(elevation):
    events = scene((0, 1, 0, 20, elevation))
    published = SedDoa(1, rounding=2018, legacy=True).encode(events, 0, 50, HOP_2018)
    assert published["sed"].all() and not published["doa"].any()
    assert SedDoa(1, rounding=2018).encode(events, 0, 50, HOP_2018)["doa"].any()


def drawn(seed: int, n_axes: int = 3, n_classes: int = 4, n_frames: int = 20):
    random = np.random.default_rng(seed)
    sed = (random.random((2, n_frames, n_classes)) < 0.3).astype(float)
    doa, logit, given = (random.normal(size=(2, n_frames, k, n_classes)) for k in (n_axes, 1, n_axes))
    output = {"sed": torch.from_numpy(logit[:, :, 0]), "doa": torch.from_numpy(given)}
    return (
        output,
        {"sed": torch.from_numpy(sed), "doa": torch.from_numpy(doa)},
        sed,
        doa,
        logit[:, :, 0],
        np.tanh(given),
    )


def test_the_losses_are_those_of_the_definition():
    output, reference, sed, doa, logit, given = drawn(0)
    p = 1 / (1 + np.exp(-logit))
    entropy = -(sed * np.log(p) + (1 - sed) * np.log(1 - p)).mean()
    plain = SedDoa(4).loss(output, reference)
    assert float(plain["sed"]) == pytest.approx(entropy)
    assert float(plain["doa"]) == pytest.approx(((given - doa) ** 2).mean())
    assert float(plain["loss"]) == pytest.approx(entropy + 50 * ((given - doa) ** 2).mean())
    masked = SedDoa(4, masked=True).loss(output, reference)
    error = ((given - doa) ** 2).sum(axis=2)
    assert float(masked["doa"]) == pytest.approx(error[sed == 1].sum() / (3 * sed.sum()))
    assert float(masked["loss"]) == pytest.approx(entropy + 5 * float(masked["doa"]))


def test_the_published_mask_of_2020_is_misaligned():
    output, reference, sed, doa, _, given = drawn(1)
    flat = [x.reshape(*x.shape[:2], -1) for x in (given, doa)]  # all x, all y, all z
    mask = np.repeat(sed, 3, axis=-1)
    expected = np.sqrt((((flat[0] - flat[1]) ** 2) * mask).sum()) / mask.sum()
    published = SedDoa(4, masked=True, legacy=True).loss(output, reference)
    assert float(published["doa"]) == pytest.approx(expected)
    assert float(published["loss"] - published["sed"]) == pytest.approx(1000 * expected)


@pytest.mark.parametrize("legacy", [False, True])
def test_only_active_classes_train_a_masked_direction(legacy):
    target = SedDoa(4, masked=True, legacy=legacy)
    output = {"sed": torch.zeros(1, 6, 4), "doa": torch.zeros(1, 6, 3, 4, requires_grad=True)}
    reference = {"sed": torch.zeros(1, 6, 4), "doa": torch.ones(1, 6, 3, 4)}
    target.loss(output, reference)["loss"].backward()
    assert (output["doa"].grad == 0).all(), "no active frame: no gradient, and none that is not a number"
    output["doa"].grad = None
    reference["sed"][0, 2, 1] = 1
    target.loss(output, reference)["loss"].backward()
    pulled = output["doa"].grad[0, 2] != 0
    assert (output["doa"].grad[0, [0, 1, 3, 4, 5]] == 0).all() and pulled.sum() == 3
    assert pulled[:, 1].all() == (not legacy)


def test_azimuth_wraps_in_the_loss_except_under_legacy():
    reference = {"sed": torch.ones(1, 1, 1), "doa": torch.tensor([[[[math.radians(179)], [0.0]]]])}
    output = {"sed": torch.zeros(1, 1, 1), "doa": torch.tensor([[[[math.radians(-179)], [0.0]]]])}
    near = SedDoa(1, "angles").loss(output, reference)["doa"]
    far = SedDoa(1, "angles", legacy=True).loss(output, reference)["doa"]
    assert float(near) == pytest.approx(math.radians(2) ** 2 / 2, rel=1e-4)
    assert float(far) == pytest.approx(math.radians(358) ** 2 / 2, rel=1e-4)


@pytest.mark.parametrize("legacy", [False, True])
def test_frames_that_share_an_output_count_once(legacy):
    output, reference, *_ = drawn(2)
    longer = [
        {name: x.repeat_interleave(5, dim=1) for name, x in side.items()} for side in (output, reference)
    ]
    once = SedDoa(4, masked=True, legacy=legacy).loss(output, reference)
    held = SedDoa(4, masked=True, frames_per_output=5, legacy=legacy).loss(*longer)
    assert {name: float(x) for name, x in once.items()} == {name: float(x) for name, x in held.items()}


def perfect(target, label: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What a network has to give to say just what the label says."""
    if isinstance(target, ACCDOA):
        vector, rest = label["accdoa"][:, :3], label["accdoa"][:, 3:]
        return {"accdoa": np.concatenate([np.arctanh(0.9999 * vector.astype(float)), rest], axis=1)}
    doa = label["doa"].astype(float)
    return {"sed": 20 * label["sed"] - 10, "doa": np.arctanh(0.9999 * doa) if target.bounded else doa}


@pytest.mark.parametrize(
    ("target", "tolerance"),
    [
        (SedDoa(3), 0.1), (SedDoa(3, "xy"), 0.1), (SedDoa(3, "angles", 2019, stretch=3.6), 1e-3),
        (SedDoa(3, "angles", legacy=True), 1e-3), (SedDoa(3, label_hop=None), 0.1), (ACCDOA(3), 0.2),
        (ACCDOA(3, distance=True), 0.2), (ACCDOA(3, bounded=False), 90.0),
    ],
)  # fmt: skip
@given(seed=st.integers(0, 2**31))
@settings(max_examples=25, deadline=None)
def test_what_is_encoded_is_decoded(target, tolerance, seed):
    random = np.random.default_rng(seed)
    flat = isinstance(target, SedDoa) and target.axes.n == 2 and not target.angular
    table = []
    for c in range(3):
        for frame in np.flatnonzero(random.random(12) < 0.6):
            elevation = 0 if flat else int(random.choice([random.integers(-50, 50), -90, 90]))
            if isinstance(target, SedDoa) and target.stretch > 1:
                elevation = int(random.integers(-50, 51))
            distance = round(random.uniform(0.5, 5), 2)
            azimuth = int(random.choice([-180, 180, 179, random.integers(-180, 180)]))
            table.append((frame * 0.1, (frame + 1) * 0.1, c, azimuth, elevation, distance))
    reference = scene(*table).sorted()
    prediction = target.decode(perfect(target, target.encode(reference, 0.0, 60, 0.02)), 0.02)
    if target.label_hop is None:  # five short rows for each
        assert np.allclose(prediction.offset - prediction.onset, 0.02)
        prediction = prediction.select(np.round(prediction.onset / 0.02).astype(int) % 5 == 0)
        assert np.allclose(prediction.onset, reference.onset)
    else:
        assert np.allclose(prediction.onset, reference.onset) and np.allclose(
            prediction.offset, reference.offset
        )
    assert prediction.label.tolist() == reference.label.tolist()
    if len(prediction):
        apart = angle_between(
            unit_vector(prediction.azimuth, prediction.elevation),
            unit_vector(reference.azimuth, reference.elevation),
        )
        assert apart.max() < tolerance
    if isinstance(target, ACCDOA) and target.distance:
        assert np.allclose(prediction.distance, reference.distance, atol=1e-5)
    else:
        assert np.isnan(prediction.distance).all()


def test_a_class_is_active_above_one_half_only():
    output = {"sed": np.array([[0.0, 1e-6, -1e-6]]), "doa": np.zeros((1, 3, 3))}
    assert SedDoa(3).decode(output, 0.1).label.tolist() == [1]
    vectors = np.zeros((1, 3, 3))
    vectors[0, 0] = (0.49, 0.51, 1.0)
    assert ACCDOA(3, bounded=False).decode({"accdoa": vectors}, 0.1).label.tolist() == [1, 2]
    assert ACCDOA(3).decode({"accdoa": vectors}, 0.1).label.tolist() == [2]


def test_frames_of_a_group_are_averaged_and_the_last_group_may_be_short():
    assert mean_of_groups(np.arange(7.0)[:, None], 3).ravel().tolist() == [1, 4, 6]
    output = {"sed": np.repeat([5.0, -5.0, 5.0], [3, 7, 2])[:, None], "doa": np.ones((12, 3, 1))}
    assert np.round(SedDoa(1).decode(output, 0.02).onset * 10).tolist() == [0, 2]


def test_accdoa_learns_towards_its_vectors():
    label = torch.from_numpy(ACCDOA(2).encode(scene((0, 1, 1, 30, 0)), 0.0, 10, 0.1)["accdoa"])[None]
    given = torch.randn(1, 10, 3, 2)
    assert float(ACCDOA(2).loss({"accdoa": given}, {"accdoa": label})["loss"]) == pytest.approx(
        float((given.tanh() - label).square().mean())
    )


def test_labels_without_times_or_directions_are_refused():
    nowhere = Events.from_rows([(0, 1, 0, 0, np.nan, np.nan, np.nan)])
    never = Events.from_rows([(np.nan, np.nan, 0, 0, 0, 0, np.nan)])
    for target in (SedDoa(1), ACCDOA(1)):
        with pytest.raises(BadInput, match="without direction"):
            target.encode(nowhere, 0.0, 5, 0.1)
        with pytest.raises(BadInput, match="without times"):
            target.encode(never, 0.0, 5, 0.1)
    with pytest.raises(BadInput, match="without direction or distance"):
        ACCDOA(1, distance=True).encode(scene((0, 1, 0, 0, 0)), 0.0, 5, 0.1)
    with pytest.raises(BadInput, match="none of xyz, linear_xyz, xy, angles"):
        SedDoa(1, "polar")
    with pytest.raises(BadInput, match="none of 2018, 2019, 2020"):
        SedDoa(1, rounding=2017)
