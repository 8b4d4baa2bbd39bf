"""PSELDNets: HTS-AT for sound event localization and detection, pretrained on many classes of synthetic scenes.

J. Hu et al., PSELDNets: pre-trained neural networks on a large-scale synthetic dataset for sound event localization and
detection, IEEE TASLP 33, 2025 (Jinbo-Hu/PSELDNets @ adb5e39; docs/sources.md). Parameter names as published, so that
published weights are imported by name (`avseld weights import`).
"""

import math
from collections.abc import Sequence

from torch import Tensor, nn

from avseld.base.errors import BadInput
from avseld.models.adapters import RATIO, SCALE, add_adapters
from avseld.models.blocks import check_shape, hold_heads
from avseld.models.cross_stitch import CrossStitch
from avseld.models.encoders.htsat import WIDTHS, BandNorms, FoldedTransformer, check_step, to_steps

N_LEVELS = 4
"""features that the detection branch of the network with two branches takes: the log-mels, before the intensity"""
HEAD = "tscam_conv"
"""name of the convolution that ends a branch"""


class TimeHead(nn.Conv2d):
    """Convolution over all rows and three columns of the map of HTS-AT.

    Args:
        encoder: makes the map.
        n_outputs: values of a step.
    """

    def __init__(self, encoder: FoldedTransformer, n_outputs: int) -> None:
        super().__init__(encoder.n_channels, n_outputs, (encoder.n_rows, 3), padding=(0, 1))


def is_head(name: str) -> bool:
    """Tell whether a parameter belongs to a head, by its name."""
    return HEAD in name


def count_all(network: nn.Module) -> int:
    """Count the parameters of a network, those that are not trained included."""
    return sum(weight.numel() for weight in network.parameters())


class AdaptableNetwork(nn.Module):
    """Networks of which adapters, biases and heads alone can be trained, and whose heads are computed by steps."""

    frames_per_step: int
    adapters = False

    def _adapt(self, role: str, recipe: str, ratio: float, scale: float) -> None:
        """Add adapters, and exclude the other weights, whose `role` is filled by runs of a recipe."""
        self.adapters, self.frozen_roles = True, {role: recipe}
        add_adapters(self, is_head, ratio, scale)

    @property
    def parameter_count(self) -> int | None:
        """Count all parameters with adapters, as published; else None, those that are trained."""
        return count_all(self) if self.adapters else None

    def steps(self, x: Tensor) -> dict[str, Tensor]:
        """Compute the heads (batch, step, *shape), one step for `frames_per_step` frames."""
        raise NotImplementedError

    def forward(self, x: Tensor, visual: Tensor | None = None) -> dict[str, Tensor]:
        """Run a batch of windows of up to 1,024 frames.

        Args:
            x: (batch, feature, frame, bin).
            visual: ignored.

        Returns:
            Each head (batch, frame, *shape) before its activation, which is the target's; constant over a step.

        Raises:
            BadInput: a window of less than a step or more than 1,024 frames.
        """
        return hold_heads(self.steps(x), self.frames_per_step, x.shape[2])


class PSELDNets(AdaptableNetwork):
    """HTS-AT with one convolution for each head.

    28,083,725 parameters for 7 features, 13 classes and Multi-ACCDOA; 27,724,223 for ACCDOA; 27,765,704 with heads for
    the activity and the direction of three tracks (published as SEDDOA); with adapters 32,410,061, of which 4,959,661
    are trained. Windows of up to 1,024 frames, see
    `avseld.models.encoders.htsat.HTSAT`; the published network takes 1,001 frames and fails on 501.

    Args:
        n_features: shape of the features.
        n_bins: shape of the features; a multiple of 64.
        shapes: heads of the target, per frame; any.
        frames_per_step: feature frames that share an output; 10 are the label frames of features every 10 ms.
        channels: width of the first stage of HTS-AT.
        depths: blocks of each of its stages.
        n_heads: heads of each of its stages.
        stochastic_depth: rate in the last block; it rises evenly from 0 in the first.
        adapters: train adapters, biases and heads alone, see `avseld.models.adapters`; for pretrained weights.
        adapter_ratio: width of an adapter over that of its layer.
        adapter_scale: factor on the output of an adapter.

    Raises:
        BadInput: other bins, steps longer than a window, or depths and heads that are not four.
    """

    def __init__(
        self,
        n_features: int,
        n_bins: int,
        shapes: dict[str, tuple[int, ...]],
        frames_per_step: int = 10,
        channels: int = 96,
        depths: Sequence[int] = (2, 2, 6, 2),
        n_heads: Sequence[int] = (4, 8, 16, 32),
        stochastic_depth: float = 0.1,
        adapters: bool = False,
        adapter_ratio: float = RATIO,
        adapter_scale: float = SCALE,
    ) -> None:
        super().__init__()
        check_step(frames_per_step)
        self.shapes, self.frames_per_step = dict(shapes), frames_per_step
        self.scalar = BandNorms(n_features, n_bins)
        self.encoder = FoldedTransformer(n_features, n_bins, channels, depths, n_heads, stochastic_depth)
        for head, shape in shapes.items():
            setattr(self, self._module_of(head), TimeHead(self.encoder, math.prod(shape)))
        if adapters:
            self._adapt("encoder", "pseldnets_htsat_maccdoa", adapter_ratio, adapter_scale)

    def _module_of(self, head: str) -> str:
        return HEAD if len(self.shapes) == 1 else f"{head}_{HEAD}"

    def steps(self, x: Tensor) -> dict[str, Tensor]:
        """Compute the heads (batch, step, *shape), one step for `frames_per_step` frames."""
        check_shape(x, self.frames_per_step)
        encoded = self.encoder(self.scalar(x))
        n_steps = x.shape[2] // self.frames_per_step
        return {
            name: to_steps(self.get_submodule(self._module_of(name))(encoded)[:, :, 0], n_steps, self.frames_per_step)
            .unflatten(2, shape)
            for name, shape in self.shapes.items()
        }  # fmt: skip


