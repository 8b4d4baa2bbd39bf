"""A system: features, model and target built from one blueprint.

Whole recordings are run by `avseld.system.inference`; weights are read and written by `avseld.system.checkpoint`.
"""

import logging
import math
from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor, nn

from avseld.base.errors import BadInput
from avseld.base.plugins import comes_from_elsewhere
from avseld.base.rates import LABEL_HOP, samples
from avseld.decoding.windows import WindowLengths
from avseld.features import FEATURES
from avseld.features.waveform import FrameLength
from avseld.io.formats import check_features, format_named
from avseld.models import MODELS
from avseld.models.blocks import at_least_float32
from avseld.system.blueprint import Blueprint
from avseld.system.dry_run import dry_run
from avseld.system.parts import build_part
from avseld.system.protocols import Feature, Model, Target, complete
from avseld.system.roles import build_role
from avseld.targets import TARGETS
from avseld.vision.visual_input import VisualSpec, visual_spec

log = logging.getLogger(__name__)

Loss = Callable[[dict[str, Tensor], dict[str, Tensor]], dict[str, Tensor]]
"""(heads, batch) -> losses by name; `loss` is the one that is minimised."""


class System(nn.Module):
    """Features, model and target of one blueprint.

    Args:
        blueprint: names and options of the parts, classes, channel format, window.

    Attributes:
        sample_rate: Hz.
        hop: seconds between feature frames; `hop_samples` in samples.
        window_samples, window_frames: length of a training window.
        label_hop: seconds between label frames; `label_frames` in feature frames.
        run_frames: feature frames of a window when a whole recording is run.
        kept_frames: feature frames kept from its centre, a multiple of `label_frames`.
        lengths: the lengths of windows of whole recordings, for code without torch.
        visual_spec: what the network takes from a video.

    Raises:
        BadInput: an unknown part or option, rates that do not divide, or a part of another package that does not keep
            its contract (`avseld.system.dry_run`).
    """

    def __init__(self, blueprint: Blueprint) -> None:
        super().__init__()
        self.blueprint = blueprint
        self.frozen: list[str] = []
        self.masks: list[Callable[[Tensor], Tensor]] = []
        """changes of the features in training, see `avseld.augment.features`"""
        defects = {"legacy": True, "layout": "legacy"} if blueprint.legacy else {}
        channels = format_named(blueprint.format).channels
        check_features(blueprint.features.name, blueprint.format)
        self.features = build_part(FEATURES, blueprint.features, "features", n_channels=channels, **defects)
        complete(self.features, Feature, blueprint.features.name)
        allowed = self.features.formats
        if allowed and blueprint.format not in allowed:
            raise BadInput(
                f"features.name: {blueprint.features.name} is meant for {', '.join(allowed)} recordings, not "
                f"{blueprint.format}; choose other features or another data.format"
            )
        target = build_part(TARGETS, blueprint.target, "target", len(blueprint.classes), **defects)
        self.target: Target = complete(target, Target, blueprint.target.name)
        shapes = self.target.shapes
        self.model = build_part(
            MODELS,
            blueprint.model,
            "model",
            self.features.n_features,
            self.features.n_bins,
            shapes,
            build_role=partial(
                build_role,
                n_classes=len(blueprint.classes),
                format=blueprint.format,
                sample_rate=self.features.sample_rate,
                hop=self.features.hop,
                legacy=blueprint.legacy,
            ),
            **defects,
        )
        complete(self.model, Model, blueprint.model.name)
        self.model.to(memory_format=torch.channels_last)
        self._training_loss: Loss = self.target.loss
        if self.model.training_loss is not None:  # the network adds losses of its own
            self._training_loss = partial(self.model.training_loss, target=self.target)
        self._set_windows()
        self.visual_spec: VisualSpec = self._visual_spec()
        if any(map(comes_from_elsewhere, (self.features, *self.model.modules(), self.target))):
            dry_run(self)

    def _set_windows(self) -> None:
        """Compute the lengths of windows and of what is kept from them."""
        self.sample_rate: int = self.features.sample_rate
        self.hop: float = self.features.hop
        if self.features.stft is None:
            hop = samples(self.hop, self.sample_rate, "hop")
            self.features.stft = FrameLength(hop, hop)
        self.hop_samples: int = self.features.stft.hop
        self.window_samples = samples(self.blueprint.chunk, self.sample_rate, "chunk")
        if self.window_samples % self.hop_samples:
            n_hops = self.window_samples // self.hop_samples
            shorter, longer = (n * self.hop_samples / self.sample_rate for n in (n_hops, n_hops + 1))
            raise BadInput(
                f"data.chunk: {self.blueprint.chunk:g} s is no whole number of frames of {self.hop:g} s; choose "
                f"--data.chunk {shorter:g} or {longer:g}, or another features.options.hop"
            )
        self.window_frames = self.window_samples // self.hop_samples + 1
        self.label_hop: float = self.target.label_hop or self.hop
        self.label_frames = round(self.label_hop / self.hop)
        if abs(self.label_frames * self.hop - self.label_hop) > 1e-9:
            raise BadInput(
                f"target: labels every {self.label_hop:g} s are no multiple of frames every {self.hop:.6g} s; choose "
                "another features.options.hop"
            )
        chunk, inference_chunk = self.blueprint.chunk, self.blueprint.inference_chunk
        seconds = chunk if inference_chunk is None else inference_chunk
        self.run_frames = samples(seconds, self.sample_rate, "inference_chunk") // self.hop_samples + 1
        self.kept_frames = (self.run_frames - 1) // self.label_frames * self.label_frames
        if self.kept_frames == 0:
            raise BadInput(
                f"chunk: {seconds} s hold no label frame of {self.label_hop} s; choose a longer window"
            )
        self._check_longest()
        self._check_stream()

    @property
    def margin(self) -> int:
        """Feature frames of a window before the kept ones."""
        return self.lengths.margin

    @property
    def lengths(self) -> WindowLengths:
        """The lengths of windows when a whole recording is run."""
        return WindowLengths(
            self.hop,
            self.hop_samples,
            self.features.stft.n_fft,
            self.run_frames,
            self.kept_frames,
            self.label_frames,
            self.label_hop,
            self.blueprint.legacy,
            self.target.task == "tagging",
            self.visual_spec.n_label_frames > 0,
        )

    @property
    def longest_window(self) -> int | None:
        """Feature frames of the longest window that every part of the network takes; None for any."""
        limits = [getattr(module, "longest_window", None) for module in self.model.modules()]
        return min((limit for limit in limits if isinstance(limit, int)), default=None)

    def _check_longest(self) -> None:
        """Refuse windows that are longer than a part of the network takes."""
        longest = self.longest_window
        for option, n_frames in {"chunk": self.window_frames, "inference_chunk": self.run_frames}.items():
            if longest is not None and n_frames > longest:
                seconds = math.floor((longest - 1) * self.hop / LABEL_HOP) * LABEL_HOP
                raise BadInput(
                    f"data.{option}: windows of {n_frames} frames are longer than the {longest} that "
                    f"{self.blueprint.model.name} takes; choose --data.{option} {seconds:.1f} at most, or a longer "
                    "features.options.hop"
                )

    def _check_stream(self) -> None:
        """Refuse a network that runs a stream, but not label frame by label frame."""
        name, ahead = self.blueprint.model.name, self.model.look_ahead_frames
        if ahead % self.label_frames:
            raise BadInput(
                f"model.name: {name} looks {ahead} feature frames ahead, a label frame has {self.label_frames}; choose "
                f"a features.options.hop with which {ahead} frames are a whole number of label frames"
            )
        if self.model.advance is not None and self.model.vision and self.model.visual_input == "first_boxes":
            raise BadInput(
                f"model.name: {name} runs a stream; its visual_input must be one for every label frame"
            )

    def _visual_spec(self) -> VisualSpec:
        """Describe what the network takes from a video."""
        kind = self.model.visual_input
        if kind != "first_boxes" and self.run_frames != self.window_frames:
            raise BadInput(
                "data.inference_chunk: a network with visual input for every label frame runs windows of one length"
            )
        if self.model.vision:
            self._check_visual_step()
        n_label_frames = -(-self.window_frames // self.label_frames)
        return visual_spec(kind, self.model.n_boxes, self.model.n_values, n_label_frames, self.label_hop)

    def _check_visual_step(self) -> None:
        """Refuse steps of a network that each take the video of one label frame, but are not as long as one."""
        step = self.model.visual_step_frames
        if step is not None and step != self.label_frames:
            raise BadInput(
                f"features.options.hop: {self.blueprint.model.name} takes the video of one label frame in each step of "
                f"{step} feature frames, but a label frame of {self.label_hop:g} s has {self.label_frames}; choose a "
                f"hop of {self.label_hop / step:g} s ({self.label_hop / step * self.sample_rate:g} samples), or "
                f"frames_per_step {self.label_frames} where the network or its encoder has that option"
            )

    def freeze(self, modules: Sequence[str]) -> None:
        """Exclude modules of the network from training; their normalization statistics stay fixed, too.

        Args:
            modules: dotted names.

        Raises:
            BadInput: no such module.
        """
        known = dict(self.model.named_modules())
        for name in modules:
            if name not in known:
                there = ", ".join(one for one in known if one and "." not in one)
                raise BadInput(
                    f"init_from.freeze: {self.blueprint.model.name} has no '{name}'; it has {there}"
                )
            known[name].requires_grad_(False)
        self.frozen = [*self.frozen, *modules]

    def train(self, mode: bool = True) -> "System":
        """Switch between training and evaluation; frozen modules stay in evaluation."""
        super().train(mode)
        for name in self.frozen:
            self.model.get_submodule(name).eval()
        return self

    def compile_model(self, network: bool = True) -> None:
        """Enable torch.compile; parameter names do not change.

        Args:
            network: compile the network too, as on a GPU. On a CPU its convolutions have hand-written passes
                (`avseld.models.fast_cpu`), which a compiler would undo; there only the training loss gains.
        """
        self._training_loss = torch.compile(self._training_loss)
        if network:
            self.model.compile()

    def full_precision(self) -> torch.autocast:
        """Switch mixed precision off for features and losses; the network alone runs in 16 bits.

        Mel spectra of digital silence or of a full-scale tone leave the range of 16 bits, and features in training
        must equal those in evaluation.
        """
        return torch.autocast(self.device.type, enabled=False)

    def training_loss(self, heads: dict[str, Tensor], batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Compute the losses of a batch, in single precision at least.

        Args:
            heads: as returned by `forward` in training.
            batch: holds the target's labels.

        Returns:
            Losses by name; `loss` is the one that is minimised.
        """
        with self.full_precision():
            return self._training_loss({name: at_least_float32(head) for name, head in heads.items()}, batch)

    @property
    def parameter_count(self) -> int:
        """Parameters of the network as published: those that are trained, unless the publication counts otherwise."""
        published: int | None = self.model.parameter_count
        trained = sum(weight.numel() for weight in self.model.parameters() if weight.requires_grad)
        return trained if published is None else published

    @property
    def device(self) -> torch.device:
        """Device of the weights."""
        return next(self.model.parameters()).device

    def forward(self, waveform: Tensor, visual: Tensor | None = None) -> dict[str, Tensor]:
        """Run a batch of training windows.

        Args:
            waveform: (batch, channel, sample).
            visual: (batch, *visual_spec.shape) or None.

        Returns:
            The target's heads, (batch, frame, ...).
        """
        return self.model(self.features_of(waveform), visual)

    def features_of(self, waveform: Tensor) -> Tensor:
        """Compute the features of a batch of training windows, changed in training as the recipe says.

        Args:
            waveform: (batch, channel, sample).

        Returns:
            (batch, feature, frame, bin), channels last.
        """
        with torch.no_grad(), self.full_precision():
            features = self.features(waveform)
            if self.training:
                for mask in self.masks:
                    features = mask(features)
            return features.contiguous(memory_format=torch.channels_last)
