"""Smaller graphs: weights of 16 bits, or convolutions and products of 8 bits."""

import logging
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic

from avseld.base.errors import BadInput

FEWEST_VALUES = 64
"""weights of fewer values stay as they are"""
FEATURES = "/features/"
"""in the names of the operators that compute features: they keep single precision, whatever the network has"""

KEPT_AXES = {"Conv": 1, "GRU": 2, "LSTM": 2}
"""operator -> first axes of its weights that have scales of their own: an output, or direction and gate"""
LARGEST = 127
"""of a signed number of 8 bits, alike on both sides"""


def with_half_weights(graph: onnx.ModelProto) -> onnx.ModelProto:
    """Store the weights of a network in 16 bits.

    When the graph is loaded they become numbers of 32 bits: ONNX Runtime has few operators of 16 bits for CPUs, and
    would convert before and after each of the others.

    Args:
        graph: changed in place.

    Returns:
        The graph.

    Raises:
        BadInput: a weight beyond the range of 16 bits.
    """
    for tensor, value in list(_weights(graph)):
        half = value.astype(np.float16)
        if not np.isfinite(half).all():
            raise BadInput(f"--float16: weights of {np.abs(value).max():g} are beyond the range of 16 bits")
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(half, f"{name}.half"))
        cast = helper.make_node("Cast", [f"{name}.half"], [name], to=TensorProto.FLOAT)
        graph.graph.node.insert(0, cast)
    return graph


def _weights(graph: onnx.ModelProto) -> Iterator[tuple[onnx.TensorProto, np.ndarray]]:
    """List the weights of single precision that something else than features takes."""
    of_network = {name for node in graph.graph.node if FEATURES not in node.name for name in node.input} - {
        name for node in graph.graph.node if FEATURES in node.name for name in node.input
    }
    for tensor in graph.graph.initializer:
        value = numpy_helper.to_array(tensor)
        if tensor.name in of_network and value.dtype == np.float32 and value.size >= FEWEST_VALUES:
            yield tensor, value


def with_bytes(graph: onnx.ModelProto) -> onnx.ModelProto:
    """Quantize products with weights to 8 bits, and store the weights of convolutions and recurrent layers in 8 bits.

    Inputs of products are quantized when they come (dynamic quantization), so that nothing has to be known about the
    sound. Convolutions of 8 bits took longer than those of 32 and lost more (docs/export.md): their weights, and those
    of recurrent layers, become numbers of 32 bits when the graph is loaded.

    Args:
        graph: changed in place.

    Returns:
        The graph.
    """
    features = [node.name for node in graph.graph.node if FEATURES in node.name]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "graph.onnx"
        with _silent():
            quantize_dynamic(
                graph,
                path,
                per_channel=True,
                reduce_range=True,  # else sums of 8-bit products overflow on processors without VNNI
                weight_type=QuantType.QInt8,
                nodes_to_exclude=features,
                op_types_to_quantize=["MatMul", "Gemm"],
            )
        graph = onnx.load(path)
    kept_axes = {
        node.input[1 + place]: KEPT_AXES[node.op_type]
        for node in graph.graph.node
        for place in range(2 if node.op_type in ("GRU", "LSTM") else 1)
        if node.op_type in KEPT_AXES
    }
    for tensor, value in list(_weights(graph)):
        if tensor.name in kept_axes:
            _store_in_bytes(graph.graph, tensor, value, kept_axes[tensor.name])
    return graph


def _store_in_bytes(graph: onnx.GraphProto, tensor: onnx.TensorProto, value: np.ndarray, kept: int) -> None:
    """Store a weight as whole numbers and scales, one for all values of each of its `kept` first axes."""
    name = tensor.name
    largest = np.abs(value).max(axis=tuple(range(kept, value.ndim)), keepdims=True)
    scale = (np.maximum(largest, np.finfo(np.float32).tiny) / LARGEST).astype(np.float32)
    whole = np.clip(np.round(value / scale), -LARGEST, LARGEST).astype(np.int8)
    tensor.CopyFrom(numpy_helper.from_array(whole, f"{name}.whole"))
    graph.initializer.append(numpy_helper.from_array(scale, f"{name}.scale"))
    graph.node.insert(0, helper.make_node("Mul", [f"{name}.wide", f"{name}.scale"], [name]))
    graph.node.insert(0, helper.make_node("Cast", [f"{name}.whole"], [f"{name}.wide"], to=TensorProto.FLOAT))


@contextmanager
def _silent() -> Iterator[None]:
    """Leave out the advice of the quantizer, which is meant for other graphs."""
    logger = logging.getLogger()
    before = logger.disabled
    logger.disabled = True
    try:
        yield
    finally:
        logger.disabled = before


PRECISIONS: Mapping[str, Callable[[onnx.ModelProto], onnx.ModelProto]] = {
    "float32": lambda graph: graph,
    "float16": with_half_weights,
    "int8": with_bytes,
}
"""precision -> graph -> graph of that precision"""
