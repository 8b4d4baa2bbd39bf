"""Complex spectra as two real tensors, since ONNX has no complex arithmetic.

Features compute with complex tensors of PyTorch. `RealPlanes` is a mode in which their transforms give `Planes`, a real
and an imaginary tensor, and what features do with spectra is done to both: the recorded graph has real operators alone,
and the features stay as they are.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from avseld.base.errors import BadInput
from avseld.exporting.transform import InverseTransform, short_time_transform


class Planes:
    """A complex tensor of any shape, as its real and its imaginary part.

    Args:
        real: any shape.
        imag: the same shape.
    """

    def __init__(self, real: Tensor, imag: Tensor) -> None:
        self.real, self.imag = real, imag

    @classmethod
    def __torch_function__(
        cls, function: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Answer functions of torch on spectra; `RealPlanes` does so before, with the same table."""
        return answer(function, args, kwargs or {})

    @property
    def shape(self) -> torch.Size:
        """Of each part."""
        return self.real.shape

    @property
    def device(self) -> torch.device:
        """Of each part."""
        return self.real.device

    @property
    def mH(self) -> "Planes":  # noqa: N802 - the name of torch
        """The conjugate transpose of the last two axes."""
        return Planes(self.real.mT, -self.imag.mT)

    def __len__(self) -> int:
        return len(self.real)

    def conj(self) -> "Planes":
        """Return the conjugate."""
        return Planes(self.real, -self.imag)

    def resolve_conj(self) -> "Planes":
        """Return the same: nothing is put off here."""
        return self

    def abs(self) -> Tensor:
        """Compute the magnitude."""
        return (self.real.square() + self.imag.square()).sqrt()

    def __getitem__(self, key: Any) -> "Planes":
        return Planes(self.real[key], self.imag[key])

    def __add__(self, other: "Planes") -> "Planes":
        return Planes(self.real + other.real, self.imag + other.imag)

    def __sub__(self, other: "Planes") -> "Planes":
        return Planes(self.real - other.real, self.imag - other.imag)

    def __mul__(self, other: Any) -> "Planes":
        if not isinstance(other, Planes):
            return Planes(self.real * other, self.imag * other)
        return Planes(
            self.real * other.real - self.imag * other.imag, self.real * other.imag + self.imag * other.real
        )

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> "Planes":
        if isinstance(other, Planes):
            return NotImplemented
        return Planes(self.real / other, self.imag / other)

    def __matmul__(self, other: "Planes") -> "Planes":
        return Planes(
            self.real @ other.real - self.imag @ other.imag, self.real @ other.imag + self.imag @ other.real
        )

    def unbind(self, dim: int = 0) -> tuple["Planes", ...]:
        """Split along an axis."""
        return tuple(map(Planes, self.real.unbind(dim), self.imag.unbind(dim)))

    def unflatten(self, dim: int, sizes: Sequence[int]) -> "Planes":
        """Split an axis into several."""
        return Planes(self.real.unflatten(dim, sizes), self.imag.unflatten(dim, sizes))

    def transpose(self, first: int, second: int) -> "Planes":
        """Exchange two axes."""
        return Planes(self.real.transpose(first, second), self.imag.transpose(first, second))

    def index_select(self, dim: int, index: Tensor) -> "Planes":
        """Choose places of an axis."""
        return Planes(self.real.index_select(dim, index), self.imag.index_select(dim, index))


class _Pair:
    """What `torch.view_as_real` returns: its last axis has the real and the imaginary part."""

    def __init__(self, parts: Planes) -> None:
        self._parts = parts

    def __getitem__(self, key: Any) -> Tensor:
        *others, part = key
        if others != [Ellipsis] or part not in (0, 1):
            raise BadInput(
                f"view_as_real(...)[{key}]: only its parts, [..., 0] and [..., 1], can be exported"
            )
        return self._parts.imag if part else self._parts.real


def angle(y: Tensor, x: Tensor) -> Tensor:
    """Compute atan2(y, x), which ONNX has not; 0 where both are 0.

    The quotient is at most 1, so that no precision is lost. A negative zero counts as 0.
    """
    across, along = y.abs(), x.abs()
    larger = torch.maximum(across, along)
    quotient = torch.minimum(across, along) / torch.where(larger > 0, larger, 1.0)
    first = torch.atan(quotient)
    octant = torch.where(across > along, math.pi / 2 - first, first)
    half = torch.where(x < 0, math.pi - octant, octant)
    return torch.where(y < 0, -half, half)


def _angle_of(spectrum: Any) -> Tensor:
    if not isinstance(spectrum, Planes):
        return torch.where(spectrum < 0, math.pi, 0.0)
    return angle(spectrum.imag, spectrum.real)


