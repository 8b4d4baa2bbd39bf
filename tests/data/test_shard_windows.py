"""Windows of shards: sound, labels and boxes of one recording, the same in any number of reading processes."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch
from shard_material import write_prepared

from avseld.base.errors import BadInput
from avseld.config import Data, Part
from avseld.data import shard_windows
from avseld.data.loader import LastingLoader, Numbers
from avseld.data.shard_windows import ShardWindows
from avseld.data.windows import Windows
from avseld.io.manifest import read_manifest
from avseld.system.blueprint import Blueprint
from avseld.system.build import System
from data_prep.shards import shards

CLASSES = [f"class {number}" for number in range(13)]
N_RECORDINGS, BATCH, BUFFER_MB = 12, 8, 5.0
LARGEST = 4 * 24_000 * 4 * 2


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Twelve recordings of 2 to 4 s whose sound, boxes and labels encode their number, in three archives."""
    folder = tmp_path_factory.mktemp("corpus")
    seconds = [2.0 + number % 3 for number in range(N_RECORDINGS)]
    write_prepared(folder / "prepared", seconds, ["fold3"] * N_RECORDINGS, constant=True)
    shards(folder / "prepared", folder / "shards", shard_mb=1.7)
    assert len(list((folder / "shards").glob("*.tar"))) == 3
    return folder


@pytest.fixture(scope="module")
def system():
    return System(Blueprint(Part("amplitude_ipd"), Part("avcrnn"), Part("multi_accdoa"), CLASSES))


@pytest.fixture
def windows(folder, system):
    def make(seed=0, augment=(), **changes):
        data = replace(Data(folder / "shards", batch_size=BATCH, shuffle_buffer=BUFFER_MB), **changes)
        return ShardWindows(read_manifest(folder / "shards"), system, data, seed, augment)

    return make


def number_of(item) -> int:
    """Number of the recording that a window is from, by its sound."""
    return round(float(item["waveform"].max()) * 1024) - 1


def held_bytes(windows) -> int:
    return sum(buffer.n_bytes for buffer in windows.buffers.values())


def test_sound_labels_and_boxes_of_a_window_are_of_one_recording(windows):
    found = set()
    for item in map(windows().__getitem__, range(40)):
        number = number_of(item)
        sound = item["waveform"].numpy()
        np.testing.assert_array_equal(sound, np.full_like(sound, (number + 1) / 1024))
        assert set(np.flatnonzero(item["accdoa"].numpy().any(axis=(0, 1, 2)))) == {number % 13}
        assert float(item["visual"][0, 0]) == pytest.approx(0.01 * number, abs=1e-6)
        found.add(number)
    assert len(found) > 8


def test_the_same_windows_come_to_a_reading_process_and_in_several_stretches_of_steps(windows):
    first, second = windows(), pickle.loads(pickle.dumps(windows()))
    lasting = LastingLoader(second, 0)
    batches = [batch for begin in (0, 3) for batch in lasting.over(Numbers(begin, 3, BATCH))]
    assert len(lasting) == 3 and len(batches) == 6
    for step, batch in enumerate(batches):
        for place in range(BATCH):
            for name, value in first[step * BATCH + place].items():
                assert torch.equal(value, batch[name][place]), name


def test_a_process_that_begins_in_the_middle_gives_the_windows_of_one_that_read_from_the_beginning(
    windows, monkeypatch
):
    def added(window, chance, draw):
        return replace(window, waveform=window.waveform + draw().waveform)

    whole, late = windows(augment=[added]), windows(augment=[added])
    expected = [whole[number]["waveform"] for number in range(126)]
    monkeypatch.setattr(shard_windows, "MOST_ARRIVALS", 0)  # as with a larger buffer
    for number in range(101, 126):
        assert torch.equal(late[number]["waveform"], expected[number])
    assert not torch.equal(windows(seed=1, augment=[added])[120]["waveform"], expected[120])


