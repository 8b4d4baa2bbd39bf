"""The recording that comes with the package, and the word that names it."""

from pathlib import Path

EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "example.mp4"
"""ten seconds of a generated room, first-order ambisonics and 360-degree video (`scripts/make_example.sh`)"""


def or_example(path: Path) -> Path:
    """Return the recording that comes with the package for `example`, where there is no file of that name."""
    return EXAMPLE if str(path) == EXAMPLE.stem and not path.exists() else path
