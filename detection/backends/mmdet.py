"""YOLOX by MMDetection 3.3: its own configuration, its own pipeline, a checkpoint file.

Chen et al., "MMDetection: Open MMLab Detection Toolbox and Benchmark" (arXiv 1906.07155). mmdet and mmcv are
an extra (scripts/install_mmdet.sh) and imported inside the functions, so that everything else works without them.
"""

import pickle
import pickletools
import warnings
import zipfile
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from avseld.base.errors import BadInput
from avseld.base.files import sha256
from detection.detector import Detections
from detection.weights import find_weights

if TYPE_CHECKING:
    from torch import Tensor

TINY_CONFIG = ".mim/configs/yolox/yolox_tiny_8xb8-300e_coco.py"
"""file in the mmdet package: YOLOX-tiny, 416 x 416, score above 0.01, NMS 0.65"""

RENAMED = {"__builtin__": "builtins", "copy_reg": "copyreg"}
"""modules that the pickle protocol of torch.save still calls by their names of Python 2"""


class MmdetDetector:
    """An mmdet model with the test pipeline of its configuration."""

    name = "mmdet"

    def __init__(self, model: Any, weights: str) -> None:
        from mmcv.transforms import Compose
        from mmdet.utils import get_test_pipeline_cfg

        self.model = model
        self.weights = weights
        steps = get_test_pipeline_cfg(model.cfg.copy())
        steps[0].type = "mmdet.LoadImageFromNDArray"
        self.pipeline = Compose([step for step in steps if step.type != "LoadAnnotations"])
        self.size = max(next(step.scale for step in steps if step.type == "Resize"))

    def __call__(self, frames: np.ndarray) -> list[Detections]:
        """Detect boxes.

        Args:
            frames: (n, height, width, 3) RGB, uint8.
        """
        import torch

        if not len(frames):
            return []
        ready = [
            self.pipeline({"img": np.ascontiguousarray(frame[..., ::-1]), "img_id": 0}) for frame in frames
        ]
        batch = {key: [each[key] for each in ready] for key in ("inputs", "data_samples")}
        with torch.inference_mode():
            samples = self.model.test_step(batch)
        unit = np.array([frames.shape[2], frames.shape[1]] * 2, np.float32)
        return [_detections(sample.pred_instances, unit) for sample in samples]


def load(weights: Path | None = None, threads: int = 0, config: Path | None = None) -> MmdetDetector:
    """Open an mmdet checkpoint, on the GPU if there is one.

    Args:
        weights: checkpoint of mmdet 2 or 3; None takes YOLOX-tiny's release.
        threads: processor threads; 0 leaves torch's choice.
        config: the model's configuration; None takes YOLOX-tiny's own.

    Raises:
        BadInput: mmdet is not installed, no checkpoint, or one of another architecture.
    """
    require()  # before anything is fetched
    weights = find_weights("mmdet", weights)
    if threads:
        import torch

        torch.set_num_threads(threads)
    return MmdetDetector(load_model(weights, config), sha256(weights))


def load_model(weights: Path, config: Path | None = None, device: str | None = None) -> Any:
    """Build the model of a configuration and load the tensors of a checkpoint.

    The checkpoint is not given to mmdet's own loader, which would execute its pickle.

    Args:
        weights: checkpoint of mmdet 2 or 3.
        config: the model's configuration; None takes YOLOX-tiny's own.
        device: torch device; None takes the GPU if there is one.

    Raises:
        BadInput: as for `load`.
    """
    require()
    tensors = read_tensors(weights)
    warnings.filterwarnings("ignore", category=FutureWarning, module="mmdet")
    warnings.filterwarnings("ignore", message="torch.meshgrid")
    model = build(config, device or best_device())
    try:
        left = model.load_state_dict(tensors, strict=False)
        wrong = [
            key for key in left.missing_keys if not key.endswith("num_batches_tracked")
        ] + left.unexpected_keys
    except RuntimeError as error:
        wrong = [" ".join(str(error).split())[:120]]
    if wrong:
        raise BadInput(
            f"{weights}: of another architecture than {config or Path(TINY_CONFIG).name} "
            f"({len(wrong)} differences, first {wrong[0]}); give the right checkpoint or --mmdet-config"
        )
    return model


def build(config: Path | None = None, device: str = "cpu") -> Any:
    """Build the model of a configuration, with random weights.

    Args:
        config: an mmdet configuration, a Python file that mmengine executes; None takes YOLOX-tiny's own.
        device: torch device.
    """
    if config is not None and not Path(config).is_file():
        raise BadInput(f"{config}: not found; give a configuration of mmdet")
    with warnings.catch_warnings(record=True):
        from mmdet.apis import init_detector

        return init_detector(str(config or packaged(TINY_CONFIG)), checkpoint=None, device=device)


