"""A server of WebSocket: programs and web pages connect to it, and come and go as they like."""

import http
import logging
import os
import queue
import socket
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from avseld.base.errors import BadInput
from avseld.streaming.messages import Message, Update, line

CLIENT_DEPTH = 100
"""messages that wait for one client; a slower one loses the newest"""
LOOPBACK = "127.0.0.1"
OPEN_S = 2.0
"""seconds that a client has to say what it wants; browsers open connections in advance that say nothing"""
CLOSE_S = 1.0
"""seconds that the end of a stream waits for clients, and again for their good-bye"""


class _Client:
    """Messages that wait for one client.

    Args:
        connection: of websockets.
    """

    def __init__(self, connection: Any) -> None:
        self.queue: queue.Queue[str | bytes | None] = queue.Queue(CLIENT_DEPTH)
        self._connection = connection

    def cut(self) -> None:
        """End the connection at once: whatever waits for the client returns."""
        with suppress(OSError):
            self._connection.socket.shutdown(socket.SHUT_RDWR)


class WebSocketServer:
    """Sends every message to all clients that are connected.

    Web pages of other origins are refused: they could listen to the room.

    Args:
        host: address to listen at.
        port: 0 for any that is free.
        pages: path -> (type, text) that is answered to a plain request.

    Attributes:
        port: that it listens at.

    Raises:
        BadInput: websockets is not installed, or the port is taken.
    """

    is_file = False

    def __init__(
        self, host: str = LOOPBACK, port: int = 0, pages: Mapping[str, tuple[str, str]] | None = None
    ) -> None:
        try:
            from websockets.sync.server import serve
        except ModuleNotFoundError:
            raise BadInput("--view and --send ws: need websockets; pip install 'avseld[live]'") from None
        self.lost = 0
        self._pages = pages or {}
        self._clients: set[_Client] = set()
        self._lock = threading.Lock()
        self._greeting: dict[tuple[str, ...], str] = {}
        quiet = logging.getLogger("avseld.streaming.web_socket")
        quiet.setLevel(logging.CRITICAL)
        try:
            self._server = serve(
                self._attend,
                host,
                port,
                process_request=self._answer,
                logger=quiet,
                server_header=None,
                open_timeout=OPEN_S,
                close_timeout=CLOSE_S,
            )
        except OSError as error:
            raise BadInput(
                f"--send ws:{host}:{port}: {os.strerror(error.errno or 0).lower()}; choose another port"
            ) from error
        self.port: int = self._server.socket.getsockname()[1]
        self.name = f"ws://{host}:{self.port}"
        self._hosts = {f"{name}:{self.port}" for name in (host, "localhost", LOOPBACK)}
        self._on_loopback = host in (LOOPBACK, "localhost")
        self._thread = threading.Thread(target=self._server.serve_forever, name=self.name, daemon=True)
        self._thread.start()

    @property
    def n_clients(self) -> int:
        """Clients that are connected."""
        return len(self._clients)

    def update(self, update: Update) -> None:
        """Send the events, and up to when they are known."""
        for row in update.rows:
            self.send(line(row))
        self.send(line(update.summary))

    def notice(self, message: Message) -> None:
        """Send a message; the start and the faults are sent to those that come later, too."""
        text = line(message)
        key = tuple(str(message[name]) for name in ("type", "kind", "where") if name in message)
        self._greeting[key] = text
        self.send(text)

    def send(self, data: str | bytes) -> None:
        """Send text or bytes to all clients; those that are slow lose it."""
        for client in self._connected():
            try:
                client.queue.put_nowait(data)
            except queue.Full:
                self.lost += 1

    def close(self) -> None:
        """Say good-bye to all clients and end; those that do not read are cut off."""
        end = time.monotonic() + CLOSE_S
        for client in self._connected():
            with suppress(queue.Full):
                client.queue.put(None, timeout=max(end - time.monotonic(), 0.0))
        ended = threading.Thread(target=self._server.shutdown, name=f"{self.name} ends", daemon=True)
        ended.start()  # refuses new ones, and waits for those that are connected
        ended.join(max(end - time.monotonic(), 0.1))
        while ended.is_alive():
            for client in self._connected():
                client.cut()
            ended.join(0.05)

    def _connected(self) -> list[_Client]:
        with self._lock:
            return list(self._clients)

    def _attend(self, connection: Any) -> None:
        """Send what comes to one client, until it goes."""
        from websockets.exceptions import ConnectionClosed

        client = _Client(connection)
        with self._lock:
            self._clients.add(client)
        try:
            for text in list(self._greeting.values()):
                connection.send(text)
            while (data := client.queue.get()) is not None:
                connection.send(data)
            connection.close()  # here, where it can be cut off
        except (ConnectionClosed, OSError):
            pass
        finally:
            with self._lock:
                self._clients.discard(client)

    def _answer(self, connection: Any, request: Any) -> Any:
        """Answer a plain request with a page, and refuse those that come from another site.

        A page that opens a socket must come from here; and on loopback the name in `Host` must be ours, so that no
        foreign name that leads here (DNS rebinding) is taken for it.
        """
        from websockets.datastructures import Headers
        from websockets.http11 import Response

        host, origin = request.headers.get("Host", ""), request.headers.get("Origin")
        is_foreign = origin is not None and origin.removeprefix("http://") not in self._hosts
        if is_foreign or (self._on_loopback and host not in self._hosts):
            return connection.respond(http.HTTPStatus.FORBIDDEN, "only from this machine\n")
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return None
        page = self._pages.get(request.path)
        if page is None:
            return connection.respond(http.HTTPStatus.NOT_FOUND, "no such page\n")
        kind, text = page
        body = text.encode()
        headers = Headers(
            [
                ("Content-Type", f"{kind}; charset=utf-8"),
                ("Content-Length", str(len(body))),
                ("Cache-Control", "no-store"),
                ("X-Content-Type-Options", "nosniff"),
                ("Connection", "close"),
            ]
        )
        return Response(200, "OK", headers, body)
