"""Detection: frames to boxes, videos to boxes, prepared folders to boxes files."""

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.ops import batched_nms
from yolox_material import panorama, picture, write_video

from avseld.base.errors import BadInput
from avseld.base.files import fingerprint
from avseld.io.boxes import Boxes, centre_direction, people, read_boxes, write_boxes
from avseld.io.manifest import Recording, read_manifest, write_manifest
from avseld.io.video import sample_frames
from detection.__main__ import main
from detection.backends.onnx import PADDING_GREY, cells, decode, letterbox, suppress
from detection.detect import GENERATOR, boxes_of_video, boxes_table, detect
from detection.detector import Detections, Detector, load

ROOT = Path(__file__).resolve().parents[2]
DOG, BICYCLE, CAR = 16, 1, 2


@pytest.fixture(scope="session")
def weights(shared) -> Path:
    return shared("data/yolox/yolox_nano.onnx")


@pytest.fixture(scope="session")
def nano(weights) -> Detector:
    return load("onnx", weights, threads=1)


@pytest.fixture(scope="session")
def street(shared, tmp_path_factory) -> Path:
    """Write one second of video of a person to the right in a grey room, 640 x 320, 10 frames per second."""
    scene = panorama({(0.75, 0.55): shared("data/images/objects/maleSpeech/20_0.jpg")}, 100, (320, 640))
    return write_video(tmp_path_factory.mktemp("video") / "street.mp4", [scene] * 10, 10)


# ---- single frames ----


def test_yolox_detects_dog_bicycle_and_car(nano, shared):
    found = nano(picture(shared("data/images/dog.jpg"))[None])[0]
    assert found.label[:3].tolist() == [DOG, BICYCLE, CAR]
    np.testing.assert_allclose(found.score[:3], [0.86, 0.80, 0.80], atol=0.03)
    # the dog is at the lower left, the car at the upper right
    np.testing.assert_allclose(found.box[0], [0.17, 0.36, 0.42, 0.94], atol=0.02)
    np.testing.assert_allclose(found.box[2], [0.61, 0.14, 0.90, 0.30], atol=0.02)
    assert (np.diff(found.score) <= 0).all()


def test_yolox_detects_every_speaker(nano, shared):
    crops = [
        path
        for kind in ("femaleSpeech", "maleSpeech")
        for path in sorted(shared(f"data/images/objects/{kind}").glob("*.jpg"))
    ]
    assert len(crops) == 34
    for crop in crops:
        found = nano(picture(crop)[None])[0]
        assert found.score[found.label == 0].max(initial=0) > 0.10, crop.name


def test_frames_are_passed_to_yolox_as_bgr(nano, shared):
    """YOLOX was trained on BGR; in the other order it still detects the dog, with a lower score."""
    dog = picture(shared("data/images/dog.jpg"))
    right, wrong = nano(dog[None])[0], nano(np.ascontiguousarray(dog[None, ..., ::-1]))[0]
    assert right.score[1] > wrong.score[wrong.label == BICYCLE].max(initial=0) + 0.005


