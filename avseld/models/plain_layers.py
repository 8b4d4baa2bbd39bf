"""The switch between PyTorch's own layers and those of this package, to compare results or timings."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch

_OFF: ContextVar[bool] = ContextVar("pytorch_layers", default=False)


@contextmanager
def pytorch_layers() -> Iterator[None]:
    """Let PyTorch's own layers run within a `with` block, without passes for CPUs and without folding."""
    token = _OFF.set(True)
    try:
        yield
    finally:
        _OFF.reset(token)


def uses_pytorch_layers() -> bool:
    """Tell whether `pytorch_layers` is in force; not within torch.compile, which cannot follow a context variable."""
    return not torch.compiler.is_compiling() and _OFF.get()
