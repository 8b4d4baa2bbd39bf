"""Outputs: files, datagrams, WebSocket; slow, lost and returning listeners."""

import json
import socket
import threading
import time
from urllib.request import Request, urlopen

import numpy as np
import pytest
import soundfile
from live_material import noise, session_of, small_system
from pythonosc.osc_message import OscMessage
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from avseld.base.errors import BadInput
from avseld.inference.output import PredictionFiles
from avseld.io.events import Events, concatenate
from avseld.streaming.faults import FaultLog
from avseld.streaming.messages import Update
from avseld.streaming.outputs import open_outputs
from avseld.streaming.record import Recorder, packed
from avseld.streaming.sinks.datagrams import Osc, UdpJson
from avseld.streaming.sinks.files import CsvFile, JsonLines, file_sink, open_growing
from avseld.streaming.sinks.queued import QueuedSink
from avseld.streaming.sinks.web_socket import WebSocketServer

SECONDS = 4


def update(number, label=0, azimuth=30.0):
    """What is found in a label frame: one event."""
    onset = number * 0.1
    events = Events.from_rows([(onset, onset + 0.1, label, 0, azimuth, -5.0, np.nan)]).with_classes(
        ["bell", "door"]
    )
    row = {"type": "event", "time": round(onset, 3), "duration": 0.1, "class": "bell", "label": label, "track": 0,
           "azimuth": azimuth, "elevation": -5.0, "distance": None, "score": 0.5, "latency": 0.2}  # fmt: skip
    return Update(onset + 0.1, events, (row,), 0.2, None)


class Stuck:
    """An output that takes nothing until it is let go."""

    name, lost, is_file = "stuck", 0, True

    def __init__(self, error=None):
        self.go, self.got, self.error = threading.Event(), [], error

    def update(self, one):
        self.go.wait()
        if self.error:
            raise self.error
        self.got.append(one)

    def notice(self, message):
        self.update(message)

    def close(self):
        pass


def test_an_output_that_takes_nothing_holds_nothing_up_and_its_losses_are_counted():
    faults, slow = FaultLog(), Stuck()
    sink = QueuedSink(slow, faults, depth=5)
    begin = time.monotonic()
    for number in range(50):
        sink.put(update(number))
    assert time.monotonic() - begin < 0.5 and 44 <= sink.lost <= 45 and faults.status == 7
    slow.go.set()
    sink.close()
    assert [one.until for one in slow.got[:5]] == pytest.approx(0.1 * np.arange(1, 6))


def test_a_full_disk_is_a_fault_and_the_stream_goes_on():
    faults, full = FaultLog(), Stuck(OSError(28, "No space left on device"))
    full.go.set()
    sink = QueuedSink(full, faults)
    for number in range(3):
        sink.put(update(number))
    sink.close()
    (fault,) = faults.all
    assert sink.lost == 3 and (fault.kind, fault.where, fault.count) == ("output", "stuck", 3)


def test_outputs_that_take_nothing_are_told_of_each_other_once():
    faults, slow = FaultLog(), [Stuck(), Stuck()]
    sinks = [QueuedSink(one, faults, depth=5) for one in slow]
    faults.tell = lambda message: [sink.put(message) for sink in sinks]
    for number in range(20):
        for sink in sinks:
            sink.put(update(number))
    assert faults.all[0].count >= 20
    for one in slow:
        one.go.set()


def test_a_file_on_a_full_disk_does_not_keep_other_outputs_busy():
    faults, full, other = FaultLog(), Stuck(OSError(28, "No space left on device")), Stuck()
    full.go.set()
    other.go.set()
    sinks = [QueuedSink(full, faults), QueuedSink(other, faults)]
    faults.tell = lambda message: [sink.put(message) for sink in sinks]
    for number in range(10):
        sinks[0].put(update(number))
    for sink in sinks:
        sink.close()
    assert len(other.got) == 1 and 10 <= faults.all[0].count <= 11


@pytest.fixture(scope="module")
def streamed(tmp_path_factory):
    """A system, what it said of noise, and the files of the stream and of the same events written at once."""
    folder, system = tmp_path_factory.mktemp("files"), small_system()
    soundfile.write(folder / "a.wav", noise(SECONDS), 24000)
    from avseld.streaming.clock import StandingClock
    from avseld.streaming.sources import SoundFile

    clock = StandingClock()
    session, memory, parts = session_of(system, SoundFile(folder / "a.wav", 0.02, clock), clock)
    files = [QueuedSink(file_sink(folder / name, system), parts.faults) for name in ("b.csv", "b.jsonl")]
    parts.sinks = [*parts.sinks, *files]
    session.run(threading.Event())
    for sink in parts.sinks:
        sink.put(session.summary)
        sink.close()
    with PredictionFiles(folder / "c.csv", system, system.blueprint.classes) as written:
        written.add(concatenate(one.events for one in memory.updates), SECONDS)
        written.finish()
    return folder, memory


