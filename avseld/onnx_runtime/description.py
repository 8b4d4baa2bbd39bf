"""The description of an exported network: what its graph takes and gives, and how its output is decoded."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints

from avseld.base.errors import BadInput
from avseld.base.files import require_file
from avseld.decoding import DECODERS, Decoder
from avseld.decoding.windows import WindowLengths
from avseld.io.formats import format_named
from avseld.vision.visual_input import VisualSpec

DESCRIPTION = "description.json"
GRAPH, WITHOUT_VIDEO = "network.onnx", "without_video.onnx"
"""files of an exported network"""

WAVEFORM, INSIDE, VISUAL = "waveform", "inside", "visual"
"""names of the inputs of the graph: sound (window, channel, sample), whether feature frames lie within the recording
(window, frame), and what is seen (window, ...)"""
STATE, NEXT = "state.", ".next"
"""begin of the names of what a network that runs a stream remembers, and end of those of what is to be remembered"""


@dataclass(frozen=True)
class GraphFile:
    """A graph.

    Args:
        file: its name, in the folder of the description.
        sha256: of it.
    """

    file: str
    sha256: str


@dataclass(frozen=True)
class Description:
    """What the graph of an exported network takes and gives.

    Args:
        avseld: version that has exported it.
        name: run or weights that were exported.
        graph: the graph.
        without_video: the graph for recordings without video, of a network that does not take zeros for none.
        precision: float32, float16 (weights) or int8.
        format: channel format of the recordings.
        sample_rate: Hz; other rates are resampled.
        classes: class names.
        task: seld, sed, tagging or directions.
        planar: directions have no elevation.
        lengths: of windows.
        windows_at_once: windows whose output is decoded together; of a stream, windows as long as its stretches.
        count: windows, or label frames of a stream, that the graph takes at once; None for any number.
        masked: the graph takes `INSIDE`.
        visual: what it takes from a video; None without visual input.
        heads: shape of a frame of each head.
        decoder: name of the output format, a key of `avseld.decoding.DECODERS`.
        options: of the decoder, with its thresholds.
        state: of a network that runs a stream: name and shape of what it remembers; None for one of windows.
        look_ahead_frames: feature frames by which the heads of a stream lag behind the sound.
        boxes_from: how the boxes of the training were made.
        measured: what was measured when it was exported, for readers.
    """

    avseld: str
    name: str
    graph: GraphFile
    without_video: GraphFile | None
    precision: str
    format: str
    sample_rate: int
    classes: list[str]
    task: str
    planar: bool
    lengths: WindowLengths
    windows_at_once: int
    count: int | None
    masked: bool
    visual: VisualSpec | None
    heads: dict[str, list[int]]
    decoder: str
    options: dict[str, Any]
    state: dict[str, list[int]] | None = None
    look_ahead_frames: int = 0
    boxes_from: list[dict[str, Any]] = field(default_factory=list)
    measured: dict[str, Any] = field(default_factory=dict)

    @property
    def of_sound_alone(self) -> "Description":
        """Description of the graph for recordings without video."""
        return replace(self, visual=None)

    @property
    def inputs(self) -> list[str]:
        """Names of the inputs of the graph."""
        masked, seen = [INSIDE] if self.masked else [], [VISUAL] if self.visual is not None else []
        return [WAVEFORM, *masked, *seen, *(STATE + name for name in self.state or ())]

    @property
    def outputs(self) -> list[str]:
        """Names of the outputs of the graph: the heads, and what is to be remembered."""
        return [*self.heads, *(f"{STATE}{name}{NEXT}" for name in self.state or ())]

    def build_decoder(self) -> Decoder:
        """Build the decoder."""
        return DECODERS[self.decoder](**self.options)

    def to_json(self) -> str:
        """Write the description as text."""
        return json.dumps(asdict(self), indent=1) + "\n"


def read_description(folder: Path) -> Description:
    """Read the description of an exported network; nothing in the folder is executed.

    Args:
        folder: as `avseld export` has written it.

    Raises:
        BadInput: missing, damaged, or of a newer version; says what is wrong.
    """
    path = folder / DESCRIPTION
    require_file(path, "give a folder that avseld export has written")
    try:
        words = json.loads(path.read_text(encoding="utf-8"))
        made: Description = _build(Description, words, "")
        _check(made)
    except (ValueError, TypeError, OSError) as error:
        reason = " ".join(str(error).split())[:200]
        raise BadInput(f"{path}: no readable description ({reason}); export the network again") from error
    return made


def _build(kind: type, words: Any, place: str) -> Any:
    """Build a dataclass from names and values, checking both.

    Raises:
        ValueError: another name or type; says which.
    """
    if not isinstance(words, Mapping):
        raise ValueError(f"{place or 'the file'} holds no names and values")
    hints = get_type_hints(kind)
    known = {each.name for each in fields(kind)}
    if unknown := sorted(set(words) - known):
        raise ValueError(f"{place}{unknown[0]} is unknown; it may be of a newer version")
    return kind(**{name: _value(hints[name], value, f"{place}{name}") for name, value in words.items()})


def _value(hint: Any, value: Any, place: str) -> Any:
    """Check a value against its type."""
    origin, members = get_origin(hint), get_args(hint)
    if origin is UnionType:
        if value is None and NoneType in members:
            return None
        return _value(next(member for member in members if member is not NoneType), value, place)
    if origin is list and isinstance(value, list):
        return [_value(members[0], each, place) for each in value]
    if origin is dict and isinstance(value, dict):
        return {key: _value(members[1], each, f"{place}.{key}") for key, each in value.items()}
    if hint is Any:
        return value
    if hint in (WindowLengths, VisualSpec, GraphFile):
        return _build(hint, value, f"{place}.")
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(hint, type) or not isinstance(value, hint) or (hint is int and isinstance(value, bool)):
        raise ValueError(f"{place}: {value!r} is no {getattr(hint, '__name__', hint)}")
    return value


def _check(made: Description) -> None:
    """Refuse values that cannot be.

    Raises:
        ValueError: says which.
    """
    for graph in (made.graph, made.without_video):
        if graph is not None and Path(graph.file).name != graph.file:
            raise ValueError(f"graph: '{graph.file}' is no file name")
    if made.decoder not in DECODERS:
        raise ValueError(f"decoder: '{made.decoder}' is none of {', '.join(DECODERS)}")
    format_named(made.format)
    made.build_decoder()
    lengths = made.lengths
    counts = {
        "sample_rate": made.sample_rate, "windows_at_once": made.windows_at_once,
        "count": 1 if made.count is None else made.count, "hop_samples": lengths.hop_samples,
        "n_fft": lengths.n_fft, "run_frames": lengths.run_frames, "kept_frames": lengths.kept_frames,
        "label_frames": lengths.label_frames, "hop": lengths.hop, "label_hop": lengths.label_hop,
    }  # fmt: skip
    for name, value in counts.items():
        if not value > 0:
            raise ValueError(f"{name}: {value} is not above 0")
    if lengths.kept_frames > lengths.run_frames:
        raise ValueError(f"kept_frames: {lengths.kept_frames} of windows of {lengths.run_frames}")
