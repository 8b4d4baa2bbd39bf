import logging
from dataclasses import replace

import numpy as np
import pytest
import soundfile
import torch

from avseld.base.errors import BadInput
from avseld.config import Data, Part
from avseld.data.folds import choose, with_video
from avseld.data.loader import Numbers, Prefetcher, loader
from avseld.data.visual import load_visual_input, visual_inputs, warn_about_edges
from avseld.data.windows import Windows, check_annotation, reference
from avseld.io.boxes import Boxes, read_boxes, write_boxes
from avseld.io.events import Events, read_events, write_events
from avseld.io.manifest import Recording, read_manifest, write_manifest
from avseld.system.blueprint import Blueprint
from avseld.system.build import System
from avseld.targets import TARGETS
from avseld.vision.visual_input import VisualInput, VisualSpec

CLASSES = [f"class {number}" for number in range(13)]
NAMES = ["fold3_room1_mix001", "fold3_room1_mix002", "fold3_room5_mix001", "fold4_room9_mix001"]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """Create four recordings of 4 s whose audio, boxes and labels encode their number, so that mix-ups are found."""
    folder = tmp_path_factory.mktemp("prepared")
    recordings = []
    for number, name in enumerate(NAMES):
        audio = np.full((96_000, 4), (number + 1) / 16) * np.linspace(0, 1, 96_000)[:, None]
        (folder / "audio").mkdir(exist_ok=True)
        soundfile.write(folder / "audio" / f"{name}.wav", audio, 24000, subtype="PCM_16")
        rows = [(f * 0.1, (f + 1) * 0.1, number, 0, f, 0, 1.0) for f in range(40)]
        write_events(folder / "labels" / f"{name}.csv", Events.from_rows(rows))
        place = np.arange(40)[:, None, None] / 100 + np.array([0.01 * (number + 1), 0.4, 0.5, 0.6])
        boxes = Boxes(np.arange(40) * 0.1, place, np.full((40, 1), 0.9), np.zeros((40, 1)), {"duration": 4.0})
        write_boxes(folder / "boxes" / f"{name}.npz", boxes)
        fold, room, _ = name.split("_")
        recordings.append(
            Recording(
                name, folder / "audio" / f"{name}.wav", "foa", folder / f"{name}.mp4", folder / "boxes" / f"{name}.npz",
                folder / "labels" / f"{name}.csv", fold, room, 4.0,
            )
        )  # fmt: skip
    write_manifest(folder, recordings, CLASSES)
    return folder


@pytest.fixture(scope="module")
def system():
    return System(Blueprint(Part("amplitude_ipd"), Part("avcrnn"), Part("multi_accdoa"), CLASSES))


def settings(prepared, **changes) -> Data:
    return replace(Data(prepared, validate=["fold3_room5"], batch_size=8), **changes)


def test_audio_boxes_and_labels_of_a_window_are_synchronous(prepared, system):
    windows = Windows(read_manifest(prepared), system, settings(prepared), seed=3)
    drawn = set()
    for index in range(60):
        item = windows[index]
        labels = item["accdoa"].numpy().any(axis=2)  # (frame, slot, class)
        (number,) = np.flatnonzero(labels.any(axis=(0, 1)))
        drawn.add(int(number))
        slope = (number + 1) / 16 / 96_000
        start = item["waveform"][0].numpy()[2000] / slope - 2000  # samples
        first = item["accdoa"][0, 0, :, number].numpy()
        # The ramp gives the start to within some 50 samples, which matters only at the edge of a label frame.
        labelled = np.degrees(np.arctan2(first[1], first[0])) * 2400
        assert labelled - 60 <= start <= labelled + 2460
        seen = (float(item["visual"][0, 0]) - 0.01 * (number + 1)) * 100 * 2400
        assert seen - 60 <= start <= seen + 2460
    assert drawn == {0, 1, 2, 3}


def test_the_number_of_workers_does_not_change_the_windows(prepared, system):
    windows = Windows(read_manifest(prepared), system, settings(prepared), seed=1)
    alone = list(loader(windows, Numbers(5, 3, 8), workers=0))
    ahead = loader(windows, Numbers(5, 3, 8), workers=0, device=torch.device("mps"))
    assert isinstance(ahead, Prefetcher) and len(ahead) == 3  # a background thread reads for a GPU
    for others in (list(loader(windows, Numbers(5, 3, 8), workers=2)), list(ahead)):
        for one, other in zip(alone, others, strict=True):
            assert all(torch.equal(one[name], other[name]) for name in one)
    different = Windows(read_manifest(prepared), system, settings(prepared), seed=2)[40]
    assert not torch.equal(different["waveform"], alone[0]["waveform"][0])