def test_the_csv_of_a_stream_is_that_of_a_prediction(streamed):
    folder, _ = streamed
    for suffix in (".csv", ".events.csv"):
        text = (folder / f"b{suffix}").read_text()
        assert text == (folder / f"c{suffix}").read_text() and text.count("\n") > 30


def test_lines_of_json_hold_every_row_and_the_summary(streamed):
    folder, memory = streamed
    lines = [json.loads(line) for line in (folder / "b.jsonl").read_text().splitlines()]
    assert lines[:-1] == [row for one in memory.updates for row in one.rows]
    assert lines[-1]["type"] == "summary" and lines[-1]["seconds"] == SECONDS and lines[-1]["status"] == 0


def test_a_file_can_be_read_while_it_grows(tmp_path):
    sink = JsonLines("x", open_growing(tmp_path / "x.jsonl"))
    sink.update(update(0))
    assert json.loads((tmp_path / "x.jsonl").read_text())["class"] == "bell"
    system = small_system()
    csv = CsvFile(tmp_path / "x.csv", system)
    csv.update(update(0))
    assert (tmp_path / "x.csv").read_text() == "0,0,0,30,-5\n"


def listener(port=0):
    one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    one.bind(("127.0.0.1", port))
    one.settimeout(2.0)
    return one


def test_udp_goes_on_when_its_listener_leaves_and_comes_back():
    first = listener()
    port = first.getsockname()[1]
    sink = UdpJson("127.0.0.1", port)
    sink.update(update(0))
    assert json.loads(first.recv(2000))["time"] == 0.0
    first.close()
    for number in range(1, 11):
        sink.update(update(number))
        time.sleep(0.002)
    assert 1 <= sink.lost <= 10
    again = listener(port)
    sink.update(update(11))
    sink.update(update(12))  # the first one may still report the refusal of the one before it
    assert json.loads(again.recv(2000))["time"] >= 1.1
    again.close()
    sink.close()


def test_osc_messages_hold_time_class_track_direction_score_and_latency():
    ear = listener()
    sink = Osc("127.0.0.1", ear.getsockname()[1])
    sink.update(update(3))
    message = OscMessage(ear.recv(2000))
    assert message.address == "/avseld/event" and message.params[1:3] == ["bell", 0]
    time_, azimuth, elevation, distance, score, latency = [
        message.params[index] for index in (0, 3, 4, 5, 6, 7)
    ]
    assert (time_, azimuth, elevation, score, latency) == pytest.approx((0.3, 30, -5, 0.5, 0.2))
    assert np.isnan(distance)
    sink.close()
    ear.close()


@pytest.fixture
def server():
    one = WebSocketServer(pages={"/": ("text/html", "<p>page</p>")})
    yield one
    one.close()


def waits_for(condition):
    end = time.monotonic() + 3
    while not condition() and time.monotonic() < end:
        time.sleep(0.005)
    assert condition()


def handshake(server):
    """What a client says first."""
    return (
        f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: MDEyMzQ1Njc4OTAxMjM0NQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    ).encode()


def test_clients_of_a_web_socket_come_and_go(server):
    server.notice({"type": "start", "input": "x"})
    address = f"ws://127.0.0.1:{server.port}"
    with connect(address) as one, connect(address) as other:
        waits_for(lambda: server.n_clients == 2)
        server.update(update(0))
        for client in (one, other):
            kinds = [json.loads(client.recv(timeout=2))["type"] for _ in range(3)]
            assert kinds == ["start", "event", "until"]
    server.update(update(1))
    waits_for(lambda: server.update(update(2)) or server.n_clients == 0)
    with connect(address) as again:
        assert json.loads(again.recv(timeout=2))["type"] == "start"  # those who come later are told, too
        waits_for(lambda: server.n_clients == 1)
        server.update(update(5))
        assert json.loads(again.recv(timeout=2))["time"] == 0.5
    assert server.lost == 0


def test_a_client_that_does_not_read_loses_messages_and_the_others_do_not(server):
    lazy = socket.create_connection(("127.0.0.1", server.port))
    lazy.sendall(handshake(server))
    with connect(f"ws://127.0.0.1:{server.port}") as eager:
        waits_for(lambda: server.n_clients == 2)
        for number in range(300):
            server.send(bytes([number % 256]) * 100_000)  # more than the system holds for the lazy one
            assert eager.recv(timeout=5)[0] == number % 256
    assert 0 < server.lost < 300
    lazy.close()


