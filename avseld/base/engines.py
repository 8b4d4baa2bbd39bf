"""Calls of one function for many files: by threads or processes through joblib, or by workers of a Dask cluster."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

from joblib import Parallel, cpu_count, delayed

from avseld.base.errors import BadInput

DASK = "dask"
CONNECT_S = 20.0
"""how long a scheduler may take to answer"""


@dataclass(frozen=True)
class Engine:
    """Who does the calls.

    Args:
        name: threads; loky, processes on this machine; or dask.
        address: of the scheduler of a Dask cluster.
        jobs: calls at once; 0 for one per core. A Dask cluster does as many as its workers have threads.
    """

    name: str = "threads"
    address: str = ""
    jobs: int = 0

    @property
    def n_workers(self) -> int:
        """Number of calls at once on this machine."""
        return self.jobs if self.jobs > 0 else cpu_count()

    @property
    def is_remote(self) -> bool:
        """Whether workers may be lost, and what they were writing remains."""
        return self.name == DASK

    def run(
        self, function: Callable[..., Any], arguments: Sequence[tuple[Any, ...]], in_order: bool = False
    ) -> Iterator[Any]:
        """Call a function with each of several arguments.

        Args:
            function: of a module, so that other processes find it, or a `partial` of one.
            arguments: of each call.
            in_order: yield the results in the order of the arguments, not as they come.

        Raises:
            BadInput: no such scheduler, or what a call raised.
        """
        if self.name == DASK:
            yield from self._run_on_cluster(function, arguments, in_order)
            return
        return_as = "generator" if in_order else "generator_unordered"
        n_jobs = min(self.n_workers, max(len(arguments), 1))
        # A preference, so that a joblib.parallel_config around the call decides.
        parallel = Parallel(
            n_jobs, prefer="threads" if self.name == "threads" else "processes", return_as=return_as
        )
        yield from parallel(delayed(function)(*words) for words in arguments)

    def _run_on_cluster(
        self, function: Callable[..., Any], arguments: Sequence[tuple[Any, ...]], in_order: bool
    ) -> Iterator[Any]:
        """Call a function on the workers of a Dask cluster.

        Not by joblib's backend for Dask, which waits for ever for a call whose workers end, or that raises.

        Raises:
            BadInput: a call ended its workers more often than Dask allows, or what a call refused.
        """
        with _client(self.address) as client:
            from distributed import as_completed

            # Workers have other working directories.
            there = _absolute(function)
            calls = {
                client.submit(_outcome, there, _absolute(words), pure=False): words for words in arguments
            }
            for future in list(calls) if in_order else as_completed(list(calls), loop=client.loop):
                try:
                    outcome = future.result()
                except Exception as error:  # of Dask: those of the call are in its outcome
                    what = next(
                        (str(word) for word in calls[future] if isinstance(word, Path | str)), "a call"
                    )
                    raise BadInput(
                        f"{what}: --engine {DASK}:{self.address}: {' '.join(str(error).split())}"
                    ) from error
                yield outcome.result()


THREADS = Engine()


def read_engine(text: str | None, jobs: int = 0, default: Literal["threads", "loky"] = "threads") -> Engine:
    """Parse the value of --engine.

    Args:
        text: threads, loky or dask:ADDRESS; None for the default.
        jobs: as in `Engine`.
        default: of the command.

    Raises:
        BadInput: something else, or Dask is not installed.
    """
    name, _, address = (default if text is None else str(text).strip()).partition(":")
    if name not in ("threads", "loky", DASK) or bool(address) != (name == DASK):
        raise BadInput(f"--engine {text}: give threads, loky or dask:ADDRESS, such as dask:tcp://node1:8786")
    if name == DASK:
        try:
            import distributed  # noqa: F401 - an extra
        except ImportError:
            raise BadInput(
                f"--engine {text}: Dask is not installed; pip install 'avseld[cluster]', here and on the workers"
            ) from None
    return Engine(name, address, jobs)


def threads_of_call(engine: Engine) -> int:
    """Return how many threads a call may use, so that all calls at once use as many as there are cores."""
    return 1 if engine.is_remote else max(1, cpu_count() // engine.n_workers)


@contextmanager
def _client(address: str) -> Iterator[Any]:
    """Connect to a scheduler for the time of a block."""
    from distributed import Client

    try:
        client = Client(address, timeout=CONNECT_S, set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise BadInput(
            f"--engine dask:{address}: no scheduler of Dask answers there ({reason}); give the address that "
            "`dask scheduler` prints"
        ) from error
    with client:
        try:
            client.run(_nothing)
        except ImportError as error:
            raise BadInput(
                f"--engine dask:{address}: the workers cannot import {error.name}; install avseld in their "
                "environment, as here"
            ) from error
        yield client


@dataclass(frozen=True)
class _Outcome:
    """What a call on a worker returned, or why it failed: an exception of its own may not be known here."""

    value: Any = None
    failure: str = ""
    is_bad_input: bool = False

    def result(self) -> Any:
        if self.failure:
            raise BadInput(self.failure) if self.is_bad_input else RuntimeError(self.failure)
        return self.value


def _outcome(function: Callable[..., Any], words: tuple[Any, ...]) -> _Outcome:
    try:
        return _Outcome(function(*words))
    except BadInput as error:
        return _Outcome(failure=str(error), is_bad_input=True)
    except Exception as error:
        return _Outcome(failure=f"{type(error).__name__}: {error}")


def _nothing() -> None:
    """Let a worker import this package."""


def _absolute(value: Any) -> Any:
    """Make the relative paths in the arguments of a call absolute."""
    if isinstance(value, Path):
        return value.absolute()
    if isinstance(value, partial):
        return partial(value.func, *_absolute(value.args), **_absolute(value.keywords))
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*map(_absolute, value))
    if isinstance(value, list | tuple):
        return type(value)(map(_absolute, value))
    if isinstance(value, Mapping):
        return {key: _absolute(each) for key, each in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        changed = {
            each.name: _absolute(getattr(value, each.name))
            for each in fields(value)
            if isinstance(getattr(value, each.name), Path | tuple | list | dict)
        }
        return replace(value, **changed) if changed else value
    return value
