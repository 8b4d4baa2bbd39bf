"""Whole recordings of any length, run in overlapping windows of which only the centre is kept.

`avseld.decoding.windows` has their arithmetic. Networks that can run a stream have no windows: their state is carried
from stretch to stretch (`avseld.system.advancing`). Memory does not grow with the length of a recording.

`iterate_heads` and `predict_events` run one recording. A batch may also hold windows of several recordings: give
`run_windows` their grids joined by `concatenate_grids`, and each recording's part of the result to `join_windows`.
"""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from avseld.decoding.stretches import Stretch, stretch_samples, stretch_visual
from avseld.decoding.windows import (
    Reader,
    VisualAt,
    WindowGrid,
    at_their_time,
    inside_recording,
    read_windows,
    recording_frames,
    window_grid,
)
from avseld.io.events import Events, concatenate
from avseld.system.advancing import iterate_advanced
from avseld.system.build import System

CPU_BATCH, DEVICE_BATCH = 16, 256
"""training windows at once: what fits a processor's caches, and what fills a large GPU with some 2 GB"""


def window_features(system: System, waveform: np.ndarray | Tensor) -> Tensor:
    """Compute the features of windows of inference: (window, feature, frame, bin), on the device of the system.

    Args:
        system: in evaluation.
        waveform: (window, channel, sample) as from `read_windows`.
    """
    dtype, device = next(system.model.parameters()).dtype, system.device
    with torch.inference_mode(), system.full_precision():
        features: Tensor = system.features(torch.as_tensor(waveform).to(device, dtype), centered=False)
    return features


def iterate_features(
    system: System, read: Reader, n_samples: int, batch_size: int | None = None
) -> Iterator[tuple[int, np.ndarray]]:
    """Compute the features of a recording as its network is given them, some windows at a time.

    Args:
        system: in evaluation.
        read: reads the recording.
        n_samples: its length.
        batch_size: as for `iterate_heads`.

    Yields:
        First frame of a stretch, and its features (feature, frame, bin), float32; `window_grid` says how many frames
        a recording has.
    """
    for begin, part in _batches(system, window_grid(system.lengths, n_samples), batch_size):
        windows = window_features(system, read_windows(system.lengths, read, part))
        windows = windows[:, :, system.lengths.kept].float().cpu()
        first = begin * system.kept_frames
        joined = windows.transpose(0, 1).flatten(1, 2)  # (feature, frame, bin)
        yield first, joined[:, : int(part.n_frames[0]) - first].numpy()


