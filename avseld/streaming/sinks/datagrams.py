"""Outputs to programs on this or another machine that listen to datagrams: JSON by UDP, and OSC."""

import math
import socket

from avseld.base.errors import BadInput
from avseld.streaming.messages import Message, Update, line

EVENT_ADDRESS = "/avseld/event"
"""OSC address of an event: time, class, track, azimuth, elevation, distance, score, latency; NaN where unknown"""


class Datagrams:
    """Sends to an address; whoever listens there may come and go.

    Args:
        host: name or number.
        port: of UDP.

    Raises:
        BadInput: no such host.
    """

    def __init__(self, host: str, port: int) -> None:
        try:
            family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
        except OSError as error:
            raise BadInput(f"--send: {host}: no such host ({error.strerror}); check its name") from error
        self._socket = socket.socket(family, kind)
        self._socket.setblocking(False)
        self._socket.connect(address)

    def send(self, data: bytes) -> bool:
        """Send a datagram; return whether it left, and none before it was refused."""
        try:
            self._socket.send(data)
        except OSError:  # nobody listens there, or the network takes nothing now
            return False
        return True

    def close(self) -> None:
        """End."""
        self._socket.close()


class UdpJson:
    """Sends each line of JSON as a datagram.

    Args:
        host: name or number.
        port: of UDP.
    """

    is_file = False

    def __init__(self, host: str, port: int) -> None:
        self.name, self.lost = f"udp:{host}:{port}", 0
        self._datagrams = Datagrams(host, port)

    def update(self, update: Update) -> None:
        """Send the events."""
        for row in update.rows:
            self.notice(row)

    def notice(self, message: Message) -> None:
        """Send a message."""
        self.lost += not self._datagrams.send(line(message).encode())

    def close(self) -> None:
        """End."""
        self._datagrams.close()


class Osc:
    """Sends each event as a message of Open Sound Control, the protocol of music programs.

    Args:
        host: name or number.
        port: of UDP.

    Raises:
        BadInput: python-osc is not installed.
    """

    is_file = False

    def __init__(self, host: str, port: int) -> None:
        try:
            from pythonosc.osc_message_builder import OscMessageBuilder
        except ModuleNotFoundError:
            raise BadInput("--send osc: needs python-osc; pip install 'avseld[live]'") from None
        self._builder = OscMessageBuilder
        self.name, self.lost = f"osc:{host}:{port}", 0
        self._datagrams = Datagrams(host, port)

    def update(self, update: Update) -> None:
        """Send the events."""
        for row in update.rows:
            message = self._builder(EVENT_ADDRESS)
            message.add_arg(float(row["time"]), "f")
            message.add_arg(row["class"], "s")
            message.add_arg(row["track"], "i")
            for name in ("azimuth", "elevation", "distance", "score", "latency"):
                message.add_arg(math.nan if row[name] is None else float(row[name]), "f")
            self.lost += not self._datagrams.send(message.build().dgram)

    def notice(self, message: Message) -> None:
        """Do nothing: OSC carries events."""

    def close(self) -> None:
        """End."""
        self._datagrams.close()
