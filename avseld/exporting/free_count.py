"""A graph for any number of windows, made of two that were recorded with two and with three of them.

Recording a network fixes all sizes in its graph. That keeps the graph small, and is right for all of them but one: how
many windows, or in a stream how many label frames, it takes at once. Where two recordings differ, this number has
entered: it is put there as it is when the graph runs. A network need not be written for it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import helper, numpy_helper

from avseld.base.errors import BadInput

FEW, MORE = 2, 3
"""the number in the two recordings"""
COUNT = "count"
"""value in the graph: (1,) the number of a run"""
REMEDY = "give --length SECONDS, for a graph of a fixed length"


@dataclass(frozen=True)
class CountOf:
    """How the number follows from a size of an input: (size - offset) / unit.

    Args:
        name: of the input.
        axis: of the size.
        offset: of the size.
        unit: by which the size grows.
    """

    name: str
    axis: int = 0
    offset: int = 0
    unit: int = 1

    def nodes(self) -> list[onnx.NodeProto]:
        """Compute the number in the graph."""
        constants = {"axis": self.axis, "offset": self.offset, "unit": self.unit}
        return [
            *(_constant(f"{COUNT}/{name}", np.array([value])) for name, value in constants.items()),
            helper.make_node("Shape", [self.name], [f"{COUNT}/shape"]),
            helper.make_node("Gather", [f"{COUNT}/shape", f"{COUNT}/axis"], [f"{COUNT}/size"], axis=0),
            helper.make_node("Sub", [f"{COUNT}/size", f"{COUNT}/offset"], [f"{COUNT}/units"]),
            helper.make_node("Div", [f"{COUNT}/units", f"{COUNT}/unit"], [COUNT]),
        ]


def free_count(few: onnx.ModelProto, more: onnx.ModelProto, count: CountOf) -> onnx.ModelProto:
    """Make a graph that takes any number.

    Args:
        few: recorded with `FEW`; changed in place.
        more: recorded with `MORE`.
        count: where the number stands.

    Returns:
        The graph.

    Raises:
        BadInput: the number enters otherwise than as a size.
    """
    graph, same = few.graph, _paired_names(few.graph, more.graph)
    of_reshape = _used_as_shapes_only(graph)
    added = count.nodes()
    others = dict(_constants(more.graph))
    for name, value in list(_constants(graph)):
        other = others[same.get(name, name)]
        if value.shape == other.shape and np.array_equal(value, other, equal_nan=value.dtype.kind == "f"):
            continue
        as_shape = _free_shape(value, other) if name in of_reshape else None
        _remove(graph, name)
        added += [_constant(name, as_shape)] if as_shape is not None else _computed(name, value, other)
    for node in reversed(added):
        graph.node.insert(0, node)
    del graph.value_info[:]
    for own, other_one in zip(
        (*graph.input, *graph.output), (*more.graph.input, *more.graph.output), strict=True
    ):
        sizes = zip(own.type.tensor_type.shape.dim, other_one.type.tensor_type.shape.dim, strict=True)
        for axis, (size, other_size) in enumerate(sizes):
            if size.dim_value != other_size.dim_value:
                size.dim_param = (
                    COUNT if (size.dim_value, other_size.dim_value) == (FEW, MORE) else (f"{own.name}.{axis}")
                )
    return few


def _paired_names(few: onnx.GraphProto, more: onnx.GraphProto) -> dict[str, str]:
    """Find the name in the second graph of every value of the first: some are numbered.

    Raises:
        BadInput: the graphs have other nodes.
    """
    names: dict[str, str] = {}
    for own, other in zip(few.node, more.node, strict=False):
        values = [*zip(own.input, other.input, strict=False), *zip(own.output, other.output, strict=False)]
        fits = all(names.setdefault(name, other_name) == other_name for name, other_name in values)
        if not fits or _described(own) != _described(other):
            break
    else:
        if len(few.node) == len(more.node):
            return names
    raise BadInput(f"the network does other things when it is given more at once; {REMEDY}")


def _described(node: onnx.NodeProto) -> tuple[object, ...]:
    """Describe a node apart from names and the value of a constant."""
    options = [] if node.op_type == "Constant" else [each.SerializeToString() for each in node.attribute]
    return node.op_type, len(node.input), len(node.output), tuple(sorted(options))


def _constants(graph: onnx.GraphProto) -> Iterator[tuple[str, np.ndarray]]:
    """List the constants of a graph by name."""
    for tensor in graph.initializer:
        yield tensor.name, numpy_helper.to_array(tensor)
    for node in graph.node:
        if node.op_type == "Constant":
            yield node.output[0], numpy_helper.to_array(node.attribute[0].t)


def _used_as_shapes_only(graph: onnx.GraphProto) -> set[str]:
    """Name the values that nothing but reshaping takes, as the new shape."""
    shapes = {node.input[1] for node in graph.node if node.op_type == "Reshape"}
    elsewhere = {
        name
        for node in graph.node
        for place, name in enumerate(node.input)
        if node.op_type != "Reshape" or place != 1
    }
    return shapes - elsewhere


def _free_shape(few: np.ndarray, more: np.ndarray) -> np.ndarray | None:
    """Put -1 in a shape for the one size that depends on the number; None where that cannot be."""
    if few.shape != more.shape or (few <= 0).any():
        return None
    differs = np.flatnonzero(few != more)
    if len(differs) != 1:
        return None
    shape = few.copy()
    shape[differs[0]] = -1
    return shape


def _computed(name: str, few: np.ndarray, more: np.ndarray) -> list[onnx.NodeProto]:
    """Compute a constant of the recordings from the number: whole numbers linear in it, or repeated values."""
    if few.shape == more.shape and few.dtype.kind == "i" and few.ndim <= 1:
        return _linear(name, few, (more - few) // (MORE - FEW))
    if few.ndim == more.ndim:
        axes = [axis for axis in range(few.ndim) if few.shape[axis] != more.shape[axis]]
        if len(axes) == 1 and few.shape[axes[0]] % FEW == 0:
            block = np.split(few, FEW, axis=axes[0])[0]
            if _repeated(block, FEW, axes[0], few) and _repeated(block, MORE, axes[0], more):
                return _repeating(name, block, axes[0])
    raise BadInput(f"what the network is given at once enters its values ({name}); {REMEDY}")


def _linear(name: str, few: np.ndarray, slope: np.ndarray) -> list[onnx.NodeProto]:
    """Compute start + slope * number, a vector or a scalar."""
    start = np.atleast_1d(few - FEW * slope)
    nodes = [
        _constant(f"{name}/slope", np.atleast_1d(slope)),
        _constant(f"{name}/start", start),
        helper.make_node("Mul", [COUNT, f"{name}/slope"], [f"{name}/part"]),
    ]
    if few.ndim:
        return [*nodes, helper.make_node("Add", [f"{name}/part", f"{name}/start"], [name])]
    return [
        *nodes,
        helper.make_node("Add", [f"{name}/part", f"{name}/start"], [f"{name}/vector"]),
        _constant(f"{name}/no_axes", np.zeros(0, np.int64)),
        helper.make_node("Reshape", [f"{name}/vector", f"{name}/no_axes"], [name]),
    ]


def _repeated(block: np.ndarray, times: int, axis: int, whole: np.ndarray) -> bool:
    return np.array_equal(np.concatenate([block] * times, axis=axis), whole)


def _repeating(name: str, block: np.ndarray, axis: int) -> list[onnx.NodeProto]:
    """Repeat a block along an axis."""
    before, after = (np.ones(length, np.int64) for length in (axis, block.ndim - axis - 1))
    return [
        _constant(f"{name}/block", np.ascontiguousarray(block)),
        _constant(f"{name}/before", before),
        _constant(f"{name}/after", after),
        helper.make_node("Concat", [f"{name}/before", COUNT, f"{name}/after"], [f"{name}/times"], axis=0),
        helper.make_node("Tile", [f"{name}/block", f"{name}/times"], [name]),
    ]


def _constant(name: str, value: np.ndarray) -> onnx.NodeProto:
    return helper.make_node("Constant", [], [name], value=numpy_helper.from_array(value))


def _remove(graph: onnx.GraphProto, name: str) -> None:
    """Remove a constant."""
    for tensor in graph.initializer:
        if tensor.name == name:
            graph.initializer.remove(tensor)
            return
    for node in graph.node:
        if node.op_type == "Constant" and node.output[0] == name:
            graph.node.remove(node)
            return
