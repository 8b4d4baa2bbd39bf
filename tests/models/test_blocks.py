"""Batch normalization over several processes."""

import subprocess
import sys

import pytest
import torch

from avseld.models.blocks import BatchNorm

WORKER = """
import sys
import torch
import torch.distributed
from avseld.models.blocks import BatchNorm

rank, folder, half = int(sys.argv[1]), sys.argv[2], sys.argv[3] == "half"
torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/rendezvous", rank=rank, world_size=2)
saved = torch.load(f"{folder}/input.pt", weights_only=True)
layer = torch.nn.Sequential(torch.nn.Conv2d(3, 5, 3, padding=1), BatchNorm(5))
layer.load_state_dict(saved["state"])
with torch.autocast("cpu", torch.bfloat16, enabled=half):
    out = layer(saved["x"][rank::2])
    (out.float() * saved["weight"][rank::2]).sum().backward()
gradient = [weight.grad for weight in layer.parameters()]
for one in gradient:
    torch.distributed.all_reduce(one)
torch.save({"out": out.detach(), "state": layer.state_dict(), "gradient": gradient}, f"{folder}/{rank}.pt")
"""


@pytest.mark.parametrize(("half", "tolerance"), [(False, 1e-5), (True, 3e-2)])
def test_two_processes_normalize_as_one_process_does(tmp_path, half, tolerance):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(4, 3, 16, 12, generator=generator) * 2 + 1
    weight = torch.randn(4, 5, 16, 12, generator=generator)
    torch.manual_seed(0)
    layer = torch.nn.Sequential(torch.nn.Conv2d(3, 5, 3, padding=1), BatchNorm(5))
    torch.save({"state": layer.state_dict(), "x": x, "weight": weight}, tmp_path / "input.pt")
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, str(rank), str(tmp_path), "half" if half else "full"],
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    for worker in workers:
        _, error = worker.communicate(timeout=120)
        assert worker.returncode == 0, error
    parts = [torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(2)]
    with torch.autocast("cpu", torch.bfloat16, enabled=half):
        out = layer(x)
        (out.float() * weight).sum().backward()
    for rank in range(2):
        assert parts[rank]["out"].dtype == out.dtype
        torch.testing.assert_close(parts[rank]["out"], out[rank::2], atol=tolerance, rtol=tolerance)
        for name, value in layer.state_dict().items():
            assert parts[rank]["state"][name].dtype == value.dtype
            torch.testing.assert_close(parts[rank]["state"][name], value, atol=tolerance, rtol=tolerance)
    largest = max(float(one.grad.abs().max()) for one in layer.parameters())
    for one, together in zip(layer.parameters(), parts[0]["gradient"], strict=True):
        assert (one.grad - together).abs().max() < tolerance * largest
