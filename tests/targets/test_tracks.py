"""Track-wise output format."""

from itertools import permutations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from avseld.base.errors import BadInput
from avseld.base.event_batch import COLUMNS, EventBatch
from avseld.io.events import Events
from avseld.io.geometry import angle_between, unit_vector
from avseld.targets import TARGETS, Tracks


def scene(*rows) -> Events:
    """Rows of (onset, offset, class, azimuth, elevation)."""
    return Events.from_rows((on, off, c, 0, a, e, np.nan) for on, off, c, a, e in rows)


def classes(target: Tracks, events: Events, n_frames: int, start: float = 0.0) -> list[str]:
    """The class of each label frame by track, `.` in silence."""
    sed = target.encode(events, start, n_frames, 0.1)["sed"]
    return [
        "".join(str(row.argmax()) if row.any() else "." for row in sed[:, track])
        for track in range(sed.shape[1])
    ]


def test_an_event_stays_in_its_track_and_a_free_track_is_used_again():
    events = scene((0, 0.5, 0, 0, 0), (0.2, 0.9, 1, 90, 0), (0.5, 1.0, 2, -90, 0))
    assert classes(Tracks(3, 2), events, 10) == ["0000022222", "..1111111."]
    assert classes(Tracks(3, 3), events, 10) == ["0000022222", "..1111111.", ".........."]


def test_events_that_began_first_are_kept_and_others_enter_when_a_track_is_free():
    events = scene((0.3, 1.0, 2, 0, 0), (0, 0.6, 0, 0, 0), (0.1, 0.8, 1, 0, 0), (0.2, 0.5, 3, 0, 0))
    assert classes(Tracks(4, 2), events, 10) == ["0000002222", ".1111111.."]
    assert classes(Tracks(4, 1), events, 10) == ["0000001122"]


def by_frame(*rows) -> Events:
    """Rows of 100 ms, ordered by frame, of (onset, offset in frames, class, source), whose azimuth is 10 a frame."""
    cut = [
        ((frame + 0.001 * (frame % 2)) / 10, (frame + 1) / 10, c, source, 10.0 * frame, 0, np.nan)
        for on, off, c, source in rows
        for frame in range(on, off)
    ]
    return Events.from_rows(sorted(cut))


@pytest.mark.parametrize("n_tracks", [1, 2, 3])
def test_rows_of_one_source_without_a_pause_are_one_event(n_tracks):
    rows = (2, 8, 2, 1), (4, 9, 0, 0), (0, 5, 1, 0), (5, 10, 0, 3), (12, 14, 2, 1)
    target = Tracks(3, n_tracks)
    whole = scene(*((on / 10, off / 10, c, 0, 0) for on, off, c, _ in rows))
    wanted = target.encode(whole, 0.0, 20, 0.1)["sed"]
    events = by_frame(*rows)
    found = target.encode(events, 0.0, 20, 0.1)
    assert np.array_equal(found["sed"], wanted)
    # The direction is that of each row.
    frame, track = np.nonzero(found["sed"].any(axis=2))
    assert np.allclose(found["doa"][frame, track], unit_vector(10.0 * frame, 0.0 * frame), atol=1e-6)
    table = np.stack([getattr(events, name) for name in COLUMNS], axis=1)[None]
    batch = target.encode_batch(EventBatch(torch.from_numpy(table)), torch.zeros(1).double(), 20, 0.1)
    for name, value in batch.items():
        assert np.allclose(value[0], found[name], atol=1e-6)


spans = st.lists(st.tuples(st.integers(0, 30), st.integers(1, 12)), max_size=12)


@given(spans, st.integers(1, 3), st.integers(0, 25))
@settings(max_examples=60, deadline=None)
def test_a_frame_has_its_first_events_in_any_window(table, n_tracks, begin):
    events = scene(*((on / 10, (on + length) / 10, c, 5 * c, 0) for c, (on, length) in enumerate(table)))
    sed = Tracks(12, n_tracks).encode(events, begin / 10, 20, 0.1)["sed"]
    assert sed.sum(axis=2).max(initial=0) <= 1
    for frame in range(20):
        active = [c for c, (on, length) in enumerate(table) if on <= begin + frame < on + length]
        first = sorted(active, key=lambda c: (table[c][0], c))[:n_tracks]
        assert sorted(np.nonzero(sed[frame])[1]) == sorted(first)
    for c in range(12):
        assert len(set(np.nonzero(sed[:, :, c])[1])) <= 1


