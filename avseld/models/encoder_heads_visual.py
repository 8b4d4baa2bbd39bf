"""Any encoder of audio whose steps attend to a video, and small networks for the heads of any target."""

from typing import Literal

from torch import Tensor

from avseld.models.blocks import hold_heads
from avseld.models.choice import Choice
from avseld.models.encoder_heads import EncoderHeads
from avseld.models.visual_attention import VisualAttention, check_visual


class VisualEncoderHeads(EncoderHeads):
    """`EncoderHeads` whose encoded steps attend to boxes or embeddings of every label frame, as the baseline of 2024.

    Args:
        n_features: shape of the features.
        n_bins: shape of the features.
        shapes: heads of the target, per frame; any.
        encoder: a name from `avseld.models.encoders.ENCODERS`, or {name: ..., options: {...}}; its steps are as long as
            label frames.
        temporal: a name from `avseld.models.temporal.TEMPORAL_MODELS`, or {name: ..., options: {...}}, before the
            attention; None for encoders that relate the steps of a window themselves.
        hidden: width of the first of two linear layers of a head; None for one layer.
        activation: relu or leaky_relu, between them.
        visual: none, boxes (as Gaussian vectors), embeddings (of an image network) or both.
        n_values: values of an embedding: 72 for the map of the whole panorama, 49 for the published crop, 768 for ViT.
        n_boxes: boxes of a video frame.
        n_layers: of the decoder.
        n_heads: of its attention.
        feedforward: width within its layers.
        wrap: let boxes continue beyond the seam of the picture; False for perspective pictures, which have none.

    Raises:
        BadInput: an unknown encoder, temporal model, option or word, or features that the encoder can't take.
    """

    def __init__(
        self,
        n_features: int,
        n_bins: int,
        shapes: dict[str, tuple[int, ...]],
        encoder: Choice = "cnn",
        temporal: Choice | None = None,
        hidden: int | None = None,
        activation: str = "relu",
        visual: Literal["none", "boxes", "embeddings", "both"] = "boxes",
        n_values: int = 72,
        n_boxes: int = 6,
        n_layers: int = 2,
        n_heads: int = 8,
        feedforward: int = 2048,
        wrap: bool = True,
    ) -> None:
        super().__init__(n_features, n_bins, shapes, encoder, temporal, hidden, activation)
        check_visual(visual)
        self.vision, self.wrap = visual != "none", wrap
        self.visual_input = visual if self.vision else "boxes"
        self.n_boxes = n_boxes if visual != "embeddings" else 0
        self.n_values = n_values if visual in ("embeddings", "both") else 0
        if self.vision:
            self.visual_attention = VisualAttention(
                self.width, visual, n_values, n_boxes, n_layers, feedforward, n_heads, wrap
            )

    def forward(self, x: Tensor, visual: Tensor | None = None) -> dict[str, Tensor]:
        """Run a batch of windows of any length that the encoder takes.

        Args:
            x: (batch, feature, frame, bin).
            visual: for every label frame: (batch, label frame, n_boxes, 5) for boxes, (batch, label frame, n_values)
                for embeddings, (batch, label frame, 5 n_boxes + n_values) for both; None for a blank video.

        Returns:
            Each head (batch, frame, *shape) before its activation, which is the target's; constant over a step.

        Raises:
            BadInput: the window is shorter than a step.
        """
        encoded = self.encode(x)
        if self.vision:
            encoded = self.visual_attention(encoded, visual)
        heads = self.run_heads(encoded)
        return hold_heads(heads, self.frames_per_step, x.shape[2])
