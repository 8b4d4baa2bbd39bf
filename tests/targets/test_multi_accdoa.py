import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import adpit

from avseld.io.events import Events
from avseld.io.geometry import angle_between, unit_vector
from avseld.targets import TARGETS, MultiACCDOA
from avseld.targets.label_frames import first_tick, slots

HOP = 0.01


def frames(rows) -> Events:
    return Events.from_rows((f * 0.1, (f + 1) * 0.1, c, s, a, e, np.nan) for f, c, s, a, e in rows)


rows = st.lists(
    st.tuples(
        st.integers(0, 30), st.integers(0, 2), st.integers(0, 3), st.integers(-180, 180), st.integers(-90, 90)
    ),
    max_size=25,
)  # fmt: skip


@given(rows, st.integers(0, 200))
@settings(max_examples=200, deadline=None)
def test_labels_are_those_of_the_definition(table, start):
    ours = slots(frames(table), start / 100, 128, HOP, 3)
    assert np.allclose(ours, adpit.label(table, start * 10, 128, 3), atol=1e-6)


def test_the_published_scene_has_its_slots():
    table = [(12, 1, 0, 30, -10), (12, 1, 1, -60, 5), (13, 1, 0, 30, -10), (14, 1, 0, 0, 0), (14, 1, 1, 90, 0),
             (14, 1, 2, 180, 0), (14, 1, 3, -90, 0), (15, 4, 0, -170, 20), (15, 2, 0, 45, 45)]  # fmt: skip
    label = slots(frames(table), 1.234, 128, HOP, 13)
    active = label.any(axis=2)
    labelled = {
        (slot, c): (np.flatnonzero(active[:, slot, c]).min(), np.flatnonzero(active[:, slot, c]).max())
        for slot, c in zip(*np.nonzero(active.any(axis=0)), strict=True)
    }
    assert labelled == {
        (1, 1): (0, 6), (2, 1): (0, 6), (0, 1): (7, 16), (3, 1): (17, 26), (4, 1): (17, 26), (5, 1): (17, 26),
        (0, 2): (27, 36), (0, 4): (27, 36),
    }  # fmt: skip
    assert np.allclose(label[8, 0, :, 1], (0.85286853, 0.49240388, -0.17364818), atol=1e-7)


