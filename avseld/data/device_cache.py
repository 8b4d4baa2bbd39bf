"""A corpus cached on the device: windows are gathered there, so that a training step asks nothing of the host.

The windows are those of `avseld.data.windows`, to the last bit: the same numbers draw the same stretches, sound is
kept as the 16-bit samples of the files, labels as rows of label frames, boxes as they were detected. The host computes
which rows a stretch of steps needs and uploads their numbers once; a step then gathers with one kernel per array.
"""

import logging
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from avseld.base.errors import BadInput
from avseld.base.rates import LABEL_HOP
from avseld.data.loader import Numbers
from avseld.data.windows import Batch, Windows
from avseld.io.audio import open_sound
from avseld.vision.visual_input import latest

log = logging.getLogger(__name__)

Kept = TypeVar("Kept")

N_CHECKED_WINDOWS = 8
"""windows that are compared with those read from the files before training begins"""

N_READERS = 8
"""threads that read recordings; reading waits for the disk and copies outside of the interpreter's lock"""

STEPS_PER_STRETCH = 100
"""steps whose window numbers are uploaded together; a quarter of a second of work on a large GPU"""


@dataclass(frozen=True)
class Places:
    """Rows of the cached arrays that make up some windows; the leading axes may be (window,) or (step, window)."""

    sample: Tensor
    """(...,) first sample in the cached audio"""
    label_row: Tensor
    """(..., frame) rows of the label tables; the last row of a table is zero"""
    visual_row: Tensor | None
    """(...,) or (..., label frame) rows of the visual input, whose last row is zero; None without video"""

    def each(self, function: Callable[[Tensor], Tensor]) -> "Places":
        """Apply a function to each of the arrays."""
        visual = None if self.visual_row is None else function(self.visual_row)
        return Places(function(self.sample), function(self.label_row), visual)

    def to(self, device: torch.device) -> "Places":
        """Copy to a device without waiting for it."""
        if device.type != "cuda":
            return self
        return self.each(lambda value: value.pin_memory().to(device, non_blocking=True))

    def copy_(self, other: "Places") -> None:
        """Overwrite the arrays by those of another of the same shape."""
        self.sample.copy_(other.sample)
        self.label_row.copy_(other.label_row)
        if self.visual_row is not None and other.visual_row is not None:
            self.visual_row.copy_(other.visual_row)

    def __getitem__(self, step: int) -> "Places":
        return self.each(lambda value: value[step])

    def reshape(self, *leading: int) -> "Places":
        """Split the first axis into some leading axes."""
        return self.each(lambda value: value.reshape(*leading, *value.shape[1:]))


