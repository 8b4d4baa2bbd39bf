"""A system is three exchangeable parts: features -> model -> target. Here they meet, run and are kept."""

import inspect
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from avseld.base.errors import BadInput
from avseld.base.files import replacing
from avseld.base.rates import LABEL_HOP, exact_div, samples
from avseld.config import Part
from avseld.features import FEATURES
from avseld.io.events import Events, concatenate
from avseld.io.formats import check_features, format_named
from avseld.models import MODELS
from avseld.targets import TARGETS
from avseld.vision.visual_input import View, view_of

Reader = Callable[[int, int], np.ndarray]
"""(first sample, how many) -> (channel, sample) float32, zeros beyond the recording."""

Loss = Callable[[dict[str, Tensor], dict[str, Tensor]], dict[str, Tensor]]
"""(heads, batch) -> losses by name, of which `loss` is learned from."""

STATISTICS = "features."
"""Prefix of what the features keep (means, deviations) among the names of a weights file."""

BoxesAt = Callable[[np.ndarray], np.ndarray]
"""(window,) seconds at which windows start -> (window, *view.shape)."""


@dataclass(frozen=True)
class Blueprint:
    """All that is needed to build a system again, without the recipe that it came from."""

    features: Part
    model: Part
    target: Part
    classes: list[str]
    format: str = "foa"
    chunk: float = 1.27
    legacy: bool = False
    listen: float | None = None
    """seconds of a window when a whole recording is run, if not those of the training"""

    @classmethod
    def from_json(cls, text: str) -> "Blueprint":
        """Read what `to_json` wrote."""
        words = json.loads(text)
        features, model, target = (Part(**words.pop(name)) for name in ("features", "model", "target"))
        return cls(features, model, target, **words)

    def to_json(self) -> str:
        """One line of JSON."""
        return json.dumps(asdict(self))


