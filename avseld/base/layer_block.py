"""A block of layers of a network, for figures of it."""

from dataclasses import dataclass


@dataclass
class LayerBlock:
    """A block of a network.

    Args:
        number: its place in the order in which blocks run.
        kind: input, convolution, recurrent, linear, attention, join or output.
        path: of the module, dotted; empty outside of modules.
        words: what the block does, one line each.
        shape: of its result, without the batch.
        parents: numbers of the blocks that feed it.
        parameters: weights in it.
        frozen: whether it has weights, and none of them is trained.
    """

    number: int
    kind: str
    path: str
    words: list[str]
    shape: tuple[int, ...]
    parents: list[int]
    parameters: int = 0
    frozen: bool = False
