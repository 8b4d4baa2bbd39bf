"""Training windows: drawn at random, read by seeking, with visual input and encoded labels, in batches.

Every window is a function of the seed and its running number alone. So the same windows come with any number of
worker processes, in one process or in several, and a resumed run continues where it stopped without a saved state.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from avseld.augment.scenes import VisualLayout, Window
from avseld.base.errors import BadInput
from avseld.base.prefetch import prefetch
from avseld.base.rates import LABEL_HOP, exact_div
from avseld.config import Data, VideoControl
from avseld.data.draws import bounded, first_draws
from avseld.io.audio import audio_info, read_audio
from avseld.io.boxes import read_boxes
from avseld.io.embeddings import read_embeddings
from avseld.io.events import Events, read_events
from avseld.io.formats import format_named
from avseld.io.manifest import Recording, disjoint, pick, read_manifest
from avseld.system.build import System
from avseld.vision.visual_input import VisualInput, VisualSpec

log = logging.getLogger(__name__)

Batch = dict[str, torch.Tensor]
SceneChange = Callable[[Window, np.random.Generator, Callable[[], Window]], Window]
"""(window, chance, draws another window) -> window, see `avseld.augment.scenes`"""


def load_visual_input(recording: Recording, spec: VisualSpec | None = None) -> VisualInput:
    """Read the visual input of one recording.

    Args:
        recording: names the files of boxes and of embeddings, and the video of both.
        spec: what the network takes from a video.

    Raises:
        BadInput: a file is missing, damaged or of another video.
    """
    spec = spec or VisualSpec()
    video = recording.video if recording.video and recording.video.exists() else None
    boxes = embeddings = None
    if spec.n_boxes:
        assert recording.boxes is not None
        boxes = read_boxes(recording.boxes, video)
    if spec.n_values:
        assert recording.embeddings is not None
        embeddings = read_embeddings(recording.embeddings, video)
    visual = VisualInput(boxes, spec, embeddings)
    if visual.duration < recording.duration - LABEL_HOP:
        log.warning(
            "%s: the video ends at %.1f s, the audio at %.1f s; it is used as far as it goes",
            recording.name,
            visual.duration,
            recording.duration,
        )
    return visual


def choose(data: Data, spec: VisualSpec | None = None) -> dict[str, list[Recording]]:
    """Choose the recordings to train on, to validate on and to test on.

    Where `validate` or `test` names rooms or recordings of a training fold, training goes without these. With
    `video: aligned` or `shuffled`, training leaves out what has no video with boxes or frames, as the network
    takes them, and says how many.

    Raises:
        BadInput: a name that matches nothing, parts that overlap, or nothing left to train on.
    """
    there = [recording for recording in read_manifest(data.prepared) if recording.format == data.format]
    if not there:
        raise BadInput(f"{data.prepared}/manifest.csv: no recording of format {data.format}; prepare some")
    parts = {name: pick(there, getattr(data, name)) for name in ("train", "validate", "test")}
    folds = {recording.fold for recording in there}
    for name in ("validate", "test"):
        held = {r.name for r in pick(there, [token for token in getattr(data, name) if token not in folds])}
        if held and not data.allow_overlap:
            parts["train"] = [recording for recording in parts["train"] if recording.name not in held]
            log.info("%d recordings are withheld from training to %s", len(held), name)
    disjoint({"train": parts["train"], "test": parts["test"]}, data.allow_overlap)
    disjoint({"train": parts["train"], "validate": parts["validate"]}, data.allow_overlap)
    disjoint({"validate": parts["validate"], "test": parts["test"]}, data.allow_overlap)
    if data.video != "blank":
        parts["train"] = with_video(parts["train"], spec)
    if not parts["train"]:
        raise BadInput(
            f"{data.prepared}: nothing left to train on; check data.train, the boxes and the frames"
        )
    return parts


def visible(recording: Recording, spec: VisualSpec | None = None) -> bool:
    """Tell whether a recording has the files of its visual input: boxes, embeddings or both."""
    spec = spec or VisualSpec()
    wanted = [recording.boxes] * (spec.n_boxes > 0) + [recording.embeddings] * (spec.n_values > 0)
    return all(path is not None and path.is_file() for path in wanted)


def with_video(recordings: Sequence[Recording], spec: VisualSpec | None = None) -> list[Recording]:
    """Choose the recordings that have a video and the files of its visual input; logs how many have not."""
    kept = [r for r in recordings if r.video is not None and visible(r, spec)]
    if missing := len(recordings) - len(kept):
        silent = sum(recording.video is None for recording in recordings)
        log.info(
            "%d of %d recordings are left out of audio-visual training: %d without video, %d without boxes or frames",
            missing,
            len(recordings),
            silent,
            missing - silent,
        )
    return kept


def visual_inputs(
    recordings: Sequence[Recording], control: VideoControl, spec: VisualSpec | None = None, seed: int = 0
) -> dict[str, VisualInput | None]:
    """Load the visual input of each recording: of its own video, of that of another recording, or None.

    Args:
        recordings: all of them.
        control: aligned, shuffled or blank.
        spec: what the network takes from a video.
        seed: decides which other recording.

    Raises:
        BadInput: fewer than two videos to shuffle.
    """
    shown: dict[str, VisualInput | None] = {recording.name: None for recording in recordings}
    if control == "blank":
        return shown
    seen = [r for r in recordings if visible(r, spec)]
    source = list(seen)
    if control == "shuffled":
        if len(seen) < 2:
            raise BadInput(
                "video: shuffled needs at least two recordings with boxes; run avseld-detect boxes (or embed)"
            )
        order = np.random.default_rng([seed, 0x5EED]).permutation(len(seen))
        source = [seen[order[(int(place) + 1) % len(order)]] for place in np.argsort(order)]
    for recording, other in zip(seen, source, strict=True):
        shown[recording.name] = load_visual_input(
            replace(other, duration=0.0) if other is not recording else recording, spec
        )
    return shown


def reference(recording: Recording, n_classes: int) -> Events:
    """Read the labels of a recording.

    Raises:
        BadInput: no labels, an unknown class, or labels beyond the end of the audio.
    """
    if recording.labels is None:
        raise BadInput(f"{recording.name}: the manifest names no labels; prepare it with its metadata")
    events = read_events(recording.labels, n_classes)
    if events.duration > recording.duration + LABEL_HOP:
        raise BadInput(
            f"{recording.labels}: labels until {events.duration:.1f} s, but {recording.audio} ends at "
            f"{recording.duration:.1f} s; they belong to another recording"
        )
    return events


class Windows(Dataset[Batch]):
    """Random windows of a list of recordings, each a function of seed and index.

    Args:
        recordings: where the windows come from; every header is checked.
        system: decides sample rate, window and target.
        data: how to draw, and what is shown.
        seed: of the draw.
        augment: changes of a window before it is encoded, in their order.
    """

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
        self.length = np.array([self._check(recording, data.format) for recording in recordings])
        self.events = [reference(recording, len(system.blueprint.classes)) for recording in recordings]
        shown = visual_inputs(recordings, data.video, self.visual_spec, seed)
        self.visual_inputs = [shown[recording.name] for recording in recordings]
        self.blank = data.video == "blank"
        starts = np.maximum(self.length - self.n_samples, 1)
        weight = starts if data.sampling == "duration" else np.ones(len(self.length))
        self.chance = np.cumsum(weight) / np.sum(weight)

    def _check(self, recording: Recording, format: str) -> int:
        info = audio_info(recording.audio, format, self.rate)
        if info.n_samples < self.n_samples and not self.pads:
            raise BadInput(
                f"{recording.audio}: {info.duration:.2f} s are shorter than a window of "
                f"{self.n_samples / self.rate:.2f} s; choose a shorter data.chunk or leave the recording out"
            )
        return info.n_samples

    def __getitem__(self, index: int) -> Batch:
        """Return a window: waveform (channel, sample), visual input unless blank, and the target's arrays."""
        random = np.random.default_rng([self.seed, index])
        window = self._draw(random)
        for change in self.augment:
            window = change(window, random, lambda: self._draw(random))
        item = {"waveform": window.waveform}
        if window.visual is not None:
            item["visual"] = window.visual
        item |= self.target.encode(window.events, window.start, self.n_frames, self.hop)
        return {name: torch.from_numpy(value) for name, value in item.items()}

    def draw(self, index: int) -> tuple[int, int]:
        """Draw the recording and the first sample of a window, without augmentation."""
        return self._place(np.random.default_rng([self.seed, index]))

    def draw_all(self, indices: Sequence[int] | np.ndarray) -> np.ndarray:
        """Draw many windows as `draw` does, in one pass: (window, 2) recordings and first samples."""
        chosen = np.asarray(indices, np.int64)
        if not 0 <= self.seed < 2**32 or chosen.max(initial=0) >= 2**32:
            return np.array([self.draw(int(index)) for index in chosen], np.int64).reshape(-1, 2)
        chance, word = first_draws(self.seed, chosen)
        which = np.searchsorted(self.chance, chance, side="right").clip(max=len(self.recordings) - 1)
        bound = np.maximum(self.length[which] - self.n_samples, 1)
        begin, again = bounded(word, bound)
        again &= bound > 1
        drawn = np.stack([which, np.where(bound > 1, begin, 0)], axis=1)
        for place in np.flatnonzero(again | (bound >= 2**32)):
            drawn[place] = self.draw(int(chosen[place]))
        return drawn

    def _place(self, random: np.random.Generator) -> tuple[int, int]:
        which = min(
            int(np.searchsorted(self.chance, random.random(), side="right")), len(self.recordings) - 1
        )
        return which, int(random.integers(max(self.length[which] - self.n_samples, 1)))

    def _draw(self, random: np.random.Generator) -> Window:
        """Draw and read a stretch of a recording."""
        which, begin = self._place(random)
        start = begin / self.rate
        waveform = read_audio(self.recordings[which].audio, begin, self.n_samples)
        visual = None
        if not self.blank:
            own = self.visual_inputs[which]
            empty = np.zeros(self.visual_spec.shape, np.float32)
            visual = empty if own is None else own.at(np.array([start]))[0]
        return Window(waveform, self.events[which], start, visual, self.visual_layout)