def test_a_batch_gives_the_detections_of_single_frames(nano, shared):
    dog = picture(shared("data/images/dog.jpg"))
    pictures = np.stack([dog, dog[:, ::-1], dog // 2])
    for together, alone in zip(nano(pictures), [nano(each[None])[0] for each in pictures], strict=True):
        np.testing.assert_array_equal(together.box, alone.box)
        np.testing.assert_array_equal(together.label, alone.label)
    assert nano(pictures[:0]) == []


@pytest.mark.parametrize(
    ("shape", "inner"),
    [((180, 360), (208, 416)), ((208, 416), (208, 416)), ((576, 768), (312, 416)), ((300, 100), (416, 139))],
)
def test_letterbox_keeps_proportions_and_pads_right_and_below(shape, inner):
    frame = np.zeros((1, *shape, 3), np.uint8)
    frame[..., 0], frame[..., 2] = 200, 50
    boxed, scale = letterbox(frame, 416, 416)
    assert boxed.shape == (1, 3, 416, 416) and boxed.dtype == np.float32
    for channel, value in enumerate((50, 0, 200)):
        assert (boxed[0, channel, : inner[0], : inner[1]] == value).all()
    assert (boxed[0, :, inner[0] :] == PADDING_GREY).all() and (
        boxed[0, :, :, inner[1] :] == PADDING_GREY
    ).all()
    assert scale == (inner[1] / shape[1], inner[0] / shape[0])


def test_letterbox_interpolates_as_in_training():
    """At twice the size, pixels are at 1/4 and 3/4 between neighbours, edges repeated (cv2.INTER_LINEAR)."""
    frame = np.repeat(np.array([[[0], [80]], [[160], [240]]], np.uint8)[None], 3, axis=3)
    boxed, _ = letterbox(frame, 4, 4)
    np.testing.assert_array_equal(boxed[0, 0, 0], [0, 20, 60, 80])
    np.testing.assert_array_equal(boxed[0, 0, :, 0], [0, 40, 120, 160])


def test_grid_decoding_equals_cells_computed_by_hand():
    grid = cells(416, 416)
    assert len(grid) == 52 * 52 + 26 * 26 + 13 * 13
    # column 3 of row 2 in the grid of 8 pixels, the first cell of 16, the last of 32
    chosen = grid[[2 * 52 + 3, 52 * 52, -1]]
    np.testing.assert_array_equal(chosen, [[3, 2, 8], [0, 0, 16], [12, 12, 32]])
    raw = np.array([[0.5, 0.25, 0, np.log(2)], [1, 2, np.log(4), 0], [-0.5, 0, 0, 0]])
    expected = [[24, 10, 32, 26], [16 - 32, 32 - 8, 16 + 32, 32 + 8], [352, 368, 384, 400]]
    np.testing.assert_allclose(decode(raw, chosen), expected, rtol=1e-6)
    assert len(cells(320, 640)) == 320 * 640 // 64 + 320 * 640 // 256 + 320 * 640 // 1024


@given(st.integers(0, 2**32 - 1), st.integers(0, 60), st.sampled_from([0.3, 0.5, 0.65]))
@settings(max_examples=60, deadline=None)
def test_non_maximum_suppression_equals_torchvision(seed, n, overlap):
    random = np.random.default_rng(seed)
    corner = random.uniform(0, 60, (n, 2))
    box = np.concatenate([corner, corner + random.uniform(1, 40, (n, 2))], axis=1).astype(np.float32)
    score = random.permutation(np.linspace(0.01, 1, n)).astype(np.float32)
    label = random.integers(0, 3, n)
    expected = batched_nms(torch.tensor(box), torch.tensor(score), torch.tensor(label), overlap)
    assert suppress(box, score, label, overlap).tolist() == expected.tolist()


# ---- videos ----


def test_a_wide_video_is_scaled_down_and_a_narrow_one_is_not_scaled_up(street):
    assert next(sample_frames(street, 10, 360))[1].shape == (10, 180, 360, 3)
    assert next(sample_frames(street, 10, 1920))[1].shape == (10, 320, 640, 3)


def test_a_person_in_a_panorama_is_detected_in_the_right_direction(street, weights):
    found = boxes_of_video(street, weights=weights, threads=1)
    assert found.time.tolist() == pytest.approx([k / 10 for k in range(10)])
    azimuth, elevation = centre_direction(people(found)[:, 0])
    # three quarters of the width to the right is 90 degrees to the right, 0.55 of the height 9 degrees down
    np.testing.assert_allclose(azimuth, -90, atol=3)
    np.testing.assert_allclose(elevation, -9, atol=3)
    size = people(found)[:, 0, 2:] - people(found)[:, 0, :2]
    np.testing.assert_allclose(size, [[71 / 640, 100 / 320]] * 10, rtol=0.15)
    assert found.about["video"] == fingerprint(street) and found.about["width"] == 640


def test_boxes_files_take_a_few_tens_of_kilobytes_per_minute(nano, shared, tmp_path):
    """Ten seconds with six moving people, extrapolated to a minute."""
    crops = sorted(shared("data/images/objects/maleSpeech").glob("*.jpg"))[:6]
    scenes = [
        panorama(
            {((k + 0.5) / 6 + 0.001 * t, 0.5 + 0.001 * t): crop for k, crop in enumerate(crops)},
            70,
            (208, 416),
        )
        for t in range(100)
    ]
    found = detect(write_video(tmp_path / "v.mp4", scenes, 10), nano)
    path = tmp_path / "v.npz"
    write_boxes(path, found)
    assert (found.score > 0).sum() > 6 * len(scenes)
    assert path.stat().st_size * 600 / len(scenes) < 90_000
    alone = Boxes(found.time, found.box[:, :2], found.score[:, :2], found.label[:, :2], found.about)
    write_boxes(path, alone)
    assert path.stat().st_size * 600 / len(scenes) < 30_000


def test_people_are_kept_before_objects_of_higher_score():
    """A dozen chairs do not displace a person with a lower score."""
    score = np.linspace(0.9, 0.5, 30)
    label = np.full(30, 56)
    label[[28, 29]] = 0
    table = boxes_table(
        np.zeros(1), [Detections(np.tile(np.float32([0, 0, 0.5, 0.5]), (30, 1)), score, label)], {}
    )
    assert table.score.shape == (1, 12) and (table.label[0] == 0).sum() == 2
    assert (np.diff(table.score[0]) <= 0).all()


# ---- prepared folders ----


@pytest.fixture
def prepared(tmp_path, street) -> Path:
    """Create a prepared folder of two recordings with video and one without."""
    folder = tmp_path / "prepared"
    (folder / "video").mkdir(parents=True)
    for name in ("a", "b"):
        shutil.copy(street, folder / "video" / f"{name}.mp4")
    rows = [
        Recording(n, folder / f"{n}.wav", "foa", folder / "video" / f"{n}.mp4", duration=1.0) for n in "ab"
    ]
    write_manifest(folder, [*rows, Recording("c", folder / "c.wav", "foa", duration=1.0)], ["speech"])
    return folder


def run(prepared: Path, weights: Path | str, *words: str) -> int:
    """Run avseld-detect boxes and return its exit status."""
    try:
        main(["boxes", "--prepared", str(prepared), "--weights", str(weights), "--threads", "1", *words])
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0


def stamps(prepared: Path) -> dict[str, int]:
    return {path.stem: path.stat().st_mtime_ns for path in (prepared / "boxes").glob("*.npz")}


def test_boxes_are_written_and_a_second_run_keeps_them(prepared, weights, capsys):
    assert run(prepared, weights) == 0
    assert "2 recordings by YOLOX now" in (output := capsys.readouterr().err) and "1 without video" in output
    listed = {each.name: each.boxes for each in read_manifest(prepared)}
    assert listed == {"a": prepared / "boxes/a.npz", "b": prepared / "boxes/b.npz", "c": None}
    about = read_boxes(listed["a"], prepared / "video/a.mp4").about
    assert {"detector", "weights", "video", "width", "height", "fps", "duration"} <= about.keys()
    before = stamps(prepared)
    assert run(prepared, weights) == 0
    assert "2 already done" in capsys.readouterr().err and stamps(prepared) == before


@pytest.mark.parametrize("change", ["rate", "width", "video", "damage", "force"])
def test_boxes_are_replaced_when_video_rate_or_width_changed(prepared, weights, street, change, capsys):
    run(prepared, weights)
    before = stamps(prepared)
    words = {"rate": ["--fps", "5"], "width": ["--width", "360"], "force": ["--force"]}.get(change, [])
    if change == "video":
        shown = np.concatenate([pictures for _, pictures in sample_frames(street, 10)])
        write_video(prepared / "video/a.mp4", list(shown[:5]), 10)
    if change == "damage":
        (prepared / "boxes/a.npz").write_bytes(b"half a file")
    assert run(prepared, weights, *words) == 0
    changed = {name for name, stamp in stamps(prepared).items() if stamp != before[name]}
    assert changed == ({"a"} if change in ("video", "damage") else {"a", "b"})
    assert len(read_boxes(prepared / "boxes/a.npz").time) == {"rate": 5, "video": 5}.get(change, 10)


def test_exact_boxes_of_the_generator_are_kept_without_loading_a_detector(prepared, weights, capsys):
    known = Boxes(
        np.zeros(1), np.zeros((1, 1, 4)), np.zeros((1, 1)), np.full((1, 1), -1), {"detector": GENERATOR}
    )
    for name in "ab":
        write_boxes(prepared / f"boxes/{name}.npz", known)
    before = stamps(prepared)
    assert run(prepared, "absent.onnx") == 0  # missing weights are not an error
    assert (
        "2 by the scene generator (kept; --replace_generated" in capsys.readouterr().err
        and stamps(prepared) == before
    )
    for expected in ("2 recordings by YOLOX now", "2 already done"):
        assert run(prepared, weights, "--replace_generated") == 0
        assert expected in capsys.readouterr().err
    assert read_boxes(prepared / "boxes/a.npz").about["detector"] == "onnx"


def test_boxes_outside_the_prepared_folder_are_never_written(prepared, weights, tmp_path):
    outside = tmp_path / "corpus" / "a.npz"
    known = Boxes(
        np.zeros(1), np.zeros((1, 1, 4)), np.zeros((1, 1)), np.full((1, 1), -1), {"detector": GENERATOR}
    )
    write_boxes(outside, known)
    rows = read_manifest(prepared)
    rows[0] = Recording("a", rows[0].audio, "foa", rows[0].video, outside, duration=1.0)
    write_manifest(prepared, rows, ["speech"])
    stamp = outside.stat().st_mtime_ns
    assert run(prepared, weights, "--force") == 0
    assert outside.stat().st_mtime_ns == stamp
    assert read_manifest(prepared)[0].boxes == prepared / "boxes/a.npz"


def test_a_split_made_during_detection_is_kept(prepared, weights, monkeypatch):
    def detect_while_split(*arguments):
        result = detect(*arguments)
        rows = [replace(each, fold="train") for each in read_manifest(prepared)]
        write_manifest(prepared, rows, ["speech"])
        return result

    monkeypatch.setattr("detection.prepared_boxes.detect", detect_while_split)
    assert run(prepared, weights) == 0
    listed = read_manifest(prepared)
    assert [each.fold for each in listed] == ["train"] * 3
    assert [each.boxes is not None for each in listed] == [True, True, False]


def test_an_unreadable_video_is_listed_and_the_others_are_processed(prepared, weights, capsys):
    (prepared / "video/a.mp4").write_bytes(b"no video")
    assert run(prepared, weights) == 1
    output = capsys.readouterr().err.splitlines()
    assert any("a failed" in line and "a.mp4" in line and "copy it again" in line for line in output)
    assert stamps(prepared).keys() == {"b"} and not list(prepared.rglob("*.partial*"))
    (prepared / "video/a.mp4").unlink()
    assert run(prepared, weights) == 1
    assert "a failed" in capsys.readouterr().err


def test_a_video_shorter_than_its_audio_is_used_up_to_its_end(prepared, weights, capsys):
    rows = [Recording(r.name, r.audio, "foa", r.video, duration=3.0) for r in read_manifest(prepared)]
    write_manifest(prepared, rows, ["speech"])
    assert run(prepared, weights) == 0
    assert "a: the video ends after 1.0 s, the audio after 3.0 s" in capsys.readouterr().err


def test_a_flat_video_of_a_recording_with_directions_all_around_is_warned_about(prepared, weights, capsys):
    with av.open(str(prepared / "video/a.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=4)
        stream.width, stream.height, stream.pix_fmt = 192, 108, "yuv420p"
        for _ in range(4):
            grey = np.full((108, 192, 3), 128, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(grey, format="rgb24")))
        container.mux(stream.encode())
    assert run(prepared, weights) == 0
    error = capsys.readouterr().err
    assert (
        "a.mp4: 192x108 is not an equirectangular 2:1 video" in error and error.count("equirectangular") == 1
    )


# ---- bad input ----


def test_unreadable_videos_are_refused_in_one_line(tmp_path, street, shared):
    broken, cut = tmp_path / "broken.mp4", tmp_path / "cut.mp4"
    broken.write_bytes(b"no video at all")
    cut.write_bytes(street.read_bytes()[: street.stat().st_size // 2])
    sound = shared("data/starss22_foa_excerpt/fold3_room4_mix007_10.0-15.0s.wav")
    for path, words in (
        (tmp_path / "none.mp4", "not found"),
        (broken, "no readable video"),
        (cut, "no readable video"),
        (sound, "no video stream"),
    ):
        with pytest.raises(BadInput, match=words) as caught:
            list(sample_frames(path))
        assert str(path) in str(caught.value) and "\n" not in str(caught.value)
    with pytest.raises(BadInput, match="fps above 0"):
        next(sample_frames(street, 0))


def test_unreadable_weights_are_refused_in_one_line(tmp_path, prepared, capsys):
    wrong = tmp_path / "wrong.onnx"
    wrong.write_bytes(b"no network")
    for path, words in ((wrong, "no ONNX model"), (tmp_path / "none.onnx", "not found")):
        assert run(prepared, path) == 2
        output = capsys.readouterr().err.splitlines()
        assert len(output) == 1 and str(path) in output[0] and words in output[0]
    assert not (prepared / "boxes").exists()
    with pytest.raises(BadInput, match="none of onnx, mmdet"):
        load("other")  # type: ignore[arg-type]
    with pytest.raises(BadInput, match="leave it out"):
        load("onnx", wrong, mmdet_config=tmp_path / "config.py")


def test_detection_writes_no_cache_and_sends_no_telemetry(tmp_path, weights):
    """ONNX Runtime would otherwise store telemetry in the cache folder."""
    words = (
        f"from pathlib import Path; from detection.detector import load; load('onnx', Path({str(weights)!r}))"
    )
    surroundings = {key: value for key, value in os.environ.items() if key != "ORT_DISABLE_TELEMETRY"}
    surroundings |= {"XDG_CACHE_HOME": str(tmp_path), "HOME": str(tmp_path)}
    subprocess.run([sys.executable, "-c", words], env=surroundings, cwd=ROOT, check=True)
    assert list(tmp_path.iterdir()) == []


def test_an_onnx_model_other_than_yolox_is_refused(tmp_path):
    import onnx
    from onnx import TensorProto, helper

    for sides, words in (((416, 416), "instead of"), (("h", "w"), "fixed sides")):
        shape = [1, 3, *sides]
        graph = helper.make_graph(
            [helper.make_node("Relu", ["x"], ["y"])],
            "g",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
        onnx.save(model, str(tmp_path / "other.onnx"))
        with pytest.raises(BadInput, match=words):
            load("onnx", tmp_path / "other.onnx")
