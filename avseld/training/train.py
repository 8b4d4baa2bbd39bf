"""Training: a recipe and a prepared folder -> a run folder."""

import logging
import os
import platform
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import lightning
import torch
import yaml
from lightning.pytorch.callbacks import (
    EarlyStopping,
    ModelCheckpoint,
)
from lightning.pytorch.loggers import TensorBoardLogger

from avseld.base.errors import BadInput
from avseld.base.files import replacing
from avseld.base.rates import exact_div
from avseld.config import OLD_DATA_NAMES, Data, Hardware, InitFrom, Part, Update
from avseld.data.augmentation import augmentation
from avseld.data.folds import choose
from avseld.data.windows import Windows
from avseld.evaluation.validation import Validator, warn_without_distance
from avseld.features import learn_statistics
from avseld.io.boxes import read_source
from avseld.io.manifest import Recording, read_classes
from avseld.metrics import RULES
from avseld.metrics.definitions import higher_is_better
from avseld.system.blueprint import Blueprint
from avseld.system.build import System
from avseld.system.pretrained import initialize_from
from avseld.training.callbacks import AtomicCheckpoints, WeightFiles
from avseld.training.module import Learner
from avseld.training.progress import Progress

log = logging.getLogger(__name__)

STATISTICS_WINDOWS = 256
"""training windows from which the mean and standard deviation of the features are computed"""

PACKAGES = ("avseld", "torch", "torchvision", "lightning", "numpy", "soundfile", "librosa")


def train(
    data: Data,
    features: Part,
    model: Part,
    target: Part,
    optimizer: Part,
    out: Path,
    schedule: Part | None = None,
    steps: int = 20000,
    validate_every: int = 1000,
    validate_first: bool = False,
    seed: int = 0,
    legacy: bool = False,
    challenge: int = 2023,
    best_by: str | None = None,
    patience: int | None = None,
    init_from: InitFrom | None = None,
    augment: list[Part] | None = None,
    update: Update | None = None,
    hardware: Hardware | None = None,
    resume: bool = False,
) -> None:
    """Train a system and keep the best and the last weights in a run folder.

    Args:
        data: recordings and windows.
        features: input features.
        model: the network.
        target: the output format with its loss.
        optimizer: adam, adamw or sgd, with torch's options.
        out: the run folder; must not exist unless resume.
        schedule: learning rate over the steps: constant, cosine, one_cycle (with torch's options), step or linear.
        steps: batches to learn from.
        validate_every: steps between validations.
        validate_first: score the untrained system, too.
        seed: of weights, windows and everything else that is random.
        legacy: the published rounding and averaging, defects included.
        challenge: the year whose scores are computed.
        best_by: score of a validation by which the best weights are kept: seld_score, F, ...; loss, or last for
            the weights of the last step. If left out: seld_score, or what the target is scored by.
        patience: validations without a better score after which training stops; never if left out.
        init_from: weights of another run to start from.
        augment: changes of the training windows, in their order: rotate, mix, mask, shift (see `avseld.augment`).
        update: clipping of gradients, accumulation, averaged weights, warm-up of the learning rate.
        hardware: where it runs.
        resume: continue the run in `out` from its last checkpoint, as if it had never stopped.

    Raises:
        BadInput: whatever is wrong with the recipe, the files or the run folder; before anything is written.
    """
    out = Path(out)  # from Python it may be a str
    recipe = {name: value for name, value in locals().items() if name not in ("out", "resume")}
    hardware = hardware or Hardware()
    epochs = exact_div(steps, validate_every, "steps and validate_every")
    if challenge not in RULES:
        raise BadInput(f"challenge: {challenge} is none of {', '.join(map(str, RULES))}")
    _claim(out, resume)
    if resume:
        _same_recipe(out / "config.yaml", recipe)
    lightning.seed_everything(seed, verbose=False)
    classes, window = read_classes(data.prepared), (data.format, data.chunk, legacy, data.inference_chunk)
    system = System(Blueprint(features, model, target, classes, *window))
    warn_without_distance(system, challenge)
    best_by = _criterion(best_by, Validator(system, challenge))
    parts = choose(data, system.visual_spec)
    system.blueprint = replace(system.blueprint, boxes_from=box_sources(parts["train"], system, data))
    scenes = augmentation(system, augment or [], data.format)
    windows = Windows(parts["train"], system, data, seed, scenes)
    learner = Learner(
        system,
        windows,
        parts["validate"],
        data,
        optimizer,
        schedule,
        steps,
        validate_every,
        challenge,
        update,
    )
    _log_sizes(system, windows, len(parts["validate"]))
    if not resume:
        plain = Windows(parts["train"], system, data, seed) if scenes else windows
        learn_statistics(system.features, (plain[n]["waveform"][None] for n in range(STATISTICS_WINDOWS)))
    if init_from is not None:
        initialize_from(system, init_from)
    if system.model.find_unused_parameters:
        hardware = _finding_unused_parameters(hardware)
    if hardware.compile:
        system.compile_model(network=hardware.accelerator != "cpu" and torch.cuda.is_available())
    trainer = _trainer(out, hardware, steps, epochs, best_by, patience)
    if trainer.is_global_zero and not resume:
        _write_config(out / "config.yaml", recipe)
    checkpoint = out / "checkpoints" / "last.ckpt" if resume else None
    if checkpoint is not None and not checkpoint.is_file():
        raise BadInput(f"{checkpoint}: not found; nothing to resume, start anew in another folder")
    with _known_warnings_ignored():
        if validate_first and not resume:
            trainer.validate(learner, verbose=False)
        _describe(trainer, recipe)
        trainer.fit(learner, ckpt_path=checkpoint)
    log.info("%s: the best weights are in model.safetensors; tensorboard --logdir %s shows the run", out, out)


