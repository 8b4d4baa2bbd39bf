"""Training: a recipe and a prepared folder -> a run folder."""

import logging
import platform
import shlex
import warnings
from collections.abc import Iterator
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
from avseld.base.files import takes_paths
from avseld.base.locks import writes_alone_into
from avseld.base.next_step import tell_next
from avseld.config import Data, Hardware, InitFrom, Part, Recipe, Update
from avseld.data.augmentation import augmentation
from avseld.data.folds import choose
from avseld.data.loader import explaining_workers
from avseld.data.shard_windows import ShardWindows
from avseld.data.statistics import learn_from_windows
from avseld.data.visual import box_sources, warn_about_edges
from avseld.data.windows import SceneChange, Windows, WindowSource
from avseld.evaluation.validation import Validator, check_label_frames, tell_how_scored
from avseld.io.manifest import Recording, read_classes
from avseld.io.run_weights import CHECKPOINTS, CONFIG
from avseld.io.shards import has_shards
from avseld.metrics import RULES
from avseld.metrics.definitions import higher_is_better
from avseld.recipes.building import build_system
from avseld.recipes.role_systems import with_role_systems
from avseld.system.build import System
from avseld.system.pretrained import initialize_from, refuse_random_modules
from avseld.training.callbacks import AtomicCheckpoints, WeightFiles, naming_checkpoint
from avseld.training.hardware_choice import with_choice
from avseld.training.module import Learner
from avseld.training.processes import leave_messages_to_first_process
from avseld.training.progress import Progress
from avseld.training.recipe_checks import check_numbers, hardware_errors, steps_to_keep, within_steps
from avseld.training.run_files import (
    check_same_classes,
    check_same_recipe,
    claim,
    last_checkpoint,
    plain,
    run_of_each_seed,
    write_config,
)
from avseld.training.run_log import ValidationLines, logging_into
from avseld.training.stopping import StopAtSignal, explain_early_stop, resuming_all_seeds, stopping_at_signals
from avseld.training.strategy import strategy_of
from avseld.training.tags import SCORE, VALIDATE
from avseld.weights.start import with_files

log = logging.getLogger(__name__)

PACKAGES = ("avseld", "torch", "torchvision", "lightning", "numpy", "soundfile", "librosa")


