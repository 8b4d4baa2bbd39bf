"""mmdet backend: YOLOX weights in the format of mmdet give the detections of the ONNX backend."""

import subprocess
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from yolox_material import adopt, panorama, picture, with_mmdet, write_video

from avseld.base.errors import BadInput
from avseld.io.boxes import people
from detection.__main__ import main
from detection.backends.mmdet import build, global_names, packaged, read_tensors
from detection.backends.onnx import letterbox
from detection.detect import boxes_of_video, detect
from detection.detector import Detections, Detector, load

ROOT = Path(__file__).resolve().parents[2]
NANO_CONFIG = ".mim/configs/yolox/yolox_nano_8xb8-300e_coco.py"


@pytest.fixture(scope="session")
def nano(shared, tmp_path_factory) -> tuple[Path, Path]:
    """Create a checkpoint and a configuration of mmdet with the weights of YOLOX-Nano."""
    config = packaged(NANO_CONFIG)
    model = build(config)
    adopt(model, shared("data/yolox/yolox_nano.onnx"))
    path = tmp_path_factory.mktemp("mmdet") / "nano.pth"
    torch.save({"meta": {"epoch": 300}, "state_dict": model.state_dict()}, path)
    return path, config


@pytest.fixture(scope="session")
def onnx_detector(shared) -> Detector:
    return load("onnx", shared("data/yolox/yolox_nano.onnx"), threads=1)


@pytest.fixture(scope="session")
def mmdet_detector(nano) -> Detector:
    return load("mmdet", nano[0], threads=1, mmdet_config=nano[1])


@pytest.fixture(scope="session")
def scene(shared) -> np.ndarray:
    """Create a frame of three people in a room, 416 x 208, which neither backend scales."""
    crops = sorted(shared("data/images/objects/femaleSpeech").glob("*.jpg"))[:3]
    return panorama({((k + 0.5) / 3, 0.5): crop for k, crop in enumerate(crops)}, 120, (208, 416))


def same(first: Detections, second: Detections, tolerance: float) -> None:
    """Compare detections: equal classes, boxes and scores within a tolerance."""
    assert len(first.score) > 3
    np.testing.assert_array_equal(first.label, second.label)
    np.testing.assert_allclose(first.score, second.score, atol=tolerance)
    np.testing.assert_allclose(first.box, second.box, atol=tolerance)


