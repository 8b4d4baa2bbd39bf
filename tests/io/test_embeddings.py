"""Visual embeddings: computed once, at true times, aligned to label frames, fused by choice."""

import math

import numpy as np
import pytest
import torch
from torchvision.models import resnet50

from avseld.base.errors import BadInput
from avseld.config import Part
from avseld.io.boxes import Boxes
from avseld.io.embeddings import VisualEmbeddings, read_embeddings, write_embeddings
from avseld.io.manifest import read_manifest
from avseld.io.video import sample_frames
from avseld.models.visual_attention import SeldNetVisual
from avseld.system.blueprint import Blueprint
from avseld.system.build import System
from avseld.vision.visual_input import VisualInput, VisualSpec, visual_spec
from data_prep.corpora.dcase import dcase
from data_prep.synth.corpus import synth
from detection import embed as embedding

SHAPES = {"accddoa": (3, 4, 13)}
CLASSES = [f"class {number}" for number in range(13)]


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A ResNet-50 that has learned nothing; its architecture and its file are the real ones."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "resnet50.pth"
    torch.save(resnet50(weights=None).state_dict(), path)
    return path


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    folder = tmp_path_factory.mktemp("frames")
    synth(folder / "raw", recordings=2, seconds=6.0, preset="simple", width=360, fps=10.0, seed=4, jobs=1)
    dcase(folder / "raw", folder / "prepared")
    return folder / "prepared"


@pytest.mark.parametrize(
    ("time", "value", "says"),
    [
        ([0.1, 0.0], 1.0, "times do not rise"),
        ([-1, 0.0], 1.0, "before the start"),
        ([0, 0.1], np.nan, "a value of nan"),
    ],
)
def test_embeddings_that_are_no_numbers_or_times_are_refused(tmp_path, time, value, says):
    write_embeddings(tmp_path / "x.npz", VisualEmbeddings(np.array(time, float), np.full((2, 3), value)))
    with pytest.raises(BadInput, match=rf"x\.npz: no embeddings file \(.*{says}.*make it anew"):
        read_embeddings(tmp_path / "x.npz")


@pytest.mark.parametrize(("crop", "rows", "columns"), [("whole", 6, 12), ("centre", 7, 7)])
def test_places_in_the_map_of_a_frame_are_those_in_the_frame(weights, crop, rows, columns):
    encoder = embedding.load("resnet50", weights, crop)
    plain = np.full((1, 180, 360, 3), 128, np.uint8)
    spot = plain.copy()
    spot[0, 120:150, 210:240] = 255  # right of the middle, low
    change = np.abs(encoder(spot) - encoder(plain)).reshape(rows, columns)
    row, column = np.unravel_index(change.argmax(), change.shape)
    assert encoder.n_values == rows * columns
    assert row >= rows // 2 and column >= columns // 2
    assert change[0, 0] < change.max() / 2


def test_the_published_crop_leaves_out_what_is_behind(weights):
    plain = np.full((1, 180, 360, 3), 128, np.uint8)
    behind = plain.copy()
    behind[0, :, :60] = 255
    centre, whole = (embedding.load("resnet50", weights, crop) for crop in ("centre", "whole"))
    assert np.abs(centre(behind) - centre(plain)).max() == 0
    assert np.abs(whole(behind) - whole(plain)).max() > 1e-3


def test_weights_of_another_network_are_refused(weights, tmp_path):
    with pytest.raises(BadInput, match="no weights of vit_b_16"):
        embedding.load("vit_b_16", weights)
    with pytest.raises(BadInput, match="not found"):
        embedding.load("resnet50", tmp_path / "absent.pth")
    (tmp_path / "bad.pth").write_bytes(b"nothing")
    with pytest.raises(BadInput, match="no weights of resnet50"):
        embedding.load("resnet50", tmp_path / "bad.pth")


def test_every_video_is_embedded_once(weights, prepared, caplog):
    assert embedding.embed(prepared, weights=weights, fps=2.0) == 0
    recording = read_manifest(prepared)[0]
    embeddings = read_embeddings(recording.embeddings, recording.video)
    np.testing.assert_allclose(embeddings.time, np.arange(12) / 2)
    frames = np.concatenate([each for _, each in sample_frames(recording.video, 2.0, 360)])
    expected = embedding.load("resnet50", weights)(frames[7:8])[0]
    np.testing.assert_allclose(embeddings.value[7], expected, rtol=2e-3, atol=1e-4)
    before = recording.embeddings.stat().st_mtime_ns
    caplog.set_level("INFO")
    assert embedding.embed(prepared, weights=weights, fps=2.0) == 0
    assert (
        recording.embeddings.stat().st_mtime_ns == before
        and "0 recordings now, 2 already done" in caplog.text
    )
    assert embedding.embed(prepared, weights=weights, fps=1.0) == 0
    assert recording.embeddings.stat().st_mtime_ns > before


def test_shards_embed_the_videos_of_one_program(weights, prepared):
    assert embedding.embed(prepared, weights=weights, fps=0.2) == 0
    paths = [one.embeddings for one in read_manifest(prepared)]
    alone = [path.read_bytes() for path in paths]
    for path in paths:
        path.unlink()
    assert embedding.embed(prepared, weights=weights, fps=0.2, shard="2/2") == 0
    assert [path.is_file() for path in paths] == [False, True]
    assert embedding.embed(prepared, weights=weights, fps=0.2, shard="1/2") == 0
    assert [path.read_bytes() for path in paths] == alone


