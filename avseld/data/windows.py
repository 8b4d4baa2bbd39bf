"""Training windows: drawn at random, read by seeking, with visual input and encoded labels, in batches.

Every window is a function of the seed and its running number alone. So the same windows come with any number of
worker processes, in one process or in several, and a resumed run continues where it stopped without a saved state.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import Dataset

from avseld.augment.scenes import VisualLayout, Window
from avseld.base.archive import is_file
from avseld.base.draws import Generators, generators
from avseld.base.errors import BadInput
from avseld.base.rates import LABEL_HOP
from avseld.config import Data
from avseld.data.visual import visual_inputs
from avseld.io.audio import audio_info, read_audio
from avseld.io.cut_off import cut_off_sound
from avseld.io.events import ARRAYS, Events, read_events
from avseld.io.formats import format_named
from avseld.io.label_maps import with_maps
from avseld.io.labels import line_of_row
from avseld.io.manifest import Recording
from avseld.system.build import System
from avseld.system.protocols import Target
from avseld.vision.visual_input import VisualInput

log = logging.getLogger(__name__)

Batch = dict[str, torch.Tensor]
SceneChange = Callable[[Window, np.random.Generator, Callable[[], Window]], Window]
"""(window, chance, draws another window) -> window, see `avseld.augment.scenes`"""


def reference(recording: Recording, n_classes: int, with_energies: bool = False) -> Events:
    """Read the labels of a recording.

    Args:
        recording: of a manifest.
        n_classes: classes.
        with_energies: also read the energy maps of the labels; rows are label frames then.

    Raises:
        BadInput: no labels or maps, an unknown class, labels beyond the end of the audio, or audio of another length
            than the manifest says.
    """
    if recording.labels is None:
        raise BadInput(f"{recording.name}: the manifest names no labels; prepare it with its metadata")
    length = audio_info(recording.audio).duration if is_file(recording.audio) else recording.duration
    if abs(length - recording.duration) > LABEL_HOP:
        raise BadInput(
            f"{recording.audio}: lasts {length:.6g} s, the manifest says {recording.duration:.6g}; make the prepared "
            "folder anew"
        )
    events = read_events(recording.labels, n_classes)
    if events.duration > recording.duration + LABEL_HOP:
        raise BadInput(
            f"{recording.labels}: labels until {events.duration:.1f} s, but {recording.audio} ends at "
            f"{recording.duration:.1f} s; they belong to another recording"
        )
    if not with_energies:
        return events
    if recording.maps is None:
        raise BadInput(
            f"{recording.name}: the manifest names no energy maps; prepare it with those of the labels, or train with "
            "--target.options.energies gaussian"
        )
    return with_maps(events, recording.maps, n_classes)


def check_annotation(
    target: Target, recordings: Sequence[Recording], references: Sequence[Events], n_frames: int, hop: float
) -> None:
    """Refuse labels that lack what a target is trained with: times, directions, distances.

    Args:
        target: encodes one event of each kind of gaps.
        recordings: with labels.
        references: their events.
        n_frames: feature frames of a window.
        hop: seconds between them.

    Raises:
        BadInput: an event that cannot be encoded; names file and line.
    """
    fine: set[bytes] = set()
    for recording, events in zip(recordings, references, strict=True):
        gaps = np.isnan([getattr(events, name) for name in ARRAYS]).T
        for kind, row in zip(*np.unique(gaps, axis=0, return_index=True), strict=True):
            if kind.tobytes() in fine:
                continue
            one = events.select(np.array([row]))
            one = replace(one, onset=0 * one.onset, offset=0 * one.offset + n_frames * hop)
            assert recording.labels is not None
            place = f"{recording.labels}:{line_of_row(recording.labels, int(row))}"
            try:
                encoded = target.encode(one, 0.0, n_frames, hop)
            except BadInput as error:
                raise BadInput(f"{place}: {error}") from None
            if any(np.isnan(value).any() for value in encoded.values()):
                raise BadInput(
                    f"{place}: an event without direction cannot train this target; add it, or choose another target"
                )
            fine.add(kind.tobytes())


class WindowSource(Dataset[Batch]):
    """Random windows of recordings, each a function of seed and running number.

    Args:
        recordings: where the windows come from.
        system: decides sample rate, window and target.
        data: how to draw, and what is shown.
        seed: of the draw.
        augment: changes of a window before it is encoded, in their order.
    """

    length: np.ndarray
    """(recording,) samples"""
    visual_inputs: Sequence[VisualInput | None]
    """of the recordings, or of some of them"""

    def __init__(
        self,
        recordings: Sequence[Recording],
        system: System,
        data: Data,
        seed: int,
        augment: Sequence[SceneChange] = (),
    ) -> None:
        self.augment = tuple(augment)
        self.recordings, self.seed = list(recordings), seed
        self.target, self.hop, self.rate = system.target, system.hop, system.sample_rate
        self.n_channels = format_named(data.format).channels
        self.n_samples, self.n_frames = system.window_samples, system.window_frames
        self.visual_spec = system.visual_spec
        self.visual_layout: VisualLayout = (
            "embeddings" if self.visual_spec.n_values else "tracks" if self.visual_spec.tracks else "boxes"
        )
        self.pads = system.target.pads
        self.blank = data.video == "blank"
        self.sampling = data.sampling

    def __getitem__(self, number: int) -> Batch:
        """Return a window: waveform (channel, sample), visual input unless blank, and the target's arrays."""
        raise NotImplementedError

    def shared_by(self, n_processes: int) -> None:
        """Say how many processes share the windows of a step; where all recordings are at hand it does not matter."""

    def some(self, n: int) -> tuple[list[Recording], list[Events], list[VisualInput | None]]:
        """Choose at most n recordings whose events have times, evenly over their list; with events and visual input."""
        raise NotImplementedError

    def weights(self) -> np.ndarray:
        """Return how often each recording is drawn in comparison with the others, (recording,)."""
        starts = np.maximum(self.length - self.n_samples, 1)
        return starts if self.sampling == "duration" else np.ones(len(self.length))

    def _set_chances(self) -> None:
        weight = self.weights()
        self.chance = np.cumsum(weight) / np.sum(weight)

    def draw(self, index: int) -> tuple[int, int]:
        """Draw a recording and the first sample of a window, from all recordings and without augmentation."""
        return self._place(np.random.default_rng([self.seed, index]))

    def waveform(self, index: int) -> np.ndarray:
        """Read the sound of a window drawn from all recordings, (channel, sample), without augmentation."""
        which, begin = self.draw(index)
        return read_audio(self.recordings[which].audio, begin, self.n_samples)

    def _place(self, random: np.random.Generator) -> tuple[int, int]:
        which = min(
            int(np.searchsorted(self.chance, random.random(), side="right")), len(self.recordings) - 1
        )
        return which, self._begin(which, random)

    def _begin(self, which: int, random: np.random.Generator) -> int:
        return int(random.integers(max(self.length[which] - self.n_samples, 1)))

    def _too_short(self, audio: Path, duration: float) -> BadInput:
        return BadInput(
            f"{audio}: {duration:.2f} s are shorter than a window of {self.n_samples / self.rate:.2f} s; choose a "
            "shorter data.chunk or leave the recording out"
        )

    def _changed(self, window: Window, random: np.random.Generator, another: Callable[[], Window]) -> Batch:
        """Augment and encode a window."""
        for change in self.augment:
            window = change(window, random, another)
        return self._encoded(window)

    def _encoded(self, window: Window) -> Batch:
        item = {"waveform": window.waveform}
        if window.visual is not None:
            item["visual"] = window.visual
        item |= self.target.encode(window.events, window.start, self.n_frames, self.hop)
        return {name: torch.from_numpy(value) for name, value in item.items()}

    def _shown(self, visual: VisualInput | None, start: float) -> np.ndarray | None:
        """Look up what a window shows: None where videos are blank, zeros without a video."""
        if self.blank:
            return None
        return (
            np.zeros(self.visual_spec.shape, np.float32)
            if visual is None
            else visual.at(np.array([start]))[0]
        )


