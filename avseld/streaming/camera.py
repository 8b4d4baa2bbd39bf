"""Pictures of a stream: of a camera or a network stream, decoded in a thread of its own, or of a video file."""

import logging
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from avseld.base.errors import BadInput
from avseld.io.video import FrameReader, check_panorama, video_info
from avseld.streaming.clock import Clock

if TYPE_CHECKING:  # a stream without picture starts without it
    import av

log = logging.getLogger(__name__)

CAMERAS = {
    "linux": ("v4l2", "/dev/video{}"),
    "darwin": ("avfoundation", "{}:none"),
    "win32": ("dshow", "video={}"),
}
"""platform -> format of FFmpeg, and how it names a camera"""
NETWORK = ("rtsp://", "rtsps://", "rtmp://", "http://", "https://", "udp://", "srt://")
NETWORK_OPTIONS = {"rtsp_transport": "tcp", "fflags": "nobuffer"}
OPEN_S, READ_S = 10.0, 4.0
"""seconds after which a camera that does not open, or gives no picture, has failed"""
RETRY_S = 2.0
"""seconds between attempts to open a camera again"""


class Picture(NamedTuple):
    """A picture and its time."""

    time: float
    """second of the stream at which it was taken"""
    pixels: np.ndarray
    """(height, width, 3) RGB, uint8"""


class Pictures(Protocol):
    """Pictures of a stream.

    Attributes:
        name: for messages.
        may_stop: whether it is a fault if no more pictures come; files just end.
    """

    name: str
    may_stop: bool

    def newest(self, second: float) -> Picture | None:
        """Return the picture at a second of the stream, the present; None if there is none yet, or none any more."""
        ...

    def close(self) -> None:
        """End."""


class Film:
    """A video file that runs with the stream.

    Args:
        path: the file.
        width: pixels to which wider pictures are scaled.
        format: channel format of the sound, for messages.
        offset: second of the stream at which it begins.

    Raises:
        BadInput: missing, unreadable, or by its header no 360-degree picture where the sound has directions all around.
    """

    may_stop = False

    def __init__(self, path: Path, width: int, format: str, offset: float = 0.0) -> None:
        if warning := check_panorama(path, video_info(path), format):
            log.warning("%s", warning)
        self.name = path.name
        self._reader = FrameReader(path, width, offset=offset)
        self.starts = self._reader.starts
        """second of the stream at which the first picture starts"""
        self.ended: float | None = None
        """second at which it has ended"""
        self._lock = threading.Lock()
        self._last: Picture | None = None

    def newest(self, second: float) -> Picture | None:
        """Return the picture at a second of the stream; asked for an earlier one, the last one."""
        with self._lock:
            if self.ended is not None or second < self.starts:
                return None
            if self._last is None or second > self._last.time:
                pixels, self.ended = self._reader.at(second)
                self._last = Picture(second, pixels)
            return None if self.ended is not None else self._last

    def close(self) -> None:
        """Close the file."""
        self._reader.close()


class Camera:
    """A camera or a network stream, decoded in a thread of its own; of its pictures the newest one counts.

    Args:
        name: camera, camera:ID, or an address such as rtsp://...
        width: pixels to which wider pictures are scaled.
        clock: tells when pictures come.
        second_of: time of the clock -> second of the stream.
        delay: seconds that a picture is older than its arrival.

    Raises:
        BadInput: it cannot be opened.
    """

    may_stop = True

    def __init__(
        self, name: str, width: int, clock: Clock, second_of: Callable[[float], float], delay: float = 0.0
    ) -> None:
        self.name, self._width, self._clock = name, width, clock
        self._second_of, self._delay = second_of, delay
        self._newest: tuple[float, Any] | None = None
        self._converted: tuple[float, np.ndarray] | None = None
        self._stopped = threading.Event()
        container = open_camera(name)
        self._thread = threading.Thread(target=self._watch, args=(container,), name=name, daemon=True)
        self._thread.start()

    def newest(self, second: float) -> Picture | None:
        """Return the newest picture, whatever the second; the reader of it scales it."""
        if self._newest is None:
            return None
        time, frame = self._newest
        converted = self._converted
        if converted is None or converted[0] != time:
            scale = min(self._width / frame.width, 1.0)
            size = round(frame.width * scale), max(round(frame.height * scale), 1)
            pixels = frame.reformat(*size, format="rgb24", interpolation="AREA").to_ndarray()
            self._converted = converted = (time, pixels)
        return Picture(self._second_of(time) - self._delay, converted[1])

    def _watch(self, container: "av.container.InputContainer | None") -> None:
        """Decode what comes; where nothing comes any more, try again and again."""
        import av

        while not self._stopped.is_set():
            try:
                container = container or open_camera(self.name)
                with container:
                    for frame in container.decode(video=0):
                        self._newest = (self._clock.now(), frame)
                        if self._stopped.is_set():
                            return
            except (av.FFmpegError, OSError, BadInput) as error:
                log.debug("%s: %s", self.name, error)
            container = None
            self._stopped.wait(RETRY_S)

    def close(self) -> None:
        """End."""
        self._stopped.set()
        self._thread.join(READ_S)


def open_camera(name: str) -> "av.container.InputContainer":
    """Open a camera or a network stream.

    Args:
        name: see `Camera`.

    Raises:
        BadInput: it cannot be opened, or holds no picture.
    """
    import av

    options: dict[str, str] = {}
    format: str | None = None
    place = name
    if name == "camera" or name.startswith("camera:"):
        number = name.partition(":")[2]
        if sys.platform not in CAMERAS or (sys.platform == "win32" and not number):
            raise BadInput(f"--video {name}: name the camera, --video camera:NAME")
        format, pattern = CAMERAS[sys.platform]
        place = number if number.startswith("/") else pattern.format(number or "0")
    else:
        options = NETWORK_OPTIONS
    try:
        container = av.open(place, format=format, options=options, timeout=(OPEN_S, READ_S))
    except (av.FFmpegError, OSError) as error:
        reason = str(error.strerror or error).lower()
        remedy = "is it plugged in?" if format else "check the address"
        raise BadInput(f"--video {name}: {place} cannot be opened ({reason}); {remedy}") from error
    if not container.streams.video:
        container.close()
        raise BadInput(f"--video {name}: gives no picture; check the address")
    return container


def is_camera(name: str) -> bool:
    """Return whether a name is that of a camera or a network stream, not of a file."""
    return name == "camera" or name.startswith(("camera:", *NETWORK))
