"""Stops of a training: signals end it after a step with a checkpoint, early stopping says why."""

import logging
import os
import shlex
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import lightning
from lightning.pytorch.callbacks import Callback

from avseld.base.errors import Interrupted
from avseld.base.processes import is_launched_process
from avseld.io.run_weights import CHECKPOINTS, WEIGHTS
from avseld.training.callbacks import save_weights
from avseld.training.module import Learner
from avseld.training.tags import SCORE

log = logging.getLogger(__name__)

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stopped(BaseException):
    """Ends the training loop. Not a KeyboardInterrupt, for which Lightning exits with status 1."""


class StopAtSignal(Callback):
    """Ends a training at SIGINT or SIGTERM: after the step in progress, with a checkpoint of that step.

    A validation in progress is finished, and its own checkpoint is the last one. A second signal stops at once, and
    what follows the last checkpoint is lost. Several processes agree on the step.

    Args:
        out: run folder.
    """

    def __init__(self, out: Path) -> None:
        self.out = out
        self.received: signal.Signals | None = None
        self.is_waiting = False
        """whether a signal only asks to stop: the loop runs and will do so"""
        self.is_within_epoch = False
        """whether the checkpoint that is written is that of a stop"""
        self.checkpoint_step = 0
        self.process = os.getpid()

    def take_signals(self) -> None:
        """Handle the signals."""
        for number in SIGNALS:
            signal.signal(number, self._handle)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if os.getpid() != self.process:  # a forked child
            os._exit(128 + number)
        if is_launched_process():  # it stops with the first one, or is ended by it
            self.received = signal.Signals(number)
            return
        is_second, self.received = self.received is not None, signal.Signals(number)
        if is_second or not self.is_waiting:
            raise Stopped

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Take the signals back from Lightning, whose handler raises an error; note where a resumed run begins."""
        self.checkpoint_step = trainer.global_step
        if threading.current_thread() is threading.main_thread():
            self.take_signals()
            self.is_waiting = True

    def on_train_epoch_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Stop where the signal came in a validation, which has left a checkpoint."""
        self.checkpoint_step = trainer.global_step
        if self._everyone_stops(trainer):
            raise Stopped

    def on_train_batch_end(
        self,
        trainer: lightning.Trainer,
        pl_module: lightning.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Write a checkpoint and stop, unless a validation is due, which writes one itself."""
        assert isinstance(pl_module, Learner)
        step = trainer.global_step
        is_validation_due = step % pl_module.validate_every == 0 or step == pl_module.steps
        if not self._everyone_stops(trainer) or is_validation_due:
            return
        pl_module.log_remaining_losses()
        self.is_within_epoch = True
        trainer.save_checkpoint(self.out / CHECKPOINTS / "last.ckpt")
        if trainer.is_global_zero:
            save_weights(pl_module, self.out / WEIGHTS["last"])
        self.checkpoint_step = trainer.global_step
        raise Stopped

    def on_save_checkpoint(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Let the checkpoint of a stop begin an epoch."""
        if self.is_within_epoch:
            checkpoint["loops"] = rest_of_epoch(checkpoint["loops"])

    def on_train_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Let a signal end what follows the training at once."""
        self.is_waiting, self.checkpoint_step = False, trainer.global_step

    def _everyone_stops(self, trainer: lightning.Trainer) -> bool:
        asked = self.received is not None
        if trainer.world_size == 1:
            return asked
        stops: bool = trainer.strategy.reduce_boolean_decision(asked, all=False)
        if stops and self.received is None:
            self.received = signal.SIGTERM
        return stops


@contextmanager
def stopping_at_signals(trainer: lightning.Trainer) -> Iterator[None]:
    """Handle signals within, and turn a stop into `Interrupted`, which says the step and how to go on.

    Args:
        trainer: has a `StopAtSignal`.

    Raises:
        Interrupted: the training was stopped.
        SystemExit: the same, in another process than the first, which has the word.
    """
    if threading.current_thread() is not threading.main_thread():  # only the main thread may set handlers
        yield
        return
    (stop,) = [callback for callback in trainer.callbacks if isinstance(callback, StopAtSignal)]  # type: ignore[attr-defined]
    before = {number: signal.getsignal(number) for number in SIGNALS}
    stop.take_signals()
    try:
        yield
    except Stopped:
        assert stop.received is not None
        if not trainer.is_global_zero:
            raise SystemExit(0) from None  # Lightning kills the first process if another fails
        end_launched_processes(trainer)
        step, place = stop.checkpoint_step, shlex.quote(str(stop.out))
        message = f"stopped at step {step}; go on with avseld train --resume {place}"
        raise Interrupted(message, stop.received) from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def end_launched_processes(trainer: lightning.Trainer) -> None:
    """End the processes that this one has launched.

    Before the training, and at a second signal, they have not agreed to stop at a step and would wait for ever.

    Args:
        trainer: has launched them.
    """
    launcher = trainer.strategy.launcher
    if launcher is not None:
        launcher.kill(signal.SIGKILL)
        getattr(launcher, "procs", []).clear()  # Lightning watches these and would kill this process


@contextmanager
def resuming_all_seeds(seed: int, out: Path) -> Iterator[None]:
    """Let a stop within name the seed, and how to go on with all.

    Args:
        seed: in progress.
        out: folder of the runs of all seeds.

    Raises:
        Interrupted: the training was stopped.
    """
    try:
        yield
    except KeyboardInterrupt as stop:
        done = str(stop).partition("; ")[0] or "interrupted"
        number = getattr(stop, "status", 128 + signal.SIGINT) - 128
        command = f"avseld train --resume {shlex.quote(str(out))}"
        raise Interrupted(f"seed {seed}: {done}; go on with all seeds by {command}", number) from None


def rest_of_epoch(loops: dict[str, Any]) -> dict[str, Any]:
    """Describe a checkpoint written within an epoch as one before a shorter epoch, which holds the rest.

    Lightning would skip the batches that are done; here steps number the windows (`Numbers`), and a batch of a cached
    corpus is a stretch of steps.

    Args:
        loops: progress of Lightning's loops, as in its checkpoints.

    Returns:
        The same with no epoch in progress.
    """
    fit = dict(loops["fit_loop"])
    done = fit["epoch_progress"]["total"]["processed"]
    fit["epoch_progress"] = {
        span: dict.fromkeys(counts, done) for span, counts in fit["epoch_progress"].items()
    }
    return {**loops, "fit_loop": fit}


def explain_early_stop(trainer: lightning.Trainer, history: list[dict[str, float]], steps: int) -> None:
    """Log that early stopping ended a training, why, and the best step; nothing if it did not.

    Args:
        trainer: after the training.
        history: step and scores of each validation.
        steps: of the whole training.
    """
    stop, step = trainer.early_stopping_callback, trainer.global_step
    if stop is None or stop.wait_count < stop.patience or step >= steps:
        return
    name = str(stop.monitor)
    best = (max if stop.mode == "max" else min)(history, key=lambda row: row[name])
    log.info(
        "stopped early at step %d of %d: no better %s in %d validation%s; the best is %.4g, of step %d",
        step,
        steps,
        name.removeprefix(SCORE),
        stop.patience,
        "s" if stop.patience > 1 else "",
        best[name],
        round(best["step"]),
    )
