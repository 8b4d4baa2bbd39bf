"""Systems inside an alignment network (`avseld.models.aligned`): built from a description, brought to its frame rate.

Everything that an alignment needs of another system is here: its channels and sample rate, its values from the members
`class_activity` and `direction_values` of its target, and its frames, which become label frames.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from avseld.base.errors import BadInput
from avseld.config import Part
from avseld.features import FEATURES, learn_statistics
from avseld.features.resampling import Resample
from avseld.io.formats import check_features, format_named
from avseld.models import MODELS
from avseld.models.aligned import ROLES
from avseld.system.dry_run import in_one_line
from avseld.system.parts import build_part
from avseld.system.protocols import Feature, Model, Target, complete
from avseld.targets import TARGETS

MEMBERS = ("features", "model", "target", "format", "legacy")
"""names in a description"""
READERS = {"sed": "class_activity", "doa": "direction_values"}
"""role -> member of the target that gives its values"""
SIDES = ("stereo", "binaural")
"""formats whose mean is a single-channel recording; that of ambisonics or of an array is none of any microphone"""


class Role(nn.Module):
    """One system inside an alignment network.

    Args:
        features: waveform -> features.
        network: features -> heads; None if the features are the values.
        target: output format of the network.
        read: heads -> (batch, frame, value).
        n_values: values of a frame.
        single: channels that the system takes: all, first, or mean.
        sample_rate: Hz of the alignment's recordings.
        hop: seconds between label frames of the alignment.
        depends_on_classes: whether it must have been trained on the same classes.
    """

    def __init__(
        self,
        features: Any,
        network: nn.Module | None,
        target: Any,
        read: Callable[[dict[str, Tensor]], Tensor] | None,
        n_values: int,
        single: str,
        sample_rate: int,
        hop: float,
        depends_on_classes: bool,
    ) -> None:
        super().__init__()
        self.features, self.network, self.target, self.read = features, network, target, read
        self.n_values, self.single, self.hop = n_values, single, hop
        self.depends_on_classes = depends_on_classes
        self.resample = Resample(sample_rate, features.sample_rate)

    def own_waveform(self, waveform: Tensor) -> Tensor:
        """Bring a waveform (batch, channel, sample) to the channels and the sample rate of the system."""
        if self.single == "first":
            waveform = waveform[:, :1]
        elif self.single == "mean":
            waveform = waveform.mean(dim=1, keepdim=True)
        return self.resample(waveform)

    def forward(self, waveform: Tensor, n_frames: int) -> Tensor:
        """Run the system.

        Args:
            waveform: (batch, channel, sample) of the alignment's recordings.
            n_frames: label frames.

        Returns:
            (batch, label frame, value).
        """
        with torch.no_grad(), torch.autocast(waveform.device.type, enabled=False):
            x = self.features(self.own_waveform(waveform))
        if self.network is None or self.read is None:
            values = x.transpose(1, 2).flatten(2)
        else:
            values = self.read(self.network(x.contiguous(memory_format=torch.channels_last), None))
        return average_over_time(values, self.features.hop, self.hop, n_frames)


def average_over_time(values: Tensor, hop: float, new_hop: float, n_frames: int) -> Tensor:
    """Bring frames to another rate: the mean over each new frame; slower frames are held.

    Args:
        values: (batch, frame, value), frames centred on multiples of the hop.
        hop: seconds between them.
        new_hop: seconds between new frames, the first of which begins at 0.
        n_frames: new frames.

    Returns:
        (batch, new frame, value).
    """
    centre = torch.arange(values.shape[1], device=values.device, dtype=torch.float64) * hop
    start = torch.arange(n_frames, device=values.device, dtype=torch.float64)[:, None] * new_hop
    shared = torch.minimum(centre + hop / 2, start + new_hop) - torch.maximum(centre - hop / 2, start)
    shared = shared.clamp(min=0)
    weight = shared / shared.sum(dim=1, keepdim=True).clamp(min=1e-9)
    return weight.to(values.dtype) @ values


def build_role(
    role: str,
    description: Any,
    n_classes: int,
    format: str,
    sample_rate: int,
    hop: float,
    legacy: bool = False,
) -> Role:
    """Build the system of a role.

    Args:
        role: sed or doa.
        description: features, model and target as in a recipe; format and legacy if they are not those of the
            alignment. The role doa may have features alone.
        n_classes: classes of the alignment.
        format: channel format of its recordings.
        sample_rate: Hz of its recordings.
        hop: seconds between its label frames.
        legacy: reproduce the published defects.

    Raises:
        BadInput: a description that names something else, parts that cannot be built, recordings that the system cannot
            take, or a target that does not give the values of the role; names the role.
    """
    with _naming(role):
        words = _checked(role, description)
        own_format = str(words.get("format") or format)
        single = _channels(own_format, format)
        defects = {"legacy": True, "layout": "legacy"} if words.get("legacy", legacy) else {}
        features = _features(part_of(words["features"]), own_format, defects)
        if words.get("model") is None:
            n_values = features.n_features * features.n_bins
            return Role(features, None, None, None, n_values, single, sample_rate, hop, False)
        part = part_of(words["target"])
        target, other = (
            build_part(TARGETS, part, "target", n, **defects) for n in (n_classes, n_classes + 1)
        )
        complete(target, Target, part.name)
        model = part_of(words["model"])
        sizes = features.n_features, features.n_bins
        network = complete(
            build_part(MODELS, model, "model", *sizes, target.shapes, **defects), Model, model.name
        )
        read = getattr(target, READERS[role])
        if read is None:
            raise BadInput(
                f"target {part.name} has no {READERS[role]}; give {ROLES[role]}, or the target this member "
                "(docs/extending.md)"
            )
        n_values = _n_values(read, f"target {part.name}: {READERS[role]}", target.shapes)
        dependent = dict(other.shapes) != dict(target.shapes)
        return Role(features, network, target, read, n_values, single, sample_rate, hop, dependent)


def part_of(choice: Any) -> Part:
    """Read a part: a name, or {name: ..., options: {...}}.

    Raises:
        BadInput: something else.
    """
    if isinstance(choice, str):
        return Part(choice)
    if (
        isinstance(choice, Mapping)
        and set(choice) <= {"name", "options"}
        and isinstance(choice.get("name"), str)
    ):
        return Part(choice["name"], dict(choice.get("options") or {}))
    raise BadInput(f"give a name or {{name: ..., options: {{...}}}}, not {choice!r}")


def learn_role_statistics(
    roles: Mapping[str, Role], waveforms: Callable[[], Iterable[Tensor]], done: Iterable[str]
) -> None:
    """Compute the feature statistics of systems from waveforms of the training part.

    Args:
        roles: systems by role.
        waveforms: yields them anew, each (batch, channel, sample) at the alignment's rate.
        done: roles whose statistics come with their weights.
    """
    for role in set(roles) - set(done):
        system = roles[role]
        learn_statistics(system.features, (system.own_waveform(one) for one in waveforms()))


@contextmanager
def _naming(role: str) -> Iterator[None]:
    """Begin messages with the role."""
    try:
        yield
    except BadInput as error:
        raise type(error)(f"role {role}: {error}") from error


def _checked(role: str, description: Any) -> Mapping[str, Any]:
    """Refuse a description that is not complete."""
    form = "{features: ..., model: ..., target: ...}"
    if not isinstance(description, Mapping) or not description.get("features"):
        raise BadInput(
            f"give model.options.{role} {form}, or a run by --init_from.roles.{role} RUN, not {description!r}"
        )
    if unknown := sorted(set(map(str, description)) - set(MEMBERS)):
        raise BadInput(f"model.options.{role}: no '{unknown[0]}' in {form}; there are {', '.join(MEMBERS)}")
    given = [name for name in ("model", "target") if description.get(name)]
    if len(given) == 1 or (not given and role == "sed"):
        missing = "target" if given == ["model"] else "model" if given else "model and target"
        raise BadInput(f"model.options.{role}: has no {missing}; give {form}")
    return description


def _channels(own_format: str, format: str) -> str:
    """Return which channels of a recording a system of another format takes."""
    format_named(own_format)
    if own_format == format:
        return "all"
    if own_format == "mono":
        return "mean" if format in SIDES else "first"
    raise BadInput(
        f"takes {own_format} recordings, not {format}; give a system of {format} or mono recordings, or another "
        "data.format"
    )


def _features(part: Part, format: str, defects: Mapping[str, Any]) -> Any:
    check_features(part.name, format)
    channels = format_named(format).channels
    features = build_part(FEATURES, part, "features", n_channels=channels, **defects)
    complete(features, Feature, part.name)
    if features.formats and format not in features.formats:
        raise BadInput(
            f"{part.name} takes {', '.join(features.formats)} recordings, not {format}; choose other features"
        )
    return features


def _n_values(
    read: Callable[[dict[str, Tensor]], Tensor], name: str, shapes: Mapping[str, tuple[int, ...]]
) -> int:
    """Count the values of a frame that a target gives."""
    with in_one_line(name):
        values = read({head: torch.zeros(1, 2, *shape) for head, shape in shapes.items()})
    if not isinstance(values, Tensor) or values.ndim != 3 or tuple(values.shape[:2]) != (1, 2):
        shown = tuple(values.shape) if isinstance(values, Tensor) else type(values).__name__
        raise BadInput(f"{name} returns {shown} for 2 frames, expected (1, 2, values)")
    return int(values.shape[2])
