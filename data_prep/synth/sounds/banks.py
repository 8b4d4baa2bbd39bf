"""Folders of somebody's own sounds or pictures, one folder a class."""

import logging
import re
from pathlib import Path

from avseld.base.errors import BadInput
from data_prep.synth.sounds.classes import CLASSES

SOUNDS = (".wav", ".flac", ".mp3", ".ogg", ".aif", ".aiff")
PICTURES = (".jpg", ".jpeg", ".png", ".webp")
HELD_OUT = 3
"""every third file of a class is kept for test recordings"""
Bank = dict[int, tuple[Path, ...]]

log = logging.getLogger(__name__)


def scan(
    folder: Path, endings: tuple[str, ...], needed: tuple[int, ...] = tuple(range(len(CLASSES)))
) -> Bank:
    """List the files of every class and say aloud what is unknown and what is absent.

    Args:
        folder: holds a folder a class, named as in DCASE corpora (femaleSpeech) or as here (female_speech).
        endings: of the files' names.
        needed: classes whose absence is worth a word.

    Raises:
        BadInput: no folder, or no folder of a known class with files in it.
    """
    if not folder.is_dir():
        raise BadInput(
            f"{folder}: no such folder; expected one folder per class in it, such as {_examples()}"
        )
    known = {name: label for label, kind in enumerate(CLASSES) for name in kind.folders}
    found: dict[int, list[Path]] = {}
    unknown = []
    for place in sorted(path for path in folder.iterdir() if path.is_dir()):
        label = known.get(re.sub("[^a-z]", "", place.name.lower()))
        if label is None:
            unknown.append(place.name)
            continue
        files = sorted(path for path in place.rglob("*") if path.suffix.lower() in endings)
        found.setdefault(label, []).extend(files)
    bank = {label: tuple(files) for label, files in sorted(found.items()) if files}
    if not bank:
        raise BadInput(f"{folder}: no files of a known class; expected folders such as {_examples()}")
    if unknown:
        log.warning("%s: folders of no known class are left out: %s", folder, ", ".join(unknown))
    if absent := [CLASSES[label].name for label in needed if label not in bank]:
        log.warning("%s: nothing for %s; made up instead", folder, ", ".join(absent))
    if single := [CLASSES[label].name for label, files in bank.items() if len(files) == 1]:
        log.warning("%s: one file only, for training and test alike: %s", folder, ", ".join(single))
    return bank


def part(bank: Bank, test: bool) -> Bank:
    """The files for training or those for test; a class of one file gives it to both."""
    chosen: Bank = {}
    for label, files in bank.items():
        held = files[HELD_OUT - 1 :: HELD_OUT] or files[-1:]
        kept = tuple(file for file in files if file not in held) or files
        chosen[label] = held if test else kept
    return chosen


def _examples() -> str:
    return ", ".join(kind.name for kind in CLASSES[:3])
