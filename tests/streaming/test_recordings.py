"""Recordings as a stream hears them, and the measurements that use it."""

import importlib.util
from functools import partial
from pathlib import Path

import numpy as np
import plane_waves
import pytest
import soundfile
from live_material import noise, session_of, small_system
from system_material import stretch

from avseld.benchmarking import live
from avseld.io.boxes import Boxes
from avseld.io.events import concatenate
from avseld.streaming.clock import StandingClock
from avseld.streaming.recordings import streamed_events
from avseld.streaming.sources import SoundFile
from avseld.system.checkpoint import save_system

ROOT = Path(__file__).resolve().parents[2]


def test_a_recording_has_the_events_of_its_stream(tmp_path):
    system, sound = small_system(), noise(2.5)
    soundfile.write(tmp_path / "a.wav", sound, 24000, subtype="FLOAT")
    clock = StandingClock()
    session, memory, parts = session_of(system, SoundFile(tmp_path / "a.wav", 0.05, clock), clock, step=2)
    session.run()
    parts.sinks[0].close()
    found = streamed_events(system, partial(stretch, sound.T), len(sound), step=2)
    assert found == concatenate(update.events for update in memory.updates) and len(found) > 20


def test_people_count_from_the_picture_in_which_they_are_seen_on():
    system, sound = small_system(), noise(3.0)
    read = partial(stretch, sound.T)

    def pictures(*scores):
        box = np.tile([0.45, 0.3, 0.55, 0.9], (len(scores), 1, 1))
        score = np.array(scores)[:, None]
        return Boxes(np.arange(1.0, 1 + len(scores)), box, score, np.where(score > 0, 0, -1))

    seen, unseen = (streamed_events(system, read, len(sound), pictures(0, score)) for score in (0.9, 0.0))
    # The network takes the boxes at the start of its window of 1.27 s: somebody seen at 2.0 s counts from 3.2 s on.
    before = [found.select(found.offset < 2.0 + 1e-6) for found in (seen, unseen)]
    assert before[0] == before[1] and len(before[0]) > 20
    later = partial(stretch, noise(5.0).T)
    seen, unseen = (streamed_events(system, later, 120_000, pictures(0, score)) for score in (0.9, 0.0))
    assert seen != unseen


def test_the_cost_of_a_stream_is_measured_on_a_fold(tmp_path, monkeypatch, capsys):
    prepared = plane_waves.make(tmp_path / "waves", seconds=2)
    system = small_system(classes=["tone 0", "tone 1", "tone 2"])
    save_system(system, tmp_path / "a.safetensors")
    spec = importlib.util.spec_from_file_location("measure_stream", ROOT / "scripts" / "measure_stream.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    words = ["--run", str(tmp_path / "a.safetensors"), "--prepared", str(prepared), "--look_ahead", "0.03"]
    monkeypatch.setattr("sys.argv", ["measure_stream.py", *words, "--step", "1.2"])
    module.main()
    head, whole, streamed = capsys.readouterr().out.splitlines()
    assert head.split()[:2] == ["look-ahead,", "s"] and whole.split()[0] == "predict"
    ahead, latency, *_, same = map(float, streamed.split())
    assert latency == pytest.approx(1.2 + ahead) and same > 0.5


def test_the_benchmark_plays_a_recording_and_says_what_was_lost(tmp_path, monkeypatch):
    soundfile.write(tmp_path / "a.wav", noise(0.8), 24000)
    monkeypatch.setattr(live, "EXAMPLE", tmp_path / "a.wav")
    found = live.stream_latency("audio_foa_generated", {"step": 0.1, "video": "none"})
    assert 0.1 < found["p95"] < 5.0 and {"block", "network", "latency"} <= set(found["stages"])
