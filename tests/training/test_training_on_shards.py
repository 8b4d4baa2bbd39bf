"""Training on a corpus that exists only as shards."""

import logging
import os
import shutil
import signal

import plane_waves
import pytest
import torch
from learning import train_briefly
from safetensors.torch import load_file

from avseld.base.errors import Interrupted
from avseld.config import Data, Part
from avseld.inference.predictor import load, predict_all
from avseld.io.manifest import read_manifest
from avseld.training.module import Learner
from data_prep.shards import shards


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Two archives to train on and one to test; the prepared folder is gone."""
    folder = tmp_path_factory.mktemp("corpus")
    prepared = plane_waves.make(folder / "prepared", seconds=4)
    shards(prepared, folder / "shards", shard_mb=1.2)
    shutil.rmtree(prepared)
    return folder / "shards"


def train_on(corpus, out, **changes):
    data = Data(corpus, validate=["fold3_room5_mix003"], batch_size=2, shuffle_buffer=1.0)
    return train_briefly(corpus, out, data=data, augment=[Part("mix", {"chance": 0.5})], **changes)


def test_a_run_that_is_stopped_within_an_archive_resumes_to_the_weights_of_an_uninterrupted_one(
    corpus, tmp_path, monkeypatch, caplog
):
    with caplog.at_level(logging.INFO):
        whole = train_on(corpus, tmp_path / "whole", evaluate_training=1)
    assert "4 recordings to train on" in caplog.text
    ordinary = Learner.training_step

    def stopping(self, *words):
        if self.global_step == 1:
            os.kill(os.getpid(), signal.SIGTERM)
        return ordinary(self, *words)

    with monkeypatch.context() as patched, pytest.raises(Interrupted, match="stopped at step 2"):
        patched.setattr(Learner, "training_step", stopping)
        train_on(corpus, tmp_path / "stopped", evaluate_training=1)
    train_on(corpus, tmp_path / "stopped", evaluate_training=1, resume=True)
    for name in ("last.safetensors", "model.safetensors"):
        resumed, expected = load_file(tmp_path / "stopped" / name), load_file(whole / name)
        assert all(torch.equal(resumed[key], expected[key]) for key in expected), name
    assert (tmp_path / "stopped" / "metrics.csv").read_text() == (whole / "metrics.csv").read_text()
    tests = [one for one in read_manifest(corpus) if one.fold == "fold4"]
    predicted = predict_all(load(whole, device="cpu"), tests)
    assert len(list(predicted)) == 2