class System(nn.Module):
    """Features, model and target of one blueprint.

    Args of the constructor:
        blueprint: names and options of the parts, classes, channel format, window.

    Raises:
        BadInput: an unknown part or option, or rates that do not divide.
    """

    def __init__(self, blueprint: Blueprint) -> None:
        super().__init__()
        self.blueprint = blueprint
        self.frozen: list[str] = []
        self.masks: list[Callable[[Tensor], Tensor]] = []
        """changes of features while it trains, see `avseld.augment.features`"""
        defects = {"legacy": True, "layout": "legacy"} if blueprint.legacy else {}
        channels = format_named(blueprint.format).channels
        check_features(blueprint.features.name, blueprint.format)
        self.features = _build(FEATURES, blueprint.features, "features", n_channels=channels, **defects)
        allowed = getattr(self.features, "formats", ())
        if allowed and blueprint.format not in allowed:
            raise BadInput(
                f"features.name: {blueprint.features.name} is meant for {', '.join(allowed)} recordings, not "
                f"{blueprint.format}; choose other features or another data.format"
            )
        self.target = _build(TARGETS, blueprint.target, "target", len(blueprint.classes), **defects)
        self.model = _build(
            MODELS,
            blueprint.model,
            "model",
            self.features.n_features,
            self.features.n_bins,
            self.target.shapes,
            **defects,
        )
        self.model.to(memory_format=torch.channels_last)
        self.training_loss: Loss = self.target.loss
        if hasattr(self.model, "lessons"):  # a network may learn more than its answers
            self.training_loss = partial(self.model.lessons, target=self.target)
        self.sample_rate: int = self.features.sample_rate
        self.hop: float = self.features.hop
        self.hop_samples: int = self.features.stft.hop
        self.window_samples = samples(blueprint.chunk, self.sample_rate, "chunk")
        self.window_frames = (
            exact_div(self.window_samples, self.hop_samples, "samples of a chunk and of a hop") + 1
        )
        self.label_hop: float = getattr(self.target, "label_hop", LABEL_HOP) or self.hop
        self.label_frames = round(self.label_hop / self.hop)
        if abs(self.label_frames * self.hop - self.label_hop) > 1e-9:
            raise BadInput(
                f"target: labels every {self.label_hop} s are no multiple of frames every {self.hop} s"
            )
        listen = blueprint.chunk if blueprint.listen is None else blueprint.listen
        self.run_frames = samples(listen, self.sample_rate, "listen") // self.hop_samples + 1
        self.kept_frames = (self.run_frames - 1) // self.label_frames * self.label_frames
        if self.kept_frames == 0:
            raise BadInput(
                f"chunk: {listen} s hold no label frame of {self.label_hop} s; choose a longer window"
            )
        self.margin = (self.run_frames - self.kept_frames) // 2
        # A network says by `sees` what it is shown; those that say nothing take the published boxes.
        sees = getattr(self.model, "sees", "first_boxes")
        if sees != "first_boxes" and self.run_frames != self.window_frames:
            raise BadInput("data.listen: a network that sees every label frame runs windows of one length")
        n_times = -(-self.window_frames // self.label_frames)
        n_boxes, n_values = getattr(self.model, "n_boxes", 6), getattr(self.model, "n_values", 0)
        self.view: View = view_of(sees, n_boxes, n_values, n_times, self.label_hop)
        """What the network is shown of a video."""

    @property
    def _is_standardized(self) -> bool:
        return bool(self.features.state_dict())

    def freeze(self, modules: Sequence[str]) -> None:
        """Stop modules from learning; what they know of their input's mean and deviation stays, too.

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
        """Training or evaluation; frozen modules stay in evaluation."""
        super().train(mode)
        for name in self.frozen:
            self.model.get_submodule(name).eval()
        return self

    def compile_model(self, network: bool = True) -> None:
        """Have compiled, when it first runs, what gains by it; names of weights stay.

        Args:
            network: whether the network does, as on a GPU. On a processor its convolutions have passes of their own
                (`avseld.models.pooling`), which a compiler would undo; there the loss of training gains alone.
        """
        self.training_loss = torch.compile(self.training_loss)
        if network:
            self.model.compile()

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.model.parameters()).device

    def forward(self, waveform: Tensor, boxes: Tensor | None = None) -> dict[str, Tensor]:
        """Run a batch of windows as in training.

        Args:
            waveform: (batch, channel, sample).
            boxes: (batch, *view.shape) or None.

        Returns:
            The target's heads, (batch, frame, ...).
        """
        with torch.no_grad():
            features = self.features(waveform)
            if self.training:
                for mask in self.masks:
                    features = mask(features)
            features = features.contiguous(memory_format=torch.channels_last)
        return self.model(features, boxes)

    def stretches(
        self, read: Reader, n_samples: int, boxes: BoxesAt | None = None, batch_size: int = 16
    ) -> Iterator[tuple[int, dict[str, Tensor]]]:
        """Run a recording of any length window by window, keeping the centre of each.

        Windows of 1.27 s start every 1.2 s, see the recording beyond their edges, and give their middle 1.2 s
        (`Sony audio-visual SELD` spec, section 10). Memory does not grow with the length.

        Args:
            read: gives any stretch of the recording.
            n_samples: its length.
            boxes: gives what is seen in windows by their start (`avseld.io.boxes.Seen.at`), or None.
            batch_size: windows at once.

        Yields:
            First frame of the stretch, and the heads (frame, ...) from there on.
        """
        n_frames = max(n_samples // self.hop_samples, 1)
        first, starts = self._grid(n_frames)
        batch_size = max(1, batch_size * self.window_frames // self.run_frames)
        span = (self.run_frames - 1) * self.hop_samples + self.features.stft.n_fft
        lead = (
            self.features.stft.n_fft - self.hop_samples
            if self.blueprint.legacy
            else self.features.stft.n_fft // 2
        )
        for begin in range(0, len(first), batch_size):
            chosen = first[begin : begin + batch_size] - self.margin
            waveform = np.stack([read(int(frame) * self.hop_samples - lead, span) for frame in chosen])
            seen = None if boxes is None else boxes(starts[begin : begin + batch_size])
            with torch.inference_mode():
                heads = self._heads(waveform, seen, chosen, n_frames)
            left = n_frames - begin * self.kept_frames
            kept = slice(self.margin, self.margin + self.kept_frames)
            yield (
                begin * self.kept_frames,
                {name: head[:, kept].flatten(0, 1)[:left].float() for name, head in heads.items()},
            )

    def run(self, read: Reader, n_samples: int, boxes: BoxesAt | None = None, batch_size: int = 16) -> Events:
        """What is heard in a whole recording, in label frames of 100 ms; arguments as for `stretches`."""
        found = []
        for first, heads in self.stretches(read, n_samples, boxes, batch_size):
            found.append(self.decode(first, heads))
        return concatenate(found)

    def decode(self, first: int, heads: dict[str, Tensor]) -> Events:
        """Events of a stretch whose first frame is `first`, at their time in the recording."""
        events = self.target.decode({name: head.cpu().numpy() for name, head in heads.items()}, self.hop)
        step = self.label_hop
        begin = np.round(events.onset / step).astype(int) + first // self.label_frames
        end = np.round(events.offset / step).astype(int) + first // self.label_frames
        if self.blueprint.legacy:
            begin, end = self._published_frame(begin), self._published_frame(begin) + end - begin
        return replace(events, onset=begin * step, offset=end * step)

    def loss(self, first: int, heads: dict[str, Tensor], events: Events) -> float:
        """Loss of a stretch against the recording's reference."""
        n_frames = len(next(iter(heads.values())))
        target = self.target.encode(events, first * self.hop, n_frames, self.hop)
        wanted = {name: torch.from_numpy(value)[None].to(self.device) for name, value in target.items()}
        with torch.inference_mode():
            return float(self.target.loss({name: head[None] for name, head in heads.items()}, wanted)["loss"])

    def ranked(
        self, first: int, heads: dict[str, Tensor], events: Events
    ) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Truth and probability (row, class) of a stretch by head, of targets that are ranked; else nothing."""
        if not hasattr(self.target, "ranked"):
            return {}
        target = self.target.encode(events, first * self.hop, len(next(iter(heads.values()))), self.hop)
        return self.target.ranked({name: head.cpu().numpy() for name, head in heads.items()}, target)

    def save(self, path: Path | str) -> None:
        """Write weights, feature statistics and blueprint to one safetensors file, whole or not at all."""
        state = self.model.state_dict() | self.features.state_dict(prefix=STATISTICS)
        state = {name: value.detach().contiguous().cpu() for name, value in state.items()}
        with replacing(path) as temporary:
            save_file(state, temporary, metadata={"avseld": self.blueprint.to_json()})

    @classmethod
    def load(cls, path: Path | str, legacy: bool | None = None) -> "System":
        """Build a system from a file that `save` wrote; nothing of the file is executed.

        Args:
            path: a safetensors file.
            legacy: overrides the rounding rules it was saved with.

        Raises:
            BadInput: missing, damaged, or of another architecture than it says.
        """
        path = Path(path)
        if not path.is_file():
            raise BadInput(f"{path}: not found; train first, or give the folder of a finished run")
        try:
            with safe_open(path, framework="pt") as file:
                text = (file.metadata() or {}).get("avseld")
                state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
        except (SafetensorError, OSError) as error:
            raise BadInput(f"{path}: no readable weights ({error}); copy the file again") from error
        if text is None:
            raise BadInput(f"{path}: weights without a blueprint; use a file written by avseld train")
        blueprint = Blueprint.from_json(text)
        system = cls(blueprint if legacy is None else replace(blueprint, legacy=legacy))
        system.load_weights(state, path)
        return system.eval()

    def load_weights(self, state: dict[str, Tensor], origin: Path | str) -> None:
        """Put weights into the model, and statistics, where there are some, into the features.

        Raises:
            BadInput: names or shapes of another architecture; names the first that differs.
        """
        own = self.model.state_dict() | self.features.state_dict(prefix=STATISTICS)
        wrong = sorted(set(own) ^ set(state)) or [
            name for name in own if own[name].shape != state[name].shape
        ]
        if wrong:
            raise BadInput(
                f"{origin}: weights of another architecture ('{wrong[0]}' differs); "
                f"they do not fit {self.blueprint.model.name} {self.blueprint.model.options}"
            )
        kinds: dict[bool, dict[str, Tensor]] = {False: {}, True: {}}
        for name, value in state.items():
            kinds[name.startswith(STATISTICS)][name.removeprefix(STATISTICS)] = value
        self.model.load_state_dict(kinds[False])
        self.features.load_state_dict(kinds[True])

    def _heads(
        self, waveform: np.ndarray, seen: np.ndarray | None, first: np.ndarray, n_frames: int
    ) -> dict[str, Tensor]:
        kind = next(self.model.parameters()).dtype
        features = self.features(torch.from_numpy(waveform).to(self.device, kind), centered=False)
        if self.blueprint.legacy or self._is_standardized:
            # As published, frames beyond the recording are zeros, also where the edge frames would reach into it.
            # Zero is the mean of a standardized feature, where the logarithm of silence is far from anything heard.
            frame = torch.from_numpy(first)[:, None] + torch.arange(self.run_frames)
            features = features * ((frame >= 0) & (frame < n_frames)).to(features)[:, None, :, None]
        boxes = None if seen is None else torch.from_numpy(seen).to(self.device, kind)
        return self.model(features.contiguous(memory_format=torch.channels_last), boxes)

    def _grid(self, n_frames: int) -> tuple[np.ndarray, np.ndarray]:
        """First kept frame (window,) and the time (window,) at which every window is shown its video."""
        count = -(-n_frames // self.kept_frames)
        first = np.arange(count) * self.kept_frames
        starts = np.arange(count) * (self.kept_frames * self.hop)
        if self.blueprint.legacy:
            first = np.trunc(starts / self.hop if self.hop != 0.01 else starts * 100).astype(int)
        if self.view.n_times:
            # Boxes of every label frame begin where the window does, a margin before what is kept of it.
            starts = (first - self.margin) * self.hop
        return first, starts

    def _published_frame(self, frame: np.ndarray) -> np.ndarray:
        """Label frames with the published truncation: window 9 starts at int(10.8 * 10) = 107, say."""
        per_window = self.kept_frames // self.label_frames
        window = frame // per_window
        return np.trunc(window * (self.kept_frames * self.hop) * 10).astype(int) + frame % per_window


def _build(table: dict[str, Any], part: Part, what: str, *arguments: Any, **options: Any) -> Any:
    """Construct a part by name, refusing unknown names and options in one line."""
    if part.name not in table:
        raise BadInput(f"{what}.name: '{part.name}' is none of {', '.join(sorted(table))}")
    known = list(inspect.signature(table[part.name]).parameters)[len(arguments) :]
    for option in part.options:
        if option not in known:
            raise BadInput(
                f"{what}.options.{option}: {part.name} has no such option; it has {', '.join(known)}"
            )
    return table[part.name](
        *arguments, **{**{k: v for k, v in options.items() if k in known}, **part.options}
    )
