"""People in the pictures of a stream: found some times a second, and looked up for the label frames of the network."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

import numpy as np

from avseld.base.errors import BadInput
from avseld.io.alignment import aligned
from avseld.io.boxes import Boxes
from avseld.streaming.camera import Picture, Pictures
from avseld.streaming.clock import Clock, StandingClock
from avseld.streaming.faults import FaultLog
from avseld.vision.live_tracking import LiveTracker
from avseld.vision.visual_input import VisualInput, VisualSpec

log = logging.getLogger(__name__)

TRACKING_S = 3.0
"""seconds before a window whose boxes are kept, from which tracks reach into it"""
STOPPED_S = 2.0
"""seconds without a new picture after which a camera has stopped"""
HOLD_S = 0.5
"""seconds for which the last picture of a camera that has stopped counts"""


class PictureDetector(Protocol):
    """Finds people in pictures.

    Attributes:
        width: pixels to which it scales wider pictures.
        about: how it finds them, see `avseld.io.boxes.source_of`.
    """

    width: int
    about: dict

    def __call__(self, time: float, pixels: np.ndarray) -> Boxes:
        """Find the boxes in one picture: a table of one row.

        Args:
            time: of the picture, seconds.
            pixels: (height, width, 3) RGB, uint8.
        """
        ...


class PeopleLog:
    """Boxes of the last seconds of a stream, as the visual input of a network.

    Args:
        spec: what the network takes.
        window_s: seconds of its window.
    """

    def __init__(self, spec: VisualSpec, window_s: float) -> None:
        self._spec, self._kept_s = spec, window_s + TRACKING_S
        self._rows: deque[Boxes] = deque()
        self._tracker = LiveTracker(spec.n_boxes) if spec.tracks and spec.live else None
        self._tracks: deque[np.ndarray] = deque()
        self._lock = threading.Lock()
        self._seen: dict[int, VisualInput] = {}
        """number of label frames -> visual input of the pictures so far"""
        self.ended = np.inf
        """second from which on nobody is seen, where the pictures have stopped"""

    def add(self, row: Boxes) -> None:
        """Take the boxes of the next picture, a table of one row, and follow the people to it.

        The thread that looks does this, so that the network finds it done.
        """
        with self._lock:
            self._rows.append(row)
            if self._tracker is not None:
                one = (row.box[0], row.score[0], row.label[0])
                self._tracks.append(self._tracker.update(float(row.time[0]), *one))
            while self._rows[0].time[0] < row.time[0] - self._kept_s:
                self._rows.popleft()
                if self._tracks:
                    self._tracks.popleft()
            rows, tracks, lengths = list(self._rows), list(self._tracks), list(self._seen)
        seen = {length: self._visual_input(rows, tracks, length) for length in lengths}
        with self._lock:
            self._seen = seen

    def visual_at(self, start: float, n_label_frames: int) -> np.ndarray:
        """Look up visual input: (1, *shape), zeros where nobody is seen.

        Args:
            start: second at which the label frames begin.
            n_label_frames: their number; 0 for the boxes at that second.
        """
        with self._lock:
            rows, tracks, ended = list(self._rows), list(self._tracks), self.ended
            seen = self._seen.get(n_label_frames)
        if not rows:
            return np.zeros((1, *replace(self._spec, n_label_frames=n_label_frames).shape), np.float32)
        if seen is None:
            seen = self._visual_input(rows, tracks, n_label_frames)
            with self._lock:
                self._seen.setdefault(n_label_frames, seen)
        seen.duration = ended
        return seen.at(np.array([start]))

    def _visual_input(self, rows: list[Boxes], tracks: list[np.ndarray], n_label_frames: int) -> VisualInput:
        """Build the visual input of the pictures so far."""
        spec = replace(self._spec, n_label_frames=n_label_frames, tracks=self._spec.tracks and not tracks)
        table = _joined(rows)
        seen = VisualInput(replace(table, about={"start": max(float(table.time[0]), 0.0)}), spec)
        if tracks:
            seen.people = np.stack(tracks)
        return seen

    def newest(self) -> Boxes | None:
        """Return the boxes of the newest picture."""
        return self._rows[-1] if self._rows else None


def _joined(rows: list[Boxes]) -> Boxes:
    """Join tables of one row, padding them to the same number of boxes."""
    most = max(row.score.shape[1] for row in rows)
    box = np.zeros((len(rows), most, 4), rows[0].box.dtype)
    score = np.zeros((len(rows), most), rows[0].score.dtype)
    label = np.full((len(rows), most), -1, np.int16)
    for number, row in enumerate(rows):
        n = row.score.shape[1]
        box[number, :n], score[number, :n], label[number, :n] = row.box[0], row.score[0], row.label[0]
    return Boxes(np.array([row.time[0] for row in rows]), box, score, label)


class Watcher:
    """Looks for people some times a second, beside the network.

    Args:
        pictures: of the stream.
        detector: finds people.
        people: gets what is found.
        clock: with a running one, a thread looks; with a standing one, `look_until` does.
        second: the present second of the stream.
        faults: gets the camera that stops.
        fps: pictures a second.
        yaw: azimuth of the middle of the picture, degrees.
        took: called with the seconds that each picture took.
    """

    def __init__(
        self,
        pictures: Pictures,
        detector: PictureDetector,
        people: PeopleLog,
        clock: Clock,
        second: Callable[[], float],
        faults: FaultLog,
        fps: float,
        yaw: float = 0.0,
        took: Callable[[float], object] = lambda _: None,
    ) -> None:
        self._pictures, self._detector, self._people = pictures, detector, people
        self._clock, self._second, self._faults = clock, second, faults
        self._fps, self._yaw, self._took = fps, yaw, took
        self._number = 0
        self._last = -np.inf
        self._broken = False
        self.picture: Picture | None = None
        """that was looked at last"""
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to look, where the clock runs."""
        if not isinstance(self._clock, StandingClock):
            self._thread = threading.Thread(target=self._watch, name="people", daemon=True)
            self._thread.start()

    def look_until(self, second: float) -> None:
        """Look at the pictures up to a second that were not looked at yet, as detection of a file does."""
        if self._thread is not None:
            return
        while self._number / self._fps <= second + 1e-9:
            self._look(self._number / self._fps)
            self._number += 1

    def _watch(self) -> None:
        while not self._stopped.is_set():
            begin = time.monotonic()
            second = self._second()
            if not self._look(second) and self._pictures.may_stop:
                self._check(second)
            self._stopped.wait(max(1 / self._fps - (time.monotonic() - begin), 0.001))

    def _look(self, second: float) -> bool:
        """Look at the picture of a second; return whether there is a new one."""
        if self._broken:
            return False
        try:
            picture = self._pictures.newest(second)
        except BadInput as error:  # a file that breaks off
            log.debug("%s", error)
            self._people.ended = min(self._people.ended, second)
            self._faults.report("camera", second, where=self._pictures.name)
            self._broken = True
            return False
        if picture is None or picture.time <= self._last:
            if picture is None and not self._pictures.may_stop and self._last > -np.inf:
                self._people.ended = min(self._people.ended, second)
            return False
        begin = time.perf_counter()
        row = self._detector(picture.time, picture.pixels)
        self._took(time.perf_counter() - begin)
        self._people.ended = np.inf
        self._people.add(aligned(row, 0.0, self._yaw))
        self._last, self.picture = picture.time, picture
        return True

    def _check(self, second: float) -> None:
        """Report a camera from which no picture comes any more."""
        if second - max(self._last, 0.0) > STOPPED_S and self._people.ended == np.inf:
            self._people.ended = max(self._last, 0.0) + HOLD_S
            self._faults.report("camera", second, where=self._pictures.name)

    def stop(self) -> None:
        """End."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join(STOPPED_S)
        self._pictures.close()
