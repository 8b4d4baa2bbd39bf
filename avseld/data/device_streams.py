"""Whole recordings cached on the device, to validate a network that can run a stream on several of them at once."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from avseld.data.device_recordings import WINDOWS_PER_BATCH, DeviceRecordings
from avseld.decoding.stretches import Stretch, stretch_samples, stretch_visual
from avseld.decoding.windows import WindowGrid
from avseld.io.events import Events
from avseld.io.manifest import Recording
from avseld.system.advancing import iterate_advanced
from avseld.system.build import System
from avseld.vision.visual_input import VisualInput


class DeviceStreams(DeviceRecordings):
    """`DeviceRecordings` whose recordings of a batch run side by side from their beginnings, with their states carried.

    Arguments as for `DeviceRecordings`.
    """

    def _heads(self, places: list[int]) -> Iterator[dict[str, Tensor]]:
        """Run some recordings together, each followed by silence up to the longest: the heads (frame, ...) of each."""
        n_frames = [int(self.grids[place].n_frames[0]) for place in places]
        at_once = max(WINDOWS_PER_BATCH // len(places), 1)
        parts = [
            heads
            for _, heads in iterate_advanced(
                self.system,
                max(n_frames),
                at_once,
                lambda stretch: self._sound(places, stretch),
                lambda stretch: self._seen(places, stretch),
            )
        ]
        for row, n in enumerate(n_frames):
            yield {name: torch.cat([part[name][row] for part in parts])[:n] for name in parts[0]}

    def _sound(self, places: list[int], stretch: Stretch) -> Tensor:
        """Gather the sound of a stretch: (recording, channel, sample) float32 in [-1, 1)."""
        first, n = stretch_samples(self.system.lengths, stretch)
        rows = []
        for place in places:
            begin, length = int(self.offset[place]), self.n_samples[place]
            rows.append(_part(self.audio[begin : begin + length], first, n))
        return torch.stack(rows).transpose(1, 2).to(torch.float32).div_(32768)

    def _seen(self, places: list[int], stretch: Stretch) -> Tensor | None:
        """Gather the visual input of a stretch: (recording, label frame, ...)."""
        if not self.has_video:
            return None
        step = self.system.label_frames
        first, n = stretch.first // step, stretch.n_frames // step
        return torch.stack([_part(self.visual[place], first, n) for place in places])

    def _visual(self, visual: VisualInput | None, grid: WindowGrid) -> Tensor:
        """Look up the visual input of a recording: (label frame, ...), zeros where there is none."""
        n_frames, step = int(grid.n_frames[0]), self.system.label_frames
        count = -(-n_frames // step)
        if visual is None or not self.system.visual_spec.n_label_frames:
            return torch.zeros(count, *self.system.visual_spec.shape[1:], device=self.device)
        whole = Stretch(0, count * step)
        seen = stretch_visual(self.system.lengths, visual.at, whole, n_frames)
        return torch.from_numpy(seen).to(self.device)


def recordings_on_device(
    system: System,
    recordings: Sequence[Recording],
    references: Sequence[Events],
    visual: Sequence[VisualInput | None],
) -> DeviceRecordings:
    """Cache recordings on the device in the way that the network runs them; arguments and errors as its classes."""
    kind = DeviceRecordings if system.model.advance is None else DeviceStreams
    return kind(system, recordings, references, visual)


def _part(x: Tensor, first: int, n: int) -> Tensor:
    """Cut rows out of x (row, ...), zeros where there are none."""
    begin, end = (min(max(place, 0), len(x)) for place in (first, first + n))
    around = (begin - first, first + n - end) if end > begin else (0, n)
    return functional.pad(x[begin:end], (*[0, 0] * (x.ndim - 1), *around))
