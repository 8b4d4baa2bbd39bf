"""The part of a system that is recorded as a graph: from sound to the heads, of windows or of a stretch of a stream."""

import copy
from collections.abc import Mapping
from types import MethodType
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.autograd import Function

from avseld.exporting.free_count import CountOf
from avseld.exporting.planes import Planes, RealPlanes
from avseld.io.formats import format_named
from avseld.models.temporal import ResetFirstGRU
from avseld.onnx_runtime.description import INSIDE, NEXT, STATE, VISUAL, WAVEFORM
from avseld.system.build import System

NOISE_LEVEL = 0.1
"""of the sound with which a module is recorded: features of silence could take another way"""


class Recorded(Protocol):
    """A module that can be recorded.

    Attributes:
        inputs: names of the arguments of `forward`.
        outputs: names of what it returns.
        count: where the number stands that a graph may leave free.
    """

    inputs: list[str]
    outputs: list[str]
    count: CountOf

    def example(self, count: int) -> tuple[Tensor, ...]:
        """Make arguments: of a number of windows, or of label frames."""
        ...


class ExportedWindows(nn.Module):
    """Features and network of a system on a batch of windows, as `avseld.system.inference.run_windows` runs them.

    Args:
        system: in evaluation, on the CPU; it is copied.
        vision: take visual input, if the network does; else it is given none.
    """

    def __init__(self, system: System, vision: bool = True) -> None:
        super().__init__()
        self.features, self.model = _copied(system)
        self.lengths, self.n_channels = system.lengths, format_named(system.blueprint.format).channels
        self.masked = system.blueprint.legacy or bool(system.features.state_dict())
        self.visual_shape = system.visual_spec.shape if system.model.vision and vision else None
        self.inputs = [
            WAVEFORM, *([INSIDE] if self.masked else []), *([VISUAL] if self.visual_shape is not None else [])
        ]  # fmt: skip
        self.outputs = list(system.target.shapes)
        self.count = CountOf(WAVEFORM)

    def example(self, count: int) -> tuple[Tensor, ...]:
        """Make arguments of a number of windows; see `Recorded.example`."""
        arguments = {
            WAVEFORM: noise(count, self.n_channels, self.lengths.span),
            INSIDE: torch.ones(count, self.lengths.run_frames, dtype=torch.bool),
            VISUAL: torch.zeros(count, *(self.visual_shape or ())),
        }
        return tuple(arguments[name] for name in self.inputs)

    def forward(self, *arguments: Tensor) -> tuple[Tensor, ...]:
        """Run windows.

        Args:
            arguments: as `inputs` names them: waveform (window, channel, sample), inside (window, frame) bool, visual
                (window, ...).

        Returns:
            The heads in the order of `outputs`, (window, kept frame, ...) each.
        """
        given = dict(zip(self.inputs, arguments, strict=True))
        with RealPlanes():
            x = self.features(given[WAVEFORM], centered=False)
            if self.masked:  # frames beyond the recording are zeros, see `run_windows`
                x = x * given[INSIDE].to(x.dtype)[:, None, :, None]
            heads = self.model(x, given.get(VISUAL))
        return tuple(heads[name][:, self.lengths.kept].float() for name in self.outputs)


class ExportedStream(nn.Module):
    """Features and network of a system that carries a state, on the next label frames of one stream.

    Args:
        system: in evaluation, on the CPU; it is copied.
    """

    def __init__(self, system: System) -> None:
        super().__init__()
        self.features, self.model = _copied(system)
        self.lengths, self.n_channels = system.lengths, format_named(system.blueprint.format).channels
        self.visual_shape = system.visual_spec.shape[1:] if system.model.vision else None
        self.heads = list(system.target.shapes)
        seen = [VISUAL] if self.visual_shape is not None else []
        with torch.no_grad():
            with RealPlanes():
                x = self.features(noise(1, self.n_channels, self._samples(1)), centered=False)
            visual = None if self.visual_shape is None else torch.zeros(1, 1, *self.visual_shape)
            state: Mapping[str, Tensor] = self.model.advance(x, visual, None)[1]
        self.state_shapes = {name: list(value.shape[1:]) for name, value in state.items()}
        self.inputs = [WAVEFORM, *seen, *(STATE + name for name in self.state_shapes)]
        self.outputs = [*self.heads, *(f"{STATE}{name}{NEXT}" for name in self.state_shapes)]
        unit = self.lengths.label_frames * self.lengths.hop_samples
        self.count = CountOf(WAVEFORM, 2, self._samples(0), unit)

    def _samples(self, n_label_frames: int) -> int:
        """Count the samples that some label frames cover."""
        lengths = self.lengths
        return (n_label_frames * lengths.label_frames - 1) * lengths.hop_samples + lengths.n_fft

    def example(self, count: int) -> tuple[Tensor, ...]:
        """Make arguments of a number of label frames; see `Recorded.example`."""
        seen = [] if self.visual_shape is None else [torch.zeros(1, count, *self.visual_shape)]
        state = [torch.zeros(1, *shape) for shape in self.state_shapes.values()]
        return noise(1, self.n_channels, self._samples(count)), *seen, *state

    def forward(self, *arguments: Tensor) -> tuple[Tensor, ...]:
        """Run the next label frames.

        Args:
            arguments: as `inputs` names them: waveform (1, channel, sample), visual (1, label frame, ...) and what is
                remembered; zeros at the beginning.

        Returns:
            The heads (1, frame, ...), and what is to be remembered, in the order of `outputs`.
        """
        given = dict(zip(self.inputs, arguments, strict=True))
        state = {name: given[STATE + name] for name in self.state_shapes}
        with RealPlanes():
            x = self.features(given[WAVEFORM], centered=False)
            heads, after = self.model.advance(x, given.get(VISUAL), state)
        return (*(heads[name].float() for name in self.heads), *(after[name] for name in self.state_shapes))


