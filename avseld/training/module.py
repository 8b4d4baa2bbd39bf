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
from avseld.data.device_cache import Resident, ResidentBatches, fits
from avseld.data.windows import Ahead, Batch, Numbers, Sight, Windows, loader, reference, sights
from avseld.evaluation.validation import RecordingResult, Validator
from avseld.io.audio import read_audio
from avseld.io.events import Events
from avseld.io.manifest import Recording
from avseld.reporting import figure
from avseld.system.build import System
from avseld.system.checkpoint import load_weights
from avseld.training.schedules import line, stairs

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
        shown = sights(validation, data.video, windows.view, windows.seed)
        self.shown: list[Sight | None] = [shown[recording.name] for recording in validation]
        self.validator = Validator(system, challenge)
        self.resident: Resident | None = None
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

    def train_dataloader(self) -> DataLoader[Batch] | Ahead | ResidentBatches:
        """The windows of the epoch to come, this process's share of each batch."""
        numbers = Numbers(
            self.current_epoch * self.validate_every,
            self.validate_every,
            self.settings.batch_size,
            self.global_rank,
            self.trainer.world_size,
        )
        if self._is_resident():
            if self.resident is None:
                self.resident = Resident(self.windows, self.device)
            return ResidentBatches(self.resident, numbers)
        return loader(self.windows, numbers, self.settings.workers, self.device)

    def _is_resident(self) -> bool:
        if self.settings.resident != "auto":
            return self.settings.resident == "always"
        return self.resident is not None or fits(self.windows, self.device)

    def val_dataloader(self) -> DataLoader[int]:
        """Places of this process's share of the recordings; `NOBODYS` where there are fewer of them than processes."""
        share = list(range(self.global_rank, len(self.validation), self.trainer.world_size)) or [NOBODYS]
        return DataLoader(share, batch_size=None)  # type: ignore[arg-type]

    def on_train_epoch_start(self) -> None:
        """Take up the random generators where a resumed run left them."""
        if self.random_state is not None:
            _set_random_state(self.random_state)
            self.random_state = None

    def training_step(self, batch: Batch, number: int) -> torch.Tensor:
        """Loss of one batch."""
        output = self.system(batch["waveform"], batch.get("boxes"))
        losses = self.system.training_loss(output, batch)
        several = self.trainer.world_size > 1
        size = len(batch["waveform"])
        self.log_dict(
            {f"{name}/train": value.detach() for name, value in losses.items()},
            batch_size=size,
            sync_dist=several,
        )
        return losses["loss"]

    def on_validation_epoch_start(self) -> None:
        """Forget the last validation."""
        self.results, self.example = [], None

    def validation_step(self, place: int, number: int) -> None:
        """Run one whole recording, exactly as prediction does, and count."""
        place = int(place)
        if place == NOBODYS:
            return
        sight = self.shown[place]
        boxes = sight.at if sight else None
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
    return OPTIMIZERS[part.name](system.model.parameters(), **part.options)


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
