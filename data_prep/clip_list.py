"""Lists of clips: of which recording each is, from when to when, its part and its prompt; JSON, or a table.

JSON is a list of objects, or an object of them by the name of the clip, such as the metadata file of MRSAudio
(github.com/MRSAudio/MRSAudio_Main @ e6427da, `data_process`): `foa_fn`, `wav_fn`, `vid_fn` and `pos_fn` name the files
of a recording, `start` and `stop` are seconds, `spatial_prompt` describes in words where its sound is.
"""

import json
import logging
import math
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from avseld.base.errors import BadInput
from avseld.base.printable import has_control_characters, printable
from avseld.io.sheets import recording_name
from avseld.io.tables import cell_number, read_rows
from avseld.io.text import read_text

log = logging.getLogger(__name__)

TIMES = ("name", "start", "stop")
"""columns of a table of times"""
KEYS: dict[str, tuple[str, ...]] = {
    "recording": ("recording", "name", "foa_fn", "wav_fn", "vid_fn"),
    "clip": ("clip", "pos_fn", "item_name"),
    "start": ("start",),
    "stop": ("stop", "end"),
    "split": ("split",),
    "prompt": ("prompt", "spatial_prompt"),
}
"""keys of an entry by what they say; the first that is there counts. A clip is called as the file of its positions, so
that audio and labels share their name"""
WITHOUT_USE = ("error",)
"""left behind where no prompt was found"""
PARTS = {
    "train": ("train", "training", "dev-train"),
    "validate": ("validate", "validation", "valid", "val"),
    "test": ("test", "testing", "eval", "dev-test"),
}
"""words for the parts of a split"""


@dataclass(frozen=True)
class ListedClip:
    """An entry of a list of clips.

    Args:
        place: where it stands, for messages: file and line, or file and entry.
        names: of the files of the recording, without folder and suffix; files of all these names belong together.
        clip: name of the clip; empty where none is given.
        start: seconds; None where none is given.
        stop: seconds; None where none is given.
        split: train, validate or test; empty where none is given.
        prompt: description in words.
    """

    place: str
    names: tuple[str, ...]
    clip: str = ""
    start: float | None = None
    stop: float | None = None
    split: str = ""
    prompt: str = ""


def read_clip_list(path: Path) -> list[ListedClip]:
    """Read a list of clips.

    Args:
        path: .json, see above; or a csv with the columns name, start, stop and perhaps clip, split, prompt, as
            spreadsheets save it.

    Raises:
        BadInput: unreadable, an entry without recording, a time that is no number, an unknown split, or two clips of
            one name; names the file and the entry.
    """
    entries = list(_from_json(path) if path.suffix.lower() == ".json" else _from_table(path))
    if not entries:
        raise BadInput(f"{path}: no clip in it; give recording, start and stop of each")
    seen: dict[str, str] = {}
    for entry in entries:
        if entry.clip and entry.clip in seen:
            raise BadInput(f"{entry.place}: the clip {entry.clip} is listed twice; rename one of the two")
        seen[entry.clip] = entry.place
    return entries


def _from_table(path: Path) -> Iterator[ListedClip]:
    for line, row in read_rows(path, TIMES, "name, start, stop and perhaps clip, such as take1,10,20"):
        place = f"{path}:{line}"
        missing = [word for word in TIMES if not row[word]]
        if missing:
            raise BadInput(
                f"{place}: no {missing[0]}; columns are name, start, stop and perhaps clip, split, prompt"
            )
        start, stop = (cell_number(row[word], path, line) for word in ("start", "stop"))
        names = tuple(dict.fromkeys((row["name"], recording_name(row["name"]))))
        split, prompt = row.get("split", ""), row.get("prompt", "")
        yield ListedClip(
            place,
            names,
            row.get("clip", ""),
            start,
            stop,
            _part(split, place) if split else "",
            _line(prompt),
        )


def _from_json(path: Path) -> Iterator[ListedClip]:
    try:
        content = json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise BadInput(
            f"{path}:{error.lineno}: no readable JSON ({error.msg}); write it anew as UTF-8"
        ) from error
    except (ValueError, RecursionError) as error:  # a number of thousands of digits, or thousands of brackets
        raise BadInput(f"{path}: no readable JSON ({str(error)[:60]}); write it anew") from error
    if not isinstance(content, list | dict):
        raise BadInput(
            f"{path}: {type(content).__name__} instead of a list of clips; write a list of objects"
        )
    named = (
        content.items() if isinstance(content, dict) else ((str(n), one) for n, one in enumerate(content, 1))
    )
    unknown: dict[str, str] = {}
    for key, entry in named:
        place = f"{path}: entry {printable(key)}"
        if not isinstance(entry, dict):
            raise BadInput(
                f"{place}: {str(entry)[:40]!r} instead of an object with recording, start and stop"
            )
        for word in entry.keys() - {each for keys in KEYS.values() for each in keys} - set(WITHOUT_USE):
            unknown.setdefault(word, key)
        yield _entry(entry, place, key if isinstance(content, dict) else "")
    if unknown:
        listed = ", ".join(printable(word) for word in sorted(unknown))
        log.warning(
            "%s: entry %s: not used: %s; known are %s",
            path, printable(next(iter(unknown.values()))), listed,
            ", ".join(each for keys in KEYS.values() for each in keys),
        )  # fmt: skip


