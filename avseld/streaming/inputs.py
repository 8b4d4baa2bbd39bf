"""Opens the input that a user names."""

import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

from avseld.base.errors import BadInput
from avseld.inference.inputs import sound_files
from avseld.io.array_setup import ArraySetup
from avseld.io.channel_map import Channels, n_taken
from avseld.io.formats import format_named
from avseld.streaming.clock import Clock
from avseld.streaming.devices import choose_device, describe_devices, input_devices
from avseld.streaming.sources import Microphone, RawSamples, SoundFile, Source
from avseld.streaming.wishes import Wishes

log = logging.getLogger(__name__)


def open_input(wishes: Wishes, format: str, sample_rate: int, clock: Clock) -> Source:
    """Open a microphone, a file or the standard input.

    Args:
        wishes: name it.
        format: of the system.
        sample_rate: Hz of the system.
        clock: of the stream.

    Raises:
        BadInput: it cannot be opened.
    """
    if wishes.is_microphone:
        device = choose_device(wishes.device_name, channels_needed(wishes.channels, format))
        rate = wishes.rate or device.rate_for(sample_rate)
        if rate not in device.rates:
            offered = ", ".join(map(str, device.rates))
            raise BadInput(f"--rate {rate}: {device.name} offers {offered} Hz; choose one of them")
        return Microphone(device, rate, wishes.block, clock)
    if wishes.is_file:
        return SoundFile(sound_files(Path(wishes.input))[0], wishes.block, clock)
    n_channels = wishes.pcm_channels or channels_needed(wishes.channels, format)
    rate = wishes.pcm_rate or sample_rate
    log.info("standard input: raw samples, %s, %d channels at %d Hz", wishes.pcm_format, n_channels, rate)
    return RawSamples(_unbuffered(), rate, n_channels, wishes.pcm_format, wishes.block, clock)


def _unbuffered() -> BinaryIO:
    """Return the standard input without a buffer, in which samples would wait.

    Raises:
        BadInput: it is closed, or a terminal.
    """
    if sys.stdin is None or sys.stdin.closed or sys.stdin.isatty():
        raise BadInput(
            "--input -: nothing is piped into standard input; arecord -f S16_LE -c 4 -r 24000 | avseld stream --input -"
        )
    buffer: Any = sys.stdin.buffer
    raw: BinaryIO = buffer.raw
    return raw


def channels_needed(channels: Channels | None, format: str) -> int:
    """Return how many channels an input must have.

    Args:
        channels: that are taken, or the array file; None for those of the format.
        format: of the system.
    """
    if channels is None:
        return format_named(format).channels
    if isinstance(channels, ArraySetup):
        return channels.recorded or max(channels.channels)
    words = [str(channel).strip() for channel in channels] if isinstance(channels, Sequence) else []
    numbers = [int(word) for word in words if word.isdecimal()]
    return max(numbers) if numbers and len(numbers) == len(words) else n_taken(channels)


def list_devices(format: str | None, sample_rate: int, channels: Channels | None, name: str) -> str:
    """Write a table of the sound devices.

    Args:
        format: of the system; None for any.
        sample_rate: Hz of the system.
        channels: that are taken of the device, or None.
        name: of the system.
    """
    n_channels = channels_needed(channels, format) if format else channels_needed(channels or [1], "mono")
    devices = input_devices(n_channels)
    if not devices:
        return "no device that records; is it plugged in, and not used elsewhere?\n"
    wanted = f"{name} ({n_channels} channels)" if format else f"{n_channels} channels"
    return describe_devices(devices, n_channels, sample_rate, wanted)
