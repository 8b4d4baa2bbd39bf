"""Scripts that are started together share .venv: one installs, the others wait."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PYTHON = """#!/bin/bash
if [ "$1 $2" = "-m venv" ]; then mkdir -p "$3/bin"; sleep 0.2; cp "$0" "$3/bin/python"; exit; fi
echo "begin $PPID" >>"$LOG"
sleep 0.2
echo "end $PPID" >>"$LOG"
"""
TOOLS = ["bash", "cat", "cksum", "mkdir", "sleep", "dirname", "rm", "mv", "cp", "basename", "env"]


@pytest.fixture
def project(tmp_path) -> Path:
    """Nothing but the script that installs, what it reads, and a Python that only notes when it installs."""
    (tmp_path / "scripts").mkdir()
    for name in ("environment.sh", "options.sh", "runs.sh"):
        shutil.copy(ROOT / "scripts" / name, tmp_path / "scripts")
    for name in ("setup.cfg", "pyproject.toml", "constraints.txt"):
        (tmp_path / name).write_text(name)
    (tmp_path / "python").write_text(PYTHON)
    (tmp_path / "python").chmod(0o755)
    return tmp_path


def start(project: Path, path: str, *words: str) -> subprocess.Popen:
    environment = {"PATH": path, "PYTHON": str(project / "python"), "LOG": str(project / "log")}
    code = f"set -euo pipefail; source {project}/scripts/environment.sh; use_environment {' '.join(words)}; echo ready"
    return subprocess.Popen(
        [shutil.which("bash"), "-c", code], env=environment, stdout=subprocess.PIPE, text=True
    )


def without_flock(project: Path) -> str:
    """A search path with the tools that the script needs, as on a machine without flock."""
    folder = project / "tools"
    folder.mkdir()
    for name in TOOLS:
        (folder / name).symlink_to(shutil.which(name))
    return str(folder)


@pytest.mark.parametrize("flock", [True, False])
def test_scripts_started_together_install_once(project, flock):
    if flock and shutil.which("flock") is None:
        pytest.skip("no flock")
    path = os.environ["PATH"] if flock else without_flock(project)
    together = [start(project, path, "test") for _ in range(4)]
    outputs = [process.communicate(timeout=60)[0] for process in together]
    assert all(process.returncode == 0 for process in together)
    assert all(output.endswith("ready\n") for output in outputs)
    steps = (project / "log").read_text().split("\n")[:-1]
    assert [step.split()[0] for step in steps] == ["begin", "end"] * 2  # pip itself, then the project
    assert len({step.split()[1] for step in steps}) == 1
    assert sum("installing avseld with its test extra" in output for output in outputs) == 1
    assert start(project, path).communicate(timeout=60)[0] == "ready\n"  # the extra holds the project, too


@pytest.mark.parametrize("flock", [True, False])
def test_different_extras_install_one_after_the_other(project, flock):
    if flock and shutil.which("flock") is None:
        pytest.skip("no flock")
    path = os.environ["PATH"] if flock else without_flock(project)
    together = [start(project, path, *words) for words in (["test"], ["mmdet"])]
    assert [process.communicate(timeout=60) and process.returncode for process in together] == [0, 0]
    steps = (project / "log").read_text().split("\n")[:-1]
    assert [step.split()[0] for step in steps] == ["begin", "end"] * 4
    assert [one.split()[1] == other.split()[1] for one, other in zip(steps[::2], steps[1::2], strict=True)]


def test_the_lock_of_a_script_that_was_killed_is_taken_over(project):
    path = without_flock(project)
    ended = subprocess.Popen(["true"])
    ended.wait()
    (project / ".venv.lock.d").mkdir()
    (project / ".venv.lock.d" / "process").write_text(str(ended.pid))
    assert start(project, path, "test").communicate(timeout=30)[0].endswith("ready\n")
    assert not (project / ".venv.lock.d").exists()


def test_an_installation_that_fails_ends_the_script_and_is_tried_again(project):
    (project / "python").write_text(PYTHON.replace('echo "begin', 'test -e "$LOG.ok" || exit 7\necho "begin'))
    for path in (os.environ["PATH"], without_flock(project)):
        process = start(project, path, "test")
        assert process.communicate(timeout=30)[0].count("ready") == 0 and process.returncode == 7
        assert not (project / ".venv" / ".avseld-test").exists()
        assert not (project / ".venv.lock.d").exists()
    (project / "log.ok").touch()
    assert start(project, path, "test").communicate(timeout=30)[0].endswith("ready\n")
