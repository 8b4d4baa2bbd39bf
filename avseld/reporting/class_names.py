"""Class names of one recording's prediction, as the files beside it give them."""

import csv
from pathlib import Path

import numpy as np

from avseld.base.rates import LABEL_HOP
from avseld.io.labels import event_list_of, read_labels
from avseld.io.manifest import classes_of_predictions, read_class_list


def names_beside(prediction: Path | None, reference: Path | None) -> list[str]:
    """Find the names of the class indices of a prediction or a reference.

    They stand in FOLDER.classes.txt beside the folder of the predictions, in classes.txt of the prepared folder of the
    labels, or in the events with names that `avseld predict` writes beside its csv.

    Args:
        prediction: csv of one recording.
        reference: its labels.

    Returns:
        Names by index; empty if nothing gives them.

    Raises:
        BadInput: an unreadable file.
    """
    lists = [classes_of_predictions(prediction.resolve().parent)] if prediction else []
    lists += [path.resolve().parent.parent / "classes.txt" for path in (reference, prediction) if path]
    for path in lists:
        if path.is_file():
            return read_class_list(path)
    if prediction is None:
        return []
    events = event_list_of(prediction)
    return names_of_rows(prediction, events) if events.is_file() else []


def names_of_rows(prediction: Path, event_list: Path) -> list[str]:
    """Name the class indices of a csv by the events that were made of its rows: those active at the same time.

    Args:
        prediction: csv with class indices.
        event_list: csv with the columns name, onset, offset.

    Returns:
        Names by index; an index without rows stands for itself.

    Raises:
        BadInput: the prediction is unreadable.
    """
    rows = read_labels(prediction)
    with event_list.open(encoding="utf-8", newline="") as file:
        named = [(row["name"], float(row["onset"]), float(row["offset"])) for row in csv.DictReader(file)]
    end = max([0.0, *rows.offset, *(offset for _, _, offset in named)])
    instants = np.arange(LABEL_HOP / 2, end + LABEL_HOP, LABEL_HOP)
    active = {name: np.zeros(len(instants), bool) for name, _, _ in named}
    for name, onset, offset in named:
        active[name] |= (instants >= onset) & (instants < offset)
    names = [str(label) for label in range(1 + max(rows.label, default=-1))]
    for label in np.unique(rows.label):
        chosen = rows.label == label
        heard = np.zeros(len(instants), bool)
        for onset, offset in zip(rows.onset[chosen], rows.offset[chosen], strict=True):
            heard |= (instants >= onset) & (instants < offset)
        free = [name for name in active if name not in names]
        if free:
            names[label] = max(
                free, key=lambda name: (heard & active[name]).sum() / (heard | active[name]).sum()
            )
    return names
