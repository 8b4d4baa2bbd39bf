"""Stops of a training: signals, early stopping, and how a stopped run goes on."""

import json
import logging
import os
import re
import signal
import subprocess
import sys
import time

import plane_waves
import pytest
import torch
import yaml
from learning import train_briefly
from safetensors.torch import load_file

from avseld.base.errors import BadInput, Interrupted
from avseld.base.processes import is_first_process, is_launched_process
from avseld.evaluation.validation import Validator
from avseld.metrics.formulas import Scores
from avseld.recipes.arguments import training_arguments
from avseld.training.module import Learner


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    return plane_waves.make(tmp_path_factory.mktemp("plane_waves"), seconds=3)


@pytest.fixture(scope="module")
def uninterrupted(prepared, tmp_path_factory):
    return train_briefly(prepared, tmp_path_factory.mktemp("whole") / "run")


def signal_in(monkeypatch, method, step, *numbers):
    """Send signals to this process before a method of the learner runs at a step."""
    ordinary, rest = getattr(Learner, method), list(numbers)

    def signalling(self, *words):
        while rest and self.global_step == step:
            os.kill(os.getpid(), rest.pop(0))
        return ordinary(self, *words)

    monkeypatch.setattr(Learner, method, signalling)


@pytest.mark.parametrize(
    ("method", "step", "number", "stopped_at"),
    [
        ("training_step", 0, signal.SIGTERM, 1),
        ("training_step", 3, signal.SIGINT, 4),
        ("training_step", 2, signal.SIGTERM, 3),
        ("validation_step", 3, signal.SIGTERM, 3),
    ],
)
def test_a_stopped_run_exits_as_its_signal_and_resumes_to_the_weights_of_an_uninterrupted_one(
    prepared, uninterrupted, tmp_path, monkeypatch, method, step, number, stopped_at
):
    out = tmp_path / "a run"
    before = signal.getsignal(number)
    with monkeypatch.context() as patched, pytest.raises(Interrupted) as stop:
        signal_in(patched, method, step, number)
        train_briefly(prepared, out)
    assert str(stop.value) == f"stopped at step {stopped_at}; go on with avseld train --resume '{out}'"
    assert stop.value.status == {signal.SIGINT: 130, signal.SIGTERM: 143}[number]
    assert signal.getsignal(number) is before
    assert (out / "last.safetensors").is_file()
    train_briefly(prepared, out, resume=True)
    for name in ("last.safetensors", "model.safetensors"):
        resumed, whole = load_file(out / name), load_file(uninterrupted / name)
        assert all(torch.equal(resumed[key], whole[key]) for key in whole), name
    assert (out / "metrics.csv").read_text() == (uninterrupted / "metrics.csv").read_text()


def test_a_second_signal_stops_at_once_and_the_run_resumes_from_its_first_step(
    prepared, uninterrupted, tmp_path, monkeypatch
):
    out = tmp_path / "run"
    with monkeypatch.context() as patched, pytest.raises(Interrupted, match="stopped at step 0; go on"):
        signal_in(patched, "training_step", 1, signal.SIGINT, signal.SIGINT)
        train_briefly(prepared, out)
    train_briefly(prepared, out, resume=True)
    resumed, whole = (load_file(run / "last.safetensors") for run in (out, uninterrupted))
    assert all(torch.equal(resumed[key], whole[key]) for key in whole)


def test_early_stopping_says_at_which_step_why_and_which_step_was_the_best(
    prepared, tmp_path, monkeypatch, caplog
):
    scores = iter([0.8, 0.6, 0.7, 0.9, 0.5])
    monkeypatch.setattr(
        Validator, "scores", lambda *words: Scores(2023, "macro", values={"seld_score": next(scores)})
    )
    with caplog.at_level(logging.INFO, logger="avseld"):
        train_briefly(prepared, tmp_path / "run", validate_every=1, best_by="seld_score", patience=2)
    (said,) = [line for line in caplog.messages if "stopped" in line]
    assert said == (
        "stopped early at step 4 of 5: no better seld_score in 2 validations; the best is 0.6, of step 2"
    )


def test_a_run_without_early_stop_says_nothing_of_one(prepared, tmp_path, caplog):
    with caplog.at_level(logging.INFO, logger="avseld"):
        train_briefly(prepared, tmp_path / "run", steps=1, validate_every=1000, patience=1)
    assert "validate_every is 1 instead of 1000, since the training has 1 steps" in caplog.messages
    assert not [line for line in caplog.messages if "stopped" in line]


