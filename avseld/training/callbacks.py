"""Files that a training writes at the end of each epoch: checkpoints to resume from, weights to use."""

from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import Callback, ModelCheckpoint
from lightning.pytorch.plugins.io import CheckpointIO

from avseld.base.errors import BadInput
from avseld.base.files import replacing
from avseld.system.checkpoint import save_system
from avseld.training.module import Learner


class AtomicCheckpoints(CheckpointIO):
    """Writes checkpoints whole or not at all, and reads them without executing their pickles."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """Write to a temporary name, then rename: a full disk leaves the previous checkpoint as it was."""
        with replacing(path) as temporary:
            try:
                torch.save(checkpoint, temporary)
            except RuntimeError as error:  # torch's zip writer hides the cause, which is always the disk
                raise OSError(
                    f"{path}: cannot be written, is the disk full? The previous one is whole"
                ) from error

    def load_checkpoint(
        self, path: Any, map_location: Any = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        """Read a checkpoint with `weights_only`.

        Raises:
            BadInput: the file is damaged.
        """
        try:
            return torch.load(path, map_location=map_location or "cpu", weights_only=True)
        except Exception as error:
            raise BadInput(f"{path}: no readable checkpoint ({error}); resume from another one") from error

    def remove_checkpoint(self, path: Any) -> None:
        """Remove a checkpoint that another one has replaced."""
        Path(path).unlink(missing_ok=True)


def save_weights(learner: Learner, path: Path) -> None:
    """Write the weights of a training as they are used: averaged, where the recipe averages them."""
    with learner.averaged():
        save_system(learner.system, path)


class WeightFiles(Callback):
    """Writes the best and the last weights as safetensors, beside the checkpoints for resuming.

    Args:
        out: run folder.
        best: gives the score by which weights are the best.
    """

    def __init__(self, out: Path, best: ModelCheckpoint) -> None:
        self.out, self.best = out, best

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Write weights before the checkpoints of the same epoch, which Lightning writes last."""
        if not trainer.is_global_zero or not isinstance(pl_module, Learner):
            return
        save_weights(pl_module, self.out / "last.safetensors")
        if self._is_best(trainer):
            save_weights(pl_module, self.out / "model.safetensors")

    def _is_best(self, trainer: lightning.Trainer) -> bool:
        if self.best.monitor is None:
            return True
        score, before = trainer.callback_metrics[str(self.best.monitor)], self.best.best_model_score
        return before is None or bool(score > before if self.best.mode == "max" else score < before)