def box_sources(recordings: Sequence[Recording], system: System, data: Data) -> list[dict[str, Any]]:
    """List how the boxes of a training were made, each way once; empty without boxes.

    Args:
        recordings: to train on.
        system: takes boxes or not.
        data: says whether videos are used.
    """
    if data.video == "blank" or not system.visual_spec.n_boxes:
        return []
    sources: list[dict[str, Any]] = []
    for recording in recordings:
        source = read_source(recording.boxes) if recording.boxes is not None else {}
        if source and source not in sources:
            sources.append(source)
    return sources


def _log_sizes(system: System, windows: Windows, n_validation: int) -> None:
    log.info(
        "%d recordings to train on (%.0f min), %d to validate on; %s parameters",
        len(windows.recordings),
        windows.length.sum() / system.sample_rate / 60,
        n_validation,
        f"{sum(weight.numel() for weight in system.model.parameters()):,}",
    )


@contextmanager
def _known_warnings_ignored() -> Iterator[None]:
    """Ignore warnings of Lightning about what is intended here."""
    with warnings.catch_warnings():
        for message in (
            "does not have many workers",
            "smaller than the logging interval",  # a batch of a cached corpus is a stretch of steps
            "is deprecated, use `isinstance",
            "exists and is not empty",
            "in eval mode at the start of training",  # frozen modules
        ):
            warnings.filterwarnings("ignore", message=f".*{message}.*")
        yield


def _criterion(best_by: str | None, validator: Validator) -> str:
    """Return the name of the score that selects the best weights.

    Raises:
        BadInput: no such score.
    """
    known = (*validator.names, "loss", "last")
    if best_by is not None and best_by not in known:
        raise BadInput(f"best_by: '{best_by}' is none of {', '.join(known)}")
    return best_by or validator.default


