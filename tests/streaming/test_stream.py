"""The command: a file through it is predicted, signals end it, pipes feed it, options are checked."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from types import SimpleNamespace
from urllib.request import urlopen

import numpy as np
import pytest
import soundfile
from live_material import live_system, noise, small_system
from sound_card import Card, sounddevice_of

from avseld.__main__ import main
from avseld.base.errors import BadInput
from avseld.inference.predict import predict
from avseld.io.array_file import write_array
from avseld.io.array_setup import ArraySetup
from avseld.io.dcase_csv import read_dcase
from avseld.io.geometry import angle_between, unit_vector
from avseld.streaming import assembly, devices, sources
from avseld.streaming.clock import RunningClock
from avseld.streaming.stream import stream
from avseld.system.checkpoint import save_system

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
AVSELD = [sys.executable, "-m", "avseld", "stream"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Weights of a live network and of one without state, and recordings."""
    place = tmp_path_factory.mktemp("stream")
    save_system(live_system(), place / "live.safetensors")
    save_system(small_system(), place / "windows.safetensors")
    soundfile.write(place / "a.wav", noise(3.05), 24000)
    soundfile.write(place / "six.flac", noise(2.0, 6, 48000), 48000)
    return place


def shared_rows(one, other, degrees=0.01):
    """Share of the rows of two csv files that are in both, with directions that differ by less than some degrees."""
    rows = []
    for path in (one, other):
        events, _ = read_dcase(path)
        keys = zip(np.round(events.onset * 10).astype(int), events.label, events.source, strict=True)
        rows.append(dict(zip(keys, unit_vector(events.azimuth, events.elevation), strict=True)))
    near = [
        key for key in rows[0].keys() & rows[1].keys() if angle_between(rows[0][key], rows[1][key]) < degrees
    ]
    assert min(map(len, rows)) > 50
    return len(near) / len(rows[0].keys() | rows[1].keys())


def lines(text):
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize(("name", "channels"), [("a.wav", None), ("six.flac", [2, 3, 4, 5])])
def test_a_file_through_a_network_with_a_state_gives_the_files_of_prediction(
    folder, tmp_path, name, channels
):
    run, sound = folder / "live.safetensors", folder / name
    assert stream(run, str(sound), channels=channels, out=tmp_path / "stream.csv") == 0
    predict(run, audio=[sound], channels=channels, out=tmp_path / "predict.csv")
    assert shared_rows(tmp_path / "stream.csv", tmp_path / "predict.csv") == 1.0
    of_stream, of_prediction = (
        (tmp_path / f"{name}.events.csv").read_text().splitlines() for name in ("stream", "predict")
    )
    assert len(of_stream) == len(of_prediction) > 20


def test_a_file_through_windows_as_long_as_those_of_prediction_gives_its_events(folder, tmp_path):
    run = folder / "windows.safetensors"
    soundfile.write(tmp_path / "a.wav", noise(3.6), 24000)
    stream(run, str(tmp_path / "a.wav"), step=1.2, out=tmp_path / "stream.csv")
    predict(run, audio=[tmp_path / "a.wav"], out=tmp_path / "predict.csv")
    assert shared_rows(tmp_path / "stream.csv", tmp_path / "predict.csv") == 1.0


def test_lines_of_json_begin_with_the_input_and_end_with_the_summary(folder, capsys):
    assert stream(folder / "live.safetensors", str(folder / "a.wav"), json=True) == 0
    start, *rows, summary = lines(capsys.readouterr().out)
    assert (start["type"], start["input"], start["step"], start["has_state"]) == ("start", "a.wav", 0.1, True)
    assert {row["type"] for row in rows} == {"event"} and summary["type"] == "summary"
    latency = summary["latency"]["latency"]
    assert latency["p95"] == pytest.approx(latency["planned"], abs=0.021) and summary["seconds"] == 3.05


def test_a_simulated_stream_takes_its_time_and_says_what_it_took(folder, capsys):
    begin = time.monotonic()
    status = stream(folder / "live.safetensors", str(folder / "a.wav"), simulate=True, seconds=1.5, json=True)
    summary = lines(capsys.readouterr().out)[-1]
    assert time.monotonic() - begin >= 1.5 and status == 0
    assert summary["latency"]["network"]["planned"] > 0 and summary["latency"]["network"]["p50"] > 0
    standing = stream(
        folder / "live.safetensors", str(folder / "a.wav"), simulate=True, clock=False, json=True
    )
    assert standing == 0 and "planned" not in lines(capsys.readouterr().out)[-1]["latency"]["network"]


