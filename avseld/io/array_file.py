"""Array files: which channels of a recorder are which microphones, their signs and gains, and where the array faces.

    format: foa                   # foa (W Y Z X), mic (four microphones) or a_format (four capsules, made ambisonics)
    channels: [2, 3, 4, 5]        # channels of the recording, counted from 1, in the order of the format
    polarity: [1, 1, -1, 1]       # of these; -1 for an inverted one
    gains: [1.0, 1.0, 1.0, 1.0]   # factors
    mirrored: [y]                 # axes of ambisonics whose sign is turned: x front, y left, z up
    yaw: 30.0                     # azimuth to which the array's own front points, degrees, positive to the left
    pitch: 0.0                    # elevation to which it points, degrees
    roll: 0.0                     # turn about its front, degrees; positive raises the left side
    positions: [[0.02, ...], ...] # metres, x to the array's front, y left, z up; of mic and a_format
    recorded: 6                   # channels that a recording has
    measured: {by: ..., front: 1.5, left: 0.8, above: 2.0}   # how, and degrees by which each direction was missed

All but `format` may be left out. Turned ambisonics are turned back; what is found with turned microphones is turned
afterwards (`ArraySetup.to_room`), because their samples cannot be.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, get_args

import numpy as np
import yaml

from avseld.base.errors import BadInput
from avseld.base.files import replacing
from avseld.base.yaml_text import load_yaml
from avseld.io.array_setup import AXES, LIMITS, ArrayFormat, ArraySetup
from avseld.io.channel_map import Channels
from avseld.io.text import read_text

N_CHANNELS = 4
MAX_BYTES = 1 << 16
"""largest size of an array file; those that are written have some 500 bytes"""
MAX_POSITION_M = 10.0
MAX_GAIN = 1e3
MAX_CHANNELS = 1024
LEAST_VOLUME = 0.3
"""least singular value of the directions of four capsules from which ambisonics can be made; a tetrahedron has 1.15"""
REMEDY = "correct it, or make it with avseld calibrate"


def chosen_channels(channels: Sequence[int | str] | None, array: Path | None) -> Channels | None:
    """Return the choice of channels of a command, from its options --channels and --array.

    Raises:
        BadInput: both are given, or the array file cannot be read.
    """
    if array is None:
        return channels
    if channels is not None:
        raise BadInput(f"--array {array}: says which channels to take; leave out --channels")
    return read_array(array)


def read_array(path: Path | str) -> ArraySetup:
    """Read an array file.

    Raises:
        BadInput: missing or unreadable, an unknown member, or a value that none can have; names file and member.
    """
    path = Path(path)
    text = read_text(path, REMEDY)
    if len(text) > MAX_BYTES:
        raise BadInput(f"{path}: {len(text)} characters are no array file; {REMEDY}")
    members = load_yaml(text, str(path))
    if not isinstance(members, dict):
        raise BadInput(f"{path}: no array file, which has lines such as 'format: foa'; {REMEDY}")
    known = [each.name for each in fields(ArraySetup)]
    for name in members:
        if name not in known:
            raise BadInput(f"{path}: '{name}' is none of {', '.join(known)}; {REMEDY}")
    if members.get("format") not in get_args(ArrayFormat):
        raise BadInput(
            f"{path}: format is {members.get('format')!r}, none of {', '.join(get_args(ArrayFormat))}; {REMEDY}"
        )
    read: dict[str, Any] = {name: CHECKS[name](members[name], f"{path}: {name}") for name in members}
    setup = ArraySetup(**read)
    _check_together(setup, path)
    return setup


def write_array(path: Path | str, setup: ArraySetup) -> None:
    """Write an array file; members that say nothing are left out."""
    usual = asdict(ArraySetup(setup.format))
    members = {
        name: value
        for name, value in asdict(setup).items()
        if value != usual[name] or name in ("format", "channels", "yaw")
    }
    text = yaml.safe_dump(_plain(members), sort_keys=False, default_flow_style=None, allow_unicode=True)
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _plain(member) for name, member in value.items()}
    return [_plain(member) for member in value] if isinstance(value, tuple | list) else value


def _check_together(setup: ArraySetup, path: Path) -> None:
    """Refuse members that do not go together."""
    if setup.format != "foa" and setup.mirrored:
        raise BadInput(
            f"{path}: mirrored: is of ambisonics; of microphones, the order of the channels mirrors; {REMEDY}"
        )
    if setup.format == "foa" and setup.positions is not None:
        raise BadInput(f"{path}: positions: ambisonics have none; leave them out")
    if setup.recorded is not None and max(setup.channels) > setup.recorded:
        raise BadInput(f"{path}: channel {max(setup.channels)} of {setup.recorded} recorded ones; {REMEDY}")
    if setup.format == "a_format" and setup.positions is not None:
        norms = np.linalg.norm(np.array(setup.positions), axis=1)
        facing = setup.tetrahedron if norms.min() > 0 else np.zeros((N_CHANNELS, 3))
        if np.linalg.svd(np.c_[np.ones(N_CHANNELS), facing])[1].min() < LEAST_VOLUME:
            raise BadInput(
                f"{path}: positions: capsules of an A-format face the corners of a tetrahedron; {REMEDY}"
            )


def _text(value: Any, place: str) -> str:
    return str(value)


def _numbers(value: Any, place: str, length: int | None = N_CHANNELS) -> tuple[float, ...]:
    """Return a list of finite numbers of some length."""
    numbers = value if isinstance(value, list) else None
    if numbers is None or (length is not None and len(numbers) != length):
        raise BadInput(f"{place}: is {_short(value)}, no list of {length} numbers; {REMEDY}")
    for each in numbers:
        if isinstance(each, bool) or not isinstance(each, int | float) or not abs(each) < np.inf:
            raise BadInput(f"{place}: {_short(each)} is no number; {REMEDY}")
    return tuple(numbers)


def _channels(value: Any, place: str) -> tuple[int, ...]:
    numbers = _numbers(value, place)
    for each in numbers:
        if not isinstance(each, int) or not 1 <= each <= MAX_CHANNELS:
            raise BadInput(f"{place}: {_short(each)} is no channel; they are counted from 1")
    if len(set(numbers)) != N_CHANNELS:
        raise BadInput(f"{place}: {_short(value)} takes a channel twice; {REMEDY}")
    return tuple(int(each) for each in numbers)


def _polarity(value: Any, place: str) -> tuple[int, ...]:
    numbers = _numbers(value, place)
    for each in numbers:
        if each not in (1, -1):
            raise BadInput(f"{place}: {_short(each)} is neither 1 nor -1; {REMEDY}")
    return tuple(int(each) for each in numbers)


def _gains(value: Any, place: str) -> tuple[float, ...]:
    numbers = _numbers(value, place)
    for each in numbers:
        if not 1 / MAX_GAIN <= each <= MAX_GAIN:
            raise BadInput(
                f"{place}: {_short(each)} is no factor; give positive ones, and signs under polarity"
            )
    return tuple(float(each) for each in numbers)


def _mirrored(value: Any, place: str) -> tuple[str, ...]:
    axes = value if isinstance(value, list) else [value]
    if any(axis not in AXES for axis in axes) or len(set(axes)) != len(axes):
        raise BadInput(f"{place}: is {_short(value)}, none or some of x, y and z; {REMEDY}")
    return tuple(axes)


def _angle(value: Any, place: str) -> float:
    (number,) = _numbers([value], place, 1)
    limit = LIMITS[place.rpartition(" ")[2]]
    if abs(number) > limit:
        raise BadInput(f"{place}: {number:g} degrees are more than {limit:g}; {REMEDY}")
    return float(number)


def _positions(value: Any, place: str) -> tuple[tuple[float, ...], ...] | None:
    if value is None:
        return None
    if not isinstance(value, list) or len(value) != N_CHANNELS:
        raise BadInput(
            f"{place}: is {_short(value)}, no list of x, y, z of {N_CHANNELS} microphones; {REMEDY}"
        )
    rows = tuple(_numbers(row, place, 3) for row in value)
    if max(abs(each) for row in rows for each in row) > MAX_POSITION_M:
        raise BadInput(f"{place}: farther than {MAX_POSITION_M:g} m from the middle; positions are in metres")
    return rows


def _recorded(value: Any, place: str) -> int | None:
    if value is None:
        return None
    (number,) = _numbers([value], place, 1)
    if not isinstance(number, int) or not N_CHANNELS <= number <= MAX_CHANNELS:
        raise BadInput(f"{place}: {_short(value)} is no number of channels from {N_CHANNELS}; {REMEDY}")
    return number


def _measured(value: Any, place: str) -> Mapping[str, Any]:
    if not isinstance(value, dict) or not all(isinstance(name, str) for name in value):
        raise BadInput(f"{place}: is {_short(value)}, no names and values; {REMEDY}")
    return value


CHECKS: dict[str, Callable[[Any, str], Any]] = {
    "format": _text, "channels": _channels, "polarity": _polarity, "gains": _gains, "mirrored": _mirrored,
    "yaw": _angle, "pitch": _angle, "roll": _angle, "positions": _positions, "recorded": _recorded,
    "measured": _measured,
}  # fmt: skip
"""member -> what reads its value"""


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
