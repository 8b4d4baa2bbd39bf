"""Convolutional networks of 5, 9 and 13 layers for tagging of clips and for sound event detection.

Q. Kong et al., Cross-task learning for audio tagging, sound event detection and spatial localization: DCASE 2019
baseline systems (arXiv 1904.03476); qiuqiangkong/dcase2019_task4 @ d54cde2, `pytorch/models.py`. Parameter names as
published.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional

from avseld.base.errors import BadInput
from avseld.models.blocks import BatchNorm, check_shape, hold
from avseld.models.convolution import add_blocks, initialize, narrowed, pooling_named
from avseld.models.folding import conv_norm

WIDTHS = (64, 128, 256, 512, 1024, 2048)


@dataclass(frozen=True)
class Depth:
    """Blocks of a network of some depth, and how frequency is reduced at the end."""

    n_blocks: int
    double: bool
    """whether a block has two 3 x 3 convolutions, or one of 5 x 5"""
    over_bins: Callable[[Tensor], Tensor]


DEPTHS = {
    5: Depth(4, False, lambda x: x.mean(dim=3)),
    9: Depth(4, True, lambda x: x.amax(dim=3)),
    13: Depth(6, True, lambda x: x.amax(dim=3)),
}


class CNN(nn.Module):
    """Convolutions with pooling, and one linear layer for every frame and for the whole clip.

    For 10 classes: 4,309,450 parameters with 5 layers, 4,691,274 with 9, 75,497,802 with 13.

    Args:
        n_features: shape of the features.
        n_bins: shape of the features.
        shapes: frame and clip, both one number a class.
        layers: 5, 9 or 13.
        pooling: average or max, by 2 x 2 after every block but the last.
        clip_from: features applies the linear layer to the maximum of each channel over time, for training with
            clip-wise labels; frames takes the maximum of its outputs for all frames, for frame-wise ones.
        narrow: divides the channels of all blocks, where time matters more than accuracy.

    Raises:
        BadInput: another depth, pooling or word, channels that do not divide, or heads that are not frame and clip.
    """

    def __init__(
        self,
        n_features: int,
        n_bins: int,
        shapes: dict[str, tuple[int, ...]],
        layers: int = 9,
        pooling: str = "average",
        clip_from: str = "features",
        narrow: int = 1,
    ) -> None:
        super().__init__()
        if layers not in DEPTHS:
            raise BadInput(f"layers: {layers} is none of {', '.join(map(str, DEPTHS))}")
        if clip_from not in ("features", "frames"):
            raise BadInput(f"clip_from: '{clip_from}' is none of features, frames")
        if set(shapes) != {"frame", "clip"} or shapes["frame"] != shapes["clip"]:
            raise BadInput(
                f"cnn has the heads frame and clip, not {', '.join(shapes)}; choose target tagging"
            )
        depth = DEPTHS[layers]
        sizes = [(2, 2)] * (depth.n_blocks - 1) + [(1, 1)]
        widths = narrowed(WIDTHS[: depth.n_blocks], narrow)
        self.over_bins, self.clip_from = depth.over_bins, clip_from
        self.frames_per_step = 2 ** (depth.n_blocks - 1)
        if depth.double:
            self.blocks = add_blocks(self, n_features, widths, sizes, pooling)
        else:
            _add_single(self, n_features, widths)
            self.sizes, self.pool = sizes, pooling_named(pooling)
        self.paired = depth.double
        self.fc = nn.Linear(widths[-1], shapes["frame"][0])
        initialize(self)

    def forward(self, x: Tensor, visual: Tensor | None = None) -> dict[str, Tensor]:
        """Run a batch of clips.

        Args:
            x: (batch, feature, frame, bin).
            visual: ignored.

        Returns:
            frame: (batch, frame, class), constant over a step, and clip: the same shape, constant over the clip;
            both before the sigmoid.

        Raises:
            BadInput: the clip is shorter than a step.
        """
        check_shape(x, self.frames_per_step, self.frames_per_step)
        n_frames = x.shape[2]
        encoded = self.over_bins(self.encode(x)).transpose(1, 2)  # (batch, step, channel)
        frame = self.fc(encoded)
        clip = self.fc(encoded.amax(dim=1)) if self.clip_from == "features" else frame.amax(dim=1)
        return {
            "frame": hold(frame, self.frames_per_step, n_frames),
            "clip": clip[:, None].expand(-1, n_frames, -1),
        }

    def encode(self, x: Tensor) -> Tensor:
        """(batch, feature, frame, bin) -> (batch, channel, step, bin // frames_per_step)."""
        if self.paired:
            for name in self.blocks:
                x = self.get_submodule(name)(x)
            return x
        for number, size in enumerate(self.sizes, start=1):
            x = functional.relu(conv_norm(x, getattr(self, f"conv{number}"), getattr(self, f"bn{number}")))
            x = x if size == (1, 1) else self.pool(x, size)
        return x


def _add_single(model: nn.Module, n_inputs: int, widths: Sequence[int]) -> None:
    for number, width in enumerate(widths, start=1):
        model.add_module(f"conv{number}", nn.Conv2d(n_inputs, width, 5, padding=2, bias=False))
        model.add_module(f"bn{number}", BatchNorm(width))
        n_inputs = width
