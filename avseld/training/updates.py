"""What an optimizer step does beside the optimizer: clipped gradients, parts of a batch, averaged weights.

Each works inside a recorded CUDA graph: nothing is decided by the host.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from avseld.base.errors import BadInput
from avseld.config import Update
from avseld.data.windows import Batch


def check_update(update: Update) -> None:
    """Refuse values without a meaning.

    Raises:
        BadInput: names the option and what it takes.
    """
    if update.clip is not None and not 0 < update.clip < float("inf"):
        raise BadInput(f"update.clip: {update.clip}; give a positive number, or leave it out")
    if update.accumulate < 1:
        raise BadInput(f"update.accumulate: {update.accumulate}; give 1 or more")
    if update.average is not None and not 0 < update.average < 1:
        raise BadInput(f"update.average: {update.average}; give a number between 0 and 1, such as 0.999")
    if update.warmup < 0:
        raise BadInput(f"update.warmup: {update.warmup}; give 0 or more steps")


def parts_of(batch: Batch, n_parts: int) -> list[Batch]:
    """Split a batch into equal parts whose gradients are added up.

    Args:
        batch: arrays by name, the window first.
        n_parts: number of parts.

    Raises:
        BadInput: the windows of the batch cannot be divided.
    """
    if n_parts == 1:
        return [batch]
    size = len(next(iter(batch.values())))
    if size % n_parts:
        raise BadInput(
            f"update.accumulate: {size} windows of a process are no multiple of {n_parts}; choose another number"
        )
    split = {name: value.chunk(n_parts) for name, value in batch.items()}
    return [{name: parts[n] for name, parts in split.items()} for n in range(n_parts)]


def clip_gradients(model: nn.Module, largest_norm: float, scale: float = 1.0) -> Tensor:
    """Shrink all gradients by one factor so that the norm of them together is at most `largest_norm`.

    Args:
        model: its gradients are changed in place.
        largest_norm: upper limit.
        scale: factor by which the loss was multiplied for 16-bit gradients.

    Returns:
        The norm before, without the scale, on the device.
    """
    return nn.utils.clip_grad_norm_(model.parameters(), largest_norm * scale) / scale


@torch.no_grad()
def norms_of(model: nn.Module, gradients: Tensor | None = None) -> Tensor:
    """Compute the norm of all trained weights together, and that of their gradients.

    Args:
        model: after a step.
        gradients: norm of the gradients where it is known; None computes it.

    Returns:
        (2,) on the device.
    """
    trained = [weight for weight in model.parameters() if weight.grad is not None]
    weights = nn.utils.get_total_norm([weight.detach() for weight in trained])
    if gradients is None:
        gradients = nn.utils.get_total_norm([weight.grad for weight in trained])  # type: ignore[misc]
    return torch.stack([weights, gradients.to(weights)])


class WeightAverage:
    """Exponential moving average of the weights of a network and of its normalization statistics.

    After step t a value is averaged with the smaller of `decay` and (1 + t) / (10 + t), so that the first weights are
    soon forgotten, as in TensorFlow's ExponentialMovingAverage with `num_updates`.

    Args:
        model: the network that is trained.
        decay: share of the average that is kept at every step, such as 0.999.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.live = [
            value for value in model.state_dict(keep_vars=True).values() if value.is_floating_point()
        ]
        self.average = [value.detach().clone() for value in self.live]
        self.step = torch.zeros((), device=self.live[0].device)

    @torch.no_grad()
    def update(self) -> None:
        """Move the average towards the weights after an optimizer step."""
        self.step += 1
        share = 1 - torch.minimum((1 + self.step) / (10 + self.step), torch.full_like(self.step, self.decay))
        difference = torch._foreach_sub([value.detach() for value in self.live], self.average)
        torch._foreach_mul_(difference, share)
        torch._foreach_add_(self.average, difference)

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Put the averaged weights into the network for the time of a block."""
        self.exchange()
        try:
            yield
        finally:
            self.exchange()

    @torch.no_grad()
    def exchange(self) -> None:
        """Exchange the weights of the network and the averaged ones, in place, where a recorded step looks for them."""
        for live, average in zip(self.live, self.average, strict=True):
            kept = live.detach().clone()
            live.detach().copy_(average)
            average.copy_(kept)

    def state_dict(self) -> dict[str, Tensor | list[Tensor]]:
        """Return the average and its number of updates, for a checkpoint."""
        return {"average": [value.cpu() for value in self.average], "step": self.step.cpu()}

    def load_state_dict(self, state: dict[str, Tensor | list[Tensor]]) -> None:
        """Take up the average of a checkpoint."""
        for value, kept in zip(self.average, state["average"], strict=True):
            value.copy_(kept)
        self.step.copy_(state["step"])  # type: ignore[arg-type]
