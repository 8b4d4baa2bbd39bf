"""Audio-visual baselines of DCASE 2024 and 2025: audio attends to visual features by a transformer decoder.

Follows partha2409/DCASE2024_seld_baseline @ 0b07887 and partha2409/DCASE2025_seld_baseline @ 42a48b6,
`seldnet_model.py`; see docs/sources.md, Networks.
"""

import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from avseld.base.errors import BadInput
from avseld.models.blocks import hold
from avseld.models.gaussian_vectors import gaussian_vectors
from avseld.models.seldnet import SeldNet

N_POINTS = 37
"""points of a Gaussian vector, one per 10 degrees of azimuth and 5 of elevation"""


VISUAL_INPUTS = ("none", "boxes", "embeddings", "both")


class VisualAttention(nn.Module):
    """Transformer decoder in which every step attends to the visual input of every label frame of the window.

    Parameter names are the published ones.

    Args:
        width: of a step.
        visual: boxes (as Gaussian vectors), embeddings (of an image network) or both.
        n_values: values of an embedding.
        n_boxes: boxes of a video frame.
        n_layers: of the decoder.
        feedforward: width within them.
        n_heads: of their attention.
        wrap: let boxes continue beyond the seam of the picture; False for perspective pictures, which have none.

    Raises:
        BadInput: an unknown word, or heads that do not divide the width.
    """

    def __init__(
        self,
        width: int,
        visual: str = "embeddings",
        n_values: int = 72,
        n_boxes: int = 6,
        n_layers: int = 2,
        feedforward: int = 2048,
        n_heads: int = 8,
        wrap: bool = True,
    ) -> None:
        super().__init__()
        check_visual(visual)
        self.wrap = wrap
        if n_heads < 1 or width % n_heads:
            raise BadInput(f"n_heads: a width of {width} is no multiple of {n_heads} heads; choose others")
        self.n_boxes = n_boxes if visual in ("boxes", "both") else 0
        self.n_values = n_values if visual in ("embeddings", "both") else 0
        if self.n_values:
            self.visual_embed_to_d_model = nn.Linear(self.n_values, width)
        if self.n_boxes:
            self.boxes_embed_to_d_model = nn.Linear(2 * n_boxes * N_POINTS, width)
        layer = nn.TransformerDecoderLayer(width, n_heads, feedforward, batch_first=True)
        self.transformer_decoder = nn.TransformerDecoder(layer, n_layers)

    def forward(self, x: Tensor, visual: Tensor | None) -> Tensor:
        """Attend to the visual input.

        Args:
            x: (batch, step, width).
            visual: for every label frame: (batch, label frame, n_boxes, 5) for boxes, (batch, label frame, n_values)
                for embeddings, (batch, label frame, 5 n_boxes + n_values) for both; None for a blank video. The
                last one is left out where there are more than steps: it belongs to the frame at the end of a window.

        Returns:
            (batch, step, width).
        """
        n_steps = x.shape[1]
        if visual is None:
            visual = x.new_zeros(x.shape[0], n_steps, 5 * self.n_boxes + self.n_values)
        # Steps may be longer than label frames: they attend to the whole video, whatever their number.
        n_label_frames = max(n_steps, visual.shape[1] - 1)
        attended: Tensor = self.transformer_decoder(x, self._embedded(visual.flatten(2)[:, :n_label_frames]))
        return attended

    def _embedded(self, visual: Tensor) -> Tensor:
        """Embed the visual input (batch, label frame, 5 n_boxes + n_values): (batch, label frame, width)."""
        boxes, values = visual.split([5 * self.n_boxes, self.n_values], dim=2)
        parts = []
        if self.n_boxes:
            vectors = gaussian_vectors(boxes.unflatten(2, (self.n_boxes, 5))[..., :4], N_POINTS, self.wrap)
            parts.append(self.boxes_embed_to_d_model(vectors.flatten(2)))
        if self.n_values:
            parts.append(self.visual_embed_to_d_model(values))
        return torch.stack(parts).sum(dim=0) / math.sqrt(len(parts))


