"""Processes that read windows, and what becomes of them."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from torch._utils import ExceptionWrapper

from avseld.base.errors import BadInput
from avseld.data.loader import explaining_workers


def is_alive(process: int) -> bool:
    stat = Path(f"/proc/{process}/stat")
    return stat.is_file() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


@pytest.mark.skipif(sys.platform != "linux", reason="looks at processes in /proc")
def test_a_reading_process_ends_with_a_training_that_is_killed(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import multiprocessing, time\n"
        "from avseld.data.loader import Numbers, loader\n"
        "if __name__ == '__main__':\n"
        "    batches = iter(loader(list(range(100)), Numbers(0, 50, 2), 1))\n"
        "    next(batches)\n"
        "    print(multiprocessing.active_children()[0].pid, flush=True)\n"
        "    time.sleep(60)\n"
    )
    training = subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True)
    worker = int(training.stdout.readline())
    assert is_alive(worker)
    training.kill()
    training.wait()
    until = time.monotonic() + 10
    while is_alive(worker) and time.monotonic() < until:
        time.sleep(0.02)
    alive = is_alive(worker)
    if alive:
        os.kill(worker, signal.SIGKILL)
    assert not alive


def test_bad_input_that_a_reading_process_finds_is_one_line():
    try:
        raise BadInput("a.wav: cannot be read; copy it again")
    except BadInput:
        found = ExceptionWrapper(where="in DataLoader worker process 0")  # as the process sends it
    with pytest.raises(BadInput) as error, explaining_workers():
        found.reraise()
    assert str(error.value) == "a.wav: cannot be read; copy it again"


def test_the_end_of_a_reading_process_is_explained():
    with (
        pytest.raises(BadInput, match=r"data\.workers: a process that reads windows was ended"),
        explaining_workers(),
    ):
        raise RuntimeError("DataLoader worker (pid(s) 726) exited unexpectedly")
    with pytest.raises(RuntimeError, match="another error"), explaining_workers():
        raise RuntimeError("another error")
