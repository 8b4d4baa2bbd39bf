"""The Lightning module: training steps, validation over whole recordings, and logging of both."""

import logging
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import torch
from lightning.pytorch.loggers import TensorBoardLogger
from torch.utils.data import DataLoader

from avseld.config import Data, Part, Update
from avseld.data.device_cache import (
    STEPS_PER_STRETCH,
    DeviceCache,
    Stretch,
    Stretches,
    cached_bytes,
    kept_on_device,
)
from avseld.data.loader import LastingLoader, Numbers, Prefetcher, loader
from avseld.data.shard_windows import ShardWindows
from avseld.data.windows import Batch, Windows, WindowSource
from avseld.evaluation.validation import Validator
from avseld.io.manifest import Recording
from avseld.metrics.formulas import Scores
from avseld.system.build import System
from avseld.system.checkpoint import load_weights
from avseld.training.captured import CapturedStep, drawing_on_host
from avseld.training.drawing import Drawn, PredictionDrawing
from avseld.training.optimizers import FUSED_ON, optimizer_of, schedule_of
from avseld.training.random_state import random_state, set_random_state
from avseld.training.run_files import write_history
from avseld.training.scored import mean_losses, of_validation, some_of_training
from avseld.training.step_log import Steps, are_norms_due, log_steps
from avseld.training.tags import (
    OLD_SCORE,
    SCORE,
    TRAINING,
    VALIDATE,
    class_scores,
    class_values,
    layout,
    validation_values,
)
from avseld.training.updates import WeightAverage, check_update, clip_gradients, norms_of, parts_of

log = logging.getLogger(__name__)


