"""The sounds from the places, heard live: somebody is told where to clap, and sees how loud it is."""

import logging
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TextIO

import numpy as np
import soundfile

from avseld.base.errors import BadInput
from avseld.base.files import make_folder, replacing
from avseld.calibration.channels import N_TAKEN, Places
from avseld.calibration.heard import Heard
from avseld.calibration.listening import join
from avseld.calibration.places import sounds_of
from avseld.streaming.clock import RunningClock
from avseld.streaming.devices import Device, choose_device
from avseld.streaming.inputs import channels_needed
from avseld.streaming.ring import Ring
from avseld.streaming.sources import Microphone, Source
from avseld.streaming.wishes import MICROPHONE

log = logging.getLogger(__name__)

WHERE = {
    "front": "two metres in front of it", "back": "two metres behind it",
    "left": "two metres to its left, as seen from it", "right": "two metres to its right, as seen from it",
    "above": "straight above it, an arm's length away", "below": "straight below it",
}  # fmt: skip
"""where to go, seen from the array"""
COUNTDOWN_S = 4
"""seconds to go to a place"""
QUIET_S = 0.5
"""before a place is listened to, kept to know the noise"""
TRIES = 3
"""times that a place is listened to"""
WANTED_RATE_HZ = 48000
MANY_CHANNELS = 16
"""devices with more are no sound cards, but programs that pass sound on and invent channels"""
LATENCY_S = 0.1
RING_S = 20.0
PATIENCE_S = 5.0
"""after which a device that gives nothing is taken for stopped"""
METER_S = 0.1
METER_DB = 60
"""range of the meter, in steps of 2 dB"""


def open_microphone(input: str, channels: Sequence[int | str] | None) -> Source:
    """Open a sound device with all its channels.

    Args:
        input: microphone, or microphone:NAME or ID.
        channels: that are the array's, if they are known.

    Raises:
        BadInput: no such device, or one with too few channels; says which there are.
    """
    kind, _, name = input.partition(":")
    if kind != MICROPHONE:
        raise BadInput(
            f"--input {input}: no microphone; give microphone or microphone:ID, and recordings as --audio"
        )
    needed = N_TAKEN if channels is None else channels_needed(channels, "foa")
    device = choose_device(name, needed)
    if needed < device.n_channels <= MANY_CHANNELS:
        device = _with_all_channels(device)
    log.info("%s: %d channels", device.name, device.opened)
    return Microphone(device, device.rate_for(WANTED_RATE_HZ), LATENCY_S, RunningClock())


def _with_all_channels(device: Device) -> Device:
    """Return a device as it is opened with all its channels, if it can be."""
    try:
        return choose_device(str(device.number), device.n_channels)
    except BadInput:
        return device


class Listener:
    """Takes the samples of a source in pieces of any length.

    Args:
        source: of sound.
        meter: is told the level of every `METER_S`, dB relative to full scale.
    """

    def __init__(self, source: Source, meter: Callable[[float], None]) -> None:
        self.source, self.meter = source, meter
        self._ring = Ring(round(RING_S * source.sample_rate), source.n_channels)
        self._left = np.zeros((0, source.n_channels), np.float32)
        self.n_lost = 0

    def start(self) -> None:
        """Begin to listen."""
        self.source.start(self._ring)

    def stop(self) -> None:
        """End."""
        self.source.stop()

    def hear(self, seconds: float) -> np.ndarray:
        """Wait until so much was heard.

        Args:
            seconds: of sound.

        Returns:
            (channel, sample).

        Raises:
            BadInput: the source has stopped, or gives nothing.
        """
        wanted = round(seconds * self.source.sample_rate)
        step = max(round(METER_S * self.source.sample_rate), 1)
        parts: list[np.ndarray] = []
        while wanted > 0:
            part = self._take(min(wanted, step))
            self.meter(_level_db(part))
            parts.append(part)
            wanted -= len(part)
        return np.concatenate([self._left[:0], *parts]).T

    def _take(self, n_samples: int) -> np.ndarray:
        begin = time.monotonic()
        while len(self._left) < n_samples:
            block = self._ring.read()
            if block is None:
                if self._ring.ended or time.monotonic() - begin > PATIENCE_S:
                    raise self.source.error or BadInput(
                        f"{self.source.name}: gives no sound any more; is it plugged in, and allowed to this program?"
                    )
                self._ring.wait(METER_S)
                continue
            self.n_lost += block.lost
            self._left = np.concatenate([self._left, block.samples])
        taken, self._left = self._left[:n_samples], self._left[n_samples:]
        return taken


