"""Values of options: each name of an option means the same in every part, and has one range."""

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args, get_origin

from avseld.base.errors import BadInput
from avseld.base.plugins import comes_from_elsewhere


@dataclass(frozen=True)
class Range:
    """Values that an option may have.

    Args:
        low: smallest value; None for any.
        high: largest value; None for any.
        whole: whether only whole numbers count.
        above: whether `low` itself is excluded.
        below: whether `high` itself is excluded.
    """

    low: float | None = None
    high: float | None = None
    whole: bool = False
    above: bool = False
    below: bool = False

    def __str__(self) -> str:
        """Say the range: a whole number from 1, a number above 0 and below 1."""
        words = ["a whole number" if self.whole else "a number"]
        low = "" if self.low is None else f"{'above' if self.above else 'from'} {self.low:.12g}"
        shown = self.high is not None and self.high < 1e5
        high = f"{'below' if self.below else 'to'} {self.high:.12g}" if shown else ""
        words.append(f"{low} and {high}" if low and high and (self.above or self.below) else f"{low} {high}")
        return " ".join(" ".join(words).split())

    def __contains__(self, value: float) -> bool:
        if self.low is not None and (value <= self.low if self.above else value < self.low):
            return False
        return self.high is None or (value < self.high if self.below else value <= self.high)


COUNT = Range(1, 1e9, whole=True)
NUMBER_OF = Range(0, 1e6, whole=True)
SAMPLES = Range(1, 2**20, whole=True)
SIZE = Range(1, 8192, whole=True)
"""units of a layer; a larger one would not fit into memory"""
POSITIVE = Range(0, above=True)
NOT_NEGATIVE = Range(0)
SHARE = Range(0, 1)
SHARE_BELOW_1 = Range(0, 1, below=True)

NAMES = {
    SAMPLES: "sample_rate n_fft win_length hop gcc_fft",
    SIZE: "n_mels width widths hidden narrow layers n_layers n_heads feedforward token n_blocks n_boxes n_points "
    "n_values bin_pooling frame_pooling median_frames frames_per_step frames_per_output frames_per_label "
    "kernel expansion channels max_offset max_steps depths patch n_outputs sed_features n_tracks",
    COUNT: "batch_size accumulate steps validate_every keep_every num_nodes patience every epochs steps_per_epoch "
    "T_max evaluate_training total_steps",
    NUMBER_OF: "n_recurrent n_attention frames bins n after workers warmup rounding look_ahead past",
    POSITIVE: "floor high_hz alias_hz top_db stretch label_hop chunk inference_chunk listen clip max_lr div_factor "
    "shuffle_buffer "
    "final_div_factor factor distance_scale first adapter_ratio",
    NOT_NEGATIVE: "lr low_hz sed_weight doa_weight distance_weight coordinates_weight smooth salt gain_db last "
    "eta_min eps weight_decay adapter_scale map_weight",
    SHARE: "high low threshold tag_threshold rising holding chance video_dropout pct_start momentum base_momentum "
    "max_momentum dampening beta peak_share",
    SHARE_BELOW_1: "dropout betas average stochastic_depth",
    Range(0, 180): "unify_deg apart_deg",
    Range(1, 16, whole=True): "sh_order",
    Range(0, 90): "grid_deg",
    Range(0, 2**32 - 1, whole=True): "seed",
}
RANGES: dict[str, Range] = {name: allowed for allowed, names in NAMES.items() for name in names.split()}
"""name of an option -> its range; members of a list each have it"""

NAMES_OF_COMMANDS = {
    SIZE: "width height",
    COUNT: "first draws iterations scenes batch_size n_classes",
    NUMBER_OF: "threads jobs figures recordings frames train_rooms test_rooms",
    SAMPLES: "sample_rate",
    POSITIVE: "seconds hop metres_per_unit segment shard_mb hours",
    NOT_NEGATIVE: "gap false_rows start stop",
    SHARE: "threshold test_share compressed_share empty_share",
    Range(0, 1000, above=True): "fps detector_fps",
    Range(0.001, 1e6): "rate",
    Range(0.01, 1e6): "picture_every",
    Range(1, 16, whole=True): "tiles",
    Range(0, 160): "field_deg",
    Range(0, 10_000, whole=True): "label",
    Range(-360, 360): "turn video_yaw",
    Range(-86_400, 86_400): "video_offset",
    Range(-200, 200): "snr_db",
    Range(0, 2**32 - 1, whole=True): "seed",
}
RANGES_OF_COMMANDS: dict[str, Range] = {
    name: allowed for allowed, names in NAMES_OF_COMMANDS.items() for name in names.split()
}
"""name of an option of a command -> its range"""