class Numbers(Sampler[int]):
    """Running numbers of the windows that one process computes in some consecutive steps.

    Args:
        first_step: steps done before.
        steps: steps to do.
        batch_size: windows a step over all processes.
        rank: number of this process.
        n_processes: number of processes.
    """

    def __init__(
        self, first_step: int, steps: int, batch_size: int, rank: int = 0, n_processes: int = 1
    ) -> None:
        self.first_step, self.steps, self.batch_size = first_step, steps, batch_size
        self.share = exact_div(batch_size, n_processes, "windows of a batch and processes")
        self.rank = rank

    def __len__(self) -> int:
        return self.steps * self.share

    def __iter__(self) -> Iterator[int]:
        for step in range(self.first_step, self.first_step + self.steps):
            begin = step * self.batch_size + self.rank * self.share
            yield from range(begin, begin + self.share)


class Prefetcher:
    """Lets a thread read the next batches while a step runs.

    Args:
        batches: the batches to read.
    """

    def __init__(self, batches: DataLoader[Batch]) -> None:
        self.batches = batches

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[Batch]:
        yield from prefetch(self.batches)


def loader(
    windows: Windows, numbers: Numbers, workers: int, device: torch.device | None = None
) -> DataLoader[Batch] | Prefetcher:
    """Load batches of windows in the order of their numbers.

    Without workers, a thread reads ahead while a GPU computes. On a processor reading and computing take turns: all its
    cores work on a step, and a thread beside them keeps them waiting for longer than it reads (docs/performance.md).

    Args:
        windows: the windows to read.
        numbers: their running numbers.
        workers: number of reading processes.
        device: the device that computes; the CPU if None.
    """
    batches = DataLoader(
        windows,
        batch_size=numbers.share,
        sampler=numbers,
        num_workers=workers,
        pin_memory=device is not None and device.type == "cuda",
        prefetch_factor=4 if workers else None,
        multiprocessing_context="forkserver" if workers else None,
    )
    return batches if workers or device is None or device.type == "cpu" else Prefetcher(batches)
