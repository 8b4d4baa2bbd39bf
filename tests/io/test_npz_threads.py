"""Boxes are read by several threads at once."""

import ast
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from avseld.io.boxes import Boxes, read_boxes, write_boxes


def test_threads_parse_one_header_at_a_time(tmp_path, monkeypatch):
    """Python 3.11 fails at times where two threads parse a literal, which NumPy does for each array."""
    empty = np.zeros((1, 0))
    write_boxes(tmp_path / "a.npz", Boxes(np.zeros(1), np.zeros((1, 0, 4)), empty, empty.astype(int), {}))
    busy, parse = threading.Lock(), ast.literal_eval

    def alone(text):
        assert busy.acquire(blocking=False), "two threads parse at once"
        time.sleep(0.002)
        busy.release()
        return parse(text)

    monkeypatch.setattr(ast, "literal_eval", alone)
    with ThreadPoolExecutor(4) as pool:
        read = list(pool.map(lambda number: read_boxes(tmp_path / "a.npz"), range(8)))
    assert all(len(boxes.time) == 1 for boxes in read)
