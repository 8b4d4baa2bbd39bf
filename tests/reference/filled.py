"""Weights and inputs by formula, so that a network's reference output can be stored without its weights.

Any network of the same parameter names and shapes can be filled alike; `tests/golden/README.md` states the formula.
"""

import numpy as np

BLOCK = 2**15  # elements that are hashed at a time: they stay in the cache of a processor
FIRST_INPUT = 1000  # inputs are numbered from here, so that no input equals a parameter


def uniform(number: int, shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """Return values in [-1, 1) of tensor `number`: a hash of the element's index, in double precision."""
    n_values = int(np.prod(shape, dtype=np.int64))
    offset = np.uint32(((number + 1) * 0x85EBCA77 + seed * 0xC2B2AE3D) % 2**32)
    value = np.empty(n_values)
    for start in range(0, n_values, BLOCK):
        h = np.arange(start + 1, min(start + BLOCK, n_values) + 1, dtype=np.uint32)
        h *= np.uint32(0x9E3779B1)  # products and sums of uint32 are modulo 2^32
        h += offset
        h ^= h >> np.uint32(15)
        h *= np.uint32(0x2C1B3C6D)
        h ^= h >> np.uint32(12)
        h *= np.uint32(0x297A2D39)
        h ^= h >> np.uint32(15)
        np.divide(h, 2.0**31, out=value[start : start + BLOCK])
    value -= 1
    return value.reshape(shape)


def parameter(number: int, name: str, shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """Return parameter `number` of a state dict, scaled by its name and shape, in single precision."""
    value = uniform(number, shape, seed)
    if name.endswith("running_mean"):
        value = 0.1 * value
    elif name.endswith("running_var"):
        value = 1 + 0.25 * value
    elif len(shape) <= 1:
        value = 1 + 0.1 * value if name.endswith("weight") else 0.05 * value
    else:
        fan = value.size / shape[0]
        value = value * np.sqrt((6 if len(shape) == 4 else 3) / fan)
    return value.astype(np.float32)


def state(names: list[str], shapes: list[tuple[int, ...]], seed: int = 0) -> dict[str, np.ndarray]:
    """Return the parameters of a network, by name; `names` sorted as strings, the order that numbers them."""
    assert names == sorted(names)
    pairs = zip(names, shapes, strict=True)
    return {name: parameter(k, name, tuple(shape), seed) for k, (name, shape) in enumerate(pairs)}


def network_input(number: int, shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """Return input `number` of a network, of mean 0 and variance 1."""
    return (uniform(FIRST_INPUT + number, shape, seed) * np.sqrt(3)).astype(np.float32)


def of_file(values: dict[str, np.ndarray], prefix: str) -> tuple[dict[str, np.ndarray], list[np.ndarray]]:
    """Return the parameters and the inputs that a file of reference values names under `prefix`."""
    seed = int(values[f"{prefix}/seed"])
    shapes = [tuple(int(n) for n in row if n >= 0) for row in values[f"{prefix}/parameter/shape"]]
    parameters = state([str(name) for name in values[f"{prefix}/parameter/name"]], shapes, seed)
    count = sum(key.startswith(f"{prefix}/input/") for key in values)
    inputs = [network_input(n, tuple(values[f"{prefix}/input/{n}/shape"]), seed) for n in range(count)]
    return parameters, inputs


def description(
    parameters: dict[str, tuple[int, ...]], inputs: list[tuple[int, ...]], prefix: str, seed: int = 0
) -> dict[str, np.ndarray]:
    """Return what `of_file` reads: names and shapes of parameters (shapes padded with -1), shapes of inputs."""
    names = sorted(parameters)
    axes = max(len(shape) for shape in parameters.values())
    shapes = [[*parameters[name], *[-1] * (axes - len(parameters[name]))] for name in names]
    found = {
        f"{prefix}/seed": np.array(seed),
        f"{prefix}/parameter/name": np.array(names),
        f"{prefix}/parameter/shape": np.array(shapes),
    }
    return found | {f"{prefix}/input/{n}/shape": np.array(shape) for n, shape in enumerate(inputs)}
