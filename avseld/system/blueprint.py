"""The description of a system that is stored beside its weights."""

import json
from dataclasses import asdict, dataclass

from avseld.config import Part


@dataclass(frozen=True)
class Blueprint:
    """Everything needed to build a system again without its recipe.

    Args:
        features: name and options of the features.
        model: name and options of the network.
        target: name and options of the output format with its loss.
        classes: class names; an event's label is an index into them.
        format: channel format of the recordings.
        chunk: seconds of a training window.
        legacy: reproduce the published defects.
        inference_chunk: seconds of a window when whole recordings are run; `chunk` if None.
    """

    features: Part
    model: Part
    target: Part
    classes: list[str]
    format: str = "foa"
    chunk: float = 1.27
    legacy: bool = False
    inference_chunk: float | None = None

    @classmethod
    def from_json(cls, text: str) -> "Blueprint":
        """Read a blueprint that `to_json` wrote."""
        words = json.loads(text)
        if "listen" in words:  # its name up to version 0.1
            words["inference_chunk"] = words.pop("listen")
        features, model, target = (Part(**words.pop(name)) for name in ("features", "model", "target"))
        return cls(features, model, target, **words)

    def to_json(self) -> str:
        """Write the blueprint as one line of JSON."""
        return json.dumps(asdict(self))
