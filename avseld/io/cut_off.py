"""Sound files that were cut off: their headers name more than there is, though players play them."""

from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import soundfile

from avseld.base.archive import open_file
from avseld.base.errors import BadInput
from avseld.io.audio import BLOCK_SAMPLES, open_sound
from avseld.io.suffixes import SOUNDS

UNKNOWN_LENGTHS = (0, 0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF)
"""lengths in the header of a file that was written as a stream"""
OGG_PAGE_BYTES = 65_307
"""largest page of an ogg file"""
OGG_LAST_PAGE = 4
"""flag of the page that ends a stream"""
COPY_AGAIN = "copy it again from its origin"


def _riff(head: bytes) -> int:
    return int.from_bytes(head[4:8], "little") + 8 if head[8:12] == b"WAVE" else 0


def _rf64(head: bytes) -> int:
    return int.from_bytes(head[20:28], "little") + 8 if head[12:16] == b"ds64" else 0


def _form(head: bytes) -> int:
    return int.from_bytes(head[4:8], "big") + 8


def _w64(head: bytes) -> int:
    return int.from_bytes(head[16:24], "little")


def _au(head: bytes) -> int:
    size = int.from_bytes(head[8:12], "big")
    return size if size in UNKNOWN_LENGTHS else size + int.from_bytes(head[4:8], "big")


LENGTHS: dict[bytes, Callable[[bytes], int]] = {
    b"RIFF": _riff, b"RF64": _rf64, b"BW64": _rf64, b"FORM": _form, b"riff": _w64, b".snd": _au,
}  # fmt: skip
"""first bytes of a format -> length of the file in bytes that its header names"""


def missing_bytes(path: Path | str) -> int:
    """Return how many bytes a sound file has less than its header says.

    Args:
        path: wav, RF64, AIFF, Wave64 or AU; 0 for other kinds, and for streams whose header says no length.
    """
    with open_file(path) as file:
        head = file.read(32)
        there = file.seek(0, 2)
    said = LENGTHS[head[:4]](head) if head[:4] in LENGTHS else 0
    return 0 if said in UNKNOWN_LENGTHS or said - 8 in UNKNOWN_LENGTHS else max(0, said - there)


def cut_off_sound(path: Path | str) -> str | None:
    """Say that a sound file was cut off, from its header and its end.

    Args:
        path: of the file.

    Returns:
        One line, or None for a file that is whole or whose kind does not show it, such as a video with sound.

    Raises:
        BadInput: the end of a compressed file cannot be decoded.
    """
    if Path(path).suffix.lower() not in SOUNDS:
        return None
    with open_file(path) as file:
        lacks_end = _lacks_last_page(file)
    missing = missing_bytes(path)
    with open_sound(path) as sound:
        duration = sound.frames / sound.samplerate
        if sound.format == "FLAC" and sound.frames:
            _read(path, sound, sound.frames - 1)
    if not missing and not lacks_end:
        return None
    what = f"{missing} bytes that its header names are not there" if missing else "its last page is not there"
    return (
        f"{path}: was cut off: {what}; the {duration:.2f} s that are there are used, copy it again if there should be "
        "more"
    )


def decode_sound(path: Path | str) -> None:
    """Decode a sound file to its end.

    Args:
        path: of the file.

    Raises:
        BadInput: damaged within; says from when on.
    """
    with open_sound(path) as sound:
        for first in range(0, sound.frames, BLOCK_SAMPLES // sound.channels):
            _read(path, sound, first)


def _read(path: Path | str, sound: soundfile.SoundFile, first: int) -> None:
    try:
        sound.seek(first)
        wanted = min(BLOCK_SAMPLES // sound.channels, sound.frames - first)
        whole = len(sound.read(wanted, dtype="int16", always_2d=True)) == wanted
    except soundfile.SoundFileError:
        whole = False
    if not whole:
        raise BadInput(f"{path}: cannot be decoded after {first / sound.samplerate:.2f} s; {COPY_AGAIN}")


def _lacks_last_page(file: BinaryIO) -> bool:
    if file.read(4) != b"OggS":
        return False
    size = file.seek(0, 2)
    file.seek(max(0, size - OGG_PAGE_BYTES))
    end = file.read()
    page = end.rfind(b"OggS")
    return page < 0 or len(end) < page + 6 or not end[page + 5] & OGG_LAST_PAGE
