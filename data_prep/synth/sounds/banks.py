"""Sound banks and image banks: folders with one subfolder per class."""

import logging
import re
from pathlib import Path

from avseld.base.errors import BadInput
from avseld.base.files import require_folder, visible_files
from data_prep.synth.sounds.classes import CLASSES

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
TEST_EVERY = 3
"""every third file of a class is kept for test recordings"""
FilesByClass = dict[int, tuple[Path, ...]]

log = logging.getLogger(__name__)


def scan_bank(
    folder: Path, suffixes: tuple[str, ...], needed: tuple[int, ...] = tuple(range(len(CLASSES)))
) -> FilesByClass:
    """List the files of every class; log unknown folders and classes without files.

    Args:
        folder: one subfolder per class, named as in DCASE corpora (femaleSpeech) or as here (female_speech).
        suffixes: of the files to list.
        needed: classes whose absence is logged.

    Raises:
        BadInput: no such folder, or no files of a known class in it.
    """
    require_folder(folder, f"expected one folder per class in it, such as {_example_names()}")
    known = {name: label for label, sound_class in enumerate(CLASSES) for name in sound_class.folder_names}
    files_by_label: dict[int, list[Path]] = {}
    unknown = []
    for subfolder in sorted(path for path in folder.iterdir() if path.is_dir()):
        label = known.get(re.sub("[^a-z]", "", subfolder.name.lower()))
        if label is None:
            unknown.append(subfolder.name)
            continue
        files = visible_files(subfolder, suffixes)
        files_by_label.setdefault(label, []).extend(files)
    bank = {label: tuple(files) for label, files in sorted(files_by_label.items()) if files}
    if not bank:
        raise BadInput(f"{folder}: no files of a known class; expected folders such as {_example_names()}")
    if unknown:
        log.warning("%s: ignored folders of unknown classes: %s", folder, ", ".join(unknown))
    if absent := [CLASSES[label].name for label in needed if label not in bank]:
        log.warning("%s: no files for %s; synthesized instead", folder, ", ".join(absent))
    if single := [CLASSES[label].name for label, files in bank.items() if len(files) == 1]:
        log.warning("%s: one file only, used for training and test: %s", folder, ", ".join(single))
    return bank


def split_bank(bank: FilesByClass, test: bool) -> FilesByClass:
    """Select the files for test or for training; the file of a class with only one serves for both."""
    selected: FilesByClass = {}
    for label, files in bank.items():
        test_files = files[TEST_EVERY - 1 :: TEST_EVERY] or files[-1:]
        train_files = tuple(file for file in files if file not in test_files) or files
        selected[label] = test_files if test else train_files
    return selected


def _example_names() -> str:
    return ", ".join(sound_class.name for sound_class in CLASSES[:3])
