"""Background prefetching."""

import queue
import threading
from collections.abc import Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")


def prefetch(items: Iterable[Item], depth: int = 2) -> Iterator[Item]:
    """Iterate in a background thread while the caller works on earlier items.

    Args:
        items: an iterable that is slow, and releases the interpreter while it is.
        depth: largest number of items that wait for the caller.

    Returns:
        The items in their order; an error of the iterable is raised in the caller.
    """
    ready: queue.Queue[tuple[bool, Item | BaseException | None]] = queue.Queue(depth)
    stopped = threading.Event()

    def put(entry: tuple[bool, Item | BaseException | None]) -> bool:
        while not stopped.is_set():
            try:
                ready.put(entry, timeout=0.1)
                return True
            except queue.Full:
                continue
        return False

    def work() -> None:
        try:
            for item in items:
                if not put((True, item)):
                    return
            put((False, None))
        except BaseException as error:
            put((False, error))

    worker = threading.Thread(target=work, daemon=True)
    worker.start()
    try:
        while (entry := ready.get())[0]:
            yield entry[1]  # type: ignore[misc]
        if isinstance(entry[1], BaseException):
            raise entry[1]
    finally:
        stopped.set()
        worker.join()