def test_clients_that_do_not_read_or_say_nothing_hold_up_no_end():
    server = WebSocketServer()
    lazy, silent = (socket.create_connection(("127.0.0.1", server.port)) for _ in range(2))
    lazy.sendall(handshake(server))
    waits_for(lambda: server.n_clients == 1)
    waits_for(lambda: server.send(bytes(100_000)) or server.lost > 0)
    ended = threading.Thread(target=server.close, daemon=True)
    begin = time.monotonic()
    ended.start()
    ended.join(8)
    assert not ended.is_alive() and time.monotonic() - begin < 4
    lazy.close()
    silent.close()


def test_only_pages_of_this_server_may_listen(server):
    address = f"ws://127.0.0.1:{server.port}"
    with connect(address, origin=f"http://127.0.0.1:{server.port}"):
        pass
    with pytest.raises(InvalidStatus, match="403"):
        connect(address, origin="http://elsewhere.example")
    with urlopen(f"http://127.0.0.1:{server.port}/") as answer:
        assert answer.read() == b"<p>page</p>" and answer.headers["Content-Type"].startswith("text/html")
    for request, status in (
        (Request(f"http://127.0.0.1:{server.port}/", headers={"Host": "elsewhere.example"}), 403),
        (Request(f"http://127.0.0.1:{server.port}/other"), 404),
    ):
        with pytest.raises(OSError, match=str(status)):
            urlopen(request)


@pytest.mark.parametrize(
    "address",
    [
        "tcp:localhost:1",
        "udp:1234",
        "udp:localhost",
        "osc:localhost:0",
        "ws:70000",
        "udp:no.such.host.invalid:9",
    ],
)
def test_an_address_that_is_none_is_refused(address):
    with pytest.raises(BadInput, match="--send"):
        open_outputs(small_system(), FaultLog(), [], [address], json=True)


def test_a_port_that_is_taken_is_refused(server):
    with pytest.raises(BadInput, match="address already in use; choose another port"):
        WebSocketServer(port=server.port)


def test_a_file_of_another_ending_is_refused(tmp_path):
    with pytest.raises(BadInput, match=r"name a \.csv \(DCASE rows\) or a \.jsonl"):
        file_sink(tmp_path / "x.txt", small_system())


def test_what_is_recorded_can_be_read_at_any_time_and_holds_what_was_heard(tmp_path):
    sound, faults = noise(2.0, 6, 16000), FaultLog()
    recorder = Recorder(tmp_path / "kept", 16000, 6, faults)
    for first in range(0, 16000, 160):
        recorder.put(sound[first : first + 160])
    path = tmp_path / "kept" / "heard.wav"
    waits_for(lambda: soundfile.info(path).frames == 16000)  # not closed, as after a kill
    for first in range(16000, 32000, 1000):
        recorder.put(sound[first : first + 1000])
    recorder.close({"type": "summary"})
    found, rate = soundfile.read(path, dtype="float32")
    assert rate == 16000 and np.abs(found - sound).max() <= 2**-24 and faults.status == 0
    assert json.loads((tmp_path / "kept" / "stream.json").read_text()) == {"type": "summary"}
    with pytest.raises(BadInput, match="holds a recording already; name another folder"):
        Recorder(tmp_path / "kept", 16000, 6, faults)


def test_a_disk_that_is_full_or_hangs_at_the_end_of_a_recording_is_a_fault(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("avseld.streaming.record.PATIENCE_S", 0.1)
    go = threading.Event()
    for name, method in (("full", full), ("hangs", lambda *_: go.wait())):
        faults = FaultLog()
        recorder = Recorder(tmp_path / name, 16000, 1, faults)
        with monkeypatch.context() as patch:
            patch.setattr("wave.Wave_write.writeframes", method)
            patch.setattr("wave.Wave_write.close", method)
            recorder.put(noise(0.1, 1, 16000))
            recorder.close({})
        assert faults.status == 7
    go.set()


def test_a_recording_goes_on_in_another_file_before_programs_refuse_its_size(tmp_path, monkeypatch):
    monkeypatch.setattr("avseld.streaming.record.MOST_BYTES", 30_000)
    recorder = Recorder(tmp_path / "kept", 16000, 1, FaultLog())
    for first in range(0, 16000, 1000):
        recorder.put(noise(1.0, 1, 16000)[first : first + 1000])
    recorder.close({})
    assert [soundfile.info(tmp_path / "kept" / name).frames for name in ("heard.wav", "heard_2.wav")] == [
        10_000,
        6000,
    ]


def test_samples_of_16_and_24_bits_are_recorded_exactly():
    whole = np.array([[-32768, 32767, 1, 0], [-1, 5, 12345, -12345]]) / 32768
    data = packed(whole.astype(np.float32))
    assert len(data) == 24 and int.from_bytes(data[3:6], "little", signed=True) == 32767 * 256
