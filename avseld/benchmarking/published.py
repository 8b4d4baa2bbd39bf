"""The published way to make training windows, for comparison in benchmarks only.

As sony/audio-visual-seld-dcase2023 @ d712445 works (`seld_data_loader.py`, `feature/feature.py`, `object_detection.py`;
docs/sources.md, Sony audio-visual baseline), written anew: the corpus in memory as float32, librosa channel by channel,
a video opened, sought and decoded for one frame, the detector run on that frame, and a new loader with a new iterator
for every batch. Labels and loss are ours, which makes it faster by some milliseconds.
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

from avseld.io.events import read_events
from avseld.io.manifest import Recording
from avseld.models.gaussian_vectors import gaussian_vectors
from avseld.targets import MultiACCDOA

WINDOW_S = 1.27
SAMPLE_RATE_HZ = 24000
N_FFT, HOP = 512, 240
"""transform and hop, samples"""
N_BOXES = 6
"""most boxes of a video frame"""
VIDEO_FPS = 29.97
"""of the videos of STARSS23"""

Look = Callable[[np.ndarray], Any]
"""video frame (height, width, 3) -> boxes (n, 4), x0 y0 x1 y1 in 0..1"""


def features(waveform: np.ndarray) -> np.ndarray:
    """Compute amplitudes and phase differences channel by channel.

    Args:
        waveform: (channel = 4, sample).

    Returns:
        (feature = 7, frame, bin) float32.
    """
    spectra = [librosa.stft(channel, n_fft=N_FFT, hop_length=HOP) for channel in waveform]
    phases = [np.angle(spectrum) - np.angle(spectra[0]) for spectrum in spectra[1:]]
    phases = [np.where(phase < 0, phase + 2 * np.pi, phase) for phase in phases]
    return np.stack([np.abs(spectrum) for spectrum in spectra] + phases).astype(np.float32).transpose(0, 2, 1)


def video_frame_at(video: Path, time: float) -> np.ndarray:
    """Read one frame of a video: open it, seek the key frame before, decode up to the time.

    Args:
        video: file.
        time: seconds.

    Returns:
        (height, width, 3) uint8.
    """
    with av.open(str(video)) as container:
        stream = container.streams.video[0]
        assert stream.time_base is not None
        container.seek(int(time / stream.time_base), stream=stream)
        latest = None
        for frame in container.decode(stream):
            latest = frame
            if frame.time is not None and frame.time >= time - 0.5 / VIDEO_FPS:
                break
        assert latest is not None
        return latest.to_ndarray(format="rgb24")


def detector(weights: Path | None) -> Look | None:
    """Load the detector registered as `look` under `avseld.benchmarks`, or None where there is none.

    Args:
        weights: file of weights; the detector's default if None.
    """
    found = [point for point in entry_points(group="avseld.benchmarks") if point.name == "look"]
    return found[0].load()(weights) if found else None


class Clips(Dataset[dict[str, torch.Tensor]]):
    """Random training windows; the index is ignored, and the length is the published dummy of 9999.

    Args:
        recordings: their audio is read into memory.
        look: the detector; None gives no boxes.
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
        n_samples = round(WINDOW_S * SAMPLE_RATE_HZ)
        begin = random.randrange(len(self.audio[which]) - n_samples)
        x = features(self.audio[which][begin : begin + n_samples].T)
        start = begin / SAMPLE_RATE_HZ
        boxes = np.zeros((N_BOXES, 4), np.float32)
        video = self.recordings[which].video
        if video is not None:
            frame = video_frame_at(video, start)
            detected = np.zeros((0, 4)) if self.look is None else np.asarray(self.look(frame))[:N_BOXES]
            boxes[: len(detected)] = detected
        item = self.target.encode(self.events[which], start, x.shape[1], HOP / SAMPLE_RATE_HZ)
        item |= {"features": x, "vectors": gaussian_vectors(torch.from_numpy(boxes)).numpy()}
        return {name: torch.from_numpy(np.ascontiguousarray(value)) for name, value in item.items()}


def batch(clips: Clips, size: int) -> dict[str, torch.Tensor]:
    """Make a batch with a new loader and a new iterator, as published.

    Args:
        clips: data set.
        size: windows.
    """
    return next(iter(DataLoader(clips, size, shuffle=True)))
