"""The layers of a network as one window of noise passes through them: blocks, shapes, and what feeds what.

Every module is hooked, and every torch function is seen by a `TorchFunctionMode`. A convolution, a linear layer, a
recurrent or an attention layer begins a block; normalization, rectifier and pooling belong to the block before them.
Modules of `avseld.system.layer_words.WHOLE`, and of classes whose name ends with Block, are one block with everything
in them. A tensor belongs to the blocks that it was computed from, so that edges need no knowledge of the network.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils.hooks import RemovableHandle

from avseld.base.layer_block import LayerBlock
from avseld.io.channel_map import channel_names
from avseld.io.formats import format_named
from avseld.system.build import System
from avseld.system.dry_run import NOISE_LEVEL
from avseld.system.layer_words import (
    REDUCTIONS,
    STARTS,
    attach,
    attached_word,
    is_over_frames,
    whole_block,
    words_of,
)


def layer_blocks(system: System) -> list[LayerBlock]:
    """List the blocks of a system's network in the order in which they run.

    Args:
        system: any; its weights and its state do not change.

    Returns:
        Blocks: inputs first (features, visual input), one for each head last.
    """
    noise = torch.randn(
        1, format_named(system.blueprint.format).channels, system.window_samples,
        generator=torch.Generator().manual_seed(0),
    )  # fmt: skip
    training = [(module, module.training) for module in system.modules()]
    system.eval()
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            x = system.features(NOISE_LEVEL * noise)
            visual = torch.zeros(1, *system.visual_spec.shape) if system.model.vision else None
            recorder = _Recorder()
            recorder.add("input", "", _input_words(system), x, [])
            if visual is not None:
                recorder.add("input", "", [_visual_words(system)], visual, [])
            with _hooked(system.model, recorder), recorder:
                heads = system.model(x, visual)
            for name, head in heads.items():
                recorder.add("output", "", [name], head, sorted(recorder.origins(head)))
    finally:
        for module, mode in training:
            module.training = mode
    return _without_dead_ends(recorder.blocks)


def _input_words(system: System) -> list[str]:
    """Describe the features: name, and how many maps of each kind."""
    part = system.features
    name = system.blueprint.features.name
    if part.feature_maps is None:
        return [name]
    kinds = [each.kind for each in part.feature_maps(channel_names(system.blueprint.format))]
    counts = ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds))
    return [name, counts]


def _visual_words(system: System) -> str:
    names = {
        "first_boxes": "boxes of people at the start",
        "boxes": "boxes of people",
        "tracks": "people tracked through the video",
        "live_tracks": "people tracked in live video",
        "embeddings": "embeddings of video frames",
        "both": "boxes of people and embeddings",
    }
    return names[system.model.visual_input]


def _without_dead_ends(blocks: list[LayerBlock]) -> list[LayerBlock]:
    """Leave out blocks whose result reaches no head, and number the others anew."""
    needed: set[int] = set()
    for block in reversed(blocks):
        if block.kind in ("output", "input") or block.number in needed:
            needed |= {block.number, *block.parents}
    kept = [block for block in blocks if block.number in needed]
    number = {block.number: place for place, block in enumerate(kept)}
    for block in kept:
        block.number, block.parents = number[block.number], [number[parent] for parent in block.parents]
    return kept


class _Recorder(TorchFunctionMode):
    """Records blocks while torch functions run, and which blocks each tensor comes from."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks: list[LayerBlock] = []
        self.weights: set[int] = set()
        """identities of the weights that a block has"""
        self.known: dict[int, frozenset[int]] = {}
        self.held: list[Tensor] = []
        """all tensors seen, so that no other gets the identity of one"""
        self.inside: LayerBlock | None = None
        """the block whose module runs"""
        self.paths: list[str] = []

    def origins(self, *values: Any) -> frozenset[int]:
        """Return the numbers of the blocks that tensors come from."""
        found = (self.known.get(id(each), frozenset()) for each in _tensors(values))
        return frozenset().union(*found)

    def give(self, value: Any, origins: frozenset[int]) -> None:
        """Note where tensors come from."""
        for each in _tensors(value):
            if not isinstance(each, nn.Parameter):
                self.known[id(each)] = origins
                self.held.append(each)

    def add(self, kind: str, path: str, words: list[str], result: Any, parents: list[int]) -> LayerBlock:
        """Begin a block."""
        shape = tuple(next(iter(_tensors(result))).shape[1:])
        block = LayerBlock(len(self.blocks), kind, path, words, shape, parents)
        self.blocks.append(block)
        self.give(result, frozenset([block.number]))
        return block

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Run a function and note what it means for the blocks."""
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        name = getattr(func, "__name__", "").strip("_")
        self._note(name, args, kwargs, result)
        return result

    def _note(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
        """Note one function: a new block, a part of the block before, or none of both."""
        if self.inside is not None or not any(True for _ in _tensors(result)):
            return  # what happens in a block is its own affair; its result is noted when its module ends
        origins = self.origins(args, kwargs)
        weights = [each for each in _tensors((args, kwargs)) if isinstance(each, nn.Parameter)]
        path = self.paths[-1] if self.paths else ""
        last = self.blocks[next(iter(origins))] if len(origins) == 1 else None
        word = attached_word(name, args, kwargs)
        if last is not None and last.kind == "recurrent" and self._is_product(name, args):
            word = "directions multiplied"
        on_input = last is not None and last.kind == "input"
        if (name in STARTS and origins) or (name == "batch_norm" and on_input):
            block = self.add(
                STARTS.get(name, "join"), path, words_of(name, args, kwargs), result, sorted(origins)
            )
            self._count(block, weights)
        elif name in ("cat", "concat", "stack") and self._joins(args):
            self.add("join", path, ["concatenate" if name != "stack" else "stack"], result, sorted(origins))
        elif name == "layer_norm" and len(origins) > 1:
            self._count(self.add("join", path, ["add, LN"], result, sorted(origins)), weights)
        elif name in REDUCTIONS and last is not None and is_over_frames(args, kwargs):
            self.add("join", path, [f"{REDUCTIONS[name]} over frames"], result, sorted(origins))
        elif word and last is not None and not on_input and not self._has_children(last):
            attach(last, word)
            last.shape = tuple(next(iter(_tensors(result))).shape[1:])
            self._count(last, weights)
            self.give(result, origins)
        else:
            self.give(result, origins)

    def _joins(self, args: tuple[Any, ...]) -> bool:
        """Return whether a function joins tensors of different blocks."""
        parts = [self.origins(each) for each in _tensors(args[0])] if args else []
        return len({part for part in parts if part}) > 1

    def _is_product(self, name: str, args: tuple[Any, ...]) -> bool:
        """Return whether two parts of a block's result are multiplied."""
        tensors = [each for each in args if isinstance(each, Tensor) and self.origins(each)]
        return name == "mul" and len(tensors) == 2 and tensors[0].shape == tensors[1].shape

    def _has_children(self, block: LayerBlock) -> bool:
        return any(block.number in other.parents for other in self.blocks)

    def _count(self, block: LayerBlock, weights: Sequence[Tensor]) -> None:
        """Add weights to a block, unless another has them already."""
        new = [weight for weight in weights if id(weight) not in self.weights]
        if weights:
            block.frozen = not any(weight.requires_grad for weight in weights)
        if weights and not new and block.parameters == 0:
            block.words.append("the same weights")
        self.weights |= {id(weight) for weight in new}
        block.parameters += sum(weight.numel() for weight in new)

    def enter(self, path: str, module: nn.Module, values: Any) -> None:
        """Begin a module."""
        self.paths.append(path)
        if self.inside is None and (found := whole_block(module)) is not None:
            kind, words = found
            parents = sorted(self.origins(values))
            block = LayerBlock(len(self.blocks), kind, path, words(module), (), parents)
            self.blocks.append(block)
            self.inside = block

    def leave(self, path: str, module: nn.Module, result: Any) -> None:
        """End a module."""
        self.paths.pop()
        block = self.inside
        if block is None or block.path != path:
            return
        self.inside = None
        first = next(iter(_tensors(result)))
        block.shape = tuple(first.shape[1:])
        self._count(block, list(module.parameters()))
        self.give(result, frozenset([block.number]))


def _tensors(value: Any) -> Iterator[Tensor]:
    """List the tensors in nested tuples, lists and mappings."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _tensors(each)
    elif isinstance(value, tuple | list):
        for each in value:
            yield from _tensors(each)


@contextmanager
def _hooked(model: nn.Module, recorder: _Recorder) -> Iterator[None]:
    """Let a recorder know which module runs."""
    handles: list[RemovableHandle] = []
    for path, module in model.named_modules():
        if not path:
            continue

        def before(module: nn.Module, args: Any, kwargs: Any, path: str = path) -> None:
            recorder.enter(path, module, (args, kwargs))

        def after(module: nn.Module, args: Any, kwargs: Any, result: Any, path: str = path) -> None:
            recorder.leave(path, module, result)

        handles.append(module.register_forward_pre_hook(before, with_kwargs=True))
        handles.append(module.register_forward_hook(after, with_kwargs=True))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
