"""Encoders for tests: the shapes that each takes, and options that make large ones small."""

from typing import Any

from torch import nn

from avseld.models.encoders import ENCODERS

N_FEATURES = 6
N_BINS = {"vit_published": 257}
N_FRAMES = {"vit_published": [128]}
"""encoders that take windows of some lengths alone"""
SMALL: dict[str, dict[str, Any]] = {
    "htsat": {"channels": 8, "depths": [2, 2, 1, 1], "n_heads": [1, 2, 2, 2]},
    "conv_conformer": {"widths": [8, 8, 8, 16], "n_blocks": 1, "n_heads": 4},
    "passt": {"token": 24, "n_blocks": 2, "n_heads": 4},
    "pseldnets_cnn": {"widths": [8, 8, 16, 16], "decoder": "conformer", "n_layers": 1, "n_heads": 4},
    "resnet_conformer": {"n_blocks": 2},
}
"""options that make a large encoder small enough for a test"""


def build(name: str) -> nn.Module:
    """Build an encoder, a large one with few weights."""
    return ENCODERS[name](N_FEATURES, n_bins_of(name), **SMALL.get(name, {}))


def n_bins_of(name: str) -> int:
    """Return the number of bins that an encoder is tried with."""
    return N_BINS.get(name, 64)


def frames_of(name: str, frames_per_step: int) -> list[int]:
    """Return lengths of windows that an encoder takes: a step, some with and without a rest, the longest last."""
    return N_FRAMES.get(name, [frames_per_step, 3 * frames_per_step + 1, 100, 16 * frames_per_step])
