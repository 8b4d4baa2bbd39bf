"""A training step recorded once as a CUDA graph and replayed, so that the GPU does not wait for the host.

A step of the small networks of this field is some 300 kernels of a few microseconds. Launched one by one from Python
they take five times as long as they compute; replayed as a graph they follow each other without a gap.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from avseld.data.device_cache import DeviceCache
from avseld.data.device_places import Places
from avseld.data.windows import Batch

log = logging.getLogger(__name__)

N_WARM_UP_STEPS = 3
"""ordinary steps before the recording, in which cuDNN chooses algorithms and libraries allocate their workspaces"""


class CapturedStep:
    """A whole training step, replayed from the fourth step on: gather, forward pass, loss, gradients, optimizer.

    The first steps run as they are, on a stream of their own, and count as training. If the step can't be recorded
    (an operation that copies to the host, say), that is said once and every step runs as it is. Where a schedule
    changes more than the learning rate, as one_cycle does with Adam's betas, the optimizer's step is not recorded.

    Args:
        learn: computes losses and gradients of a batch; clears gradients first.
        optimizer: takes the step.
        cache: the corpus on the device.
        possible: whether to record; only on a CUDA device.
    """

    def __init__(
        self,
        learn: Callable[[Batch], Tensor],
        optimizer: torch.optim.Optimizer,
        cache: DeviceCache,
        possible: bool = True,
    ) -> None:
        self.learn, self.optimizer, self.cache = learn, optimizer, cache
        self.done, self.possible = 0, possible and cache.device.type == "cuda"
        self.graph: torch.cuda.CUDAGraph | None = None
        self.stream: torch.cuda.Stream | None = None
        self.places: Places | None = None
        self.losses: Tensor | None = None
        self.rates: list[Tensor] = []
        self.rate_values: list[float] = []
        self.constants = constants(optimizer)
        self.has_optimizer = False
        """whether the optimizer's step is part of the recording"""

    def __call__(self, places: Places) -> Tensor:
        """Take a step on the windows at these places.

        Args:
            places: of (window,), on the device.

        Returns:
            (loss,) the losses; overwritten by the next call.
        """
        if not self.possible:
            losses = self.learn(self.cache.batch(places))
            self.optimizer.step()
            return losses
        if self.graph is None and self.done >= N_WARM_UP_STEPS:
            self._capture(places)
        if self.graph is not None:
            return self._replay(places)
        self.done += 1
        self.stream = self.stream or torch.cuda.Stream(self.cache.device)
        self.stream.wait_stream(torch.cuda.current_stream(self.cache.device))
        with torch.cuda.stream(self.stream):
            losses = self.learn(self.cache.batch(places))
            self.optimizer.step()
        torch.cuda.current_stream(self.cache.device).wait_stream(self.stream)
        return losses

    def _replay(self, places: Places) -> Tensor:
        assert self.graph is not None and self.places is not None and self.losses is not None
        if self.has_optimizer and constants(self.optimizer) != self.constants:
            self._capture(places)
            return self(places)
        self.places.copy_(places)
        for number, group in enumerate(self.optimizer.param_groups if self.has_optimizer else []):
            if group["lr"] != self.rate_values[number]:
                self.rate_values[number] = group["lr"]
                self.rates[number].fill_(group["lr"])
        self.graph.replay()
        if not self.has_optimizer:
            self.optimizer.step()
        return self.losses

    def _capture(self, places: Places) -> None:
        """Record the step without running it."""
        self.has_optimizer = constants(self.optimizer) == self.constants and can_be_captured(self.optimizer)
        self.places = places.each(torch.clone)
        self.graph = None
        graph = torch.cuda.CUDAGraph()
        kind = torch.get_autocast_dtype("cuda")
        half = torch.autocast("cuda", kind, torch.is_autocast_enabled("cuda"), cache_enabled=False)
        self.optimizer.zero_grad()  # so that the recorded backward pass writes the gradients anew
        self.rate_values = [group["lr"] for group in self.optimizer.param_groups]
        self.rates = [torch.tensor(rate, device=self.cache.device) for rate in self.rate_values]
        torch.cuda.synchronize(self.cache.device)
        try:
            # Other threads may call CUDA meanwhile, the one that uploads the next stretch for instance.
            with half, torch.cuda.graph(graph, stream=self.stream, capture_error_mode="thread_local"):
                self.losses = self.learn(self.cache.batch(self.places))
                if self.has_optimizer:
                    with rates_from(self.optimizer, self.rates):
                        self.optimizer.step()
        except RuntimeError as error:
            self.possible, self.losses = False, None
            self.optimizer.zero_grad()
            reason = str(error).splitlines()[0]
            log.warning(
                "the training step can't be recorded as a CUDA graph (%s); it runs step by step", reason
            )
            return
        self.graph = graph


def constants(optimizer: torch.optim.Optimizer) -> list[dict[str, Any]]:
    """Collect the options of an optimizer besides the learning rate, which a recording holds as they are."""
    return [
        {name: value for name, value in group.items() if name not in ("params", "lr", "initial_lr")}
        for group in optimizer.param_groups
    ]


def can_be_captured(optimizer: torch.optim.Optimizer) -> bool:
    """Tell whether an optimizer can read its learning rate from the device: fused Adam and AdamW."""
    return all(group.get("fused") and "capturable" in group for group in optimizer.param_groups)


def drawing_on_host(changes: Sequence[object]) -> list[str]:
    """Name the changes of features that might draw on the host, whose draws a recording would repeat.

    Those that draw with torch's generator of the device, or draw nothing, say so by `draws_on_device`.
    """
    return [type(change).__name__ for change in changes if not getattr(change, "draws_on_device", False)]


@contextmanager
def rates_from(optimizer: torch.optim.Optimizer, rates: list[Tensor]) -> Iterator[None]:
    """Let an optimizer read its learning rates from tensors on the device within."""
    before = [(group["lr"], group["capturable"]) for group in optimizer.param_groups]
    for group, rate in zip(optimizer.param_groups, rates, strict=True):
        group["lr"], group["capturable"] = rate, True
    try:
        yield
    finally:
        for group, (rate, capturable) in zip(optimizer.param_groups, before, strict=True):
            group["lr"], group["capturable"] = rate, capturable