def windows_at_once(system: System, batch_size: int) -> int:
    """Return how many windows of inference run at once for a number of training windows."""
    return max(1, batch_size * system.window_frames // system.run_frames)


def _batches(system: System, grid: WindowGrid, batch_size: int | None) -> Iterator[tuple[int, WindowGrid]]:
    """Share the windows of a recording out among batches: number of the first one, and the windows."""
    windows = windows_at_once(system, _training_windows(system, batch_size))
    for begin in range(0, len(grid), windows):
        yield begin, grid[begin : begin + windows]


def _training_windows(system: System, batch_size: int | None) -> int:
    """Choose how many training windows run at once, if nobody says."""
    if batch_size is not None:
        return batch_size
    return CPU_BATCH if system.device.type == "cpu" else DEVICE_BATCH


def run_windows(
    system: System, waveform: np.ndarray | Tensor, visual: np.ndarray | Tensor | None, grid: WindowGrid
) -> dict[str, Tensor]:
    """Run a batch of windows, of one recording or of several, and keep the centre of each.

    Args:
        system: in evaluation.
        waveform: (window, channel, sample) as from `read_windows`.
        visual: (window, *visual_spec.shape) or None.
        grid: the same windows.

    Returns:
        The heads (window, kept frame, ...), float32.
    """
    dtype, device = next(system.model.parameters()).dtype, system.device
    with torch.inference_mode():
        features = window_features(system, waveform)
        if system.blueprint.legacy or system.features.state_dict():
            # As published, frames beyond the recording are zeros, also where the edge frames would reach into it.
            # Zero is the mean of a standardized feature; the logarithm of silence would be far from any sound.
            inside = torch.from_numpy(inside_recording(system.lengths, grid))
            features = features * inside.to(features)[:, None, :, None]
        seen = None if visual is None else torch.as_tensor(visual).to(device, dtype)
        heads = system.model(features.contiguous(memory_format=torch.channels_last), seen)
    return {name: head[:, system.lengths.kept].float() for name, head in heads.items()}


def join_windows(heads: dict[str, Tensor], n_frames: int) -> dict[str, Tensor]:
    """Join the windows of one recording: (window, kept frame, ...) -> (frame, ...), at most `n_frames` of them."""
    return {name: head.flatten(0, 1)[:n_frames] for name, head in heads.items()}


def iterate_heads(
    system: System,
    read: Reader,
    n_samples: int,
    visual_at: VisualAt | None = None,
    batch_size: int | None = None,
) -> Iterator[tuple[int, dict[str, Tensor]]]:
    """Run a recording some windows at a time.

    Args:
        system: in evaluation.
        read: reads the recording.
        n_samples: its length.
        visual_at: gives the visual input of windows by their start (`VisualInput.at`), or None.
        batch_size: training windows at once, fewer where the windows of inference are longer; 16 on a processor and
            256 on other devices if None.

    Yields:
        First frame of a stretch, and the heads (frame, ...) from there on.
    """
    if system.model.advance is not None:
        yield from _iterate_carried(system, read, n_samples, visual_at, batch_size)
        return
    for begin, part in _batches(system, window_grid(system.lengths, n_samples), batch_size):
        visual = None if visual_at is None else visual_at(part.visual_start_s)
        heads = run_windows(system, read_windows(system.lengths, read, part), visual, part)
        first = begin * system.kept_frames
        yield first, join_windows(heads, int(part.n_frames[0]) - first)


def _iterate_carried(
    system: System, read: Reader, n_samples: int, visual_at: VisualAt | None, batch_size: int | None
) -> Iterator[tuple[int, dict[str, Tensor]]]:
    """Run a recording with a network that can run a stream; arguments and results as for `iterate_heads`."""
    lengths = system.lengths
    n_frames = recording_frames(lengths, n_samples)

    def sound_of(stretch: Stretch) -> Tensor:
        return torch.from_numpy(read(*stretch_samples(lengths, stretch)))[None]

    def visual_of(stretch: Stretch) -> Tensor | None:
        if visual_at is None:
            return None
        return torch.from_numpy(stretch_visual(lengths, visual_at, stretch, n_frames))[None]

    at_once = _training_windows(system, batch_size)
    for first, heads in iterate_advanced(system, n_frames, at_once, sound_of, visual_of):
        yield first, {name: head[0] for name, head in heads.items()}


def iterate_events(
    system: System,
    read: Reader,
    n_samples: int,
    visual_at: VisualAt | None = None,
    batch_size: int | None = None,
) -> Iterator[tuple[float, Events]]:
    """Detect the events of a recording some windows at a time; arguments as for `iterate_heads`.

    Yields:
        Second of the recording up to which it is predicted, and the events since the last one, with class names.
    """
    for first, heads in iterate_heads(system, read, n_samples, visual_at, batch_size):
        n_frames = len(next(iter(heads.values())))
        yield (
            (first + n_frames) * system.hop,
            decode_heads(system, first, heads).with_classes(system.blueprint.classes),
        )


def predict_events(
    system: System,
    read: Reader,
    n_samples: int,
    visual_at: VisualAt | None = None,
    batch_size: int | None = None,
) -> Events:
    """Detect the events of a whole recording, with class names; arguments as for `iterate_heads`."""
    parts = iterate_events(system, read, n_samples, visual_at, batch_size)
    return concatenate(events for _, events in parts).with_classes(system.blueprint.classes)


def decode_heads(system: System, first: int, heads: dict[str, Tensor]) -> Events:
    """Decode a stretch to events at their time in the recording.

    Args:
        system: decodes by its target.
        first: first frame of the stretch.
        heads: (frame, ...).
    """
    if system.target.reduce is not None and any(head.device.type != "cpu" for head in heads.values()):
        heads = system.target.reduce(heads, system.hop)
    events = system.target.decode({name: head.cpu().numpy() for name, head in heads.items()}, system.hop)
    return at_their_time(system.lengths, first, events)


def encode_stretch(
    system: System, first: int, heads: dict[str, Tensor], reference: Events
) -> dict[str, np.ndarray]:
    """Encode the reference of a stretch: labels (frame, ...).

    Args:
        system: its target encodes.
        first: first frame of the stretch.
        heads: (frame, ...).
        reference: events of the recording.
    """
    n_frames = len(next(iter(heads.values())))
    return system.target.encode(reference, first * system.hop, n_frames, system.hop)


def stretch_loss(system: System, first: int, heads: dict[str, Tensor], reference: Events) -> float:
    """Compute the target's loss of a stretch; arguments as for `stretch_losses`."""
    return stretch_losses(system, first, heads, reference)["loss"]


def stretch_losses(
    system: System, first: int, heads: dict[str, Tensor], reference: Events
) -> dict[str, float]:
    """Compute the target's loss of a stretch, and its parts.

    Args:
        system: its target has the loss.
        first: first frame of the stretch.
        heads: (frame, ...).
        reference: events of the recording.

    Returns:
        Losses by name; `loss` is the whole.
    """
    target = encode_stretch(system, first, heads, reference)
    labels = {name: torch.from_numpy(value)[None].to(system.device) for name, value in target.items()}
    with torch.inference_mode(), system.full_precision():
        losses = system.target.loss({name: head[None] for name, head in heads.items()}, labels)
    return {name: float(value) for name, value in losses.items()}


def ranked_rows(
    system: System, first: int, heads: dict[str, Tensor], reference: Events
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Collect reference and probability of a stretch for scores that rank, such as average precision.

    Arguments as for `stretch_loss`.

    Returns:
        By head: reference 0 or 1 and probability, each (row, class); nothing if the target is not ranked.
    """
    if system.target.ranked is None:
        return {}
    target = encode_stretch(system, first, heads, reference)
    return system.target.ranked({name: head.cpu().numpy() for name, head in heads.items()}, target)
