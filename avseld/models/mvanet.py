"""MVANet: conformer blocks for sound and for pictures, with gates between them at several depths.

Hong-Hengyi/MVANet-SELD @ f5aa15a (arXiv 2411.14153), the audio-visual network that follows
`avseld.models.encoders.resnet_conformer`; see docs/sources.md, Networks.
"""

import math

from torch import Tensor, nn
from torch.nn import functional

from avseld.models.blocks import check_shape, hold, hold_heads
from avseld.models.conformer import ConformerBlock
from avseld.models.encoders.resnet_conformer import ResNet, initialize
from avseld.models.temporal import pooled

BIN_POOLING = (4, 4, 2)
CHANNELS = (24, 48, 96, 192)
N_EXCHANGES = 3
"""gates of pictures by sound, each after blocks of both"""
BLOCKS_PER_EXCHANGE = 2
DROPOUT = 0.1
"""within the conformer blocks"""
PROJECTION_DROPOUT = 0.05
"""after projections and within gates"""


class Gate(nn.Module):
    """Weights of visual values, from sound and picture of the same label frame.

    Args:
        n_audio: values of the sound.
        n_visual: values of the picture, of the weights and of the output.
        legacy: return the weights themselves, as published; else the values multiplied by them, as in the paper.
    """

    def __init__(self, n_audio: int, n_visual: int, legacy: bool = False) -> None:
        super().__init__()
        self.audio, self.visual = _to_common(n_audio, n_visual), _to_common(n_visual, n_visual)
        self.weigh = nn.Linear(n_visual, n_visual)
        self.legacy = legacy

    def forward(self, audio: Tensor, visual: Tensor) -> Tensor:
        """Weigh visual values.

        Args:
            audio: (batch, label frame, n_audio).
            visual: (batch, label frame, n_visual).

        Returns:
            (batch, label frame, n_visual).
        """
        weight = self.weigh((self.audio(audio) + self.visual(visual)).tanh()).sigmoid()
        return weight if self.legacy else weight * visual


def _to_common(n_inputs: int, n_outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(n_inputs, n_inputs),
        nn.LeakyReLU(),
        nn.Dropout(PROJECTION_DROPOUT),
        nn.Linear(n_inputs, n_outputs),
    )


