import sys
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from avseld.base.errors import BadInput
from avseld.io.dcase_csv import CARTESIAN, POLAR, Dialect, expand, read_dcase, write_dcase
from avseld.io.events import Events, concatenate, read_events, write_events
from avseld.io.geometry import angle_between, unit_vector
from avseld.io.labels import read_labels

rows = st.lists(
    st.tuples(
        st.integers(0, 600), st.integers(0, 12), st.integers(0, 5),
        st.integers(-180, 180), st.integers(-90, 90), st.integers(1, 900),
    ),
    max_size=20,
)  # fmt: skip


def frames(table) -> Events:
    return Events.from_rows((f * 0.1, (f + 1) * 0.1, c, s, a, e, d / 100) for f, c, s, a, e, d in table)


def test_every_real_label_file_is_written_back_unchanged(shared, tmp_path):
    files = sorted(shared("data/starss22_metadata").rglob("*.csv"))
    assert len(files) == 121
    n_rows = 0
    for path in files:
        events, dialect = read_dcase(path, n_classes=13)
        write_dcase(tmp_path / "back.csv", events, dialect)
        assert (tmp_path / "back.csv").read_bytes() == path.read_bytes(), path.name
        n_rows += len(events)
    assert n_rows == 222980


@given(rows)
def test_the_prepared_form_keeps_every_frame(tmp_path_factory, table):
    path = tmp_path_factory.mktemp("events") / "x.csv"
    write_events(path, frames(table))
    back = read_events(path, n_classes=13)
    write_dcase(path, back)
    again, dialect = read_dcase(path, n_classes=13)
    assert dialect.columns == POLAR[6] or not table
    assert [tuple(map(int, line.split(","))) for line in path.read_text().splitlines()] == table
    assert len(again) == len(table)


@pytest.mark.parametrize(
    "columns", [*POLAR.values(), *CARTESIAN.values()], ids=lambda columns: "-".join(columns)
)
@pytest.mark.parametrize("header", [False, True])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_every_dialect_reads_what_it_wrote(tmp_path, columns, header, newline):
    events = frames([(0, 3, 1, 30, -20, 150), (0, 3, 2, -170, 80, 250), (7, 12, 0, 179, 0, 90)])
    path = tmp_path / "x.csv"
    write_dcase(path, events, Dialect(columns, header, newline))
    back, dialect = read_dcase(path)
    assert dialect.columns == columns and dialect.newline == newline and dialect.header == header
    assert np.allclose(back.onset, events.onset) and (back.label == events.label).all()
    apart = angle_between(
        unit_vector(back.azimuth, back.elevation), unit_vector(events.azimuth, events.elevation)
    )
    assert apart.max() < 1e-4
    assert (
        np.allclose(back.distance, events.distance)
        if "distance" in columns
        else np.isnan(back.distance).all()
    )


def test_an_empty_file_holds_no_events(tmp_path):
    (tmp_path / "x.csv").write_text("")
    assert len(read_dcase(tmp_path / "x.csv")[0]) == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0,1,0,30,10\n1,1,0,thirty,10\n", r"x\.csv:2: 'thirty' is not a number"),
        ("0,1,0,30,10\n1,1,0,30\n", r"x\.csv:2: 4 columns, the rows before have 5"),
        ("0,1,0,30,10\n\n2,13,0,30,10\n", r"x\.csv:3: class 13 is not an index below 13"),
        ("0,1.5,0,30,10\n", r"x\.csv:1: class 1\.5 "),
        ("0,1,0,nan,10\n", r"x\.csv:1: 'nan' is not finite"),
        ("0,1,0,30,91\n", r"x\.csv:1: azimuth 30, elevation 91"),
        ("-1,1,0,30,10\n", r"x\.csv:1: frame -1 is no index"),
        ("0.5,1,0,30,10\n", r"x\.csv:1: frame 0\.5 is no index"),
        ("1e300,1,0,30,10\n", r"x\.csv:1: frame 1e\+300 is no index"),
        ("0,1,0,30,10\n1,1,1e30,30,10\n", r"x\.csv:2: source 1e\+30 is no whole number"),
        ("0,1,0.5,30,10\n", r"x\.csv:1: source 0\.5 is no whole number"),
        ("frame,class,colour\n0,1,2\n", r"x\.csv:1: unknown columns"),
        ("0,1\n", r"x\.csv:1: 2 columns; expected 4 to 7"),
    ],
)
def test_a_bad_row_is_named_by_file_and_line(tmp_path, text, message):
    (tmp_path / "x.csv").write_text(text)
    with pytest.raises(BadInput, match=message):
        read_dcase(tmp_path / "x.csv", n_classes=13)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n", ":1: expected the header"),
        (
            "onset,offset,class,source,azimuth,elevation,distance\n1,0,0,0,0,0,1\n",
            ":2: offset 0 before onset 1",
        ),
        ("onset,offset,class,source,azimuth,elevation,distance\n0,1,99,0,0,0,1\n", ":2: class 99"),
        ("onset,offset,class,source,azimuth,elevation,distance\n0,1,9,0,0\n", ":2: 5 columns instead of 7"),
        (
            "onset,offset,class,source,azimuth,elevation,distance\n-3,1,9,0,0,0,1\n",
            ":2: onset -3 before the start",
        ),
        (
            "onset,offset,class,source,azimuth,elevation,distance\n0,1,9,.5,0,0,1\n",
            ":2: source 0.5 is no whole",
        ),
    ],
)
def test_a_bad_row_of_a_prepared_label_file_is_named(tmp_path, text, message):
    (tmp_path / "x.csv").write_text(text)
    with pytest.raises(BadInput, match=message):
        read_events(tmp_path / "x.csv", n_classes=13)


