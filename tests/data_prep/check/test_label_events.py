"""Rows written twice, events within others of their class, one source in several places at once."""

import numpy as np
import pytest

from avseld.io.events import Events
from data_prep.check.label_events import repeats

NAN = np.nan


def found(rows, numbered=None):
    seen = repeats(Events.from_rows(rows), numbered)
    return len(seen.identical), len(seen.elsewhere), len(seen.within), seen.most


@pytest.mark.parametrize(
    ("rows", "numbered", "expected"),
    [
        ([(0, 1, 0, 0, NAN, NAN, NAN), (1, 2, 0, 0, NAN, NAN, NAN)], None, (0, 0, 0, 1)),
        ([(0, 10, 0, 0, NAN, NAN, NAN), (2, 3, 0, 0, NAN, NAN, NAN)], None, (0, 0, 1, 2)),
        ([(0, 10, 0, 0, NAN, NAN, NAN), (2, 3, 1, 0, NAN, NAN, NAN)], None, (0, 0, 0, 1)),
        ([(2, 3, 0, 0, NAN, NAN, NAN), (2, 3, 0, 0, NAN, NAN, NAN)], None, (1, 0, 0, 2)),
        ([(0, 0.1, 0, 0, 10, 0, NAN), (0, 0.1, 0, 0, 90, 0, NAN)], None, (0, 0, 0, 2)),
        ([(0, 0.1, 0, 0, 10, 0, NAN), (0, 0.1, 0, 0, 90, 0, NAN)], True, (0, 1, 0, 2)),
        ([(0, 0.1, 0, 0, 10, 0, NAN), (0, 0.1, 0, 1, 90, 0, NAN)], True, (0, 0, 0, 1)),
        ([(0, 0.1, 0, 0, 30 * k, 0, NAN) for k in range(5)], None, (0, 4, 0, 5)),
        ([(0, 0.1, 0, 0, 30 * k, 0, NAN) for k in range(3)], False, (0, 0, 0, 3)),
        (
            [(0, 0.1, 0, 1, 10, 0, NAN), (0, 0.1, 0, 0, 5, 0, NAN), (0, 0.1, 0, 0, 9, 0, NAN)],
            None,
            (0, 1, 0, 2),
        ),
        ([(NAN, NAN, 0, 0, NAN, NAN, NAN)] * 2, None, (0, 0, 0, 0)),
    ],
)
def test_overlaps_of_one_class_and_source_are_found(rows, numbered, expected):
    assert found(rows, numbered) == expected


def test_touching_rows_of_label_frames_do_not_overlap():
    assert found([(k * 0.1, (k + 1) * 0.1, 0, 1, 10, 0, NAN) for k in range(100)], True) == (0, 0, 0, 1)


def test_a_warning_names_file_line_and_time():
    events = Events.from_rows([(2, 3, 0, 0, NAN, NAN, NAN)] * 2)
    (line,) = repeats(events).warnings(events, lambda row: f"a.csv:{row + 2}")
    assert line.startswith("a.csv:3: at 2.0 s: 1 rows are written twice")