class MVANet(nn.Module):
    """Residual network of sound and maps of pictures, conformer blocks of both, gates, and heads.

    20,319,187 parameters for 7 features of 64 bins, maps of 7 x 7, and activity and coordinates of 13 classes. The
    published network passes on the gate in place of what it weighs, so that nothing of a picture but its gates goes on.
    Its layers for sound are those of `encoder_heads` with a ResNet-Conformer, whose runs fill the role `audio`.

    Args:
        n_features: shape of the features.
        n_bins: shape of the features, at least 32.
        shapes: heads of the target, per frame; any. Those of `sed_coordinates` are the published ones.
        n_values: values of an embedding: 49 for the published crop, 72 for the map of the whole panorama.
        width: of the conformer blocks.
        n_heads: of their attention.
        frames_per_step: feature frames of a label frame: 5 with a hop of 20 ms.
        vision: False takes every video as blank, the audio-only control.
        legacy: gates as published.

    Raises:
        BadInput: too few bins, or heads of the attention that do not divide the width.
    """

    visual_input = "embeddings"

    def __init__(
        self,
        n_features: int,
        n_bins: int,
        shapes: dict[str, tuple[int, ...]],
        n_values: int = 49,
        width: int = 256,
        n_heads: int = 8,
        frames_per_step: int = 5,
        vision: bool = True,
        legacy: bool = False,
    ) -> None:
        super().__init__()
        self.shapes, self.n_values, self.vision = dict(shapes), n_values, vision
        self.n_boxes, self.frames_per_step, self.visual_step_frames = 0, frames_per_step, frames_per_step
        self.resnet = ResNet(n_features, CHANNELS, BIN_POOLING)
        self.mix = nn.Conv2d(CHANNELS[-1], width, 1, bias=False)
        initialize(self.mix)
        n_audio = width * pooled(n_bins, BIN_POOLING)
        self.gates = nn.ModuleList([Gate(n_audio, n_values, legacy)])
        self.gates += [Gate(width, width, legacy) for _ in range(N_EXCHANGES)]
        self.project_audio = nn.Linear(n_audio, width)
        self.project_visual = nn.Linear(n_values, width)
        self.dropout = nn.Dropout(PROJECTION_DROPOUT)
        self.audio_blocks = nn.ModuleList(_blocks(width, n_heads) for _ in range(N_EXCHANGES))
        self.visual_blocks = nn.ModuleList(_blocks(width, n_heads) for _ in range(N_EXCHANGES))
        self.joint_blocks = _blocks(width, n_heads)
        self.pool = nn.MaxPool1d(frames_per_step)
        self.pretrained_roles = {"audio": _audio_modules()}
        self.heads = nn.ModuleDict({name: _head(name, width, shape) for name, shape in shapes.items()})

    def forward(self, x: Tensor, visual: Tensor | None = None) -> dict[str, Tensor]:
        """Run a batch of windows of any length from a label frame on.

        Args:
            x: (batch, feature, frame, bin).
            visual: embeddings of every label frame (batch, label frame, n_values), or None for a blank video.

        Returns:
            Each head (batch, frame, *shape) before its activation, which is the target's; constant over a step.

        Raises:
            BadInput: the window is shorter than a label frame.
        """
        heads = self.steps(x, visual)
        return hold_heads(heads, self.frames_per_step, x.shape[2])

    def steps(self, x: Tensor, visual: Tensor | None = None) -> dict[str, Tensor]:
        """Compute the heads (batch, step, *shape), one step for a label frame; arguments as for `forward`."""
        check_shape(x, self.frames_per_step)
        n_steps = x.shape[2] // self.frames_per_step
        if visual is None or not self.vision:
            visual = x.new_zeros(x.shape[0], n_steps, self.n_values)
        x = self.mix(self.resnet(x[:, :, : n_steps * self.frames_per_step]))
        audio = x.permute(0, 2, 1, 3).flatten(2)  # (batch, frame, channel and band)
        video = self.project_visual(self.gates[0](self._means(audio), visual.flatten(2)[:, :n_steps]))
        audio = self.dropout(self.project_audio(audio))
        layers = zip(self.audio_blocks, self.visual_blocks, list(self.gates)[1:], strict=True)
        for audio_blocks, visual_blocks, gate in layers:
            audio, video = audio_blocks(audio), visual_blocks(video)
            video = gate(self._means(audio), video)
        joint = self.joint_blocks(audio + hold(video, self.frames_per_step, audio.shape[1]))
        joint = self.pool(joint.transpose(1, 2)).transpose(1, 2)
        return {name: head(joint).unflatten(2, self.shapes[name]) for name, head in self.heads.items()}

    def _means(self, audio: Tensor) -> Tensor:
        """Average the frames of each label frame: (batch, frame, value) -> (batch, label frame, value)."""
        return functional.avg_pool1d(audio.transpose(1, 2), self.frames_per_step).transpose(1, 2)


def _audio_modules() -> dict[str, str]:
    """Return the modules that an `encoder_heads` with a ResNet-Conformer of eight blocks has, too."""
    modules = {"resnet": "encoder.resnet", "mix": "encoder.mix", "project_audio": "encoder.project"}
    stacks = [*(f"audio_blocks.{number}" for number in range(N_EXCHANGES)), "joint_blocks"]
    blocks = [f"{stack}.{number}" for stack in stacks for number in range(BLOCKS_PER_EXCHANGE)]
    return modules | {block: f"encoder.blocks.{number}" for number, block in enumerate(blocks)}


def _blocks(width: int, n_heads: int) -> nn.Sequential:
    return nn.Sequential(
        *(ConformerBlock(width, n_heads, dropout=DROPOUT) for _ in range(BLOCKS_PER_EXCHANGE))
    )


def _head(name: str, width: int, shape: tuple[int, ...]) -> nn.Sequential:
    """Two linear layers; those of coordinates have nothing between them, as published."""
    between = nn.Identity() if name == "coordinates" else nn.LeakyReLU()
    return nn.Sequential(nn.Linear(width, width), between, nn.Linear(width, math.prod(shape)))