def test_the_table_lists_the_events_and_the_summary_the_latency(folder, capsys):
    stream(folder / "windows.safetensors", str(folder / "a.wav"), step=0.3)
    said = capsys.readouterr()
    assert said.out.splitlines()[0].split() == ["start", "end", "class", "azimuth", "elevation"]
    assert "°" in said.out and said.err.endswith("nothing was lost\n")
    assert "ms           planned      p50      p95    worst\n" in said.err


def test_raw_samples_of_a_pipe_are_heard_as_a_file_of_them(folder, tmp_path, monkeypatch):
    samples = soundfile.read(folder / "a.wav", dtype="int16")[0].tobytes()
    read_end, write_end = os.pipe()
    raw = os.fdopen(read_end, "rb", buffering=0)
    pipe = SimpleNamespace(buffer=SimpleNamespace(raw=raw), closed=False, isatty=lambda: False)
    monkeypatch.setattr("sys.stdin", pipe)
    writer = threading.Thread(target=lambda: os.write(write_end, samples) and os.close(write_end))
    writer.start()
    assert stream(folder / "live.safetensors", "-", out=tmp_path / "pipe.csv") == 0
    writer.join()
    predict(folder / "live.safetensors", audio=[folder / "a.wav"], out=tmp_path / "file.csv")
    assert shared_rows(tmp_path / "pipe.csv", tmp_path / "file.csv") == 1.0


@pytest.mark.parametrize("stdin", [None, SimpleNamespace(closed=False, isatty=lambda: True)])
def test_a_standard_input_into_which_nothing_is_piped_is_refused(folder, stdin, monkeypatch):
    monkeypatch.setattr("sys.stdin", stdin)
    with pytest.raises(BadInput, match="nothing is piped into standard input; arecord"):
        stream(folder / "live.safetensors", "-")


def test_a_file_is_not_written_anew_where_another_output_is_refused(folder, tmp_path):
    (tmp_path / "a.csv").write_text("of yesterday")
    with pytest.raises(BadInput, match=r"name a \.csv"):
        stream(
            folder / "live.safetensors", str(folder / "a.wav"), out=[tmp_path / "a.csv", tmp_path / "b.txt"]
        )
    assert (tmp_path / "a.csv").read_text() == "of yesterday"


def test_ctrl_c_ends_a_stream_with_whole_files_and_the_summary(folder, tmp_path):
    words = [*AVSELD, "--run", str(folder / "live.safetensors"), "--input", "-", "--record", str(tmp_path / "kept"),
             "--out", str(tmp_path / "a.csv"), "--json"]  # fmt: skip
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENVIRONMENT
    ) as run:
        run.stdin.write(soundfile.read(folder / "a.wav", dtype="int16")[0].tobytes())
        run.stdin.flush()
        first = run.stdout.readline()
        for _ in range(30):
            run.stdout.readline()
        run.send_signal(signal.SIGINT)
        out, err = run.communicate(timeout=30)
    assert run.returncode == 0, err
    assert json.loads(first)["type"] == "start" and json.loads(out.splitlines()[-1])["type"] == "summary"
    assert b"nothing was lost" in err and b"Traceback" not in err
    heard = json.loads((tmp_path / "kept" / "stream.json").read_text())["seconds"]
    assert (
        soundfile.info(tmp_path / "kept" / "heard.wav").duration == pytest.approx(heard, abs=1e-3)
        and heard > 0.2
    )
    assert (tmp_path / "a.csv").read_text().endswith("\n")


def test_a_stream_ends_when_nobody_reads_what_it_says(folder, monkeypatch):
    read_end, write_end = os.pipe()
    os.close(read_end)
    monkeypatch.setattr("sys.stdout", os.fdopen(write_end, "w"))
    begin = time.monotonic()
    soundfile.write(folder / "long.wav", noise(60.0), 24000)
    with pytest.raises(BrokenPipeError):  # of which commands end without a word
        stream(folder / "live.safetensors", str(folder / "long.wav"), simulate=True, json=True)
    assert time.monotonic() - begin < 30
    monkeypatch.undo()


def test_what_was_recorded_gives_the_same_events_again(folder, tmp_path):
    run = folder / "live.safetensors"
    stream(
        run, str(folder / "six.flac"), channels=[1, 2, 3, 5], record=tmp_path / "kept", out=tmp_path / "a.csv"
    )
    stream(run, str(tmp_path / "kept" / "heard.wav"), channels=[1, 2, 3, 5], out=tmp_path / "b.csv")
    # The file of 16 bits was rounded when it was resampled, the recording of 24 bits was not.
    assert shared_rows(tmp_path / "a.csv", tmp_path / "b.csv", degrees=1.0) > 0.9
    events = lines((tmp_path / "kept" / "events.jsonl").read_text())
    assert [one["type"] for one in (events[0], events[1], events[-1])] == ["start", "event", "summary"]


