"""Weights of the Hugging Face hub, named `hf:OWNER/NAME` or `hf:OWNER/NAME@REVISION`."""

import json
import re
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from avseld.base.errors import BadInput
from avseld.base.files import sha256

PREFIX = "hf:"
WEIGHTS = "model.safetensors"
CONFIG = "config.json"
"""names by the convention of PyTorchModelHubMixin, https://huggingface.co/docs/huggingface_hub/package_reference/mixins"""
CHECKSUM = "sha256"
"""key of the weights' checksum in the configuration"""

ADDRESS = re.compile(r"hf:(?P<repository>[\w.-]+/[\w.-]+?)(@(?P<revision>[\w./-]+))?")


def is_address(name: Path | str) -> bool:
    """Return whether a name is that of weights on the hub."""
    return str(name).startswith(PREFIX)


def split_address(address: str) -> tuple[str, str | None]:
    """Split `hf:OWNER/NAME@REVISION` into repository and revision; None without one.

    Raises:
        BadInput: another form.
    """
    match = ADDRESS.fullmatch(address)
    if match is None:
        raise BadInput(f"{address}: weights of the hub are named hf:OWNER/NAME or hf:OWNER/NAME@REVISION")
    return match["repository"], match["revision"]


def fetch(address: str) -> Path:
    """Find weights of the hub in its local cache, or download them into it.

    Only the configuration and the safetensors file are fetched, both of one commit. Environment variables of
    huggingface_hub hold: HF_HUB_OFFLINE=1 uses the cache alone, HF_TOKEN opens private repositories.

    Args:
        address: `hf:OWNER/NAME` or `hf:OWNER/NAME@REVISION`, a branch, tag or commit.

    Returns:
        The safetensors file.

    Raises:
        BadInput: huggingface_hub is not installed, there are no such weights, they cannot be reached, or the file is
            not the one whose checksum the configuration names.
    """
    repository, revision = split_address(address)
    hub = import_hub()
    errors = import_module("huggingface_hub.errors")
    try:
        config = Path(hub.hf_hub_download(repository, CONFIG, revision=revision))
        # cached files lie in snapshots/COMMIT: both are taken from one commit, also while somebody pushes another
        weights = Path(hub.hf_hub_download(repository, WEIGHTS, revision=config.parent.name))
    except errors.LocalEntryNotFoundError as error:
        raise BadInput(
            f"{address}: not in the local cache, and the hub cannot be reached (or HF_HUB_OFFLINE is set); "
            "download it once with a connection"
        ) from error
    except errors.EntryNotFoundError as error:
        raise BadInput(
            f"{address}: holds no {CONFIG} and {WEIGHTS}; give weights that avseld push has written"
        ) from error
    except errors.RevisionNotFoundError as error:
        raise BadInput(f"{address}: no revision {revision}; give a branch, tag or commit of it") from error
    except errors.RepositoryNotFoundError as error:
        raise BadInput(
            f"{address}: no such repository, or a private one; check the name, or log in with hf auth login"
        ) from error
    except (errors.HfHubHTTPError, errors.HFValidationError, OSError) as error:
        raise BadInput(f"{address}: cannot be downloaded ({' '.join(str(error).split())})") from error
    check_weights(weights, config)
    return weights


def check_weights(weights: Path, config: Path) -> None:
    """Compare a weights file with the checksum in the configuration beside it.

    Args:
        weights: the safetensors file.
        config: the configuration.

    Raises:
        BadInput: the configuration is unreadable, or the file is another one.
    """
    try:
        words: dict[str, Any] = json.loads(config.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadInput(f"{config}: no readable JSON ({error}); download or push it again") from error
    wanted = words.get(CHECKSUM) if isinstance(words, dict) else None
    if wanted is None:
        raise BadInput(
            f"{config}: names no {CHECKSUM} of the weights; give weights that avseld push has written"
        )
    if sha256(weights) != wanted:
        raise BadInput(
            f"{weights}: not the file whose {CHECKSUM} {CONFIG} names: damaged or exchanged; download or push it again"
        )


def import_hub() -> ModuleType:
    """Import huggingface_hub, an optional package.

    Raises:
        BadInput: it is not installed.
    """
    try:
        return import_module("huggingface_hub")
    except ImportError:
        raise BadInput("hf: addresses need huggingface_hub; pip install avseld[hub]") from None
