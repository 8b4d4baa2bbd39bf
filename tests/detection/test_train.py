"""Training by mmdet: the configuration of the shipped detector, a few steps on generated pictures, export."""

from pathlib import Path

import pytest
from yolox_material import with_mmdet

from avseld.base.errors import BadInput
from data_prep.synth.video.pictures import pictures
from detection.detector import load
from detection.export import export
from detection.measure import read_pictures, score_pictures
from detection.train import CONFIG, train, training_config


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("pictures") / "small"
    pictures(out, scenes=2, frames=2, rendered="96", width=96, empty_share=0.0, presets="easy", jobs=1)
    return out


@with_mmdet
def test_the_configuration_takes_folders_steps_and_seed(tmp_path: Path) -> None:
    config = training_config(tmp_path / "a", tmp_path / "b", tmp_path / "run", 40, 2, seed=7)
    assert config.train_dataloader.dataset.data_root == f"{tmp_path}/a/"
    assert config.val_evaluator.ann_file == f"{tmp_path}/b/annotations.json"
    assert config.train_cfg.max_iters == config.param_scheduler[-1].end == 40
    assert config.param_scheduler[0].end == config.param_scheduler[1].begin == 4
    assert config.randomness == {"seed": 7, "deterministic": True}


@with_mmdet
def test_a_trained_network_is_exported_with_its_class(small: Path, tmp_path: Path) -> None:
    checkpoint = train(small, small, tmp_path / "run", iterations=2, batch_size=2)
    out = tmp_path / "people.onnx"
    export(checkpoint, out, CONFIG)
    detector = load("onnx", out, threads=1)
    assert (detector.width, detector.height) == (384, 192) and detector.class_ids.tolist() == [0]
    assert score_pictures(read_pictures(small), detector)["people"] >= 4


@with_mmdet
def test_a_folder_without_annotations_is_refused_before_training(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"no annotations\.json; make pictures by avseld-prep pictures"):
        train(tmp_path, tmp_path, tmp_path / "run")