def test_processes_share_batches_and_a_resumed_run_continues_the_sequence():
    whole = list(Numbers(0, 4, 6))
    shares = [list(Numbers(0, 4, 6, rank, 3)) for rank in range(3)]
    for step in range(4):
        together = sorted(n for share in shares for n in share[2 * step : 2 * step + 2])
        assert together == whole[6 * step : 6 * step + 6]
    assert list(Numbers(2, 2, 6)) == whole[12:]
    with pytest.raises(BadInput, match="16 is not a multiple of 3"):
        Numbers(0, 1, 16, 0, 3)


def test_recordings_are_drawn_equally_often_or_by_duration(prepared, system, tmp_path):
    recordings = read_manifest(prepared)[:2]
    long = tmp_path / "long.wav"
    soundfile.write(long, np.zeros((24000 * 30, 4)), 24000, subtype="PCM_16")
    recordings[1] = replace(recordings[1], audio=long, duration=30.0)
    shares = {}
    for sampling in ("files", "duration"):
        windows = Windows(recordings, system, settings(prepared, sampling=sampling), seed=0)
        shares[sampling] = np.mean([windows[i]["waveform"].abs().max() == 0 for i in range(200)])
    assert shares["files"] == pytest.approx(0.5, abs=0.1)
    assert shares["duration"] == pytest.approx(28.73 / (28.73 + 2.73), abs=0.06)


def test_validation_rooms_are_withheld_from_training(prepared, caplog):
    caplog.set_level(logging.INFO, logger="avseld")
    logging.getLogger("avseld").propagate = True
    parts = choose(settings(prepared))
    assert [r.name for r in parts["train"]] == NAMES[:2]
    assert [r.name for r in parts["validate"]] == NAMES[2:3] and [r.name for r in parts["test"]] == NAMES[3:]
    assert "1 recordings are withheld from training to validate" in caplog.text
    with pytest.raises(BadInput, match="both in validate and in test"):
        choose(settings(prepared, validate=["fold4"]))
    choose(settings(prepared, validate=["fold4"], allow_overlap=True))
    with pytest.raises(BadInput, match="no recording of format mic"):
        choose(settings(prepared, format="mic"))


def test_recordings_without_video_are_dropped_and_counted(prepared, caplog):
    caplog.set_level(logging.INFO, logger="avseld")
    logging.getLogger("avseld").propagate = True
    recordings = read_manifest(prepared)
    recordings[0] = replace(recordings[0], video=None, boxes=None)
    recordings[1] = replace(recordings[1], boxes=prepared / "boxes" / "not_yet.npz")
    assert with_video(recordings) == recordings[2:]
    assert "2 of 4 recordings are left out" in caplog.text
    assert "1 without video, 1 without boxes" in caplog.text


@pytest.mark.parametrize(
    ("height", "wrap", "warned"), [(360, True, True), (360, False, False), (320, True, False)]
)
def test_a_network_that_lets_boxes_over_the_edge_is_told_of_pictures_without_a_seam(
    caplog, height, wrap, warned
):
    logging.getLogger("avseld").propagate = True
    about = {"width": 640, "height": height, "duration": 1.0}
    boxes = Boxes(
        np.zeros(1), np.array([[[0.1, 0.1, 0.2, 0.9]]]), np.full((1, 1), 0.9), np.zeros((1, 1)), about
    )
    warn_about_edges([VisualInput(boxes, VisualSpec()), None], wrap)
    assert ("--model.options.wrap false" in caplog.text) == warned


def test_shuffling_gives_every_recording_the_boxes_of_another(prepared):
    recordings = read_manifest(prepared)
    own = {r.name: load_visual_input(r).at(np.array([0.0])).tobytes() for r in recordings}
    for seed in range(5):
        shown = {
            name: visual.at(np.array([0.0])).tobytes()
            for name, visual in visual_inputs(recordings, "shuffled", seed=seed).items()
        }
        assert sorted(shown.values()) == sorted(own.values())
        assert all(shown[name] != own[name] for name in own)
    assert all(visual is None for visual in visual_inputs(recordings, "blank").values())
    with pytest.raises(BadInput, match="at least two"):
        visual_inputs(recordings[:1], "shuffled")


