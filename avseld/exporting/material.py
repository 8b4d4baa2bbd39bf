"""A generated recording, and what is seen in its video, on which an exported network is compared with the original."""

from dataclasses import dataclass
from functools import partial

import numpy as np

from avseld.decoding.windows import Reader, VisualAt
from avseld.io.boxes import PERSON, Boxes
from avseld.io.embeddings import VisualEmbeddings
from avseld.io.formats import format_named
from avseld.io.resampling import section_of
from avseld.system.build import System
from avseld.vision.visual_input import VisualInput

FLOOR_DB = -30.0
"""level of the noise in each channel: in bins 60 dB below others, rounding alone would move phases by degrees"""
SOUNDS_PER_S = 1.0
SHORTEST_S, LONGEST_S = 0.2, 3.0
"""durations of sounds"""
PATHS = 8
"""samples of the path of a sound to each channel: phases between channels are those of a room, not of one angle"""
SILENT_S = 0.3
"""digital silence in the middle, as between takes"""
BOX_FPS = 10
N_PEOPLE = 3
LONG_WINDOW_S = 15.0
"""windows from this length on are compared on little more than one"""


@dataclass(frozen=True)
class Material:
    """A recording and its video.

    Args:
        waveform: (channel, sample) float32.
        visual_at: gives the visual input of windows by their start; None for networks without visual input.
    """

    waveform: np.ndarray
    visual_at: VisualAt | None

    @property
    def read(self) -> Reader:
        """Reads sections of the recording."""
        return partial(section_of, self.waveform)


def duration_for(system: System) -> float:
    """Choose the seconds of a recording that several windows, or several stretches of a stream, cover."""
    kept = system.kept_frames * system.hop
    return 1.1 * kept if kept > LONG_WINDOW_S else max(2.2 * kept, 12.3)


def generate(system: System, seconds: float, seed: int = 0) -> Material:
    """Generate a recording for a system: harmonic and noisy sounds over a floor of noise, and people that walk.

    Args:
        system: gives channels, rate and visual input.
        seconds: of the recording.
        seed: of everything random.
    """
    random = np.random.default_rng(seed)
    n_channels, rate = format_named(system.blueprint.format).channels, system.sample_rate
    waveform = 10 ** (FLOOR_DB / 20) * random.standard_normal((n_channels, round(seconds * rate)))
    for _ in range(max(round(SOUNDS_PER_S * seconds), 2)):
        begin = round(random.uniform(0, 0.9 * seconds) * rate)
        sound = _sound(random, round(random.uniform(SHORTEST_S, LONGEST_S) * rate), rate)
        paths = random.standard_normal((n_channels, PATHS)) * 0.7 ** np.arange(PATHS)
        arrived = np.stack([np.convolve(sound, path) for path in paths])[:, : waveform.shape[1] - begin]
        waveform[:, begin : begin + arrived.shape[1]] += arrived
    middle, silent = waveform.shape[1] // 2, round(SILENT_S * rate)
    waveform[:, middle : middle + silent] = 0
    peak = np.abs(waveform).max()
    visual_at = _visual_at(system, seconds, random) if system.model.vision else None
    return Material((0.5 / peak * waveform).astype(np.float32), visual_at)


def _sound(random: np.random.Generator, n_samples: int, rate: int) -> np.ndarray:
    """Make a sound that fades in and out: a harmonic one whose pitch glides, or noise."""
    time = np.arange(n_samples) / rate
    if random.random() < 0.5:
        pitch = random.uniform(80, 800) * (1 + random.uniform(-0.3, 0.3) * time)
        phase = 2 * np.pi * np.cumsum(pitch) / rate
        sound = sum(np.sin(number * phase) / number for number in range(1, 8))
    else:
        sound = random.standard_normal(n_samples)
    level = random.uniform(0.05, 0.5)
    return level * sound * np.sin(np.pi * (np.arange(n_samples) + 0.5) / n_samples) ** 0.5


def _visual_at(system: System, seconds: float, random: np.random.Generator) -> VisualAt:
    """Generate what is seen for most of the recording: people that walk, and embeddings of the pictures."""
    spec = system.visual_spec
    n_frames = max(round(0.8 * seconds * BOX_FPS), 2)
    time = np.arange(n_frames) / BOX_FPS
    about = {"duration": n_frames / BOX_FPS}
    boxes = _walk(time, about, random) if spec.n_boxes else None
    embeddings = None
    if spec.n_values:
        values = random.standard_normal((n_frames, spec.n_values)).astype(np.float32)
        embeddings = VisualEmbeddings(time, np.abs(values), about)
    return VisualInput(boxes, spec, embeddings).at


def _walk(time: np.ndarray, about: dict[str, float], random: np.random.Generator) -> Boxes:
    """Let people walk around the camera, each seen in most of the frames."""
    speed = random.uniform(-0.03, 0.03, N_PEOPLE)
    u = (random.random(N_PEOPLE) + time[:, None] * speed) % 1.0
    width, height = random.uniform(0.03, 0.08, N_PEOPLE), random.uniform(0.2, 0.4, N_PEOPLE)
    score = random.uniform(0.3, 0.95, u.shape) * (random.random(u.shape) < 0.9)
    order = np.argsort(-score, axis=1)
    box = np.stack(np.broadcast_arrays(u - width / 2, 0.5 - height / 2, u + width / 2, 0.5 + height / 2), -1)
    label = np.where(score > 0, PERSON, -1)
    taken = np.take_along_axis
    return Boxes(
        time, taken(box, order[..., None], 1), taken(score, order, 1), taken(label, order, 1), dict(about)
    )