@pytest.mark.parametrize(("distance", "says"), [("-4", "is negative"), ("1e30", "is beyond 1000 m")])
def test_a_distance_that_is_none_is_warned_about_with_its_line(tmp_path, caplog, distance, says):
    header = "onset,offset,class,source,azimuth,elevation,distance"
    (tmp_path / "x.csv").write_text(f"{header}\n0,1,0,0,0,0,1\n\n0,1,0,0,0,0,{distance}\n")
    read_labels(tmp_path / "x.csv")
    (tmp_path / "y.csv").write_text(f"0,1,0,0,0,{distance}\n")
    read_labels(tmp_path / "y.csv", metres_per_unit=1.0)
    (tmp_path / "z.csv").write_text(f"start,end,class,distance\n0,1,0,{distance}\n")
    read_labels(tmp_path / "z.csv")
    lines = [record.getMessage() for record in caplog.records if says in record.getMessage()]
    assert [line.partition(": ")[0] for line in lines] == [
        str(tmp_path / name) for name in ("x.csv:4", "y.csv:1", "z.csv:2")
    ]


def test_missing_annotations_stay_missing(tmp_path):
    weak = Events.from_rows([(np.nan, np.nan, 4, 0, np.nan, np.nan, np.nan)])
    write_events(tmp_path / "x.csv", weak)
    assert read_events(tmp_path / "x.csv") == weak


def test_a_long_event_becomes_one_row_per_frame():
    split = expand(Events.from_rows([(0.3, 0.7, 1, 0, 10, 20, 1.0), (0.5, 0.6, 2, 0, 0, 0, 2.0)]))
    assert np.round(split.onset * 10).tolist() == [3, 4, 5, 6, 5]
    assert split.label.tolist() == [1, 1, 1, 1, 2]


def test_a_section_starts_at_zero_and_events_are_cut_at_its_ends():
    whole = Events.from_rows([(0, 2, 0, 0, 0, 0, 1), (1, 3, 1, 0, 0, 0, 1), (5, 6, 2, 0, 0, 0, 1)])
    part = whole.within(1.5, 4)
    assert (
        part.label.tolist() == [0, 1] and part.onset.tolist() == [0, 0] and part.offset.tolist() == [0.5, 1.5]
    )
    assert concatenate([whole.select(slice(0, 1)), whole.select(slice(1, 3))]) == whole
    assert concatenate([]) == Events.empty()


def named() -> Events:
    rows = [(0.0, 0.5, 1, 0, 30, 10, 2.0), (0.1, 0.4, 0, 0, -30.25, 5, np.nan)]
    return Events.from_rows(rows).with_classes(["<bell>", "voice", "drum"])


def test_rows_are_iterated_with_the_names_of_their_classes():
    first, second = named()
    assert (first.onset, first.offset, first.label, first.name, first.azimuth) == (0.0, 0.5, 1, "voice", 30.0)
    assert isinstance(first.label, int) and second.name == "<bell>" and np.isnan(second.distance)
    assert [row.name for row in Events.from_rows([(0, 1, 7, 0, 0, 0, 1)])] == [""]


def test_class_names_are_shown_and_travel_but_are_not_compared(tmp_path):
    events = named()
    assert repr(events) == "Events(2 rows, 2 classes, until 0.5 s: <bell>, voice)"
    for derived in (
        events.select([0]),
        events.within(0.0, 0.3),
        events.sorted(),
        concatenate([events, events]),
    ):
        assert derived.classes == ("<bell>", "voice", "drum")
    assert concatenate([events, events.with_classes(["a", "b"])]).classes == ()
    assert concatenate([Events.empty(), events]).classes == events.classes
    assert events == events.with_classes([]) and repr(events.with_classes([])).endswith("until 0.5 s)")
    write_events(tmp_path / "labels" / "a.csv", events)
    assert read_events(tmp_path / "labels" / "a.csv").classes == ()
    (tmp_path / "classes.txt").write_text("x\ny\n")
    assert read_events(tmp_path / "labels" / "a.csv").classes == ("x", "y")
    (tmp_path / "classes.txt").write_text("x\n")  # of other labels
    assert read_events(tmp_path / "labels" / "a.csv").classes == ()


def test_a_notebook_shows_the_first_rows_as_a_table():
    html = named()._repr_html_()
    assert "<th>class</th>" in html and "<td>&lt;bell&gt;</td>" in html and "<td>-30.25</td>" in html
    many = concatenate([named()] * 30)._repr_html_()
    assert many.count("<tr>") == 21 and "and 40 more rows" in many


def test_a_table_becomes_a_data_frame_where_pandas_is_installed(monkeypatch):
    columns = named().to_columns()
    assert list(columns) == [
        "onset", "offset", "label", "class", "source", "azimuth", "elevation", "distance",
    ]  # fmt: skip
    assert columns["class"] == ["voice", "<bell>"] and columns["label"] == [1, 0]
    monkeypatch.setitem(sys.modules, "pandas", SimpleNamespace(DataFrame=dict))
    assert named().to_pandas().keys() == columns.keys()
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(BadInput, match="needs pandas, which is not installed; pip install pandas"):
        named().to_pandas()
