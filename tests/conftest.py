"""Fixtures of all tests: reference values, the folder of recordings beside the repository, and options."""

from collections.abc import Callable
from pathlib import Path

import hypothesis
import pytest

from avseld.base.memory import keep_freed_memory

keep_freed_memory()
hypothesis.settings.register_profile("avseld", deadline=None)  # a deadline would fail on a busy machine
hypothesis.settings.load_profile("avseld")

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"
GOLDEN = ROOT / "tests" / "golden"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--golden", type=Path, default=GOLDEN, help="folder of reference values")


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
    """Run long trainings first, so that another process runs the other tests meanwhile."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)
