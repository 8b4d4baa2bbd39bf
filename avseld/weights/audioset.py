"""HTS-AT trained on AudioSet as the start of a network of PSELDNets.

K. Chen et al., HTS-AT, ICASSP 2022; the steps are those of Jinbo-Hu/PSELDNets @ adb5e39 (docs/sources.md, Encoders).
"""

from collections.abc import Mapping

from torch import Tensor

from avseld.base.errors import BadInput
from avseld.config import Part
from avseld.system.blueprint import Blueprint
from avseld.weights.pseldnets import (
    BRANCHES,
    CHUNK_S,
    CLASS_NAME,
    COMPUTED,
    FEATURES,
    MULTI_ACCDOA,
    N_TRACKS,
    Kind,
    encoder_sizes,
    shape_of,
    track_wise,
)

AUDIOSET_PREFIX = "sed_model."
"""before the names of HTS-AT trained on AudioSet"""
N_LEVELS, N_FEATURES = 4, 7
"""log-mels, and with the intensity vector"""


def is_audioset(weights: Mapping[str, Tensor]) -> bool:
    """Return whether weights are those of HTS-AT on AudioSet."""
    return f"{AUDIOSET_PREFIX}patch_embed.proj.weight" in weights


def audioset_start(weights: Mapping[str, Tensor], network: str, origin: object) -> dict[str, Tensor]:
    """Turn HTS-AT of one channel, trained on AudioSet, into the start of a network of seven features.

    The first layer is repeated for the features and divided by their number, the normalization of the bands is taken
    for every feature, the head is left out, as PSELDNets do it.

    Args:
        weights: by their published names.
        network: pseldnets or pseldnets_einv2.
        origin: where they come from, for messages.

    Returns:
        Weights by the names of the network.

    Raises:
        BadInput: a weight is missing or has another shape.
    """
    inside = {
        name.removeprefix(AUDIOSET_PREFIX): value
        for name, value in weights.items()
        if name.startswith(AUDIOSET_PREFIX) and not name.endswith(COMPUTED)
    }
    first = "patch_embed.proj.weight"
    if shape_of(inside, first, 4, origin)[1] != 1:
        raise BadInput(
            f"{origin}: '{AUDIOSET_PREFIX}{first}' has shape {tuple(inside[first].shape)}; give HTS-AT of one channel"
        )
    start = {
        f"scalar.{feature}.{name.removeprefix('bn0.')}": value.clone()
        for feature in range(N_FEATURES)
        for name, value in inside.items()
        if name.startswith("bn0.")
    }
    for encoder in BRANCHES["sed_" if network == "pseldnets_einv2" else ""]:
        n_features = N_LEVELS if encoder == "sed_encoder" else N_FEATURES
        for name, value in inside.items():
            if name == first:
                start[f"{encoder}.{name}"] = value.repeat(1, n_features, 1, 1) / n_features
            elif name.startswith(("patch_embed.", "layers.", "norm.")):
                start[f"{encoder}.{name}"] = value.clone()
    return start


def audioset_blueprint(start: Mapping[str, Tensor], network: str, origin: object) -> tuple[Blueprint, Kind]:
    """Describe a system that a start from AudioSet fits; its one class stands for any.

    Args:
        start: what `audioset_start` returned.
        network: pseldnets or pseldnets_einv2.
        origin: where the weights come from, for messages.

    Raises:
        BadInput: a weight is missing that says how large the network is.
    """
    two = network == "pseldnets_einv2"
    kind = track_wise("HTS-AT, EINV2", network, N_TRACKS) if two else MULTI_ACCDOA
    encoder = BRANCHES["sed_" if two else ""][-1]
    model = Part(network, {"frames_per_step": 10, **encoder_sizes(start, encoder, origin)})
    return Blueprint(FEATURES, model, kind.target, [CLASS_NAME.format(0)], "foa", CHUNK_S), kind