def check_visual(visual: str) -> None:
    """Refuse an unknown kind of visual input.

    Raises:
        BadInput: another word; lists them.
    """
    if visual not in VISUAL_INPUTS:
        raise BadInput(f"visual: '{visual}' is none of {', '.join(VISUAL_INPUTS)}")


class SeldNetVisual(SeldNet):
    """`SeldNet` whose embedding of every step attends to the visual input of every label frame of the window.

    With embeddings, 2,067,228 parameters (FOA with distance, maps of 7 x 7): the published 2,726,556 count 659,328 of a
    decoder layer that is never run. Names are the published ones but for that layer.

    Args:
        n_features: shape of the features.
        n_bins: shape of the features.
        shapes: heads of the target; one head, per frame.
        visual: none, boxes (as Gaussian vectors), embeddings (of an image network; formerly called frames) or both.
        n_values: values of an embedding: 72 for the map of the whole panorama, 49 for the published crop, 768 for ViT.
        n_boxes: boxes of a video frame.
        n_layers: of the decoder.
        feedforward: width within them.
        width: as in `SeldNet`.
        bin_pooling: as in `SeldNet`.
        frame_pooling: as in `SeldNet`.
        hidden: as in `SeldNet`.
        n_recurrent: as in `SeldNet`.
        n_attention: as in `SeldNet`.
        n_heads: as in `SeldNet`.
        dropout: as in `SeldNet`.
        wrap: let boxes continue beyond the seam of the picture; False for perspective pictures, which have none.

    Raises:
        BadInput: an unknown word, poolings of different number, or bins that do not suffice.
    """

    find_unused_parameters = True
    """the visual branch gets no gradient from windows without video"""

    def __init__(
        self,
        n_features: int,
        n_bins: int,
        shapes: dict[str, tuple[int, ...]],
        visual: Literal["none", "boxes", "embeddings", "both", "frames"] = "embeddings",
        n_values: int = 72,
        n_boxes: int = 6,
        n_layers: int = 2,
        feedforward: int = 2048,
        width: int = 64,
        bin_pooling: Sequence[int] = (4, 4, 2),
        frame_pooling: Sequence[int] = (5, 1, 1),
        hidden: int = 128,
        n_recurrent: int = 2,
        n_attention: int = 2,
        n_heads: int = 8,
        dropout: float = 0.05,
        wrap: bool = True,
    ) -> None:
        super().__init__(
            n_features, n_bins, shapes, width, bin_pooling, frame_pooling, hidden, n_recurrent, n_attention,
            n_heads, dropout,
        )  # fmt: skip
        visual = "embeddings" if visual == "frames" else visual
        check_visual(visual)
        self.visual, self.vision, self.wrap = visual, visual != "none", wrap
        self.visual_input = "boxes" if visual == "none" else visual
        self.n_boxes = n_boxes if visual in ("none", "boxes", "both") else 0
        self.n_values = n_values if visual in ("embeddings", "both") else 0
        if not self.vision:
            return
        attention = VisualAttention(hidden, visual, n_values, n_boxes, n_layers, feedforward, n_heads, wrap)
        self.visual_attention = [
            attention
        ]  # in a list: its layers are those of this network, with the published names
        for name, layer in attention.named_children():
            self.add_module(name, layer)

    def forward(self, x: Tensor, visual: Tensor | None = None) -> dict[str, Tensor]:
        """Run a batch of windows of any length.

        Args:
            x: (batch, feature, frame, bin).
            visual: for every label frame: (batch, label frame, n_boxes, 5) for boxes, (batch, label frame, n_values)
                for embeddings, (batch, label frame, 5 n_boxes + n_values) for both; None for a blank video.

        Returns:
            The head: (batch, frame, *shape) before its activation, which is the target's; constant over a step.

        Raises:
            BadInput: the window is shorter than a step.
        """
        return {self.head: hold(self.steps_with(x, visual)[self.head], self.frames_per_step, x.shape[2])}

    def steps_with(self, x: Tensor, visual: Tensor | None) -> dict[str, Tensor]:
        """Compute the head (batch, step, *shape); arguments as for `forward`."""
        x = self.encode(x)
        if self.vision:
            x = self.visual_attention[0](x, visual)
        for layer in self.fnn_list:
            x = layer(x)
        return {self.head: x.unflatten(2, self.shape)}
