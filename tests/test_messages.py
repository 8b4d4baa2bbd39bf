"""What commands print for arguments and files that mean nothing: a result, or one line that says what is wrong."""

import contextlib
import io
import shutil
from importlib import import_module

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from avseld import __main__ as library
from avseld.base.cli_errors import option_types
from avseld.base.options import RANGES_OF_COMMANDS
from avseld.io.boxes import Boxes, write_boxes
from avseld.io.events import Events, write_events
from avseld.io.manifest import Recording, write_manifest
from data_prep import __main__ as preparation
from detection import __main__ as detection

CALLS = {
    "avseld": (library, {
        "score": "--reference prepared/labels --prediction predictions --challenge 2023",
        "plot": "--audio audio/a.wav --prediction predictions/a.csv --out out/a.png",
        "view": "--audio audio/a.wav --prediction predictions/a.csv --out out/a.html",
        "predict": "--run run --audio audio/a.wav --out out/a.csv",
        "evaluate": "--run run", "compare": "run run", "locate": "--prepared nowhere", "thresholds": "--run run",
        "calibrate": "--audio audio/a.wav --out out/a.yaml", "stream": "--run run --input audio/a.wav",
        "export": "--run run --out out/onnx",
        "card": "--run run", "push": "--run run --out out/push", "models": "", "weights": "", "bench": "nothing",
        "features": "--config av_foa_quick --prepared prepared --fold a --out out/features",
        "train": "--config av_foa_quick --data.prepared prepared --data.validate a --steps 0 --out out/run",
    }),
    "avseld-prep": (preparation, {
        "own": "--audio audio --labels predictions --prepared out/own --classes prepared/classes.txt",
        "check": "prepared", "split": "--prepared prepared --times clips.json",
        "lists": "--prepared prepared --out out/lists", "shards": "--prepared prepared --out out/shards",
        "statistics": "prepared/labels out/statistics.json", "resample": "--source audio --target out/resampled",
        "stereo": "--source prepared --target out/stereo --clips 1 --video none",
        "cut": "--source audio --target out/cut --times times.csv", "resize": "--source audio --target out/resized",
        "positions": "--source track.csv --target out/positions --rate 10",
        "binaural": "--source audio --target out/binaural --sofa times.csv", "dcase": "--raw prepared --prepared out/a",
        "tut": "--raw prepared --prepared out/a", "task4": "--raw prepared --prepared out/a",
        "stairs26": "--raw prepared --prepared out/a", "soundata": "--raw prepared --prepared out/a",
        "realseld": "--raw prepared --prepared out/a",
        "synth": "--out out/synth --preset nothing", "pictures": "--out out/pictures --presets nothing",
        "energy_maps": "--source audio --labels predictions --target out/maps",
        "convolve": "--sounds audio --responses nowhere --out out/convolved",
    }),
    "avseld-detect": (detection, {
        "boxes": "--prepared nowhere", "embed": "--prepared nowhere", "frames": "--prepared nowhere",
        "measure": "--pictures nowhere", "train": "--pictures nowhere --validation nowhere --out out/d",
        "export": "--checkpoint nowhere --out out/a.onnx",
    }),
}  # fmt: skip
WRONG = ("0", "-1", "1e30", "nan", ".inf", "abc", "[]", "{}", "null", "true", "0.5", "99999999999", "a,b", "prepared",
         "audio/a.wav", "nowhere/x", "a\nb", "\x1b[2J", "x" * 300, ": x", "é\u202e")  # fmt: skip
CELLS = ("", "nan", "-1", "1e30", "abc", "0.5", '"', "999999999999", "\x1b[2J", "1;2")
FILES = ("predictions/a.csv", "prepared/labels/a.csv", "prepared/manifest.csv", "prepared/classes.txt", "times.csv",
         "track.csv", "clips.json", "audio/a.wav", "prepared/boxes/a.npz", "run/config.yaml")  # fmt: skip
