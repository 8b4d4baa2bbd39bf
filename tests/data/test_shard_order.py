"""The order in which shards are read: who reads what in an epoch, how often, and how much is held."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from avseld.base.errors import BadInput
from avseld.data.shard_order import N_LANES, ShardOrder

SHARE = 4


def order_of(seed=0, n_shards=6, per_shard=8, buffer=3e4, rank=0, n_processes=1, draw=7):
    """Recordings of 1,000 to 5,000 bytes, with 1 to 4 windows in each epoch."""
    random = np.random.default_rng(draw)
    shard = np.repeat(np.arange(n_shards), random.integers(max(per_shard // 2, 1), per_shard + 1, n_shards))
    size = random.integers(1000, 5000, len(shard))
    return ShardOrder(shard, size, 1 + 3 * random.random(len(shard)), buffer, seed, rank, n_processes)


def drawn(order, steps, first=0):
    """Recording of each window of some steps."""
    found = []
    for step in range(first, first + steps):
        for place in range(SHARE):
            interval, at = order.find(*order.lane_of(step, SHARE, place))
            found.append(int(interval.recording[interval.visit[at]]))
    return found


@settings(max_examples=15)
@given(st.integers(0, 99), st.integers(1, 3), st.integers(3, 9), st.integers(1, 9), st.integers(0, 9))
def test_processes_read_disjoint_recordings_in_an_epoch_and_together_all(
    seed, n_processes, n_shards, per, draw
):
    for epoch in range(3):
        orders = [order_of(seed, n_shards, per, 3e4, rank, n_processes, draw) for rank in range(n_processes)]
        visited = [v for order in orders for lane in order.dealt(epoch) for v in lane.recording]
        assert sorted(visited) == list(range(len(orders[0].n_bytes)))
        for order in orders:
            shards = order.epoch(epoch)
            assert sorted(v for lane in order.dealt(epoch) for v in lane.recording) == sorted(shards)


def test_an_archive_is_read_from_beginning_to_end_and_archives_in_another_order_in_every_epoch():
    order = order_of()
    shard = np.repeat(np.arange(6), np.diff(order.begin))
    firsts = set()
    for epoch in range(5):
        recordings = order.epoch(epoch)
        runs = np.split(recordings, np.flatnonzero(np.diff(shard[recordings])) + 1)
        assert len(runs) == 6 and all((np.diff(run) == 1).all() for run in runs)
        firsts.add(tuple(int(shard[run[0]]) for run in runs))
    assert len(firsts) > 1


def test_a_seed_and_a_number_of_processes_give_one_order_others_another():
    first = drawn(order_of(), 200)
    assert drawn(order_of(), 200) == first
    assert drawn(order_of(seed=1), 200) != first
    assert drawn(order_of(n_processes=2), 200) != first


def test_a_resumed_order_jumps_to_its_place():
    whole = drawn(order_of(), 300)
    for begin in (1, 37, 120, 299):
        assert drawn(order_of(), 300 - begin, begin) == whole[begin * SHARE :]
    order = order_of()
    assert drawn(order, 1, 250) == whole[1000:1004] and drawn(order, 1, 3) == whole[12:16]  # and back


def test_every_visit_gives_all_its_windows_and_each_while_it_is_held():
    order = order_of()
    for lane in range(order.n_lanes):
        counts, at = {}, 0
        while True:
            interval, place = order.find(lane, at)
            if interval.epoch == 3:
                break
            visit = int(interval.visit[place])
            assert visit in interval.held(place)
            name = interval.id(visit)
            counts[name] = counts.get(name, 0) + 1
            at += 1
        for epoch in range(2):
            visits = order.visits(lane, epoch)
            assert [counts[epoch, n] for n in range(len(visits))] == visits.n_windows.tolist()


@settings(max_examples=10)
@given(st.integers(0, 99), st.sampled_from([1.0, 8e3, 4e4, 1e9]))
def test_no_more_is_held_than_the_buffer_and_a_recording_of_each_lane(seed, buffer):
    order = order_of(seed, buffer=buffer)
    for lane in range(order.n_lanes):
        for number in range(150):
            interval, at = order.find(lane, number)
            held = order.n_bytes[interval.recording[interval.held(at)]]
            assert held.sum() <= order.buffer + order.n_bytes.max()


def test_windows_that_follow_each_other_come_from_many_recordings():
    order = order_of(n_shards=20, per_shard=20, buffer=4e5)  # some 30 recordings of each lane
    recent = drawn(order, 50, 200)
    assert len(set(recent[: 8 * SHARE])) > 20


def times_drawn(order, windows):
    """How often each recording is drawn in the first windows of every lane."""
    counts = np.zeros(len(order.n_bytes))
    for lane in range(order.n_lanes):
        at = 0
        while at < windows:
            interval, place = order.find(lane, at)
            visits = interval.visit[place : place + windows - at]
            counts += np.bincount(interval.recording[visits], minlength=len(counts))
            at += len(visits)
    return counts


@pytest.mark.parametrize("n_processes", [1, 2])
def test_every_recording_is_drawn_as_often_as_its_windows_say(n_processes):
    options = {"n_shards": 5, "per_shard": 5, "buffer": 1e4, "n_processes": n_processes, "draw": 3}
    orders = [order_of(rank=rank, **options) for rank in range(n_processes)]
    counts = np.sum([times_drawn(order, 4_000 // n_processes) for order in orders], axis=0)
    expected = orders[0].windows / orders[0].windows.sum() * counts.sum()
    assert orders[0].n_lanes == N_LANES or n_processes > 1
    np.testing.assert_allclose(counts, expected, rtol=0.06)


def test_fewer_archives_than_processes_are_refused():
    with pytest.raises(BadInput, match=r"2 archives to train on for 3 processes; write smaller ones with"):
        order_of(n_shards=2, n_processes=3)
