"""Recordings to predict that belong to no prepared folder: files, folders and patterns, and their videos."""

from collections.abc import Sequence
from glob import has_magic
from pathlib import Path

from avseld.base.errors import BadInput
from avseld.base.files import visible_files
from avseld.io.example import or_example
from avseld.io.suffixes import SOUNDS, none_below
from avseld.io.video import VIDEOS

BOXES = (".npz",)


def sound_files(places: Sequence[Path] | Path) -> list[Path]:
    """List the sound files that files, folders and patterns name.

    Args:
        places: sound files, or videos with sound; folders, searched with their subfolders for sound files, and for
            videos where there are none; patterns such as `takes/*.wav`; `example` for the recording that comes with
            the package.

    Returns:
        Paths without repetition, in the order of `places`.

    Raises:
        BadInput: nothing there, or two files of one name, whose predictions would overwrite each other.
    """
    files: list[Path] = []
    for place in map(or_example, [places] if isinstance(places, Path) else places):
        if place.is_dir():
            found = visible_files(place, SOUNDS) or visible_files(place, VIDEOS)
            if not found:
                raise BadInput(f"{place}: {none_below(place, SOUNDS)}; check the path")
        elif not place.exists() and has_magic(str(place)):
            root = Path(place.anchor or ".")
            found = [
                path
                for path in sorted(root.glob(str(place.relative_to(place.anchor))))
                if path.is_file() and path.name.startswith(".") <= place.name.startswith(".")
            ]
            if not found:
                raise BadInput(f"{place}: the pattern matches no file; check the path")
        elif not place.exists():
            raise BadInput(f"{place}: not found; check the path")
        else:
            found = [place]
        files += [path for path in found if path not in files]
    by_name: dict[str, Path] = {}
    for path in files:
        other = by_name.setdefault(path.stem, path)
        if other != path:
            raise BadInput(f"{path}: {other} has the same name; predict them into different folders")
    return files


def videos_of(video: Path | None, sounds: Sequence[Path]) -> dict[str, Path]:
    """Find the video or the boxes file of each sound file.

    Args:
        video: a video or boxes file, for one sound file; or a folder of files named like the sound files.
        sounds: the sound files.

    Returns:
        Path by name without suffix; recordings without one are left out.

    Raises:
        BadInput: one file for several recordings, or a folder that has none of them.
    """
    if video is None:
        return {}
    if not video.is_dir():
        if len(sounds) > 1:
            raise BadInput(
                f"--video {video}: one file for {len(sounds)} recordings; give a folder of files named like them"
            )
        return {sounds[0].stem: video}
    names = {path.stem for path in sounds}
    # A boxes file takes precedence: it spares the detection.
    files = [*visible_files(video, VIDEOS), *visible_files(video, BOXES)]
    found = {path.stem: path for path in files if path.stem in names}
    if not found:
        raise BadInput(f"--video {video}: no video or boxes file named like {sounds[0].stem}; rename them")
    return found
