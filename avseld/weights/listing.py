"""The command `weights`: list the weights that come with the package."""

import json as json_format
import sys
from dataclasses import asdict

from avseld.weights import shipped


def weights(json: bool = False) -> None:
    """List the trained weights that come with the package: input, classes, size, training data, scores, limits.

    Args:
        json: print one JSON object per line and weights.
    """
    for card in shipped().values():
        if json:
            sys.stdout.write(json_format.dumps(asdict(card)) + "\n")
            continue
        classes = card.classes[0] if len(card.classes) == 1 else f"{len(card.classes)} classes"
        scores = ", ".join(f"{name} {value}" for name, value in card.scores.items())
        sys.stdout.write(
            f"{card.name}: {card.about}\n"
            f"  input    {card.format}{' and video' * card.video}{', taken by default' * card.default}, "
            f"{card.sample_rate} Hz; {classes}; {card.parameters:,} parameters, "
            f"{card.path.stat().st_size / 1e6:.1f} MB\n"
            f"  trained  {card.trained_on}\n"
            f"  scores   {scores}\n"
            f"  limits   {card.limits}\n"
        )
