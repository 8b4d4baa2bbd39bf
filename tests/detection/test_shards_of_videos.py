"""Boxes of the videos of a prepared folder: shards and processes write the bytes of one program."""

import shutil

import numpy as np
import pytest
import soundfile
from counting_video import write_video

from avseld.base.errors import BadInput
from data_prep.corpora.own import own
from detection.embed import embed
from detection.prepared_boxes import boxes


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """Three recordings of a few frames, and boxes of all by one program."""
    folder = tmp_path_factory.mktemp("videos")
    rng = np.random.default_rng(0)
    for name in "abc":
        for kind in ("audio", "video"):
            (folder / kind).mkdir(exist_ok=True)
        soundfile.write(folder / "audio" / f"{name}.wav", np.zeros((7200, 4)), 24000)
        write_video(
            folder / "video" / f"{name}.mp4", list(rng.integers(0, 255, (3, 32, 64, 3), np.uint8)), 10
        )
    own(folder / "audio", folder / "prepared", video=folder / "video")
    shutil.copytree(folder / "prepared", folder / "new")
    assert boxes(folder / "prepared", weights="people_drawn", threads=1) == 0
    return folder


def content(folder):
    return {path.name: path.read_bytes() for path in (folder / "boxes").iterdir()} | {
        "manifest": (folder / "manifest.csv").read_bytes()
    }


@pytest.mark.parametrize("engine", [None, "threads"])
def test_shards_of_videos_are_those_of_one_program(prepared, engine):
    new = shutil.copytree(prepared / "new", prepared / f"new_{engine}")
    for number in (2, 1):
        assert len(list(new.glob("boxes/*"))) == 2 - number  # b alone after the second share
        assert boxes(new, weights="people_drawn", threads=1, shard=f"{number}/2", engine=engine, jobs=2) == 0
    assert content(new) == content(prepared / "prepared")
    before = {path: path.stat().st_mtime_ns for path in new.rglob("*")}
    assert boxes(new, weights="people_drawn", threads=1, shard="1/2") == 0
    assert before == {path: path.stat().st_mtime_ns for path in new.rglob("*")}


def test_embeddings_are_not_computed_by_threads(prepared):
    with pytest.raises(BadInput, match="--engine threads: torch uses all threads for one video"):
        embed(prepared / "prepared", engine="threads")
