"""Weak and strong labels, and from probabilities back to events."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from avseld.base.errors import BadInput
from avseld.decoding.segments import median, runs, segments
from avseld.io.events import Events
from avseld.metrics.ranking import average_precision
from avseld.targets.tagging import Tagging

HOP = 1 / 64
NO = np.nan


def timed(*rows) -> Events:
    return Events.from_rows((onset, offset, label, 0, NO, NO, NO) for onset, offset, label in rows)


def weak(*labels) -> Events:
    return Events.from_rows((NO, NO, label, 0, NO, NO, NO) for label in labels)


def logits(probability: np.ndarray) -> np.ndarray:
    p = np.clip(np.asarray(probability, float), 1e-9, 1 - 1e-9)
    return np.log(p / (1 - p))


def slow(x, high, low, n_smooth, n_salt):
    """The definition in docs/sources.md, DCASE2019 Task 4 system, step by step."""
    spans, k = [], 0
    while k < len(x):
        if x[k] > high:
            first = k
            while k + 1 < len(x) and x[k + 1] > high:
                k += 1
            spans.append([first, k])
        k += 1
    if low is not None:
        wide = []
        for first, last in spans:
            begin, end = first, last
            while begin > 0 and x[begin - 1] >= low:
                begin -= 1
            while end < len(x) and x[end] >= low:
                end += 1
            wide.append([begin, end])
        spans = join(wide, 1)
    return [span for span in join(spans, n_smooth) if span[1] - span[0] > n_salt]


def join(spans, gap):
    out = []
    for begin, end in spans:
        if out and begin - out[-1][1] <= gap:
            out[-1][1] = max(end, out[-1][1])
        else:
            out.append([begin, end])
    return out


def test_segments_are_as_published():
    x = np.zeros(40)
    x[5:15], x[3:5], x[15:18], x[20:30], x[35] = 0.95, 0.6, 0.55, 0.92, 0.99
    for low, smooth, salt, expected in (
        (0.5, 0, 0, [[3, 18], [20, 30], [35, 36]]),
        (0.5, 1, 0, [[3, 18], [20, 30], [35, 36]]),
        (0.5, 4, 4, [[3, 30]]),
        (0.5, 16, 16, [[3, 36]]),
        (None, 0, 0, [[5, 14], [20, 29]]),
        (None, 1, 0, [[5, 14], [20, 29]]),
        (None, 4, 4, [[5, 14], [20, 29]]),
        (None, 16, 16, [[5, 35]]),
    ):
        assert segments(x, 0.9, low, smooth, salt).tolist() == expected
    for stretch, expected in ((slice(0, 5), [[0, 5]]), (slice(5, 10), [[5, 10]]), (slice(0, 10), [[0, 10]])):
        x = np.zeros(10)
        x[stretch] = 0.95
        assert segments(x, 0.9, 0.5, 1, 0).tolist() == expected


def test_segments_of_ten_seconds_are_as_published():
    x = np.repeat(np.random.RandomState(7).rand(80), 8)
    assert segments(x, 0.9, 0.5, 16, 16).tolist() == [[24, 56], [120, 200], [456, 496], [528, 552]]
    assert segments(x, 0.9, 0.5, 1, 0).tolist() == [
        [24, 56], [120, 128], [144, 152], [160, 176], [184, 200], [376, 384], [456, 496], [528, 552]
    ]  # fmt: skip
    assert segments(x, 0.9, None, 16, 16).tolist() == []
    assert segments(x, 0.5, 0.2, 16, 16).tolist() == [[8, 608]]


@given(
    st.lists(st.sampled_from([0.0, 0.2, 0.5, 0.7, 0.9, 0.95, 1.0]), max_size=60),
    st.sampled_from([None, 0.2, 0.5, 0.9]),
    st.integers(0, 6),
    st.integers(0, 6),
)
@settings(max_examples=300, deadline=None)
def test_segments_are_those_of_the_definition(x, low, n_smooth, n_salt):
    x = np.array(x)
    assert segments(x, 0.9, low, n_smooth, n_salt).tolist() == slow(x, 0.9, low, n_smooth, n_salt)


def test_runs_and_medians():
    assert runs(np.array([1, 1, 0, 1, 0, 0, 1])).tolist() == [[0, 2], [3, 4], [6, 7]]
    assert runs(np.zeros(0)).tolist() == [] and runs(np.zeros(3)).tolist() == []
    x = np.array([0, 9, 0, 0, 5, 6, 7, 0, 8.0])[:, None]
    assert median(x, 3)[:, 0].tolist() == [0, 0, 0, 0, 5, 6, 6, 7, 8]
    assert median(x, 1) is x and len(median(x[:0], 3)) == 0


def test_strong_labels_fill_the_published_frames():
    events = timed((0.25, 1.0, 0), (0, 10, 1), (0.0078125, 0.0234375, 2))
    target = Tagging(4, "frame").encode(events, 0.0, 640, HOP)
    assert [runs(column).tolist() for column in target["frame"].T] == [[[16, 65]], [[0, 640]], [[0, 3]], []]
    assert target["clip"].tolist() == [1, 1, 1, 0]
    later = Tagging(4, "frame").encode(timed((0.25, 1.0, 0)), 0.5, 64, HOP)
    assert runs(later["frame"][:, 0]).tolist() == [[0, 33]]
    gone = Tagging(4, "frame").encode(timed((0.25, 1.0, 0)), 2.0, 64, HOP)
    assert not gone["frame"].any() and not gone["clip"].any()


def test_weak_labels_count_for_the_whole_clip_and_cannot_train_frames():
    assert Tagging(3).encode(weak(0, 2), 3.0, 64, HOP)["clip"].tolist() == [1, 0, 1]
    assert Tagging(3).encode(timed((0.5, 2, 1)), 0.0, 640, HOP)["clip"].tolist() == [0, 1, 0]
    assert Tagging(3).encode(Events.empty(), 0.0, 640, HOP)["clip"].tolist() == [0, 0, 0]
    with pytest.raises(BadInput, match=r"choose target.options.loss clip"):
        Tagging(3, "frame").encode(weak(0), 0.0, 640, HOP)


def test_the_loss_uses_the_clip_or_every_frame():
    random = torch.Generator().manual_seed(0)
    frame = torch.randn(2, 64, 3, generator=random, dtype=torch.float64)
    clip = torch.randn(2, 1, 3, generator=random, dtype=torch.float64).expand(-1, 64, -1)
    target = {"clip": torch.tensor([[1.0, 0, 1], [0, 0, 1]]).double()}
    target["frame"] = (torch.rand(2, 64, 3, generator=random) < 0.3).double()
    for kind, given_, reference in (
        ("clip", clip[:, 0], target["clip"]),
        ("frame", frame, target["frame"]),
    ):
        p = given_.sigmoid()
        entropy = -(reference * p.log() + (1 - reference) * (1 - p).log()).mean()
        assert float(Tagging(3, kind).loss({"frame": frame, "clip": clip}, target)["loss"]) == pytest.approx(
            float(entropy)
        )


def test_only_classes_of_the_clip_have_events():
    frame = np.full((640, 3), 0.01)
    frame[64:192] = 0.97
    clip = np.tile([0.95, 0.899, 0.5], (640, 1))
    prediction = Tagging(3).decode({"frame": logits(frame), "clip": logits(clip)}, HOP)
    assert (prediction.onset.tolist(), prediction.offset.tolist(), prediction.label.tolist()) == (
        [1.0],
        [3.0],
        [0],
    )
    assert np.isnan(prediction.azimuth).all() and np.isnan(prediction.distance).all()
    own = Tagging(3, high=[0.9, 0.8, 0.4], low=[0.5, 0.5, 0.3])
    assert own.decode({"frame": logits(frame), "clip": logits(clip)}, HOP).label.tolist() == [0, 1, 2]
    easy = Tagging(3, tag_threshold=0.6)
    assert easy.decode({"frame": logits(frame), "clip": logits(clip)}, HOP).label.tolist() == [0, 1]


def test_each_clip_is_decoded_by_its_own_tags():
    frame, clip = np.full((128, 1), 0.97), np.repeat([[0.95], [0.1]], 64, axis=0)
    prediction = Tagging(1).decode({"frame": logits(frame), "clip": logits(clip)}, HOP)
    assert (prediction.onset.tolist(), prediction.offset.tolist()) == ([0.0], [1.0])
    assert Tagging(1).tags({"clip": logits(clip)}) == pytest.approx([0.95])


def test_short_gaps_are_closed_and_short_events_dropped():
    frame = np.zeros((640, 1))
    for begin, end in ((0, 30), (45, 80), (200, 210), (400, 417)):
        frame[begin:end] = 0.95
    output = {"frame": logits(frame), "clip": logits(np.ones((640, 1)))}
    prediction = Tagging(1).decode(output, HOP)
    assert (prediction.onset * 64).tolist() == [0, 400] and (prediction.offset * 64).tolist() == [80, 417]
    bare = Tagging(1, smooth=0, salt=0).decode(output, HOP)
    assert (bare.onset * 64).tolist() == [0, 45, 200, 400]
    smoothed = Tagging(1, smooth=0, salt=0, median_frames=35).decode(output, HOP)
    assert len(smoothed) == 1, "a median closes gaps and drops crumbs as well"


def test_strong_labels_are_decoded_from_their_own_encoding():
    events = timed((1, 3, 0), (2, 4.5, 1), (6, 9, 0))
    target = Tagging(2, "frame").encode(events, 0.0, 640, HOP)
    output = {"frame": logits(target["frame"]), "clip": np.tile(logits(target["clip"]), (640, 1))}
    prediction = Tagging(2).decode(output, HOP).sorted()
    assert prediction.label.tolist() == [0, 1, 0] and np.allclose(prediction.onset, events.onset)
    assert np.allclose(prediction.offset, events.offset + HOP), "the frame of the offset belongs to the event"


def test_average_precision_of_the_tags_is_that_of_the_reference():
    target = np.array([[1, 0], [0, 1], [1, 1], [0, 0]])
    score = np.array([[0.9, 0.2], [0.1, 0.8], [0.4, 0.7], [0.5, 0.1]])
    tags = [Tagging(2).tags({"clip": logits(np.tile(row, (8, 1)))}) for row in score]
    assert average_precision(target, np.array(tags)) == pytest.approx([0.8333333, 1.0], abs=1e-6)


def test_impossible_options_are_refused():
    with pytest.raises(BadInput, match="'both' is none of clip, frame"):
        Tagging(3, "both")
    with pytest.raises(BadInput, match="high: give one threshold, or one for each of 3 classes"):
        Tagging(3, high=[0.5, 0.5])
    with pytest.raises(BadInput, match="median_frames: 4 is not odd"):
        Tagging(3, median_frames=4)
