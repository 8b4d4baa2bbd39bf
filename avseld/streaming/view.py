"""A page of the stream in the browser of this machine: directions on picture or sphere, activity, latency, faults."""

import io
import threading
from collections.abc import Callable, Sequence

from PIL import Image

from avseld.io.boxes import Boxes, people
from avseld.reporting.colours import COLOURS, colour
from avseld.reporting.page import data_text, page_template
from avseld.streaming.camera import Picture
from avseld.streaming.messages import line
from avseld.streaming.sinks.web_socket import LOOPBACK, WebSocketServer

PICTURES_A_SECOND = 5.0
JPEG_QUALITY = 60
LONGEST_SIDE = 512
"""pixels of a picture that is sent"""


def view_server(classes: Sequence[str], port: int = 0) -> WebSocketServer:
    """Serve the page on the loopback address alone: no other machine can see it.

    Args:
        classes: class names by index.
        port: 0 for any that is free.

    Raises:
        BadInput: websockets is not installed, or the port is taken.
    """
    n_colours = max(len(classes), len(COLOURS))
    data = {"classes": list(classes), "colours": [colour(label) for label in range(n_colours)]}
    page = page_template("live").replace("@DATA@", data_text(data))
    return WebSocketServer(LOOPBACK, port, {"/": ("text/html", page)})


class PictureFeed:
    """Sends the newest picture and the boxes in it to the page, some times a second.

    Args:
        server: of the page.
        picture: returns the newest picture, or None.
        boxes: returns those of the newest picture that was looked at, or None.
    """

    def __init__(
        self,
        server: WebSocketServer,
        picture: Callable[[], Picture | None],
        boxes: Callable[[], Boxes | None],
    ) -> None:
        self._server, self._picture, self._boxes = server, picture, boxes
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._send, name="pictures", daemon=True)
        self._thread.start()

    def _send(self) -> None:
        last = -1.0
        while not self._stopped.wait(1 / PICTURES_A_SECOND):
            picture = self._picture() if self._server.n_clients else None
            if picture is None or picture.time == last:
                continue
            last = picture.time
            found = self._boxes()
            shown = [] if found is None else [box.tolist() for box in people(found)[0].round(4) if box.any()]
            self._server.send(line({"type": "people", "boxes": shown}))
            self._server.send(jpeg(picture))

    def stop(self) -> None:
        """End."""
        self._stopped.set()
        self._thread.join()


def jpeg(picture: Picture) -> bytes:
    """Encode a picture for the page."""
    image = Image.fromarray(picture.pixels)
    image.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    file = io.BytesIO()
    image.save(file, "JPEG", quality=JPEG_QUALITY)
    return file.getvalue()