def takes_zeros_for_none(system: System) -> bool:
    """Tell whether a network without video gives what it gives with a video in which nothing is seen."""
    if not system.model.vision:
        return True
    x = noise(1, system.features.n_features, system.run_frames, system.features.n_bins)
    with torch.no_grad():
        heads = [system.model(x, visual) for visual in (None, torch.zeros(1, *system.visual_spec.shape))]
    return all(torch.allclose(heads[0][name], heads[1][name], rtol=0, atol=1e-6) for name in heads[0])


def recorded(system: System) -> ExportedWindows | ExportedStream:
    """Return the part of a system that is recorded: of a stream, where it can run one."""
    return ExportedWindows(system) if system.model.advance is None else ExportedStream(system)


def noise(*shape: int) -> Tensor:
    """Return white noise, the same at each call."""
    return NOISE_LEVEL * torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def _copied(system: System) -> tuple[nn.Module, Any]:
    """Copy features and network, in forms that ONNX has."""
    features, model = copy.deepcopy(system.features), copy.deepcopy(system.model).float()
    for part in (features, model):
        part.eval().requires_grad_(False)
        for module in part.modules():
            _make_real(module)
            if isinstance(module, ResetFirstGRU):
                module.forward = MethodType(_run_reset_first, module)  # type: ignore[method-assign]
    return features, model


def _make_real(module: nn.Module) -> None:
    """Turn complex constants of a module into two real ones; see `avseld.exporting.planes`."""
    for name, value in list(module.named_buffers(recurse=False)):
        if value.is_complex():
            del module._buffers[name]
            setattr(module, name, Planes(value.real.clone(), value.imag.clone()))


class _ResetFirst(Function):
    """The layer of `ResetFirstGRU`, which is the GRU of ONNX with its default activations."""

    @staticmethod
    def forward(  # type: ignore[override]
        ctx: Any, x: Tensor, kernel: Tensor, recurrence: Tensor, bias: Tensor, hidden: int
    ) -> Tensor:
        """Return an output of the right shape, (frame, direction, batch, unit): the recorded operator computes it."""
        return x.new_zeros(x.shape[0], 2, x.shape[1], hidden)

    @staticmethod
    def symbolic(g: Any, x: Any, kernel: Any, recurrence: Any, bias: Any, hidden: int) -> Any:
        """Record the operator."""
        options = {"hidden_size_i": hidden, "direction_s": "bidirectional", "linear_before_reset_i": 0}
        options["activations_s"] = ["HardSigmoid", "Tanh"] * 2  # type: ignore[assignment]
        return g.op("GRU", x, kernel, recurrence, bias, outputs=2, **options)[0]


def _run_reset_first(layer: ResetFirstGRU, x: Tensor) -> Tensor:
    """Run the layer as one operator instead of frame by frame."""
    bias = torch.cat([layer.bias, torch.zeros_like(layer.bias)], dim=1)
    kernel, recurrence = layer.weight_input.transpose(1, 2), layer.weight_state.transpose(1, 2)
    both = _ResetFirst.apply(x.transpose(0, 1), kernel, recurrence, bias, layer.hidden)
    forward, backward = both.unbind(1)
    joined = forward * backward if layer.merge == "product" else torch.cat([forward, backward], dim=2)
    return joined.transpose(0, 1)
