"""Channels of a file to take, their order and gains: by numbers, by names, by a convention of ambisonics, or a mean."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from avseld.base.errors import BadInput
from avseld.io.formats import FORMATS, format_named

AMBISONIC_CHANNELS = tuple((order + 1) ** 2 for order in range(1, 8))
"""numbers of channels of ambisonics from first to seventh order"""
STEREO_CHANNELS = 2
"""whose mean is a recording of one channel; that of ambisonics or of an array is none of any microphone"""


@dataclass(frozen=True)
class Convention:
    """Order and gains of the channels of a first-order file.

    Args:
        order: index of W, Y, Z and X in the file.
        gains: of W, and of Y Z X, that turn the file into SN3D.
        energy: of X, Y and Z together relative to W in the direct sound.
        about: one line.
    """

    order: tuple[int, int, int, int]
    gains: tuple[float, float]
    energy: float
    about: str


CONVENTIONS = {
    "ambix": Convention((0, 1, 2, 3), (1.0, 1.0), 1.0, "W Y Z X, SN3D"),
    "n3d": Convention((0, 1, 2, 3), (1.0, 3**-0.5), 3.0, "W Y Z X, N3D"),
    "fuma": Convention((0, 2, 3, 1), (2**0.5, 1.0), 2.0, "W X Y Z, W / sqrt(2)"),
}
"""C. Nachbar et al., "ambiX - a suggested ambisonics format", Ambisonics Symposium 2011; D. Malham, "Higher order
ambisonic systems", 2003 (FuMa). The first four channels of higher orders are the first order in all of them."""

NAMES = {"foa": ("W", "Y", "Z", "X"), "stereo": ("L", "R"), "binaural": ("L", "R"), "mono": ("M",)}
"""names of the channels of a format, in its order"""


@dataclass(frozen=True, eq=False)
class ChannelMap:
    """Channels of a file and their gains.

    Args:
        order: (channel,) indices of channels of the file.
        gains: (channel,) factors.
        mean: their mean is taken, as one channel.
        mixing: (output, channel) gains with which the channels are mixed then, as to turn ambisonics; None for none.
    """

    order: np.ndarray
    gains: np.ndarray
    mean: bool = False
    mixing: np.ndarray | None = None

    @property
    def n_channels(self) -> int:
        """Number of channels that come out."""
        if self.mixing is not None:
            return len(self.mixing)
        return 1 if self.mean else len(self.order)

    def take(self, waveform: np.ndarray) -> np.ndarray:
        """Take the channels of a waveform (channel, sample), or of a block of it: there is no state."""
        taken = waveform[self.order]
        if not (self.gains == 1).all():
            taken = taken * self.gains[:, None].astype(taken.dtype)
        if self.mixing is not None:
            # One channel after the other: blocks of any length are rounded alike, unlike by matrix products.
            mixed = np.zeros((len(self.mixing), taken.shape[1]), taken.dtype)
            for gains, channel in zip(self.mixing.T.astype(taken.dtype), taken, strict=True):
                mixed += gains[:, None] * channel
            return mixed
        return taken.mean(axis=0, keepdims=True) if self.mean else taken


class DescribedChannels(Protocol):
    """Channels that a description of an array chooses (`avseld.io.array_file`)."""

    @property
    def output(self) -> str:
        """Format of what comes out, a key of `avseld.io.formats.FORMATS`."""
        ...

    @property
    def words(self) -> str:
        """The choice in words, which differ where it does."""
        ...

    def channel_map(self, n_channels: int, name: str) -> ChannelMap:
        """Return what to take of a file; arguments and errors as for `channel_map`."""
        ...


Channels = Sequence[int | str] | DescribedChannels
"""a choice of channels: numbers or names, see `channel_map`, or a description of the array"""


def mean_of(n_channels: int) -> ChannelMap:
    """Return the map that takes the mean of all channels of a file."""
    return ChannelMap(np.arange(n_channels), np.ones(n_channels), mean=True)


def channel_names(format: str) -> tuple[str, ...]:
    """Return the names of the channels of a format, in its order: W Y Z X, L R, or 1 2 3 4 for microphones."""
    return NAMES.get(format) or tuple(str(number + 1) for number in range(format_named(format).channels))


def words_of(channels: Channels | None) -> str:
    """Return a choice of channels in words; empty for all of them."""
    if channels is None:
        return ""
    return ",".join(map(str, channels)) if isinstance(channels, Sequence) else channels.words


def n_taken(channels: Channels) -> int:
    """Return how many channels are taken, as `channel_map` understands them."""
    if not isinstance(channels, Sequence):
        return format_named(channels.output).channels
    first = str(channels[0]).strip().lower() if len(channels) == 1 else ""
    return 4 if first in CONVENTIONS or first == "sn3d" else len(channels)


