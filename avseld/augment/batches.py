"""Batches of training windows on a device, as augmentations of scenes change them there.

A scene augmentation has a form for the device if it has two methods beside its call:

* `draw(random, another)` draws what a call draws, in the same order, for some windows at once, on the host;
* `change(windows, drawn)` changes a batch of windows on the device by what was drawn, and asks nothing of the host.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from torch import Tensor

from avseld.base.draws import Generators
from avseld.base.event_batch import EventBatch

VisualLayout = Literal["boxes", "tracks", "embeddings"]
"""Content of a window's visual input: boxes in any order; boxes with one person at each place throughout the window; or
embeddings of video frames, with or without boxes."""

Drawn = dict[str, Any]
"""what an augmentation draws for some windows: arrays (window, ...) on the host, which are tensors on the device, and
other windows"""

Another = Callable[[Generators], Any]
"""draws another window with each of some generators; those that are left out have an empty one. What it returns goes
into `Drawn`, and is a `WindowBatch` of all windows on the device"""


@dataclass(frozen=True)
class WindowBatch:
    """Training windows before their labels are encoded, on a device."""

    waveform: Tensor
    """(window, channel, sample) float32"""
    events: EventBatch
    """events near each window, on the clock of its recording"""
    start: Tensor
    """(window,) start of each window in its recording, seconds, float64"""
    visual: Tensor | None = None
    """(window, *shape of the visual input) float32, as that of `avseld.augment.scenes.Window`"""
    layout: VisualLayout = "boxes"
    """what `visual` holds"""


class DeviceAugmentation(Protocol):
    """A scene augmentation that has a form for the device."""

    def draw(self, random: Generators, another: Another) -> Drawn:
        """Draw for some windows what a call draws for one, from the same generators in the same order."""

    def change(self, windows: WindowBatch, drawn: Drawn) -> WindowBatch:
        """Change windows on the device as a call changes each."""


def has_device_form(change: Any) -> bool:
    """Tell whether an augmentation has `draw` and `change`."""
    return callable(getattr(change, "draw", None)) and callable(getattr(change, "change", None))