def _trainer(
    out: Path, hardware: Hardware, steps: int, epochs: int, best_by: str, patience: int | None
) -> lightning.Trainer:
    folder = out / "checkpoints"
    monitor = {"last": None, "loss": "loss/validate"}.get(best_by, f"scores/{best_by}")
    mode = "max" if best_by == "last" or higher_is_better(best_by) else "min"
    best = ModelCheckpoint(
        folder,
        "best",
        monitor=monitor,
        mode=mode,
        save_on_train_epoch_end=True,
        enable_version_counter=False,
    )
    last = ModelCheckpoint(folder, "last", save_on_train_epoch_end=True, enable_version_counter=False)
    stop = []
    if patience is not None:
        if monitor is None:
            raise BadInput("patience: needs a score to wait for; choose another best_by than last")
        stop = [EarlyStopping(monitor, mode=mode, patience=patience)]
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    words = {name: value for name, value in asdict(hardware).items() if name != "compile"}
    return lightning.Trainer(
        **words,
        max_epochs=epochs,
        enable_progress_bar=False,
        logger=TensorBoardLogger(out, name="", version=""),
        callbacks=[
            WeightFiles(out, best),
            *stop,
            best,
            last,
            Progress(steps),
        ],
        plugins=[AtomicCheckpoints()],
        use_distributed_sampler=False,
        reload_dataloaders_every_n_epochs=1,
        num_sanity_val_steps=0,
        enable_model_summary=False,
        log_every_n_steps=min(10, steps // epochs),
    )


def _finding_unused_parameters(hardware: Hardware) -> Hardware:
    """Set the DDP strategy that accepts parameters without a gradient, where there are several processes."""
    several = hardware.num_nodes > 1 or hardware.devices not in (1, "1", "auto")
    if hardware.devices == "auto" and hardware.accelerator != "cpu":
        several = several or torch.cuda.device_count() > 1
    if several and hardware.strategy in ("auto", "ddp"):
        return replace(hardware, strategy="ddp_find_unused_parameters_true")
    return hardware


def _claim(out: Path, resume: bool) -> None:
    """Refuse a run folder that is in use; only the first process checks, since it creates the folder itself."""
    # torchrun sets RANK, srun SLURM_PROCID; Lightning's own launcher NODE_RANK and LOCAL_RANK.
    if any(int(os.environ.get(name, 0)) for name in ("RANK", "SLURM_PROCID", "NODE_RANK", "LOCAL_RANK")):
        return
    taken = (out / "config.yaml").exists()
    if taken and not resume:
        raise BadInput(
            f"{out}: holds a run already; choose another --out, or continue it with --resume {out}"
        )
    if resume and not taken:
        raise BadInput(f"{out}: holds no run to resume; start one without --resume")


def _same_recipe(path: Path, recipe: dict[str, Any]) -> None:
    """Refuse to resume under another recipe: only hardware, workers and the data's place may change."""
    before, now = yaml.safe_load(path.read_text(encoding="utf-8")), _plain(recipe)
    before["data"].setdefault("inference_chunk", before["data"].get("listen"))
    for config in (before, now):
        config.pop("hardware", None)
        for name in ("prepared", "workers", "device_cache", *OLD_DATA_NAMES):
            config["data"].pop(name, None)
    for name in sorted(set(before) | set(now)):
        if before.get(name) != now.get(name):
            raise BadInput(
                f"{path}: {name} is {before.get(name)} there and {now.get(name)} now; resume with the run's own "
                "recipe, or start another run"
            )


def _write_config(path: Path, recipe: dict[str, Any]) -> None:
    with replacing(path) as temporary:
        temporary.write_text(yaml.safe_dump(_plain(recipe), sort_keys=False), encoding="utf-8")


def _plain(value: Any) -> Any:
    """Turn dataclasses and paths into what YAML knows, paths absolute so that the file works from any folder."""
    if hasattr(value, "__dataclass_fields__"):
        return _plain(asdict(value))
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items() if key not in OLD_DATA_NAMES}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return str(value.absolute()) if isinstance(value, Path) else value


def _describe(trainer: lightning.Trainer, recipe: dict[str, Any]) -> None:
    """Write configuration and versions as texts to TensorBoard."""
    if not trainer.is_global_zero:
        return
    assert isinstance(trainer.logger, TensorBoardLogger)
    board = trainer.logger.experiment
    versions = {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}}
    for name, text in (("configuration", _plain(recipe)), ("versions", versions)):
        board.add_text(name, "```yaml\n" + yaml.safe_dump(text, sort_keys=False) + "```")
