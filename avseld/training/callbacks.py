"""Files that a training writes at the end of each epoch: checkpoints to resume from, weights to use."""

import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import Callback, ModelCheckpoint
from lightning.pytorch.plugins.io import CheckpointIO

from avseld.base.errors import BadInput
from avseld.base.files import replacing
from avseld.io.run_weights import WEIGHTS, kept_file
from avseld.models.transfer import load_checkpoint
from avseld.system.checkpoint import save_system
from avseld.training.module import Learner
from avseld.training.tags import OLD_SCORE, SCORE

RESUME_FROM_ANOTHER = "resume from another checkpoint, or start anew in another folder"

CHECKPOINT_MEMBERS: dict[str, type] = {
    "pytorch-lightning_version": str,
    "state_dict": dict,
    "loops": dict,
    "callbacks": dict,
    "optimizer_states": list,
    "lr_schedulers": list,
    "epoch": int,
    "global_step": int,
}
"""what Lightning resumes from"""
RANDOM_STATE_MEMBERS: dict[str, type] = {
    "python": object,
    "numpy": object,
    "torch": torch.Tensor,
    "cuda": object,
}


def _check_members(value: Any, members: dict[str, type], path: Path, place: str = "") -> None:
    """Refuse a checkpoint without what a run is resumed from."""
    named = f" with {place}" if place else ""
    if not isinstance(value, dict):
        raise BadInput(f"{path}: no checkpoint of a run{named}; {RESUME_FROM_ANOTHER}")
    for name, kind in members.items():
        if not isinstance(value.get(name), kind) or name not in value:
            raise BadInput(f"{path}: no checkpoint of a run, {name} is missing{named}; {RESUME_FROM_ANOTHER}")


def _move(checkpoint: dict[str, Any], folder: Path) -> None:
    """Put the paths of the best and the last checkpoint into the folder in which they lie now.

    Lightning forgets the best score of a run whose folder was moved, and would take the next weights for the best.
    """
    here = Path(os.path.realpath(folder))
    for state in checkpoint["callbacks"].values():
        if not isinstance(state, dict) or "dirpath" not in state:
            continue
        for name in ("best_model_path", "kth_best_model_path", "last_model_path"):
            if state.get(name):
                state[name] = str(here / Path(state[name]).name)
        kept = state.get("best_k_models") or {}
        state["best_k_models"] = {str(here / Path(path).name): score for path, score in kept.items()}
        state["dirpath"] = str(here)


def _rename_scores(checkpoint: dict[str, Any]) -> None:
    """Give the callbacks of a run of an earlier version the names that their scores have today.

    Lightning knows a callback by the score that it watches, and would forget the best weights of such a run.
    """
    checkpoint["callbacks"] = {
        key.replace(f"'{OLD_SCORE}", f"'{SCORE}"): state for key, state in checkpoint["callbacks"].items()
    }


class AtomicCheckpoints(CheckpointIO):
    """Writes checkpoints whole or not at all, and reads them without executing their pickles."""

    restoring: Path | None = None
    """checkpoint from which the training is being restored"""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """Write to a temporary name, then rename: a full disk leaves the previous checkpoint as it was."""
        with replacing(path) as temporary:
            torch.save(checkpoint, temporary)

    def load_checkpoint(
        self, path: Any, map_location: Any = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        """Read a checkpoint without executing anything in it.

        Raises:
            BadInput: the file is damaged, or no checkpoint of a run.
        """
        path = Path(path)
        checkpoint = load_checkpoint(path, RESUME_FROM_ANOTHER, map_location or "cpu")
        _check_members(checkpoint, CHECKPOINT_MEMBERS, path)
        if not isinstance(checkpoint.get("history", []), list):
            raise BadInput(f"{path}: no checkpoint of a run, history is no list; {RESUME_FROM_ANOTHER}")
        if checkpoint.get("random_state") is not None:
            _check_members(checkpoint["random_state"], RANDOM_STATE_MEMBERS, path, "random_state")
        _move(checkpoint, path.parent)
        _rename_scores(checkpoint)
        self.restoring = path
        return checkpoint

    def remove_checkpoint(self, path: Any) -> None:
        """Remove a checkpoint that another one has replaced."""
        Path(path).unlink(missing_ok=True)


@contextmanager
def naming_checkpoint(trainer: lightning.Trainer) -> Iterator[None]:
    """Let errors while a training is being restored name the checkpoint.

    Args:
        trainer: has `AtomicCheckpoints`.

    Raises:
        BadInput: the checkpoint does not hold what this training needs.
    """
    try:
        yield
    except BadInput:
        raise
    except Exception as error:  # a damaged checkpoint may raise any
        path = getattr(trainer.strategy.checkpoint_io, "restoring", None)
        if path is None:
            raise
        reason = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        raise BadInput(f"{path}: no checkpoint of this run ({reason}); {RESUME_FROM_ANOTHER}") from error


def save_weights(learner: Learner, path: Path) -> None:
    """Write the weights of a training as they are used: averaged, where the recipe averages them."""
    with learner.averaged():
        save_system(learner.system, path)


class WeightFiles(Callback):
    """Writes the best and the last weights, and those of chosen steps, as safetensors beside the checkpoints.

    Args:
        out: run folder.
        best: gives the score by which weights are the best.
        kept: steps whose weights are kept.
    """

    def __init__(self, out: Path, best: ModelCheckpoint, kept: Collection[int] = ()) -> None:
        self.out, self.best, self.kept = out, best, kept
        self.was_best = False
        """whether the weights of the last epoch were the best so far"""

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Note that a checkpoint has been taken up."""
        checkpoint_io = trainer.strategy.checkpoint_io
        if isinstance(checkpoint_io, AtomicCheckpoints):
            checkpoint_io.restoring = None

    def on_train_batch_end(
        self,
        trainer: lightning.Trainer,
        pl_module: lightning.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Keep the weights of a chosen step; a stretch of steps ends there (`Stretches`)."""
        step = trainer.global_step
        if trainer.is_global_zero and step in self.kept and isinstance(pl_module, Learner):
            save_weights(pl_module, kept_file(self.out, step))

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Write weights before the checkpoints of the same epoch, which Lightning writes last."""
        if not trainer.is_global_zero or not isinstance(pl_module, Learner):
            return
        save_weights(pl_module, self.out / WEIGHTS["last"])
        self.was_best = self._is_best(trainer)
        if self.was_best:
            save_weights(pl_module, self.out / WEIGHTS["best"])

    def _is_best(self, trainer: lightning.Trainer) -> bool:
        if self.best.monitor is None:
            return True
        score, before = trainer.callback_metrics[str(self.best.monitor)], self.best.best_model_score
        return before is None or bool(score > before if self.best.mode == "max" else score < before)
