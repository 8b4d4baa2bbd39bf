"""The command `export`: a trained network as ONNX, compared with the original in the same run."""

import hashlib
import logging
import sys
from collections.abc import Mapping
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from avseld.base.errors import BadInput
from avseld.base.files import takes_paths
from avseld.base.next_step import tell_next
from avseld.decoding import DECODERS
from avseld.exporting.folder import writing_folder
from avseld.exporting.material import duration_for, generate
from avseld.exporting.parity import Parity, compare
from avseld.exporting.recorded import ExportedStream, ExportedWindows, recorded, takes_zeros_for_none
from avseld.exporting.report import MINUTE_S, described, operations, speeds
from avseld.exporting.smaller import PRECISIONS
from avseld.inference.predictor import load as load_run
from avseld.inference.thresholds import set_threshold
from avseld.onnx_runtime.description import DESCRIPTION, GRAPH, WITHOUT_VIDEO, Description, GraphFile
from avseld.onnx_runtime.network import load
from avseld.system.build import System
from avseld.system.inference import CPU_BATCH, windows_at_once

log = logging.getLogger(__name__)

RECORDINGS = 3
"""recordings of which one has to give the same: phases jump from 180 to -180 degrees, and in one bin of some millions
rounding decides on which side they are"""
EXTRA = "needs the package onnx; pip install 'avseld[export]'"


@takes_paths
def export(
    run: Path,
    out: Path,
    int8: bool = False,
    float16: bool = False,
    length: str = "dynamic",
    weights: Literal["best", "last"] = "best",
    legacy: bool | None = None,
    threshold: float | None = None,
    measure: bool = True,
    seed: int = 0,
) -> None:
    """Export a trained network as ONNX, with the features that it is given; it runs without PyTorch.

    A generated recording is run through both. Heads may differ by 1e-4 of their scale and events not at all, else
    nothing is written. Of int8 and float16 the difference is reported.

    Args:
        run: run folder, RUN@STEP, safetensors file, hf:OWNER/NAME, or name of shipped weights.
        out: folder to write: the graph, and description.json, which says what it takes and how its output is decoded.
        int8: weights and activations of 8 bits: a smaller file and other results.
        float16: weights of 16 bits: half the size, nearly the same results and the same speed.
        length: dynamic, for recordings of any length in one call of the graph, or the seconds of sound that every call
            takes, where a device needs fixed sizes. Recordings may have any length in both cases.
        weights: best or last.
        legacy: use the published rounding and averaging, defects included.
        threshold: decision threshold in place of the recipe's, 0 to 1.
        measure: measure the seconds for a minute of sound beside PyTorch's.
        seed: of the generated recording.

    Raises:
        BadInput: no such run, an operation that ONNX has not, or an exported network that differs from the original.
    """
    if int8 and float16:
        raise BadInput("--int8 --float16: choose one of them")
    try:
        import onnx  # noqa: F401 - an optional extra
    except ImportError as error:
        raise BadInput(f"export {EXTRA}") from error
    precision = "int8" if int8 else "float16" if float16 else "float32"
    predictor = load_run(run, weights, "cpu", legacy)
    set_threshold(predictor.system, threshold)
    with writing_folder(out, (DESCRIPTION, GRAPH), (WITHOUT_VIDEO,)) as folder:
        about = export_system(predictor.system, str(run), folder, precision, length, measure, seed)
    sys.stdout.write(described(about.measured))
    log.info("%s", out)
    tell_next("python", "-m", "avseld.onnx_runtime", out, "RECORDING.wav")


def export_system(
    system: System,
    name: str,
    folder: Path,
    precision: str = "float32",
    length: str = "dynamic",
    measure: bool = True,
    seed: int = 0,
) -> Description:
    """Write the exported network of a system into a folder, and compare it with the system.

    Args:
        system: in evaluation, on the CPU.
        name: of its run, for messages.
        folder: to write.
        precision: a key of `avseld.exporting.smaller.PRECISIONS`.
        length: dynamic, or the seconds of sound of a call.
        measure: measure the speed of both, too.
        seed: of the generated recording.

    Returns:
        The description, with what was measured.

    Raises:
        BadInput: an operation that ONNX has not, or another result than that of the system.
    """
    try:
        module, about = _write(system, name, folder, precision, length)
    except BadInput as error:
        raise type(error)(f"{name}: {error}") from error
    parts = compare_videos(system, folder, seed)
    for what, parity in parts.items():
        if precision == "float32" and not parity.holds:
            raise BadInput(
                f"{name}: the exported network differs from the original ({what}: {parity.described()}); nothing is "
                "written. Update torch and onnxruntime, or report it"
            )
    graphs = [each for each in (about.graph, about.without_video) if each is not None]
    measured: dict[str, Any] = {
        "bytes": sum((folder / each.file).stat().st_size for each in graphs),
        "nodes": _count_nodes(folder / about.graph.file),
        "operations_per_s": operations(system, module),
        "parity": "; ".join(f"{what}: {parity.described()}" for what, parity in parts.items()),
    }
    if measure:
        measured["seconds"] = speeds(system, folder, generate(system, MINUTE_S, seed))
    about = replace(about, measured=measured)
    (folder / DESCRIPTION).write_text(about.to_json(), encoding="utf-8")
    return about


