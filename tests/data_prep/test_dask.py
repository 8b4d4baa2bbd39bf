"""A Dask cluster prepares a corpus: what a worker that is killed was doing is done by another, once."""

import os
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from counting_video import write_video

from avseld.base.engines import Engine, read_engine
from avseld.base.errors import BadInput
from avseld.base.files import PARTIAL
from avseld.base.job_shards import read_shard
from data_prep.corpora.own import own
from data_prep.media.resample import resample
from detection.prepared_boxes import boxes

distributed = pytest.importorskip("distributed", reason="Dask is not installed; the extra cluster brings it")
dask = pytest.importorskip("dask")
N_FILES = 8


@pytest.fixture(scope="module")
def takes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("takes")
    rng = np.random.default_rng(0)
    for number in range(N_FILES):
        soundfile.write(folder / f"take{number}.wav", 0.1 * rng.normal(size=(48000 * 4, 4)), 48000)
    return folder


@pytest.fixture(scope="module")
def cluster():
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 1}),
        distributed.LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            processes=True,
            dashboard_address=None,
            worker_dashboard_address=None,
        ) as made,
    ):
        yield made


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def kill_a_worker_that_writes(cluster, folder: Path, killed: list[int]) -> None:
    """Kill the process of a worker while the file that it writes is there under its temporary name."""
    while not killed:
        if list(folder.glob(f".*{PARTIAL}*")):
            pid = next(iter(cluster.workers.values())).pid
            os.kill(pid, signal.SIGKILL)
            killed.append(pid)
        time.sleep(0.001)


def test_a_worker_that_is_killed_loses_no_file_and_leaves_none_half_written(
    takes, cluster, tmp_path, monkeypatch, caplog
):
    monkeypatch.chdir(tmp_path)  # workers are elsewhere: relative paths are made absolute
    assert own(takes, tmp_path / "alone") == 0
    engine, killed = f"dask:{cluster.scheduler_address}", []
    watch = threading.Thread(
        target=kill_a_worker_that_writes, args=(cluster, tmp_path / "prepared" / "audio", killed), daemon=True
    )
    watch.start()
    assert own(takes, Path("prepared"), engine=engine) == 0
    assert killed and not watch.is_alive()
    assert content(tmp_path / "prepared") == content(tmp_path / "alone")
    assert len(content(tmp_path / "prepared")) == N_FILES + 2


def test_a_file_that_fails_on_a_worker_is_one_line(takes, cluster, tmp_path, caplog):
    soundfile.write(tmp_path / "good.wav", np.zeros((4800, 1)), 48000)
    (tmp_path / "bad.wav").write_bytes(b"RIFF nothing")
    target = tmp_path.with_name(f"{tmp_path.name}_out")
    assert resample(tmp_path, target, engine=f"dask:{cluster.scheduler_address}") == 1
    assert [path.name for path in target.iterdir()] == ["good.wav"]
    assert [line for line in caplog.messages if line.startswith(f"{tmp_path}/bad.wav: ")]


def test_videos_are_looked_at_by_workers_with_weights_that_have_a_name(cluster, tmp_path, monkeypatch):
    for folder in ("audio", "video"):
        (tmp_path / folder).mkdir()
    soundfile.write(tmp_path / "audio" / "a.wav", np.zeros((7200, 4)), 24000)
    noise = np.random.default_rng(0).integers(0, 255, (3, 32, 64, 3), np.uint8)
    write_video(tmp_path / "video" / "a.mp4", list(noise), 10)
    monkeypatch.chdir(tmp_path)
    words = dict(weights="people_drawn", threads=1)
    for name, engine in (("alone", None), ("prepared", f"dask:{cluster.scheduler_address}")):
        own("audio", name, video="video")
        assert boxes(name, **words, engine=engine) == 0
    assert content(tmp_path / "prepared") == content(tmp_path / "alone")
    assert (tmp_path / "prepared" / "boxes" / "a.npz").is_file()


def test_what_a_call_refuses_is_refused_here(cluster):
    with pytest.raises(BadInput, match=r"^--shard 9/2: give I/N"):
        list(read_engine(f"dask:{cluster.scheduler_address}").run(read_shard, [("9/2",)]))


def test_a_call_that_ends_every_worker_is_one_line_that_names_its_file(cluster):
    engine = read_engine(f"dask:{cluster.scheduler_address}")
    with pytest.raises(BadInput, match=r"^import os; os._exit\(7\): --engine dask:tcp://.*died"):
        list(engine.run(exec, [("import os; os._exit(7)",)]))


def test_a_scheduler_that_does_not_answer_is_named_in_one_line(monkeypatch):
    monkeypatch.setattr("avseld.base.engines.CONNECT_S", 0.2)
    with pytest.raises(BadInput, match=r"dask:tcp://127.0.0.1:9: no scheduler of Dask answers there"):
        list(Engine("dask", "tcp://127.0.0.1:9").run(pow, [(1, 2)]))
