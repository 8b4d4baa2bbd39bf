"""What features, models and targets must have, what they may have, and the defaults of what they leave out.

A member with a value in a protocol is optional, and that value is its default. `complete` is called once for each part
when a system is built: afterwards every part has every member, and the rest of the package reads them directly.
"""

from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Literal, Protocol, get_args, get_origin, get_type_hints

import numpy as np
from torch import Tensor

from avseld.base.errors import BadInput
from avseld.base.event_batch import EventBatch
from avseld.base.feature_maps import FeatureMap
from avseld.base.rates import LABEL_HOP
from avseld.decoding.decoder import Decoder
from avseld.io.events import Events
from avseld.vision.visual_input import VisualInputKind

Task = Literal["seld", "sed", "tagging", "directions"]

Losses = dict[str, Tensor]
"""losses by name; `loss` is the one that is minimised"""

OLD_MEMBERS = {
    "sees": "visual_input",
    "lessons": "training_loss",
    "idle_weights": "find_unused_parameters",
    "starts": "pretrained_roles",
}
"""former name of a member -> its name; a part that still has the former one is refused"""


class Transform(Protocol):
    """Lengths of the short-time Fourier transform of a feature, in samples."""

    n_fft: int
    hop: int


class Feature(Protocol):
    """Waveform -> features; an `nn.Module`.

    Attributes:
        sample_rate: Hz that recordings must have.
        hop: seconds between frames.
        stft: its transform; decides how much sound around a window is read. If None, a frame covers the samples of
            one hop.
        n_features, n_bins: shape of a frame.
        formats: channel formats that it accepts; all if empty.
        adopt: for features made of parts, copies the statistics of one part: (part, mean, deviation).
        feature_maps: names, units and bin axes of the channels, for files and figures: (names of the recording's
            channels) -> their description.
    """

    sample_rate: int
    hop: float
    n_features: int
    n_bins: int
    stft: Transform | None = None
    formats: tuple[str, ...] = ()
    adopt: Callable[[str, Tensor, Tensor], None] | None = None
    feature_maps: Callable[[Sequence[str]], Sequence[FeatureMap]] | None = None

    def forward(self, waveform: Tensor, centered: bool = True) -> Tensor:
        """Compute features.

        Args:
            waveform: (batch, channel, sample).
            centered: whether frames are centred on multiples of the hop; else the first frame begins at sample 0.

        Returns:
            (batch, n_features, frame, n_bins).
        """


class Model(Protocol):
    """Features and visual input -> heads; an `nn.Module`.

    Attributes:
        visual_input: first_boxes (at the start of a window), or for every label frame: boxes, tracks (boxes followed
            through the video), live_tracks (followed from the past only), embeddings (of an image network) or both
            (boxes and embeddings).
        n_boxes: boxes of a label frame.
        n_values: values of an embedding; 0 for none.
        vision: whether the visual input changes the result.
        visual_step_frames: feature frames of a step that takes the visual input of one label frame; a system whose
            label frames have another length is refused. None if steps take that of any label frames.
        wrap: whether boxes may continue beyond the seam of an equirectangular picture.
        find_unused_parameters: whether some parameters get no gradient in some batches, which several processes
            must know.
        training_loss: losses in training, if not those of the target alone: (output, batch, target) -> losses.
        pretrained_roles: for each role of pretrained weights, {module of this network: module of the checkpoint}.
        frozen_roles: roles of modules that are never trained here, each with the recipe whose runs fill it.
        role_systems: systems inside the network, by role (`avseld.system.roles`), which have features of their own.
        parameter_count: as published, if the publication counts otherwise than the parameters that are trained.
        advance: runs the next frames of a stream, with what the network remembers of it: (x, visual, state) ->
            (heads, state). x (batch, feature, frame, bin) is a whole number of label frames; visual, (batch, label
            frame, ...) or None, is that of these label frames; state is a dict of named tensors, the batch first, whose
            sizes never change; None at the beginning, which is the same as zeros. The heads (batch, frame, ...) are as
            many as the frames, and lag `look_ahead_frames` behind them: the first so many of a stream belong to frames
            before its start, and at its end as many frames of silence are given to get the last ones. Where a stream
            is cut makes no difference, and `forward` gives the same for a window as a whole stream. Whole recordings
            are then run so, not in windows (`avseld.system.advancing`). None if the network cannot.
        look_ahead_frames: feature frames after a frame that are known when its heads are computed by `advance`; a whole
            number of label frames.
    """

    visual_input: VisualInputKind = "first_boxes"
    n_boxes: int = 6
    n_values: int = 0
    vision: bool = False
    visual_step_frames: int | None = None
    wrap: bool = True
    find_unused_parameters: bool = False
    training_loss: Callable[..., Losses] | None = None
    pretrained_roles: Mapping[str, Mapping[str, str]] = {}
    frozen_roles: Mapping[str, str] = {}
    role_systems: Mapping[str, Any] = {}
    parameter_count: int | None = None
    advance: Callable[..., tuple[dict[str, Tensor], dict[str, Tensor]]] | None = None
    look_ahead_frames: int = 0

    def forward(self, x: Tensor, visual: Tensor | None = None) -> dict[str, Tensor]:
        """Run a batch of windows.

        Args:
            x: (batch, feature, frame, bin).
            visual: (batch, *shape of the visual input) or None.

        Returns:
            The heads (batch, frame, ...) whose shapes the target gave to the constructor.
        """


