"""Classes of position tracks, by the names of their files or by a table, and the recording that a track belongs to."""

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from avseld.base.errors import BadInput
from avseld.io.tables import read_rows
from data_prep.corpora.recordings import example

log = logging.getLogger(__name__)

PLACEHOLDERS = {"class": r"(?P<class>.+?)", "take": r"(?P<take>.+?)", "": r".*?"}
"""of a pattern: the class, the recording, anything"""
COLUMNS = ("file", "class")


@dataclass(frozen=True)
class NamedTrack:
    """What is known of a track.

    Args:
        class_name: name of the class, or its index in words.
        take: recording that it belongs to; tracks of one recording are written into one csv.
    """

    class_name: str
    take: str


def by_pattern(paths: Sequence[Path], pattern: str, classes: Sequence[str] = ()) -> dict[Path, NamedTrack]:
    """Read class and recording in the names of tracks.

    Args:
        paths: of the tracks.
        pattern: with {class}, and perhaps {take} and {} for anything, such as {class}_{take}; or a regular expression
            with the groups (?P<class>...) and perhaps (?P<take>...). It describes the whole name, without its suffix.
        classes: names that {class} stands for, with any case; any text if empty.

    Returns:
        By path; without {take}, every track is a recording of its own.

    Raises:
        BadInput: a pattern without class, or a name that it does not describe.
    """
    expression = _expression(pattern, classes)
    found = {}
    for path in paths:
        match = expression.fullmatch(path.stem)
        if match is None:
            among = f" with a class of {', '.join(classes)}" if classes else ""
            raise BadInput(f"{path}: the name is not {pattern}{among}; rename it, or give another pattern")
        groups = match.groupdict()
        found[path] = NamedTrack(groups["class"], groups.get("take") or path.stem)
    return found


def _expression(pattern: str, classes: Sequence[str]) -> re.Pattern[str]:
    if "(?P<" in pattern:
        text = pattern
    else:
        parts = re.split(r"\{(\w*)\}", pattern)
        if unknown := set(parts[1::2]) - PLACEHOLDERS.keys():
            raise BadInput(
                f"--label_from_name {pattern}: {{{min(unknown)}}} is none of {{class}}, {{take}} and {{}}"
            )
        # Longer names first: toy_car rather than toy.
        names = "|".join(re.escape(name) for name in sorted(classes, key=len, reverse=True))
        places = PLACEHOLDERS | ({"class": f"(?P<class>(?i:{names}))"} if classes else {})
        text = "".join(places[part] if n % 2 else re.escape(part) for n, part in enumerate(parts))
    try:
        expression = re.compile(text)
    except re.error as error:
        raise BadInput(
            f"--label_from_name {pattern}: no pattern ({error}); such as {{class}}_{{take}}"
        ) from None
    if "class" not in expression.groupindex:
        raise BadInput(
            f"--label_from_name {pattern}: says no class; such as {{class}}_{{take}}, or a regular expression with "
            "(?P<class>...)"
        )
    return expression


def by_table(paths: Sequence[Path], table: Path) -> dict[Path, NamedTrack]:
    """Read class and recording of tracks in a table.

    Args:
        paths: of the tracks.
        table: csv with the columns file (with suffix or without) and class, and perhaps take.

    Raises:
        BadInput: no such columns, a track that is not listed, or one that is listed twice; names file and line.
    """
    rows: dict[str, tuple[int, NamedTrack]] = {}
    for line, row in read_rows(table, COLUMNS, "file, class and perhaps take, such as bell_1.npy,bell,take1"):
        if not row["file"] or not row["class"]:
            raise BadInput(f"{table}:{line}: no {'class' if row['file'] else 'file'}; correct the row")
        if row["file"] in rows:
            raise BadInput(f"{table}:{line}: {row['file']} is listed twice; remove one row")
        rows[row["file"]] = line, NamedTrack(row["class"], row.get("take", ""))
    found = {}
    used = set()
    for path in paths:
        name = next((name for name in (path.name, path.stem) if name in rows), None)
        if name is None:
            raise BadInput(f"{table}: no row of {path.name}; add one with its class")
        used.add(name)
        track = rows[name][1]
        found[path] = track if track.take else NamedTrack(track.class_name, path.stem)
    if spare := rows.keys() - used:
        log.warning("%s: %d rows are of no track (%s); not used", table, len(spare), example(spare))
    return found


def indices(tracks: dict[Path, NamedTrack], classes: Sequence[str]) -> tuple[dict[Path, int], list[str]]:
    """Number the classes of tracks.

    Args:
        tracks: as from `by_pattern` or `by_table`.
        classes: names by index; if empty, the names of the tracks in alphabetical order.

    Returns:
        Index by path, and the list of classes; empty where the tracks have numbers instead of names.

    Raises:
        BadInput: a class that is not listed; names the track.
    """
    words = {track.class_name for track in tracks.values()}
    if not classes and all(word.isdecimal() for word in words):
        return {path: int(track.class_name) for path, track in tracks.items()}, []
    names = list(classes) or sorted(words)
    place = {name: index for index, name in enumerate(names)}
    loosely = {name.casefold(): index for index, name in reversed(list(enumerate(names)))}
    found = {}
    for path, track in tracks.items():
        word = track.class_name
        index = place.get(word, loosely.get(word.casefold()))
        if index is None and word.isdecimal() and int(word) < len(names):
            index = int(word)
        if index is None:
            raise BadInput(f"{path}: the class '{word}' is none of {', '.join(names)}; add it to --classes")
        found[path] = index
    return found, names
