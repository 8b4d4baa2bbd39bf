"""Split recordings into training, validation and test parts: clips of one recording together, or each within itself."""

import logging
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np

from avseld.base.errors import BadInput
from avseld.base.files import check_folder, replacing, takes_paths
from avseld.base.locks import sole_writer, writes_alone_into
from avseld.base.next_step import tell_next
from avseld.base.printable import has_control_characters
from avseld.io.manifest import Recording, read_classes, read_manifest, write_manifest
from data_prep.split_by_list import enter, entries_of, report_list, warn_of_leaks
from data_prep.split_by_time import split_by_time

log = logging.getLogger(__name__)

CLIP_SUFFIX = r"_\d{3,}$"
"""pattern of what `avseld-prep cut` appends to the name of a recording"""


FAR = 0.1
"""difference between the share of a part and the share asked for, from which on a warning is logged"""


@takes_paths
@writes_alone_into("out")
def split(
    prepared: Path,
    parts: str = "train=0.7,validate=0.1,test=0.2",
    by: Literal["recording", "room", "time"] = "recording",
    clip: str = CLIP_SUFFIX,
    seed: int = 0,
    out: Path | None = None,
    gap: float = 2.0,
    times: Path | None = None,
) -> int:
    """Assign the recordings of a prepared folder to parts, at random.

    Clips of one recording stay together, or all recordings of a room. The parts become the folds of the manifest: train
    with --data.train train, and so on.

    Few recordings cannot be shared out well; --by time splits within each of them: it is cut at shares of its time, and
    the sections (NAME_train, NAME_test) become the recordings of another prepared folder, --out, with audio, labels,
    boxes and video in time. Test sections then are of rooms and people that were heard in training, so that their
    scores are better than those of new recordings.

    Args:
        prepared: the folder.
        parts: names and shares of the duration.
        by: keep the clips of a recording together, or those of a room; or time, to split within recordings.
        clip: pattern of what cutting appends to the name of a recording.
        seed: of the random generator.
        out: with --by time, the prepared folder to write.
        gap: with --by time, seconds left out between two sections, so that no sound or its reverberation is in both.
        times: the list of clips of `avseld-prep cut --times`, JSON or csv: its splits become the folds, in place of
            `parts`, and its prompts are entered into the manifest. A list without splits gives its prompts alone.

    Raises:
        BadInput: bad shares, fewer groups than parts, recordings without a room or too short, or no `out`.
    """
    shares = read_shares(parts)
    if (by == "time") != (out is not None):
        raise BadInput(
            "--by time and --out FOLDER go together: the sections become a prepared folder of their own"
        )
    if out is not None:
        if times is not None:
            raise BadInput(f"--times {times}: names whole clips; leave out --by time")
        made = split_by_time(prepared, out, shares, gap, seed)
        report(made, shares, {one.name: one.fold for one in made}, by)
        tell_next("avseld-prep", "check", out)
        return 0
    check_folder(prepared, "--prepared")
    with sole_writer(prepared, math.inf):
        recordings = read_manifest(prepared)
        found = {} if times is None else entries_of(recordings, times)
        made = enter(recordings, found)
        part_of = {name: entry.split for name, (_, entry) in found.items() if entry.split}
        if not part_of:
            wholes = {name: whole for name, (whole, _) in found.items()}
            part_of = draw(recordings, shares, by, clip, seed, wholes)
            made = [replace(one, fold=part_of[one.name]) for one in made]
        write_manifest(prepared, made, read_classes(prepared))
    if times is not None:
        report_list(times, made, found)
    if any(entry.split for _, entry in found.values()):
        warn_of_leaks(found)
    else:
        report(recordings, shares, part_of, by)
    tell_next("avseld-prep", "check", prepared)
    return 0


def report(
    recordings: Sequence[Recording], shares: dict[str, float], part_of: dict[str, str], by: str
) -> None:
    """Log the share of the duration that each part was to get and got, and warn where they are far apart.

    Args:
        recordings: all of them.
        shares: of the duration, by part.
        part_of: name of the recording -> part.
        by: recording, room or time.
    """
    whole = sum(one.duration for one in recordings)
    farthest = 0.0
    for part, share in shares.items():
        own = [one for one in recordings if part_of[one.name] == part]
        length = sum(one.duration for one in own)
        got = length / whole if whole else 0.0
        farthest = max(farthest, abs(got - share))
        log.info(
            "%s: %d recordings, %.1f min, %.0f %% (asked for %.0f %%)",
            part, len(own), length / 60, 100 * got, 100 * share,
        )  # fmt: skip
    if farthest > FAR:
        log.warning(
            "the parts are far from what was asked for: whole %ss cannot be shared out better; --by time --out FOLDER "
            "splits within recordings",
            by,
        )


