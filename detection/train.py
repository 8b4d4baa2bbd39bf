"""Train a YOLOX on pictures with COCO annotations, by mmdet: its Runner, its model, its losses."""

import logging
import warnings
from pathlib import Path
from typing import Any

from avseld.base.errors import BadInput
from avseld.base.files import takes_paths
from avseld.base.locks import writes_alone_into
from detection.backends.mmdet import require

logger = logging.getLogger(__name__)

CONFIG = Path(__file__).parent / "shipped" / "people_drawn_mmdet.py"
"""configuration of the detector that comes with the package"""
CHECKPOINT = "last.pth"
"""the trained weights in the folder of a run"""


@takes_paths
@writes_alone_into("out")
def train(
    pictures: Path,
    validation: Path,
    out: Path,
    iterations: int = 2500,
    batch_size: int = 16,
    init_from: Path | None = None,
    mmdet_config: Path | None = None,
    seed: int = 0,
) -> Path:
    """Train a YOLOX by mmdet on pictures with COCO annotations; the same command continues an interrupted training.

    Args:
        pictures: folder with annotations.json in COCO's format, as `avseld-prep pictures` writes it; file names in it
            are relative to the folder.
        validation: such a folder of other pictures, on which the network is scored during the training.
        out: folder of the run: checkpoints, log, last.pth.
        iterations: number of steps.
        batch_size: pictures of a step.
        init_from: checkpoint to start from.
        mmdet_config: configuration of mmdet, a Python file that mmengine executes, with the names of the one that comes
            with the package (the default).
        seed: seed of weights, order and augmentation. Runs of as many threads on a CPU give the same bytes.

    Returns:
        The checkpoint, for `avseld-detect export`.

    Raises:
        BadInput: mmdet is not installed, or a folder without annotations.
    """
    require()
    for folder in (pictures, validation):
        if not (folder / "annotations.json").is_file():
            raise BadInput(f"{folder}: no annotations.json; make pictures by avseld-prep pictures")
    config = training_config(pictures, validation, out, iterations, batch_size, mmdet_config, seed)
    if init_from is not None:
        config.load_from = str(init_from)
    warnings.filterwarnings("ignore", category=FutureWarning)
    from mmengine.runner import Runner

    Runner.from_cfg(config).train()
    trained = out / CHECKPOINT
    trained.unlink(missing_ok=True)
    (out / f"iter_{iterations}.pth").rename(trained)
    logger.info(
        "%s: trained; next avseld-detect export --checkpoint %s --out NAME.onnx --mmdet_config %s",
        out,
        trained,
        mmdet_config or CONFIG,
    )
    return trained


def training_config(
    pictures: Path,
    validation: Path,
    out: Path,
    iterations: int,
    batch_size: int,
    mmdet_config: Path | None = None,
    seed: int = 0,
) -> Any:
    """Fill in a configuration of mmdet.

    Args:
        pictures: folder to train on.
        validation: folder to validate on.
        out: folder of the run.
        iterations: number of steps.
        batch_size: pictures of a step.
        mmdet_config: configuration; None takes that of the detector that comes with the package.
        seed: seed of the training.

    Returns:
        An mmengine configuration, which `Runner.from_cfg` takes.
    """
    from mmengine.config import Config

    config = Config.fromfile(str(mmdet_config or CONFIG))
    for loader, folder in (("train_dataloader", pictures), ("val_dataloader", validation)):
        config[loader].dataset.data_root = f"{folder}/"
        config[loader].batch_size = batch_size
    config.test_dataloader = config.val_dataloader
    config.val_evaluator.ann_file = f"{validation}/annotations.json"
    config.test_evaluator = config.val_evaluator
    config.train_cfg.max_iters = iterations
    warm_up, decay = config.param_scheduler
    warm_up.end = decay.begin = min(warm_up.end, max(iterations // 10, 1))
    decay.end = iterations
    config.train_cfg.val_interval = min(config.train_cfg.val_interval, iterations)
    config.randomness = dict(seed=seed, deterministic=True)
    config.work_dir = str(out)
    config.resume = True
    return config
