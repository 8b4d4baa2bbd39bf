"""A sound card at the interface of sounddevice: it drops, jitters and drifts as real ones do.

It runs on a clock of its own. After each block it waits until whoever listens has taken it, so that tests do not depend
on the speed of the machine.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np


class PortAudioError(Exception):
    pass


@dataclass
class Card:
    """A device of sounddevice, and what it does.

    Args:
        waveform: (sample, channel) what it hears; silence after it.
        rate: Hz that it says.
        block: samples of a block.
        drift: by which its clock is slow.
        jitter: seconds by which blocks come late at most.
        lost: numbers of blocks that it loses without a word.
        flagged: numbers of blocks before which it says that it lost some.
        knows_time: whether it fills in when a block was heard.
        stops_after: blocks after which it is unplugged.
        stays: plugged in when it has given everything, until it is closed.
    """

    waveform: np.ndarray
    rate: int = 24000
    block: int = 480
    drift: float = 0.0
    jitter: float = 0.0
    lost: Sequence[int] = ()
    flagged: Sequence[int] = ()
    knows_time: bool = True
    stops_after: int | None = None
    stays: bool = False
    name: str = "Array"
    interface: str = "ALSA"
    rates: Sequence[int] = (24000, 48000)
    only_all: bool = False
    """refuses fewer than all of its channels"""
    taken: Callable[[], bool] = lambda: True
    """whether the last block was taken"""
    now: float = 1000.0
    """its clock"""
    opened: dict[str, Any] = field(default_factory=dict)

    @property
    def n_channels(self) -> int:
        return self.waveform.shape[1]

    def accepts(self, channels: int, rate: float) -> bool:
        fits = channels == self.n_channels if self.only_all else channels <= self.n_channels
        return fits and rate in self.rates


class CardClock:
    """The clock of a computer whose time is that of a card."""

    def __init__(self, card: Card) -> None:
        self.card = card

    def now(self) -> float:
        return self.card.now


class InputStream:
    def __init__(self, cards: Sequence[Card], **options: Any) -> None:
        self.card = cards[options["device"]]
        if not self.card.accepts(options["channels"], options["samplerate"]):
            raise PortAudioError("Invalid number of channels [PaErrorCode -9998]")
        self.card.opened = options
        self.latency = options["latency"] + 0.005
        self._callback, self._finished = options["callback"], options["finished_callback"]
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._closed.set()
        self._thread.join()

    def _run(self) -> None:
        card, random = self.card, np.random.default_rng(0)
        begin, n_blocks = card.now, -(-len(card.waveform) // card.block)
        duration = card.block / card.rate * (1 + card.drift)
        for number in range(n_blocks if card.stops_after is None else card.stops_after):
            heard = begin + number * duration
            late = random.uniform(0, card.jitter)
            card.now = max(card.now, heard + duration + late)
            if number in card.lost:
                continue
            block = card.waveform[number * card.block : (number + 1) * card.block]
            memory = block[:, : self.card.opened["channels"]].copy()
            times = SimpleNamespace(
                inputBufferAdcTime=heard if card.knows_time else 0.0, currentTime=card.now
            )
            status = SimpleNamespace(input_overflow=number in card.flagged)
            self._callback(memory, len(memory), times, status)
            memory[:] = np.nan  # the driver uses its memory again
            while not card.taken() and not self._closed.is_set():
                time.sleep(0.0002)
            if self._closed.is_set():
                return
        if card.stays:
            self._closed.wait()
        self._finished()


def sounddevice_of(*cards: Card) -> Any:
    """The module sounddevice of a computer with some cards, the first of which is its default."""
    interfaces = sorted({card.interface for card in cards})

    def check(device: int, channels: int, dtype: str, samplerate: float) -> None:
        if not cards[device].accepts(channels, samplerate):
            raise PortAudioError("Invalid sample rate [PaErrorCode -9997]")

    return SimpleNamespace(
        PortAudioError=PortAudioError,
        default=SimpleNamespace(device=[0, 0]),
        query_hostapis=lambda: [{"name": name} for name in interfaces],
        query_devices=lambda: [
            {
                "name": card.name,
                "max_input_channels": card.n_channels,
                "default_samplerate": float(max(card.rates, default=48000)),
                "hostapi": interfaces.index(card.interface),
            }
            for card in cards
        ],
        check_input_settings=check,
        InputStream=lambda **options: InputStream(cards, **options),
    )
