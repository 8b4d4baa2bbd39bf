"""A corpus cached on the device: windows are gathered there, so that a training step asks nothing of the host.

The windows are those of `avseld.data.windows`, to the last bit: the same numbers draw the same stretches, sound is
kept as the 16-bit samples of the files, labels as rows of label frames, boxes as they were detected. The host computes
which rows a stretch of steps needs and uploads their numbers once; a step then gathers with one kernel per array. Where
scenes are changed, the host draws the changes of a stretch, and sound, events and boxes are changed on the device.
"""

import logging
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from avseld.augment.batches import DeviceAugmentation, WindowBatch, has_device_form
from avseld.base.draws import Generators
from avseld.base.errors import BadInput
from avseld.data.device_labels import LabelEvents, LabelRows, LabelSizeError, with_zero_row
from avseld.data.device_places import Places
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


class DeviceCache:
    """The recordings of a set of windows on a device.

    Args:
        windows: training windows.
        device: device that keeps the corpus.

    Raises:
        BadInput: recordings of other than 16 bits; a change of scenes, or a target, that has no form for the device; or
            one whose form gives other windows than those read from files.
    """

    def __init__(self, windows: Windows, device: torch.device) -> None:
        self.windows, self.device = windows, device
        self.changes: list[DeviceAugmentation] = [_device_form(change) for change in windows.augment]
        self.rows: LabelRows | None = None
        self.events: LabelEvents | None = None
        if windows.target.by_frame and not windows.augment:
            with suppress(LabelSizeError):
                self.rows = LabelRows(windows, device)
        if self.rows is None and windows.target.encode_batch is None:
            raise BadInput(
                "data.device_cache: this target has no encode_batch, which augmented scenes and labels that are not by "
                "the frame need; choose never"
            )
        if self.rows is None:
            self.events = LabelEvents(windows, device)
        kept = np.maximum(windows.length, windows.n_samples)
        self.offset = np.concatenate([[0], np.cumsum(kept)])  # the last one is that of silence
        self.audio = self._audio()
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
        random = self.windows.generators(numbers)
        own = self._places(*self.windows.draw_places(random))
        drawn = []
        for change in self.changes:
            values = change.draw(random, lambda chosen: self._others(chosen, len(random)))
            drawn.append(
                {name: value if isinstance(value, Places) else torch.from_numpy(np.asarray(value))
                 for name, value in values.items()}
            )  # fmt: skip
        return replace(own, drawn=tuple(drawn))

    def batch(self, places: Places) -> Batch:
        """Gather windows, change their scenes and encode their labels.

        Args:
            places: of (window,), on the device.

        Returns:
            The arrays that `Windows` gives, each with the window first, on the device.
        """
        if self.rows is not None:
            item = {"waveform": gather_sound(self.audio, places.sample, self.windows.n_samples)}
            item |= self.rows.gather(places.label)
            if self.visual is not None:
                item["visual"] = self.visual[places.visual_row]
            return item
        # As on the host: in full precision, whatever the training's.
        with torch.no_grad(), torch.autocast(self.device.type, enabled=False):
            windows = self._gathered(places)
            for change, drawn in zip(self.changes, places.drawn, strict=True):
                others = {
                    name: self._gathered(value) if isinstance(value, Places) else value
                    for name, value in drawn.items()
                }
                windows = change.change(windows, others)
            encode, n_frames, hop = self.windows.target.encode_batch, self.windows.n_frames, self.windows.hop
            assert encode is not None
            item = {"waveform": windows.waveform} | encode(windows.events, windows.start, n_frames, hop)
        if windows.visual is not None:
            item["visual"] = windows.visual
        return item

    def _gathered(self, places: Places) -> WindowBatch:
        """Gather windows as they are in their recordings."""
        assert self.events is not None and places.start is not None
        return WindowBatch(
            gather_sound(self.audio, places.sample, self.windows.n_samples),
            self.events.gather(places.label),
            places.start,
            None if self.visual is None else self.visual[places.visual_row],
            self.windows.visual_layout,
        )

    def _places(self, which: np.ndarray, begin: np.ndarray, present: np.ndarray | None = None) -> Places:
        """Find where windows lie; those that are not present are silent, without events and visual input."""
        start = begin / self.windows.rate
        sample = self.offset[which] + begin
        if present is not None:
            sample = np.where(present, sample, self.offset[-1])
        if self.rows is not None:
            label = self.rows.places(which, start)
        else:
            assert self.events is not None
            label = self.events.places(which, start, present)
        visual = None
        if self.visual is not None:
            visual = self._visual_rows(which, start)
            if present is not None:
                visual[~present] = self.zero_visual
        return Places(
            torch.from_numpy(sample),
            torch.from_numpy(label),
            None if visual is None else torch.from_numpy(visual),
            None if self.rows is not None else torch.from_numpy(start),
        )

    def _others(self, random: Generators, n_windows: int) -> Places:
        """Draw another window with some of the generators; the other windows are empty."""
        which, begin = np.zeros((2, n_windows), np.int64)
        present = np.zeros(n_windows, bool)
        present[random.place] = True
        which[random.place], begin[random.place] = self.windows.draw_places(random)
        return self._places(which, begin, present)

    def _audio(self) -> Tensor:
        """Read the sound of all recordings, with a silent window at the end: (sample, channel) int16."""
        size = (int(self.offset[-1]) + self.windows.n_samples, self.windows.n_channels)
        audio = torch.zeros(size, dtype=torch.int16, device=self.device)
        files = [recording.audio for recording in self.windows.recordings]
        for offset, samples in zip(self.offset[:-1], read_all(files), strict=True):
            audio[offset : offset + len(samples)] = samples.to(self.device)
        return audio

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
        row = shape[1:] if self.windows.visual_spec.n_label_frames else shape
        return with_zero_row(values, self.device, row)

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

    def _check(self) -> None:
        """Compare some windows with those read from the files."""
        changed = ", ".join(type(change).__name__ for change in self.windows.augment)
        try:
            ours = self.batch(self.places(range(N_CHECKED_WINDOWS)).to(self.device))
        except (BadInput, torch.OutOfMemoryError):
            raise
        except Exception as error:
            raise BadInput(
                f"data.device_cache: windows cannot be made on the device ({changed or 'labels'}: "
                f"{type(error).__name__}: {' '.join(str(error).split())}); choose never"
            ) from error
        for number in range(N_CHECKED_WINDOWS):
            expected = self.windows[number]
            for name in sorted(expected.keys() | ours.keys()):
                value = ours[name][number].cpu() if name in ours else None
                if value is None or name not in expected or not _are_close(value, expected[name]):
                    raise BadInput(
                        f"data.device_cache: {name} of windows made on the device differs from that read from files"
                        f"{f' (augment: {changed})' if changed else ''}; choose never"
                    )


def _are_close(ours: Tensor, expected: Tensor) -> bool:
    return ours.shape == expected.shape and torch.allclose(ours.to(expected), expected, atol=1e-6)


def _device_form(change: Any) -> Any:
    """Return a change of scenes that has a form for the device.

    Raises:
        BadInput: it has none.
    """
    if not has_device_form(change):
        raise BadInput(
            f"data.device_cache: the augmentation {type(change).__name__} has no form for the device (its methods draw "
            "and change, see avseld.augment.batches); choose never"
        )
    return change


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
        reason = str(error).removeprefix("data.device_cache: ").removesuffix("; choose never")
        log.info("read from files, not from the device: %s", reason)
        return None


def fits(n_bytes: int, device: torch.device) -> bool:
    """Tell whether so many bytes take less than half of what is free on a CUDA device."""
    return device.type == "cuda" and n_bytes < torch.cuda.mem_get_info(device)[0] / 2
