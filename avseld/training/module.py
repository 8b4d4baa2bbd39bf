"""One system while it learns: a step, a validation over whole recordings, and what is logged of them."""

import inspect
import random
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import torch
import torch.distributed
from lightning.pytorch.loggers import TensorBoardLogger
from torch.utils.data import DataLoader

from avseld.base.errors import BadInput
from avseld.base.files import replacing
from avseld.config import Data, Part
from avseld.data.device_cache import STEPS_PER_STRETCH, DeviceCache, Stretch, Stretches, fits
from avseld.data.windows import Ahead, Batch, Numbers, Windows, loader, reference, visual_inputs
from avseld.evaluation.validation import RecordingResult, Validator
from avseld.io.audio import read_audio
from avseld.io.events import Events
from avseld.io.manifest import Recording
from avseld.system.build import System
from avseld.system.checkpoint import load_weights
from avseld.training.captured import CapturedStep
from avseld.training.schedules import line, stairs
from avseld.vision.visual_input import VisualInput

NOBODYS = -1
"""stands for a recording, because Lightning takes no empty share"""
OPTIMIZERS = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "sgd": torch.optim.SGD}


class Learner(lightning.LightningModule):
    """What Lightning drives. An epoch is the stretch of steps between two validations.

    Args of the constructor:
        system: learns.
        windows: to train on.
        validation: recordings to validate on, whole.
        data: batch size, workers, video control.
        optimizer, schedule: parts.
        steps: of the whole training.
        validate_every: steps of an epoch.
        challenge: year of the scores.
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
    ) -> None:
        super().__init__()
        self.system, self.windows, self.validation, self.settings = system, windows, list(validation), data
        self.optimizer, self.schedule = optimizer, schedule or Part("constant")
        self.steps, self.validate_every, self.challenge = steps, validate_every, challenge
        self.references = [reference(r, len(system.blueprint.classes)) for r in validation]
        shown = visual_inputs(validation, data.video, windows.visual_spec, windows.seed)
        self.shown: list[VisualInput | None] = [shown[recording.name] for recording in validation]
        self.validator = Validator(system, challenge)
        self.automatic_optimization = False
        self.cache: DeviceCache | None = None
        self.captured: CapturedStep | None = None
        self.unlogged: tuple[int, torch.Tensor] | None = None
        self.results: list[tuple[int, RecordingResult]] = []
        self.example: Events | None = None
        self.history: list[dict[str, float]] = []
        self.random_state: dict[str, Any] | None = None
        self.configure_optimizers()  # a wrong name or option must show before anything is written

    def configure_optimizers(self) -> Any:
        """Optimizer and learning rate by their names in the recipe."""
        optimizer = _optimizer(self.optimizer, self.system)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": self._schedule(optimizer), "interval": "step"},
        }

    def _schedule(self, optimizer: torch.optim.Optimizer) -> Any:
        kinds = torch.optim.lr_scheduler
        table: dict[str, Any] = {
            "constant": partial(kinds.ConstantLR, factor=1.0, total_iters=0),
            "cosine": partial(kinds.CosineAnnealingLR, T_max=self.steps),
            "one_cycle": partial(
                kinds.OneCycleLR, max_lr=optimizer.param_groups[0]["lr"], total_steps=self.steps + 1
            ),
            "stairs": partial(_by_factor, factor_at=stairs),
            "line": partial(_by_factor, factor_at=partial(line, steps=self.steps)),
        }
        if self.schedule.name not in table:
            raise BadInput(f"schedule.name: '{self.schedule.name}' is none of {', '.join(table)}")
        try:
            return table[self.schedule.name](optimizer, **self.schedule.options)
        except TypeError as error:
            raise BadInput(f"schedule.options: {error}") from None

    def train_dataloader(self) -> DataLoader[Batch] | Ahead | Stretches:
        """Give this process's share of the windows of the coming epoch."""
        numbers = Numbers(
            self.current_epoch * self.validate_every,
            self.validate_every,
            self.settings.batch_size,
            self.global_rank,
            self.trainer.world_size,
        )
        if self._is_cached():
            if self.cache is None:
                self.cache = DeviceCache(self.windows, self.device)
            # Several processes exchange gradients at the end of each `training_step`: one step a stretch.
            return Stretches(self.cache, numbers, STEPS_PER_STRETCH if self.trainer.world_size == 1 else 1)
        return loader(self.windows, numbers, self.settings.workers, self.device)

    def _is_cached(self) -> bool:
        if self.settings.device_cache != "auto":
            return self.settings.device_cache == "always"
        return self.cache is not None or fits(self.windows, self.device)

    def val_dataloader(self) -> DataLoader[int]:
        """Places of this process's share of the recordings; `NOBODYS` where there are fewer of them than processes."""
        share = list(range(self.global_rank, len(self.validation), self.trainer.world_size)) or [NOBODYS]
        return DataLoader(share, batch_size=None)  # type: ignore[arg-type]

    def on_train_epoch_start(self) -> None:
        """Take up the random generators where a resumed run left them."""
        if self.random_state is not None:
            _set_random_state(self.random_state)
            self.random_state = None

    def training_step(self, batch: Batch | Stretch, number: int) -> dict[str, Any]:
        """Take one step on a batch, or several on a stretch of a cached corpus.

        Returns:
            last_loss: of the last step that was logged, or None; steps: steps taken.
        """
        if isinstance(batch, Stretch):
            return self._train_stretch(batch)
        step = self.global_step
        self._seed(step)
        losses = self._learn(batch)
        self._update()
        return {"last_loss": self._log_losses(step, losses[None]), "steps": 1}

    def _train_stretch(self, stretch: Stretch) -> dict[str, Any]:
        if self.captured is None:
            self.captured = CapturedStep(self._learn, stretch.cache, self.optimizers().zero_grad)  # type: ignore[union-attr]
            self.captured.possible &= self._can_be_captured()
        first, losses = self.global_step, []
        for step in range(len(stretch)):
            self._seed(first + step)
            losses.append(self.captured(stretch.places[step]).clone())
            self._update()
        # The losses of the stretch before are read, so that the GPU has work queued while the host waits for them.
        before, self.unlogged = self.unlogged, (first, torch.stack(losses))
        last = self._log_losses(*before) if before is not None else None
        return {"last_loss": last, "steps": len(stretch)}

    def _can_be_captured(self) -> bool:
        """Tell whether nothing in a step is decided by the host: no changed features, one process, no loss scaling."""
        return not self.system.masks and self.trainer.world_size == 1 and self.trainer.precision != "16-mixed"

    def _seed(self, step: int) -> None:
        """Make dropout and whatever else is drawn in a step a function of seed, step and process."""
        state = np.random.SeedSequence([self.windows.seed, step, self.global_rank]).generate_state(
            1, np.uint64
        )
        torch.manual_seed(int(state[0]))

    def _learn(self, batch: Batch) -> torch.Tensor:
        """Compute losses and gradients; returns the losses (loss,) in the order of `loss_names`."""
        self.zero_grad(set_to_none=True)
        output = self.system(batch["waveform"], batch.get("visual"))
        losses = self.system.training_loss(output, batch)
        self.loss_names = list(losses)
        self.manual_backward(losses["loss"])
        return torch.stack([value.detach() for value in losses.values()])

    def _update(self) -> None:
        self.optimizers().step()  # type: ignore[union-attr]
        self.lr_schedulers().step()  # type: ignore[union-attr]

    def _log_losses(self, first: int, losses: torch.Tensor) -> float | None:
        """Log the losses (step, loss) of some steps in a row, and the learning rate.

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
            rate = float(self.lr_schedulers().get_last_lr()[0])  # type: ignore[union-attr]
            for step in due:
                row = {
                    f"{name}/train": float(v) for name, v in zip(self.loss_names, values[step], strict=True)
                }
                row[f"lr-{type(self.optimizers().optimizer).__name__}"] = rate  # type: ignore[union-attr]
                self.trainer.loggers[0].log_metrics(row, step=first + step)
        return float(values[due[-1], place])

    def on_validation_epoch_start(self) -> None:
        """Log the losses that are left, and forget the results of the last validation."""
        if self.unlogged is not None:
            self._log_losses(*self.unlogged)
            self.unlogged = None
        self.results, self.example = [], None

    def validation_step(self, place: int, number: int) -> None:
        """Run one whole recording, exactly as prediction does, and count."""
        place = int(place)
        if place == NOBODYS:
            return
        visual = self.shown[place]
        boxes = visual.at if visual else None
        result = self.validator.evaluate_recording(self.validation[place], self.references[place], boxes)
        if place == 0:
            self.example = result.prediction
        self.results.append((place, replace(result, prediction=Events.empty(), probability=None)))

    def on_validation_epoch_end(self) -> None:
        """Add up the counts of all processes, score, and show the first recording."""
        gathered = [item for part in _gather(self.results) for item in part]
        results = [one for _, one in sorted(gathered, key=lambda item: item[0])]
        values = {f"scores/{name}": value for name, value in self.validator.summarize(results).items()}
        values["loss/validate"] = float(np.mean([one.loss for one in results]))
        self.log_dict(values, rank_zero_only=False, sync_dist=False)
        if self.trainer.is_global_zero:
            self.history.append({"step": float(self.global_step), **values})
            self._write_history()
            if self.example is not None:
                self._show()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep every random generator's state."""
        checkpoint["random_state"] = _random_state()
        checkpoint["history"] = self.history

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Refuse another architecture in one line; remember the generators' states."""
        kept = {name.removeprefix("system."): value for name, value in checkpoint["state_dict"].items()}
        load_weights(
            self.system, {name.removeprefix("model."): value for name, value in kept.items()}, "checkpoint"
        )
        self.random_state = checkpoint.get("random_state")
        fused = self.device.type == "cuda"
        for state in checkpoint.get("optimizer_states", []):
            for group in state["param_groups"]:  # a run may go on on another kind of device
                group["fused"] = fused if group.get("foreach") is None else None
        self.history = checkpoint.get("history", [])

    def _write_history(self) -> None:
        lines = [",".join(self.history[0])]
        lines += [",".join(f"{value:.9g}" for value in row.values()) for row in self.history]
        with replacing(Path(str(self.trainer.loggers[0].log_dir)) / "metrics.csv") as temporary:
            temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")

    def _show(self) -> None:
        recording = self.validation[0]
        stop = min(recording.duration, 60.0)
        rate = self.system.sample_rate
        from avseld.reporting import figure  # loads matplotlib, which nothing else in a training needs

        picture = figure(
            read_audio(recording.audio, 0, round(stop * rate)),
            rate,
            self.references[0].within(0, stop),
            self.example.within(0, stop) if self.example else None,
            self.system.blueprint.classes,
            title=recording.name,
        )
        board = self.trainer.loggers[0]
        assert isinstance(board, TensorBoardLogger)
        board.experiment.add_figure("prediction", picture, self.global_step)