def drawn(seed: int, n_tracks: int):
    random = np.random.default_rng(seed)
    shape = (2, 6, n_tracks)
    label = random.integers(0, 5, shape)
    sed = np.eye(4)[np.minimum(label, 3)] * (label < 4)[..., None]
    doa = random.normal(size=(*shape, 3))
    doa *= sed.sum(-1)[..., None] / np.linalg.norm(doa, axis=-1, keepdims=True)
    logit, given = random.normal(size=(*shape, 4)) * 2, random.normal(size=(*shape, 3))
    return logit, given, sed, doa


def tensors(sed, doa) -> dict[str, torch.Tensor]:
    return {"sed": torch.from_numpy(sed), "doa": torch.from_numpy(doa)}


@given(st.integers(0, 2**31), st.integers(1, 4), st.sampled_from([0.0, 0.3, 0.5, 1.0]), st.booleans())
@settings(max_examples=40, deadline=None)
def test_the_loss_is_that_of_the_best_order_in_each_frame(seed, n_tracks, beta, summed):
    logit, given, sed, doa = drawn(seed, n_tracks)
    target = Tracks(4, n_tracks, beta=beta, order="sum" if summed else "weighted")
    losses = target.loss(tensors(logit, given), tensors(sed, doa))
    p, d = 1 / (1 + np.exp(-logit)), np.tanh(given)
    expected = []
    for window, frame in np.ndindex(2, 6):
        tried = []
        for order in map(list, permutations(range(n_tracks))):
            y, r = sed[window, frame, order], doa[window, frame, order]
            q = p[window, frame]
            entropy = -(y * np.log(q) + (1 - y) * np.log(1 - q)).mean()
            error = ((d[window, frame] - r) ** 2).mean()
            total = beta * entropy + (1 - beta) * error
            tried.append((entropy + error if summed else total, total, entropy, error))
        expected.append(min(tried)[1:])
    total, entropy, error = np.mean(expected, axis=0)
    assert float(losses["loss"]) == pytest.approx(total)
    if beta not in (0.0, 1.0):
        assert (float(losses["sed"]), float(losses["doa"])) == pytest.approx((entropy, error))


@given(st.integers(0, 2**31), st.integers(1, 3), st.sampled_from(["agg1", "agg2"]))
@settings(max_examples=30, deadline=None)
def test_the_aggregated_loss_is_that_of_the_definition(seed, n_tracks, kind):
    logit, given, sed, doa = drawn(seed, n_tracks)
    d = np.tanh(given)
    d /= np.linalg.norm(d, axis=-1, keepdims=True)
    ours = (1 / (1 + np.exp(-logit)))[..., None] * d[..., None, :]
    theirs = sed[..., None] * doa[..., None, :]
    if kind == "agg2":
        expected = ((ours.sum(2) - theirs.sum(2)) ** 2).mean()
    else:
        orders = [list(order) for order in permutations(range(n_tracks))]
        tried = [((ours - theirs[:, :, order]) ** 2).mean(axis=(2, 3, 4)) for order in orders]
        expected = np.min(tried, axis=0).mean()
    loss = Tracks(4, n_tracks, kind).loss(tensors(logit, given), tensors(sed, doa))
    assert float(loss["loss"]) == pytest.approx(expected) and set(loss) == {"loss"}


@pytest.mark.parametrize("kind", ["tpit", "agg1", "agg2"])
def test_the_loss_ignores_the_order_of_tracks_and_trains_both_heads(kind):
    logit, given, sed, doa = drawn(5, 3)
    output = {name: x.requires_grad_() for name, x in tensors(logit, given).items()}
    loss = Tracks(4, loss=kind).loss(output, tensors(sed, doa))["loss"]
    turned = Tracks(4, loss=kind).loss(output, tensors(sed[:, :, [2, 0, 1]], doa[:, :, [2, 0, 1]]))["loss"]
    assert loss.item() == pytest.approx(turned.item())
    loss.backward()
    assert all(x.grad.isfinite().all() and x.grad.abs().max() > 0 for x in output.values())


def test_frames_that_share_an_output_count_once():
    held = [x.repeat(4, axis=1) for x in drawn(3, 2)]
    once = Tracks(4, 2).loss(tensors(*held[:2]), tensors(*held[2:]))
    held[2][:, 1::4] = 0  # only the first of the four counts
    by_step = Tracks(4, 2, frames_per_output=4).loss(tensors(*held[:2]), tensors(*held[2:]))
    assert float(by_step["loss"]) == pytest.approx(float(once["loss"]))


