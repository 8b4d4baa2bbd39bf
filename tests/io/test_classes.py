import numpy as np
import pytest

from avseld.base.errors import BadInput
from avseld.io.classes import compare_classes, give_classes
from avseld.io.events import Events

EVENTS = Events.from_rows([[k / 10, k / 10 + 0.1, k % 3, 0, 10 * k, 0, np.nan] for k in range(6)])


def test_events_are_given_the_indices_of_their_names_and_others_are_left_out_with_a_warning(caplog):
    class_map = compare_classes(["door", "drum", "bell"], ["bell", "knock", "door"], "run", "P/classes.txt")
    assert class_map.indices.tolist() == [2, -1, 0]
    assert (
        "run has other classes than P/classes.txt" in caplog.text and "not listed there: drum" in caplog.text
    )
    renamed = give_classes(EVENTS, class_map)
    assert renamed.label.tolist() == [2, 0, 2, 0]
    assert renamed.classes == ("bell", "knock", "door")
    assert renamed.azimuth.tolist() == [0, 20, 30, 50]


def test_equal_lists_change_nothing(caplog):
    assert compare_classes(["a", "b"], ["a", "b"], "run", "P") is None
    assert give_classes(EVENTS, None) is EVENTS and not caplog.text


def test_lists_without_a_common_name_are_refused():
    with pytest.raises(BadInput, match=r"P: none of the classes of run \(a, b\) is among c"):
        compare_classes(["a", "b"], ["c"], "run", "P")