@takes_paths
@writes_alone_into("out")
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
    seed: int | list[int] = 0,
    legacy: bool = False,
    challenge: int = 2023,
    best_by: str | None = None,
    patience: int | None = None,
    keep_every: int | list[int] | None = None,
    evaluate_training: int | None = None,
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
        out: the run folder, a new one.
        schedule: learning rate over the steps: constant, cosine, one_cycle (with torch's options), step or linear.
        steps: batches to learn from.
        validate_every: steps between validations.
        validate_first: score the untrained system, too.
        seed: of weights, windows and everything else that is random. Several (0,1,2) train one run each, in the folders
            seed0, seed1, ... of `out`.
        legacy: the published rounding and averaging, defects included.
        challenge: the year whose scores are computed.
        best_by: score of a validation by which the best weights are kept: seld_score, F, ...; loss, or last for
            the weights of the last step. If left out: seld_score, or what the target is scored by.
        patience: validations without a better score after which training stops; never if left out.
        keep_every: keep the weights of every so many steps, or of the steps listed (10000,50000); --run RUN@50000 takes
            those of step 50000.
        evaluate_training: score so many recordings of the training, too, at each validation.
        init_from: weights of another run, or weights that come with the package (`avseld weights`), to start from.
        augment: changes of the training windows, in their order: rotate, mix, mask, shift (see `avseld.augment`).
        update: clipping of gradients, accumulation, averaged weights, warm-up of the learning rate.
        hardware: where it runs.
        resume: run to continue from its last checkpoint, as if it had never stopped, with its own recipe. From Python
            True continues the run in `out`, whose recipe must be the one given.

    Raises:
        BadInput: whatever is wrong with the recipe, the files or the run folder; before anything is written.
    """
    leave_messages_to_first_process()
    model = with_role_systems(model, init_from and with_files(init_from))
    recipe = {name: value for name, value in locals().items() if name not in ("out", "resume")}
    check_numbers(recipe)
    recipe["validate_every"], recipe["update"] = within_steps(steps, validate_every, update)
    if isinstance(seed, list) and len(seed) != 1:
        _train_each_seed(recipe, out, resume)
        return
    recipe["seed"] = seed[0] if isinstance(seed, list) else seed
    _train_one(Recipe(**recipe), out, resume)


def _train_one(recipe: Recipe, out: Path, resume: bool) -> None:
    """Train the run of one seed; arguments as for `train`."""
    if recipe.challenge not in RULES:
        raise BadInput(f"challenge: {recipe.challenge} is none of {', '.join(map(str, RULES))}")
    claim(out, resume)
    if resume:
        check_same_recipe(out / CONFIG, words_of(recipe))
        check_same_classes(out, recipe.data.prepared)
    lightning.seed_everything(recipe.seed, verbose=False)
    system = build_system(recipe, read_classes(recipe.data.prepared))
    if not resume:
        refuse_random_modules(system, recipe.init_from)
    check_label_frames(system, recipe.challenge)
    tell_how_scored(system, recipe.challenge)
    best_by = _criterion(recipe.best_by, Validator(system, recipe.challenge))
    checkpoint = last_checkpoint(out) if resume else None
    learner = _learner(recipe, system, learn=checkpoint is None)
    if recipe.init_from is not None:
        initialize_from(system, with_files(recipe.init_from))
    recipe = with_choice(recipe, system, learner.windows, out, resume)
    hardware, learner.settings = recipe.hardware or Hardware(), recipe.data
    if hardware.compile:
        system.compile_model(network=hardware.accelerator != "cpu" and torch.cuda.is_available())
    trainer = _trainer(out, hardware, recipe, best_by, learner)
    if trainer.is_global_zero and not resume:
        write_config(out / CONFIG, words_of(recipe))
    with logging_into(out):
        _log_sizes(learner)
        _fit(trainer, learner, recipe, checkpoint)
        explain_early_stop(trainer, learner.history, recipe.steps)
    _tell_where(out)


def words_of(recipe: Recipe) -> dict[str, Any]:
    """Return the arguments of a training by name, the run folder left out."""
    return {name: value for name, value in vars(recipe).items() if name != "out"}


def _learner(recipe: Recipe, system: System, learn: bool) -> Learner:
    """Choose recordings and build what trains a system on them.

    Args:
        recipe: names the recordings.
        system: gets the way in which the boxes of the training were made.
        learn: whether to learn the statistics of the features from the training windows.
    """
    data = recipe.data
    parts = choose(data, system.visual_spec)
    scenes = augmentation(system, recipe.augment or [], data.format)
    windows = _windows(parts["train"], system, data, recipe.seed, scenes)
    system.blueprint = replace(system.blueprint, boxes_from=box_sources(windows.visual_inputs))
    warn_about_edges(windows.visual_inputs, system.model.wrap)
    learner = Learner(
        system,
        windows,
        parts["validate"],
        data,
        recipe.optimizer,
        recipe.schedule,
        recipe.steps,
        recipe.validate_every,
        recipe.challenge,
        recipe.update,
        recipe.evaluate_training,
    )
    learner.stops = steps_to_keep(recipe.keep_every, recipe.steps)
    if learn:
        learn_from_windows(system, windows, recipe.init_from.roles if recipe.init_from else ())
    return learner


def _windows(
    recordings: list[Recording], system: System, data: Data, seed: int, scenes: list[SceneChange]
) -> WindowSource:
    """Open the training recordings: files that are sought in, or shards that are read in order."""
    return (ShardWindows if has_shards(data.prepared) else Windows)(recordings, system, data, seed, scenes)


def _fit(
    trainer: lightning.Trainer,
    learner: Learner,
    recipe: Recipe,
    checkpoint: Path | None,
) -> None:
    """Train from the beginning or from a checkpoint."""
    with (
        _known_warnings_ignored(),
        stopping_at_signals(trainer),
        explaining_workers(),
        naming_checkpoint(trainer),
    ):
        if recipe.validate_first and checkpoint is None:
            trainer.validate(learner, verbose=False)
        _describe(trainer, words_of(recipe))
        trainer.fit(learner, ckpt_path=checkpoint)


def _tell_where(out: Path) -> None:
    """Log where the weights of a run are, and what to do with them."""
    shown = f"tensorboard --logdir {shlex.quote(str(out))}"
    log.info("%s: the best weights are in model.safetensors; %s shows the run", out, shown)
    tell_next("avseld", "evaluate", "--run", out)


def _train_each_seed(recipe: dict[str, Any], out: Path, resume: bool) -> None:
    """Train one run a seed; a run that exists goes on where the folder of the runs is resumed."""
    for seed, folder in run_of_each_seed(recipe, out, resume):
        with resuming_all_seeds(seed, out):
            begun = resume and (folder / CONFIG).is_file()
            train(**recipe | {"seed": seed}, out=folder, resume=begun)


def _log_sizes(learner: Learner) -> None:
    """Log the number of recordings and of parameters; warn where recordings are both trained and validated on."""
    windows, system = learner.windows, learner.system
    total = sum(weight.numel() for weight in system.model.parameters())
    learned = sum(weight.numel() for weight in system.model.parameters() if weight.requires_grad)
    log.info(
        "%d recordings to train on (%.0f min), %d to validate on; %s parameters%s",
        len(windows.recordings),
        windows.length.sum() / system.sample_rate / 60,
        len(learner.scored[VALIDATE].recordings),
        f"{total:,}",
        "" if learned == total else f", {learned:,} of them trained",
    )
    validated = {recording.name for recording in learner.scored[VALIDATE].recordings}
    if shared := validated & {recording.name for recording in windows.recordings}:
        log.warning(
            "data.allow_overlap: %d of %d recordings to validate on are trained on, too; the scores of the validation "
            "are optimistic, and the best weights are chosen by them",
            len(shared),
            len(validated),
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
            "sync_dist=True",  # every process has the scores of all recordings
            "across ranks is zero",  # a finished run is resumed
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
    out: Path,
    hardware: Hardware,
    recipe: Recipe,
    best_by: str,
    learner: Learner,
) -> lightning.Trainer:
    steps, validate_every, patience = recipe.steps, recipe.validate_every, recipe.patience
    folder = out / CHECKPOINTS
    monitor = {"last": None, "loss": "loss/validate"}.get(best_by, SCORE + best_by)
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
    weights, stop = WeightFiles(out, best, learner.stops), []
    if patience is not None:
        if monitor is None:
            raise BadInput("patience: needs a score to wait for; choose another best_by than last")
        stop = [EarlyStopping(monitor, mode=mode, patience=patience)]
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    words = {name: value for name, value in asdict(hardware).items() if name not in ("compile", "strategy")}
    with hardware_errors():
        return lightning.Trainer(
            **words,
            strategy=strategy_of(hardware, learner.system),
            max_epochs=-(-steps // validate_every),
            enable_progress_bar=False,
            logger=TensorBoardLogger(out, name="", version=""),
            callbacks=[
                weights,
                *stop,
                best,
                last,
                Progress(steps),
                ValidationLines(out, steps, weights, recipe.data.batch_size),
                StopAtSignal(out),
            ],
            plugins=[AtomicCheckpoints()],
            use_distributed_sampler=False,
            reload_dataloaders_every_n_epochs=1,
            num_sanity_val_steps=0,
            enable_model_summary=False,
            log_every_n_steps=min(10, validate_every),
        )


def _describe(trainer: lightning.Trainer, recipe: dict[str, Any]) -> None:
    """Write configuration and versions as texts to TensorBoard."""
    if not trainer.is_global_zero:
        return
    assert isinstance(trainer.logger, TensorBoardLogger)
    board = trainer.logger.experiment
    versions = {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}}
    for name, text in (("configuration", plain(recipe)), ("versions", versions)):
        board.add_text(name, "```yaml\n" + yaml.safe_dump(text, sort_keys=False) + "```")