@with_mmdet
def test_both_backends_give_the_same_boxes_with_the_same_weights(onnx_detector, mmdet_detector, scene):
    pictures = np.stack([scene, scene[:, ::-1], scene // 2])
    for first, second in zip(onnx_detector(pictures), mmdet_detector(pictures), strict=True):
        same(first, second, 1e-4)
    assert mmdet_detector(pictures[:0]) == []


@with_mmdet
def test_both_backends_agree_after_their_own_scaling(onnx_detector, mmdet_detector, shared):
    """Pillow and OpenCV round pixels differently, by at most one level."""
    dog = picture(shared("data/images/dog.jpg"))[None]
    first, second = onnx_detector(dog)[0], mmdet_detector(dog)[0]
    sure = first.score > 0.5
    np.testing.assert_array_equal(first.label[sure], second.label[: sure.sum()])
    np.testing.assert_allclose(first.score[sure], second.score[: sure.sum()], atol=0.005)
    np.testing.assert_allclose(first.box[sure], second.box[: sure.sum()], atol=0.005)


@with_mmdet
def test_an_exported_checkpoint_runs_in_the_onnx_backend(nano, mmdet_detector, scene, tmp_path, capsys):
    out = tmp_path / "exported.onnx"
    main(["export", "--checkpoint", str(nano[0]), "--out", str(out), "--mmdet-config", str(nano[1])])
    assert "differs from the checkpoint by at most" in capsys.readouterr().err
    exported = load("onnx", out, threads=1)
    assert exported.batch == 0  # any batch size
    pictures = np.stack([scene, scene[::-1], scene[:, ::-1]])
    for first, second in zip(exported(pictures), mmdet_detector(pictures), strict=True):
        same(first, second, 1e-4)


@with_mmdet
def test_yolox_tiny_is_the_default_network(tmp_path, shared):
    """Both backends agree on random weights, with batch statistics of an image to keep boxes finite."""
    # scaled down beforehand, so that neither backend scales it
    dog = np.asarray(Image.open(shared("data/images/dog.jpg")).resize((416, 312)))[None]
    torch.manual_seed(0)
    model = build()
    assert sum(each.numel() for each in model.parameters()) == 5_055_855  # YOLOX-tiny
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 1.0
    head = model.bbox_head
    for level in (*head.multi_level_conv_cls, *head.multi_level_conv_obj):
        torch.nn.init.normal_(level.weight, std=0.2)
        torch.nn.init.constant_(level.bias, -2.0)
    with torch.no_grad():
        head(model.train().extract_feat(torch.from_numpy(letterbox(dog, 416, 416)[0])))
    checkpoint, out = tmp_path / "tiny.pth", tmp_path / "tiny.onnx"
    torch.save({"state_dict": model.state_dict()}, checkpoint)
    main(["export", "--checkpoint", str(checkpoint), "--out", str(out)])
    first = load("onnx", out, threads=1)(dog)[0]
    second = load("mmdet", checkpoint, threads=1)(dog)[0]
    # random scores are so close that rounding changes the order of lower ones
    same(*(Detections(*(each[:100] for each in found)) for found in (first, second)), 1e-4)


@with_mmdet
def test_both_backends_give_the_same_boxes_for_a_video(nano, onnx_detector, mmdet_detector, scene, tmp_path):
    video = write_video(tmp_path / "v.mp4", [scene, scene[:, ::-1]], 10)
    first, second = detect(video, onnx_detector), detect(video, mmdet_detector)
    np.testing.assert_allclose(people(first), people(second), atol=2e-3)
    assert first.about["detector"] == "onnx" and second.about["detector"] == "mmdet"


@with_mmdet
@pytest.mark.parametrize("zipped", [True, False])
def test_a_checkpoint_with_logs_and_numpy_numbers_loads(nano, mmdet_detector, scene, tmp_path, zipped):
    """Both the format of the mmengine runner and the older one of published checkpoints load."""
    from mmengine.logging import HistoryBuffer

    content = torch.load(nano[0], weights_only=True)
    buffer = HistoryBuffer([0.5, 0.25], [1, 1])
    content["message_hub"] = {"log_scalars": OrderedDict(loss=buffer), "mean": np.float64(0.5)}
    content["meta"] |= {"seed": np.int64(3), "history": np.arange(3.0), "classes": ("person",), "set": {1}}
    content["state_dict"] = OrderedDict(
        (f"module.{key}", value) for key, value in content["state_dict"].items()
    )
    content["state_dict"]["ema_backbone_stem"] = torch.zeros(3)
    path = tmp_path / "logged.pth"
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(Exception, match="weights_only"):
        torch.load(path)
    same(load("mmdet", path, 1, nano[1])(scene[None])[0], mmdet_detector(scene[None])[0], 1e-6)
    with pytest.raises(Exception, match="weights_only"):
        torch.load(path)  # classes allowed while loading are forbidden again


@pytest.mark.parametrize("zipped", [True, False])
def test_code_in_a_checkpoint_is_never_executed(tmp_path, zipped):
    witness = tmp_path / "witness"

    class Hostile:
        def __reduce__(self):
            return Path.touch, (witness,)

    class Attribute:
        def __reduce__(self):
            return getattr, (Path("x"), "name")

    path = tmp_path / "hostile.pth"
    state = {"weight": torch.arange(3.0)}
    torch.save(
        {"state_dict": state, "a": Hostile(), "b": Attribute()}, path, _use_new_zipfile_serialization=zipped
    )
    assert {"builtins.getattr", "pathlib.PosixPath"} <= global_names(path)
    assert read_tensors(path)["weight"].tolist() == [0, 1, 2]
    assert not witness.exists()


def test_a_file_that_is_not_a_checkpoint_is_refused_in_one_line(tmp_path):
    text, number, empty = tmp_path / "text.pth", tmp_path / "number.pth", tmp_path / "empty.pth"
    text.write_bytes(b"no checkpoint")
    empty.touch()
    torch.save({"state_dict": {"weight": 3}}, number)
    for path in (text, number, empty):
        with pytest.raises(BadInput) as caught:
            read_tensors(path)
        assert str(path) in str(caught.value) and "\n" not in str(caught.value)


@with_mmdet
def test_a_checkpoint_of_another_architecture_is_refused(nano, tmp_path, capsys):
    out = tmp_path / "out.onnx"
    with pytest.raises(SystemExit) as stop:
        main(["export", "--checkpoint", str(nano[0]), "--out", str(out)])
    output = capsys.readouterr().err.splitlines()
    assert stop.value.code == 2 and "another architecture than yolox_tiny" in output[-1]
    assert list(tmp_path.iterdir()) == []


def test_without_mmdet_the_message_says_how_to_install_it(tmp_path, monkeypatch, shared):
    checkpoint = tmp_path / "tiny.pth"
    torch.save({"state_dict": {}}, checkpoint)
    video = write_video(tmp_path / "v.mp4", [np.zeros((64, 64, 3), np.uint8)], 10)
    monkeypatch.setattr("detection.backends.mmdet.find_spec", lambda name: None)
    with pytest.raises(BadInput, match=r"mmdet: not installed; run scripts/install_mmdet\.sh"):
        boxes_of_video(video, "mmdet", checkpoint)
    with pytest.raises(BadInput, match="mmdet: not installed"):  # before any weights are downloaded
        boxes_of_video(video, "mmdet")


def test_the_installer_is_valid_shell():
    script = ROOT / "scripts/install_mmdet.sh"
    assert subprocess.run(["bash", "-n", str(script)], check=False).returncode == 0
    text = script.read_text()
    flags = "MMCV_WITH_OPS=1 FORCE_CUDA=0 --no-build-isolation mmcv==2.1.0 setuptools<81 -O3"
    assert all(flag in text for flag in flags.split())


@with_mmdet
@pytest.mark.skipif(not (ROOT / ".venv/bin/python").exists(), reason="the project runs outside .venv")
def test_the_installer_skips_what_is_installed():
    done = subprocess.run(
        [ROOT / "scripts/install_mmdet.sh"], capture_output=True, text=True, timeout=60, check=True
    )
    assert "mmcv 2.1.0 and mmdet 3.3.0 work" in done.stdout and "Building" not in done.stdout
