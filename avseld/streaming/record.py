"""Keeps what a stream has heard: its samples as wav, its events and faults as JSON lines."""

import json
import queue
import threading
import wave
from contextlib import suppress
from pathlib import Path

import numpy as np

from avseld.base.errors import BadInput, CannotWrite
from avseld.base.files import check_folder, make_folder, replacing
from avseld.io.audio import to_integers
from avseld.streaming.faults import FaultLog
from avseld.streaming.messages import Message
from avseld.streaming.sinks.files import JsonLines, open_growing

FIRST = "heard.wav"
BITS = 24
"""of a sample; sound cards give no more"""
MOST_BYTES = 1_900_000_000
"""of a file; the sizes in the header of a wav end at 4 GB, and some programs read up to 2 GB"""
DEPTH = 600
"""blocks that wait for the disk"""
PATIENCE_S = 5.0


class Recorder:
    """Writes the samples of an input, before they are converted, in a thread of its own.

    The header of the wav is brought up to date with every block: a killed program leaves a file that can be read, and
    loses what had waited for the disk. Where samples were lost there is silence of the same length, so that the times
    of the events are those of the file. After 1.9 GB the next file begins.

    Args:
        folder: gets heard.wav (heard_2.wav, ...), events.jsonl and, at the end, stream.json.
        sample_rate: Hz.
        n_channels: of the input.
        faults: gets what could not be written.

    Raises:
        BadInput: there is a recording already, or nothing can be written there.
    """

    def __init__(self, folder: Path, sample_rate: int, n_channels: int, faults: FaultLog) -> None:
        check_recording(folder)
        self.folder = folder
        make_folder(folder, "--record")
        self._rate, self._n_channels, self._faults = sample_rate, n_channels, faults
        self._number, self._second = 1, 0.0
        self._open()
        self.events = JsonLines(str(folder / "events.jsonl"), open_growing(folder / "events.jsonl"))
        """the output for the events"""
        self._queue: queue.Queue[np.ndarray | None] = queue.Queue(DEPTH)
        self._thread = threading.Thread(target=self._work, name="record", daemon=True)
        self._thread.start()

    def _path(self, number: int) -> Path:
        return self.folder / (f"heard_{number}.wav" if number > 1 else FIRST)

    def _open(self) -> None:
        """Begin the next file."""
        path = self._path(self._number)
        try:
            self._raw = path.open("wb")
        except OSError as error:
            raise BadInput(f"{path}: cannot be written ({error.strerror}); name another place") from error
        self._wave = wave.open(self._raw, "wb")  # noqa: SIM115 - it is open as long as the stream
        self._wave.setnchannels(self._n_channels)
        self._wave.setsampwidth(BITS // 8)
        self._wave.setframerate(self._rate)
        self._wave.writeframes(b"")  # a header
        self._raw.flush()

    def _close(self) -> None:
        self._wave.close()
        self._raw.close()

    def put(self, samples: np.ndarray) -> None:
        """Take the next samples (sample, channel); never waits."""
        try:
            self._queue.put_nowait(samples)
        except queue.Full:
            self._faults.report("output", self._second, where=str(self.folder))
        self._second += len(samples) / self._rate

    def _work(self) -> None:
        written = 0
        while (samples := self._queue.get()) is not None:
            data = packed(samples)
            try:
                if written + len(data) > MOST_BYTES:
                    self._close()
                    self._number, written = self._number + 1, 0
                    self._open()
                self._wave.writeframes(data)
                self._raw.flush()
                written += len(data)
            except (OSError, BadInput):
                self._faults.report("output", self._second, where=str(self._path(self._number)))

    def close(self, summary: Message) -> None:
        """Write what waits, but not for ever, and the summary into stream.json; what fails is a fault."""
        with suppress(queue.Full):
            self._queue.put(None, timeout=PATIENCE_S)
            self._thread.join(PATIENCE_S)
        try:
            if self._thread.is_alive():
                raise CannotWrite(f"{self._path(self._number)}: the disk takes nothing")
            self._close()
            with replacing(self.folder / "stream.json") as temporary:
                text = json.dumps(summary, indent=1, ensure_ascii=False)
                temporary.write_text(text + "\n", encoding="utf-8")
        except (OSError, BadInput):
            self._faults.report("output", self._second, where=str(self.folder))


def check_recording(folder: Path) -> None:
    """Refuse a folder that holds a recording already, or a file of its name.

    Raises:
        BadInput: says which.
    """
    check_folder(folder, "--record")
    if (folder / FIRST).exists():
        raise BadInput(f"--record {folder}: holds a recording already; name another folder")


def packed(samples: np.ndarray) -> bytes:
    """Turn samples (sample, channel) in -1..1 into little-endian integers of 24 bits."""
    wide = np.ascontiguousarray(to_integers(samples.astype(np.float64), BITS)[0], "<i4")
    return wide.view(np.uint8).reshape(-1, 4)[:, 1:].tobytes()