def test_the_progress_bar_is_closed_before_the_message_of_an_error(prepared, tmp_path, monkeypatch, capsys):
    def failing(self, *words):
        raise BadInput("an error of a step")

    monkeypatch.setattr(Learner, "_learn", failing)
    for is_terminal in (True, False):  # there is a bar on a terminal alone
        monkeypatch.setattr(sys.stderr, "isatty", lambda shown=is_terminal: shown)
        with pytest.raises(BadInput, match="an error of a step"):
            train_briefly(prepared, tmp_path / f"run{is_terminal}")
        said = capsys.readouterr().err
        assert said.endswith("\n") if is_terminal else "0/5" not in said


def test_steps_and_validations_are_at_least_one(prepared, tmp_path):
    for changes in ({"steps": 0}, {"validate_every": 0}):
        with pytest.raises(BadInput, match="give a whole number from 1"):
            train_briefly(prepared, tmp_path / "run", **changes)
    assert not (tmp_path / "run").exists()


def test_several_seeds_train_one_run_each_and_resume_together_after_a_stop_in_one(
    prepared, uninterrupted, tmp_path, monkeypatch
):
    out = tmp_path / "all seeds"
    with monkeypatch.context() as patched, pytest.raises(Interrupted) as stop:
        signal_in(patched, "training_step", 1, signal.SIGTERM)
        train_briefly(prepared, out, seed=[0, 1])
    assert stop.value.status == 143
    assert str(stop.value) == (
        f"seed 0: stopped at step 2; go on with all seeds by avseld train --resume '{out}'"
    )
    assert not (out / "seed1").exists()
    _, recipe, *rest = training_arguments(["--resume", str(out)])
    assert json.loads(recipe)["seed"] == [0, 1] and rest == ["--out", str(out), "--resume=true"]
    train_briefly(prepared, out, seed=[0, 1], resume=True)
    weights = [load_file(out / name / "last.safetensors") for name in ("seed0", "seed1")]
    whole = load_file(uninterrupted / "last.safetensors")
    assert all(torch.equal(weights[0][key], whole[key]) for key in whole)
    assert not all(torch.equal(weights[1][key], whole[key]) for key in whole)
    assert yaml.safe_load((out / "seed1" / "config.yaml").read_text())["seed"] == 1


@pytest.mark.slow
def test_a_signal_ends_one_process_or_two_with_its_status_and_one_line(prepared, uninterrupted, tmp_path):
    started = []
    for number, devices in ((signal.SIGTERM, 1), (signal.SIGINT, 2)):
        out = tmp_path / f"run{devices}"
        words = [
            "--config",
            str(uninterrupted),
            "--steps",
            "9000",
            "--validate_every",
            "20",
            "--out",
            str(out),
        ]
        words += [f"--hardware.devices={devices}", "--hardware.strategy", "ddp" if devices > 1 else "auto"]
        with (tmp_path / f"said{devices}").open("w") as said:
            command = [sys.executable, "-m", "avseld", "train", *words]
            process = subprocess.Popen(command, stderr=said, env={**os.environ, "OMP_NUM_THREADS": "1"})
        started.append((process, number, out, tmp_path / f"said{devices}"))
    for process, number, _, said in started:
        while process.poll() is None and "\nstep 20 of 9000: " not in said.read_text():
            time.sleep(0.1)
        process.send_signal(number)
    for process, number, out, said in started:
        assert process.wait(60) == 128 + number
        text = said.read_text()
        assert text.count("stopped") == text.count("recordings to train on") == 1
        assert re.search(
            rf"\navseld train: stopped at step \d+; go on with avseld train --resume {out}\n$", text
        )
        assert (out / "checkpoints" / "last.ckpt").is_file() and (out / "last.safetensors").is_file()


@pytest.mark.parametrize("name", ["RANK", "SLURM_PROCID", "LOCAL_RANK"])
def test_only_the_first_process_speaks_and_only_those_of_lightnings_launcher_wait_for_their_end(
    monkeypatch, name
):
    for each in ("RANK", "SLURM_PROCID", "NODE_RANK", "LOCAL_RANK"):
        monkeypatch.delenv(each, raising=False)
    assert is_first_process() and not is_launched_process()
    monkeypatch.setenv(name, "1")
    assert not is_first_process() and is_launched_process() == (name == "LOCAL_RANK")


def test_several_seeds_are_different_and_none_of_their_folders_is_in_use(prepared, tmp_path):
    with pytest.raises(BadInput, match="give one seed, or several different ones"):
        train_briefly(prepared, tmp_path, seed=[1, 1])
    (tmp_path / "seed1").mkdir()
    (tmp_path / "seed1" / "config.yaml").touch()
    with pytest.raises(BadInput, match="seed1: holds a run already"):
        train_briefly(prepared, tmp_path, seed=[0, 1])
    assert not (tmp_path / "seed0").exists()
