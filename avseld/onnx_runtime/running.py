"""Recordings of any length run by the graph of an exported network, in windows or as a stream with its state."""

from collections.abc import Iterator, Mapping

import numpy as np
import onnxruntime

from avseld.base.errors import BadInput
from avseld.decoding.stretches import (
    Stretch,
    predicted_frames,
    stretch_samples,
    stretch_visual,
    stretches_of,
)
from avseld.decoding.windows import (
    Reader,
    VisualAt,
    inside_recording,
    read_windows,
    recording_frames,
    window_grid,
)
from avseld.onnx_runtime.description import INSIDE, NEXT, STATE, VISUAL, WAVEFORM, Description

Heads = dict[str, np.ndarray]
"""heads by name, (..., frame, shape of the head)"""
CALL_S = 2.5
"""seconds of sound in one call of a graph that takes any number of windows: more takes more memory, no less time"""
ERRORS_ONLY = 3
"""severity from which ONNX Runtime logs"""


class Graph:
    """The graph of an exported network.

    Args:
        description: of the graph.
        serialized: the graph.
        threads: of the computation; None for one per core.

    Raises:
        BadInput: the graph has other inputs or outputs than its description says.
    """

    def __init__(self, description: Description, serialized: bytes, threads: int | None = None) -> None:
        self.description = description
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or 0
        options.log_severity_level = ERRORS_ONLY
        self._session = onnxruntime.InferenceSession(serialized, options, providers=["CPUExecutionProvider"])
        names = [
            {each.name for each in part()} for part in (self._session.get_inputs, self._session.get_outputs)
        ]
        if names != [set(description.inputs), set(description.outputs)]:
            raise BadInput(
                f"the graph takes {', '.join(sorted(names[0]))} and gives {', '.join(sorted(names[1]))}, other than "
                "its description says; export the network again"
            )

    def windows(
        self, waveform: np.ndarray, inside: np.ndarray | None = None, visual: np.ndarray | None = None
    ) -> Heads:
        """Run windows.

        Args:
            waveform: (window, channel, sample) float32.
            inside: (window, frame) bool, whether feature frames lie within the recording; None for all.
            visual: (window, ...) float32 in the shape of the visual input; None for no video.

        Returns:
            The heads (window, kept frame, ...) float32.
        """
        about, n_windows = self.description, len(waveform)
        fed = {WAVEFORM: waveform}
        if about.masked:
            shape = (n_windows, about.lengths.run_frames)
            fed[INSIDE] = np.ones(shape, bool) if inside is None else inside
        if about.visual is not None:
            shown = np.zeros((n_windows, *about.visual.shape)) if visual is None else visual
            fed[VISUAL] = shown.astype(np.float32)
        if about.count is not None:  # zeros fill it up
            fed = {name: _lengthened(values, 0, about.count) for name, values in fed.items()}
        heads = self._session.run(list(about.heads), fed)
        return {name: head[:n_windows] for name, head in zip(about.heads, heads, strict=True)}

    def advance(
        self, waveform: np.ndarray, visual: np.ndarray | None, state: Mapping[str, np.ndarray] | None
    ) -> tuple[Heads, dict[str, np.ndarray]]:
        """Run the next label frames of a stream.

        Args:
            waveform: (channel, sample) float32, the samples that the feature frames of the label frames cover; as many
                label frames as the graph takes, if it takes a fixed number.
            visual: (label frame, ...) float32 in the shape of the visual input; None for no video.
            state: what the last call returned; None at the beginning.

        Returns:
            The heads (frame, ...), `look_ahead_frames` before those of the sound; and the state.
        """
        about, shapes = self.description, self.description.state or {}
        fed = {WAVEFORM: waveform[None]}
        if about.visual is not None:
            n_frames = (waveform.shape[1] - about.lengths.n_fft) // about.lengths.hop_samples + 1
            none = np.zeros((n_frames // about.lengths.label_frames, *about.visual.shape[1:]), np.float32)
            fed[VISUAL] = (none if visual is None else visual.astype(np.float32))[None]
        before = state or {name: np.zeros((1, *shape), np.float32) for name, shape in shapes.items()}
        fed |= {STATE + name: before[name] for name in shapes}
        outputs = dict(zip(about.outputs, self._session.run(about.outputs, fed), strict=True))
        heads = {name: outputs[name][0] for name in about.heads}
        return heads, {name: outputs[f"{STATE}{name}{NEXT}"] for name in shapes}


def iterate_heads(
    graph: Graph, read: Reader, n_samples: int, visual_at: VisualAt | None = None
) -> Iterator[tuple[int, Heads]]:
    """Run a recording, in memory that does not grow with it.

    Args:
        graph: of the network.
        read: reads the recording.
        n_samples: its length.
        visual_at: gives the visual input of windows by their start, or None.

    Yields:
        First frame of a stretch, and the heads (frame, ...) from there on, as `avseld predict` decodes them together.
    """
    about, lengths = graph.description, graph.description.lengths
    if about.state is None:
        grid = window_grid(lengths, n_samples)
        at_once = about.windows_at_once * lengths.kept_frames
        n_frames = int(grid.n_frames[0])
        sizes = [min(at_once, n_frames - first) for first in range(0, n_frames, at_once)]
        stretches = _regrouped(_windows(graph, read, n_samples, visual_at), sizes)
        for first, heads in zip(range(0, n_frames, at_once), stretches, strict=True):
            yield first, heads
        return
    n_frames, ahead = recording_frames(lengths, n_samples), about.look_ahead_frames
    cuts = stretches_of(lengths, n_frames, ahead, about.windows_at_once)
    total = sum(cut.n_frames for cut in cuts)
    pieces = _stream(graph, read, n_frames, total, visual_at)
    for cut, heads in zip(cuts, _regrouped(pieces, [cut.n_frames for cut in cuts]), strict=True):
        first, kept = predicted_frames(cut, n_frames, ahead)
        if kept.start < kept.stop:
            yield first, {name: head[kept] for name, head in heads.items()}


def _windows(graph: Graph, read: Reader, n_samples: int, visual_at: VisualAt | None) -> Iterator[Heads]:
    """Run the windows of a recording some at a time: heads (frame, ...)."""
    lengths, grid = graph.description.lengths, window_grid(graph.description.lengths, n_samples)
    at_once = graph.description.count or max(1, round(CALL_S / (lengths.kept_frames * lengths.hop)))
    for begin in range(0, len(grid), at_once):
        part = grid[begin : begin + at_once]
        visual = None if visual_at is None else visual_at(part.visual_start_s)
        heads = graph.windows(read_windows(lengths, read, part), inside_recording(lengths, part), visual)
        yield {name: head.reshape(-1, *head.shape[2:]) for name, head in heads.items()}


def _stream(
    graph: Graph, read: Reader, n_frames: int, total: int, visual_at: VisualAt | None
) -> Iterator[Heads]:
    """Run a recording of `n_frames` feature frames as a stream of `total`: heads (frame, ...) by and by."""
    about, lengths = graph.description, graph.description.lengths
    at_once = (about.count or max(1, round(CALL_S / lengths.label_hop))) * lengths.label_frames
    state: dict[str, np.ndarray] | None = None
    for first in range(0, total, at_once):
        # A graph of a fixed number gets silence after the end.
        part = Stretch(first, at_once if about.count is not None else min(at_once, total - first))
        visual = None if visual_at is None else stretch_visual(lengths, visual_at, part, n_frames)
        heads, state = graph.advance(read(*stretch_samples(lengths, part)), visual, state)
        yield {name: head[: total - first] for name, head in heads.items()}


def _regrouped(pieces: Iterator[Heads], sizes: list[int]) -> Iterator[Heads]:
    """Cut heads that come in pieces (frame, ...) to other sizes; what is left at the end is dropped."""
    waiting: Heads = {}
    for size in sizes:
        while not waiting or len(next(iter(waiting.values()))) < size:
            piece = next(pieces)
            joined = {name: [waiting[name], piece[name]] for name in waiting}
            waiting = {name: np.concatenate(both) for name, both in joined.items()} or piece
        yield {name: head[:size] for name, head in waiting.items()}
        waiting = {name: head[size:] for name, head in waiting.items()}


def _lengthened(values: np.ndarray, axis: int, length: int) -> np.ndarray:
    """Fill an axis up with zeros."""
    missing = [(0, length - size if place == axis else 0) for place, size in enumerate(values.shape)]
    return np.pad(values, missing) if values.shape[axis] < length else values
