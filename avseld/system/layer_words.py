"""What the layers of a network do, in the words of a figure."""

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor, nn

from avseld.base.layer_block import LayerBlock
from avseld.models.encoders.sound_field import FieldBlock
from avseld.models.encoders.transformer import Block as TransformerBlock
from avseld.models.person_attention import PersonAttention
from avseld.models.temporal import ResetFirstGRU

Words = Callable[[Any], list[str]]

BY = " \N{MULTIPLICATION SIGN} "


def by(sizes: Sequence[int]) -> str:
    """Write sizes with multiplication signs between them."""
    return BY.join(map(str, sizes))


def _gru(layer: nn.GRU) -> list[str]:
    both = "bidirectional " if layer.bidirectional else ""
    layers = f", {layer.num_layers} layers" if layer.num_layers > 1 else ""
    return [f"{both}GRU, {layer.hidden_size} units{layers}"]


WHOLE: dict[type[nn.Module], tuple[str, Words]] = {
    nn.GRU: ("recurrent", _gru),
    ResetFirstGRU: (
        "recurrent",
        lambda one: [
            f"bidirectional GRU, {one.hidden} units",
            "directions multiplied" if one.merge == "product" else "directions side by side",
        ],
    ),
    nn.MultiheadAttention: (
        "attention",
        lambda one: [f"self-attention, {one.num_heads} heads", f"width {one.embed_dim}"],
    ),
    nn.TransformerDecoder: ("attention", lambda one: [f"transformer decoder, {one.num_layers} layers"]),
    TransformerBlock: ("attention", lambda one: [f"transformer block, {one.n_heads} heads"]),
    FieldBlock: (
        "convolution",
        lambda one: [
            f"conv {by((3, 3))}, {one.scalars} scalars, {one.turning.out_channels} vectors",
            f"gates, pooling {by(one.pooling)}",
        ],
    ),
    PersonAttention: (
        "attention",
        lambda one: ["people followed by a GRU,", "attention of the sound to them"],
    ),
}
"""class of modules that are one block -> its kind and its words"""

STARTS = {"conv1d": "convolution", "conv2d": "convolution", "linear": "linear", "gaussian_vectors": "join",
          "scaled_dot_product_attention": "attention"}  # fmt: skip
"""torch function that begins a block -> kind"""
NAMES = {
    "relu": "ReLU",
    "batch_norm": "BN",
    "layer_norm": "LN",
    "tanh": "tanh",
    "gelu": "GELU",
    "sigmoid": "sigmoid",
}
"""torch function that belongs to the block before it -> its word"""
POOLINGS = {"max_pool2d": "max", "avg_pool2d": "average", "avg_pool1d": "average"}
REDUCTIONS = {"mean": "mean", "amax": "maximum"}


def whole_block(module: nn.Module) -> tuple[str, Words] | None:
    """Return kind and words of a module that is one block; None for another module."""
    for kind, found in WHOLE.items():
        if isinstance(module, kind):
            return found
    if type(module).__name__.endswith("Block") and any(
        isinstance(each, nn.Conv1d | nn.Conv2d) for each in module.children()
    ):
        return "convolution", _words_of_conv_block
    children = list(module.children())
    linear = [each for each in children if isinstance(each, nn.Linear)]
    plain = all(isinstance(each, nn.Linear | nn.Dropout | nn.ReLU) for each in children)
    if isinstance(module, nn.Sequential) and len(linear) > 1 and plain:
        sizes = [linear[0].in_features, *(each.out_features for each in linear)]
        text = "linear " + " → ".join(map(str, sizes))
        return "linear", lambda _: [text]
    return None


def _words_of_conv_block(module: Any) -> list[str]:
    """Describe a block of convolutions, normalizations and a pooling by its layers."""
    convolutions = [each for each in module.children() if isinstance(each, nn.Conv1d | nn.Conv2d)]
    texts = [_conv_text(each.kernel_size, each.out_channels, each.groups) for each in convolutions]
    counted = [
        f"{texts.count(text)}{BY}({text}, BN, ReLU)" if texts.count(text) > 1 else f"{text}, BN, ReLU"
        for text in dict.fromkeys(texts)
    ]
    size = getattr(module, "size", getattr(module, "pooling", None))
    if size in (None, (1, 1)):
        return counted
    pool = getattr(module, "pool", None)
    kind = POOLINGS.get(getattr(pool, "__name__", "").strip("_"), "max")
    return [*counted, f"{kind} pooling {by(size)}"]


def _conv_text(kernel: tuple[int, ...], channels: int, groups: int = 1) -> str:
    kind = "depthwise conv" if groups > 1 else "conv"
    return f"{kind} {by(kernel)}, {channels}"


def words_of(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[str]:
    """Describe a function that begins a block."""
    if name == "gaussian_vectors":
        n_points = args[1] if len(args) > 1 else kwargs.get("n_points", 37)
        return [f"Gaussian vectors of {n_points} points"]
    if name == "scaled_dot_product_attention":
        return ["self-attention"]
    if name in NAMES:
        return [NAMES[name]]
    weight = args[1] if len(args) > 1 else kwargs["weight"]
    if name == "linear":
        return [f"linear {weight.shape[1]} → {weight.shape[0]}"]
    return [_conv_text(tuple(weight.shape[2:]), weight.shape[0], kwargs.get("groups", 1))]


def attached_word(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    """Describe a function that belongs to the block before it; empty for others."""
    if name in NAMES:
        return NAMES[name]
    if name in POOLINGS:
        size = args[1] if len(args) > 1 else kwargs["kernel_size"]
        return f"{POOLINGS[name]} pooling {by(size if isinstance(size, tuple | list) else (size,))}"
    if name in REDUCTIONS and isinstance(args[0], Tensor) and args[0].ndim == 4:
        dim = args[1] if len(args) > 1 else kwargs.get("dim")
        if dim in (3, (3,), -1):
            return f"{REDUCTIONS[name]} over bins"
    return ""


def is_over_frames(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Return whether a reduction of (batch, frame, value) is one over frames."""
    return args[0].ndim == 3 and (args[1] if len(args) > 1 else kwargs.get("dim")) == 1


def attach(block: LayerBlock, word: str) -> None:
    """Add a word to the description of a block: short ones to its line, poolings and means as further ones."""
    if word in NAMES.values():
        block.words[-1] += f", {word}"
    elif word not in block.words:
        block.words.append(word)
