"""Checksums that are published with a corpus: files that lie there are compared with them.

Three files are read: an index of `soundata` (JSON: clips with [path, MD5]), the record of Zenodo
(https://zenodo.org/api/records/NUMBER, JSON: files with key and checksum), and the text that `md5sum` writes.
"""

import hashlib
import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from tqdm import tqdm

from avseld.base.errors import BadInput
from avseld.io.text import read_text

log = logging.getLogger(__name__)

MD5 = re.compile(r"(md5:)?(?P<sum>[0-9a-fA-F]{32})")
LINE = re.compile(r"\\?(?P<sum>[0-9a-fA-F]{32}) [ *](?P<path>.+)")
"""of `md5sum`"""
BLOCK_BYTES = 1 << 20


def verify(raw: Path, checksums: Path | None) -> None:
    """Compare the files of a corpus that are there with published checksums; logs how many agree and are missing.

    Args:
        raw: folder of the corpus; archives are looked for in it by their names.
        checksums: see the module; None compares nothing.

    Raises:
        BadInput: a file that differs, none that is there, or unreadable checksums.
    """
    if checksums is None:
        return
    published = read_checksums(checksums)
    there = {path: total for path, total in published.items() if (raw / path).is_file()}
    if not there:
        raise BadInput(
            f"{checksums}: none of its {len(published)} files is in {raw} (first: {next(iter(published))}); give the "
            "checksums of this corpus, or the folder that holds it"
        )
    for path, total in tqdm(there.items(), "checksums", unit="file"):
        found = md5_of(raw / path)
        if found != total:
            raise BadInput(
                f"{raw / path}: its MD5 is {found}, {checksums.name} says {total}; download or unpack it again"
            )
    log.info(
        "%s: %d files agree, %d of the list are not there", checksums, len(there), len(published) - len(there)
    )


def read_checksums(path: Path) -> dict[str, str]:
    """Read published checksums.

    Args:
        path: see the module.

    Returns:
        MD5 in lower case by path within the corpus.

    Raises:
        BadInput: missing, of no such form, or a path that leads out of the corpus.
    """
    text = read_text(path, "give an index of soundata, a record of Zenodo, or the output of md5sum")
    entries = list(_of_json(text)) if text.lstrip().startswith("{") else list(_of_lines(text))
    if not entries:
        raise BadInput(
            f"{path}: no checksums; expected an index of soundata, a record of Zenodo, or the output of md5sum"
        )
    found = {}
    for name, total in entries:
        place, matched = PurePosixPath(name), MD5.fullmatch(total)
        if place.is_absolute() or ".." in place.parts or "\\" in name:
            raise BadInput(f"{path}: {name} leads out of the corpus; correct it")
        if matched is None:
            raise BadInput(f"{path}: '{total}' of {name} is no MD5; correct it")
        found[str(place)] = matched["sum"].lower()
    return found


def _of_lines(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        if matched := LINE.fullmatch(line.rstrip()):
            yield matched["path"], matched["sum"]


def _of_json(text: str) -> Iterator[tuple[str, str]]:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return
    yield from _pairs(content.get("clips"))
    yield from _pairs(content.get("metadata"))
    files = content.get("files")
    for file in files if isinstance(files, list) else ():
        if isinstance(file, dict) and {"key", "checksum"} <= set(file):
            yield str(file["key"]), str(file["checksum"])


def _pairs(content: Any) -> Iterator[tuple[str, str]]:
    """List the [path, MD5] of an index at any depth; soundata writes [null, null] where a clip lacks a file."""
    if isinstance(content, dict):
        for value in content.values():
            yield from _pairs(value)
    elif isinstance(content, list) and len(content) == 2 and all(isinstance(each, str) for each in content):
        yield content[0], content[1]


def md5_of(path: Path) -> str:
    """Compute the MD5 of a file, block by block."""
    digest = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()
