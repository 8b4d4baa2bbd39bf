"""The table of scores that the command `score` and `print(scores)` show."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from avseld.metrics.definitions import MAX_PLAIN, SCORES, label_of, of_classes, title_of

if TYPE_CHECKING:
    from avseld.metrics.formulas import Scores

UNDEFINED = float("nan")
WIDTH = 100
MAX_CELL = 10
MIN_FIRST, MAX_FIRST = 20, 28
"""columns of the names of classes and rooms"""


def table(
    result: "Scores",
    classes: Sequence[str] = (),
    parts: "Mapping[str, Scores] | None" = None,
    per: str = "",
    note: str = "",
) -> str:
    """Format scores as text of at most 100 columns: all recordings, parts, classes, other metrics.

    Args:
        result: scores of all recordings.
        classes: class names; indices if empty.
        parts: scores of rooms or overlaps, by name.
        per: room or overlap.
        note: appended to the title.
    """
    title = f"{title_of(result.challenge)}, {result.average} average, {result.n_recordings} recordings{note}"
    lines = [title]
    for heading_of_block, prefix, names in _blocks(result):
        lines += ["", *_block(result, prefix, names, heading_of_block, classes, parts or {}, per)]
    if result.own:
        width = max(map(len, result.own))
        lines += ["", *(f"{name:<{width}}  {value:.4g}" for name, value in result.own.items())]
    return "\n".join(lines) + "\n"


def _blocks(result: "Scores") -> list[tuple[str, str, list[str]]]:
    """Divide the scores into tables that fit: title of each, prefix of the names in it, the names without it."""
    collar, segment = (result.parameters.get(name) for name in ("collar_s", "segment_s"))
    found = []
    for prefix, words in (
        (("event_", f"events within {collar:g} s"), ("segment_", f"segments of {segment:g} s"))
        if (collar and segment)
        else ()
    ):
        names = [name.removeprefix(prefix) for name in result.printed if name.startswith(prefix)]
        found.append((words, prefix, names))
    rest = [name for name in result.printed if not found or not name.startswith(("event_", "segment_"))]
    return [*found, *([("", "", rest)] if rest else [])]


def _block(
    result: "Scores",
    prefix: str,
    names: Sequence[str],
    title: str,
    classes: Sequence[str],
    parts: "Mapping[str, Scores]",
    per: str,
) -> list[str]:
    """Format one table: all recordings, parts, classes."""

    def of(table: Mapping[str, Any], chosen: Sequence[str]) -> dict[str, Any]:
        return {name: table[prefix + name] for name in chosen if prefix + name in table}

    counted = ["events"] if result.n_events else []
    lines = [row(title, [heading(name, names) for name in names] + counted)]
    lines += rows_of("all", names, of(result.values, names), of(result.interval, names), _total(result))
    if parts:
        lines.append("")
        for key, part in parts.items():
            total = _total(part) or [""] * len(counted)
            lines += rows_of(f"{per} {key}", names, of(part.values, names), of(part.interval, names), total)
    lines.append("")
    own = of_classes(names, result.challenge)
    for index in range(len(result.classwise[prefix + names[0]])):
        label = classes[index] if classes else f"class {index}"
        values = {name: column[index] for name, column in of(result.classwise, own).items()}
        intervals = {name: column[index] for name, column in of(result.classwise_interval, own).items()}
        for name in [name for name, value in values.items() if value >= MAX_PLAIN]:
            # sed_eval divides by 2.2e-16 where a class has no reference
            values[name] = UNDEFINED
            intervals |= {name: [UNDEFINED, UNDEFINED]} if name in intervals else {}
        lines += rows_of(
            label, names, values, intervals, [str(n) for n in result.n_events[index : index + 1]]
        )
    return lines


def _total(scores: "Scores") -> list[str]:
    return [str(sum(scores.n_events))] if scores.n_events else []


def rows_of(
    first: str,
    names: Sequence[str],
    values: Mapping[str, float],
    intervals: Mapping[str, Sequence[float]],
    more: Sequence[str] = (),
) -> list[str]:
    """Format the scores of one class or part, and below them the ends of their intervals.

    Args:
        first: name of the row.
        names: scores, a column each.
        values: by score; a column without one stays empty.
        intervals: low and high by score; no rows if empty.
        more: further cells of the row of values.
    """
    lines = [row(first, [*(number(name, values[name]) if name in values else "" for name in names), *more])]
    for word, side in (("95 % from", 0), ("95 % to", 1)):
        if intervals:
            ends = [number(name, intervals[name][side]) if name in intervals else "" for name in names]
            lines.append(row(f"  {word}" if first != "all" else word, [*ends, *("" for _ in more)]).rstrip())
    return lines


def row(first: str, cells: Sequence[str]) -> str:
    """Format a row: its name, shortened to fit, and its cells."""
    width = min(MAX_CELL, (WIDTH - MIN_FIRST) // len(cells))
    room = min(WIDTH - width * len(cells), MAX_FIRST)
    first = first if len(first) < room else first[: room - 2] + "~"
    return f"{first:<{room}}" + "".join(f"{cell:>{width}}" for cell in cells)


def heading(name: str, names: Sequence[str]) -> str:
    """Format the label and unit of a score in a table of the scores `names`."""
    unit = SCORES[name].unit
    return label_of(name, names) + (f"[{unit}]" if unit else "")


def number(name: str, value: float) -> str:
    """Format a value of a score."""
    # One digit more than tables that compare systems, to be held against the output of the official scorers.
    return SCORES[name].text(value, extra_digits=1)
