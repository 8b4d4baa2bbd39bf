"""The script that compares locators: the commands that it gives, run in this process."""

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile

import avseld.__main__
import data_prep.__main__
from avseld.io.geometry import unit_vector

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "evaluate_locator.sh"
RATE = 24000
MAINS = {"avseld": avseld.__main__.main, "avseld-prep": data_prep.__main__.main}


@pytest.fixture
def material(tmp_path):
    """Two sounds, a response of a made room, and a real recording with its labels."""
    rng = np.random.default_rng(0)
    decay = rng.normal(size=(4, RATE // 3)) * 0.02 * 10 ** (-np.arange(RATE // 3) / RATE * 9)
    x, y, z = unit_vector(30, 0)
    decay[:, :100] = 0
    decay[:, 50] = [1, y, z, x]
    soundfile.write(tmp_path / "room.wav", decay.T, RATE, subtype="FLOAT")
    for kind in ("a", "b"):
        (tmp_path / "sounds" / kind).mkdir(parents=True)
        soundfile.write(tmp_path / "sounds" / kind / "1.wav", 0.1 * rng.normal(size=2 * RATE), RATE)
    (tmp_path / "real").mkdir()
    soundfile.write(tmp_path / "real" / "one.wav", 0.01 * rng.normal(size=(2 * RATE, 4)), RATE)
    (tmp_path / "real" / "one.csv").write_text("3,0,0,10,0\n")
    return tmp_path


def call(folder, *words):
    """Run a copy of the script whose commands are written to a file; return its status, messages and commands."""
    scripts, programs = folder / "scripts", folder / "programs"
    for made in (scripts, programs):
        made.mkdir(exist_ok=True)
    shutil.copy(SCRIPT, scripts)
    (scripts / "environment.sh").write_text("use_environment() { :; }\n")
    for name in MAINS:
        program = programs / name
        program.write_text(f'#!/bin/sh\necho {name} "$@" >> {folder}/commands\n')
        program.chmod(0o755)
    environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", str(scripts / SCRIPT.name), *map(str, words)],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
    )
    commands = folder / "commands"
    lines = commands.read_text().splitlines() if commands.exists() else []
    return done.returncode, done.stdout + done.stderr, [line.split() for line in lines]


def test_the_script_makes_the_set_and_scores_it_and_real_recordings(material, capsys, monkeypatch):
    monkeypatch.chdir(material)
    options = (
        "--sounds",
        "sounds",
        "--responses",
        "room.wav",
        "--real",
        "real",
        "--recordings",
        "2",
        "--seconds",
        "5",
    )
    status, _, commands = call(material, *options, "--false_rows", "1000")
    assert status == 0
    assert [words[:2] for words in commands] == [
        ["avseld-prep", "convolve"],
        ["avseld-prep", "dcase"],
        ["avseld", "locate"],
        ["avseld-prep", "own"],
        ["avseld", "locate"],
    ]
    for program, *words in commands[:3]:
        # An empty list of runs is a word of its own in the script, which the file of commands does not show.
        MAINS[program]([word for word in words if word != "--runs"])
    assert "baseline" in capsys.readouterr().out
    assert (material / "locator" / "rooms_2x5_15dB_seed0" / "locate.png").is_file()


def test_missing_options_and_labels_are_named(material):
    status, said, commands = call(material, "--sounds", "sounds")
    assert status == 2 and "give --sounds and --responses" in said and not commands
    status, said, _ = call(material, "--sound", "sounds")
    assert status == 2 and "no option --sound" in said
    (material / "real" / "one.csv").unlink()
    status, said, _ = call(material, "--sounds", "sounds", "--responses", "room.wav", "--real", "real")
    assert status == 2 and "real/one.csv: not found" in said