class Learner(lightning.LightningModule):
    """Trains a system under Lightning. An epoch is the steps between two validations.

    Args:
        system: the system to train.
        windows: training windows.
        validation: recordings to validate on, whole.
        data: batch size, workers, video control, device cache.
        optimizer: name and options of the optimizer.
        schedule: name and options of the learning rate schedule; constant if None.
        steps: of the whole training.
        validate_every: steps of an epoch.
        challenge: year of the scores.
        update: clipping, accumulation, averaged weights and warm-up; none of them if None.
        evaluate_training: recordings of the training that are scored at each validation, too; none if None.
    """

    def __init__(
        self,
        system: System,
        windows: WindowSource,
        validation: Sequence[Recording],
        data: Data,
        optimizer: Part,
        schedule: Part | None,
        steps: int,
        validate_every: int,
        challenge: int,
        update: Update | None = None,
        evaluate_training: int | None = None,
    ) -> None:
        super().__init__()
        self.update = update or Update()
        self.average: WeightAverage | None = None
        self.average_state: dict[str, Any] | None = None
        check_update(self.update)
        self.system, self.windows, self.settings = system, windows, data
        self.optimizer, self.schedule = optimizer, schedule or Part("constant")
        self.steps, self.validate_every, self.challenge = steps, validate_every, challenge
        self.validator = Validator(system, challenge)
        self.scored = {VALIDATE: of_validation(self.validator, windows, data, validation)}
        if evaluate_training is not None:
            self.scored[TRAINING] = some_of_training(self.validator, windows, data, evaluate_training)
        self.automatic_optimization = False
        self.captured: CapturedStep | None = None
        self.unlogged: Steps | None = None
        self.loss_names: list[str] = []
        self.gradient_norm: torch.Tensor | None = None
        """norm of the gradients of the last step, where it was computed before they were changed, on the device"""
        self.training_losses: list[dict[str, float]] = []
        """those that were logged since the last validation"""
        self.drawing: PredictionDrawing | None = None
        self.history: list[dict[str, float]] = []
        self.random_state: dict[str, Any] | None = None
        self.stops: Sequence[int] = ()
        """steps at which a callback needs the weights"""
        self.configure_optimizers()  # a wrong name or option must show before anything is written

    def configure_optimizers(self) -> Any:
        """Build optimizer and learning rate schedule by their names in the recipe."""
        optimizer = optimizer_of(self.optimizer, self.system)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {
                "scheduler": schedule_of(self.schedule, optimizer, self.steps, self.update.warmup),
                "interval": "step",
            },
        }

    def train_dataloader(self) -> DataLoader[Batch] | Prefetcher | LastingLoader | Stretches:
        """Give this process's share of the windows of the coming epoch."""
        numbers = Numbers(
            self.global_step,  # within an epoch where a stopped run is resumed
            self.steps_to_validation,
            self.settings.batch_size,
            self.global_rank,
            self.trainer.world_size,
        )
        if isinstance(self.windows, ShardWindows):
            return self.lasting_loader.over(numbers)
        if self.cache is not None:
            # Several processes exchange gradients at the end of each `training_step`: one step a stretch.
            longest = STEPS_PER_STRETCH if self.trainer.world_size == 1 else 1
            return Stretches(self.cache, numbers, longest, self.stops)
        return loader(self.windows, numbers, self.settings.workers, self.device)

    @property
    def steps_to_validation(self) -> int:
        """Steps until the next validation, 0 after the last one. The last epoch may be shorter."""
        # Not by `current_epoch`, which Lightning raises only after the first loader of a resumed run is made.
        return min(
            self.validate_every - self.global_step % self.validate_every, self.steps - self.global_step
        )

    @cached_property
    def lasting_loader(self) -> LastingLoader:
        """Reads shards, across validations."""
        return LastingLoader(self.windows, self.settings.workers, self.device)

    @cached_property
    def cache(self) -> DeviceCache | None:
        """The training recordings on the device, or None where they are read from their files."""
        if not isinstance(self.windows, Windows):
            return None
        windows = self.windows
        return kept_on_device(
            self.settings.device_cache,
            cached_bytes(windows),
            self.device,
            lambda: DeviceCache(windows, self.device),
        )

    def val_dataloader(self) -> DataLoader[int]:
        """Give one item: the share of the recordings of this process, which may be empty, is run as one."""
        return DataLoader([0], batch_size=None)  # type: ignore[arg-type]

    def on_train_start(self) -> None:
        """Begin the average of the weights, or take up that of a resumed run."""
        if self.update.average is not None:
            self.average = WeightAverage(self.system.model, self.update.average)
            if self.average_state is not None:
                self.average.load_state_dict(self.average_state)

    def averaged(self) -> AbstractContextManager[None]:
        """Put the averaged weights in place for the time of a block, where the recipe has them averaged."""
        return nullcontext() if self.average is None else self.average.in_use()

    def on_train_epoch_start(self) -> None:
        """Take up the random generators where a resumed run left them."""
        if self.random_state is not None:
            set_random_state(self.random_state)
            self.random_state = None

    def training_step(self, batch: Batch | Stretch, number: int) -> dict[str, Any]:
        """Take one step on a batch, or several on a stretch of a cached corpus.

        Returns:
            last_loss: of the last step that was logged, or None; steps: steps taken.
        """
        if isinstance(batch, Stretch):
            return self._train_stretch(batch)
        step, rate = self.global_step, self._rate()
        self._seed(step)
        losses = self._learn(batch)
        self._update()
        taken = Steps(step, losses[None], [rate], self._norms(step))
        return {"last_loss": self._log_losses(taken), "steps": 1}

    def _train_stretch(self, stretch: Stretch) -> dict[str, Any]:
        if self.captured is None and self._can_be_captured:
            self.captured = CapturedStep(self._learn, self.optimizers().optimizer, stretch.cache)  # type: ignore[union-attr]
        first, losses, rates = self.global_step, [], []
        norms: dict[int, torch.Tensor] = {}
        for step in range(len(stretch)):
            self._seed(first + step)
            rates.append(self._rate())
            places = stretch.places[step]
            if self.captured is not None:
                losses.append(self.captured(places).clone())
                self._average()
                self._count_step()
            else:
                losses.append(self._learn(stretch.cache.batch(places)))
                self._update()
            norms |= self._norms(first + step)
        # The losses of the stretch before are read, so that the GPU has work queued while the host waits for them.
        before, self.unlogged = self.unlogged, Steps(first, torch.stack(losses), rates, norms)
        last = self._log_losses(before) if before is not None else None
        return {"last_loss": last, "steps": len(stretch)}

    def _norms(self, step: int) -> dict[int, torch.Tensor]:
        """Compute the norms of weights and gradients (2,) on the device, after a step whose norms are due.

        They are no part of the recorded step: its gradients lie where they lay when it was recorded.
        """
        due = are_norms_due(self.trainer, step)
        return {step: norms_of(self.system.model, self.gradient_norm)} if due else {}

    def _rate(self) -> float:
        """Return the learning rate of the coming step."""
        return float(self.optimizers().optimizer.param_groups[0]["lr"])  # type: ignore[union-attr]

    def _count_step(self) -> None:
        """Count a step that Lightning's optimizer has not taken, and set the next learning rate."""
        progress = self.trainer.fit_loop.epoch_loop.manual_optimization.optim_step_progress
        progress.increment_ready()
        progress.increment_completed()
        self.lr_schedulers().step()  # type: ignore[union-attr]

    @cached_property
    def _can_be_captured(self) -> bool:
        """Whether the host decides nothing in a step: one process, no loss scaling, features changed on the device."""
        if self.device.type != "cuda" or self.trainer.world_size > 1 or self.trainer.precision == "16-mixed":
            return False
        on_host = drawing_on_host(self.system.masks)
        if on_host:
            log.info(
                "steps run one by one, not as a CUDA graph: %s has no draws_on_device", ", ".join(on_host)
            )
        return not on_host

    def _seed(self, step: int) -> None:
        """Make dropout and whatever else is drawn in a step a function of seed, step and process."""
        words = np.random.SeedSequence([self.windows.seed, step, self.global_rank])
        seed = int(words.generate_state(1, np.uint64)[0])
        # Not `torch.manual_seed`: it asks every kind of device, and takes milliseconds.
        torch.default_generator.manual_seed(seed)
        if self.device.type == "cuda":
            torch.cuda.default_generators[self.device.index or 0].manual_seed(seed)

    def _learn(self, batch: Batch) -> torch.Tensor:
        """Compute losses and gradients; returns the losses (loss,) in the order of `loss_names`."""
        self.zero_grad(set_to_none=True)
        total: torch.Tensor | float = 0.0
        for part in parts_of(batch, self.update.accumulate):
            output = self.system(part["waveform"], part.get("visual"))
            losses = self.system.training_loss(output, part)
            self.loss_names = list(losses)
            self.manual_backward(losses["loss"] / self.update.accumulate)
            total = total + torch.stack([value.detach() for value in losses.values()])
        scaler = getattr(self.trainer.precision_plugin, "scaler", None)
        # A fused optimizer leaves the gradients multiplied, and the factor may change after the step.
        is_due = scaler is not None and are_norms_due(self.trainer, self.global_step)
        if self.update.clip is not None or is_due:
            largest = float("inf") if self.update.clip is None else self.update.clip
            self.gradient_norm = clip_gradients(
                self.system.model, largest, scaler.get_scale() if scaler else 1.0
            )
        return total / self.update.accumulate  # type: ignore[return-value]

    def _average(self) -> None:
        if self.average is not None:
            self.average.update()

    def _update(self) -> None:
        self.optimizers().step()  # type: ignore[union-attr]
        self._average()
        self.lr_schedulers().step()  # type: ignore[union-attr]

    def _log_losses(self, taken: Steps) -> float | None:
        """Log the losses of some steps; returns the last loss that was logged, or None."""
        optimizer = type(self.optimizers().optimizer).__name__  # type: ignore[union-attr]
        logged = log_steps(self.trainer, taken, self.loss_names, optimizer)
        self.training_losses += logged
        return logged[-1]["loss"] if logged else None

    def log_remaining_losses(self) -> None:
        """Log the losses of the last stretch, which no further one follows."""
        if self.unlogged is not None:
            self._log_losses(self.unlogged)
            self.unlogged = None

    def on_validation_epoch_start(self) -> None:
        """Log the losses that are left."""
        self.log_remaining_losses()

    def validation_step(self, item: int, number: int) -> None:
        """Run this process's share of the recordings, whole and exactly as prediction does, and count."""
        # As in prediction, whatever the training's precision.
        with self.averaged(), torch.autocast(self.device.type, enabled=False):
            for scored in self.scored.values():
                scored.rank, scored.n_processes = self.global_rank, self.trainer.world_size
                scored.run()

    def on_validation_epoch_end(self) -> None:
        """Add up the counts of all processes, compute scores, and draw some recordings."""
        values: dict[str, float] = {}
        scores: dict[str, Scores] = {}
        for name, scored in self.scored.items():
            results = scored.gather()
            scores[name] = self.validator.scores(results)
            values |= validation_values(scores[name].values, mean_losses(results), name)
        self.log_dict(values, logger=False, rank_zero_only=False, sync_dist=False)
        if self.trainer.is_global_zero:
            classwise, classes = scores[VALIDATE].classwise, self.system.blueprint.classes
            shown = class_scores(classwise, self.challenge)
            of_class = class_values(classwise, classes, shown)
            self.trainer.loggers[0].log_metrics(values | of_class, step=self.global_step)
            self.history.append({"step": float(self.global_step), **values})
            write_history(Path(str(self.trainer.loggers[0].log_dir)) / "metrics.csv", self.history)
            self._show(shown)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep every random generator's state."""
        checkpoint["random_state"] = random_state()
        checkpoint["average"] = None if self.average is None else self.average.state_dict()
        checkpoint["history"] = self.history

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Refuse another architecture in one line; remember the generators' states."""
        kept = {name.removeprefix("system."): value for name, value in checkpoint["state_dict"].items()}
        weights = {name.removeprefix("model."): value for name, value in kept.items()}
        load_weights(self.system, weights, self.trainer.ckpt_path or "checkpoint")
        self.random_state, self.average_state = checkpoint.get("random_state"), checkpoint.get("average")
        fused = self.device.type in FUSED_ON
        for state in checkpoint.get("optimizer_states", []):
            for group in state["param_groups"]:  # a run may go on on another kind of device
                group["fused"] = fused if group.get("foreach") is None else None
        self.history = checkpoint.get("history", [])
        for row in self.history:  # of an earlier version
            for name in [name for name in row if name.startswith(OLD_SCORE)]:
                row[name.replace(OLD_SCORE, SCORE, 1)] = row.pop(name)

    def _show(self, shown: Sequence[str]) -> None:
        """Draw predictions, and lay out TensorBoard's overview at the first validation of this process."""
        scored = self.scored[VALIDATE]
        if self.drawing is None:
            board = self.trainer.loggers[0]
            assert isinstance(board, TensorBoardLogger)
            blueprint = self.system.blueprint
            self.drawing = PredictionDrawing(board, blueprint.classes, self.system.sample_rate)
            losses = list(dict.fromkeys([*self.loss_names, *scored.results[0][1].losses]))
            board.experiment.add_custom_scalars(layout(losses, self.validator.names, shown))
            if len(self.history) == 1:
                self.drawing.play(scored.recordings[0], self.global_step)
        drawn = [
            Drawn(scored.recordings[place], scored.references[place], prediction)
            for place, prediction in scored.examples.items()
        ]
        self.drawing.draw(drawn, self.global_step, self.global_step >= self.steps)

    def on_fit_end(self) -> None:
        """Wait for the last drawing."""
        if self.drawing is not None:
            self.drawing.wait()