@given(spans.filter(bool), st.sampled_from([0.1, 0.025]))
@settings(max_examples=25, deadline=None)
def test_what_is_encoded_is_decoded(table, hop):
    events = scene(
        *((on / 10, (on + length) / 10, c, 30 * c - 170, 0) for c, (on, length) in enumerate(table))
    )
    label = Tracks(12).encode(events, 0.0, round(4.5 / hop), hop)
    output = {"sed": 20 * label["sed"] - 10, "doa": np.arctanh(0.9999 * label["doa"].astype(float))}
    decoded = Tracks(12).decode(output, hop)
    frame, _ = np.nonzero(label["sed"][:: round(0.1 / hop)].any(axis=2))
    assert len(decoded) == len(frame)
    assert np.array_equal(np.round(decoded.onset * 10), np.sort(frame))
    assert np.allclose(decoded.offset - decoded.onset, 0.1)
    apart = angle_between(
        unit_vector(decoded.azimuth, decoded.elevation),
        unit_vector(30 * decoded.label - 170, np.zeros(len(frame))),
    )
    assert apart.max() < 0.1


def test_a_track_has_its_best_class_above_its_threshold():
    sed = np.full((1, 2, 3), -9.0)
    sed[0, 0], sed[0, 1, 1] = (0.1, 0.3, 0.2), 0.05
    doa = np.zeros((1, 2, 3))
    doa[0, :, 0] = (1, -1)
    decoded = Tracks(3, 2).decode({"sed": sed, "doa": doa}, 0.1)
    assert decoded.label.tolist() == [1, 1] and decoded.source.tolist() == [0, 1]
    assert np.abs(decoded.azimuth).tolist() == [0, 180]
    by_class = Tracks(3, 2, threshold=[0.5, 0.55, 0.5]).decode({"sed": sed, "doa": doa}, 0.1)
    assert by_class.source.tolist() == [0]


@pytest.mark.parametrize("kind", ["tracks", "sed_doa_distance", "sed_coordinates"])
def test_the_frame_after_the_last_whole_step_is_in_no_loss(kind):
    target = TARGETS[kind](2, frames_per_output=4)
    output, reference = (
        {name: torch.rand(1, 161, *shape) for name, shape in target.shapes.items()} for _ in range(2)
    )
    losses = target.loss(output, reference)
    assert (
        target.loss(*({name: x[:, :160] for name, x in each.items()} for each in (output, reference)))
        == losses
    )
    short = target.loss(*({name: x[:, :3] for name, x in each.items()} for each in (output, reference)))
    assert short == target.loss(
        *({name: x[:, :1] for name, x in each.items()} for each in (output, reference))
    )


@pytest.mark.parametrize(
    "device", ["cpu", "meta"]
)  # of another device than the CPU, the orders are copied at first
@pytest.mark.parametrize("kind", ["tpit", "agg1"])
def test_the_loss_is_compiled_whole_and_copies_once(kind, device, recwarn):
    target = Tracks(4, 2, kind)
    heads = {name: torch.rand(1, 6, *shape, device=device) for name, shape in target.shapes.items()}
    loss = torch.compile(target.loss, fullgraph=True, backend="eager")(heads, heads)["loss"]
    assert not recwarn.list
    assert device == "meta" or loss.item() == pytest.approx(target.loss(heads, heads)["loss"].item())
    kept = target.orders[torch.device(device)]
    target.loss(heads, heads)
    assert target.orders[torch.device(device)] is kept


def test_impossible_options_and_labels_are_named():
    for options, message in (
        ({"loss": "pit"}, "loss: 'pit' is none of tpit, agg1, agg2"),
        ({"order": "best"}, "order: 'best' is none of weighted, sum"),
        ({"n_tracks": 6}, "n_tracks: 6; give 1 to 5"),
        ({"beta": 1.5}, "beta: 1.5; give 0 to 1"),
        ({"threshold": [0.1, 0.2]}, "threshold: give one threshold, or one for each of 1 classes"),
    ):
        with pytest.raises(BadInput, match=message.replace(".", r"\.")):
            Tracks(1, **options)
    with pytest.raises(BadInput, match="without direction"):
        Tracks(1).encode(scene((0, 1, 0, np.nan, np.nan)), 0.0, 5, 0.1)
    assert not Tracks(1).encode(scene((3, 4, 0, np.nan, np.nan)), 0.0, 5, 0.1)["sed"].any()
    with pytest.raises(BadInput, match="without times"):
        Tracks(1).encode(scene((np.nan, np.nan, 0, 0, 0)), 0.0, 5, 0.1)