class PSELDNetsEINV2(AdaptableNetwork):
    """Two HTS-AT with cross-stitches before each stage: activity from the log-mels, direction from all features.

    55,310,432 parameters for 7 features and 13 classes. For the target `tracks`: one event and one direction a track.

    Args:
        n_features: shape of the features: log-mels of four channels, then others.
        n_bins: shape of the features; a multiple of 64.
        shapes: heads of the target, per frame: sed, and doa.
        frames_per_step: feature frames that share an output; 10 are the label frames of features every 10 ms.
        channels: width of the first stage of HTS-AT.
        depths: blocks of each of its stages.
        n_heads: heads of each of its stages.
        stochastic_depth: rate in the last block; it rises evenly from 0 in the first.
        adapters: train adapters, biases and heads alone, see `avseld.models.adapters`; for pretrained weights.
        adapter_ratio: width of an adapter over that of its layer.
        adapter_scale: factor on the output of an adapter.

    Raises:
        BadInput: other heads, features or bins, steps longer than a window, or depths and heads that are not four.
    """

    def __init__(
        self,
        n_features: int,
        n_bins: int,
        shapes: dict[str, tuple[int, ...]],
        frames_per_step: int = 10,
        channels: int = 96,
        depths: Sequence[int] = (2, 2, 6, 2),
        n_heads: Sequence[int] = (4, 8, 16, 32),
        stochastic_depth: float = 0.1,
        adapters: bool = False,
        adapter_ratio: float = RATIO,
        adapter_scale: float = SCALE,
    ) -> None:
        super().__init__()
        if set(shapes) != {"sed", "doa"}:
            raise BadInput(
                f"target: pseldnets_einv2 has a branch for activity and one for directions, not for "
                f"{', '.join(shapes)}; choose --target.name tracks, or --model.name pseldnets"
            )
        if n_features <= N_LEVELS:
            raise BadInput(
                f"features: pseldnets_einv2 takes four log-mels and further features, not {n_features} in all; choose "
                "--features.name logmel_iv"
            )
        check_step(frames_per_step)
        self.shapes, self.frames_per_step = dict(shapes), frames_per_step
        self.scalar = BandNorms(n_features, n_bins)
        parts = (n_bins, channels, depths, n_heads, stochastic_depth)
        self.sed_encoder = FoldedTransformer(N_LEVELS, *parts)
        self.doa_encoder = FoldedTransformer(n_features, *parts)
        self.stitch1 = nn.ModuleList(CrossStitch(channels * 2**stage) for stage in range(WIDTHS))
        self.sed_tscam_conv = TimeHead(self.sed_encoder, math.prod(shapes["sed"]))
        self.doa_tscam_conv = TimeHead(self.doa_encoder, math.prod(shapes["doa"]))
        if adapters:
            self._adapt("encoders", "pseldnets_htsat_einv2", adapter_ratio, adapter_scale)

    def steps(self, x: Tensor) -> dict[str, Tensor]:
        """Compute the heads (batch, step, *shape), one step for `frames_per_step` frames."""
        check_shape(x, self.frames_per_step)
        n_steps = x.shape[2] // self.frames_per_step
        x = self.scalar(x)
        sed, doa = self.sed_encoder.embed(x[:, :N_LEVELS]), self.doa_encoder.embed(x)
        for stage, stitch in enumerate(self.stitch1):
            sed, doa = stitch(sed, doa, axis=3)
            sed, doa = self.sed_encoder.layers[stage](sed), self.doa_encoder.layers[stage](doa)
        maps = {
            "sed": self.sed_tscam_conv(self.sed_encoder.unfold(sed)),
            "doa": self.doa_tscam_conv(self.doa_encoder.unfold(doa)),
        }
        return {
            name: to_steps(map[:, :, 0], n_steps, self.frames_per_step).unflatten(2, self.shapes[name])
            for name, map in maps.items()
        }
