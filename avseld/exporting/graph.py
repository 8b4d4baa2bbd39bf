"""Recording of a module as an ONNX graph."""

import io
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import onnx
import torch

from avseld.base.errors import BadInput
from avseld.exporting.free_count import FEW, MORE, free_count
from avseld.exporting.recorded import Recorded
from avseld.models.plain_layers import pytorch_layers

OPSET = 17
"""version of the operators: the first with layer normalization as one of them"""


def record(module: Recorded, count: int | None) -> onnx.ModelProto:
    """Record a module as a graph.

    Args:
        module: of windows, or of a stream.
        count: windows, or label frames of a stream, that the graph takes at once; None for any number.

    Raises:
        BadInput: an operation that ONNX has not; names it.
    """
    if count is not None:
        return _record(module, count)
    return free_count(_record(module, FEW), _record(module, MORE), module.count)


def _record(module: Recorded, count: int) -> onnx.ModelProto:
    """Record a module by running it once."""
    fast_attention = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)  # one operator for a whole layer, which ONNX has not
    recorded = io.BytesIO()
    try:
        with _quiet(), torch.no_grad(), pytorch_layers():
            torch.onnx.export(
                module,  # type: ignore[arg-type]
                module.example(count),
                recorded,  # type: ignore[arg-type]
                dynamo=False,  # by tracing: recurrent layers stay one operator each
                opset_version=OPSET,
                input_names=module.inputs,
                output_names=module.outputs,
            )
    except BadInput:
        raise
    except (torch.onnx.errors.OnnxExporterError, RuntimeError, TypeError, ValueError) as error:
        reason = " ".join(str(error).split())[:300]
        raise BadInput(f"the network cannot be written as ONNX ({type(error).__name__}: {reason})") from error
    finally:
        torch.backends.mha.set_fastpath_enabled(fast_attention)
    return onnx.load_from_string(recorded.getvalue())


@contextmanager
def _quiet() -> Iterator[None]:
    """Leave out warnings about sizes that tracing fixes: windows have one length."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
