"""The outputs that a user asks for, each behind a queue of its own."""

import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from avseld.base.errors import BadInput
from avseld.streaming.faults import FaultLog
from avseld.streaming.sinks.datagrams import Osc, UdpJson
from avseld.streaming.sinks.files import JsonLines, Table, check_ending, file_sink
from avseld.streaming.sinks.queued import QueuedSink, Sink
from avseld.streaming.sinks.web_socket import LOOPBACK, WebSocketServer
from avseld.system.build import System

ADDRESSES = "udp:HOST:PORT, osc:HOST:PORT or ws:[HOST:]PORT"


def open_outputs(
    system: System,
    faults: FaultLog,
    out: Sequence[Path],
    send: Sequence[str],
    json: bool,
    broken: threading.Event | None = None,
    terminal: TextIO | None = None,
) -> list[QueuedSink]:
    """Open outputs.

    Args:
        system: that runs.
        faults: gets what files lose.
        out: files, .csv or .jsonl.
        send: addresses.
        json: write JSON lines on standard output instead of a table.
        broken: set when nobody reads standard output any more.
        terminal: standard output; None for that of Python.

    Raises:
        BadInput: a file that cannot be written, or an address that is none.
    """
    terminal = terminal or sys.stdout
    for path in out:  # before one of them is written anew
        check_ending(path)
    sinks: list[Sink] = [_listener(address) for address in send]
    sinks += [file_sink(path, system) for path in out]
    shown: Sink = JsonLines("standard output", terminal, False) if json else Table(system, terminal)
    return [*(QueuedSink(sink, faults) for sink in sinks), QueuedSink(shown, faults, broken=broken)]


def _listener(address: str) -> Sink:
    kind, _, place = address.partition(":")
    host, _, port = place.rpartition(":")
    if not port.isdecimal() or not 0 < int(port) < 1 << 16 or (kind in ("udp", "osc") and not host):
        raise BadInput(f"--send {address}: give {ADDRESSES}")
    if kind == "udp":
        return UdpJson(host.strip("[]"), int(port))
    if kind == "osc":
        return Osc(host.strip("[]"), int(port))
    if kind == "ws":
        return WebSocketServer(host.strip("[]") or LOOPBACK, int(port))
    raise BadInput(f"--send {address}: give {ADDRESSES}")
