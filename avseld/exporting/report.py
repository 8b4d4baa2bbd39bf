"""Size, operations and speed of an exported network beside the original."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from avseld.exporting.material import Material
from avseld.exporting.planes import RealPlanes
from avseld.exporting.recorded import ExportedStream, ExportedWindows
from avseld.models.plain_layers import pytorch_layers
from avseld.onnx_runtime.description import VISUAL, WAVEFORM
from avseld.onnx_runtime.network import ExportedNetwork, load
from avseld.onnx_runtime.running import iterate_heads
from avseld.system.build import System
from avseld.system.inference import CPU_BATCH, iterate_events
from avseld.system.timing import seconds_of

THREADS = (1, 2)
MINUTE_S = 60.0
BRIEF_S = 5.0
"""measurements below this duration are repeated, and the shortest counts"""


def operations(system: System, module: ExportedWindows | ExportedStream) -> float:
    """Count the floating-point operations for a second of sound, features included; two for a multiply-add.

    Args:
        system: the original.
        module: its part that is recorded.
    """
    count = 1 if isinstance(module, ExportedWindows) else system.kept_frames // system.label_frames
    given = dict(zip(module.inputs, module.example(count), strict=True))
    visual = given.get(VISUAL)
    with FlopCounterMode(display=False) as counter, torch.no_grad(), pytorch_layers():
        with RealPlanes():
            x = module.features(given[WAVEFORM], centered=False)
        system.model(x, visual)
    seconds = system.kept_frames * system.hop
    return float(counter.get_total_flops()) / seconds


def speeds(system: System, folder: Path, material: Material) -> dict[str, dict[int, float]]:
    """Measure the seconds for a minute of sound, from samples to events.

    Args:
        system: the original, on the CPU.
        folder: of the exported network.
        material: a recording of a minute.

    Returns:
        Runtime -> threads -> seconds.
    """
    found: dict[str, dict[int, float]] = {"onnxruntime": {}, "torch": {}}
    for threads in THREADS:
        network = load(folder, threads)
        found["onnxruntime"][threads] = _shortest(partial(_run_exported, network, material))
        with _torch_threads(threads):
            found["torch"][threads] = _shortest(partial(_run_original, system, material))
    return found


def _run_exported(network: ExportedNetwork, material: Material) -> None:
    graph, n_samples = network.graph_for(material.visual_at), material.waveform.shape[1]
    for first, heads in iterate_heads(graph, material.read, n_samples, material.visual_at):
        network.decode(first, heads)


def _run_original(system: System, material: Material) -> None:
    n_samples = material.waveform.shape[1]
    for _ in iterate_events(system, material.read, n_samples, material.visual_at, CPU_BATCH):
        pass


def _shortest(work: Callable[[], None]) -> float:
    """Measure the seconds of some work, the shortest of three if it is brief."""
    first = seconds_of(work)
    return first if first > BRIEF_S else min(first, *(seconds_of(work) for _ in range(2)))


@contextmanager
def _torch_threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def described(measured: Mapping[str, Any]) -> str:
    """Write what was measured as lines for the terminal.

    Args:
        measured: as in the description of the exported network.
    """
    lines = [
        f"size        {measured['bytes'] / 1e6:.1f} MB",
        f"operations  {measured['operations_per_s'] / 1e9:.3f} G for a second of sound, {measured['nodes']} nodes",
        f"parity      {measured['parity']}",
    ]
    if measured.get("seconds"):
        lines.append("seconds for a minute of sound, from samples to events")
        lines.append(
            f"{'':12}" + "".join(f"{f'{threads} thread' + 's' * (threads > 1):>11}" for threads in THREADS)
        )
        for name, values in measured["seconds"].items():
            lines.append(f"{name:12}" + "".join(f"{values[threads]:11.2f}" for threads in THREADS))
    return "".join(f"{line}\n" for line in lines)
