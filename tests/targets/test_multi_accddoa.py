"""Multi-ACCDOA with distance and on-screen."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import adpit as slow
from reference.adpit import ideal_output

from avseld.base.errors import BadInput
from avseld.io.events import Events
from avseld.io.geometry import angle_between, unit_vector, wrap
from avseld.targets import MultiACCDDOA, MultiACCDOA


def published_scene(folded: bool = False) -> Events:
    """A scene of 50 frames with its published labels; for stereo, azimuths are folded to the front."""
    rows = []
    for f in range(50):
        c, azimuth, elevation = f // 15 % 13, 7 * f % 360 - 180, 3 * f % 120 - 60
        if f % 15 < 11:
            rows.append((f, c, 0, azimuth, elevation, 1 + f / 100))
            if f // 30 % 2:
                rows.append((f, c, 1, int(wrap(azimuth + 90)), -elevation, 2 + f / 100))
    table = np.array(rows, float)
    if folded:
        azimuth = table[:, 3]
        table[:, 3] = np.where(azimuth < -90, -180 - azimuth, np.where(azimuth > 90, 180 - azimuth, azimuth))
        table[:, 4] = 0
    seen = (np.abs(table[:, 3]) < 50).astype(float)
    return Events.from_rows(
        (f * 0.1, (f + 1) * 0.1, c, s, a, e, d, o) for (f, c, s, a, e, d), o in zip(table, seen, strict=True)
    )


def wave(shape: tuple[int, ...]) -> torch.Tensor:
    return torch.from_numpy(0.5 * np.sin(0.017 * np.arange(np.prod(shape)))).reshape(1, 50, *shape[1:])


@pytest.mark.parametrize(
    ("target", "folded", "label_sum", "loss"),
    [
        (
            MultiACCDOA(13),
            False,
            139.349173 - 54,
            0.14255062,
        ),  # the published sum has 54 activities of 1 as well
        (MultiACCDDOA(13), False, 224.499173, 0.16843751),
        (MultiACCDDOA(13, planar=True), True, 242.241912 - 33, 0.18573378),  # and 33 sources on screen
        (MultiACCDDOA(13, planar=True, onscreen=True, legacy=True), True, 242.241912, 0.89096397),
    ],
)
def test_the_published_scene_has_its_labels_and_loss(target, folded, label_sum, loss):
    ((name, shape),) = target.shapes.items()
    label = target.encode(published_scene(folded), 0.0, 50, 0.1)[name].astype(float)
    assert np.abs(label).sum() == pytest.approx(label_sum, abs=1e-4)
    output = wave((50, *shape))
    assert float(target.loss({name: output}, {name: torch.from_numpy(label)[None]})["loss"]) == pytest.approx(
        loss
    )


def drawn(seed: int, n_values: int):
    random = np.random.default_rng(seed)
    rows = [
        (0, 0.1, c, s, random.integers(-180, 180), random.integers(-80, 80), random.uniform(0.2, 6), s % 2)
        for c in range(4) for s in range(int(random.integers(0, 5)))
    ]  # fmt: skip
    return Events.from_rows(rows), random.normal(size=(1, 3, 3, n_values, 4))


@given(st.integers(0, 2**31))
@settings(max_examples=40, deadline=None)
def test_the_loss_is_that_of_the_best_assignment_of_vectors_and_distances(seed):
    events, output = drawn(seed, 4)
    target = MultiACCDDOA(4)
    label = target.encode(events, 0.0, 3, 0.1)["accddoa"].astype(float)
    ours = target.loss({"accddoa": torch.from_numpy(output)}, {"accddoa": torch.from_numpy(label)[None]})[
        "loss"
    ]
    assert float(ours) == pytest.approx(slow.loss(output[0], label[:, :, 1:]), rel=1e-9)


def test_values_count_in_proportion_to_activity_and_after_their_activation_function():
    events, output = drawn(3, 4)
    label = torch.from_numpy(MultiACCDDOA(4).encode(events, 0.0, 3, 0.1)["accddoa"].astype(float))[None]
    given = torch.from_numpy(output)
    reference = MultiACCDDOA(4).loss(
        {"accddoa": torch.cat([given[..., :3, :].tanh(), given[..., 3:, :].relu()], 3)}, {"accddoa": label}
    )
    assert MultiACCDDOA(4, bounded=True).loss({"accddoa": given}, {"accddoa": label}) == reference
    silent = torch.cat([torch.zeros_like(label[..., :1, :]), label[..., 1:, :]], dim=-2)
    nothing = MultiACCDDOA(4).loss({"accddoa": given}, {"accddoa": torch.zeros_like(label)})
    assert MultiACCDDOA(4).loss({"accddoa": given}, {"accddoa": silent}) == nothing != reference


@pytest.mark.parametrize("legacy", [False, True])
def test_on_screen_trains_the_track_that_has_the_source(legacy):
    events = Events.from_rows([(0, 0.1, 0, 0, 0, 0, 1.0, 1), (0, 0.1, 0, 1, 90, 0, 2.0, 0)])
    target = MultiACCDDOA(2, onscreen=True, legacy=legacy)
    label = {"accddoa": torch.from_numpy(target.encode(events, 0.0, 1, 0.1)["accddoa"])[None]}
    output = torch.zeros(1, 1, 3, 5, 2)
    # Tracks hold the second, the first and the second source: 90 degrees, 0 degrees, 90 degrees.
    output[0, 0, 0, :4, 0] = output[0, 0, 2, :4, 0] = torch.tensor([0, 1, 0, 2.0])
    output[0, 0, 1, :4, 0] = torch.tensor([1, 0, 0, 1.0])
    logits = torch.tensor([[-9.0, 9.0, -9.0], [0.0, 0.0, 0.0]]).T  # (track, class); class 1 is silent
    output[0, 0, :, 4] = logits
    losses = target.loss({"accddoa": output}, label)
    assert float(losses["accddoa"]) == pytest.approx(0, abs=1e-12)
    assert float(losses["onscreen"]) == pytest.approx(np.log(2) / 2 if legacy else 0, abs=1e-3)
    output[0, 0, :, 4] = -logits
    # Both tracks' errors of 9, and the mean of the silent class: each of the six entries weighs alike.
    assert float(target.loss({"accddoa": output}, label)["onscreen"]) == pytest.approx(
        (27 + 3 * np.log(2) * legacy) / 6, abs=1e-3
    )


def test_silence_does_not_train_on_screen():
    target = MultiACCDDOA(2, onscreen=True)
    output = torch.zeros(1, 4, 3, 5, 2, requires_grad=True)
    label = {"accddoa": torch.zeros(1, 4, 6, 6, 2)}
    target.loss({"accddoa": output}, label)["onscreen"].backward()
    assert (output.grad == 0).all()


@pytest.mark.parametrize("onscreen", [False, True])
@pytest.mark.parametrize("planar", [False, True])
@pytest.mark.parametrize("bounded", [False, True])
@given(seed=st.integers(0, 2**31))
@settings(max_examples=15, deadline=None)
def test_what_is_encoded_is_decoded(onscreen, planar, bounded, seed):
    random = np.random.default_rng(seed)
    rows = []
    for frame in range(10):
        for c in range(3):
            start = int(random.integers(-90, -30)) if planar else int(random.integers(-180, 180))
            for s in range(int(random.integers(0, 4))):
                elevation = 0 if planar else int(random.integers(-20, 20))
                far = round(random.uniform(0.3, 6), 3)
                azimuth = (start + 60 * s + 180) % 360 - 180
                rows.append(
                    (frame / 10, (frame + 1) / 10, c, s, azimuth, elevation, far, int(random.integers(2)))
                )
    reference = Events.from_rows(rows)
    target = MultiACCDDOA(3, planar=planar, onscreen=onscreen, bounded=bounded)
    label = target.encode(reference, 0.0, 50, 0.02)["accddoa"].astype(float)
    output = ideal_output(label)[:, :, 1:]
    if onscreen:
        output[:, :, -1] = 20 * output[:, :, -1] - 10
    if bounded:
        output[:, :, : target.n_axes] = np.arctanh(0.9999 * output[:, :, : target.n_axes])
    prediction = target.decode({"accddoa": output}, 0.02)
    assert len(prediction) == len(reference)
    for row in range(len(reference)):
        same = np.flatnonzero(
            np.isclose(prediction.onset, reference.onset[row]) & (prediction.label == reference.label[row])
        )
        apart = angle_between(
            unit_vector(prediction.azimuth[same], prediction.elevation[same]),
            unit_vector(reference.azimuth[row], reference.elevation[row]),
        )
        nearest = same[apart.argmin()]
        assert apart.min() < 0.2 and prediction.distance[nearest] == pytest.approx(
            reference.distance[row], abs=1e-6
        )
        assert (
            np.isnan(prediction.onscreen[nearest])
            if not onscreen
            else prediction.onscreen[nearest] == reference.onscreen[row]
        )


def steady(*tracks, values: int = 4) -> np.ndarray:
    """Output of one label frame, one class: tracks of (azimuth, length, distance[, logit])."""
    output = np.zeros((1, 3, values, 1))
    for number, (azimuth, length, *rest) in enumerate(tracks):
        output[0, number, :, 0] = [*(length * unit_vector(azimuth, 0)), *rest]
    return output


def decoded(output: np.ndarray, **options) -> list[tuple[float, float]]:
    prediction = MultiACCDDOA(1, **options).decode({"accddoa": output}, 0.1)
    return sorted(
        (round(float(a), 6) + 0.0, round(float(d), 6))
        for a, d in zip(prediction.azimuth, prediction.distance, strict=True)
    )


def test_close_tracks_become_their_mean_and_far_ones_stay():
    assert decoded(steady((0, 1, 1), (14, 1, 3), (90, 1, 5))) == [(7, 2), (90, 5)]
    assert decoded(steady((0, 1, 1), (16, 1, 3), (90, 1, 5))) == [(0, 1), (16, 3), (90, 5)]
    assert decoded(steady((0, 1, 1), (90, 1, 5), (-14, 1, 3))) == [(-7, 2), (90, 5)]
    assert decoded(steady((0, 1, 1), (14, 1, 2), (28, 1, 6))) == [(14, 3)]
    assert decoded(steady((174, 1, 1), (-174, 1, 3))) in ([(180, 2)], [(-180, 2)])
    assert decoded(steady((0, 1, 1), (14, 1, 3)), unify_deg=10) == [(0, 1), (14, 3)]


def test_a_track_is_active_above_one_half_and_no_distance_is_negative():
    assert decoded(steady((0, 0.5, 1), (90, 0.51, -2))) == [(90, 0)]


def test_on_screen_is_a_probability_unless_as_published():
    output = steady((0, 1, 1, 4.0), (14, 1, 3, -3.0), (90, 1, 5, -1.0), values=5)
    assert MultiACCDDOA(1, onscreen=True).decode({"accddoa": output}, 0.1).onscreen.tolist() == [1, 0]
    published = MultiACCDDOA(1, onscreen=True, legacy=True).decode({"accddoa": output}, 0.1)
    assert published.onscreen.tolist() == [0, 0]
    output[0, 0, 4] = 50.0
    assert MultiACCDDOA(1, onscreen=True, legacy=True).decode({"accddoa": output}, 0.1).onscreen.tolist() == [
        1,
        0,
    ]


def test_labels_without_distance_or_on_screen_are_refused():
    bare = Events.from_rows([(0, 1, 0, 0, 10, 0, np.nan)])
    with pytest.raises(BadInput, match="use multi_accdoa"):
        MultiACCDDOA(1).encode(bare, 0.0, 5, 0.1)
    assert not MultiACCDDOA(1).encode(bare, 2.0, 5, 0.1)["accddoa"].any()
    with pytest.raises(BadInput, match="on-screen"):
        MultiACCDDOA(1, onscreen=True).encode(Events.from_rows([(0, 1, 0, 0, 10, 0, 2)]), 0.0, 5, 0.1)


def test_distances_weigh_as_much_as_vectors_at_the_distance_scale():
    label = {"accddoa": torch.zeros(1, 1, 6, 5, 1)}
    label["accddoa"][0, 0, 0, :, 0] = torch.tensor([1.0, 1.0, 0.0, 0.0, 3.0])  # A0: one source, 3 m ahead
    wrong_vector = torch.tensor([0.0, 0.0, 0.0, 3.0])[None, None, None, :, None].repeat(1, 1, 3, 1, 1)
    wrong_distance = torch.tensor([1.0, 0.0, 0.0, 5.0])[None, None, None, :, None].repeat(1, 1, 3, 1, 1)
    losses = {
        scale: [
            float(MultiACCDDOA(1, distance_scale=scale).loss({"accddoa": each}, label)["loss"])
            for each in (wrong_vector, wrong_distance)
        ]
        for scale in (1.0, 2.0)
    }
    assert losses[1.0] == pytest.approx([1 / 4, 4 / 4])  # mean of three axes and the distance
    assert losses[2.0] == pytest.approx([1 / 4, 1 / 4])  # an error of 2 m counts as one of a whole vector
