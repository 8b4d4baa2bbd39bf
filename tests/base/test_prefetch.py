"""Background prefetching."""

import pytest

from avseld.base.errors import BadInput
from avseld.base.prefetch import prefetch


def test_prefetching_passes_on_items_and_errors_and_stops_when_its_caller_does():
    def items(closed: list[bool]):
        try:
            yield from range(100)
            raise BadInput("the video breaks off")
        finally:
            closed.append(True)

    ended: list[bool] = []
    assert list(zip(range(5), prefetch(items(ended)), strict=False))[-1] == (4, 4)
    with pytest.raises(BadInput, match="breaks off"):
        assert list(prefetch(items(ended)))
    early = prefetch(items(ended))
    next(early)
    early.close()  # must not wait for the other 99