def channel_map(n_channels: int, channels: Channels, name: str) -> ChannelMap:
    """Understand a choice of channels.

    Args:
        n_channels: of the file.
        channels: channels to take, counted from 1, in the order of the format; or the names of the first channels of
            the file, as W, X, Y, Z or R, L, which are brought into the order of the format; or one of ambix, n3d and
            fuma: the first order of ambisonics of any order in that convention; or a description of the array.
        name: of the file, for messages.

    Raises:
        BadInput: a channel that the file has not, an unknown name, or another number of channels than a convention has.
    """
    if not isinstance(channels, Sequence):
        return channels.channel_map(n_channels, name)
    words = [str(channel).strip() for channel in channels]
    lowered = "ambix" if [word.lower() for word in words] == ["sn3d"] else "".join(words[:1]).lower()
    if len(words) == 1 and lowered in CONVENTIONS:
        if n_channels not in AMBISONIC_CHANNELS:
            raise BadInput(
                f"{name}: {n_channels} channels; ambisonics have {', '.join(map(str, AMBISONIC_CHANNELS))}: choose "
                "four of them (--channels 1,2,3,4)"
            )
        convention = CONVENTIONS[lowered]
        return ChannelMap(np.array(convention.order), np.array(convention.gains)[[0, 1, 1, 1]])
    if all(word.isdecimal() for word in words) and words:
        numbers = [int(word) for word in words]
        if not all(1 <= number <= n_channels for number in numbers):
            raise BadInput(f"{name}: channels {','.join(words)} of {n_channels}; they are counted from 1")
        return ChannelMap(np.array(numbers) - 1, np.ones(len(numbers)))
    named = [word.upper() for word in words]
    for known in NAMES.values():
        if sorted(named) == sorted(known):
            if len(named) > n_channels:
                raise BadInput(f"{name}: channels {','.join(words)} of {n_channels}; name those that it has")
            return ChannelMap(np.array([named.index(each) for each in known]), np.ones(len(known)))
    raise BadInput(
        f"{name}: channels '{','.join(words)}'; give numbers from 1 (1,2,3,4), names in the order of the file (W,X,Y,Z "
        f"or R,L), or one of {', '.join(CONVENTIONS)}"
    )


def map_for_format(n_channels: int, format: str, channels: Channels | None, name: str) -> ChannelMap | None:
    """Choose the channels of a format from a file.

    Args:
        n_channels: of the file.
        format: a key of `avseld.io.formats.FORMATS`.
        channels: see `channel_map`; None takes all, and of two channels for mono the mean.
        name: of the file, for messages.

    Returns:
        The channels to take; None for all of them as they are.

    Raises:
        BadInput: another number of channels than the format has; says what to choose.
    """
    expected = format_named(format).channels
    if channels is None:
        if not takes(format, n_channels):
            raise BadInput(f"{name}: {wrong_channels(n_channels, format)}")
        return mean_of(n_channels) if n_channels > expected else None
    if not isinstance(channels, Sequence) and channels.output != format:
        raise BadInput(
            f"{name}: its array file describes {channels.output} recordings, {format} ones are wanted; name the right "
            "format, or give another array file"
        )
    found = channel_map(n_channels, channels, name)
    if found.n_channels != expected:
        raise BadInput(
            f"{name}: channels {words_of(channels)} of {n_channels}; {format} needs {expected} of them, "
            "counted from 1"
        )
    return found


def takes(format: str, n_channels: int) -> bool:
    """Return whether a recording of a number of channels is one of a format, without a choice of channels."""
    expected = format_named(format).channels
    return n_channels == expected or (n_channels, expected) == (STEREO_CHANNELS, 1)


MONO_REMEDY = (
    "the `datasets` library averages channels to one where it decodes sound: take the files themselves "
    "(Audio(decode=False))"
)
"""what may have made one channel of many"""


def wrong_channels(n_channels: int, format: str, command: str = "", named: bool = True) -> str:
    """Say that a file has another number of channels than a format, and what to do.

    Args:
        n_channels: of the file.
        format: that is expected.
        command: that has the option to choose channels; empty for the one that is running.
        named: the user may name another format.
    """
    expected = FORMATS[format].channels
    text = f"{n_channels} channels instead of {expected} for {format}; "
    if n_channels < expected:
        others = [name for name, each in FORMATS.items() if each.channels == n_channels]
        text += f"is it {' or '.join(others)} (--format)?" if others else "name the right format"
        return f"{text}; {MONO_REMEDY}" if n_channels == 1 else text
    some = ",".join(map(str, range(1, expected + 1)))
    if format == "foa" and n_channels in AMBISONIC_CHANNELS:
        return (
            text
            + f"take the first order of ambisonics of a higher one ({command}--channels ambix, n3d or fuma)"
        )
    name = "name the right format, or " if named else ""
    return text + f"{name}choose channels of it ({command}--channels {some})"
