"""Comparison of an exported network with the original, on a generated recording, through the whole of both runtimes."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace

import numpy as np

from avseld.base.errors import BadInput
from avseld.decoding import Decoder
from avseld.decoding.windows import VisualAt, at_their_time
from avseld.exporting.material import Material
from avseld.io.events import Events, concatenate
from avseld.onnx_runtime.network import ExportedNetwork
from avseld.onnx_runtime.running import Heads, iterate_heads
from avseld.system import inference
from avseld.system.build import System

TOLERANCE = 1e-4
"""greatest difference of the heads, over their scale"""
ANGLE_DEG, DISTANCE_M, TIME_S = 0.1, 1e-3, 1e-6
"""differences below which events are equal"""
LOWER = (1.0, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01)
"""factors on a threshold, of which the first is taken that gives events"""
FEW_EVENTS = 20


@dataclass(frozen=True)
class Parity:
    """What was compared.

    Args:
        difference: of each head: its greatest difference over its scale, which is its greatest value, or 1 if that is
            larger. Probabilities and unit vectors before their activation are below 1, or the loss of digits is that of
            their size.
        n_events: rows that were compared.
        n_other: rows of one that are not those of the other.
        factor: on the decoder's threshold, so that there are events to compare.
    """

    difference: dict[str, float]
    n_events: int
    n_other: int
    factor: float = 1.0

    @property
    def greatest(self) -> float:
        """The greatest difference of all heads."""
        return max(self.difference.values())

    @property
    def holds(self) -> bool:
        """Whether heads and events are the same."""
        return self.greatest <= TOLERANCE and self.n_other == 0

    def described(self) -> str:
        """Say it in one line."""
        lower = "" if self.factor == 1 else f" with {self.factor:g} of the threshold"
        same = "equal" if not self.n_other else f"of which {self.n_other} differ"
        return f"greatest difference of the heads {self.greatest:.1e}, {self.n_events} rows of events{lower} {same}"


def compare(system: System, network: ExportedNetwork, material: Material, with_video: bool) -> Parity:
    """Run a recording through both.

    Args:
        system: the original, on the CPU.
        network: the exported one.
        material: the recording.
        with_video: show both its video; else none.

    Raises:
        BadInput: values that are not finite, or heads of another length.
    """
    visual_at = material.visual_at if with_video else None
    ours, theirs = list(_exported(network, material, visual_at)), list(_original(system, material, visual_at))
    if [first for first, _ in ours] != [first for first, _ in theirs]:
        raise BadInput("parity: the exported network gives other stretches of the recording")
    difference: dict[str, float] = {}
    for name in system.target.shapes:
        own, other = (np.concatenate([heads[name] for _, heads in each]) for each in (ours, theirs))
        if own.shape != other.shape or not np.isfinite(other).all():
            raise BadInput(
                f"parity: {name} of the network is {other.shape} or not finite, exported {own.shape}"
            )
        scale = max(float(np.abs(other).max(initial=0)), 1.0)
        difference[name] = float(np.nan_to_num(np.abs(own - other), nan=np.inf).max(initial=0)) / scale
    for factor in LOWER:
        decoder = with_threshold(network.decoder, factor)
        found = [_decode(system, decoder, each) for each in (ours, theirs)]
        if len(found[1]) >= FEW_EVENTS or (decoder == network.decoder and factor < 1):
            break
    return Parity(difference, len(found[1]), other_rows(*found), factor)


def with_threshold(decoder: Decoder, factor: float) -> Decoder:
    """Multiply the threshold of a decoder; one without a single one stays as it is."""
    threshold = asdict(decoder).get("threshold")  # type: ignore[call-overload]
    if threshold is None or factor == 1:
        return decoder
    scaled = (factor * np.asarray(threshold, float)).tolist()
    changed: Decoder = replace(decoder, threshold=scaled)  # type: ignore[type-var]
    return changed


def other_rows(first: Events, second: Events) -> int:
    """Count the rows of two tables, sorted alike, that are not equal; all of the longer one if they have other rows."""
    if len(first) != len(second):
        return max(len(first), len(second))
    if not len(first):
        return 0
    other = (first.label != second.label) | (first.source != second.source)
    for name, most in (
        ("onset", TIME_S),
        ("offset", TIME_S),
        ("elevation", ANGLE_DEG),
        ("distance", DISTANCE_M),
    ):
        other |= ~np.isclose(getattr(first, name), getattr(second, name), rtol=0, atol=most, equal_nan=True)
    turn = (first.azimuth - second.azimuth + 180) % 360 - 180
    other |= ~(np.isnan(first.azimuth) & np.isnan(second.azimuth) | (np.abs(turn) <= ANGLE_DEG))
    return int(other.sum())


def _exported(
    network: ExportedNetwork, material: Material, visual_at: VisualAt | None
) -> Iterator[tuple[int, Heads]]:
    graph = network.graph_for(visual_at)
    return iterate_heads(graph, material.read, material.waveform.shape[1], visual_at)


def _original(system: System, material: Material, visual_at: VisualAt | None) -> Iterator[tuple[int, Heads]]:
    n_samples = material.waveform.shape[1]
    stretches = inference.iterate_heads(system, material.read, n_samples, visual_at, inference.CPU_BATCH)
    for first, heads in stretches:
        yield first, {name: head.numpy() for name, head in heads.items()}


def _decode(system: System, decoder: Decoder, stretches: list[tuple[int, Heads]]) -> Events:
    return concatenate(
        at_their_time(system.lengths, first, decoder.decode(heads, system.hop)) for first, heads in stretches
    )