READERS = {
    "predictions/a.csv": ("score", "plot", "own"), "prepared/labels/a.csv": ("score", "check", "statistics"),
    "prepared/manifest.csv": ("check", "split", "lists", "score", "train", "shards"), "times.csv": ("cut",),
    "prepared/classes.txt": ("check", "own", "score", "split"), "track.csv": ("positions",), "clips.json": ("split",),
    "audio/a.wav": ("own", "resample", "plot", "check"), "prepared/boxes/a.npz": ("check",),
    "run/config.yaml": ("evaluate", "card", "thresholds"),
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """One recording of 1 s with labels, boxes and a prediction, and tables of every kind."""
    folder = tmp_path_factory.mktemp("messages")
    noise = np.random.default_rng(0).normal(size=(24000, 4)) * 0.05
    (folder / "audio").mkdir()
    soundfile.write(folder / "audio" / "a.wav", noise, 24000)
    events = Events.from_rows([(0.1, 0.2, 1, 0, 30, 0, 1.0), (0.2, 0.3, 1, 0, 30, 0, 1.0)])
    write_events(folder / "prepared" / "labels" / "a.csv", events)
    boxes = Boxes(
        np.arange(10) / 10, np.tile([0.1, 0.2, 0.3, 0.4], (10, 1, 1)), np.ones((10, 1)), np.zeros((10, 1))
    )
    write_boxes(folder / "prepared" / "boxes" / "a.npz", boxes)
    paths = {"audio": folder / "audio" / "a.wav", "boxes": folder / "prepared" / "boxes" / "a.npz"}
    recording = Recording(
        "a", format="foa", labels=folder / "prepared" / "labels" / "a.csv", duration=1.0, **paths
    )
    write_manifest(folder / "prepared", [recording], ["one", "two"])
    for name, text in {
        "predictions/a.csv": "1,1,0,30,0,100\n2,1,0,32,0,100\n", "times.csv": "name,start,stop\na,0,0.5\n",
        "clips.json": '[{"recording": "a", "start": 0, "stop": 1, "split": "test", "prompt": "one"}]',
        "track.csv": "x,y,z,source\n" + "1,0,0,0\n" * 20, "run/config.yaml": "data: {prepared: prepared}\n",
    }.items():  # fmt: skip
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    return folder


def printed(program: str, command: str, words: list[str]) -> str:
    """Run a command in this process and return what it prints to standard error, or fail for what it raises."""
    output, errors = io.StringIO(), io.StringIO()
    with (
        contextlib.redirect_stdout(output),
        contextlib.redirect_stderr(errors),
        contextlib.suppress(SystemExit),
    ):
        CALLS[program][0].main([command, *words])
    assert "\x1b[2J" not in output.getvalue() + errors.getvalue()
    return errors.getvalue()


def check(folder, monkeypatch, program: str, command: str, words: list[str]) -> None:
    monkeypatch.chdir(folder)
    shutil.rmtree("out", ignore_errors=True)
    said = printed(program, command, words)
    assert "--debug" not in said and "Traceback" not in said, (program, command, words, said)


def calls(draw, names=None) -> tuple[str, str, list[str]]:
    listed = [
        (program, name) for program, (_, own) in CALLS.items() for name in own if not names or name in names
    ]
    program, name = draw(st.sampled_from(listed))
    return program, name, CALLS[program][1][name].split()


def test_every_command_is_called_here():
    for module, own in CALLS.values():
        assert set(own) == set(module.COMMANDS)


@settings(
    max_examples=60,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.data())
def test_a_wrong_value_of_an_option_is_answered_in_one_line(folder, monkeypatch, data):
    program, name, words = calls(data.draw)
    command = CALLS[program][0].COMMANDS[name]
    types = option_types(getattr(import_module(command.module), command.function))
    options = [option for option in types if option not in ("--out", "--target", "--prepared")]
    for option in data.draw(st.lists(st.sampled_from(options or ["--none"]), min_size=1, max_size=2)):
        value = data.draw(st.sampled_from(WRONG))
        words = (
            [*words[: words.index(option)], *words[words.index(option) + 2 :]] if option in words else words
        )
        words = [*words, option, value]
    check(folder, monkeypatch, program, name, words)


@settings(
    max_examples=50,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.data())
def test_a_spoilt_file_is_answered_in_one_line(folder, monkeypatch, data):
    path = data.draw(st.sampled_from(FILES))
    content = (folder / path).read_bytes()
    program, name, words = calls(data.draw, READERS[path])
    place = data.draw(st.integers(0, len(content) - 1))
    if path.endswith((".csv", ".txt", ".yaml")) and data.draw(st.booleans()):
        lines = content.decode().splitlines()
        row = data.draw(st.integers(0, len(lines) - 1))
        cells = lines[row].split(",")
        cells[data.draw(st.integers(0, len(cells) - 1))] = data.draw(st.sampled_from(CELLS))
        spoilt = "\n".join([*lines[:row], ",".join(cells), *lines[row + 1 :]]).encode()
    else:
        spoilt = (
            content[:place]
            + data.draw(st.binary(max_size=8))
            + content[place + data.draw(st.integers(0, 8)) :]
        )
    try:
        (folder / path).write_bytes(spoilt)
        check(folder, monkeypatch, program, name, words)
    finally:
        (folder / path).write_bytes(content)


def test_a_number_of_a_command_that_means_nothing_is_answered_by_its_option(folder, monkeypatch):
    monkeypatch.chdir(folder)
    asked = set()
    for program, (module, own) in CALLS.items():
        for name, words in own.items():
            command = module.COMMANDS[name]
            types = option_types(getattr(import_module(command.module), command.function))
            for option in RANGES_OF_COMMANDS:
                kind = str(types.get(f"--{option}", ""))
                if command.positional or not ("int" in kind or "float" in kind) or f"--{option}" in words:
                    continue
                said = printed(program, name, [*words.split(), f"--{option}=-1000000000"])
                assert f"{name}: --{option}: -1000000000" in said and "give a" in said, (program, name, said)
                asked.add(option)
    assert len(asked) > 30 and not (folder / "out").exists()
