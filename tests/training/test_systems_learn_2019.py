"""Systems of 2019 learn generated scenes of their corpus: on held-out scenes they score far better than untrained."""

import pytest
from learning import learn, scores

from avseld.config import InitFrom, Part
from data_prep.corpora.task4 import task4
from data_prep.corpora.tut import tut
from data_prep.synth.corpus import synth

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def tau2019(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tau2019")
    synth(folder / "raw", "dcase2019", 40, 12.0, preset="simple", seed=5)
    tut(folder / "raw", folder / "prepared", "dcase2019", "foa", sample_rate=32000)
    return folder / "prepared"


def test_two_stage_learns_events_and_then_directions(tau2019, tmp_path):
    small = {"widths": [8, 16, 32, 64]}
    heard = {
        "data": {"format": "foa", "inference_chunk": 12.0},
        "features": Part(
            "logmel_iv", {"sample_rate": 32000, "n_fft": 1024, "win_length": None, "hop": 320, "n_mels": 64}
        ),
        "options": {"model": small, "optimizer": {"lr": 3e-3}},
    }  # fmt: skip
    first = learn("two_stage_sed", tau2019, tmp_path / "sed", 120, **heard)
    trained, before = scores(first)
    assert trained["F"] > before["F"] + 0.3 and trained["ER"] < before["ER"] - 0.2
    second = learn(
        "two_stage", tau2019, tmp_path / "doa", 120, init_from=InitFrom(roles={"sed": first}), **heard
    )
    trained, before = scores(second)
    assert trained["F"] > before["F"] + 0.3 and trained["frame_recall"] > before["frame_recall"] + 0.1
    assert trained["doa_error"] < 60


def test_the_task4_cnn_learns_events_of_clips(tmp_path):
    synth(tmp_path / "raw", "task4", 100, 10.0, preset="simple", seed=5)
    task4(tmp_path / "raw", tmp_path / "prepared", sample_rate=16000)
    options = {
        "features": {"sample_rate": 16000, "n_fft": 512, "hop": 320, "n_mels": 48, "high_hz": 8000},
        "target": {"loss": "frame", "high": 0.5, "low": 0.3},
        "model": {"clip_from": "frames", "narrow": 4},
        "optimizer": {"lr": 2e-3},
    }
    data = {"train": ["synthetic"], "batch_size": 6}
    out = learn("sed_cnn5", tmp_path / "prepared", tmp_path / "run", 60, data, options)
    trained, before = scores(out)
    assert trained["mAP"] > before["mAP"] + 0.2 and trained["segment_F"] > before["segment_F"] + 0.2
