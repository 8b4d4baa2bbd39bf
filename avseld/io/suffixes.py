"""Endings of the files that are taken for recordings, by every command."""

from pathlib import Path

from avseld.base.errors import BadInput
from avseld.base.files import visible_files

SOUNDS = (
    ".wav", ".flac", ".w64", ".rf64", ".bwf", ".aif", ".aiff", ".aifc", ".caf", ".au", ".ogg", ".oga", ".opus", ".mp3",
)  # fmt: skip
"""sound files that libsndfile reads"""
LOSSY = (".ogg", ".oga", ".opus", ".mp3")
"""those of them that are converted to wav where sections of them are read or written"""
CONVERTIBLE = (".wma", ".aac", ".amr", ".ac3")
"""sound files that ffmpeg reads"""
CONTAINERS = (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".m4a", ".mka")
"""containers, whose sound is a track that libsndfile cannot read"""
EXTRACT = "avseld-prep resample --source {source} --target FOLDER writes the sound of videos as wav"
"""what to do where sound files are needed"""
MANY = 40
"""files of a folder that are looked at for a message"""


def sounds_below(folder: Path, remedy: str = "check the path") -> list[Path]:
    """List the sound files below a folder, hidden ones left out.

    Args:
        folder: searched with its subfolders.
        remedy: for the message.

    Raises:
        BadInput: there is none; names a file that is there.
    """
    if found := visible_files(folder, SOUNDS):
        return found
    raise BadInput(f"{folder}: {none_below(folder, SOUNDS)}; {remedy}")


def recordings_below(folder: Path, remedy: str = "check the path") -> list[Path]:
    """List the sound files below a folder; where there are none, the videos and other containers, for their sound.

    Args:
        folder: searched with its subfolders.
        remedy: for the message.

    Raises:
        BadInput: there is neither; names a file that is there.
    """
    found = visible_files(folder, SOUNDS) or visible_files(folder, CONTAINERS)
    return found or sounds_below(folder, remedy)


def none_below(folder: Path, suffixes: tuple[str, ...]) -> str:
    """Say that no file below a folder has one of some suffixes, and what is there instead."""
    shown = ", ".join(suffixes[:8]) + (", ..." if len(suffixes) > 8 else "")
    others = (path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    there = [path for path, _ in zip(others, range(MANY), strict=False)]
    if not there:
        return f"no {shown} file below it, nor any other"
    order = (*CONVERTIBLE, *CONTAINERS)
    other = min(there, key=lambda path: (path.suffix.lower() not in order, path))
    how = ""
    if suffixes[0] == SOUNDS[0] and other.suffix.lower() in CONTAINERS:
        how = f"; {EXTRACT.format(source=folder)}"
    elif suffixes[0] == SOUNDS[0] and other.suffix.lower() in CONVERTIBLE:
        how = f"; ffmpeg -i {other.name} {other.stem}.wav makes a wav of it"
    return f"no {shown} file below it (there is {other.relative_to(folder)}{how})"
