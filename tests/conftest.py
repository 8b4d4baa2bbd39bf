"""Fixtures of all tests: reference values, the folder of recordings beside the repository, and options."""

import logging
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path

import hypothesis
import pytest
from command_server import ServedScripts, serving

from avseld.base.memory import keep_freed_memory

keep_freed_memory()
hypothesis.settings.register_profile("avseld", deadline=None)  # a deadline would fail on a busy machine
hypothesis.settings.load_profile("avseld")

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"
GOLDEN = ROOT / "tests" / "golden"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--golden", type=Path, default=GOLDEN, help="folder of reference values")
    parser.addoption(
        "--no-skips",
        action="store_true",
        help="fail where a test skips that tests/allowed_skips.txt does not name",
    )


class Skips:
    """Notes every skip that is not allowed, and fails the run for it."""

    def __init__(self, path: Path) -> None:
        lines = [line.split("\t") for line in path.read_text().splitlines() if line and line[0] != "#"]
        self.allowed = [(test, reason) for test, reason in lines]
        self.forbidden: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if not report.skipped or hasattr(report, "wasxfail"):
            return
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        reason = reason.removeprefix("Skipped: ")
        if not any(
            fnmatchcase(report.nodeid, test) and fnmatchcase(reason, why) for test, why in self.allowed
        ):
            self.forbidden.append(f"{report.nodeid}: {reason}")

    pytest_collectreport = pytest_runtest_logreport

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        if self.forbidden and exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self.forbidden:
            terminalreporter.section("skips that tests/allowed_skips.txt does not name", red=True)
            for line in self.forbidden:
                terminalreporter.line(line)


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--no-skips") and not hasattr(
        config, "workerinput"
    ):  # the process that starts the others
        config.pluginmanager.register(Skips(ROOT / "tests" / "allowed_skips.txt"))


@pytest.fixture(autouse=True)
def logging_as_imported() -> Iterator[None]:
    """Undo what a command called in a test, or in a fixture of its module, does to logging.

    Its handler writes to a stream that the test closes, and messages without a warning would be seen by other tests.
    """
    _reset_logging()
    yield
    _reset_logging()


def _reset_logging() -> None:
    for name in ("avseld", "detection", "data_prep"):
        logger = logging.getLogger(name)
        logger.handlers[:], logger.propagate = [], True
        logger.setLevel(logging.NOTSET)


@pytest.fixture(scope="session")
def shared() -> Callable[[str], Path]:
    """Return the path of recorded material; skip the test, naming the path, if it is absent."""

    def find(name: str) -> Path:
        path = SHARED / name
        if not path.exists():
            pytest.skip(f"../shared/{name} is absent")
        return path

    return find


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedScripts]:
    """Return the scripts, run with commands that are served by a process which has loaded everything."""
    programs = tmp_path_factory.mktemp("programs")
    with serving(programs):
        yield ServedScripts(tmp_path_factory.mktemp("root"), programs)


@pytest.fixture(scope="session")
def golden(request: pytest.FixtureRequest) -> Callable[[str], Path]:
    """Return the path of reference values, here or in the folder given by --golden.

    A file may be absent from another folder, and here only if the test says so: those tests skip.
    """
    folder: Path = request.config.getoption("--golden").resolve()

    def find(name: str, elsewhere: bool = False) -> Path:
        path = folder / name
        if not path.exists():
            message = f"{name} is absent from the reference values"
            pytest.skip(message) if elsewhere or folder != GOLDEN else pytest.fail(message)
        return path

    return find


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run long files first, so that no process is left with one when the other has nothing to do."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)
