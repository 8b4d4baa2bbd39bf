"""Systems and recordings that the tests of whole systems share."""

import numpy as np

from avseld.config import Part
from avseld.system.blueprint import Blueprint

CLASSES = [f"class {number}" for number in range(13)]


def blueprint(**changes) -> Blueprint:
    words = {
        "features": Part("amplitude_ipd"), "model": Part("avcrnn"), "target": Part("multi_accdoa"), "classes": CLASSES
    } | changes  # fmt: skip
    return Blueprint(**words)


def stretch(waveform: np.ndarray, start: int, n: int) -> np.ndarray:
    padded = np.pad(waveform, ((0, 0), (40_000, 40_000)))
    return padded[:, start + 40_000 : start + n + 40_000]


def noise(seconds: float, seed=0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(4, round(seconds * 24000))).astype(np.float32) * 0.1
