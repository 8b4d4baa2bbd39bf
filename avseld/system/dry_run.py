"""One forward pass of a new system on noise, so that a part that breaks its contract is named in one line.

Features, network and target of other packages meet here for the first time: shapes, arguments and return values are
compared with what `avseld.system.protocols` asks for, before any recording is read.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from avseld.base.errors import BadInput
from avseld.io.events import Events
from avseld.io.formats import format_named
from avseld.io.row_maps import RowMaps

if TYPE_CHECKING:
    from avseld.system.build import System

NOISE_LEVEL = 0.1
"""standard deviation of the noise, full scale 1"""

ONE_EVENT = Events.from_rows([(0.0, 0.5, 0, 0, 30.0, 10.0, 2.0)]).with_energies(
    RowMaps(np.ones(1, int), np.zeros(1, np.uint16), np.ones(1, np.float32))
)
"""label of the window: half a second of class 0, with energy in one cell"""


@contextmanager
def in_one_line(where: str) -> Iterator[None]:
    """Turn any error into a `BadInput` of one line.

    Args:
        where: begins the line.
    """
    try:
        yield
    except BadInput:
        raise
    except Exception as error:
        text = " ".join(str(error).split())
        raise BadInput(f"{where} fails: {type(error).__name__}: {text}") from error


def dry_run(system: "System") -> None:
    """Run one window of noise through a system: features, heads, loss and events.

    Neither weights nor the state of torch's random numbers change.

    Args:
        system: newly built.

    Raises:
        BadInput: a part with a wrong shape, argument or return value; names it and what is expected.
    """
    training = [(module, module.training) for module in system.modules()]
    system.eval()
    try:
        with torch.random.fork_rng(devices=[]):
            features = _check_features(system)
            heads = _check_model(system, features)
            _check_stream(system, features)
            _check_target(system, heads)
    finally:
        for module, mode in training:
            module.training = mode


def _check_features(system: "System") -> Tensor:
    """Return the features of a training window; those of a window of inference are checked, too."""
    name = f"features {system.blueprint.features.name}"
    part = system.features
    _check_arguments(part.forward, name, "waveform, centered=True", (None,), {"centered": False})
    n_channels = format_named(system.blueprint.format).channels
    span = (system.run_frames - 1) * system.hop_samples + part.stft.n_fft
    checked = []
    for n_samples, n_frames, centered in (
        (span, system.run_frames, False),
        (system.window_samples, system.window_frames, True),
    ):
        noise = torch.randn(1, n_channels, n_samples, generator=torch.Generator().manual_seed(0))
        with torch.no_grad(), in_one_line(f"{name}: forward with {tuple(noise.shape)}"):
            answer = part(NOISE_LEVEL * noise, centered=centered)
        expected = (1, part.n_features, n_frames, part.n_bins)
        if not isinstance(answer, Tensor) or tuple(answer.shape) != expected:
            raise BadInput(
                f"{name}: forward of {n_samples} samples with centered={centered} is {_shape(answer)}, "
                f"expected {expected} (batch, n_features, frame, n_bins)"
            )
        if not torch.isfinite(answer).all():
            raise BadInput(f"{name}: forward of noise has values that are not finite")
        checked.append(answer)
    return checked[-1].contiguous(memory_format=torch.channels_last)


def _check_model(system: "System", features: Tensor) -> dict[str, Tensor]:
    """Return the heads of a window, with visual input where the network takes it."""
    name = f"model {system.blueprint.model.name}"
    if next(system.model.parameters(), None) is None:
        raise BadInput(f"{name}: has no parameters, so there is nothing to train")
    _check_arguments(system.model.forward, name, "x, visual=None", (None, None), {})
    _check_arguments(system.model.forward, name, "x, visual=None", (None,), {})
    heads: dict[str, Tensor] = {}
    for visual in (None, torch.zeros(1, *system.visual_spec.shape)):
        shown = "no visual input" if visual is None else f"visual input {tuple(visual.shape)}"
        with in_one_line(f"{name}: forward with {tuple(features.shape)} and {shown}"):
            heads = system.model(features, visual)
        _check_heads(name, heads, system.target.shapes, system.window_frames)
    return heads


def _check_stream(system: "System", features: Tensor) -> None:
    """Compare a stream in one piece with the same in two, and with a window."""
    if system.model.advance is None:
        return
    name = f"model {system.blueprint.model.name}"
    ahead, step = system.model.look_ahead_frames, system.label_frames
    n_frames = features.shape[2] // step * step
    if n_frames < ahead + 2 * step:
        return
    x = features[:, :, :n_frames]
    with in_one_line(f"{name}: advance with {tuple(x.shape)}"):
        whole, state = system.model.advance(x, None, None)
        first, between = system.model.advance(x[:, :, :step], None, None)
        second, after = system.model.advance(x[:, :, step:], None, between)
    _check_heads(f"{name}: advance", whole, system.target.shapes, n_frames)
    if _sizes(state) != _sizes(between) or _sizes(state) != _sizes(after):
        raise BadInput(f"{name}: advance returns states of other names or sizes for other pieces of a stream")
    window = system.model(x, None)
    for head in system.target.shapes:
        joined = torch.cat([first[head], second[head]], dim=1)
        known = window[head][:, : n_frames - ahead]
        if not _are_close(joined, whole[head]) or not _are_close(whole[head][:, ahead:], known):
            raise BadInput(
                f"{name}: heads.{head} of a stream depend on where it is cut, or differ from those of a window; all "
                f"that advance remembers belongs into the state, and heads lag {ahead} frames (look_ahead_frames)"
            )


def _sizes(state: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(value.shape) for name, value in state.items()}


def _are_close(one: Tensor, other: Tensor) -> bool:
    return bool(torch.allclose(one, other, rtol=1e-4, atol=1e-4))


def _check_heads(name: str, heads: Any, shapes: Mapping[str, tuple[int, ...]], n_frames: int) -> None:
    expected = {head: (1, n_frames, *shape) for head, shape in shapes.items()}
    if not isinstance(heads, Mapping):
        raise BadInput(f"{name}: forward returns {_shape(heads)}, expected a dict {expected}")
    for head, shape in expected.items():
        if head not in heads:
            raise BadInput(f"{name}: heads.{head} is missing, expected {shape}")
        if not isinstance(heads[head], Tensor) or tuple(heads[head].shape) != shape:
            raise BadInput(f"{name}: heads.{head} is {_shape(heads[head])}, expected {shape}")


def _check_target(system: "System", heads: dict[str, Tensor]) -> None:
    """Compare the heads with the labels of one event and decode them."""
    name = f"target {system.blueprint.target.name}"
    with in_one_line(f"{name}: encode"):
        labels = system.target.encode(ONE_EVENT, 0.0, system.window_frames, system.hop)
    if not isinstance(labels, Mapping) or not all(isinstance(each, np.ndarray) for each in labels.values()):
        raise BadInput(f"{name}: encode returns {_shape(labels)}, expected a dict of arrays")
    batch = {head: torch.from_numpy(np.asarray(value))[None] for head, value in labels.items()}
    with in_one_line(f"{name}: loss of heads {_shapes(heads)} and labels {_shapes(batch)}"):
        losses = system.target.loss(heads, batch)
    if not isinstance(losses, Mapping) or not isinstance(losses.get("loss"), Tensor):
        raise BadInput(f"{name}: loss returns {_shape(losses)}, expected a dict with a tensor 'loss'")
    if losses["loss"].ndim:
        raise BadInput(f"{name}: loss is {_shape(losses['loss'])}, expected a scalar ()")
    arrays = {head: value.detach()[0].numpy() for head, value in heads.items()}
    with in_one_line(f"{name}: decode"):
        events = system.target.decode(arrays, system.hop)
    if not isinstance(events, Events):
        raise BadInput(f"{name}: decode returns {_shape(events)}, expected Events")


def _check_arguments(
    function: Callable[..., Any],
    name: str,
    expected: str,
    positional: tuple[None, ...],
    named: dict[str, Any],
) -> None:
    """Refuse a function that cannot be called so."""
    signature = inspect.signature(function)
    try:
        signature.bind(*positional, **named)
    except TypeError as error:
        taken = ", ".join(map(str, signature.parameters))
        raise BadInput(f"{name}: forward takes ({taken}), expected ({expected}): {error}") from None


def _shape(value: Any) -> str:
    """Write the shape of an array or tensor, else the type."""
    return str(tuple(value.shape)) if isinstance(value, Tensor | np.ndarray) else f"a {type(value).__name__}"


def _shapes(values: Mapping[str, Tensor]) -> str:
    return ", ".join(f"{name} {tuple(value.shape)}" for name, value in values.items())
