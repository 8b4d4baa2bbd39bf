"""Plans of generated corpora: options, recordings, seeds; and what all layouts write alike."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from avseld.base.files import replacing
from avseld.io.audio import to_int16
from data_prep.synth.sounds.classes import SAMPLE_RATE

ROOM_SEEDS = 0
"""second word of the seed of a room, after the seed of the corpus"""
RECORDING_SEEDS = 1
"""second word of the seed of a recording"""


@dataclass(frozen=True)
class CorpusOptions:
    """Options that determine the files of a corpus; fields are those of `data_prep.synth.corpus.synth`."""

    layout: str
    recordings: int
    seconds: float
    formats: tuple[str, ...]
    preset: str
    soundbank: str | None
    images: str | None
    seed: int
    width: int
    fps: float
    train_rooms: int
    test_rooms: int
    test_share: float
    sofa: str | None = None
    boxes: str = "exact"
    like: str | None = None
    video: str = "mp4"
    dataset: str = "ansim"
    """of tut2018; the other layouts are one data set"""
    overlaps: tuple[int, ...] = (1,)
    """of tut2018: largest numbers of simultaneous sources"""
    splits: tuple[int, ...] = (1,)
    """of tut2018: numbers of the cross-validation splits"""


@dataclass(frozen=True)
class PlannedRecording:
    """One recording of a corpus: its place in the layout and its seed."""

    index: int
    """number of the recording, which seeds its scene"""
    room: int
    """number of the room, which seeds the room"""
    mix: int
    """number in the file name"""
    test: bool
    """whether it belongs to the test set"""
    part: str = ""
    """split, fold or part, in layouts with more than training and test"""
    overlap: int = 1
    """largest polyphony, in layouts that name it"""
    split: int = 1
    """cross-validation split, in layouts that have a folder for each"""

    @property
    def name(self) -> str:
        """Return the file name in STARSS23, without suffix."""
        return f"fold{4 if self.test else 3}_room{self.room}_mix{self.mix:03d}"

    @property
    def folder(self) -> str:
        """Return the folder in STARSS23: split and recording site, Sony for odd rooms and TAU for even ones."""
        return f"dev-{'test' if self.test else 'train'}-{'sony' if self.room % 2 else 'tau'}"


def fresh_seed(seed: np.random.SeedSequence) -> np.random.SeedSequence:
    """Copy a seed in its initial state, as if nothing had been spawned from it."""
    return np.random.SeedSequence(seed.entropy, spawn_key=seed.spawn_key)


def write_wav(path: Path, sound: np.ndarray, sample_rate: int = SAMPLE_RATE) -> None:
    """Write audio (channel, sample) in -1..1 as 16-bit wav."""
    with replacing(path) as temporary:
        soundfile.write(str(temporary), to_int16(sound.T), sample_rate, subtype="PCM_16", format="WAV")