def _level_db(samples: np.ndarray) -> float:
    return float(20 * np.log10(max(float(np.abs(samples).max(initial=0.0)), 1e-6)))


class Prompts:
    """Tells on a terminal where to clap, and shows a countdown and the level.

    Args:
        stream: to write to; a meter is shown on terminals only.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._label = ""

    def say(self, text: str) -> None:
        """Write a line."""
        self._clear()
        self._stream.write(f"{text}\n")
        self._stream.flush()

    def label(self, text: str) -> None:
        """Set what stands before the meter."""
        self._label = text

    def level(self, level_db: float) -> None:
        """Show a level, dB relative to full scale."""
        if self._stream.isatty():
            filled = round(min(max(level_db + METER_DB, 0), METER_DB) / 2)
            bar = "#" * filled + "-" * (METER_DB // 2 - filled)
            self._stream.write(f"\r{self._label} [{bar}] {level_db:4.0f} dB ")
            self._stream.flush()

    def _clear(self) -> None:
        if self._stream.isatty():
            self._stream.write("\r\x1b[K")


def listen_live(
    source: Source, order: Sequence[str], seconds: float, prompts: Prompts, record: Path | None = None
) -> Places:
    """Ask for sounds from each place and listen to them.

    Args:
        source: of sound.
        order: names of the places.
        seconds: for which each is listened to.
        prompts: tell what to do.
        record: folder that gets a wav of each place; None for none.

    Raises:
        BadInput: the source stops, or nothing is heard from a place.
    """
    listener = Listener(source, prompts.level)
    listener.start()
    heard: dict[str, Heard] = {}
    try:
        for name in order:
            heard[name] = _place(listener, name, seconds, prompts)
            if record is not None:
                _write(record / f"{name}.wav", heard[name])
    finally:
        listener.stop()
    if listener.n_lost:
        log.warning(
            "%s: %d samples were lost; calibrate again if it is not exact", source.name, listener.n_lost
        )
    return join(heard, dict.fromkeys(order, source.name))


def _place(listener: Listener, name: str, seconds: float, prompts: Prompts) -> Heard:
    """Ask for sounds from a place until some are heard."""
    for attempt in range(1, TRIES + 1):
        prompts.say(f"{name}: stand {WHERE[name]}, facing it, and clap three times, or speak, when told to")
        for left in range(COUNTDOWN_S, 0, -1):
            prompts.label(f"{name} in {left} s")
            quiet = listener.hear(1.0)
        prompts.say(f"{name}: clap now ({seconds:g} s)")
        prompts.label(name)
        sound = listener.hear(seconds)
        before = quiet[:, -round(QUIET_S * listener.source.sample_rate) :]
        heard = Heard(np.concatenate([before, sound], axis=1), listener.source.sample_rate)
        if n_sounds := len(sounds_of(heard)):
            prompts.say(f"{name}: heard {n_sounds} sounds")
            return heard
        again = "once more" if attempt < TRIES else "giving up"
        prompts.say(f"{name}: nothing heard (at most {_level_db(sound):.0f} dB); {again}")
    raise BadInput(
        f"{listener.source.name}: nothing stands out of the noise from {name} in {TRIES} tries; clap louder and "
        "nearer, raise the gain, or choose another device (avseld stream --list); nothing is written"
    )


def _write(path: Path, heard: Heard) -> None:
    make_folder(path.parent, "--record")
    with replacing(path) as temporary:
        soundfile.write(temporary, heard.waveform.T, heard.sample_rate, subtype="FLOAT")
