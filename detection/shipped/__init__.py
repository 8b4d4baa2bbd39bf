"""Detectors that come with the package, by name: `avseld-detect boxes --weights people_drawn`.

Each has an ONNX file, written by `avseld-detect export`, and a card NAME.json: what it was trained on, what it scores,
and what it is not for. docs/detection.md has the commands that make them.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from avseld.base.shipped import find_file, read_cards

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class DetectorCard:
    """Description of a shipped detector.

    Args:
        name: name of the weights.
        about: one line: what it detects.
        license: of the weights, as an SPDX identifier.
        sha256: of the ONNX file.
        size: width and height of the network's input, pixels.
        classes: names of the classes, in the order of the network's outputs.
        parameters: of the network.
        trained_on: the training pictures, in one line.
        command: command that makes it again.
        scores: measured scores by name.
        limits: what it is not for.
        familiar: statistics of the training pictures, by which others are noticed (`detection.familiarity`).
    """

    name: str
    about: str
    license: str
    sha256: str
    size: list[int]
    classes: list[str]
    parameters: int
    trained_on: str
    command: str
    scores: dict[str, Any] = field(default_factory=dict)
    limits: str = ""
    familiar: dict[str, Any] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        """The ONNX file."""
        return FOLDER / f"{self.name}.onnx"


def shipped() -> dict[str, DetectorCard]:
    """Read the cards of all detectors that come with the package, by name."""
    return read_cards(FOLDER, DetectorCard)


def find(name: str | Path) -> Path | None:
    """Return the file of a shipped detector; None if the name is not that of any.

    Args:
        name: name of the weights. A path with folders is never a name.
    """
    return find_file(FOLDER, name, ".onnx")


def card_of(sha256: str) -> DetectorCard | None:
    """Return the card of the shipped detector with this hash; None if it is not one.

    Args:
        sha256: of a weights file.
    """
    return next((card for card in shipped().values() if card.sha256 == sha256), None)
