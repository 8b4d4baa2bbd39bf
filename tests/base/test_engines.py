"""Who does the calls of a job: threads, processes, or workers of a Dask cluster, of which one may be lost."""

import sys
from functools import partial
from pathlib import Path

import pytest

from avseld.base.engines import Engine, _absolute, read_engine, threads_of_call
from avseld.base.errors import BadInput
from avseld.io.manifest import Recording


def test_an_engine_is_threads_processes_or_a_dask_scheduler(monkeypatch):
    assert (
        read_engine(None, 3) == Engine("threads", "", 3) and read_engine(None, default="loky").name == "loky"
    )
    for text in ("dask", "dask:", "threads:2", "processes", "", "loky:a"):
        with pytest.raises(BadInput, match=r"--engine .*give threads, loky or dask:ADDRESS"):
            read_engine(text)
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(BadInput, match=r"pip install 'avseld\[cluster\]'"):
        read_engine("dask:tcp://head:8786")


def test_calls_at_once_share_out_the_cores():
    assert threads_of_call(Engine("loky", "", 1000)) == 1 and threads_of_call(Engine("dask", "a")) == 1
    assert threads_of_call(Engine("loky", "", 1)) == Engine().n_workers


def test_results_come_in_order_where_they_are_wanted_so():
    engine = Engine("threads", "", 2)
    assert list(engine.run(partial(pow, 2), [(k,) for k in range(5)], in_order=True)) == [1, 2, 4, 8, 16]
    assert sorted(engine.run(partial(pow, 2), [(k,) for k in range(5)])) == [1, 2, 4, 8, 16]
    assert list(engine.run(pow, [])) == []


def test_paths_in_arguments_are_made_absolute_for_workers_elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    relative = Recording("a", Path("a.wav"), "foa")
    arguments = (partial(pow, mod=Path("b")), [Path("c"), {"d": (Path("d"), 1)}], relative, "e", {"f"})
    work, listed, recording, *rest = _absolute(arguments)
    assert work.keywords == {"mod": tmp_path / "b"} and rest == ["e", {"f"}]
    assert listed == [tmp_path / "c", {"d": (tmp_path / "d", 1)}] and recording.audio == tmp_path / "a.wav"
