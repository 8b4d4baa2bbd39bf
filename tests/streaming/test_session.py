"""Streams from their input to their outputs: events at their times, latencies, and what is lost."""

import threading
import time

import numpy as np
import pytest
import soundfile
from live_material import noise, session_of, small_system
from sound_card import Card, CardClock, sounddevice_of

from avseld.io.events import concatenate
from avseld.streaming import devices, sources
from avseld.streaming.clock import RunningClock, StandingClock
from avseld.streaming.devices import choose_device
from avseld.streaming.record import Recorder
from avseld.streaming.sources import Microphone, SoundFile


@pytest.fixture(scope="module")
def system():
    return small_system()


def run(session, memory, parts, stop=None, seconds=None):
    session.run(stop or threading.Event(), seconds)
    for sink in parts.sinks:
        sink.close()
    return concatenate(update.events for update in memory.updates)


def of_file(system, tmp_path, sound, block=0.02, **options):
    soundfile.write(tmp_path / "a.wav", sound, 24000, subtype="PCM_16")
    clock = StandingClock()
    session, memory, parts = session_of(system, SoundFile(tmp_path / "a.wav", block, clock), clock, **options)
    return run(session, memory, parts), memory, parts, session


def of_card(system, card, monkeypatch, record=None, **options):
    card.stays = card.stops_after is None
    module = sounddevice_of(card)
    for room in (devices, sources):
        monkeypatch.setattr(room, "load_sounddevice", lambda: module)
    clock = CardClock(card)
    source = Microphone(choose_device("", 4), card.rate, 0.02, clock)
    session, memory, parts = session_of(system, source, clock, keep=True, **options)
    if record is not None:
        parts.recorder = Recorder(record, card.rate, 4, parts.faults)
    card.taken = lambda: session._ring.waiting == 0
    events = run(session, memory, parts, seconds=len(card.waveform) / card.rate)
    if record is not None:
        parts.recorder.close(session.summary)
    return events, memory, parts, session


def test_every_label_frame_is_said_once_in_order(system, tmp_path):
    _, memory, _, _ = of_file(system, tmp_path, noise(3.05))
    assert [update.until for update in memory.updates] == pytest.approx([*(0.1 * np.arange(1, 31)), 3.05])


def test_the_latency_of_the_method_is_that_of_the_plan(system, tmp_path):
    _, memory, parts, _ = of_file(system, tmp_path, noise(3.0), block=0.013, step=2)
    wanted = 0.2 + parts.engine.look_ahead_s
    latencies = np.array([update.latency for update in memory.updates[:-1]])
    assert (latencies >= wanted - 1e-9).all() and (latencies < wanted + 0.013 + 1e-9).all()


def test_rows_name_class_track_direction_score_and_latency(system, tmp_path):
    events, memory, _, _ = of_file(system, tmp_path, noise(2.0))
    rows = [row for update in memory.updates for row in update.rows]
    assert len(rows) == len(events) > 20
    tracks = {}
    for row in rows:
        assert row["class"] == f"class {row['label']}" and -180 <= row["azimuth"] <= 180
        assert row["score"] > 0.05 and 0.1 <= row["latency"] < 0.2 and row["distance"] is None
        assert tracks.setdefault(row["track"], row["label"]) == row["label"]


def test_a_card_gives_the_events_of_a_file_of_what_it_heard(system, tmp_path, monkeypatch):
    sound = np.round(noise(2.0) * 32768) / 32768
    of_sound, *_ = of_file(system, tmp_path, sound)
    heard, _, parts, _ = of_card(system, Card(sound, jitter=0.01, drift=1e-4), monkeypatch)
    assert heard == of_sound and parts.faults.status == 0


def test_blocks_that_a_card_loses_are_reported_and_the_times_after_them_stay_right(
    system, tmp_path, monkeypatch
):
    silence = np.zeros(((8 * 24000), 4), np.float32)
    silence[:, :] = 1e-4 * noise(8.0)
    card = Card(silence, lost=range(100, 110), flagged=[110])  # 0.2 s of 8 s
    _, memory, parts, session = of_card(system, card, monkeypatch, tmp_path / "kept")
    kinds = {fault.kind: fault for fault in parts.faults.all}
    assert kinds["gap"].amount == 10 * 480 and kinds["overflow"].count == 1 and parts.faults.status == 3
    assert memory.updates[-1].until == pytest.approx(8.0)
    assert session.summary["seconds"] == pytest.approx(8.0)
    assert (
        soundfile.info(tmp_path / "kept" / "heard.wav").frames == 8 * 24000
    )  # silence stands for what was lost


def test_a_card_that_is_unplugged_ends_the_stream_and_sets_the_exit_status(system, monkeypatch):
    _, memory, parts, session = of_card(system, Card(noise(2.0), stops_after=50), monkeypatch)
    (fault,) = parts.faults.all
    assert (fault.kind, fault.first, session.status) == ("stopped", 1.0, 3)
    assert memory.updates[-1].until == pytest.approx(1.0)


def test_a_channel_without_sound_sets_the_exit_status(system, tmp_path):
    sound = noise(1.6)
    sound[:, 1] = 0
    *_, session = of_file(system, tmp_path, sound)
    assert session.status == 4 and "a channel gives no sound (channel 2)" in session.summary_text