def best_device() -> str:
    """Choose the GPU if there is one and mmcv's operators were built for it, else the processor."""
    import torch
    from mmcv.ops import get_compiling_cuda_version

    return "cuda:0" if torch.cuda.is_available() and "." in get_compiling_cuda_version() else "cpu"


def packaged(name: str) -> Path:
    """Return the path of a file inside the mmdet package."""
    import mmdet

    return Path(mmdet.__file__).parent / name


def require() -> None:
    """Check that mmdet and mmcv with its compiled operators are installed.

    Raises:
        BadInput: one of them is not installed.
    """
    for package in ("mmdet", "mmcv", "mmcv._ext"):
        try:
            there = find_spec(package) is not None
        except (ImportError, AttributeError):
            there = False
        if not there:
            raise BadInput(f"{package}: not installed; run scripts/install_mmdet.sh, or use --backend onnx")


def read_tensors(weights: Path) -> "dict[str, Tensor]":
    """Read the tensors of a checkpoint without executing anything in it.

    Checkpoints also hold logs (numpy numbers, mmengine's HistoryBuffer, ...), which torch's loader of plain
    tensors refuses. Here every name that torch does not know is replaced by a blank object; nothing is called.

    Returns:
        name -> tensor; exponential moving averages (`ema_...`) are left out.

    Raises:
        BadInput: not a checkpoint.
    """
    import torch

    weights = Path(weights)
    try:
        blanks: list[Any] = [(STAND_INS.get(name, _Blank), name) for name in global_names(weights)]
        with torch.serialization.safe_globals(blanks):
            content = torch.load(weights, map_location="cpu", weights_only=True)
    except (
        OSError,
        EOFError,
        ValueError,
        RuntimeError,
        KeyError,
        pickle.UnpicklingError,
        zipfile.BadZipFile,
    ) as error:
        reason = " ".join(str(error).split())[:120]
        raise BadInput(f"{weights}: no checkpoint that can be read ({reason}); give another file") from error
    state = content.get("state_dict", content) if isinstance(content, dict) else None
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise BadInput(f"{weights}: holds no state_dict of tensors; give a checkpoint of mmdet")
    plain = {key.removeprefix("module."): value for key, value in state.items()}
    return {key: value for key, value in plain.items() if not key.startswith("ema_")}


def global_names(path: Path) -> set[str]:
    """List the classes and functions that a checkpoint's pickles refer to; nothing is unpickled.

    Args:
        path: either form of `torch.save`: a zip archive, or (before torch 1.6, and in what mmdet publishes)
            five pickles in a row.
    """
    if not zipfile.is_zipfile(path):
        with path.open("rb") as file:
            return set().union(*(_mentioned(file) for _ in range(5)))
    with zipfile.ZipFile(path) as archive:
        inner = [name for name in archive.namelist() if name.endswith("data.pkl")]
        return set().union(*(_mentioned(archive.open(name)) for name in inner))


class _Blank:
    """Placeholder of any object that is not a tensor."""

    def __new__(cls, *_: Any) -> "_Blank":
        return object.__new__(cls)

    def __setstate__(self, state: object) -> None:
        pass


def _blank_attribute(*_: Any) -> type[_Blank]:
    return _Blank


STAND_INS = {"builtins.getattr": _blank_attribute}
"""placeholders that must be callable: pickles fetch methods by getattr and then call them"""


def _mentioned(file: Any) -> set[str]:
    found = (argument for code, argument, _ in pickletools.genops(file) if code.name == "GLOBAL")
    return {_current_name(str(argument)) for argument in found}


def _current_name(argument: str) -> str:
    """Convert `module name` of a pickle to Python 3: `__builtin__ getattr` is `builtins.getattr`."""
    module, _, name = argument.partition(" ")
    return f"{RENAMED.get(module, module)}.{name}"


def _detections(instances: Any, unit: np.ndarray) -> Detections:
    """Convert the detections of one frame; `unit` (4,) are the pixels of 1."""
    box, score, label = (getattr(instances, key).cpu().numpy() for key in ("bboxes", "scores", "labels"))
    box = box / unit
    order = np.argsort(-score, kind="stable")
    order = order[np.isfinite(box[order]).all(axis=1)]
    return Detections(box[order], score[order], label[order])
