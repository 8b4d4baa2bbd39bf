"""The search for cyclic garbage is paused during a block and goes on after it, whatever happens in it."""

import gc

import pytest

from avseld.base.garbage import no_garbage_search


def test_the_search_is_off_in_the_block_and_in_blocks_within_and_on_afterwards():
    assert gc.isenabled()
    with no_garbage_search():
        with no_garbage_search():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()


def test_an_error_in_the_block_turns_the_search_on_again():
    with pytest.raises(ValueError), no_garbage_search():
        raise ValueError
    assert gc.isenabled()


def test_a_search_that_was_off_stays_off():
    gc.disable()
    try:
        with no_garbage_search():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
