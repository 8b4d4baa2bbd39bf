"""Weights, feature statistics and blueprint of a system in one safetensors file."""

from dataclasses import replace
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from avseld.base.errors import BadInput
from avseld.base.files import replacing
from avseld.models.transfer import current_names
from avseld.system.blueprint import Blueprint
from avseld.system.build import System

STATISTICS = "features."
"""prefix of the features' statistics (means, deviations) among the names of a weights file"""


def save_system(system: System, path: Path | str) -> None:
    """Write weights, feature statistics and blueprint; the file appears whole or not at all."""
    state = system.model.state_dict() | system.features.state_dict(prefix=STATISTICS)
    state = {name: value.detach().contiguous().cpu() for name, value in state.items()}
    with replacing(path) as temporary:
        save_file(state, temporary, metadata={"avseld": system.blueprint.to_json()})


def load_system(path: Path | str, legacy: bool | None = None) -> System:
    """Build a system from a file that `save_system` wrote; nothing in the file is executed.

    Args:
        path: a safetensors file.
        legacy: overrides the rounding rules of the blueprint.

    Returns:
        The system in evaluation, on the CPU.

    Raises:
        BadInput: missing, damaged, or of another architecture than its blueprint.
    """
    path = Path(path)
    if not path.is_file():
        raise BadInput(f"{path}: not found; train first, or give the folder of a finished run")
    try:
        with safe_open(path, framework="pt") as file:
            text = (file.metadata() or {}).get("avseld")
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
    except (SafetensorError, OSError) as error:
        raise BadInput(f"{path}: no readable weights ({error}); copy the file again") from error
    if text is None:
        raise BadInput(f"{path}: weights without a blueprint; use a file written by avseld train")
    blueprint = Blueprint.from_json(text)
    system = System(blueprint if legacy is None else replace(blueprint, legacy=legacy))
    load_weights(system, state, path)
    return system.eval()


def load_weights(system: System, state: dict[str, Tensor], origin: Path | str) -> None:
    """Copy weights into the network and statistics, if there are any, into the features.

    Args:
        system: gets the weights.
        state: by name, statistics with the prefix `STATISTICS`.
        origin: where they come from, for the message.

    Raises:
        BadInput: names or shapes of another architecture; names the first that differs.
    """
    own = system.model.state_dict() | system.features.state_dict(prefix=STATISTICS)
    state = current_names(state, own)
    wrong = sorted(set(own) ^ set(state)) or [name for name in own if own[name].shape != state[name].shape]
    if wrong:
        model = system.blueprint.model
        raise BadInput(
            f"{origin}: weights of another architecture ('{wrong[0]}' differs); "
            f"they do not fit {model.name} {model.options}"
        )
    statistics = {name: value for name, value in state.items() if name.startswith(STATISTICS)}
    system.model.load_state_dict({name: value for name, value in state.items() if name not in statistics})
    system.features.load_state_dict(
        {name.removeprefix(STATISTICS): value for name, value in statistics.items()}
    )
