"""Trained weights by name: those that come with the package (`avseld.prediction.load("locator_foa")`), and the hub's.

Each has a safetensors file, written by `avseld.weights.pack`, and a card NAME.json: what it was trained on, what it
takes, what it scores, and what it is not for. docs/weights.md has the commands that make them.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from avseld.base.shipped import find_file, read_cards
from avseld.weights.hub import fetch, is_address

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Card:
    """Description of shipped weights.

    Args:
        name: name of the weights.
        about: one line: what they do.
        recipe: recipe they were trained with.
        format: channel format of the recordings that they take.
        sample_rate: Hz; other rates are resampled.
        classes: class names.
        parameters: of the network.
        trained_on: the training data, in one line.
        command: command that makes them again.
        scores: measured scores by name; angles in degrees.
        limits: what they are not for.
        video: whether they take the boxes of people in a video, too.
        default: whether `avseld predict` takes them for recordings of their format where no run is named.
    """

    name: str
    about: str
    recipe: str
    format: str
    sample_rate: int
    classes: list[str]
    parameters: int
    trained_on: str
    command: str
    scores: dict[str, Any] = field(default_factory=dict)
    limits: str = ""
    video: bool = False
    default: bool = False

    @property
    def path(self) -> Path:
        """The safetensors file."""
        return FOLDER / f"{self.name}.safetensors"


def shipped() -> dict[str, Card]:
    """Read the cards of all weights that come with the package, by name."""
    return read_cards(FOLDER, Card)


def for_format(format: str) -> list[Card]:
    """List the cards of the weights that take a channel format: the default first, then those with fewest classes."""
    cards = [card for card in shipped().values() if card.format == format]
    return sorted(cards, key=lambda card: (not card.default, len(card.classes), card.name))


def find(name: str | Path) -> Path | None:
    """Return the file of shipped weights, or of weights of the hub (`hf:OWNER/NAME`); None if there are none.

    Args:
        name: name of the weights, or an address of the hub. A path with folders is never a shipped name.

    Raises:
        BadInput: an address of the hub that gives no weights.
    """
    if is_address(name):
        return fetch(str(name))
    return find_file(FOLDER, name, ".safetensors")