def _joined(function: Callable[..., Tensor]) -> Callable[..., Any]:
    """Make a function of lists of tensors one of lists of spectra, too."""

    def joined(parts: Sequence[Any], *args: Any, **kwargs: Any) -> Any:
        if not any(isinstance(part, Planes) for part in parts):
            return function(parts, *args, **kwargs)
        planes = ([part.real for part in parts], [part.imag for part in parts])
        return Planes(*(function(plane, *args, **kwargs) for plane in planes))

    return joined


def _einsum(equation: str, *operands: Any) -> Any:
    """Sum products of two operands, of which both may be complex."""
    if not any(isinstance(operand, Planes) for operand in operands):
        return torch.einsum(equation, *operands)
    first, second = operands
    if not (isinstance(first, Planes) and isinstance(second, Planes)):
        raise BadInput(f"einsum {equation}: of a real and a complex tensor cannot be exported")
    return Planes(
        torch.einsum(equation, first.real, second.real) - torch.einsum(equation, first.imag, second.imag),
        torch.einsum(equation, first.real, second.imag) + torch.einsum(equation, first.imag, second.real),
    )


def _shape(x: Any, *args: Any) -> Any:
    """Return sizes as plain numbers: the graph would compute traced ones, though windows have one length."""
    return torch.Size(map(int, x.shape))


def _size(x: Any, dim: int | None = None) -> Any:
    return _shape(x) if dim is None else int(x.shape[dim])


def _unflatten(x: Tensor, dim: int, sizes: Sequence[int]) -> Tensor:
    shape, place = list(_shape(x)), dim % x.ndim
    known = math.prod(int(size) for size in sizes if size != -1)
    filled = [shape[place] // known if size == -1 else int(size) for size in sizes]
    return x.reshape(*shape[:place], *filled, *shape[place + 1 :])


def _unfold(x: Tensor, dimension: int, size: int, step: int) -> Tensor:
    count = (int(x.shape[dimension]) - size) // step + 1
    last = (count - 1) * step + 1
    parts = [x.narrow(dimension, first, last) for first in range(size)]
    if step > 1:
        key = [slice(None)] * x.ndim
        key[dimension] = slice(None, None, step)
        parts = [part[tuple(key)] for part in parts]
    return torch.stack(parts, dim=-1)


def _movedim(x: Tensor, source: int, destination: int) -> Tensor:
    order = [axis for axis in range(x.ndim) if axis != source % x.ndim]
    order.insert(destination % x.ndim, source % x.ndim)
    return x.permute(order)


def _stft(waveform: Tensor, n_fft: int, hop_length: int, **options: Any) -> Planes:
    if options.get("normalized") or options.get("onesided") is False:
        raise BadInput("stft: only plain one-sided transforms can be exported")
    taken = {name: options[name] for name in STFT_OPTIONS if name in options}
    return Planes(*short_time_transform(waveform, n_fft, hop_length, **taken))


def _irfft(spectrum: Planes, n: int) -> InverseTransform:
    return InverseTransform(spectrum.real, spectrum.imag, n)


STFT_OPTIONS = ("win_length", "window", "center", "pad_mode")
"""of `torch.stft`, which are taken"""

FUNCTIONS: Mapping[Callable[..., Any], Callable[..., Any]] = {
    torch.stft: _stft,
    torch.fft.irfft: _irfft,
    torch.view_as_real: _Pair,
    torch.complex: Planes,
    torch.angle: _angle_of,
    Tensor.angle: _angle_of,
    torch.atan2: angle,
    Tensor.atan2: angle,
    torch.cat: _joined(torch.cat),
    torch.stack: _joined(torch.stack),
    torch.einsum: _einsum,
    Tensor.shape.__get__: _shape,  # type: ignore[attr-defined]
    Tensor.size: _size,
    Tensor.__len__: lambda x: int(x.shape[0]),
    Tensor.unflatten: _unflatten,
    Tensor.movedim: _movedim,
    Tensor.unfold: _unfold,
}
"""function of torch -> what is done in its place"""


def answer(function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """Call what stands for a function of torch.

    Raises:
        BadInput: nothing stands for a function of spectra.
    """
    if function in FUNCTIONS:
        return FUNCTIONS[function](*args, **kwargs)
    if any(isinstance(each, Planes) for each in (*args, *kwargs.values())):
        name = getattr(function, "__name__", str(function))
        raise BadInput(f"the operation {name} of a complex spectrum cannot be exported")
    return function(*args, **kwargs)


class RealPlanes(TorchFunctionMode):
    """A `with` block in which transforms give `Planes`, and functions of them have real operators alone."""

    def __torch_function__(
        self, function: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Answer a function of torch."""
        return answer(function, args, kwargs or {})