def check_options(
    what: str, constructor: Callable[..., Any], options: Mapping[str, Any], separator: str = ".options."
) -> dict[str, Any]:
    """Check the values of options before a part is built.

    Args:
        what: place in the recipe, for messages: features, model.
        constructor: has the options as arguments.
        options: values by name; those that the constructor does not have are left as they are.
        separator: between place and option in messages.

    Returns:
        The options; numbers in words (YAML reads 1e3 as text) have become numbers. Those of a part of another package
        are left as they are.

    Raises:
        BadInput: a value out of range or of another kind; names the option and what it may be.
    """
    if comes_from_elsewhere(constructor):
        return dict(options)
    parameters = inspect.signature(constructor).parameters
    checked = dict(options)
    for name, value in options.items():
        if name not in parameters or (value is None and _takes_none(parameters[name])):
            continue
        place, parameter = f"{what}{separator}{name}", parameters[name]
        if not _fits(value, parameter.annotation):
            default = parameter.default
            several = (
                f"; several of them, such as {list(default)}" if isinstance(default, tuple | list) else ""
            )
            raise BadInput(
                f"{place}: {value!r}; give {RANGES.get(name, 'values' if several else 'one value')}{several}"
            )
        checked[name] = check_value(place, name, value, parameter.default)
    return checked


def check_options_of_command(function: Callable[..., Any], values: Mapping[str, Any]) -> None:
    """Check the numbers among the options of a command; defaults, which may stand for something else, need no check.

    Args:
        function: of the command; its arguments are the options.
        values: by name.

    Raises:
        BadInput: a number out of its range; names the option and what it may be.
    """
    for name, parameter in inspect.signature(function).parameters.items():
        value = values.get(name)
        if name in RANGES_OF_COMMANDS and isinstance(value, int | float) and value != parameter.default:
            _number(f"--{name}", value, RANGES_OF_COMMANDS[name])


def _fits(value: Any, annotation: Any) -> bool:
    """Return whether a list, a mapping or one value may be given for an annotation."""
    is_list = isinstance(value, Sequence) and not isinstance(value, str)
    if get_origin(annotation) in (tuple, list, Sequence):
        members = get_args(annotation)
        fixed = get_origin(annotation) is tuple and Ellipsis not in members
        return is_list and (not fixed or len(members) == len(value))
    kinds: tuple[str, ...] = ()
    if isinstance(value, Mapping):
        kinds = ("dict", "Mapping")
    elif is_list:
        kinds = ("list", "tuple", "Sequence")
    named = "" if annotation in (inspect.Parameter.empty, Any) else str(annotation)
    return not kinds or not named or any(kind in named for kind in kinds)


def _takes_none(parameter: inspect.Parameter) -> bool:
    return parameter.default is None or type(None) in get_args(parameter.annotation)


def check_value(place: str, name: str, value: Any, default: Any = inspect.Parameter.empty) -> Any:
    """Check one value.

    Args:
        place: of the option, for messages.
        name: of the option, a key of `RANGES`, or another.
        value: what was given.
        default: of the option; None may be given where it is the default, and nothing but true or false where it is
            one of them.

    Returns:
        The value; a number if it was one in words.

    Raises:
        BadInput: as `check_options`.
    """
    if isinstance(default, bool):
        if not isinstance(value, bool):
            raise BadInput(f"{place}: {value!r}; give true or false")
        return value
    if value is None and default is None:
        return None
    if name in RANGES:
        if isinstance(value, Sequence) and not isinstance(value, str):
            return type(value)(_number(place, each, RANGES[name]) for each in value)  # type: ignore[call-arg]
        return _number(place, value, RANGES[name])
    if isinstance(default, str) and isinstance(value, bool | int | float | None):
        raise BadInput(f"{place}: {value!r}; give a word, such as {default}")
    return value


def _number(place: str, value: Any, allowed: Range) -> float:
    number = value
    if isinstance(value, str):
        try:
            number = float(value)
        except ValueError:
            number = None
    if isinstance(number, bool) or not isinstance(number, int | float) or not math.isfinite(number):
        raise BadInput(f"{place}: {value!r}; give {allowed}")
    if (allowed.whole and number != int(number)) or number not in allowed:
        raise BadInput(f"{place}: {value!r}; give {allowed}")
    return int(number) if allowed.whole else number