class DeviceCache:
    """The recordings of a set of windows on a device.

    Args:
        windows: windows without augmentation of scenes.
        device: device that keeps the corpus.

    Raises:
        BadInput: recordings of other than 16 bits, augmented scenes, or a target whose frames depend on their
            neighbours.
    """

    def __init__(self, windows: Windows, device: torch.device) -> None:
        if windows.augment:
            raise BadInput(
                "data.device_cache: augmented scenes are made on the host; choose never, or leave augment out"
            )
        self.windows, self.device = windows, device
        kept = np.maximum(windows.length, windows.n_samples)
        self.offset = np.concatenate([[0], np.cumsum(kept)[:-1]])
        self.audio = self._audio(kept)
        self.tables, self.group = self._labels()
        self.visual: Tensor | None = None
        if not windows.blank:
            self.visual = self._visual()
        self._check()

    def places(self, numbers: Sequence[int]) -> Places:
        """Find what the windows of some running numbers consist of.

        Args:
            numbers: (window,) running numbers.

        Returns:
            Places of the windows, on the host.
        """
        which, begin = self.windows.draw_all(numbers).T
        start = begin / self.windows.rate
        frame = np.floor(start / self.windows.hop + 1e-6).astype(np.int64)[:, None]
        row = (frame + np.arange(self.windows.n_frames)) // self.group
        n_rows, first = self.n_rows[which, None], self.first_row[which, None]
        row = np.where(row < n_rows, first + row, self.n_rows.sum())
        visual = None if self.visual is None else torch.from_numpy(self._visual_rows(which, start))
        return Places(torch.from_numpy(self.offset[which] + begin), torch.from_numpy(row), visual)

    def batch(self, places: Places) -> Batch:
        """Gather windows.

        Args:
            places: of (window,), on the device.

        Returns:
            The arrays that `Windows` gives, each with the window first, on the device.
        """
        item = {"waveform": gather_sound(self.audio, places.sample, self.windows.n_samples)}
        for name, table in self.tables.items():
            item[name] = table[places.label_row]
        if self.visual is not None:
            item["visual"] = self.visual[places.visual_row]
        return item

    def _audio(self, kept: np.ndarray) -> Tensor:
        audio = torch.zeros(int(kept.sum()), self.windows.n_channels, dtype=torch.int16, device=self.device)
        files = [recording.audio for recording in self.windows.recordings]
        for offset, samples in zip(self.offset, read_all(files), strict=True):
            audio[offset : offset + len(samples)] = samples.to(self.device)
        return audio

    def _n_frames(self, number: int) -> int:
        return int(self.windows.length[number] / self.windows.rate / self.windows.hop) + 1

    def _labels(self) -> tuple[dict[str, Tensor], int]:
        """Encode whole recordings: rows of label frames with a zero row at the end, and frames per row."""
        windows = self.windows
        group = max(round(LABEL_HOP / windows.hop), 1)
        parts: dict[str, list[Tensor]] = {}
        self.n_rows = np.array([-(-self._n_frames(n) // group) for n in range(len(windows.length))])
        self.first_row = np.concatenate([[0], np.cumsum(self.n_rows)[:-1]])
        for events, n_rows in zip(windows.events, self.n_rows, strict=True):
            whole = windows.target.encode(events, 0.0, int(n_rows) * group, windows.hop)
            for name, value in whole.items():
                if len(value) != n_rows * group:
                    raise BadInput("data.device_cache: this target has no value for each frame; choose never")
                parts.setdefault(name, []).append(torch.from_numpy(value[::group].copy()))
        return {name: self._with_zero_row(values) for name, values in parts.items()}, group

    def _visual(self) -> Tensor:
        """Visual input of all videos, by time, with a zero row at the end."""
        self.times: list[np.ndarray | None] = []
        values, count = [], 0
        first = []
        for visual in self.windows.visual_inputs:
            known = None if visual is None else visual.rows()
            self.times.append(None if known is None else known[0])
            first.append(count)
            if known is not None:
                values.append(torch.from_numpy(np.ascontiguousarray(known[1], np.float32)))
                count += len(known[0])
        self.first_visual, self.zero_visual = np.array(first), count
        shape = self.windows.visual_spec.shape
        return self._with_zero_row(values, shape[1:] if self.windows.visual_spec.n_label_frames else shape)

    def _visual_rows(self, which: np.ndarray, start: np.ndarray) -> np.ndarray:
        spec = self.windows.visual_spec
        time = start
        if spec.n_label_frames:
            time = start[:, None] + (np.arange(spec.n_label_frames) + 0.5) * spec.hop
        row = np.full(time.shape, self.zero_visual)
        for recording in np.unique(which):
            known, visual = self.times[recording], self.windows.visual_inputs[recording]
            if known is None or visual is None:
                continue
            chosen = which == recording
            found = self.first_visual[recording] + latest(known, time[chosen])
            row[chosen] = np.where(visual.inside(time[chosen]), found, self.zero_visual)
        return row

    def _with_zero_row(self, values: list[Tensor], shape: Sequence[int] = ()) -> Tensor:
        like = values[0] if values else torch.zeros(0, *shape)
        return torch.cat([*values, like.new_zeros(1, *like.shape[1:])]).to(self.device)

    def _check(self) -> None:
        """Compare some windows with those read from the files."""
        ours = self.batch(self.places(range(N_CHECKED_WINDOWS)).to(self.device))
        for number in range(N_CHECKED_WINDOWS):
            for name, value in self.windows[number].items():
                if not torch.allclose(ours[name][number].cpu(), value, atol=1e-6):
                    raise BadInput(
                        f"data.device_cache: {name} of this target cannot be kept by the frame; choose never"
                    )


class Stretch:
    """Some steps in a row, their windows drawn, whose batches are gathered on the device.

    Args:
        cache: the corpus.
        places: of (step, window), on the device.
    """

    def __init__(self, cache: DeviceCache, places: Places) -> None:
        self.cache, self.places = cache, places

    def __len__(self) -> int:
        return len(self.places.sample)


class Stretches:
    """The stretches of an epoch. A GPU is still busy with the one before when the next is drawn.

    Args:
        cache: the corpus.
        numbers: running numbers of the windows.
        steps: steps of a stretch; the last one, and one before a step of `ends`, may be shorter.
        ends: steps of the training after which a stretch ends, so that something can be done there.
    """

    def __init__(
        self,
        cache: DeviceCache,
        numbers: Numbers,
        steps: int = STEPS_PER_STRETCH,
        ends: Collection[int] = (),
    ) -> None:
        self.cache, self.numbers = cache, numbers
        every = range(steps, numbers.steps, steps)
        inner = {step - numbers.first_step for step in ends} & set(range(1, numbers.steps))
        self.ends = sorted({*every, *inner, numbers.steps} - {0})

    def __len__(self) -> int:
        return len(self.ends)

    def __iter__(self) -> Iterator[Stretch]:
        numbers, share = list(self.numbers), self.numbers.share
        for first, end in zip([0, *self.ends], self.ends, strict=False):
            places = self.cache.places(numbers[first * share : end * share]).reshape(-1, share)
            yield Stretch(self.cache, places.to(self.cache.device))


def read_all(files: Sequence[Path]) -> Iterator[Tensor]:
    """Read 16-bit recordings, some at once: (sample, channel) int16, in the order of the files.

    Raises:
        BadInput: a file of other than 16 bits.
    """
    with ThreadPoolExecutor(N_READERS) as pool:
        # A few files ahead of the one that is wanted, so that memory stays that of a few.
        waiting: deque[Future[Tensor]] = deque()
        for file in files:
            waiting.append(pool.submit(_read_16_bits, file))
            if len(waiting) > 2 * N_READERS:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _read_16_bits(path: Path) -> Tensor:
    with open_sound(path) as file:
        if file.subtype != "PCM_16":
            raise BadInput(f"{path}: {file.subtype}, not 16 bits; choose data.device_cache never")
        return torch.from_numpy(file.read(dtype="int16", always_2d=True))


def gather_sound(audio: Tensor, first: Tensor, n_samples: int) -> Tensor:
    """Copy windows of 16-bit audio with one kernel.

    Args:
        audio: (sample, channel) int16.
        first: (window,) first samples, on the same device.
        n_samples: length of a window.

    Returns:
        (window, channel, sample) float32 in [-1, 1).
    """
    n_channels = audio.shape[1]
    # Every window is one row of an overlapping view.
    rows = audio.as_strided((len(audio) - n_samples + 1, n_samples * n_channels), (n_channels, 1))
    sound = rows[first].unflatten(1, (n_samples, n_channels)).transpose(1, 2)
    return sound.to(torch.float32, memory_format=torch.contiguous_format).div_(32768)


def cached_bytes(windows: Windows) -> int:
    """Count the bytes of the sound of all recordings at 16 bits, which is nearly all that is kept."""
    return int(windows.length.sum()) * windows.n_channels * 2


def kept_on_device(choice: str, n_bytes: int, device: torch.device, make: Callable[[], Kept]) -> Kept | None:
    """Make what `data.device_cache` keeps on the device; None where it is not kept.

    Args:
        choice: auto, never or always.
        n_bytes: size of what would be kept.
        device: where.
        make: makes it.

    Raises:
        BadInput: it can't be kept, and the choice is always.
    """
    if choice == "never" or (choice == "auto" and not fits(n_bytes, device)):
        return None
    try:
        return make()
    except BadInput as error:
        if choice == "always":
            raise
        log.info("not kept on the device: %s", error)
        return None


def fits(n_bytes: int, device: torch.device) -> bool:
    """Tell whether so many bytes take less than half of what is free on a CUDA device."""
    return device.type == "cuda" and n_bytes < torch.cuda.mem_get_info(device)[0] / 2
