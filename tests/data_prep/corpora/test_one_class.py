"""Labels of one class for networks that locate sounds of any kind: nothing is lost, sources stay apart."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from raw_tree import write_starss

from avseld.base.errors import BadInput
from avseld.io.events import Events, read_events
from avseld.io.manifest import read_classes
from data_prep.corpora.dcase import dcase
from data_prep.corpora.one_class import merge_classes, one_class_list

ROW = st.tuples(st.integers(0, 20), st.integers(0, 12), st.integers(0, 3), st.integers(-180, 180))


@given(st.lists(ROW, unique_by=lambda row: row[:3]))
def test_sources_that_differed_in_class_or_number_stay_different(rows):
    events = Events.from_rows([(f / 10, (f + 1) / 10, c, s, a, 0.0, 1.0) for f, c, s, a in rows])
    merged = merge_classes(events)
    assert np.array_equal(merged.azimuth, events.azimuth) and np.array_equal(merged.onset, events.onset)
    assert not merged.label.any()
    before = {(c, s) for _, c, s, _ in rows}
    number_of = {(c, s): number for (_, c, s, _), number in zip(rows, merged.source, strict=True)}
    assert len(set(number_of.values())) == len(before)
    assert len({(n, f) for (f, *_), n in zip(rows, merged.source, strict=True)}) == len(rows)


def test_a_corpus_of_13_classes_becomes_one_of_sounds(tmp_path):
    raw = write_starss(tmp_path / "raw", ["fold3_room21_mix013"], seconds=0.8)
    dcase(raw, tmp_path / "all")
    dcase(raw, tmp_path / "one", one_class="sound")
    assert read_classes(tmp_path / "one") == ["sound"]
    name = "labels/fold3_room21_mix013.csv"
    one, all_classes = read_events(tmp_path / "one" / name), read_events(tmp_path / "all" / name)
    assert len(one) == len(all_classes) and set(one.label) == {0}
    assert sorted(one.azimuth) == sorted(all_classes.azimuth)


@pytest.mark.parametrize("name", ["", "  ", "two\nlines"])
def test_a_class_needs_a_name(name):
    with pytest.raises(BadInput, match="no name of a class"):
        one_class_list(name)
