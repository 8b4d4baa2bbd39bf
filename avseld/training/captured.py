"""A training step recorded once as a CUDA graph and replayed, so that the GPU does not wait for the host.

A step of the small networks of this field is some 300 kernels of a few microseconds. Launched one by one from Python
they take three to four times as long as they compute; replayed as a graph they follow each other without a gap.
"""

import logging
from collections.abc import Callable

import torch
from torch import Tensor

from avseld.data.device_cache import DeviceCache, Places
from avseld.data.windows import Batch

log = logging.getLogger(__name__)

N_WARM_UP_STEPS = 3
"""ordinary steps before the recording, in which cuDNN chooses algorithms and libraries allocate their workspaces"""


class CapturedStep:
    """Gather, forward pass, loss and gradients of a step, replayed from the fourth step on.

    The first steps run as they are, on a stream of their own, and count as training. If the step can't be recorded
    (an operation that copies to the host, say), that is said once and every step runs as it is.

    Args:
        learn: computes losses and gradients of a batch; clears gradients first.
        cache: the corpus on the device.
        clear: sets gradients to None, so that the recorded backward pass writes them anew.
    """

    def __init__(
        self, learn: Callable[[Batch], Tensor], cache: DeviceCache, clear: Callable[[], None]
    ) -> None:
        self.learn, self.cache, self.clear = learn, cache, clear
        self.done, self.possible = 0, cache.device.type == "cuda"
        self.graph: torch.cuda.CUDAGraph | None = None
        self.places: Places | None = None
        self.losses: Tensor | None = None

    def __call__(self, places: Places) -> Tensor:
        """Compute losses and gradients of the windows at these places.

        Args:
            places: of (window,), on the device.

        Returns:
            (loss,) the losses; overwritten by the next call.
        """
        if not self.possible:
            return self.learn(self.cache.batch(places))
        if self.graph is None and self.done >= N_WARM_UP_STEPS:
            self._capture(places)
        if self.graph is not None:
            return self._replay(places)
        self.done += 1
        stream = torch.cuda.Stream(self.cache.device)
        stream.wait_stream(torch.cuda.current_stream(self.cache.device))
        with torch.cuda.stream(stream):
            losses = self.learn(self.cache.batch(places))
        torch.cuda.current_stream(self.cache.device).wait_stream(stream)
        return losses

    def _replay(self, places: Places) -> Tensor:
        assert self.graph is not None and self.places is not None and self.losses is not None
        self.places.copy_(places)
        self.graph.replay()
        return self.losses

    def _capture(self, places: Places) -> None:
        """Record the step without running it."""
        self.places = places.each(torch.clone)
        graph = torch.cuda.CUDAGraph()
        kind = torch.get_autocast_dtype("cuda")
        half = torch.autocast("cuda", kind, torch.is_autocast_enabled("cuda"), cache_enabled=False)
        self.clear()
        torch.cuda.synchronize(self.cache.device)
        try:
            # Other threads may call CUDA meanwhile, the one that uploads the next stretch for instance.
            with half, torch.cuda.graph(graph, capture_error_mode="thread_local"):
                self.losses = self.learn(self.cache.batch(self.places))
        except RuntimeError as error:
            self.possible, self.losses = False, None
            self.clear()
            reason = str(error).splitlines()[0]
            log.warning(
                "the training step can't be recorded as a CUDA graph (%s); it runs step by step", reason
            )
            return
        self.graph = graph
