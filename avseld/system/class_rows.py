"""Parts of tensors that belong to one class each, such as rows of the last layer, copied by the names of classes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from torch import Tensor

from avseld.io.classes import class_indices
from avseld.system.build import System

ClassLayout = dict[int, int]
"""axis of a tensor that grows with the number of classes -> neighbouring slices of one class on it, n: the axis is
(..., class, n) flattened; 0 where the slices of the classes cannot be told apart"""


def class_layouts(system: System) -> dict[str, ClassLayout]:
    """Find the tensors of the network whose shape depends on the number of classes, and how they list the classes.

    The same network is built with one more class, and the shapes are compared. Which slices belong to a class is seen
    from the gradient of its outputs for a window of noise, or, where there is none, from what a change of the slices
    changes.

    Args:
        system: its network is not changed.
    """
    blueprint = system.blueprint
    n_classes = len(blueprint.classes)
    own = system.model.state_dict()
    was_training = system.training
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        larger = System(replace(blueprint, classes=[*blueprint.classes, "one more"])).model.state_dict()
        axes = {
            name: [axis for axis in range(value.ndim) if value.shape[axis] != larger[name].shape[axis]]
            for name, value in own.items()
            if value.shape != larger[name].shape
        }
        if not axes:
            return {}
        features, visual = _noise(system.eval())
        # Without the video the classes act less on each other; some tensors are used with it only.
        runs = [
            partial(_outputs, system, features, seen) for seen in (None, visual)[: 1 + (visual is not None)]
        ]
        gradients = [_gradient_sizes(system, axes, outputs_of) for outputs_of in runs]
        layouts: dict[str, ClassLayout] = {}
        for name, grown in axes.items():
            found = [sizes[name] for sizes in gradients if name in sizes]
            layouts[name] = {}
            for axis in grown:
                if found:
                    numbers = (_from_sizes(sizes[axis]) for sizes in found)
                else:
                    numbers = (_from_change(own[name], axis, n_classes, outputs_of) for outputs_of in runs)
                layouts[name][axis] = next((n for n in numbers if n), 0)
    system.train(was_training)
    return layouts


def _noise(system: System) -> tuple[Tensor, Tensor | None]:
    """Draw features and visual input of a window."""
    shape = (1, system.features.n_features, system.window_frames, system.features.n_bins)
    visual = torch.rand(1, *system.visual_spec.shape).to(system.device) if system.model.vision else None
    return torch.randn(shape).to(system.device), visual


def _outputs(system: System, features: Tensor, visual: Tensor | None) -> Tensor:
    """Run the network; return (class, value) of all heads that have classes."""
    n_classes = len(system.blueprint.classes)
    heads = [head for head in system.model(features, visual).values() if head.shape[-1] == n_classes]
    return torch.cat([head.reshape(-1, n_classes) for head in heads]).T


def _gradient_sizes(
    system: System, axes: Mapping[str, Sequence[int]], outputs_of: Callable[[], Tensor]
) -> dict[str, dict[int, Tensor]]:
    """Compute how much the outputs of each class depend on each slice of some tensors.

    Args:
        system: whose network has the tensors.
        axes: axes along which a tensor is cut into slices, by name.
        outputs_of: runs the network: (class, value).

    Returns:
        By tensor and axis, the length of the gradient (class, slice), where it is not 0.
    """
    weights = {name: weight for name, weight in system.model.named_parameters() if name in axes}
    weights = {name: weight for name, weight in weights.items() if weight.requires_grad}
    if not weights:
        return {}
    rows: dict[str, dict[int, list[Tensor]]] = {name: {axis: [] for axis in axes[name]} for name in weights}
    with torch.enable_grad():
        outputs = outputs_of()
        # Outputs are weighted at random: the components of a vector may add up to a constant.
        for one in (outputs * torch.randn_like(outputs[0])).sum(dim=1):
            found = torch.autograd.grad(one, list(weights.values()), retain_graph=True, allow_unused=True)
            # Of one class at a time: the gradients of 170 classes would fill gigabytes.
            for (name, weight), gradient in zip(weights.items(), found, strict=True):
                gradient = torch.zeros_like(weight) if gradient is None else gradient
                for axis, sizes in rows[name].items():
                    sizes.append(gradient.movedim(axis, 0).reshape(weight.shape[axis], -1).norm(dim=1))
    stacked = {name: {axis: torch.stack(sizes) for axis, sizes in of.items()} for name, of in rows.items()}
    return {name: of for name, of in stacked.items() if any(sizes.any() for sizes in of.values())}


def _from_sizes(size: Tensor) -> int:
    """Return the number of neighbouring slices of one class; 0 where no number fits, or several.

    A slice belongs to the class whose outputs depend on it most: some networks let the classes act on each other.

    Args:
        size: length of the gradient (class, slice).
    """
    n_classes, length = size.shape
    used, owner, place = size.amax(dim=0) > 0, size.argmax(dim=0), torch.arange(length, device=size.device)
    fitting = [n for n in _divisors(length, n_classes) if (owner == place // n % n_classes)[used].all()]
    return fitting[0] if len(fitting) == 1 else 0


def _from_change(weight: Tensor, axis: int, n_classes: int, outputs_of: Callable[[], Tensor]) -> int:
    """As `_from_sizes`, by changing the slices of the first, the middle and the last class.

    Args:
        weight: tensor of the network; changed for a moment.
        axis: of the tensor.
        n_classes: classes.
        outputs_of: runs the network.
    """
    length = weight.shape[axis]
    fitting = []
    with torch.no_grad():
        kept, before = weight.clone(), outputs_of()
        change = torch.randn_like(weight)
        for n in _divisors(length, n_classes):
            for label in (0, n_classes // 2, n_classes - 1):
                rows = _slices(length, n_classes, n, np.array([label])).to(weight.device)
                weight.index_add_(axis, rows, change.index_select(axis, rows))
                changed = (outputs_of() - before).abs().sum(dim=1)
                weight.copy_(kept)
                if not changed[label] > 0 or int(changed.argmax()) != label:
                    break
            else:
                fitting.append(n)
    return fitting[0] if len(fitting) == 1 else 0


def _divisors(length: int, n_classes: int) -> list[int]:
    """List the numbers of neighbouring slices that an axis (..., class, n) of this length may have."""
    return [n for n in range(1, length // n_classes + 1) if length % (n_classes * n) == 0]


def merge_classes(
    own: Tensor, given: Tensor, layout: ClassLayout, classes: list[str], given_classes: list[str]
) -> tuple[Tensor, int] | None:
    """Copy the parts of classes of the same name into a tensor.

    Args:
        own: tensor of the network, which keeps its values for the other classes.
        given: the same tensor of a network of other classes.
        layout: where the parts of a class are, as from `class_layouts`.
        classes: of the network.
        given_classes: of the other network.

    Returns:
        The merged tensor and the number of classes taken over; None where the tensors do not fit.
    """
    indices = class_indices(classes, given_classes)
    here, there = np.flatnonzero(indices >= 0), indices[indices >= 0]
    if not len(here) or given.ndim != own.ndim:
        return None
    into = [torch.arange(length) for length in own.shape]
    out_of = [torch.arange(length) for length in given.shape]
    for axis, n in layout.items():
        if not n or given.shape[axis] * len(classes) != own.shape[axis] * len(given_classes):
            return None
        into[axis] = _slices(own.shape[axis], len(classes), n, here)
        out_of[axis] = _slices(given.shape[axis], len(given_classes), n, there)
    if [len(one) for one in into] != [len(one) for one in out_of]:
        return None
    merged = own.clone()
    merged[torch.meshgrid(*into, indexing="ij")] = given[torch.meshgrid(*out_of, indexing="ij")].to(own)
    return merged, len(here)


def _slices(length: int, n_classes: int, n: int, chosen: np.ndarray) -> Tensor:
    """List the slices of some classes on an axis (..., class, n), in the order of the classes."""
    return torch.arange(length).reshape(-1, n_classes, n)[:, chosen].flatten()
