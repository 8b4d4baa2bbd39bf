"""The description of a system that is stored beside its weights."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from avseld.base.plugins import is_import_path
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
        origins: packages or folders of the parts that are not of this package, for messages.
        boxes_from: how the boxes of the training were made (`avseld.io.boxes.source_of`), each way once; empty if
            unknown or without boxes.
    """

    features: Part
    model: Part
    target: Part
    classes: list[str]
    format: str = "foa"
    chunk: float = 1.27
    legacy: bool = False
    inference_chunk: float | None = None
    origins: tuple[str, ...] = ()
    boxes_from: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def from_json(cls, text: str) -> "Blueprint":
        """Read a blueprint that `to_json` wrote.

        Raises:
            ValueError, TypeError, KeyError, AttributeError: the text is no blueprint.
        """
        words = json.loads(text)
        if "listen" in words:  # its name up to version 0.1
            words["inference_chunk"] = words.pop("listen")
        features, model, target = (Part(**words.pop(name)) for name in ("features", "model", "target"))
        words["origins"] = tuple(words.get("origins", ()))
        made = cls(features, model, target, **words)
        parts_fit = all(
            isinstance(p.name, str) and isinstance(p.options, dict) for p in (features, model, target)
        )
        classes_fit = isinstance(made.classes, list) and all(isinstance(name, str) for name in made.classes)
        numbers_fit = all(
            isinstance(value, int | float) for value in (made.chunk, made.inference_chunk or 1.0)
        )
        if not (parts_fit and classes_fit and numbers_fit and made.classes and isinstance(made.format, str)):
            raise TypeError("values of another kind than those of a blueprint")
        return made

    def to_json(self) -> str:
        """Write the blueprint as one line of JSON."""
        words = asdict(self)
        for name in ("origins", "boxes_from"):  # files of systems without such parts stay as they were
            if not words[name]:
                del words[name]
        return json.dumps(words)

    def with_threshold(self, threshold: float | Sequence[float]) -> "Blueprint":
        """Return the description of the same system with another threshold of its target, or one of each class."""
        options = self.target.options | {"threshold": threshold}
        return replace(self, target=Part(self.target.name, options))

    @property
    def import_paths(self) -> set[str]:
        """Import paths (`package.module:Class`) among the names of the parts and in their options."""
        return import_paths([asdict(part) for part in (self.features, self.model, self.target)])


def import_paths(value: Any) -> set[str]:
    """Collect the import paths (`package.module:Class`) in nested lists and mappings."""

    def words(inner: Any) -> Iterator[str]:
        if isinstance(inner, Mapping):
            for key, member in inner.items():
                yield from words(key)
                yield from words(member)
        elif isinstance(inner, list | tuple):
            for member in inner:
                yield from words(member)
        elif is_import_path(inner):
            yield inner

    return set(words(value))
