"""AdapterBit: small networks beside the layers of a pretrained transformer, which alone are trained, with all biases.

J. Hu et al., PSELDNets, IEEE TASLP 33, 2025 (Jinbo-Hu/PSELDNets @ adb5e39). Parameter names as published.
"""

from collections.abc import Callable

from torch import Tensor, nn
from torch.nn import functional

from avseld.base.errors import BadInput
from avseld.models.shifted_windows import FeedForward, WindowAttention

RATIO, SCALE = 0.5, 0.1
"""width of an adapter over that of its layer, and factor on its output, as published"""


class Adapter(nn.Module):
    """Two linear layers with a GELU between them; the last is zero at first, so that nothing changes.

    Args:
        width: channels in and out.
        ratio: width between the layers over `width`.
        scale: factor on the output.

    Raises:
        BadInput: a ratio that leaves no channel.
    """

    def __init__(self, width: int, ratio: float = RATIO, scale: float = SCALE) -> None:
        super().__init__()
        hidden = int(width * ratio)
        if hidden < 1:
            raise BadInput(
                f"model.options.adapter_ratio: {ratio:g} of {width} channels is none; choose a larger one"
            )
        self.scale = scale
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width)
        nn.init.zeros_(self.fc2.weight)
        nn.init.zeros_(self.fc2.bias)

    def forward(self, x: Tensor) -> Tensor:
        """(..., width) -> the same shape."""
        return self.scale * self.fc2(functional.gelu(self.fc1(x)))


def add_adapters(
    network: nn.Module, is_head: Callable[[str], bool], ratio: float = RATIO, scale: float = SCALE
) -> None:
    """Put an adapter beside every linear stage of a transformer with windows, and exclude the other weights.

    The adapter beside the two linear layers of a block takes their input, that of the attention its output. Trained are
    adapters, heads, and whatever has `bias` in its name, offsets of the attention included. Statistics of batch
    normalization follow the training data, as published.

    Args:
        network: with blocks of `avseld.models.shifted_windows`.
        is_head: tells by its name whether a weight belongs to a head.
        ratio: see `Adapter`.
        scale: see `Adapter`.
    """
    for module in list(network.modules()):
        if isinstance(module, WindowAttention):
            module.adapter = Adapter(module.proj.out_features, ratio, scale)
        elif isinstance(module, FeedForward):
            module.adapter = Adapter(module.fc2.out_features, ratio, scale)
    for name, weight in network.named_parameters():
        weight.requires_grad_(".adapter." in name or "bias" in name or is_head(name))
