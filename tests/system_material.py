"""Systems and recordings that the tests of whole systems share."""

from functools import partial

import numpy as np
import torch

from avseld.config import Part
from avseld.system.blueprint import Blueprint
from avseld.system.build import System
from avseld.system.inference import iterate_heads

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


def outputs(system: System, waveform: np.ndarray, **options) -> np.ndarray:
    read = partial(stretch, waveform)
    parts = [heads["accdoa"] for _, heads in iterate_heads(system, read, waveform.shape[1], **options)]
    return torch.cat(parts).numpy()
