"""Export an mmdet YOLOX checkpoint to ONNX, in the layout of YOLOX's releases, which the onnx backend reads."""

import json
import logging
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from avseld.base.errors import BadInput
from avseld.base.files import replacing, require_file, takes_paths
from detection.backends.mmdet import load_model
from detection.backends.onnx import CLASSES_KEY

if TYPE_CHECKING:
    from torch import Tensor

logger = logging.getLogger(__name__)

OPSET = 17
"""version of the ONNX operators"""
MAX_RELATIVE_ERROR = 1e-4
"""largest difference, relative to the largest output, that counts as rounding; it is 1e-5 even with random weights"""


@takes_paths
def export(checkpoint: Path, out: Path, mmdet_config: Path | None = None) -> None:
    """Turn an mmdet YOLOX checkpoint into ONNX for the onnx backend.

    The graph maps any number n of frames (n, 3, height, width), BGR in 0..255, to
    (n, cell, 5 + class): offsets and logarithmic sizes as the head gives them, objectness and classes
    as probabilities. It is run once and compared with the checkpoint before it is kept.

    Args:
        checkpoint: checkpoint of mmdet 2 or 3.
        out: ONNX file to write.
        mmdet_config: the model's configuration, a Python file that mmengine executes; by default YOLOX-tiny's own.

    Raises:
        BadInput: no such checkpoint, no YOLOX, or a package that is not installed.
    """
    if out.suffix != ".onnx":
        raise BadInput(f"{out}: give a name that ends in .onnx")
    require_file(checkpoint, "give a checkpoint of mmdet")
    model = load_model(checkpoint, mmdet_config, "cpu")
    height, width = input_size(model)
    with replacing(out) as temporary:
        write_onnx(model, temporary, height, width)
        if classes := class_names(model):
            write_classes(temporary, classes)
        difference = compare(model, temporary, height, width)
        if not difference < MAX_RELATIVE_ERROR:
            raise RuntimeError(f"{out}: differs from {checkpoint} by {difference:.2g}, so it was not kept")
    logger.info(
        "%s: %d x %d, differs from the checkpoint by at most %.1g of its output",
        out,
        width,
        height,
        difference,
    )


def input_size(model: Any) -> tuple[int, int]:
    """Read the height and width that the model's configuration scales frames to, in pixels.

    Raises:
        BadInput: it is not a YOLOX.
    """
    from mmdet.utils import get_test_pipeline_cfg

    if type(model).__name__ != "YOLOX":
        raise BadInput(f"{type(model).__name__}: only YOLOX can be exported; give a YOLOX configuration")
    width, height = next(step.scale for step in get_test_pipeline_cfg(model.cfg) if step.type == "Resize")
    return height, width


def class_names(model: Any) -> list[str]:
    """Read the names of the classes that the model's configuration gives; none if they are those of COCO.

    Args:
        model: an mmdet detector.
    """
    loader = model.cfg.get("test_dataloader") or {}
    return list((loader.get("dataset", {}).get("metainfo") or {}).get("classes", ()))


def write_classes(path: Path, names: list[str]) -> None:
    """Write the names of the classes into the metadata of an ONNX file, where the onnx backend reads them.

    Args:
        path: ONNX file, changed.
        names: in the order of the outputs.
    """
    import onnx

    model = onnx.load(str(path))
    onnx.helper.set_model_props(model, {CLASSES_KEY: json.dumps(names)})
    onnx.save(model, str(path))


def write_onnx(model: Any, path: Path, height: int, width: int) -> None:
    """Trace the network and write its graph.

    Args:
        model: an mmdet YOLOX.
        path: ONNX file.
        height: of the input, pixels.
        width: of the input, pixels.
    """
    import torch

    class Raw(torch.nn.Module):
        """The network up to the outputs of its head, concatenated."""

        def __init__(self) -> None:
            super().__init__()
            self.network = model

        def forward(self, images: "Tensor") -> "Tensor":
            return raw_outputs(self.network, images)

    with warnings.catch_warnings(record=True), torch.no_grad():
        torch.onnx.export(
            Raw().eval(),
            (torch.zeros(1, 3, height, width),),
            str(path),
            input_names=["images"],
            output_names=["output"],
            dynamic_axes={"images": {0: "n"}, "output": {0: "n"}},
            opset_version=OPSET,
            dynamo=False,
        )


def raw_outputs(model: Any, images: "Tensor") -> "Tensor":
    """Run an mmdet YOLOX up to its head, in the layout of YOLOX's own exports.

    Args:
        model: an mmdet YOLOX.
        images: (n, 3, height, width) BGR in 0..255, float32.

    Returns:
        (n, cell, 5 + class): x y width height as they are, objectness and classes after the sigmoid.
    """
    import torch

    levels = zip(*model.bbox_head(model.extract_feat(images)), strict=True)
    parts = [
        torch.cat([box, objectness.sigmoid(), classes.sigmoid()], 1).flatten(2)
        for classes, box, objectness in levels
    ]
    return torch.cat(parts, 2).transpose(1, 2)


def compare(model: Any, path: Path, height: int, width: int) -> float:
    """Compute the largest difference between a graph and its model, relative to the largest output.

    The input is two images of random patches.

    Args:
        model: an mmdet YOLOX.
        path: its ONNX file.
        height: of the input, pixels.
        width: of the input, pixels.
    """
    import onnxruntime
    import torch

    patches = np.random.default_rng(0).uniform(0, 255, (2, 3, height // 32, width // 32)).astype(np.float32)
    images = patches.repeat(32, axis=2).repeat(32, axis=3)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    exported = session.run(None, {"images": images})[0]
    with torch.no_grad():
        original = raw_outputs(model, torch.from_numpy(images)).numpy()
    return float(np.abs(exported - original).max() / np.abs(original).max())
