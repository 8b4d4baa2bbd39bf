"""Networks filled by formula, run and compared stage by stage with the files of `tests/golden/encoders`."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from reference.filled import network_input, parameter

Golden = Mapping[str, np.ndarray]
View = Callable[[Tensor], Tensor]
"""brings the output of a module to the published layout"""


def filled_input(number: int, shape: tuple[int, ...], seed: int = 0) -> Tensor:
    """Return input `number` (0 first) of a network as a tensor."""
    return torch.from_numpy(network_input(number, shape, seed))


def fill(
    module: nn.Module,
    names: Mapping[str, str] | Callable[[str], str] | None = None,
    seed: int = 0,
    keep: tuple[str, ...] = (),
    shapes: Mapping[str, tuple[int, ...]] | None = None,
) -> list[str]:
    """Fill all floating-point parameters and statistics by the formula.

    Args:
        module: the network.
        names: own name -> published name where they differ, or a function; published names decide the order.
        seed: of the network.
        keep: endings of published names that keep their values.
        shapes: published name -> published shape where it has other axes of length 1, on which the formula depends.

    Returns:
        The published names in order.
    """
    published = {}
    for own, value in module.state_dict().items():
        name = names(own) if callable(names) else (names or {}).get(own, own)
        if value.is_floating_point() and not (keep and name.endswith(keep)):
            published[name] = value
    with torch.no_grad():
        for number, name in enumerate(sorted(published)):
            value = published[name]
            shape = (shapes or {}).get(name, tuple(value.shape))
            value.copy_(torch.from_numpy(parameter(number, name, shape, seed)).reshape(value.shape))
    return sorted(published)


def published_shapes(golden: Golden) -> dict[str, tuple[int, ...]]:
    """Return the shape of every published parameter."""
    names, shapes = golden["parameter/name"], golden["parameter/shape"]
    return {
        str(name): tuple(map(int, str(shape).split(","))) for name, shape in zip(names, shapes, strict=True)
    }


def check_parameters(golden: Golden, module: nn.Module, names: list[str]) -> None:
    """Compare the number of learned parameters and the published names, as `fill` returns them."""
    assert sum(each.numel() for each in module.parameters()) == golden["parameters"]
    assert names == [str(name) for name in golden["parameter/name"]]


def run_with_stages(
    module: nn.Module,
    golden: Golden,
    run: Callable[[], Any],
    stages: Mapping[str, str | tuple[str, View]] | None = None,
    tolerance: float = 1e-3,
) -> Any:
    """Run a network in evaluation mode and compare the output of every published stage at its first call.

    Args:
        module: the network, filled.
        golden: reference values of the network.
        run: runs the network once.
        stages: published module -> own module where they differ, alone or with the view of its output.
        tolerance: of the values, absolute and relative.

    Returns:
        What `run` returns.
    """
    modules, seen = dict(module.named_modules()), {}
    hooks = []
    for stage in sorted({key.split("/")[1] for key in golden if key.startswith("stage/")}):
        chosen = (stages or {}).get(stage, stage)
        own, view = (chosen, None) if isinstance(chosen, str) else chosen
        hooks.append(modules[own].register_forward_hook(_keep_first(seen, stage, view)))
    module.eval()
    try:
        with torch.no_grad():
            result = run()
    finally:
        for hook in hooks:
            hook.remove()
    assert len(seen) == len(hooks)
    for stage, value in seen.items():
        assert tuple(value.shape) == tuple(golden[f"stage/{stage}/shape"]), stage
        np.testing.assert_allclose(
            probe(value), golden[f"stage/{stage}/probe"], atol=tolerance, rtol=tolerance, err_msg=stage
        )
    return result


def probe(value: Tensor) -> np.ndarray:
    """Return the mean, the deviation and up to 32 values at even distances, as the files keep them of a stage."""
    flat = value.double().flatten().numpy()
    places = np.linspace(0, flat.size - 1, min(flat.size, 32)).astype(int)
    return np.concatenate([[flat.mean(), flat.std(ddof=1)], flat[places]])


def _keep_first(seen: dict[str, Tensor], stage: str, view: View | None) -> Callable[..., None]:
    def hook(_module: nn.Module, _inputs: Any, output: Any) -> None:
        first = output[0] if isinstance(output, tuple) else output
        if stage not in seen:
            seen[stage] = first if view is None else view(first)

    return hook
