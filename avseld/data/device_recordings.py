"""Whole recordings cached on the device, to validate on them in batches of windows of several recordings."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from avseld.data.device_cache import gather_sound, read_all
from avseld.decoding.windows import WindowGrid, concatenate_grids, window_grid
from avseld.io.events import Events
from avseld.io.formats import format_named
from avseld.io.manifest import Recording
from avseld.system.build import System
from avseld.system.inference import join_windows, run_windows
from avseld.vision.visual_input import VisualInput

WINDOWS_PER_BATCH = 256
"""windows that run together: enough to fill a large GPU, some 2 GB of it for the networks at hand"""


@dataclass(frozen=True)
class RecordingOutput:
    """The network's output for one recording.

    Args:
        place: of the recording in the list.
        heads: (frame, ...) by name.
        losses: of the target, (loss,) in the order of `DeviceRecordings.loss_names`.
    """

    place: int
    heads: dict[str, Tensor]
    losses: Tensor


class DeviceRecordings:
    """Sound, visual input and labels of whole recordings on the device.

    Args:
        system: gives windows, target and device.
        recordings: 16-bit recordings.
        references: events of each.
        visual: visual input of each, None where there is none.

    Raises:
        BadInput: a recording of other than 16 bits.
    """

    def __init__(
        self,
        system: System,
        recordings: Sequence[Recording],
        references: Sequence[Events],
        visual: Sequence[VisualInput | None],
    ) -> None:
        self.system, self.device = system, system.device
        self.n_samples = [round(recording.duration * system.sample_rate) for recording in recordings]
        self.grids = [window_grid(system.lengths, n) for n in self.n_samples]
        self.span, self.lead = system.lengths.span, system.lengths.lead
        self.audio, self.offset = self._audio(recordings)
        self.visual = [self._visual(each, grid) for each, grid in zip(visual, self.grids, strict=True)]
        self.loss_names: list[str] = []
        """of the last run"""
        self.has_video = any(each is not None for each in visual)
        self.labels = [
            self._labels(reference, int(grid.n_frames[0]))
            for reference, grid in zip(references, self.grids, strict=True)
        ]

    def run(self) -> Iterator[list[RecordingOutput]]:
        """Run all recordings, a batch of some recordings at a time, without waiting for the device.

        Yields:
            The outputs of the recordings of a batch, on the device.
        """
        for places in self._batches():
            heads = self._heads(places)
            yield [self._output(place, own) for place, own in zip(places, heads, strict=True)]

    def _heads(self, places: list[int]) -> Iterator[dict[str, Tensor]]:
        """Run some recordings together: the heads (frame, ...) of each."""
        grid = concatenate_grids([self.grids[place] for place in places])
        start = np.concatenate([self._first_samples(place) for place in places])
        sound = gather_sound(self.audio, torch.from_numpy(start).to(self.device), self.span)
        visual = torch.cat([self.visual[place] for place in places]) if self.has_video else None
        heads = run_windows(self.system, sound, visual, grid)
        first = 0
        for place in places:
            last = first + len(self.grids[place])
            own = {name: head[first:last] for name, head in heads.items()}
            yield join_windows(own, int(self.grids[place].n_frames[0]))
            first = last

    def _output(self, place: int, heads: dict[str, Tensor]) -> RecordingOutput:
        """Compute the losses of a recording."""
        n_frames = int(self.grids[place].n_frames[0])
        with torch.inference_mode():
            labels = {name: self._spread(value, n_frames) for name, value in self.labels[place].items()}
            losses = self.system.target.loss({name: head[None] for name, head in heads.items()}, labels)
            self.loss_names = list(losses)
            return RecordingOutput(place, heads, torch.stack(list(losses.values())))

    def _batches(self) -> Iterator[list[int]]:
        """Share the recordings out among batches of at most `WINDOWS_PER_BATCH` windows."""
        batch: list[int] = []
        count = 0
        for place, grid in enumerate(self.grids):
            if batch and count + len(grid) > WINDOWS_PER_BATCH:
                yield batch
                batch, count = [], 0
            batch.append(place)
            count += len(grid)
        if batch:
            yield batch

    def _first_samples(self, place: int) -> np.ndarray:
        first = self.grids[place].first_frame - self.system.margin
        return self.offset[place] + first * self.system.hop_samples - self.lead

    def _audio(self, recordings: Sequence[Recording]) -> tuple[Tensor, np.ndarray]:
        """Read all sound, with silence as long as a window around each recording."""
        parts, offset, count = [], [], 0
        for sound in read_all([recording.audio for recording in recordings]):
            parts += [sound.new_zeros(self.span, sound.shape[1]), sound]
            offset.append(count + self.span)
            count += self.span + len(sound)
        return torch.cat([*parts, parts[0]]).to(self.device), np.array(offset)

    def _visual(self, visual: VisualInput | None, grid: WindowGrid) -> Tensor:
        shape = (len(grid), *self.system.visual_spec.shape)
        value = np.zeros(shape, np.float32) if visual is None else visual.at(grid.visual_start_s)
        return torch.from_numpy(np.asarray(value, np.float32)).to(self.device)

    def _labels(self, reference: Events, n_frames: int) -> dict[str, Tensor]:
        """Encode the labels of a recording, one row for each label frame where all its frames are equal."""
        system = self.system
        target = system.target.encode(reference, 0.0, n_frames, system.hop)
        return {name: self._thinned(torch.from_numpy(value)) for name, value in target.items()}

    def _thinned(self, value: Tensor) -> Tensor:
        group = self.system.label_frames
        thin = value[::group]
        same = torch.equal(thin.repeat_interleave(group, dim=0)[: len(value)], value)
        return (thin.clone() if same else value).to(self.device)

    def _spread(self, value: Tensor, n_frames: int) -> Tensor:
        if len(value) != n_frames:
            value = value.repeat_interleave(self.system.label_frames, dim=0)[:n_frames]
        return value[None]


def recordings_bytes(system: System, recordings: Sequence[Recording]) -> int:
    """Count the bytes of sound and labels of recordings on the device."""
    seconds = sum(recording.duration for recording in recordings)
    n_channels = format_named(system.blueprint.format).channels
    labels = sum(value.nbytes for value in system.target.encode(Events.empty(), 0.0, 1, system.hop).values())
    return int(seconds * (system.sample_rate * n_channels * 2 + labels / system.label_hop))
