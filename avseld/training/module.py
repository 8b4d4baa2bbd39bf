"""The Lightning module: training steps, validation over whole recordings, and logging of both."""

import logging
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import lightning
import numpy as np
import torch
from lightning.pytorch.loggers import TensorBoardLogger
from torch.utils.data import DataLoader

from avseld.base.errors import BadInput
from avseld.config import Data, Part, Update
from avseld.data.device_cache import STEPS_PER_STRETCH, DeviceCache, Stretch, Stretches, cached_bytes, fits
from avseld.data.device_recordings import DeviceRecordings, recordings_bytes
from avseld.data.loader import Numbers, Prefetcher, loader
from avseld.data.visual import visual_inputs
from avseld.data.windows import Batch, Windows, check_annotation, reference
from avseld.evaluation.validation import RecordingResult, Validator
from avseld.io.events import Events
from avseld.io.manifest import Recording
from avseld.system.build import System
from avseld.system.checkpoint import load_weights
from avseld.training.captured import CapturedStep
from avseld.training.drawing import PredictionDrawing
from avseld.training.optimizers import optimizer_of, schedule_of
from avseld.training.processes import gather_objects
from avseld.training.random_state import random_state, set_random_state
from avseld.training.run_files import write_history
from avseld.training.updates import WeightAverage, check_update, clip_gradients, parts_of
from avseld.vision.visual_input import VisualInput

log = logging.getLogger(__name__)

