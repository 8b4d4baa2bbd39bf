"""scripts/prepare_starss23.sh: from an unpacked corpus to a prepared folder."""

import numpy as np
import pytest
from raw_tree import read_video, state, write_starss

from avseld.base.files import fingerprint
from avseld.io.boxes import Boxes, read_boxes, write_boxes
from avseld.io.manifest import read_manifest

NAMES = ["fold3_room21_mix001", "fold3_room21_mix013", "fold4_room2_mix001"]


SCRIPT = "prepare_starss23.sh"


def assert_ready(served, data, raw_names):
    before = {name: state(data / name) for name in raw_names}
    said = served(SCRIPT, data)
    assert "no detection needed" in said and "ready:" in said
    recordings = read_manifest(data / "prepared")
    for recording in recordings:
        assert recording.audio.is_file() and recording.labels.is_file()
        if recording.video:
            assert "video_360x180_dev" in recording.video.parts
            assert read_video(recording.video, stop=1)[1][0].shape == (180, 360, 3)
            assert len(read_boxes(recording.boxes, recording.video).time)
    first = state(data / "prepared"), state(data / "video_360x180_dev")
    assert "are there already" in served(SCRIPT, data)
    assert state(data / "video_360x180_dev") == first[1]
    assert {name: content for name, (content, _) in state(data / "prepared").items()} == {
        name: content for name, (content, _) in first[0].items()
    }
    assert {name: state(data / name) for name in raw_names} == before
    return recordings


def test_a_corpus_with_exact_boxes_is_ready_after_one_command(served, tmp_path):
    data = write_starss(tmp_path / "my data", NAMES, blind=(NAMES[0],), seconds=0.4)
    for name in NAMES[1:]:
        video = data / "video_dev" / "dev-train-sony" / f"{name}.mp4"
        about = {"video": fingerprint(video), "detector": "generator"}
        none = np.zeros((1, 1))
        boxes = Boxes(none[0], np.zeros((1, 1, 4)), none, none, about)
        write_boxes(data / "boxes_dev" / "dev-train-sony" / f"{name}.npz", boxes)
    recordings = assert_ready(served, data, ["foa_dev", "metadata_dev", "video_dev", "boxes_dev"])
    assert [recording.name for recording in recordings] == NAMES
    assert [recording.video is None for recording in recordings] == [True, False, False]


def test_a_generated_corpus_is_ready_after_one_command(served, tmp_path):
    corpus = pytest.importorskip("data_prep.synth.corpus")
    corpus.synth(tmp_path / "data", recordings=4, seconds=4.0, width=480, seed=1)
    recordings = assert_ready(
        served, tmp_path / "data", ["foa_dev", "metadata_dev", "video_dev", "boxes_dev"]
    )
    assert {recording.fold for recording in recordings} == {"fold3", "fold4"}


def test_prepare_starss23_prints_its_usage_and_what_is_missing(served, tmp_path):
    assert "scripts/prepare_starss23.sh DATA" in served(SCRIPT, expect=2)
    assert "--shard: each step waits for all shards" in served(SCRIPT, "nowhere", "--shard", "1/3", expect=2)
    missing = served(SCRIPT, tmp_path, expect=2)
    assert missing.strip().splitlines()[-1].endswith("choose another --format or --dataset")


def test_an_unreadable_video_stops_the_script_before_the_manifest(served, tmp_path):
    data = write_starss(tmp_path / "data", NAMES[:2], seconds=0.4)
    (data / "video_dev" / "dev-train-sony" / f"{NAMES[0]}.mp4").write_bytes(b"nothing")
    assert f"{NAMES[0]}.mp4: no readable video" in served(SCRIPT, data, expect=1)
    assert not (data / "prepared").exists()