def _entry(entry: Mapping[str, Any], place: str, key: str) -> ListedClip:
    """Read an entry of a JSON list; `key` is its name, empty in a list."""
    names = [_text(entry, word, place) for word in KEYS["recording"] if entry.get(word) not in (None, "")]
    if not names:
        raise BadInput(
            f"{place}: no recording; give its name or file as one of {', '.join(KEYS['recording'])}"
        )
    clip = next((_clip(entry, word, place) for word in KEYS["clip"] if entry.get(word)), key)
    prompt = next((_text(entry, word, place) for word in KEYS["prompt"] if entry.get(word)), "")
    split = next((entry[word] for word in KEYS["split"] if entry.get(word) not in (None, "")), "")
    return ListedClip(
        place,
        tuple(dict.fromkeys(recording_name(name) for name in names)),
        clip,
        _seconds(entry, "start", place),
        _seconds(entry, "stop", place),
        _part(split, place) if split != "" else "",
        _line(prompt),
    )


def _clip(entry: Mapping[str, Any], word: str, place: str) -> str:
    text = _text(entry, word, place)
    return recording_name(text).removesuffix(".npy") if word == "pos_fn" else text


def _text(entry: Mapping[str, Any], word: str, place: str) -> str:
    if not isinstance(entry[word], str):
        raise BadInput(f"{place}: {word} is {entry[word]!r}, no text; correct it")
    return str(entry[word])


def _seconds(entry: Mapping[str, Any], what: str, place: str) -> float | None:
    found = [(word, entry[word]) for word in KEYS[what] if entry.get(word) is not None]
    if not found:
        return None
    word, value = found[0]
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise BadInput(f"{place}: {word} {value!r} is no number of seconds; correct it")
    try:
        number = float(value)
    except (ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise BadInput(f"{place}: {word} {value!r} is no number of seconds; correct it")
    return number


def _part(word: object, place: str) -> str:
    for part, words in PARTS.items():
        if str(word).strip().lower() in words:
            return part
    raise BadInput(f"{place}: split {word!r} is none of {', '.join(PARTS)}; correct it")


def _line(prompt: str) -> str:
    """Write a prompt in one line without control characters."""
    return printable(" ".join(prompt.split()))


def check_times(entries: Sequence[ListedClip]) -> None:
    """Refuse entries without times.

    Raises:
        BadInput: names the first.
    """
    for entry in entries:
        for what, value in (("start", entry.start), ("stop", entry.stop)):
            if value is None:
                raise BadInput(f"{entry.place}: no {what}; a clip needs start and stop in seconds")


def check_file_name(word: str, place: str) -> None:
    """Refuse a name of a clip that is none of a file.

    Raises:
        BadInput: names the entry.
    """
    if Path(word).name != word or word in (".", "..") or has_control_characters(word):
        raise BadInput(
            f"{place}: '{printable(word)}' is no file name; leave out folders and control characters"
        )


def names_of_clips(entries: Sequence[ListedClip], known: Container[str]) -> list[tuple[str, str]]:
    """Name the recording and the clip of each entry; clips without a name are numbered within their recording.

    Args:
        entries: of a list.
        known: names of the recordings.

    Returns:
        Names of recording and clip; of a recording that is not known, the first name in the list.
    """
    count: dict[str, int] = {}
    found = []
    for entry in entries:
        name = next((name for name in entry.names if name in known), entry.names[0])
        found.append((name, entry.clip or f"{name}_{count.get(name, 0):03d}"))
        count[name] = count.get(name, 0) + 1
    return found


def joined_files(entries: Sequence[ListedClip], stems: Container[str]) -> dict[str, str]:
    """Find the recordings whose files have several names.

    Args:
        entries: of a list.
        stems: names of the files that are there.

    Returns:
        Name of the recording by the name of a file, where the list has several of one recording.

    Raises:
        BadInput: a file of two recordings; names the entry.
    """
    joined: dict[str, str] = {}
    for entry in entries:
        present = [name for name in entry.names if name in stems]
        for name in present:
            other = joined.setdefault(name, present[0])
            if other != present[0]:
                raise BadInput(
                    f"{entry.place}: {name} is a file of {present[0]}, and before of {other}; correct it"
                )
    return joined
