"""Material of the detection tests: small videos, images, and YOLOX weights in the format of mmdet."""

from collections.abc import Sequence
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from avseld.io.boxes import PERSON
from detection.detector import Detections


def with_mmdet(test: Any) -> Any:
    """Run a test only where mmdet is installed."""
    absent = find_spec("mmdet") is None or find_spec("mmcv") is None
    skip = pytest.mark.skipif(absent, reason="mmdet is not installed; scripts/install_mmdet.sh does that")
    return pytest.mark.mmdet(skip(test))


def picture(path: Path) -> np.ndarray:
    """Read an image as (height, width, 3) RGB, uint8."""
    return np.asarray(Image.open(path).convert("RGB"))


def write_video(path: Path, pictures: Sequence[np.ndarray], fps: Fraction | int) -> Path:
    """Encode (height, width, 3) frames nearly without loss."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=fps, options={"crf": "10", "preset": "ultrafast"})
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        for each in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(each, format="rgb24")))
        container.mux(stream.encode())
    return path


def panorama(
    crops: dict[tuple[float, float], Path], height: int, shape: tuple[int, int] = (960, 1920)
) -> np.ndarray:
    """Create an equirectangular image of a grey room with crops centred at positions in 0..1 of width and height.

    Args:
        crops: (x, y) -> image file.
        height: of every crop, pixels.
        shape: height and width of the panorama.
    """
    rows = np.linspace(90, 170, shape[0])[:, None, None]
    scene = Image.fromarray(np.broadcast_to(rows, (*shape, 3)).astype(np.uint8))
    for (x, y), path in crops.items():
        crop = Image.open(path).convert("RGB")
        crop = crop.resize((round(crop.width * height / crop.height), height))
        scene.paste(crop, (round(x * shape[1] - crop.width / 2), round(y * shape[0] - height / 2)))
    return np.asarray(scene)


def adopt(model: Any, onnx_file: Path) -> None:
    """Copy the weights of a YOLOX release in ONNX to a YOLOX of mmdet.

    The release has its normalisations folded into the convolutions, in the order in which YOLOX runs them;
    mmdet has the same layers under other names, and in a cross-stage block it runs the short branch first.
    """
    import onnx
    import torch
    from onnx import numpy_helper

    graph = onnx.load(str(onnx_file)).graph
    arrays = {each.name: torch.tensor(numpy_helper.to_array(each)) for each in graph.initializer}
    weights = [[arrays[name] for name in node.input[1:]] for node in graph.node if node.op_type == "Conv"]
    layers = _in_order(model)
    assert len(layers) == len(weights)
    with torch.no_grad():
        for layer, (kernel, bias) in zip(layers, weights, strict=True):
            convolution = getattr(layer, "conv", layer)
            assert convolution.weight.shape == kernel.shape
            convolution.weight.copy_(kernel)
            (layer.bn if hasattr(layer, "bn") else layer).bias.copy_(bias)
            if hasattr(layer, "bn"):
                layer.bn.weight.fill_((1 + layer.bn.eps) ** 0.5)
                layer.bn.running_mean.zero_()
                layer.bn.running_var.fill_(1)


def _in_order(module: Any) -> list[Any]:
    """List the convolutions with their normalization of a YOLOX of mmdet, in the order of the original code."""
    kind = type(module).__name__
    if kind in ("ConvModule", "Conv2d"):
        return [module]
    if kind == "CSPLayer":
        parts = [module.main_conv, module.short_conv, module.blocks, module.final_conv]
    elif kind == "YOLOX":
        neck, head = module.neck, module.bbox_head
        down = zip(neck.reduce_layers, neck.top_down_blocks, strict=True)
        up = zip(neck.downsamples, neck.bottom_up_blocks, strict=True)
        names = ("cls_convs", "conv_cls", "reg_convs", "conv_reg", "conv_obj")
        levels = zip(neck.out_convs, *(getattr(head, f"multi_level_{name}") for name in names), strict=True)
        parts = [module.backbone, *(part for group in (*down, *up, *levels) for part in group)]
    else:
        parts = list(module.children())
    return [layer for part in parts for layer in _in_order(part)]


class Bright:
    """Detector of bright areas, one colour channel per person, exact to the pixel."""

    name, weights, size = "bright", "none", 416

    def __call__(self, frames):
        return [self.one(frame) for frame in frames]

    def one(self, frame):
        boxes = []
        for channel in range(3):
            rows, columns = np.nonzero(frame[..., channel] > 128)
            if len(rows):
                edges = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1], float)
                boxes.append(edges / np.array([frame.shape[1], frame.shape[0]] * 2))
        n = len(boxes)
        return Detections(np.array(boxes).reshape(n, 4), np.full(n, 0.9), np.full(n, PERSON))
