"""A process that has loaded everything and runs commands of the project in forks of itself.

A command in a process of its own takes seconds to load PyTorch and Lightning before it begins. A fork begins at once,
and is still a process of its own, with its own options, working directory, environment, streams and exit status:
scripts that call a dozen commands are tested whole in the time of what they do.

    python command_server.py FOLDER        writes FOLDER/avseld, avseld-prep and avseld-detect, then serves them
"""

import atexit
import gc
import importlib
import json
import os
import pkgutil
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROGRAMS = {"avseld": "avseld", "avseld-prep": "data_prep", "avseld-detect": "detection"}
LATE = ("docstring_parser", "jsonargparse", "lightning.pytorch", "matplotlib.pyplot", "typeshed_client")
"""what commands import when they are called"""

OPTIONAL = ("detection.backends.mmdet", "avseld.publishing")
"""modules that need packages of an extra"""

CLIENT = """#!{python} -IS
import json, os, socket, sys
connection = socket.socket(socket.AF_UNIX)
connection.connect({address!r})
request = json.dumps([{module!r}, sys.argv, os.getcwd(), dict(os.environ)]).encode()
socket.send_fds(connection, [len(request).to_bytes(8, "little")], [0, 1, 2])
connection.sendall(request)
sys.exit(int.from_bytes(connection.recv(1) or bytes([70]), "little"))
"""


def load_everything() -> None:
    """Import every module of the three packages, and with them what they need."""
    for name in LATE:
        importlib.import_module(name)
    for package in PROGRAMS.values():
        for found in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}."):
            if not found.name.startswith(OPTIONAL) and not found.name.endswith("__main__"):
                try:
                    importlib.import_module(found.name)
                except ImportError:
                    continue  # a package of an extra that is not installed; the command itself says so


def requests(server: socket.socket) -> Iterator[tuple[str, list[str], str, dict[str, str]]]:
    """Accept requests; yield in a fork, with its streams in place, and let another fork report its exit status."""
    while True:
        connection, _ = server.accept()
        if os.fork():
            connection.close()
            continue
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        length, streams, _, _ = socket.recv_fds(connection, 8, 3)
        size = int.from_bytes(length, "little")
        request = b""
        while len(request) < size:
            request += connection.recv(size - len(request))
        child = os.fork()
        if child:
            _, status = os.waitpid(child, 0)
            code = os.waitstatus_to_exitcode(status)
            connection.sendall(bytes([code if code >= 0 else 128 - code]))
            os._exit(0)
        server.close()
        connection.close()
        for target, stream in enumerate(streams):
            os.dup2(stream, target)
            os.close(stream)
        yield json.loads(request)


def serve(folder: Path) -> None:
    """Write the programs into a folder and run what they are called with."""
    load_everything()
    server = socket.socket(socket.AF_UNIX)
    address = str(folder / "socket")
    server.bind(address)
    server.listen(16)
    for program, module in PROGRAMS.items():
        path = folder / program
        path.write_text(CLIENT.format(python=sys.executable, address=address, module=module))
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
    gc.freeze()  # a collection in a fork would copy all of this
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # forks that report are not waited for
    module, words, place, environment = next(requests(server))
    os.chdir(place)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = words
    run(module)


def run(module: str) -> None:
    """Run the command of a package and end this process as Python does, but without taking apart what was loaded."""
    try:
        code = importlib.import_module(f"{module}.__main__").main()
    except SystemExit as end:
        code = end.code
        if isinstance(code, str):
            sys.stderr.write(f"{code}\n")
    except BaseException:
        traceback.print_exc()
        code = 1
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else 0 if code is None else 1)


@contextmanager
def serving(folder: Path) -> Iterator[None]:
    """Serve the commands from a process of their own, by programs in a folder."""
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, __file__, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        try:
            yield
        finally:
            process.terminate()


class ServedScripts:
    """Runs the scripts of this repository with served commands.

    Args:
        folder: gets a repository that consists of links, but for its scripts, which take the commands that are first on
            the search path and install nothing.
        programs: folder of served commands.
    """

    def __init__(self, folder: Path, programs: Path) -> None:
        self.root = folder
        self.environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": str(ROOT)}
        self.environment["PATH"] = os.pathsep.join(
            [str(programs), str(Path(sys.executable).parent), os.environ["PATH"]]
        )
        for path in ROOT.iterdir():
            if path.name not in {"scripts", ".venv", ".git"}:
                (folder / path.name).symlink_to(path)
        shutil.copytree(ROOT / "scripts", folder / "scripts")
        with (folder / "scripts" / "environment.sh").open("a") as file:
            file.write("use_environment() { :; }\n")
        activate = folder / ".venv" / "bin" / "activate"
        activate.parent.mkdir(parents=True)
        activate.touch()

    def __call__(self, name: str, *words: object, expect: int = 0, cwd: Path | None = None) -> str:
        """Run a script; return what it prints, messages included.

        Args:
            name: of the script.
            words: its arguments.
            expect: exit status.
            cwd: working directory.
        """
        return self.run("bash", self.root / "scripts" / name, *words, expect=expect, cwd=cwd)

    def run(self, *command: object, expect: int = 0, cwd: Path | None = None) -> str:
        """Run a command, such as `avseld train`; return what it prints, messages included.

        Args:
            command: its words.
            expect: exit status.
            cwd: working directory.
        """
        done = subprocess.run(
            [*map(str, command)],
            capture_output=True,
            text=True,
            env=self.environment,
            cwd=cwd,
            timeout=1200,
        )
        assert done.returncode == expect, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout + done.stderr


if __name__ == "__main__":
    sys.path[0] = str(ROOT)  # this folder, which Python puts there, has folders of the packages' names
    serve(Path(sys.argv[1]))
