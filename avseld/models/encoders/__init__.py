"""Encoders of audio features: (batch, feature, frame, bin) -> (batch, step, n_outputs).

`ENCODERS` lists them by name. A network combines any of them with any temporal model (`avseld.models.temporal`) and any
target; docs/extending.md shows how to add one.
"""

from typing import Any, Protocol, runtime_checkable

from torch import Tensor

from avseld.models.choice import Choice, build_choice
from avseld.models.encoders.causal_sound_field import CausalFieldEncoder
from avseld.models.encoders.cnn import ConvEncoder
from avseld.models.encoders.conv_conformer import ConvConformer
from avseld.models.encoders.cst import CSTFormer
from avseld.models.encoders.field_resnet_conformer import FieldResNetConformer
from avseld.models.encoders.htsat import HTSAT
from avseld.models.encoders.passt import PaSST
from avseld.models.encoders.pseldnets_cnn import PSELDNetsCNN
from avseld.models.encoders.resnet_conformer import ResNetConformer
from avseld.models.encoders.separable_cnn import SeparableCNN
from avseld.models.encoders.sound_field import FieldEncoder
from avseld.models.encoders.transformer import PublishedTransformer, TimeTransformer

ENCODERS = {
    "cnn": ConvEncoder,
    "vit": TimeTransformer,
    "vit_published": PublishedTransformer,
    "sound_field": FieldEncoder,
    "causal_sound_field": CausalFieldEncoder,
    "separable_cnn": SeparableCNN,
    "htsat": HTSAT,
    "passt": PaSST,
    "pseldnets_cnn": PSELDNetsCNN,
    "resnet_conformer": ResNetConformer,
    "field_resnet_conformer": FieldResNetConformer,
    "cst_former": CSTFormer,
    "conv_conformer": ConvConformer,
}


class Encoder(Protocol):
    """An `nn.Module` that encodes audio features.

    Its constructor takes the number of features and of bins, then its options. An option `width` gets the width of the
    network, `frames_per_step` the frames of a label frame from networks that need them equal.

    Attributes:
        frames_per_step: feature frames that become one step.
        n_outputs: values of a step.
    """

    frames_per_step: int
    n_outputs: int

    def __call__(self, x: Tensor) -> Tensor:
        """Encode (batch, feature, frame, bin) as (batch, frame // frames_per_step, n_outputs)."""


@runtime_checkable
class EquivariantEncoder(Encoder, Protocol):
    """An encoder that also gives horizontal vectors, which rotate with the scene.

    Attributes:
        n_vectors: vectors of a step; `n_outputs` counts both components of each, after the scalars.
    """

    n_vectors: int

    def scalars_and_vectors(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Encode as scalars (batch, step, n_outputs - 2 n_vectors) and vectors (batch, step, n_vectors, 2)."""


def build_encoder(choice: Choice, n_features: int, n_bins: int, legacy: bool = False, **defaults: Any) -> Any:
    """Construct an encoder.

    Args:
        choice: its name, or {name: ..., options: {...}}.
        n_features: features of a bin.
        n_bins: bins of a frame.
        legacy: the published transformer in place of the one that keeps time.
        defaults: options that it gets if it has them and `choice` does not set them.

    Raises:
        BadInput: an unknown encoder or option, or features that it can't take.
    """
    if legacy and choice in ("vit", {"name": "vit"}):
        choice = "vit_published"
    return build_choice("encoder", ENCODERS, choice, n_features, n_bins, **defaults)