def test_no_more_sound_is_held_than_the_buffer_and_a_recording_of_each_lane(windows):
    source = windows()
    held = []
    for number in range(120):
        source[number]
        held.append(held_bytes(source))
    assert max(held) <= BUFFER_MB * 1e6 + source.order(0).n_lanes * LARGEST
    assert max(held[60:]) < 1.3 * max(held[:60])


def test_another_window_of_an_augmentation_is_drawn_from_the_buffer(windows):
    drawn = []

    def looking(window, chance, draw):
        before = held_bytes(source)
        drawn.append((number_of({"waveform": draw().waveform}), held_bytes(source) - before))
        return window

    source = windows(augment=[looking])
    for number in range(96):
        source[number]
    assert len({number for number, _ in drawn}) == N_RECORDINGS
    assert sum(grown > 0 for _, grown in drawn) < 5  # read in order before


def test_shuffled_video_is_of_another_recording(windows):
    aligned, shuffled = windows(), windows(video="shuffled")
    differ = [not torch.equal(aligned[number]["visual"], shuffled[number]["visual"]) for number in range(24)]
    assert np.mean(differ) > 0.9
    assert all(number_of(aligned[number]) == number_of(shuffled[number]) for number in range(24))
    assert "visual" not in windows(video="blank")[0]


def test_statistics_are_of_windows_drawn_from_all_recordings(windows, folder, system):
    source = windows()
    by_name = {one.name: one for one in read_manifest(folder / "prepared")}
    same = Windows(
        [by_name[one.name] for one in source.recordings], system, Data(folder / "prepared"), seed=0
    )
    for number in range(30):
        np.testing.assert_array_equal(source.waveform(number), same.waveform(number))
        np.testing.assert_array_equal(same.waveform(number), same[number]["waveform"].numpy())


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"device_cache": "always"}, r"data\.device_cache: always, but shards are read as training goes on"),
        ({"chunk": 5.08}, r"foa-fold3-.*\.flac: 4.00 s are shorter than a window of 5.08 s"),
    ],
)
def test_what_shards_cannot_give_is_refused_in_one_line(folder, changes, said):
    parts = {"chunk": changes.get("chunk", 1.27)}
    system = System(Blueprint(Part("amplitude_ipd"), Part("avcrnn"), Part("multi_accdoa"), CLASSES, **parts))
    with pytest.raises(BadInput, match=said):
        ShardWindows(read_manifest(folder / "shards"), system, Data(folder / "shards", **changes), 0)


def test_a_recording_beside_the_archives_is_refused(folder, system):
    recordings = read_manifest(folder / "prepared")
    with pytest.raises(BadInput, match=r"\.wav: not in the index .*members\.csv; write the shards anew"):
        ShardWindows(recordings, system, Data(folder / "shards"), 0)
    moved = [replace(one, boxes=folder / "x.npz") for one in read_manifest(folder / "shards")]
    with pytest.raises(BadInput, match=r"x\.npz: lies beside the archives"):
        ShardWindows(moved, system, Data(folder / "shards"), 0)


def test_recordings_are_due_alike_or_in_proportion_to_their_starts_and_as_often_as_covers_them(windows):
    alike, by_length = windows(), windows(sampling="duration")
    starts = by_length.length - by_length.n_samples
    for source, weight in ((alike, np.ones(N_RECORDINGS)), (by_length, starts)):
        due = source.order(0).windows
        np.testing.assert_allclose(due / due.sum(), weight / weight.sum())
        assert due.sum() == pytest.approx((source.length / source.n_samples).sum())


def test_energy_maps_that_archives_do_not_hold_are_said(folder):
    model = Part("seldnet_attention", {"width": 2, "hidden": 4, "n_heads": 1})
    mapping = System(Blueprint(Part("logmel_iv"), model, Part("sphere_map"), CLASSES, chunk=1.2))
    with pytest.raises(BadInput, match="archives hold no energy maps; train from the prepared folder"):
        ShardWindows(read_manifest(folder / "shards"), mapping, Data(folder / "shards"), 0)