Kept = TypeVar("Kept", DeviceCache, DeviceRecordings)


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
    """

    def __init__(
        self,
        system: System,
        windows: Windows,
        validation: Sequence[Recording],
        data: Data,
        optimizer: Part,
        schedule: Part | None,
        steps: int,
        validate_every: int,
        challenge: int,
        update: Update | None = None,
    ) -> None:
        super().__init__()
        self.update = update or Update()
        self.average: WeightAverage | None = None
        self.average_state: dict[str, Any] | None = None
        check_update(self.update)
        self.system, self.windows, self.validation, self.settings = system, windows, list(validation), data
        self.optimizer, self.schedule = optimizer, schedule or Part("constant")
        self.steps, self.validate_every, self.challenge = steps, validate_every, challenge
        self.references = [reference(r, len(system.blueprint.classes)) for r in validation]
        check_annotation(system.target, self.validation, self.references, windows.n_frames, windows.hop)
        shown = visual_inputs(validation, data.video, windows.visual_spec, windows.seed)
        self.shown: list[VisualInput | None] = [shown[recording.name] for recording in validation]
        self.validator = Validator(system, challenge)
        self.automatic_optimization = False
        self.captured: CapturedStep | None = None
        self.unlogged: tuple[int, torch.Tensor, list[float]] | None = None
        self.results: list[tuple[int, RecordingResult]] = []
        self.loss_names: list[str] = []
        self.drawing: PredictionDrawing | None = None
        self.example: Events | None = None
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

    def train_dataloader(self) -> DataLoader[Batch] | Prefetcher | Stretches:
        """Give this process's share of the windows of the coming epoch."""
        numbers = Numbers(
            self.global_step,  # within an epoch where a stopped run is resumed
            self.steps_to_validation,
            self.settings.batch_size,
            self.global_rank,
            self.trainer.world_size,
        )
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
    def cache(self) -> DeviceCache | None:
        """The training recordings on the device, or None where they are read from their files."""
        return self._kept_on_device(
            cached_bytes(self.windows), lambda: DeviceCache(self.windows, self.device)
        )

    @cached_property
    def device_recordings(self) -> DeviceRecordings | None:
        """This process's share of the validation's recordings on the device, or None."""
        target = self.system.target
        ranks_reduced = target.ranked is not None and target.reduce is not None
        if self.validator.task != "seld" or ranks_reduced or target.probabilities is not None:
            return None
        chosen = [
            [of_all[place] for place in self._share()]
            for of_all in (self.validation, self.references, self.shown)
        ]
        n_bytes = recordings_bytes(self.system, chosen[0])  # type: ignore[arg-type]
        return self._kept_on_device(n_bytes, lambda: DeviceRecordings(self.system, *chosen))  # type: ignore[arg-type]

    def _kept_on_device(self, n_bytes: int, make: Callable[[], Kept]) -> Kept | None:
        """Make what `data.device_cache` keeps on the device; None where it is not kept.

        Raises:
            BadInput: it can't be kept, and `data.device_cache` is always.
        """
        choice = self.settings.device_cache
        if choice == "never" or (choice == "auto" and not fits(n_bytes, self.device)):
            return None
        try:
            return make()
        except BadInput as error:
            if choice == "always":
                raise
            log.info("not kept on the device: %s", error)
            return None

    def val_dataloader(self) -> DataLoader[int]:
        """Give one item: the share of the recordings of this process, which may be empty, is run as one."""
        return DataLoader([0], batch_size=None)  # type: ignore[arg-type]

    def _share(self) -> list[int]:
        return list(range(self.global_rank, len(self.validation), self.trainer.world_size))

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
        return {"last_loss": self._log_losses(step, losses[None], [rate]), "steps": 1}

    def _train_stretch(self, stretch: Stretch) -> dict[str, Any]:
        if self.captured is None and self._can_be_captured():
            self.captured = CapturedStep(self._learn, self.optimizers().optimizer, stretch.cache)  # type: ignore[union-attr]
        first, losses, rates = self.global_step, [], []
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
        # The losses of the stretch before are read, so that the GPU has work queued while the host waits for them.
        before, self.unlogged = self.unlogged, (first, torch.stack(losses), rates)
        last = self._log_losses(*before) if before is not None else None
        return {"last_loss": last, "steps": len(stretch)}

    def _rate(self) -> float:
        """Return the learning rate of the coming step."""
        return float(self.optimizers().optimizer.param_groups[0]["lr"])  # type: ignore[union-attr]

    def _count_step(self) -> None:
        """Count a step that Lightning's optimizer has not taken, and set the next learning rate."""
        progress = self.trainer.fit_loop.epoch_loop.manual_optimization.optim_step_progress
        progress.increment_ready()
        progress.increment_completed()
        self.lr_schedulers().step()  # type: ignore[union-attr]

    def _can_be_captured(self) -> bool:
        """Tell whether nothing in a step is decided by the host: no changed features, one process, no loss scaling."""
        alone = self.device.type == "cuda" and self.trainer.world_size == 1
        return alone and not self.system.masks and self.trainer.precision != "16-mixed"

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
        if self.update.clip is not None:
            scaler = getattr(self.trainer.precision_plugin, "scaler", None)
            clip_gradients(self.system.model, self.update.clip, scaler.get_scale() if scaler else 1.0)
        return total / self.update.accumulate  # type: ignore[return-value]

    def _average(self) -> None:
        if self.average is not None:
            self.average.update()

    def _update(self) -> None:
        self.optimizers().step()  # type: ignore[union-attr]
        self._average()
        self.lr_schedulers().step()  # type: ignore[union-attr]

    def _log_losses(self, first: int, losses: torch.Tensor, rates: list[float]) -> float | None:
        """Log the losses (step, loss) of some steps in a row, and their learning rates (step,).

        Raises:
            BadInput: the loss is not finite.

        Returns:
            The last loss that was logged.
        """
        every = self.trainer.log_every_n_steps  # type: ignore[attr-defined]
        due = [step for step in range(len(losses)) if (first + step + 1) % every == 0]
        if not due:
            return None
        if self.trainer.world_size > 1:
            losses = self.trainer.strategy.reduce(losses, reduce_op="mean")  # type: ignore[assignment]
        values = losses.float().cpu().numpy()
        place = self.loss_names.index("loss")
        if not np.isfinite(values[:, place]).all():
            step = first + int(np.flatnonzero(~np.isfinite(values[:, place]))[0])
            raise BadInput(
                f"the loss is not finite at step {step}; the best weights so far are kept, lower optimizer.options.lr"
            )
        if self.trainer.is_global_zero:
            for step in due:
                row = {
                    f"{name}/train": float(v) for name, v in zip(self.loss_names, values[step], strict=True)
                }
                row[f"lr-{type(self.optimizers().optimizer).__name__}"] = rates[step]  # type: ignore[union-attr]
                self.trainer.loggers[0].log_metrics(row, step=first + step)
        return float(values[due[-1], place])

    def log_remaining_losses(self) -> None:
        """Log the losses of the last stretch, which no further one follows."""
        if self.unlogged is not None:
            self._log_losses(*self.unlogged)
            self.unlogged = None

    def on_validation_epoch_start(self) -> None:
        """Log the losses that are left, and forget the results of the last validation."""
        self.log_remaining_losses()
        self.results, self.example = [], None

    def validation_step(self, item: int, number: int) -> None:
        """Run this process's share of the recordings, whole and exactly as prediction does, and count."""
        # As in prediction, whatever the training's precision.
        with self.averaged(), torch.autocast(self.device.type, enabled=False):
            if self.device_recordings is not None:
                self._validate_on_device(self.device_recordings)
                return
            for place in self._share():
                visual = self.shown[place]
                boxes = visual.at if visual else None
                recording, events = self.validation[place], self.references[place]
                self._keep(place, self.validator.evaluate_recording(recording, events, boxes))

    def _validate_on_device(self, recordings: DeviceRecordings) -> None:
        """Run recordings in batches; the host counts one batch while the device runs the next."""
        share, reduce = self._share(), self.system.target.reduce
        waiting: list[tuple[int, dict[str, torch.Tensor], torch.Tensor]] = []
        for outputs in recordings.run():
            fetched = []
            for one in outputs:
                heads = reduce(one.heads, self.system.hop) if reduce else one.heads
                heads = {name: value.to("cpu", non_blocking=True) for name, value in heads.items()}
                fetched.append((share[one.place], heads, one.loss.to("cpu", non_blocking=True)))
            self._count(waiting)
            if self.device.type == "cuda":
                torch.cuda.current_stream(self.device).synchronize()
            waiting = fetched
        self._count(waiting)

    def _count(self, fetched: list[tuple[int, dict[str, torch.Tensor], torch.Tensor]]) -> None:
        for place, heads, loss in fetched:
            self._keep(place, self.validator.device_result(self.references[place], heads, float(loss)))

    def _keep(self, place: int, result: RecordingResult) -> None:
        """Keep what is scored of a recording, and of the first one the prediction, which is drawn."""
        if place == 0:
            self.example = result.prediction
        self.results.append((place, replace(result, prediction=Events.empty(), probability=None)))

    def on_validation_epoch_end(self) -> None:
        """Add up the counts of all processes, compute scores, and draw the first recording."""
        gathered = [item for part in gather_objects(self.results) for item in part]
        results = [one for _, one in sorted(gathered, key=lambda item: item[0])]
        values = {f"scores/{name}": value for name, value in self.validator.summarize(results).items()}
        values["loss/validate"] = float(np.mean([one.loss for one in results]))
        self.log_dict(values, rank_zero_only=False, sync_dist=False)
        if self.trainer.is_global_zero:
            self.history.append({"step": float(self.global_step), **values})
            write_history(Path(str(self.trainer.loggers[0].log_dir)) / "metrics.csv", self.history)
            if self.example is not None:
                self._show(self.example)

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
        fused = self.device.type == "cuda"
        for state in checkpoint.get("optimizer_states", []):
            for group in state["param_groups"]:  # a run may go on on another kind of device
                group["fused"] = fused if group.get("foreach") is None else None
        self.history = checkpoint.get("history", [])

    def _show(self, prediction: Events) -> None:
        if self.drawing is None:
            board = self.trainer.loggers[0]
            assert isinstance(board, TensorBoardLogger)
            self.drawing = PredictionDrawing(board, self.system.blueprint.classes, self.system.sample_rate)
        is_last = self.global_step >= self.steps
        self.drawing.draw(self.validation[0], self.references[0], prediction, self.global_step, is_last)

    def on_fit_end(self) -> None:
        """Wait for the last drawing."""
        if self.drawing is not None:
            self.drawing.wait()
