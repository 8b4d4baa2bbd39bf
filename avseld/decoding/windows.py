"""The overlapping windows in which whole recordings are run: where they begin, and what of them is kept.

Windows of 1.27 s start every 1.2 s, include the sound beyond their edges, and contribute their central 1.2 s, as in
the audio-visual baseline of DCASE 2023 Task 3 (K. Shimada et al., STARSS23, arXiv 2306.09126).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from avseld.io.events import Events

Reader = Callable[[int, int], np.ndarray]
"""(first sample, number of samples) -> (channel, sample) float32, zeros beyond the recording."""

VisualAt = Callable[[np.ndarray], np.ndarray]
"""(window,) seconds at which windows start -> (window, *shape of the visual input)."""


@dataclass(frozen=True)
class WindowLengths:
    """Lengths of the windows of a system.

    Args:
        hop: seconds between feature frames.
        hop_samples: samples between feature frames.
        n_fft: samples of a feature frame.
        run_frames: feature frames of a window when a whole recording is run.
        kept_frames: feature frames kept from its centre, a multiple of `label_frames`.
        label_frames: feature frames of a label frame.
        label_hop: seconds between label frames.
        legacy: the published truncation of times.
        whole_clips: a recording is filled up with silence to a whole number of windows.
        every_label_frame: the visual input is that of every label frame, not of the start of a window.
    """

    hop: float
    hop_samples: int
    n_fft: int
    run_frames: int
    kept_frames: int
    label_frames: int
    label_hop: float
    legacy: bool = False
    whole_clips: bool = False
    every_label_frame: bool = False

    @property
    def margin(self) -> int:
        """Feature frames before the kept ones."""
        return (self.run_frames - self.kept_frames) // 2

    @property
    def kept(self) -> slice:
        """Frames of a window that are kept."""
        return slice(self.margin, self.margin + self.kept_frames)

    @property
    def span(self) -> int:
        """Samples of a window."""
        return (self.run_frames - 1) * self.hop_samples + self.n_fft

    @property
    def lead(self) -> int:
        """Samples of a window that lie before the time of its first frame."""
        return self.n_fft - self.hop_samples if self.legacy else self.n_fft // 2


@dataclass(frozen=True)
class WindowGrid:
    """Windows that cover one recording, or several recordings one after the other.

    Args:
        first_frame: (window,) feature frame, counted from the start of its recording, at which the kept part of a
            window begins.
        visual_start_s: (window,) seconds at which the visual input of a window begins.
        n_frames: (window,) feature frames of the recording to which a window belongs.
    """

    first_frame: np.ndarray
    visual_start_s: np.ndarray
    n_frames: np.ndarray

    def __len__(self) -> int:
        return len(self.first_frame)

    def __getitem__(self, windows: slice) -> "WindowGrid":
        return WindowGrid(self.first_frame[windows], self.visual_start_s[windows], self.n_frames[windows])


def recording_frames(lengths: WindowLengths, n_samples: int) -> int:
    """Count the feature frames of a recording."""
    return max(n_samples // lengths.hop_samples, 1)


def window_grid(lengths: WindowLengths, n_samples: int) -> WindowGrid:
    """List the windows of a recording.

    Args:
        lengths: of the system's windows.
        n_samples: length of the recording.
    """
    n_frames = recording_frames(lengths, n_samples)
    count = -(-n_frames // lengths.kept_frames)
    if lengths.whole_clips:  # silence follows a shorter one, as in training
        n_frames = count * lengths.kept_frames
    first = np.arange(count) * lengths.kept_frames
    starts = np.arange(count) * (lengths.kept_frames * lengths.hop)
    if lengths.legacy:
        first = np.trunc(starts / lengths.hop if lengths.hop != 0.01 else starts * 100).astype(int)
    if lengths.every_label_frame:
        # Visual input of every label frame begins where the window does, a margin before its kept part.
        starts = (first - lengths.margin) * lengths.hop
    return WindowGrid(first, starts, np.full(count, n_frames))


def concatenate_grids(grids: Sequence[WindowGrid]) -> WindowGrid:
    """Join the windows of several recordings."""
    return WindowGrid(
        np.concatenate([grid.first_frame for grid in grids]),
        np.concatenate([grid.visual_start_s for grid in grids]),
        np.concatenate([grid.n_frames for grid in grids]),
    )


def read_windows(lengths: WindowLengths, read: Reader, grid: WindowGrid) -> np.ndarray:
    """Read the sound of windows of one recording: (window, channel, sample) float32.

    Args:
        lengths: of the system's windows.
        read: reads the recording.
        grid: its windows, or some of them.
    """
    first = grid.first_frame - lengths.margin
    return np.stack([read(int(frame) * lengths.hop_samples - lengths.lead, lengths.span) for frame in first])


def inside_recording(lengths: WindowLengths, grid: WindowGrid) -> np.ndarray:
    """Tell which feature frames of windows lie within their recording: (window, frame) bool."""
    frame = (grid.first_frame - lengths.margin)[:, None] + np.arange(lengths.run_frames)
    return (frame >= 0) & (frame < grid.n_frames[:, None])


def at_their_time(lengths: WindowLengths, first: int, events: Events) -> Events:
    """Move events of a stretch to their time in the recording.

    Args:
        lengths: of the system's windows.
        first: feature frame at which the stretch begins.
        events: decoded; times count from there.
    """
    step = lengths.label_hop
    begin = np.round(events.onset / step).astype(int) + first // lengths.label_frames
    end = np.round(events.offset / step).astype(int) + first // lengths.label_frames
    if lengths.legacy:
        published = published_label_frame(lengths, begin)
        begin, end = published, published + end - begin
    return replace(events, onset=begin * step, offset=end * step)


def published_label_frame(lengths: WindowLengths, frame: np.ndarray) -> np.ndarray:
    """Apply the published truncation to label frames: window 9 starts at int(10.8 * 10) = 107, for example."""
    per_window = lengths.kept_frames // lengths.label_frames
    window = frame // per_window
    return np.trunc(window * (lengths.kept_frames * lengths.hop) * 10).astype(int) + frame % per_window