def _by_factor(optimizer: torch.optim.Optimizer, factor_at: Any, **options: float) -> Any:
    factor_at(0, **options)  # a wrong word must show at once
    return torch.optim.lr_scheduler.LambdaLR(optimizer, partial(factor_at, **options))


def _optimizer(part: Part, system: System) -> torch.optim.Optimizer:
    if part.name not in OPTIMIZERS:
        raise BadInput(f"optimizer.name: '{part.name}' is none of {', '.join(OPTIMIZERS)}")
    known = list(inspect.signature(OPTIMIZERS[part.name]).parameters)[1:]
    for option in part.options:
        if option not in known:
            raise BadInput(
                f"optimizer.options.{option}: {part.name} has no such option; it has {', '.join(known)}"
            )
    options = dict(part.options)
    if system.device.type == "cuda" and not {"fused", "foreach"} & set(options):
        options["fused"] = True  # one kernel in place of some hundred
    return OPTIMIZERS[part.name](system.model.parameters(), **options)


def _gather(mine: Any) -> list[Any]:
    """What every process has, in the order of the processes."""
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return [mine]
    everyone: list[Any] = [None] * torch.distributed.get_world_size()
    torch.distributed.all_gather_object(everyone, mine)
    return everyone


def _random_state() -> dict[str, Any]:
    """States of Python's, NumPy's and torch's generators as tensors and plain numbers, which load without pickle."""
    kind, keys, position, has_gauss, gauss = np.random.get_state()  # noqa: NPY002 - other libraries draw from it
    return {
        "python": random.getstate(),
        "numpy": [kind, torch.from_numpy(np.asarray(keys).astype(np.int64)), position, has_gauss, gauss],
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    }


def _set_random_state(state: dict[str, Any]) -> None:
    kind, keys, position, has_gauss, gauss = state["numpy"]
    version, internal, gauss_next = state["python"]
    random.setstate((version, tuple(internal), gauss_next))
    np.random.set_state((kind, keys.numpy().astype(np.uint32), position, has_gauss, gauss))  # noqa: NPY002
    torch.set_rng_state(state["torch"].cpu())
    if state["cuda"] and torch.cuda.is_available():
        torch.cuda.set_rng_state_all([one.cpu() for one in state["cuda"]])
