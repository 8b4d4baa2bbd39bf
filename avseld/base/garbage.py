"""Python's search for cyclic garbage, paused where a million objects without cycles are made.

The search begins again and again while they are made, since their number is what starts it: a JSON file of a hundred
thousand lists is read three times as fast without.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

_lock = Lock()
_pauses: list[bool] = []
"""whether the search was on, for each pause that lasts; the last one to end, of whatever thread, turns it on"""


@contextmanager
def no_garbage_search() -> Iterator[None]:
    """Pause the search during the block; objects without cycles are freed as ever."""
    with _lock:
        _pauses.append(gc.isenabled())
        gc.disable()
    try:
        yield
    finally:
        with _lock:
            first = _pauses[0]
            _pauses.pop()
            if not _pauses and first:
                gc.enable()
