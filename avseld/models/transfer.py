"""Copying weights from one network into modules of another: read without executing anything, matched by name."""

import logging
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Container, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from avseld.base.errors import BadInput
from avseld.base.files import require_file

log = logging.getLogger(__name__)

BEST = "model.safetensors"
"""the best weights of a run folder"""

OLD_PREFIXES = {"eyes.": "visual_branch.", "ask.": "query.", "weigh.": "mixture."}
"""beginning of parameter names in older checkpoints of the fused network -> beginning today"""

ENTRIES = ("model", "model_state_dict", "state_dict")
"""keys under which a checkpoint may hold its weights, if not at the top"""


UNUSED_PACKAGES = (
    "argparse", "hydra", "lightning", "lightning_fabric", "lightning_utilities", "numpy", "omegaconf", "pathlib",
    "pytorch_lightning", "torch.optim", "torchmetrics", "typing",
)  # fmt: skip
"""packages whose objects trainers put into checkpoints beside the weights: settings, paths, states of callbacks"""


class Unused:
    """Stands for an object beside the weights of a checkpoint; its class is not imported, its values are dropped."""

    def __init__(self, *values: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        pass


def current_names(weights: Mapping[str, Tensor], own: Container[str]) -> dict[str, Tensor]:
    """Translate parameter names of older checkpoints.

    Args:
        weights: by name, of any checkpoint.
        own: names of the network's parameters; a name that it has is not translated.

    Returns:
        The weights by the names of today.
    """
    names = {}
    for name in weights:
        old = next((prefix for prefix in OLD_PREFIXES if name.startswith(prefix)), "")
        current = OLD_PREFIXES.get(old, "") + name.removeprefix(old)
        names[name] = current if name not in own and current in own else name
    if old_names := [name for name, current in names.items() if name != current]:
        log.info(
            "%d parameters have names of an older version, '%s' for example", len(old_names), old_names[0]
        )
    return {names[name]: value for name, value in weights.items()}


def load_checkpoint(path: Path, remedy: str, map_location: Any = "cpu", drop_unused: bool = False) -> Any:
    """Read a file of `torch.save` without executing anything in it.

    Args:
        path: the file.
        remedy: for the message.
        map_location: device of its tensors, as for `torch.load`.
        drop_unused: read past the objects that trainers leave beside the weights, see `UNUSED_PACKAGES`.

    Raises:
        BadInput: it is empty, of another kind, cut off, or holds more than tensors and plain values.
    """
    try:
        with torch.serialization.safe_globals(_stand_ins(path) if drop_unused else []):
            return torch.load(path, map_location=map_location, weights_only=True)
    except Exception as error:  # torch raises whatever its readers raise
        # Its messages are long, and advise to execute what is in the file.
        if not path.is_file():
            what = "not found" if not path.exists() else "is a folder"
        elif isinstance(error, PermissionError):
            what = f"cannot be read ({error.strerror})"
        elif not path.stat().st_size:
            what = "is empty"
        elif isinstance(error, pickle.UnpicklingError) and "GLOBAL" in str(error):
            what = "holds code or objects of other programs, which are never loaded"
        else:
            what = "is damaged" if zipfile.is_zipfile(path) else "is no checkpoint, or was cut off"
        raise BadInput(f"{path}: {what}; {remedy}") from error


def _stand_ins(path: Path) -> list[Callable[..., Any] | tuple[Callable[..., Any], str]]:
    """List what takes the place of the classes and functions of `UNUSED_PACKAGES` that a checkpoint names."""
    if not zipfile.is_zipfile(path):
        return []
    names = torch.serialization.get_unsafe_globals_in_checkpoint(path)
    unused = [name for name in names if name.startswith(tuple(f"{package}." for package in UNUSED_PACKAGES))]
    # Subclasses of dict are filled item by item.
    return [(OrderedDict if name.endswith(".AttributeDict") else Unused, name) for name in unused]


def read_weights(path: Path | str) -> dict[str, Tensor]:
    """Read weights by name from a safetensors file or a PyTorch checkpoint, such as those of the PANNs.

    Nothing in the file is executed: checkpoints are read with `weights_only`, past the objects that trainers put
    beside the weights.

    Args:
        path: .safetensors, or .pth, .pt, .ckpt with the weights at the top or in an entry such as `model`.

    Raises:
        BadInput: missing, damaged, more than weights, or none.
    """
    path = Path(path)
    require_file(path, "give a file of weights")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
    except (SafetensorError, OSError) as error:
        raise BadInput(
            f"{path}: no readable weights ({' '.join(str(error).split())[:200]}); download or copy it again"
        ) from None
    content = load_checkpoint(path, "download or copy it again", drop_unused=True)
    for entry in ENTRIES:
        if isinstance(content, dict) and isinstance(content.get(entry), dict):
            content = content[entry]
            break
    if not isinstance(content, dict):
        raise BadInput(f"{path}: holds no weights by name; give a checkpoint or a .safetensors file")
    weights = {str(name): value for name, value in content.items() if isinstance(value, Tensor)}
    if not weights:
        raise BadInput(f"{path}: holds no weights by name; give a checkpoint or a .safetensors file")
    return weights


def load_role(
    model: nn.Module, roles: Mapping[str, Mapping[str, str]], role: str, path: Path | str
) -> list[str]:
    """Copy pretrained weights into the modules of a network that have a role for them.

    Args:
        model: the network.
        roles: {its module: module of the checkpoint} for each role, as in its member `pretrained_roles`.
        role: sed, doa, panns, ...
        path: a run folder (its best weights), or a file as for `read_weights`.

    Returns:
        Names of the weights that were copied.

    Raises:
        BadInput: an unknown role, or weights that do not fit; then nothing is copied.
    """
    path = Path(path)
    if role not in roles:
        raise BadInput(
            f"{path}: the network takes no weights as '{role}', but as {', '.join(roles) or 'nothing'}"
        )
    path = weights_file(path)
    return transfer(model, read_weights(path), roles[role], path)


def weights_file(path: Path | str) -> Path:
    """Find the weights file: the best weights of a run folder, or the file itself."""
    return Path(path) / BEST if Path(path).is_dir() else Path(path)


def transfer(
    model: nn.Module, weights: Mapping[str, Tensor], modules: Mapping[str, str], origin: Path | str
) -> list[str]:
    """Copy the weights of whole modules; all of them or none.

    Args:
        model: destination.
        weights: by name, as from `read_weights` or `state_dict`.
        modules: module of `model` -> module of the source, both by their dotted names; "" is the whole network.
        origin: where the weights come from, for the message.

    Returns:
        Names of the weights that were copied.

    Raises:
        BadInput: a module that the model lacks, or a weight that is missing in the source or has another shape.
    """
    known, own = dict(model.named_modules()), model.state_dict()
    if set(modules.values()) <= set(known):  # weights of the same network
        weights = current_names(weights, own)
    chosen: dict[str, Tensor] = {}
    for here, there in modules.items():
        if here not in known:
            raise BadInput(f"{origin}: '{here}' is no module of the network; it has {', '.join(_top(known))}")
        prefix, other = here and f"{here}.", there and f"{there}."
        for name in own:
            if name.startswith(prefix):
                chosen[name] = _fitting(weights, other + name.removeprefix(prefix), name, own[name], origin)
    with torch.no_grad():
        for name, value in chosen.items():
            own[name].copy_(value)
    return sorted(chosen)


def _fitting(weights: Mapping[str, Tensor], name: str, here: str, own: Tensor, origin: Path | str) -> Tensor:
    # The counter of seen batches is not used with a fixed momentum, and old checkpoints lack it.
    value = weights.get(name, own if name.endswith("num_batches_tracked") else None)
    if value is None:
        raise BadInput(f"{origin}: no weight '{name}'; give weights of the same architecture")
    if value.shape != own.shape:
        raise BadInput(
            f"{origin}: '{name}' has shape {tuple(value.shape)}, the network's '{here}' {tuple(own.shape)}; "
            "give weights of the same architecture"
        )
    return value


def _top(modules: Mapping[str, nn.Module]) -> list[str]:
    return [name for name in modules if name and "." not in name]


def freeze(module: nn.Module) -> None:
    """Exclude a module from training; its owner must also keep it in evaluation mode."""
    module.requires_grad_(False)
    module.eval()
