"""The stretches in which a network that can run a stream is given a recording, its state carried from one to the next.

Where the cuts are makes no difference to the heads. They lag behind the sound by the look-ahead of the network: the
first ones belong to no frame of the recording, and silence after it gives the last ones.
"""

from dataclasses import dataclass

import numpy as np

from avseld.decoding.windows import VisualAt, WindowLengths


@dataclass(frozen=True)
class Stretch:
    """Feature frames that a network is given at once.

    Args:
        first: frame, counted from the start of the recording; a multiple of those of a label frame.
        n_frames: whole label frames; the last ones of a recording reach beyond its end by the look-ahead.
    """

    first: int
    n_frames: int


def stretches_of(
    lengths: WindowLengths, n_frames: int, look_ahead_frames: int, at_once: int
) -> list[Stretch]:
    """Cut a recording into stretches.

    Args:
        lengths: of the system's windows.
        n_frames: feature frames of the recording.
        look_ahead_frames: of the network.
        at_once: windows in a stretch, at least 1.
    """
    longest = max(at_once, 1) * label_frames_of_window(lengths) * lengths.label_frames
    total = -(-n_frames // lengths.label_frames) * lengths.label_frames + look_ahead_frames
    return [Stretch(first, min(longest, total - first)) for first in range(0, total, longest)]


def label_frames_of_window(lengths: WindowLengths) -> int:
    """Count the label frames for which a window has visual input: those that begin in it."""
    return -(-lengths.run_frames // lengths.label_frames)


def stretch_samples(lengths: WindowLengths, stretch: Stretch) -> tuple[int, int]:
    """Return the first sample that the frames of a stretch cover, counted from the recording's, and their number."""
    first = stretch.first * lengths.hop_samples - lengths.lead
    return first, (stretch.n_frames - 1) * lengths.hop_samples + lengths.n_fft


def predicted_frames(stretch: Stretch, n_frames: int, look_ahead_frames: int) -> tuple[int, slice]:
    """Tell which frames of a recording the heads of a stretch belong to.

    Args:
        stretch: of the recording.
        n_frames: feature frames of the recording.
        look_ahead_frames: of the network.

    Returns:
        The first of these frames, and the part of the heads that belongs to frames of the recording; it may be empty.
    """
    first = stretch.first - look_ahead_frames
    begin = min(max(-first, 0), stretch.n_frames)
    return max(first, 0), slice(begin, max(min(n_frames - first, stretch.n_frames), begin))


def stretch_visual(
    lengths: WindowLengths, visual_at: VisualAt, stretch: Stretch, n_frames: int
) -> np.ndarray:
    """Look up the visual input of a stretch.

    Args:
        lengths: of the system's windows, which have visual input for every label frame.
        visual_at: of the recording.
        stretch: of it.
        n_frames: feature frames of the recording.

    Returns:
        (label frame, ...) float32, zeros after the recording.
    """
    per_window, first = label_frames_of_window(lengths), stretch.first // lengths.label_frames
    count = stretch.n_frames // lengths.label_frames
    starts = (first + per_window * np.arange(-(-count // per_window))) * lengths.label_hop
    visual = np.concatenate(np.asarray(visual_at(starts), np.float32))[:count]
    visual[max(-(-n_frames // lengths.label_frames) - first, 0) :] = 0
    return visual
