"""Write what the documentation's commands expect to find: recordings, network weights; small and made up.

python tests/docs/stand_ins.py FOLDER
"""

import shutil
import sys
from pathlib import Path

import numpy as np
import onnx
import torch
import torchvision
from onnx import TensorProto, helper, numpy_helper

from data_prep.corpora.dcase import STARSS_CLASSES
from data_prep.synth.corpus import synth

SIZE = 64
"""pixels of the detector's square input"""


def write_recordings(folder: Path) -> None:
    """Generate recordings and lay them out as a user's own: `recordings/` with audio, video, labels, and `DIR/`."""
    raw = folder / "raw"
    synth(raw, recordings=10, seconds=4.0, width=360, fps=10, train_rooms=2, test_rooms=1, preset="simple")
    for kind, suffix, target in (
        ("foa_dev", "wav", "audio"),
        ("video_dev", "mp4", "video"),
        ("metadata_dev", "csv", "labels"),
    ):
        (folder / "recordings" / target).mkdir(parents=True)
        (folder / "DIR").mkdir(exist_ok=True)
        for number, path in enumerate(sorted((raw / kind).rglob(f"*.{suffix}")), start=1):
            shutil.copy(path, folder / "recordings" / target / f"take{number}.{suffix}")
            shutil.copy(path, folder / "DIR" / f"take{number}.{suffix}")
    (folder / "recordings" / "classes.txt").write_text("\n".join(STARSS_CLASSES) + "\n", encoding="utf-8")
    shutil.rmtree(raw)


def write_detector(path: Path) -> None:
    """Write an ONNX graph of YOLOX's input and output that finds one person in every image."""
    cells = sum((SIZE // stride) ** 2 for stride in (8, 16, 32))
    output = np.zeros((1, cells, 85), np.float32)
    output[0, cells // 2, 2:6] = 1.0, 1.0, 1.0, 1.0  # logarithmic width and height, objectness, person
    graph = helper.make_graph(
        [helper.make_node("Constant", [], ["output"], value=numpy_helper.from_array(output))],
        "one person",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, SIZE, SIZE])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, output.shape)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, str(path))


def main(folder: Path) -> None:
    """Write everything into a folder."""
    write_recordings(folder)
    write_detector(folder / "YOLOX.onnx")
    torch.save(torchvision.models.resnet50(weights=None).state_dict(), folder / "RESNET50.pth")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
