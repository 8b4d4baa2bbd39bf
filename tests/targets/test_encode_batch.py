"""Labels that are encoded on the device for a batch of windows are those of each window."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils._python_dispatch import TorchDispatchMode

from avseld.base.event_batch import COLUMNS, NEVER_S, EventBatch, concatenate_batches
from avseld.io.events import Events
from avseld.targets import TARGETS

N_CLASSES, N_FRAMES = 3, 40
ENCODED = {
    "accdoa": ("accdoa", {}, 0.02),
    "accdoa, distance": ("accdoa", {"distance": True}, 0.02),
    "multi_accdoa": ("multi_accdoa", {}, 0.01),
    "multi_accdoa, published": ("multi_accdoa", {"legacy": True}, 0.01),
    "multi_accddoa": ("multi_accddoa", {"onscreen": True}, 0.02),
    "multi_accddoa, planar": ("multi_accddoa", {"planar": True}, 0.02),
    "sed_doa": ("sed_doa", {}, 0.02),
    "sed_doa, plane": ("sed_doa", {"axes": "xy"}, 0.02),
    "sed_doa 2018, published": ("sed_doa", {"rounding": 2018, "legacy": True}, 256 / 44100),
    "sed_doa 2019": ("sed_doa", {"rounding": 2019, "axes": "angles", "stretch": 3.6}, 0.02),
    "sed_doa 2019, published": ("sed_doa", {"rounding": 2019, "axes": "angles", "legacy": True}, 0.02),
    "tracks": ("tracks", {}, 0.02),
    "tracks, two": ("tracks", {"n_tracks": 2}, 0.025),
    "sed_doa_distance": ("sed_doa_distance", {}, 0.02),
    "sed_doa_distance, distance alone": ("sed_doa_distance", {"directions": False}, 0.02),
    "sed_coordinates": ("sed_coordinates", {}, 0.02),
    "two_stage": ("two_stage", {}, 0.01),
    "two_stage, activity": ("two_stage", {"stage": "sed"}, 0.01),
    "activity": ("activity", {}, 0.0125),
    "activity, published": ("activity", {"legacy": True}, 0.0125),
    "bins": ("bins", {}, 0.0125),
    "tagging": ("tagging", {"loss": "frame"}, 0.02),
    "tagging, clip": ("tagging", {"loss": "clip"}, 0.02),
    "sphere_lobes, gaussian": ("sphere_lobes", {"energies": "gaussian"}, 0.02),
    "sphere_map, gaussian": ("sphere_map", {"energies": "gaussian"}, 0.02),
}


def event(whole: bool) -> st.SearchStrategy:
    """Draw times on label frames, or any; angles at the edges of bins and of the circle too."""
    time = st.integers(0, 20).map(lambda n: n / 10) if whole else st.floats(0, 2)
    return st.tuples(
        time, time, st.integers(0, N_CLASSES - 1), st.integers(0, 1),
        st.one_of(st.integers(-180, 180), st.floats(-180, 180)),
        st.integers(-90, 90), st.floats(0, 9), st.integers(0, 1),
    )  # fmt: skip


@pytest.mark.parametrize("name", ENCODED)
@settings(max_examples=12)
@given(
    st.booleans().flatmap(lambda whole: st.lists(event(whole), max_size=9)),
    st.integers(0, 40000),
    st.booleans(),
)
def test_a_batch_is_encoded_as_each_of_its_windows(name, rows, begin, untimed):
    kind, options, hop = ENCODED[name]
    target = TARGETS[kind](N_CLASSES, **options)
    table = np.array(rows, float).reshape(-1, 8)
    table[:, :2].sort(axis=1)
    if untimed and name == "tagging, clip":
        table[: len(rows) // 2, :2] = np.nan
    starts = np.array([begin, begin / 3 // 1, 7200]) / 24000
    events = Events(*table.T)
    silent = np.zeros((2, len(COLUMNS)))
    silent[:, :2] = NEVER_S
    near = np.concatenate([table[:, [0, 1, 2, 4, 5, 6, 7, 3]], silent])
    batch = EventBatch(torch.from_numpy(np.stack([near] * len(starts))))
    encoded = target.encode_batch(batch, torch.from_numpy(starts), N_FRAMES, hop)
    for place, start in enumerate(starts):
        one = target.encode(events, float(start), N_FRAMES, hop)
        assert set(one) == set(encoded)
        for part, value in one.items():
            ours = encoded[part][place]
            assert ours.dtype == torch.from_numpy(value).dtype and ours.shape == value.shape
            np.testing.assert_allclose(ours.numpy(), value, atol=1e-6, err_msg=part)


def test_mixed_recordings_keep_their_sources_apart():
    batch = EventBatch(torch.arange(16.0).reshape(1, 2, 8).double())
    mixed = concatenate_batches([batch, batch, batch])
    assert mixed.source.tolist() == [[21, 45, 22, 46, 23, 47]]
    again = concatenate_batches([mixed, mixed])
    assert len(set(again.source.flatten().tolist())) == 12
    assert torch.equal(mixed.table[:, 2:4, :7], batch.table[..., :7])


class Divisors(TorchDispatchMode):
    """Notes what tensors are divided by."""

    def __init__(self):
        super().__init__()
        self.found = []

    def __torch_dispatch__(self, function, types, arguments=(), words=None):
        if str(function).startswith("aten.div"):
            self.found.append(arguments[1])
        return function(*arguments, **(words or {}))


@pytest.mark.parametrize("name", ENCODED)
def test_times_are_divided_exactly_on_a_gpu_too(name):
    """A GPU multiplies by the inverse of a number, which moves halves to the other side."""
    kind, options, hop = ENCODED[name]
    batch = EventBatch(torch.zeros(1, 2, len(COLUMNS), dtype=torch.float64))
    with Divisors() as divisors:
        TARGETS[kind](N_CLASSES, **options).encode_batch(batch, batch.onset[:, 0], N_FRAMES, hop)
    assert divisors.found and all(isinstance(each, torch.Tensor) for each in divisors.found)
