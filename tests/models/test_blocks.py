"""Batch normalization over several processes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from avseld.models.blocks import BatchNorm
from avseld.models.fast_cpu import conv_norm_pool

WORKER = """
import sys
import torch
import torch.distributed
from test_blocks import CASES, LAYERS, run

rank, folder = int(sys.argv[1]), sys.argv[2]
torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/rendezvous", rank=rank, world_size=2)
saved = torch.load(f"{folder}/input.pt", weights_only=True)
found = []
for (kind, half, _), state in zip(CASES, saved["states"]):
    layer = LAYERS[kind]()
    layer.load_state_dict(state)
    out = run(layer, saved["x"][rank::2], saved["weight"][rank::2], half)
    gradient = [weight.grad for weight in layer.parameters()]
    for one in gradient:
        torch.distributed.all_reduce(one)
    found.append({"out": out, "state": layer.state_dict(), "gradient": gradient})
torch.save(found, f"{folder}/{rank}.pt")
"""
CASES = [
    ("plain", False, 1e-5),
    ("plain", True, 3e-2),
    ("channels last", False, 1e-5),
    ("channels last", True, 3e-2),
    ("pooled", False, 1e-5),
    ("pooled", True, 3e-2),
]
"""layers, whether in half precision, tolerance"""
N_CHANNELS, POOL = 5, (2, 4)


class Plain(nn.Sequential):
    """By PyTorch's layers: channels are not last."""

    def __init__(self) -> None:
        super().__init__(nn.Conv2d(3, N_CHANNELS, 3, padding=1), BatchNorm(N_CHANNELS))


class ChannelsLast(Plain):
    """By the passes for CPUs."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x.contiguous(memory_format=torch.channels_last))


class Pooled(nn.Module):
    """By the passes for CPUs, with pooling before normalization; one scale is negative."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, N_CHANNELS, 3, padding=1, bias=False), BatchNorm(N_CHANNELS)
        with torch.no_grad():
            self.norm.weight[0] = -0.5

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        pooled = conv_norm_pool(x.contiguous(memory_format=torch.channels_last), self.conv, self.norm, POOL)
        return pooled.repeat_interleave(POOL[0], 2).repeat_interleave(POOL[1], 3)


LAYERS = {"plain": Plain, "channels last": ChannelsLast, "pooled": Pooled}


def run(layer: nn.Module, x: torch.Tensor, weight: torch.Tensor, half: bool) -> torch.Tensor:
    """Compute the output of a batch, and the gradients of a weighted sum of it."""
    with torch.autocast("cpu", torch.bfloat16, enabled=half):
        out = layer(x)
        (out.float() * weight).sum().backward()
    return out.detach()


def new_layer(kind: str) -> nn.Module:
    """Make a layer with the same weights each time."""
    torch.manual_seed(0)
    return LAYERS[kind]()


@pytest.fixture(scope="module")
def batch() -> tuple[torch.Tensor, torch.Tensor]:
    """Draw a batch, and the weights of its outputs."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(4, 3, 16, 12, generator=generator) * 2 + 1
    return x, torch.randn(4, N_CHANNELS, 16, 12, generator=generator)


@pytest.fixture(scope="module")
def of_two_processes(tmp_path_factory, batch) -> list[list[dict]]:
    """Run every case in two processes, each on every second item of the batch: process -> case -> results."""
    folder = tmp_path_factory.mktemp("processes")
    states = [new_layer(kind).state_dict() for kind, _, _ in CASES]
    torch.save({"states": states, "x": batch[0], "weight": batch[1]}, folder / "input.pt")
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, str(rank), str(folder)],
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])},
        )
        for rank in range(2)
    ]
    for worker in workers:
        _, error = worker.communicate(timeout=120)
        assert worker.returncode == 0, error
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(2)]


@pytest.mark.parametrize(("kind", "half", "tolerance"), CASES)
def test_two_processes_normalize_as_one_process_does(batch, of_two_processes, kind, half, tolerance):
    parts = [found[CASES.index((kind, half, tolerance))] for found in of_two_processes]
    layer = new_layer(kind)
    out = run(layer, *batch, half)
    for rank in range(2):
        assert parts[rank]["out"].dtype == out.dtype
        torch.testing.assert_close(parts[rank]["out"], out[rank::2], atol=tolerance, rtol=tolerance)
        for name, value in layer.state_dict().items():
            assert parts[rank]["state"][name].dtype == value.dtype
            torch.testing.assert_close(parts[rank]["state"][name], value, atol=tolerance, rtol=tolerance)
    largest = max(float(one.grad.abs().max()) for one in layer.parameters())
    for one, together in zip(layer.parameters(), parts[0]["gradient"], strict=True):
        assert (one.grad - together).abs().max() < tolerance * largest
