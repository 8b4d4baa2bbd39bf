"""The published way to make a training window and to take a step, for comparison only; nothing else uses it.

Written from the `Sony audio-visual SELD` spec, sections 3 to 5: the corpus in memory as float32, librosa channel by
channel, a video opened, sought and decoded for one picture, the detector run on that one picture, and a new loader
with a new iterator for every batch. Labels and the loss are ours, which favours it by some milliseconds.
"""

import random
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import av
import librosa
import numpy as np
import soundfile
import torch
from torch.utils.data import DataLoader, Dataset

from avseld.io.boxes import Boxes
from avseld.io.events import read_events
from avseld.io.manifest import Recording
from avseld.models.gaussian_vectors import gaussian_vectors
from avseld.targets import MultiACCDOA

WINDOW_S, N_FFT, HOP, N_BOXES = 1.27, 512, 240, 6
Look = Callable[[np.ndarray], Any]
"""picture (height, width, 3) -> boxes (n, 4) in 0..1"""


def features(waveform: np.ndarray) -> np.ndarray:
    """Amplitude and phase difference (7, frame, bin) of (channel, sample), channel by channel."""
    spectra = [librosa.stft(channel, n_fft=N_FFT, hop_length=HOP) for channel in waveform]
    phases = [np.angle(spectrum) - np.angle(spectra[0]) for spectrum in spectra[1:]]
    phases = [np.where(phase < 0, phase + 2 * np.pi, phase) for phase in phases]
    return np.stack([np.abs(spectrum) for spectrum in spectra] + phases).astype(np.float32).transpose(0, 2, 1)


def picture_at(video: Path, time: float) -> np.ndarray:
    """One picture of a video: opened, sought from the key frame before, decoded."""
    with av.open(str(video)) as container:
        stream = container.streams.video[0]
        assert stream.time_base is not None
        container.seek(int(time / stream.time_base), stream=stream)
        shown = None
        for frame in container.decode(stream):
            shown = frame
            if frame.time is not None and frame.time >= time - 0.5 / 29.97:
                break
        assert shown is not None
        return shown.to_ndarray(format="rgb24")


def detector(weights: Path | None) -> Look | None:
    """The detector of one picture under `avseld.benchmarking`, or None where there are no weights for it."""
    found = [point for point in entry_points(group="avseld.benchmarks") if point.name == "look"]
    return found[0].load()(weights) if found else None


class Clips(Dataset[dict[str, torch.Tensor]]):
    """9999 of whatever comes: a draw of its own each time.

    Args of the constructor:
        recordings: all of them, whole, in memory.
        look: the detector; None sees nothing.
    """

    def __init__(self, recordings: list[Recording], look: Look | None) -> None:
        self.recordings, self.look = recordings, look
        self.audio = [soundfile.read(r.audio, dtype="float32", always_2d=True)[0] for r in recordings]
        self.events = [read_events(r.labels, 13) for r in recordings if r.labels is not None]
        self.target = MultiACCDOA(13)

    def __len__(self) -> int:
        return 9999

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        which = random.randrange(len(self.recordings))
        n_samples = round(WINDOW_S * 24000)
        begin = random.randrange(len(self.audio[which]) - n_samples)
        x = features(self.audio[which][begin : begin + n_samples].T)
        start = begin / 24000
        boxes = np.zeros((N_BOXES, 4), np.float32)
        video = self.recordings[which].video
        if video is not None:
            picture = picture_at(video, start)
            found = np.zeros((0, 4)) if self.look is None else np.asarray(self.look(picture))[:N_BOXES]
            boxes[: len(found)] = found
        item = self.target.encode(self.events[which], start, x.shape[1], HOP / 24000)
        item |= {"features": x, "vectors": gaussian_vectors(torch.from_numpy(boxes)).numpy()}
        return {name: torch.from_numpy(np.ascontiguousarray(value)) for name, value in item.items()}


def batch(clips: Clips, size: int) -> dict[str, torch.Tensor]:
    """A batch by a new loader and its first iteration."""
    return next(iter(DataLoader(clips, size, shuffle=True)))


def detect_one_by_one(video: Path, look: Look, times: np.ndarray) -> int:
    """Boxes at some times, each by opening the video; returns how many pictures were looked at."""
    for time in times:
        look(picture_at(video, float(time)))
    return len(times)


def empty_boxes(duration: float) -> Boxes:
    """Boxes of a video without people."""
    n = max(int(duration * 10), 1)
    return Boxes(np.arange(n) / 10, np.zeros((n, 1, 4)), np.zeros((n, 1)), np.full((n, 1), -1))