def compare_videos(system: System, folder: Path, seed: int) -> Mapping[str, Parity]:
    """Compare an exported network with its system, of visual networks with and without a video.

    Args:
        system: in evaluation, on the CPU.
        folder: of the exported network.
        seed: of the generated recording.

    Returns:
        What was shown -> comparison.
    """
    network, shown = load(folder), {"sound": False} | ({"with video": True} if system.model.vision else {})
    parts: dict[str, Parity] = {}
    for attempt in range(RECORDINGS):
        material = generate(system, duration_for(system), seed + attempt)
        parts = {what: compare(system, network, material, seen) for what, seen in shown.items()}
        if all(parity.holds for parity in parts.values()) or network.description.precision != "float32":
            break
    return parts


def _write(
    system: System, name: str, folder: Path, precision: str, length: str
) -> tuple[ExportedWindows | ExportedStream, Description]:
    """Write graphs and description."""
    decoder = system.target.decoder
    formats = [known for known, kind in DECODERS.items() if type(decoder) is kind]
    if not formats:
        raise BadInput(
            f"target {system.blueprint.target.name} has no decoder of avseld.decoding, which runs without PyTorch "
            "(docs/extending.md)"
        )
    module = recorded(system)
    count = _count(length, system)
    graph = _write_graph(module, count, folder / GRAPH, precision)
    without_video = None
    if isinstance(module, ExportedWindows) and not takes_zeros_for_none(system):
        without_video = _write_graph(ExportedWindows(system, False), count, folder / WITHOUT_VIDEO, precision)
    stream = module if isinstance(module, ExportedStream) else None
    about = Description(
        avseld=version("avseld"),
        name=name,
        graph=graph,
        without_video=without_video,
        precision=precision,
        format=system.blueprint.format,
        sample_rate=system.sample_rate,
        classes=list(system.blueprint.classes),
        task=system.target.task,
        planar=system.target.planar,
        lengths=system.lengths,
        windows_at_once=CPU_BATCH if stream else windows_at_once(system, CPU_BATCH),
        count=count,
        masked=isinstance(module, ExportedWindows) and module.masked,
        visual=system.visual_spec if system.model.vision else None,
        heads={head: list(shape) for head, shape in system.target.shapes.items()},
        decoder=formats[0],
        options=asdict(decoder),  # type: ignore[call-overload]
        state=stream.state_shapes if stream else None,
        look_ahead_frames=system.model.look_ahead_frames if stream else 0,
        boxes_from=system.blueprint.boxes_from,
    )
    (folder / DESCRIPTION).write_text(about.to_json(), encoding="utf-8")
    return module, about


def _write_graph(
    module: ExportedWindows | ExportedStream, count: int | None, path: Path, precision: str
) -> GraphFile:
    """Record a module and write its graph."""
    from avseld.exporting.graph import record  # imports onnx, an optional extra

    path.write_bytes(PRECISIONS[precision](record(module, count)).SerializeToString())
    return GraphFile(path.name, hashlib.sha256(path.read_bytes()).hexdigest())


def _count_nodes(path: Path) -> int:
    import onnx

    return sum(node.op_type != "Constant" for node in onnx.load(path).graph.node)


def _count(length: str, system: System) -> int | None:
    """Return how many windows, or label frames of a stream, cover a length; None for any.

    Raises:
        BadInput: neither dynamic nor seconds.
    """
    if length == "dynamic":
        return None
    try:
        seconds = float(length)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise BadInput(f"--length {length}: give dynamic, or seconds such as 10")
    unit = system.label_hop if system.model.advance is not None else system.kept_frames * system.hop
    return max(1, round(seconds / unit) if system.model.advance is not None else -int(-seconds // unit))