def test_the_published_truncation_is_one_frame_early_at_some_starts():
    starts = np.random.default_rng(0).integers(0, 60 * 24000, 20_000)
    early = [first_tick(n / 24000, HOP) - first_tick(n / 24000, HOP, legacy=True) for n in starts]
    assert set(early) == {0, 1} and 0 < np.mean(early) < 0.005
    assert first_tick(0.57, HOP, legacy=True) == 56
    assert all(first_tick(n / 24000, HOP) == n // 240 for n in starts)


@given(st.integers(0, 2**31), st.floats(0, 1))
@settings(max_examples=60, deadline=None)
def test_the_loss_is_that_of_the_best_assignment(seed, share):
    random = np.random.default_rng(seed)
    table = [
        (0, c, s, random.integers(-180, 180), random.integers(-90, 90))
        for c in range(4) for s in range(int(random.integers(0, 4)))
    ]  # fmt: skip
    target = slots(frames(table), 0.0, 3, HOP, 4)
    output = random.normal(size=(3, 3, 3, 4)) * share
    ours = MultiACCDOA(4).loss(
        {"accdoa": torch.from_numpy(output)[None]}, {"accdoa": torch.from_numpy(target).double()[None]}
    )["loss"]
    assert float(ours) == pytest.approx(adpit.loss(output, target.astype(float)), rel=1e-9)


@given(seed=st.integers(0, 2**31))
@settings(max_examples=30, deadline=None)
def test_the_loss_is_the_error_to_the_assigned_reference(seed):
    random = np.random.default_rng(seed)
    table = [
        (0, c, s, random.integers(-180, 180), random.integers(-90, 90))
        for c in range(4) for s in range(int(random.integers(0, 4)))
    ]  # fmt: skip
    label = {"accdoa": torch.from_numpy(slots(frames(table), 0.0, 3, HOP, 4)).double()[None]}
    output = {"accdoa": torch.from_numpy(random.normal(size=(1, 3, 3, 3, 4)))}
    held = MultiACCDOA(4).assigned(output, label)
    assert float((output["accdoa"] - held).square().mean()) == pytest.approx(
        float(MultiACCDOA(4).loss(output, label)["loss"]), rel=1e-9
    )


def test_the_loss_ignores_the_order_of_sources_and_tracks():
    target = slots(frames([(0, 0, s, 40 * s, 10) for s in range(3)]), 0.0, 10, HOP, 2)
    output = np.zeros((1, 10, 3, 3, 2), np.float32)
    for track, source in enumerate((2, 0, 1)):
        output[0, :, track, :, 0] = unit_vector(40 * source, 10)
    assert MultiACCDOA(2).loss(
        {"accdoa": torch.from_numpy(output)}, {"accdoa": torch.from_numpy(target)[None]}
    )["loss"] == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("name", ["multi_accdoa"])
@given(seed=st.integers(0, 2**31))
@settings(max_examples=60, deadline=None)
def test_what_is_encoded_is_decoded(name, seed):
    random = np.random.default_rng(seed)
    table = []
    for frame in range(13):
        for c in range(3):
            # Sources of one class at least 40 degrees apart, anywhere: seam and poles included.
            start, count = random.integers(-180, 180), int(random.integers(0, 4))
            table += [
                (frame, c, s, (start + 60 * s + 180) % 360 - 180, int(random.integers(-20, 20)))
                for s in range(count)
            ]
        if random.random() < 0.2:
            table.append((frame, 3, 0, 0, int(random.choice([-90, 90]))))
    reference = frames(table)
    target = TARGETS[name](4)
    label = target.encode(reference, 0.0, 130, HOP)["accdoa"]
    prediction = target.decode({"accdoa": adpit.ideal_output(label)}, HOP)
    key = [(round(t * 10), c) for t, c in zip(prediction.onset, prediction.label, strict=True)]
    assert sorted(key) == sorted((row[0], row[1]) for row in table)
    for row in table:
        same = np.array([k == (row[0], row[1]) for k in key])
        apart = angle_between(
            unit_vector(prediction.azimuth[same], prediction.elevation[same]), unit_vector(row[3], row[4])
        )
        assert apart.min() < 0.01


def steady(*tracks, n=120, c=3) -> np.ndarray:
    """Output of constant tracks (azimuth, elevation, activity[, frames])."""
    output = np.zeros((n, 3, 3, 13))
    for number, (azimuth, elevation, activity, *part) in enumerate(tracks):
        output[part[0] if part else slice(None), number, :, c] = activity * unit_vector(azimuth, elevation)
    return output


def decoded(output, legacy=False, frame=-1):
    events = MultiACCDOA(13, legacy=legacy).decode({"accdoa": output}, HOP)
    if not len(events):
        return []
    last = events.onset.max() if frame < 0 else frame * 0.1
    here = np.isclose(events.onset, last)
    return [
        (int(c), round(float(a), 1) + 0.0, round(float(e), 1) + 0.0)
        for c, a, e in zip(events.label[here], events.azimuth[here], events.elevation[here], strict=True)
    ] if len(events) else []  # fmt: skip


def test_close_tracks_of_a_class_become_one_and_far_ones_stay():
    output = steady((10, 0, 0.9), (22, 0, 0.6), (60, 10, 0.5, slice(0, 20)))
    assert decoded(output, frame=0) == [(3, 14.8, 0.0), (3, 60.0, 10.0)]
    assert decoded(output, frame=2) == [(3, 14.8, 0.0)]
    assert sorted(decoded(output, legacy=True, frame=0)) == [(3, 14.8, 0.0), (3, 60.0, 10.0)]


def test_tracks_on_both_sides_of_180_degrees_merge_at_180():
    output = steady((175, 0, 0.8), (-175, 0, 0.8))
    ((_, azimuth, _),) = decoded(output)
    assert abs(azimuth) == 180
    assert decoded(output, legacy=True) == [(3, 0.0, 0.0)]


def test_a_track_that_crosses_180_degrees_within_a_frame_stays_there():
    output = steady((170, 0, 0.8, slice(0, 5)), n=10)
    output[5:, 0, :, 3] = 0.8 * unit_vector(-170, 0)
    ((_, azimuth, _),) = decoded(output)
    assert abs(azimuth) == 180
    assert decoded(output, legacy=True) == [(3, 0.0, 0.0)]


def test_a_track_is_active_above_the_threshold_only():
    assert decoded(steady((0, 0, 0.2999))) == []
    assert decoded(steady((0, 0, 0.31))) == [(3, 0.0, 0.0)]


@pytest.mark.parametrize("legacy", [False, True])
def test_three_tracks_in_a_row_become_one_and_activity_counts_at_most_once(legacy):
    assert decoded(steady((0, 0, 1.4), (14, 0, 1.0), (28, 0, 0.5)), legacy) == [
        (3, pytest.approx(11.2, abs=0.11), 0.0)
    ]


def test_an_output_that_ends_within_a_label_frame_is_decoded_to_its_end():
    events = MultiACCDOA(13).decode({"accdoa": steady((0, 0, 0.4), n=25)}, HOP)
    assert np.round(events.onset * 10).tolist() == [0, 1, 2]


def test_bounded_vectors_pass_through_a_hyperbolic_tangent_everywhere():
    linear, bounded = MultiACCDOA(13), MultiACCDOA(13, bounded=True)
    output = steady((30, 10, 0.8), (-100, 0, 0.6), n=20)
    before = np.arctanh(output)
    expected, found = linear.decode({"accdoa": output}, HOP), bounded.decode({"accdoa": before}, HOP)
    assert len(found) == 4 and found.azimuth == pytest.approx(expected.azimuth)
    reduced = bounded.decode(
        {
            key: value.numpy()
            for key, value in bounded.reduce({"accdoa": torch.from_numpy(before)}, HOP).items()
        },
        HOP,
    )
    assert reduced.azimuth == pytest.approx(expected.azimuth)
    heads = [{"accdoa": torch.from_numpy(values)[None]} for values in (output, before)]
    label = torch.zeros(1, 20, 6, 3, 13, dtype=torch.float64)
    label[:, :, 0, 0, 3] = 1
    for ours, theirs in (
        (linear.class_activity(heads[0]), bounded.class_activity(heads[1])),
        (linear.direction_values(heads[0]), bounded.direction_values(heads[1])),
        (linear.loss(heads[0], {"accdoa": label})["loss"], bounded.loss(heads[1], {"accdoa": label})["loss"]),
        (linear.assigned(heads[0], {"accdoa": label}), bounded.assigned(heads[1], {"accdoa": label})),
    ):
        torch.testing.assert_close(ours, theirs)