class SlowSystem:
    """Calls of a network take some seconds of a clock that the test moves."""

    def __init__(self, clock, seconds):
        self.clock, self.seconds = clock, seconds

    def __call__(self, *_):
        self.clock.time += self.seconds


class SettableClock:
    def __init__(self):
        self.time = 0.0

    def now(self):
        return self.time


class PulledCard:
    """An input that has heard, whenever it is asked, all that has sounded by its clock."""

    name, sample_rate, n_channels, subtype = "card", 24000, 4, "FLOAT"
    live, is_device, block_s, error = True, True, 0.02, None

    def __init__(self, sound, clock):
        self.sound, self.clock, self.position = sound, clock, 0

    def start(self, ring):
        self.ring = ring

    def pull(self):
        if self.ring.waiting == 0:
            self.clock.time = max(self.clock.time, (self.position + 480) / 24000)
        while self.position + 480 <= min(round(self.clock.time * 24000), len(self.sound)):
            self.ring.write(self.sound[self.position : self.position + 480], self.position / 24000)
            self.position += 480
        if self.position >= len(self.sound):
            self.ring.end()

    def stop(self):
        pass


def slow_stream(system, seconds_a_run, keep, seconds=12.0):
    clock = SettableClock()
    session, memory, parts = session_of(system, PulledCard(noise(seconds), clock), clock, keep=keep)
    delay = SlowSystem(clock, seconds_a_run)
    handle = system.model.register_forward_hook(delay)
    try:
        run(session, memory, parts)
    finally:
        handle.remove()
    return memory, parts, clock


def test_a_machine_that_is_somewhat_slow_says_several_steps_together_and_loses_nothing(system):
    memory, parts, _ = slow_stream(system, 0.35, keep=False)
    assert not parts.faults.all and sum(len(update.rows) > 0 for update in memory.updates) > 0
    steps = np.diff([0.0, *(update.until for update in memory.updates)])
    assert steps.sum() == pytest.approx(12.0) and steps.mean() == pytest.approx(0.35, abs=0.03)
    assert max(update.latency for update in memory.updates) < 1.0


def test_a_machine_that_is_much_too_slow_skips_to_the_present_and_counts_what_it_skips(system):
    memory, parts, _ = slow_stream(system, 2.0, keep=False, seconds=16.0)
    (fault,) = parts.faults.all
    steps = np.diff([0.0, *(update.until for update in memory.updates)])
    said = sum(len(np.unique(update.events.onset)) for update in memory.updates)
    assert (
        fault.kind == "late"
        and fault.amount == pytest.approx((160 - said) * 2400, abs=5 * 2400)
        and said < 120
    )
    assert steps.max() > 1.3 and max(update.latency for update in memory.updates[1:-1]) < 2.0 + 2.0 + 0.2


def test_what_is_kept_is_said_however_late(system):
    memory, parts, clock = slow_stream(system, 2.0, keep=True)
    steps = np.diff([0.0, *(update.until for update in memory.updates)])
    assert not parts.faults.all and steps.sum() == pytest.approx(12.0) and clock.time > 12.0 + 2.0


def test_an_input_from_which_nothing_comes_is_reported_once(system):
    class Hung(PulledCard):
        def pull(self):
            self.clock.time += 0.5
            if self.clock.time > 10:
                self.ring.end()

    clock = SettableClock()
    session, memory, parts = session_of(system, Hung(noise(1.0), clock), clock)
    session._ring.wait = lambda seconds: None
    run(session, memory, parts)
    (fault,) = parts.faults.all
    assert (fault.kind, fault.count) == ("stopped", 1) and not memory.updates


def test_a_long_gap_is_passed_over_without_running_the_network(system):
    clock = SettableClock()
    source = PulledCard(noise(1.2), clock)
    session, memory, parts = session_of(system, source, clock)
    runs = []
    handle = system.model.register_forward_hook(lambda *_: runs.append(clock.time))
    source.start(session._ring)
    session._ring.write(noise(0.5), 0.0)
    session._ring.write(noise(0.5), 300.5, lost=300 * 24000)
    source.sound = source.sound[:0]
    run(session, memory, parts)
    handle.remove()
    assert len(runs) < 40 and memory.updates[-1].until == pytest.approx(301.0)


def test_a_stream_ends_when_it_is_told_to(system, tmp_path):
    soundfile.write(tmp_path / "a.wav", noise(60.0), 24000)
    stop = threading.Event()
    threading.Timer(0.6, stop.set).start()
    clock = RunningClock()
    session, memory, parts = session_of(system, SoundFile(tmp_path / "a.wav", 0.02, clock), clock)
    begin = time.monotonic()
    run(session, memory, parts, stop)
    assert time.monotonic() - begin < 5.0 and 0.2 < memory.updates[-1].until < 5.0 and memory.closed


def test_a_stream_ends_after_the_seconds_that_are_asked_for(system, tmp_path):
    soundfile.write(tmp_path / "a.wav", noise(5.0), 24000)
    clock = StandingClock()
    session, memory, parts = session_of(system, SoundFile(tmp_path / "a.wav", 0.02, clock), clock)
    run(session, memory, parts, seconds=1.0)
    assert memory.updates[-1].until == pytest.approx(1.0)
