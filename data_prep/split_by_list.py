"""Parts and prompts of a list of clips, for the manifest of the clips that were cut by it."""

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from avseld.base.errors import BadInput
from avseld.io.manifest import Recording
from data_prep.clip_list import PARTS, ListedClip, names_of_clips, read_clip_list
from data_prep.corpora.recordings import example

log = logging.getLogger(__name__)


def entries_of(recordings: Sequence[Recording], path: Path) -> dict[str, tuple[str, ListedClip]]:
    """Find the entries of a list for the recordings of a prepared folder.

    Args:
        recordings: clips of the list, or whole recordings of which it has one clip.
        path: JSON or csv, see `data_prep.clip_list.read_clip_list`.

    Returns:
        Name of the recording that a clip is of, and its entry, by name in the manifest.

    Raises:
        BadInput: none of them is listed, or only some have a split; names an entry or a recording.
    """
    entries = read_clip_list(path)
    names = {one.name for one in recordings}
    listed = names_of_clips(entries, names)
    by_name: dict[str, tuple[str, ListedClip]] = {}
    for (whole, clip), entry in zip(listed, entries, strict=True):
        alone = sum(other == whole for other, _ in listed) == 1
        name = whole if whole in names and clip not in names and alone else clip
        by_name[name] = (whole, entry)
    found = {one.name: by_name[one.name] for one in recordings if one.name in by_name}
    if not found:
        raise BadInput(
            f"{path}: none of its {len(entries)} clips ({example(by_name)}) is a recording of the manifest "
            f"({example(names)}); cut with avseld-prep cut --times {path} first"
        )
    if further := len(entries) - len(found):
        log.warning("%s: %d of %d clips are not in the manifest; not used", path, further, len(entries))
    if any(entry.split for _, entry in found.values()):
        for name, (_, entry) in found.items():
            if not entry.split:
                raise BadInput(
                    f"{entry.place}: {name} has no split, others have; give {', '.join(PARTS)}, or none to any"
                )
        if absent := names - found.keys():
            raise BadInput(
                f"{path}: {len(absent)} recordings of the manifest are not in it ({example(absent)}); add them, or "
                "leave out all splits"
            )
    return found


def enter(recordings: Sequence[Recording], found: dict[str, tuple[str, ListedClip]]) -> list[Recording]:
    """Give recordings the splits of a list as folds, and its prompts.

    Args:
        recordings: of a manifest.
        found: as from `entries_of`.

    Returns:
        The recordings; what the list does not say stays.
    """
    made = []
    for one in recordings:
        entry = found[one.name][1] if one.name in found else None
        if entry is not None:
            one = replace(one, fold=entry.split or one.fold, prompt=entry.prompt or one.prompt)
        made.append(one)
    return made


def report_list(
    path: Path, recordings: Sequence[Recording], found: dict[str, tuple[str, ListedClip]]
) -> None:
    """Log the parts and the number of prompts that a list gave.

    Args:
        path: of the list.
        recordings: with its parts and prompts.
        found: as from `entries_of`.
    """
    parts = Counter(one.fold for one in recordings if one.name in found and found[one.name][1].split)
    n_prompts = sum(bool(entry.prompt) for _, entry in found.values())
    words = [f"{part} {count}" for part, count in sorted(parts.items())] or ["no splits"]
    log.info("%s: %s; prompts of %d of %d recordings", path, ", ".join(words), n_prompts, len(recordings))


def warn_of_leaks(found: dict[str, tuple[str, ListedClip]]) -> None:
    """Log a warning where clips of one recording are in several parts."""
    parts: dict[str, set[str]] = {}
    for whole, entry in found.values():
        parts.setdefault(whole, set()).add(entry.split)
    if leaks := [whole for whole, each in parts.items() if len(each) > 1]:
        log.warning(
            "%d of %d recordings have clips in more than one part (%s): scores are better than those of new "
            "recordings; without splits in the list, avseld-prep split keeps the clips of a recording together",
            len(leaks), len(parts), example(leaks),
        )  # fmt: skip
