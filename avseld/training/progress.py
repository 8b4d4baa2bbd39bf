"""Progress bar on a terminal over a whole training: steps, loss, and the scores of the last validation."""

import logging
import time
from typing import Any

import lightning
from lightning.pytorch.callbacks import Callback
from tqdm import tqdm

from avseld.metrics import SCORES
from avseld.training.tags import SCORE

log = logging.getLogger(__name__)


class Progress(Callback):
    """Shows a bar over the steps of the whole training, on the first process only.

    Args:
        steps: steps of the whole training.
    """

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self.bar: tqdm | None = None
        self.scores: dict[str, str] = {}
        self.began_s = self.validation_began_s = time.perf_counter()
        self.first_step, self.n_validations, self.validation_s = 0, 0, 0.0

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Begin where a resumed run stopped."""
        self.began_s, self.first_step = time.perf_counter(), trainer.global_step
        self.n_validations, self.validation_s = 0, 0.0
        if trainer.is_global_zero:
            self.bar = tqdm(
                total=self.steps,
                initial=trainer.global_step,
                desc="train",
                unit="step",
                dynamic_ncols=True,
                disable=None,  # where the output is no terminal: there are lines (`avseld.training.run_log`)
                mininterval=1,
            )

    def on_train_batch_end(
        self,
        trainer: lightning.Trainer,
        pl_module: lightning.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Advance by the steps taken, and show the last loss that was read."""
        if self.bar is None:
            return
        self.bar.update(outputs["steps"])
        if outputs["last_loss"] is not None:
            self.bar.set_postfix({"loss": f"{outputs['last_loss']:.4f}", **self.scores}, refresh=False)

    def on_validation_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Show that the bar stands still for a validation."""
        self.validation_began_s = time.perf_counter()
        if self.bar is not None:
            self.bar.set_description("validate")

    def on_validation_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Show the scores from now on."""
        self.validation_s += time.perf_counter() - self.validation_began_s
        self.n_validations += 1
        if self.bar is None:
            return
        known = trainer.callback_metrics
        names = [name for name, score in SCORES.items() if score.in_progress_bar]
        self.scores = {name: f"{known[SCORE + name]:.3g}" for name in names if SCORE + name in known}
        self.bar.set_description("train")
        self.bar.set_postfix(self.scores)

    def on_exception(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, exception: BaseException
    ) -> None:
        """Close the bar, so that the message of the error has a line of its own."""
        if self.bar is not None:
            self.bar.close()

    def on_train_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Leave the full bar, and log how long it took."""
        if self.bar is None:
            return
        self.bar.close()
        log.info(
            "%d steps in %.1f s, %.1f s of it for %d validations",
            trainer.global_step - self.first_step,
            time.perf_counter() - self.began_s,
            self.validation_s,
            self.n_validations,
        )
