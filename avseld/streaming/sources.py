"""Where sound comes from: a microphone, a file, or raw samples of another program; all write blocks into a ring."""

import logging
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Literal, Protocol

import numpy as np

from avseld.base.errors import BadInput
from avseld.io.resampling import sound_info, sound_subtype, source_blocks
from avseld.streaming.clock import Clock, StandingClock
from avseld.streaming.devices import Device, load_sounddevice
from avseld.streaming.ring import Ring

log = logging.getLogger(__name__)

PcmFormat = Literal["s16le", "s24le", "s32le", "f32le"]
"""samples of a pipe: signed integers of 16, 24 or 32 bits or floats, little-endian, channels interleaved"""
BYTES = {"s16le": 2, "s24le": 3, "s32le": 4, "f32le": 4}
"""of a sample"""
TYPES = {"s16le": "<i2", "s32le": "<i4", "f32le": "<f4"}
FULL_SCALES = {"s16le": 2.0**15, "s32le": 2.0**31}
"""of integers"""
LIVE_SUBTYPE = "FLOAT"
"""kind of the samples of microphones and pipes, which are not rounded"""


class Source(Protocol):
    """An input of sound.

    Attributes:
        name: for messages.
        sample_rate: Hz.
        n_channels: of its samples.
        subtype: kind of its samples, as libsndfile names it.
        live: whether its sound comes at its own speed, so that work that is late is skipped.
        is_device: whether it is a sound card, whose samples are counted against the clock.
        block_s: seconds that a block is late at most; a stage of the latency.
        error: what ended it before its time; None for nothing.
    """

    name: str
    sample_rate: int
    n_channels: int
    subtype: str
    live: bool
    is_device: bool
    block_s: float
    error: BadInput | None

    def start(self, ring: Ring) -> None:
        """Begin to write blocks into a ring."""

    def pull(self) -> None:
        """Write the next block, for a source that does not write by itself; the last one ends the ring."""

    def stop(self) -> None:
        """End; nothing is written any more."""


class Microphone:
    """A sound device, whose driver calls back with every block.

    Args:
        device: the device.
        sample_rate: Hz to open it with.
        latency: seconds that are asked of the driver; it answers with its own.
        clock: tells when a block came.
    """

    subtype = LIVE_SUBTYPE
    live = True
    is_device = True

    def __init__(self, device: Device, sample_rate: int, latency: float, clock: Clock) -> None:
        self.name, self.sample_rate, self.n_channels = device.name, sample_rate, device.opened
        self.block_s = latency
        self.error: BadInput | None = None
        self._clock, self._device = clock, device
        self._stream: Any = None
        self._ring: Ring | None = None
        self._stopped = False

    def start(self, ring: Ring) -> None:
        """Open the device.

        Raises:
            BadInput: it refuses.
        """
        sounddevice = load_sounddevice()
        self._ring = ring
        try:
            # The driver chooses its own length of a block: fixed ones that are short lose sound (sounddevice#188).
            self._stream = sounddevice.InputStream(
                samplerate=self.sample_rate,
                blocksize=0,
                device=self._device.number,
                channels=self.n_channels,
                dtype="float32",
                latency=self.block_s,
                callback=self._heard,
                finished_callback=self._ended,
            )
            self._stream.start()
        except (sounddevice.PortAudioError, ValueError) as error:
            raise BadInput(
                f"--input microphone:{self._device.number}: {self.name} refuses {self.n_channels} channels at "
                f"{self.sample_rate} Hz ({error}); is another program using it? avseld stream --list shows others"
            ) from error
        self.block_s = float(self._stream.latency)

    def _heard(self, samples: np.ndarray, n_samples: int, times: Any, status: Any) -> None:
        """Copy a block; called by the driver's thread."""
        assert self._ring is not None
        now = self._clock.now()
        # The driver's clock says how long ago the first sample came in; some drivers do not fill it in.
        age = times.currentTime - times.inputBufferAdcTime if times.inputBufferAdcTime else 0.0
        duration = n_samples / self.sample_rate
        self._ring.write(samples, now - (age if age > 0 else duration), 0, bool(status.input_overflow))

    def _ended(self) -> None:
        """End the ring; called by the driver, also where the device was unplugged."""
        assert self._ring is not None
        if not self._stopped:
            self.error = BadInput(
                f"{self.name}: gives no sound any more; is it plugged in, and allowed to this program?"
            )
        self._ring.end()

    def pull(self) -> None:
        """Do nothing: the driver writes."""

    def stop(self) -> None:
        """Close the device."""
        self._stopped = True
        if self._stream is not None:
            self._stream.close()


