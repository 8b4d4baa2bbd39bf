"""Numbers of reference events, and the table of scores that shows them beside intervals."""

import pytest

from avseld.io.events import Events
from avseld.metrics import score
from avseld.metrics.reference_events import count_events
from avseld.metrics.table import table


def row(onset, offset, label, source, azimuth=0.0):
    return (onset, offset, label, source, azimuth, 0.0, 1.0)


@pytest.mark.parametrize(
    ("rows", "numbers"),
    [
        ([], [0, 0, 0]),
        ([row(0.0, 0.1, 1, 0), row(0.1, 0.2, 1, 0, 10), row(0.2, 0.3, 1, 0, 20)], [0, 1, 0]),  # moving
        ([row(0.0, 0.1, 1, 0), row(0.3, 0.4, 1, 0)], [0, 2, 0]),  # a pause
        ([row(0.0, 0.2, 1, 0), row(0.0, 0.2, 1, 1)], [0, 2, 0]),  # two sources at once
        ([row(0.1, 0.2, 0, 0), row(0.0, 0.1, 2, 0), row(0.0, 0.1, 0, 0)], [1, 0, 1]),  # any order
        ([row(0.1 * n, 0.1 * (n + 1), 2, 0) for n in range(40)], [0, 0, 1]),  # rounding of decimals
    ],
)
def test_an_event_is_a_stretch_of_one_source_whatever_its_path(rows, numbers):
    assert count_events(Events.from_rows(rows), 3).tolist() == numbers


def scenes():
    first = Events.from_rows([row(0.0, 2.0, 0, 0), row(3.0, 4.0, 1, 1, 90)])
    second = Events.from_rows([row(0.0, 1.0, 0, 0)])
    return {"a": first, "b": second}


def test_the_table_has_events_and_intervals_of_every_class_and_one_error_rate():
    lines = table(score(scenes(), scenes(), 2023, n_classes=2, jackknife=True), ["drum", "bell"]).splitlines()
    heading = next(line for line in lines if "F20" in line)
    assert heading.split()[-1] == "events"
    place = next(n for n, line in enumerate(lines) if line.startswith("drum"))
    assert lines[place].split()[-1] == "2" and lines[place + 3].split()[0] == "bell"
    assert lines[place + 1].startswith("  95 % from") and lines[place + 2].startswith("  95 % to")
    everything = next(line for line in lines if line.startswith("all "))
    assert everything.split()[-1] == "3"
    assert len(everything.split()) == len(lines[place].split()) + 1  # the error rate is of all classes


def test_rooms_have_intervals_and_events_of_their_own():
    whole = score(scenes(), scenes(), 2023, n_classes=2, jackknife=True)
    lines = table(whole, parts={"room1": whole}, per="room").splitlines()
    place = next(n for n, line in enumerate(lines) if line.startswith("room room1"))
    assert lines[place].split()[-1] == "3" and lines[place + 1].startswith("  95 % from")