def draw(
    recordings: Sequence[Recording],
    shares: dict[str, float],
    by: str = "recording",
    clip: str = CLIP_SUFFIX,
    seed: int = 0,
    wholes: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Draw a part for every recording; their order does not matter.

    Args:
        recordings: all of them.
        shares: of the duration, by part.
        by: recording or room.
        clip: pattern of what cutting appends to a name.
        seed: of the random generator.
        wholes: recording that a clip is of, by name of the clip, where it is known.

    Returns:
        Name of the recording -> part.

    Raises:
        BadInput: fewer groups than parts, or no room.
    """
    try:
        re.compile(clip)
    except re.error as error:
        raise BadInput(f"--clip {clip}: no regular expression ({error}); such as {CLIP_SUFFIX}") from None
    groups: dict[str, list[Recording]] = {}
    for one in sorted(recordings, key=lambda one: one.name):
        if by == "room" and not one.room:
            raise BadInput(f"{one.name}: the manifest names no room; split by recording")
        recording = (wholes or {}).get(one.name) or re.sub(clip, "", one.name)
        groups.setdefault(one.room if by == "room" else recording, []).append(one)
    if len(groups) < len(shares):
        raise BadInput(
            f"{len(groups)} {by}s cannot be shared out among {', '.join(shares)}; ask for fewer parts, or split "
            "within recordings with --by time --out FOLDER"
        )
    names = sorted(groups)
    order = [names[place] for place in np.random.default_rng(seed).permutation(len(names))]
    length = {name: sum(one.duration for one in groups[name]) for name in names}
    whole = sum(length.values())
    filled = dict.fromkeys(shares, 0.0)
    part_of: dict[str, str] = {}
    for place, name in enumerate(order):
        empty = [part for part in shares if not filled[part]]
        if len(order) - place <= len(empty):  # every part gets at least one
            part = empty[0]
        else:
            part = max(shares, key=lambda part: shares[part] - filled[part] / whole)
        filled[part] += length[name]
        part_of |= {one.name: part for one in groups[name]}
    return part_of


def read_shares(text: str) -> dict[str, float]:
    """Parse shares by part, which add up to 1.

    Raises:
        BadInput: no shares, or their sum is not 1.
    """
    shares: dict[str, float] = {}
    for word in text.split(","):
        name, _, share = word.strip().partition("=")
        try:
            shares[name] = float(share)
        except ValueError:
            raise BadInput(f"parts '{text}': write names and shares, such as train=0.8,test=0.2") from None
    if any(not name or "/" in name or "\\" in name or has_control_characters(name) for name in shares):
        raise BadInput(f"parts '{text}': a part needs a plain name, such as train=0.8,test=0.2")
    if not (abs(sum(shares.values()) - 1) <= 1e-6 and all(share > 0 for share in shares.values())):
        raise BadInput(f"parts '{text}': shares above 0 that add up to 1; such as train=0.8,test=0.2")
    return shares


@takes_paths
def lists(prepared: Path, out: Path) -> int:
    """Write a list of the recordings of each fold, one audio path per line, as the DCASE baselines read it.

    Args:
        prepared: the folder.
        out: folder for FORMAT_FOLD.txt.

    Raises:
        BadInput: no manifest.
    """
    found: dict[str, list[str]] = {}
    for one in read_manifest(prepared):
        found.setdefault(f"{one.format}_{one.fold or 'all'}", []).append(str(one.audio))
    for name, paths in found.items():
        if Path(name).name != name:
            raise BadInput(f"{prepared}: the fold '{name}' is no file name; rename it in manifest.csv")
        with replacing(out / f"{name}.txt") as temporary:
            temporary.write_text("\n".join(sorted(paths)) + "\n", encoding="utf-8")
        log.info("%s: %d recordings", out / f"{name}.txt", len(paths))
    return 0