class Windows(WindowSource):
    """Windows drawn from all recordings at once, read by seeking in their files.

    Args:
        recordings: where the windows come from; every header is checked.
        system: decides sample rate, window and target.
        data: how to draw, and what is shown.
        seed: of the draw.
        augment: changes of a window before it is encoded, in their order.
        labelled: whether labels are read; without, windows are those of silence, with the same sound.
    """

    def __init__(
        self,
        recordings: Sequence[Recording],
        system: System,
        data: Data,
        seed: int,
        augment: Sequence[SceneChange] = (),
        labelled: bool = True,
    ) -> None:
        super().__init__(recordings, system, data, seed, augment)
        self.length = np.array([self._check(recording, data.format) for recording in recordings])
        n_classes = len(system.blueprint.classes)
        self.events = [
            reference(recording, n_classes, system.target.needs_maps) if labelled else Events.empty()
            for recording in recordings
        ]
        check_annotation(self.target, recordings, self.events, self.n_frames, self.hop)
        shown = visual_inputs(recordings, data.video, self.visual_spec, seed)
        self.visual_inputs = [shown[recording.name] for recording in recordings]
        self._set_chances()

    def _check(self, recording: Recording, format: str) -> int:
        info = audio_info(recording.audio, format, self.rate)
        if shortened := cut_off_sound(recording.audio):
            log.warning("%s", shortened)
        if info.n_samples < self.n_samples and not self.pads:
            raise self._too_short(recording.audio, info.duration)
        return info.n_samples

    def __getitem__(self, number: int) -> Batch:
        """Return a window: waveform (channel, sample), visual input unless blank, and the target's arrays."""
        random = np.random.default_rng([self.seed, number])
        return self._changed(self._draw(random), random, lambda: self._draw(random))

    def at(self, which: int, begin: int) -> Batch:
        """Return a window of a chosen place, without augmentation.

        Args:
            which: number of the recording.
            begin: first sample.
        """
        return self._encoded(self._read(which, begin))

    def draw_all(self, indices: Sequence[int] | np.ndarray) -> np.ndarray:
        """Draw many windows as `draw` does, in one pass: (window, 2) recordings and first samples."""
        return np.stack(self.draw_places(self.generators(indices)), axis=1)

    def generators(self, indices: Sequence[int] | np.ndarray) -> Generators:
        """Make the random generators of many windows."""
        return generators(self.seed, indices, int(self.length.max(initial=0)))

    def draw_places(self, random: Generators) -> tuple[np.ndarray, np.ndarray]:
        """Draw the recording and the first sample of a window with each generator: twice (window,)."""
        which = np.searchsorted(self.chance, random.random(), side="right").clip(max=len(self.recordings) - 1)
        return which, random.integers(np.maximum(self.length[which] - self.n_samples, 1))

    def _draw(self, random: np.random.Generator) -> Window:
        """Draw and read a stretch of a recording."""
        return self._read(*self._place(random))

    def _read(self, which: int, begin: int) -> Window:
        start = begin / self.rate
        waveform = read_audio(self.recordings[which].audio, begin, self.n_samples)
        visual = self._shown(self.visual_inputs[which], start)
        return Window(waveform, self.events[which], start, visual, self.visual_layout)

    def some(self, n: int) -> tuple[list[Recording], list[Events], list[VisualInput | None]]:
        """Choose at most n recordings whose events have times, evenly over their list; with events and visual input."""
        usable = [place for place, events in enumerate(self.events) if has_times(events)]
        places = evenly(usable, n)
        return (
            [self.recordings[place] for place in places],
            [self.events[place] for place in places],
            [self.visual_inputs[place] for place in places],
        )


def has_times(events: Events) -> bool:
    """Tell whether every event has an onset and an offset."""
    return not np.isnan(events.onset).any() and not np.isnan(events.offset).any()


def evenly(places: Sequence[int], n: int) -> list[int]:
    """Choose at most n of some places, evenly over them."""
    if not places:
        return []
    even = np.unique(np.linspace(0, len(places) - 1, min(n, len(places))).round().astype(int))
    return [places[place] for place in even]
