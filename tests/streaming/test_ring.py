import threading
import time

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from avseld.streaming.ring import Ring

STEPS = st.lists(st.one_of(st.integers(1, 9), st.just(0)), max_size=60)  # samples to write; 0 reads a block


@given(STEPS, st.integers(8, 20))
def test_what_was_written_is_read_in_order_and_what_found_no_room_is_counted(steps, size):
    ring, sound = Ring(size, 2), np.arange(600, dtype=np.float32)[:, None] * [1, -1]
    begun = heard = 0
    for n in [*steps, *[0] * len(steps)]:
        if n:
            ring.write(sound[begun : begun + n], begun / 10)
            begun += n
        elif (block := ring.read()) is not None:
            assert block.position == heard + block.lost and block.time == block.position / 10
            assert np.array_equal(block.samples, sound[block.position : block.stop])
            heard = block.stop
    assert heard + ring.lost_at_end == begun and ring.waiting == 0 and ring.room == size


def test_a_block_without_room_is_lost_as_a_whole_and_the_next_one_says_so():
    ring = Ring(10, 1)
    assert ring.write(np.ones((8, 1)), 0.0) and not ring.write(np.ones((4, 1)), 0.8, overflow=True)
    ring.read()
    assert ring.write(np.full((5, 1), 2), 1.2)
    block = ring.read()
    assert (block.position, block.lost, block.overflow, block.time) == (12, 4, True, 1.2)


def test_the_samples_of_a_block_are_copied():
    ring, memory = Ring(10, 1), np.ones((4, 1), np.float32)
    ring.write(memory, 0.0)
    memory[:] = 5  # as the driver of a card does
    assert (ring.read().samples == 1).all()


def test_one_thread_writes_while_another_reads():
    ring, sizes = Ring(1000, 3), np.random.default_rng(1).integers(1, 400, 1000)
    sound = np.random.default_rng(0).normal(size=(sizes.sum(), 3)).astype(np.float32)

    def write():
        first = 0
        for size in sizes:
            while ring.room < size:
                time.sleep(0)
            ring.write(sound[first : first + size], 0.0)
            first += size
        ring.end()

    writer = threading.Thread(target=write)
    writer.start()
    read = []
    while not ring.ended:
        if (block := ring.read()) is None:
            ring.wait(0.1)
        else:
            assert block.lost == 0
            read.append(block.samples)
    writer.join()
    assert np.array_equal(np.concatenate(read), sound)