class Target(Protocol):
    """An output format: labels, loss and decoding.

    Attributes:
        shapes: shape of a frame of each head.
        task: which scores apply: seld, sed, tagging or directions.
        label_hop: seconds between label frames; None for those of the features.
        planar: whether directions have no elevation.
        distance: whether predicted events have a distance.
        pads: whether recordings may be shorter than a window, and are padded with silence.
        ranked: for scores that rank: (output, labels) -> {head: (reference, probability)}, each (row, class).
        with_activity: for targets that train directions alone: (output, labels) -> output with the activity of the
            labels, whose events scores take then.
        probabilities: output -> (frame, class) probabilities.
        class_activity: what an alignment network takes of a system that detects events (docs/general.md): heads
            (batch, frame, ...) -> (batch, frame, class) probabilities.
        direction_values: the same of a system that estimates directions: heads -> (batch, frame, value), any values.
        assigned: (output, labels) -> reference direction of every answer of a network with several tracks.
        reduce: (heads (frame, ...) on their device, hop) -> what `decode` takes in their place, of fewer values.
        decoder: what `decode` does, of `avseld.decoding.DECODERS`: a runtime without torch decodes with it. Systems
            whose target has none cannot be exported.
        threshold: of its decisions, one or one of each class, which commands change; None for a target without one.
        needs_maps: whether labels are energy maps: the events to encode then have `energies`.
        by_frame: whether the labels of a window are those of the whole recording, frame by frame: a corpus cached on a
            device then keeps them.
        encode_batch: `encode` for a batch of windows on a device: (events of the windows, their starts (window,) in
            seconds, n_frames, hop) -> the same arrays as tensors, the window first. It has only the events within a
            tenth of a second of a window, and may not ask anything of the host. Without it, windows that are augmented,
            or whose labels are not by the frame, are read from their files.
    """

    shapes: dict[str, tuple[int, ...]]
    task: Task = "seld"
    label_hop: float | None = LABEL_HOP
    planar: bool = False
    distance: bool = False
    pads: bool = False
    ranked: Callable[..., dict[str, tuple[np.ndarray, np.ndarray]]] | None = None
    with_activity: Callable[[dict[str, Tensor], dict[str, np.ndarray]], dict[str, Tensor]] | None = None
    probabilities: Callable[[dict[str, np.ndarray]], np.ndarray] | None = None
    class_activity: Callable[[dict[str, Tensor]], Tensor] | None = None
    direction_values: Callable[[dict[str, Tensor]], Tensor] | None = None
    assigned: Callable[..., Tensor] | None = None
    reduce: Callable[[dict[str, Tensor], float], dict[str, Tensor]] | None = None
    decoder: Decoder | None = None
    threshold: float | Sequence[float] | None = None
    needs_maps: bool = False
    by_frame: bool = True
    encode_batch: Callable[[EventBatch, Tensor, int, float], dict[str, Tensor]] | None = None

    def encode(self, events: Events, start: float, n_frames: int, hop: float) -> dict[str, np.ndarray]:
        """Make the labels of a window: arrays (frame, ...).

        Args:
            events: of the recording.
            start: seconds at which the window starts.
            n_frames: feature frames of the window.
            hop: seconds between them.
        """

    def loss(self, output: dict[str, Tensor], target: dict[str, Tensor]) -> Losses:
        """Compare heads (batch, frame, ...) with labels (batch, frame, ...)."""

    def decode(self, output: dict[str, np.ndarray], hop: float) -> Events:
        """Turn heads (frame, ...) into events; times count from the first frame."""


def complete(part: Any, protocol: type, name: str) -> Any:
    """Check a part against its protocol and give it the optional members that it leaves out.

    Args:
        part: features, model or target.
        protocol: `Feature`, `Model` or `Target`.
        name: of the part, for messages.

    Returns:
        The part.

    Raises:
        BadInput: a required member is missing, a member has a value that it can't have, or a name is misspelt.
    """
    members = get_type_hints(protocol)
    optional = {member for member in members if member in vars(protocol)}
    kind = protocol.__name__.lower()
    declared = _declared(part)
    for word in sorted(declared | set(vars(part))):
        meant = OLD_MEMBERS.get(word)
        if word in declared and word not in members and word not in vars(protocol):
            meant = meant or next(iter(get_close_matches(word, optional, 1, 0.8)), None)
        if meant in optional:
            raise BadInput(f"{name}: a {kind} has no member '{word}'; write {meant}")
    for member in members:
        if hasattr(part, member):
            _check_value(getattr(part, member), members[member], f"{name}: {member}")
        elif member in optional:
            setattr(part, member, getattr(protocol, member))
        else:
            raise BadInput(f"{name}: a {kind} needs the member '{member}'")
    for method in vars(protocol):
        if callable(vars(protocol)[method]) and not method.startswith("_") and not hasattr(part, method):
            raise BadInput(f"{name}: a {kind} needs the method '{method}'")
    return part


def _declared(part: Any) -> set[str]:
    """Collect the public names that the class of a part declares, without those of torch."""
    classes = [one for one in type(part).__mro__ if not one.__module__.startswith(("torch", "builtins"))]
    return {word for one in classes for word in vars(one) if not word.startswith("_")}


def _check_value(value: Any, hint: Any, name: str) -> None:
    """Refuse a value that is none of the words of a Literal, or of another type than a plain one.

    Raises:
        BadInput: such a value.
    """
    if get_origin(hint) is Literal and value not in get_args(hint):
        raise BadInput(f"{name} is one of {', '.join(get_args(hint))}, not '{value}'")
    plain: dict[Any, tuple[type, ...]] = {int: (int,), bool: (bool,), float: (int, float), str: (str,)}
    if hint in plain and (not isinstance(value, plain[hint]) or (hint is int and isinstance(value, bool))):
        raise BadInput(f"{name} must be of type {hint.__name__}, not {value!r}")
