"""Where the windows of a step lie in the arrays of a corpus on a device, and what was drawn for them."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Places:
    """Where some windows lie in the cached arrays; the leading axes may be (window,) or (step, window)."""

    sample: Tensor
    """(...,) first sample in the cached audio"""
    label: Tensor
    """(..., frame) rows of the label tables, whose last row is zero; or (...,) lists of events"""
    visual_row: Tensor | None
    """(...,) or (..., label frame) rows of the visual input, whose last row is zero; None without video"""
    start: Tensor | None = None
    """(...,) seconds at which a window starts in its recording, where labels are encoded from events"""
    drawn: "tuple[dict[str, Tensor | Places], ...]" = ()
    """what each change of scenes drew: numbers (..., ...), and other windows"""

    def each(self, function: Callable[[Tensor], Tensor]) -> "Places":
        """Apply a function to each of the arrays."""
        drawn = tuple(
            {name: value.each(function) if isinstance(value, Places) else function(value)
             for name, value in one.items()}
            for one in self.drawn
        )  # fmt: skip
        visual, start = (
            None if value is None else function(value) for value in (self.visual_row, self.start)
        )
        return Places(function(self.sample), function(self.label), visual, start, drawn)

    def arrays(self) -> list[Tensor]:
        """List the arrays."""
        found = [self.sample, self.label, self.visual_row, self.start]
        for one in self.drawn:
            for value in one.values():
                found += value.arrays() if isinstance(value, Places) else [value]
        return [value for value in found if value is not None]

    def to(self, device: torch.device) -> "Places":
        """Copy to a device without waiting for it."""
        if device.type != "cuda":
            return self
        return self.each(lambda value: value.pin_memory().to(device, non_blocking=True))

    def copy_(self, other: "Places") -> None:
        """Overwrite the arrays by those of another of the same shape."""
        for own, new in zip(self.arrays(), other.arrays(), strict=True):
            own.copy_(new)

    def __getitem__(self, step: int) -> "Places":
        return self.each(lambda value: value[step])

    def reshape(self, *leading: int) -> "Places":
        """Split the first axis into some leading axes."""
        return self.each(lambda value: value.reshape(*leading, *value.shape[1:]))