def test_windows_after_the_end_of_the_video_hold_no_boxes(prepared, tmp_path, caplog):
    caplog.set_level(logging.WARNING, logger="avseld")
    logging.getLogger("avseld").propagate = True
    recording = read_manifest(prepared)[0]
    boxes = read_boxes(recording.boxes)
    columns = {name: getattr(boxes, name)[:20] for name in ("time", "box", "score", "label")}
    write_boxes(tmp_path / "x.npz", Boxes(**columns, about={"duration": 2.0}))
    visual = load_visual_input(replace(recording, boxes=tmp_path / "x.npz"))
    seen = visual.at(np.array([0.0, 1.95, 2.0, 3.0]))
    assert seen.any(axis=(1, 2)).tolist() == [True, True, False, False]
    assert "the video ends at 2.0 s, the audio at 4.0 s" in caplog.text


def test_blank_windows_hold_no_boxes(prepared, system):
    assert "visual" not in Windows(read_manifest(prepared), system, settings(prepared, video="blank"), 0)[0]


def test_a_recording_shorter_than_a_window_is_refused_by_name(prepared, tmp_path, system):
    short = tmp_path / "short.wav"
    soundfile.write(short, np.zeros((30_479, 4)), 24000, subtype="PCM_16")
    recordings = [replace(read_manifest(prepared)[0], audio=short)]
    with pytest.raises(BadInput, match=r"short\.wav: 1\.27 s are shorter than a window"):
        Windows(recordings, system, settings(prepared), 0)


def test_labels_beyond_the_audio_are_refused_by_name(prepared, tmp_path):
    late = Events.from_rows([(4.1, 4.2, 0, 0, 0, 0, 1.0)])
    write_events(tmp_path / "late.csv", late)
    recording = replace(read_manifest(prepared)[0], labels=tmp_path / "late.csv")
    with pytest.raises(BadInput, match=r"late\.csv: labels until 4\.2 s, but .* ends at 4\.0 s"):
        reference(recording, 13)
    with pytest.raises(BadInput, match="names no labels"):
        reference(replace(recording, labels=None), 13)


def test_audio_of_another_length_than_the_manifest_says_is_refused_by_name(prepared):
    recording = read_manifest(prepared)[0]
    for duration in (0.0, 7.0, 1e300):
        with pytest.raises(BadInput, match=r"fold3_room1_mix001\.wav: lasts 4 s, the manifest says"):
            reference(replace(recording, duration=duration), 13)


@pytest.mark.parametrize(
    ("target", "gaps", "says"),
    [
        ("multi_accdoa", {"azimuth"}, "an event without direction cannot train"),
        ("multi_accdoa", {"elevation"}, "an event without direction cannot train"),
        ("multi_accdoa", {"onset", "offset"}, "labels without times cannot train"),
        ("multi_accddoa", {"distance"}, "labels without direction or distance"),
        ("tagging", {"onset", "offset", "azimuth", "elevation", "distance"}, None),
        ("multi_accdoa", {"distance"}, None),
    ],
)
def test_labels_that_lack_what_a_target_learns_are_refused_by_line(prepared, tmp_path, target, gaps, says):
    recording = read_manifest(prepared)[0]
    events = read_events(recording.labels)
    holes = {name: np.where(np.arange(40) == 39, np.nan, getattr(events, name)) for name in gaps}
    write_events(tmp_path / "x.csv", replace(events, **holes))
    one = replace(recording, labels=tmp_path / "x.csv")
    part = TARGETS[target](13)
    if says is None:
        check_annotation(part, [one], [reference(one, 13)], 10, 0.1)
        return
    with pytest.raises(BadInput, match=rf"x\.csv:41: {says}"):
        check_annotation(part, [one], [reference(one, 13)], 10, 0.1)


@pytest.mark.parametrize("model", ["avcrnn", "fused"])
def test_augmented_windows_state_what_their_visual_input_holds(prepared, model):
    received = []

    def keep(window, random, another):
        received.append(window)
        return window

    feature = {"avcrnn": "amplitude_ipd", "fused": "sound_field"}[model]
    system = System(Blueprint(Part(feature), Part(model), Part("accdoa"), CLASSES))
    Windows(read_manifest(prepared), system, settings(prepared), seed=3, augment=[keep])[0]
    assert received[0].layout == {"avcrnn": "boxes", "fused": "tracks"}[model]