def test_faults_set_the_exit_status_of_the_command(folder, tmp_path, capsys):
    sound = noise(2.5)
    sound[:, 3] = 0
    soundfile.write(tmp_path / "dead.wav", sound, 24000)
    words = [
        "stream",
        "--run",
        str(folder / "live.safetensors"),
        "--input",
        str(tmp_path / "dead.wav"),
        "--json",
    ]
    with pytest.raises(SystemExit) as end:
        main(words)
    said = capsys.readouterr()
    (fault,) = [message for message in lines(said.out) if message["type"] == "fault"]
    assert end.value.code == 4 and (fault["kind"], fault["where"]) == ("dead", "channel 4")
    assert said.err.count("a channel gives no sound (channel 4)") == 2  # when it happens, and in the summary


def test_a_microphone_is_heard_through_an_array_file(folder, tmp_path, monkeypatch, capsys):
    write_array(tmp_path / "array.yaml", ArraySetup("foa", (2, 3, 4, 5), yaw=90.0, recorded=6))
    card = Card(noise(2.0, 6, 48000), rate=48000, block=960, rates=(48000,), stays=True)
    module = sounddevice_of(card)
    for room in (devices, sources):
        monkeypatch.setattr(room, "load_sounddevice", lambda: module)
    monkeypatch.setattr(assembly, "RunningClock", lambda: RunningClock())
    card.now = time.monotonic()
    card.taken = lambda: time.sleep(0.001) or True
    run, array = folder / "live.safetensors", tmp_path / "array.yaml"
    status = stream(run, "microphone", array=array, keep=True, json=True, seconds=2.0)
    said = lines(capsys.readouterr().out)
    assert status == 0 and card.opened["channels"] == 6 and said[0]["sample_rate"] == 48000
    assert sum(one["type"] == "event" for one in said) > 20 and said[-1]["seconds"] == 2.0


def test_the_page_is_served_while_the_stream_runs(folder, monkeypatch, capsys):
    pages = []
    monkeypatch.setattr(
        assembly.webbrowser, "open", lambda address: pages.append((address, urlopen(address).read()))
    )
    assert stream(folder / "live.safetensors", str(folder / "a.wav"), view=True, simulate=True) == 0
    ((address, page),) = pages
    assert address.startswith("http://127.0.0.1:") and b"<title>avseld stream</title>" in page
    assert b'"classes":["class 0","class 1"' in page
    with pytest.raises(OSError, match="refused"):
        urlopen(address)


def test_the_list_of_devices_needs_no_run(monkeypatch, capsys):
    monkeypatch.setattr(devices, "load_sounddevice", lambda: sounddevice_of(Card(np.zeros((9, 2)))))
    assert stream(list=True) == 0
    assert "serves 1 channels" in capsys.readouterr().out
    monkeypatch.setattr(devices, "load_sounddevice", lambda: sounddevice_of())
    stream(list=True)
    assert "no device that records" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "--run RUN and --input microphone, FILE or - are needed"),
        ({"input": "none.wav"}, "none.wav: not found"),
        ({"step": 0.15}, r"--step 0.15: .* events every 0.1 s; choose a multiple of it, up to 1.2"),
        ({"step": 2.0}, r"--step 2: .* up to 1.2"),
        ({"channels": [1, 2]}, "channels 1,2 of 4; foa needs 4 of them"),
        ({"look_ahead": -1.0}, "--look_ahead -1: windows have 1.28 s; choose 0 to 1.18"),
        ({"send": ["udp:x"]}, "--send udp:x: give udp:HOST:PORT"),
    ],
)
def test_options_that_cannot_be_used_are_refused_in_one_line(folder, options, message):
    words = {"run": folder / "windows.safetensors", "input": str(folder / "a.wav")} | options
    with pytest.raises(BadInput, match=message):
        stream(**(words if options else {}))


def test_the_smallest_step_that_the_machine_holds_is_taken(folder, capsys):
    stream(folder / "live.safetensors", str(folder / "a.wav"), step="auto", json=True, seconds=1.0)
    assert lines(capsys.readouterr().out)[0]["step"] in (0.1, 0.2, 0.3)