def test_a_network_trains_on_embeddings_and_boxes(weights, prepared, tmp_path):
    from avseld.config import Data, Hardware
    from avseld.evaluation.evaluate import evaluate
    from avseld.training.train import train

    embedding.embed(prepared, weights=weights, fps=1.0)
    data = Data(prepared, ["fold3"], ["fold4"], ["fold4"], allow_overlap=True, chunk=2.0, batch_size=2)
    options = {"visual": "both", "width": 8, "hidden": 16, "n_heads": 2, "feedforward": 32}
    train(
        data, Part("logmel_iv"), Part("seldnet_visual", options), Part("multi_accddoa"), Part("adam"),
        tmp_path / "run", steps=2, validate_every=2, hardware=Hardware("cpu", 1), challenge=2024,
    )  # fmt: skip
    evaluate(tmp_path / "run", controls=["aligned", "blank"], figures=0)
    assert len(list((tmp_path / "run" / "evaluation" / "aligned").glob("*.csv"))) == 1


def test_embeddings_files_keep_their_values_and_belong_to_their_video(tmp_path):
    value = np.random.default_rng(0).random((4, 5)).astype(np.float32)
    write_embeddings(tmp_path / "a.npz", VisualEmbeddings(np.arange(4) / 10, value, {"video": "1"}))
    np.testing.assert_allclose(read_embeddings(tmp_path / "a.npz").value, value, rtol=1e-3)
    (tmp_path / "a.mp4").write_bytes(b"another")
    with pytest.raises(BadInput, match="another video"):
        read_embeddings(tmp_path / "a.npz", tmp_path / "a.mp4")
    with pytest.raises(BadInput, match="avseld-detect embed"):
        read_embeddings(tmp_path / "b.npz")


def test_a_label_frame_gets_the_embedding_and_the_boxes_of_its_middle():
    embeddings = VisualEmbeddings(
        np.arange(20) / 10, np.arange(20.0)[:, None] + np.array([0, 100]), {"duration": 2.0}
    )
    box = np.tile([0.1, 0.2, 0.3, 0.4], (20, 1, 1))
    boxes = Boxes(np.arange(20) / 10, box, np.full((20, 1), 0.5), np.zeros((20, 1)), {"duration": 2.0})
    both = VisualInput(boxes, VisualSpec(1, 5, 0.1, 2), embeddings).at(np.array([0.0, 1.7]))
    assert both.shape == (2, 5, 7)
    np.testing.assert_allclose(both[0, :, 5], [0, 1, 2, 3, 4])
    np.testing.assert_allclose(both[1, :, 6], [117, 118, 119, 0, 0])
    np.testing.assert_allclose(both[1, :, 4], [0.5, 0.5, 0.5, 0, 0])
    alone = VisualInput(None, VisualSpec(0, 5, 0.1, 2), embeddings).at(np.array([0.0]))
    np.testing.assert_allclose(alone[0], both[0, :, 5:])
    with pytest.raises(BadInput, match="2 values, the network takes 72"):
        VisualInput(None, VisualSpec(0, 5, 0.1, 72), embeddings)


@pytest.mark.parametrize("visual", ["none", "boxes", "embeddings", "both"])
def test_the_visual_input_is_an_option(visual):
    options = {"visual": visual, "n_values": 49, "width": 8}
    system = System(
        Blueprint(
            Part("logmel_iv"), Part("seldnet_visual", options), Part("multi_accddoa"), CLASSES, chunk=2.0
        )
    )
    assert system.visual_spec == visual_spec("boxes" if visual == "none" else visual, 6, 49, 21, 0.1)
    model = system.model.eval()
    torch.manual_seed(0)
    x, seen = torch.randn(2, 7, 101, 64), torch.rand(2, *system.visual_spec.shape)
    with torch.no_grad():
        before, after = (model(x, one)["accddoa"] for one in (seen, seen.flip(-1)))
        blank = model(x, None)["accddoa"]
    assert before.shape == (2, 101, 3, 4, 13)
    assert torch.equal(before, after) == (visual == "none") == torch.equal(before, blank)


def test_the_published_audio_visual_network_gives_the_published_output():
    """Parameters by formula; output of partha2409/DCASE2024_seld_baseline @ 0b07887."""
    model = SeldNetVisual(7, 64, SHAPES, n_values=49).eval()
    assert sum(weight.numel() for weight in model.parameters()) == 2_726_556 - 659_328
    number = 0
    with torch.no_grad():
        names = [name for name, _ in model.named_parameters()]
        order = sorted(names, key=_published_place)
        parameters = dict(model.named_parameters())
        for name in order:
            if name == "transformer_decoder.layers.0.self_attn.in_proj_weight":
                number += 18  # of the layer that is never run
            value = parameters[name]
            place = torch.arange(value.numel(), dtype=torch.float64)
            value.copy_((0.05 * torch.sin(0.37 * place + 0.11 * number)).reshape(value.shape))
            number += 1
        x = (1 + torch.sin(0.013 * torch.arange(2 * 7 * 250 * 64, dtype=torch.float64))).reshape(
            2, 7, 250, 64
        )
        seen = (0.5 + 0.5 * torch.cos(0.7 * torch.arange(2 * 50 * 49, dtype=torch.float64))).reshape(
            2, 50, 49
        )
        out = model.steps_with(x.float(), seen.float())["accddoa"].flatten(2)
    values = [out[0, 0, 0], out[0, 10, 5], out[1, 49, -1], out.mean(), out.std()]
    expected = [0.1047011, -0.0325429, -0.1250873, -0.00074636, 0.1147968]
    assert [float(value) for value in values] == pytest.approx(expected, abs=2e-5)
    assert math.isfinite(float(out.sum()))


def _published_place(name: str) -> int:
    parts = (
        "conv_block_list", "gru", "mhsa_block_list", "layer_norm_list", "visual_embed_to_d_model",
        "transformer_decoder", "fnn_list",
    )  # fmt: skip
    return parts.index(name.split(".")[0])