class SoundFile:
    """A sound file, or the sound track of a video, as if it were a device.

    Args:
        path: the file.
        block: seconds of a block.
        clock: a running one plays the file at its own speed; with a standing one `pull` reads it.

    Raises:
        BadInput: missing or unreadable.
    """

    is_device = False

    def __init__(self, path: Path, block: float, clock: Clock) -> None:
        info = sound_info(path)
        self.name, self.sample_rate, self.n_channels = path.name, info.sample_rate, info.channels
        self.subtype, self.block_s = sound_subtype(path), block
        self.live = not isinstance(clock, StandingClock)
        self.n_samples = info.n_samples
        self._path, self._clock = path, clock
        self._blocks = self._cut(max(round(block * info.sample_rate), 1))
        self._ring: Ring | None = None
        self._position = 0
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self.error: BadInput | None = None

    def _cut(self, length: int) -> Iterator[np.ndarray]:
        """Yield the samples (sample, channel) in blocks of one length."""
        for part in source_blocks(self._path):
            yield from (part[first : first + length] for first in range(0, len(part), length))

    def start(self, ring: Ring) -> None:
        """Begin to play, where the clock runs."""
        self._ring = ring
        if self.live:
            self._thread = threading.Thread(target=self._play, name="sound file", daemon=True)
            self._thread.start()

    def _play(self) -> None:
        """Write each block when a device would have heard it to its end."""
        begin = self._clock.now()
        while not self._stopped.is_set():
            block = self._next()
            if block is None:
                return
            start = begin + self._position / self.sample_rate
            due = start + len(block) / self.sample_rate
            if self._stopped.wait(max(due - self._clock.now(), 0.0)):
                return
            self._write(block, start)

    def pull(self) -> None:
        """Write the next block, and move the clock to its end."""
        if self.live or (block := self._next()) is None:
            return
        assert isinstance(self._clock, StandingClock)
        start = self._position / self.sample_rate
        self._write(block, start)
        self._clock.move(self._position / self.sample_rate)

    def _next(self) -> np.ndarray | None:
        assert self._ring is not None
        try:
            block = next(self._blocks, None)
        except BadInput as error:
            self.error, block = error, None
        if block is None:
            self._ring.end()
        return block

    def _write(self, block: np.ndarray, start: float) -> None:
        assert self._ring is not None
        self._ring.write(block, start)
        self._position += len(block)

    def stop(self) -> None:
        """End."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()


class RawSamples:
    """Samples without header that another program writes into a pipe: `arecord ... | avseld stream --input -`.

    Args:
        file: the pipe, opened without a buffer.
        sample_rate: Hz.
        n_channels: of a sample.
        format: of a sample.
        block: seconds that are read at once at most.
        clock: tells when they came.
    """

    name = "standard input"
    subtype = LIVE_SUBTYPE
    live = True
    is_device = False

    def __init__(
        self, file: BinaryIO, sample_rate: int, n_channels: int, format: PcmFormat, block: float, clock: Clock
    ) -> None:
        self.sample_rate, self.n_channels, self.block_s = sample_rate, n_channels, block
        self._file, self._format, self._clock = file, format, clock
        self._frame_bytes = BYTES[format] * n_channels
        self._at_once = max(round(block * sample_rate), 1) * self._frame_bytes
        self._stopped = threading.Event()
        self.error: BadInput | None = None
        self.rest = 0
        """bytes at the end that make no whole sample"""

    def start(self, ring: Ring) -> None:
        """Begin to read."""
        threading.Thread(target=self._read, args=(ring,), name="standard input", daemon=True).start()

    def _read(self, ring: Ring) -> None:
        """Copy what comes; where the ring is full, the pipe waits, and with it the program that writes."""
        left, count = b"", 0
        while data := self._bytes(self._at_once - len(left)):
            data = left + data
            whole = len(data) // self._frame_bytes * self._frame_bytes
            left = data[whole:]
            if not whole:
                continue
            samples = decoded(data[:whole], self._format, self.n_channels)
            heard = self._clock.now() - len(samples) / self.sample_rate
            while ring.room < len(samples):
                if self._stopped.wait(self.block_s / 4):  # what nobody wants any more is not lost
                    return
            ring.write(samples, heard)
            count += len(samples)
        self.rest = len(left)
        if not self._stopped.is_set():
            self._check(count)
        ring.end()

    def _bytes(self, most: int) -> bytes:
        """Read what has come, and wait for something; nothing at the end."""
        if self._stopped.is_set():
            return b""
        try:
            return os.read(self._file.fileno(), most)
        except OSError as error:
            self.error = BadInput(f"--input -: {self.name} cannot be read ({error.strerror}); give it a pipe")
            return b""

    def _check(self, n_samples: int) -> None:
        """Say what is wrong with a pipe that has come to its end."""
        if self.rest:
            log.warning(
                "%s: %d bytes at its end make no sample of %d channels; check --pcm_format and --pcm_channels",
                self.name,
                self.rest,
                self.n_channels,
            )
        if not n_samples and self.error is None:
            self.error = BadInput(
                f"--input -: {self.name} holds no samples; does the program before the pipe run?"
            )

    def pull(self) -> None:
        """Do nothing: a thread reads."""

    def stop(self) -> None:
        """End; a thread that waits for the pipe ends with the program."""
        self._stopped.set()


def decoded(data: bytes, format: PcmFormat, n_channels: int) -> np.ndarray:
    """Turn the bytes of samples into floats.

    Args:
        data: whole samples of all channels, one channel after the other.
        format: of a sample.
        n_channels: of a sample.

    Returns:
        (sample, channel) float32, integers divided by their full scale; what is no finite number becomes NaN.
    """
    if format == "s24le":
        wide = np.zeros((len(data) // 3, 4), np.uint8)
        wide[:, 1:] = np.frombuffer(data, np.uint8).reshape(-1, 3)
        samples = wide.view("<i4")[:, 0] / 2.0**31
    else:
        samples = np.frombuffer(data, TYPES[format]) / FULL_SCALES.get(format, 1.0)
    return samples.reshape(-1, n_channels).astype(np.float32)
