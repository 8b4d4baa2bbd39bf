"""docs/clusters.md and the job files of SLURM: their options exist, and a job goes on after its time limit."""

import functools
import inspect
import os
import re
import shlex
import signal
import subprocess
import time
from importlib import import_module
from pathlib import Path

import pytest

from avseld import __main__ as library
from data_prep import __main__ as preparation
from detection import __main__ as detection

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "clusters.md"
JOBS = sorted((ROOT / "scripts" / "slurm").glob("*.sbatch"))
PROGRAMS = {"avseld": library, "avseld-prep": preparation, "avseld-detect": detection}
OF_SBATCH = "job-name array nodes gpus-per-node ntasks-per-node cpus-per-task mem time signal requeue open-mode output"
"""options of sbatch, as its manual lists them"""


def commands() -> list[tuple[str, str, list[str]]]:
    """Program, command and options of every call on the page and in the job files."""
    text = (
        PAGE.read_text()
        .replace("\\\n", " ")
        .replace('"$@" --shard auto', "")
        .replace("-m avseld train", "avseld train")
    )
    text += "".join(path.read_text() for path in JOBS)
    lines = [
        line for block in re.findall(r"```bash\n(.*?)```", text, flags=re.S) for line in block.splitlines()
    ]
    found = []
    for line in (line for line in lines if not line.startswith("#")):
        for program, words in re.findall(r"\b(avseld(?:-prep|-detect)?) ([a-z].*?)\)?$", line):
            words = shlex.split(re.sub(r"\$\w+", "4", words), comments=True)
            found.append((program, words[0], words[1:]))
    return [each for each in found if each[2] != ["${words[@]}", "&"]]


@pytest.mark.parametrize(("program", "name", "words"), commands())
def test_the_commands_of_the_page_take_their_options(program, name, words, monkeypatch, tmp_path):
    import_module("avseld.training.from_python")  # else it may keep the stand-in, which it would import
    command = PROGRAMS[program].COMMANDS[name]
    module = import_module(command.module)
    function, calls = getattr(module, command.function), []
    stand_in = functools.wraps(function)(lambda **given: calls.append(given))
    monkeypatch.setattr(module, command.function, stand_in)
    monkeypatch.chdir(tmp_path)
    PROGRAMS[program].main([name, *words])
    assert len(calls) == 1
    assert program == "avseld" or "shard" in calls[0]


def test_every_command_that_takes_shards_is_on_the_page_and_the_others_are_named_with_their_reason():
    page = PAGE.read_text()
    shared, others = page.split("These are not shared out")
    rows = "".join(re.findall(r"^\| `avseld.*?\|", shared, flags=re.M))
    listed = set(re.findall(r"`(?:avseld-prep |avseld-detect )?([a-z0-9_]+)`", rows))
    named = set(re.findall(r"`(?:avseld-detect )?([a-z0-9_]+)`", others.split("\n\n")[0]))
    for program in ("avseld-prep", "avseld-detect"):
        for name, command in PROGRAMS[program].COMMANDS.items():
            function = getattr(import_module(command.module), command.function)
            takes = "shard" in inspect.signature(function).parameters
            assert (name in listed) == takes or name == "frames", name
            assert (name in named) != takes, name


@pytest.mark.parametrize("path", JOBS, ids=lambda path: path.name)
def test_job_files_stand_on_the_page_and_their_options_are_those_of_sbatch(path):
    text = path.read_text()
    assert text in PAGE.read_text().replace("```", "")
    assert subprocess.run(["bash", "-n", str(path)]).returncode == 0 and os.access(path, os.X_OK)
    assert set(re.findall(r"^#SBATCH --([a-z-]+)", text, flags=re.M)) <= set(OF_SBATCH.split())


STUBS = {
    "srun": """echo "srun $*" >> "$LOG"
trap 'echo stopped >> "$LOG"; exit 143' TERM
while [ -f "$LOG.wait" ]; do sleep 0.02; done
""",
    "scontrol": 'echo "scontrol $*" >> "$LOG"\n',
}
"""programs of SLURM: srun ends at once, or at SIGTERM as a training does"""


@pytest.fixture
def job(tmp_path):
    """Return a function that starts the training job with words, and the log of what it calls."""
    (tmp_path / "bin").mkdir()
    for name, text in STUBS.items():
        (tmp_path / "bin" / name).write_text(f"#!/usr/bin/env bash\n{text}")
        (tmp_path / "bin" / name).chmod(0o755)
    log = tmp_path / "log"
    told = {"SLURM_NTASKS_PER_NODE": "4", "SLURM_NNODES": "2", "SLURM_JOB_ID": "7", "LOG": str(log)}
    environment = {**os.environ, **told, "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}

    def start(*words):
        return subprocess.Popen(
            ["bash", str(ROOT / "scripts/slurm/train.sbatch"), *words], env=environment, cwd=tmp_path
        )

    return start, log


def test_a_training_job_begins_with_its_recipe_and_goes_on_where_there_is_a_checkpoint(job, tmp_path):
    start, log = job
    assert start("run", "--config", "av_foa").wait() == 0
    (tmp_path / "run" / "checkpoints").mkdir(parents=True)
    (tmp_path / "run" / "checkpoints" / "last.ckpt").touch()
    assert start("run", "--config", "av_foa").wait() == 0
    begun, resumed = log.read_text().splitlines()
    assert begun == (
        "srun avseld train --out run --hardware.devices 4 --hardware.num_nodes 2 --config av_foa"
    )
    assert resumed == "srun avseld train --resume run"


def test_a_training_job_is_queued_again_at_its_time_limit_after_the_training_has_stopped(job):
    start, log = job
    log.with_name("log.wait").touch()
    process = start("run", "--config", "av_foa")
    while not log.exists():
        time.sleep(0.01)
    process.send_signal(signal.SIGUSR1)
    assert process.wait(20) == 143
    assert log.read_text().splitlines()[1:] == ["stopped", "scontrol requeue 7"]
