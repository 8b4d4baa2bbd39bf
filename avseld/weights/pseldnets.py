"""Published checkpoints of PSELDNets: which network they are of, by names and shapes.

Jinbo-Hu/PSELDNets @ adb5e39, checkpoints of Lightning; docs/sources.md, Encoders. Networks keep the published names, so
that a weight of ours is the published one behind a prefix.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from torch import Tensor

from avseld.base.errors import BadInput
from avseld.config import Part
from avseld.models.pseldnets import is_head
from avseld.system.blueprint import Blueprint
from avseld.system.build import System

PREFIXES = ("net._orig_mod.", "net.", "")
"""before the names of weights: trained compiled, or not, or saved alone"""
STITCHES = "stitch1."
"""before the names of the weights between the branches"""
COMPUTED = ("attn.relative_position_index", "attn_mask", "positional_encoding.pe")
"""endings of buffers that every network computes from its sizes"""
N_TRACKS = 3
"""of the published networks with tracks, as in the recipe"""
N_CLASSES = 170
"""of the published checkpoints"""
CLASS_NAME = "pseld_{:03d}"
"""of a class without a list: its number, 000 first"""
CHUNK_S = 10.0
"""window of the published trainings"""
BRANCHES = {"": ("encoder",), "sed_": ("sed_encoder", "doa_encoder")}
"""beginning of a published name of an encoder -> encoders of the network"""
MARKS = (*(f"{start}encoder.patch_embed.proj.weight" for start in BRANCHES), "convs.conv_block1.conv1.weight")
"""weights of which every network has one: of HTS-AT and PaSST, and of the convolutional ones"""
PASST_HEAD_WIDTH = 64
"""of the attention of PaSST, whose shapes do not say how many heads there are"""
FEATURES = Part(
    "logmel_iv",
    {
        "sample_rate": 24000, "n_fft": 1024, "win_length": None, "hop": 240, "n_mels": 64, "low_hz": 20.0,
        "high_hz": 12000.0, "scale": "htk", "pad_mode": "reflect", "intensity": "length_yzx", "standardize": False,
    },
)  # fmt: skip
"""the published input, as in the recipes"""


HTSAT_SIZES = {"channels": 96, "depths": [2, 2, 6, 2], "n_heads": [4, 8, 16, 32]}
PASST_SIZES = {"token": 768, "n_blocks": 7, "n_heads": 12, "max_steps": 100}
CNN14_SIZES = {
    "widths": [64, 128, 256, 512, 1024, 2048], "decoder": "conformer", "n_layers": 1, "n_heads": 8, "legacy": True,
}  # fmt: skip
"""options of the published networks, which are those of the recipes"""


@dataclass(frozen=True)
class Kind:
    """A published network.

    Args:
        title: for messages and the card.
        recipe: that continues its training.
        model: name of the network.
        target: name and options of its output.
        values_per_class: outputs of the head that has the classes.
        sizes: options of the network in the recipe.
        named_by_recipe: whether the recipe has this network.
    """

    title: str
    recipe: str
    model: str
    target: Part
    values_per_class: int
    sizes: dict[str, Any] = field(default_factory=lambda: HTSAT_SIZES)
    named_by_recipe: bool = True


ACCDOA = Kind("HTS-AT, ACCDOA", "pseldnets_htsat_accdoa", "pseldnets", Part("accdoa", {"threshold": 0.5}), 3)
MULTI_ACCDOA = Kind(
    "HTS-AT, Multi-ACCDOA",
    "pseldnets_htsat_maccdoa",
    "pseldnets",
    Part("multi_accdoa", {"threshold": 0.5, "unify_deg": 15.0, "bounded": True}),
    9,
)
PASST = replace(
    MULTI_ACCDOA,
    title="PaSST, Multi-ACCDOA",
    recipe="pseldnets_passt_maccdoa",
    model="pseldnets_passt",
    sizes=PASST_SIZES,
)
CONVOLUTIONS = replace(
    MULTI_ACCDOA,
    title="CNN, Multi-ACCDOA",
    recipe="pseldnets_cnn14_maccdoa",
    model="pseldnets_crnn",
    sizes=CNN14_SIZES,
)


def track_wise(title: str, model: str, n_tracks: int) -> Kind:
    """Return the kind of a network of HTS-AT with one event and one direction a track."""
    options = {"n_tracks": n_tracks, "frames_per_output": 10, "threshold": 0.5}
    two = model == "pseldnets_einv2"
    return Kind(title, "pseldnets_htsat_einv2", model, Part("tracks", options), n_tracks, named_by_recipe=two)


def training_options(blueprint: Blueprint, kind: Kind) -> list[str]:
    """Return the options of `avseld train` that name the recipe of a network, and its sizes where they are others.

    Args:
        blueprint: of the system.
        kind: of its network.
    """
    words = ["--config", kind.recipe]
    if any(blueprint.model.options.get(name) != value for name, value in kind.sizes.items()):
        words += ["--model", json.dumps(asdict(blueprint.model))]
    elif not kind.named_by_recipe:
        words += ["--model.name", kind.model]
    n_tracks = blueprint.target.options.get("n_tracks", N_TRACKS)
    return words if n_tracks == N_TRACKS else [*words, "--target.options.n_tracks", str(n_tracks)]


def without_prefix(weights: Mapping[str, Tensor], origin: object) -> dict[str, Tensor]:
    """Choose the weights of the network and leave out what it computes itself.

    Args:
        weights: by their published names, with others beside them.
        origin: where they come from, for messages.

    Returns:
        The weights by the names of the network.

    Raises:
        BadInput: no network of PSELDNets.
    """
    for prefix in PREFIXES:
        if any(f"{prefix}{mark}" in weights for mark in MARKS):
            own = {
                name.removeprefix(prefix): value
                for name, value in weights.items()
                if name.startswith(prefix) and not name.endswith(COMPUTED)
            }
            return own if prefix else {name: each for name, each in own.items() if "." in name}
    raise BadInput(
        f"{origin}: holds no network of PSELDNets (no net.encoder.patch_embed.proj.weight and no "
        "net.convs.conv_block1.conv1.weight) and none of HTS-AT on AudioSet"
    )


def blueprint_of(
    weights: Mapping[str, Tensor], classes: Sequence[str] | None, origin: object
) -> tuple[Blueprint, Kind]:
    """Recognize a network of PSELDNets.

    Args:
        weights: by the names of the network.
        classes: in the order of the outputs; None for numbered ones.
        origin: where the weights come from, for messages.

    Returns:
        The description of the system, and the kind of network.

    Raises:
        BadInput: a weight is missing that says what the network is, or a head of another number of classes.
    """
    if "convs.conv_block1.conv1.weight" in weights or "encoder.cls_token" in weights:
        return _with_linear_head(weights, classes, origin)
    if "sed_tscam_conv.weight" in weights:
        two = "sed_encoder.patch_embed.proj.weight" in weights
        n_directions = shape_of(weights, "doa_tscam_conv.weight", 4, origin)[0]
        n_tracks = n_directions // 3
        if n_directions % 3:
            raise BadInput(
                f"{origin}: 'doa_tscam_conv.weight' has {n_directions} outputs, which are no x, y, z of tracks; give "
                "an unchanged published checkpoint"
            )
        title, network = ("EINV2", "pseldnets_einv2") if two else ("SEDDOA", "pseldnets")
        kinds = [track_wise(f"HTS-AT, {title}", network, n_tracks)]
        n_outputs = shape_of(weights, "sed_tscam_conv.weight", 4, origin)[0]
    else:
        two, kinds = False, [MULTI_ACCDOA, ACCDOA]
        n_outputs = shape_of(weights, "tscam_conv.weight", 4, origin)[0]
    kind, names = _kind_of(kinds, n_outputs, classes, origin)
    encoder = BRANCHES["sed_" if two else ""][-1]
    model = Part(kind.model, {"frames_per_step": 10, **encoder_sizes(weights, encoder, origin)})
    return Blueprint(FEATURES, model, kind.target, names, "foa", CHUNK_S), kind


def _with_linear_head(
    weights: Mapping[str, Tensor], classes: Sequence[str] | None, origin: object
) -> tuple[Blueprint, Kind]:
    """Recognize a network of PSELDNets that ends with a linear layer: PaSST, or convolutions."""
    kind, options = (
        (PASST, _passt_sizes(weights, origin))
        if "encoder.cls_token" in weights
        else (CONVOLUTIONS, _convolution_sizes(weights, origin))
    )
    kind, names = _kind_of([kind], shape_of(weights, "fc.weight", 2, origin)[0], classes, origin)
    return Blueprint(FEATURES, Part(kind.model, options), kind.target, names, "foa", CHUNK_S), kind


def _passt_sizes(weights: Mapping[str, Tensor], origin: object) -> dict[str, Any]:
    """Read the options of PaSST from the shapes of its weights."""
    token = shape_of(weights, "encoder.patch_embed.proj.weight", 4, origin)[0]
    return {
        "token": token,
        "n_blocks": _count(weights, r"encoder\.blocks\.(\d+)\."),
        "n_heads": max(token // PASST_HEAD_WIDTH, 1),
        "max_steps": shape_of(weights, "encoder.time_new_pos_embed", 4, origin)[-1],
    }


def _convolution_sizes(weights: Mapping[str, Tensor], origin: object) -> dict[str, Any]:
    """Read the options of a convolutional network with a GRU or a conformer from the shapes of its weights."""
    n_blocks = _count(weights, r"convs\.conv_block(\d+)\.", first=1)
    names = [f"convs.conv_block{number}.conv1.weight" for number in range(1, n_blocks + 1)]
    options: dict[str, Any] = {
        "widths": [shape_of(weights, name, 4, origin)[0] for name in names],
        "frames_per_step": 10,
    }
    if "decoder.decoder.weight_hh_l0" in weights:
        hidden = shape_of(weights, "decoder.decoder.weight_hh_l0", 2, origin)[1]
        n_layers = _count(weights, r"decoder\.decoder\.weight_hh_l(\d+)$")
        return options | {"decoder": "gru", "n_layers": n_layers, "hidden": hidden}
    bias = "decoder.decoder.layers.0.sequential.1.module.attention.u_bias"
    conformer = {"decoder": "conformer", "n_heads": shape_of(weights, bias, 2, origin)[0], "legacy": True}
    return options | conformer | {"n_layers": _count(weights, r"decoder\.decoder\.layers\.(\d+)\.")}


def _count(weights: Mapping[str, Tensor], pattern: str, first: int = 0) -> int:
    """Count the parts of a network by the largest number in the names of their weights."""
    numbers = [int(found[1]) for name in weights if (found := re.match(pattern, name))]
    return max(numbers, default=first - 1) + 1 - first


def _kind_of(
    kinds: Sequence[Kind], n_outputs: int, classes: Sequence[str] | None, origin: object
) -> tuple[Kind, list[str]]:
    """Choose the kind of network whose head has so many outputs, and name its classes."""
    n_classes = N_CLASSES if classes is None else len(classes)
    names = [CLASS_NAME.format(number) for number in range(n_classes)] if classes is None else list(classes)
    for kind in kinds:
        if n_outputs == kind.values_per_class * n_classes:
            return kind, names
    wanted = " or ".join(f"{kind.values_per_class * n_classes} ({kind.title})" for kind in kinds)
    possible = " or ".join(
        f"{n_outputs // kind.values_per_class} ({kind.title})"
        for kind in kinds
        if n_outputs % kind.values_per_class == 0
    )
    raise BadInput(
        f"{origin}: a head of {n_outputs} outputs, where {n_classes} classes have {wanted}; name its classes with "
        f"--classes FILE, {possible or 'one a line'}"
    )


def shape_of(weights: Mapping[str, Tensor], name: str, n_axes: int, origin: object) -> tuple[int, ...]:
    """Return the shape of a weight.

    Args:
        weights: by their names.
        name: of the weight.
        n_axes: that it has.
        origin: where the weights come from, for messages.

    Raises:
        BadInput: it is missing, has other axes, or is empty.
    """
    if name not in weights:
        raise BadInput(
            f"{origin}: lacks the weight '{name}'; download it again, or give one of the same network"
        )
    shape = tuple(weights[name].shape)
    if len(shape) != n_axes or 0 in shape:
        raise BadInput(
            f"{origin}: the weight '{name}' has shape {shape}, not {n_axes} axes with values; give an unchanged "
            "published checkpoint"
        )
    return shape


def encoder_sizes(weights: Mapping[str, Tensor], encoder: str, origin: object) -> dict[str, Any]:
    """Read the options of the network from the shapes of an encoder."""
    blocks: dict[int, int] = {}
    for name in weights:
        if found := re.match(rf"{encoder}\.layers\.(\d+)\.blocks\.(\d+)\.", name):
            stage, block = map(int, found.groups())
            blocks[stage] = max(blocks.get(stage, 0), block + 1)
    tables = [
        f"{encoder}.layers.{stage}.blocks.0.attn.relative_position_bias_table" for stage in sorted(blocks)
    ]
    return {
        "channels": shape_of(weights, f"{encoder}.patch_embed.proj.weight", 4, origin)[0],
        "depths": [blocks[stage] for stage in sorted(blocks)],
        "n_heads": [shape_of(weights, table, 2, origin)[-1] for table in tables],
    }


def check_weights(
    system: System, weights: Mapping[str, Tensor], title: str, origin: object, start_only: bool = False
) -> None:
    """Compare names and shapes with those of a network.

    Args:
        system: with the network.
        weights: by its names.
        title: of the network, for the message.
        origin: where the weights come from, for the message.
        start_only: they have neither the heads nor the cross-stitches.

    Raises:
        BadInput: lists what is missing, of another shape, or too much.
    """
    own = {
        name: value
        for name, value in system.model.state_dict().items()
        if not (start_only and (is_head(name) or name.startswith(STITCHES)))
    }
    lacking = [name for name in own if name not in weights and not name.endswith("num_batches_tracked")]
    other = [
        f"{name} {tuple(weights[name].shape)} in place of {tuple(own[name].shape)}"
        for name in own
        if name in weights and weights[name].shape != own[name].shape
    ]
    strange = [name for name in weights if name not in own]
    found = {"lacks": lacking, "has other shapes": other, "has in addition": strange}
    if any(found.values()):
        said = "; ".join(f"{what}: {_some(names)}" for what, names in found.items() if names)
        raise BadInput(f"{origin}: does not fit {title}: {said}; give an unchanged published checkpoint")


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more
