"""The text log of a run, RUN/train.log: messages with their time, and a line at each validation."""

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lightning
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.trainer.states import TrainerFn

from avseld.base.printable import one_line
from avseld.base.processes import is_first_process
from avseld.io.run_weights import WEIGHTS
from avseld.metrics.definitions import SCORES, label_of
from avseld.training.callbacks import WeightFiles
from avseld.training.module import Learner
from avseld.training.tags import SCORES_OF, TRAINING, VALIDATE, loss_tag, losses_of

log = logging.getLogger(__name__)

TRAIN_LOG = "train.log"
"""file in the run folder; a resumed run goes on in it"""


class _Line(logging.Formatter):
    """Time, level from warnings on, and the message in one line."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the name of logging
        level = f"{record.levelname.lower()}: " if record.levelno >= logging.WARNING else ""
        return f"{record.asctime} {level}{one_line(record.message)}"

    def usesTime(self) -> bool:  # noqa: N802 - the name of logging
        return True


@contextmanager
def logging_into(out: Path) -> Iterator[None]:
    """Write the messages of a block to train.log, too, and the error that ends it; the first process alone does so.

    Args:
        out: run folder, which exists.
    """
    if not is_first_process():
        yield
        return
    file = logging.FileHandler(out / TRAIN_LOG, encoding="utf-8")
    file.setFormatter(_Line(datefmt="%Y-%m-%d %H:%M:%S"))
    logger = logging.getLogger("avseld")
    before = logger.level
    if not logger.isEnabledFor(logging.INFO):
        logger.setLevel(logging.INFO)  # called from Python, where nobody has asked for messages
    logger.addHandler(file)
    try:
        yield
    except BaseException as error:
        record = logger.makeRecord(logger.name, logging.ERROR, "", 0, "%s", (error,), None)
        file.handle(record)
        raise
    finally:
        logger.removeHandler(file)
        logger.setLevel(before)
        file.close()


class ValidationLines(Callback):
    """Logs a line at each validation: step, losses, scores, seconds, and where the weights are.

    Stands after the callback that writes the weights. TensorBoard gets the rates of the epoch.

    Args:
        out: run folder.
        steps: of the whole training.
        weights: has written the weights of the epoch.
        batch_size: windows a step.
    """

    def __init__(self, out: Path, steps: int, weights: WeightFiles, batch_size: int) -> None:
        self.out, self.steps, self.weights, self.batch_size = out, steps, weights, batch_size
        self.seconds = {"loading": 0.0, "training": 0.0, "validating": 0.0}
        self.first_step, self.since_s = 0, time.perf_counter()

    def _passed(self, what: str) -> None:
        """Count the time since the last event for one of the three."""
        now = time.perf_counter()
        self.seconds[what] += now - self.since_s
        self.since_s = now

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Log where a resumed run goes on."""
        if trainer.is_global_zero and trainer.global_step:
            log.info("resumed at step %d of %d", trainer.global_step, self.steps)

    def on_train_epoch_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Begin to count."""
        self.first_step, self.since_s = trainer.global_step, time.perf_counter()
        self.seconds = dict.fromkeys(self.seconds, 0.0)

    def on_train_batch_start(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Count the time in which the step has waited for its windows."""
        self._passed("loading")

    def on_train_batch_end(
        self,
        trainer: lightning.Trainer,
        pl_module: lightning.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Count the time of a step."""
        self._passed("training")

    def on_validation_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Count the time before a validation for the training, and that in which a device finishes its steps."""
        if isinstance(pl_module, Learner):
            pl_module.log_remaining_losses()
        self._passed("training")

    def on_validation_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Count the time of a validation; log that of the untrained system, which no epoch follows."""
        self._passed("validating")
        if (
            trainer.is_global_zero
            and trainer.state.fn == TrainerFn.VALIDATING
            and isinstance(pl_module, Learner)
        ):
            log.info("%s", validation_line(pl_module.history[-1], {}, self.steps))

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Log the line of an epoch, whose weights are written by now."""
        assert isinstance(pl_module, Learner)
        losses, pl_module.training_losses = means_of(pl_module.training_losses), []
        if not trainer.is_global_zero or not pl_module.history:
            return
        n_steps = trainer.global_step - self.first_step
        line = validation_line(pl_module.history[-1], losses, self.steps)
        seconds = ", ".join(f"{value:.1f} s {what}" for what, value in self.seconds.items())
        name = "best" if self.weights.was_best else "last"
        log.info("%s; %s; %s weights: %s", line, seconds, name, self.out / WEIGHTS[name])
        spent = self.seconds["loading"] + self.seconds["training"]
        if n_steps and spent:
            values = {
                "steps_per_s": n_steps / spent,
                "windows_per_s": n_steps * self.batch_size / spent,
                "loading_share": self.seconds["loading"] / spent,
                "validation_s": self.seconds["validating"],
            }
            board = trainer.loggers[0]
            board.log_metrics(
                {f"throughput/{name}": value for name, value in values.items()}, trainer.global_step
            )


def means_of(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Average the losses of steps by name; nothing if there are none."""
    return {name: sum(row[name] for row in rows) / len(rows) for name in rows[0]} if rows else {}


def validation_line(values: Mapping[str, float], losses: Mapping[str, float], steps: int) -> str:
    """Write a validation in one line.

    Args:
        values: step, scores and losses by their tags.
        losses: of the training since the last validation, by name; empty if there was none.
        steps: of the whole training.
    """
    groups = [f"training {_losses(losses)}"] if losses else []
    for of, title in ((VALIDATE, "validation "), (TRAINING, "training recordings: ")):
        prefix = f"{SCORES_OF[of]}/"
        scores = {
            name.removeprefix(prefix): value for name, value in values.items() if name.startswith(prefix)
        }
        if loss_tag("loss", of) in values:
            groups.append(title + ", ".join([_losses(losses_of(values, of)), *_scores(scores)]))
    return f"step {values['step']:.0f} of {steps}: {'; '.join(groups)}"


def _losses(losses: Mapping[str, float]) -> str:
    """Write the loss, and its parts in parentheses."""
    parts = ", ".join(f"{name} {value:.4g}" for name, value in losses.items() if name != "loss")
    return f"loss {losses['loss']:.4g}" + (f" ({parts})" if parts else "")


def _scores(scores: Mapping[str, float]) -> list[str]:
    """Write scores as tables do: their label, their value, its unit."""
    return [
        f"{label_of(name, scores)} {SCORES[name].text_with_unit(value)}"
        if name in SCORES
        else f"{name} {value:.4g}"
        for name, value in scores.items()
    ]
