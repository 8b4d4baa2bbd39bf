"""Class names of one recording's prediction."""

from avseld.io.events import Events, write_events
from avseld.reporting import plot_command
from avseld.reporting.class_names import names_beside, names_of_rows

ROWS = [*((frame, 4, frame) for frame in range(5)), *((frame, 2, -20) for frame in range(4, 9))]
"""frame, class index, azimuth: the two overlap in frame 4"""


def written(folder):
    folder.mkdir()
    prediction = folder / "x.csv"
    prediction.write_text("".join(f"{frame},{label},0,{azimuth},0\n" for frame, label, azimuth in ROWS))
    events = "name,onset,offset,azimuth,elevation\nbell,0.4,0.9,-20,0\ndrum,0.0,0.3,1,0\ndrum,0.3,0.5,3,0\n"
    (folder / "x.events.csv").write_text(events)
    return prediction


def test_indices_are_named_by_the_events_of_the_same_time(tmp_path):
    prediction = written(tmp_path / "out")
    assert names_of_rows(prediction, prediction.with_name("x.events.csv")) == ["0", "1", "bell", "3", "drum"]
    assert names_beside(prediction, None) == ["0", "1", "bell", "3", "drum"]
    prediction.with_name("x.events.csv").unlink()
    assert names_beside(prediction, None) == [] == names_beside(None, None)


def test_lists_of_classes_come_before_events(tmp_path):
    prediction = written(tmp_path / "out")
    labels = tmp_path / "prepared" / "labels"
    labels.mkdir(parents=True)
    (tmp_path / "prepared" / "classes.txt").write_text("a\nb\nc\nd\ne\n")
    assert names_beside(prediction, labels / "x.csv") == list("abcde")
    (tmp_path / "out.classes.txt").write_text("v\nw\nx\ny\nz\n")
    assert names_beside(prediction, labels / "x.csv") == list("vwxyz")


def test_a_figure_has_the_names_that_stand_beside_its_prediction_or_reference(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(plot_command, "draw", lambda files, *_: drawn.append(files.classes))
    for folder, lists in (("found", "found.classes.txt"), ("prepared/labels", "prepared/classes.txt")):
        write_events(tmp_path / folder / "a.csv", Events.empty())
        (tmp_path / lists).write_text(f"{folder[0]}\n")
    (tmp_path / "a.wav").touch()
    given = {
        "audio": tmp_path / "a.wav",
        "prediction": tmp_path / "found" / "a.csv",
        "out": tmp_path / "a.png",
    }
    plot_command.plot(**given)
    plot_command.plot(**given, reference=tmp_path / "prepared" / "labels" / "a.csv")
    assert drawn == [["f"], ["p"]]
