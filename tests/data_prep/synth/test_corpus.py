"""Files of generated corpora: STARSS23 layout, the same bytes for the same seed, invalid options."""

import logging
import shutil
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from avseld.base.errors import BadInput
from avseld.io.boxes import centre_direction, read_boxes
from avseld.io.dcase_csv import read_dcase
from avseld.io.geometry import angle_between, unit_vector, wrap
from data_prep.__main__ import main
from data_prep.corpora.dcase import DATASETS, STARSS_CLASSES
from data_prep.synth.corpus import synth
from data_prep.synth.layouts.plan import CorpusOptions
from data_prep.synth.layouts.starss23 import plan_scene, plan_starss23
from data_prep.synth.presets import PRESETS
from data_prep.synth.sounds.classes import CLASSES

KINDS = {"foa_dev": ".wav", "metadata_dev": ".csv", "video_dev": ".mp4", "boxes_dev": ".npz"}
SMALL = {
    "recordings": 6,
    "seconds": 6.0,
    "width": 180,
    "fps": 10.0,
    "jobs": 1,
    "train_rooms": 2,
    "test_rooms": 2,
}
MAX_BOXES = ["dev-test-sony", "dev-test-tau", "dev-train-sony", "dev-train-tau"]


def files(corpus: Path) -> dict[str, bytes]:
    found = (path for kind in KINDS for path in sorted((corpus / kind).rglob("*.*")))
    return {str(path.relative_to(corpus)): path.read_bytes() for path in found}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("synth") / "corpus"
    synth(out, seed=3, test_share=0.34, **SMALL)
    return out


def test_layout_is_that_of_starss23(corpus: Path) -> None:
    for kind, ending in KINDS.items():
        assert sorted(path.name for path in (corpus / kind).iterdir()) == MAX_BOXES
        names = {path.name for path in (corpus / kind).rglob("*.*")}
        assert names == {
            f"fold3_room{room}_mix{mix:03d}{ending}" for room, mix in ((1, 1), (1, 2), (2, 1), (2, 2))
        } | {f"fold4_room{room}_mix001{ending}" for room in (3, 4)}
    assert {path.parent.name for path in (corpus / "foa_dev").rglob("fold4*")} == {
        "dev-test-sony",
        "dev-test-tau",
    }
    assert sorted(path.name for path in corpus.iterdir()) == sorted([*KINDS, "synth.json", "presets.csv"])
    assert set(KINDS) - {"foa_dev"} == {DATASETS["starss23"].labels, DATASETS["starss23"].boxes, "video_dev"}


def test_no_room_is_in_both_training_and_test(corpus: Path) -> None:
    rooms: dict[str, set[str]] = {"fold3": set(), "fold4": set()}
    for path in (corpus / "foa_dev").rglob("*.wav"):
        fold, room, _ = path.stem.split("_")
        rooms[fold].add(room)
    assert len(rooms["fold3"]) == len(rooms["fold4"]) == 2
    assert not rooms["fold3"] & rooms["fold4"]


def test_recordings_with_one_room_number_have_the_same_room() -> None:
    options = CorpusOptions("starss23", 4, 6.0, ("foa",), "easy", None, None, 3, 180, 10.0, 2, 2, 0.0)
    rooms = [(recording.room, plan_scene(recording, options)[0].room) for recording in plan_starss23(options)]
    assert all((number == other) == (room == same) for number, room in rooms for other, same in rooms)


def test_audio_is_24_khz_int16_of_four_channels(corpus: Path) -> None:
    for path in (corpus / "foa_dev").rglob("*.wav"):
        header = soundfile.info(path)
        assert (header.samplerate, header.channels, header.subtype) == (24000, 4, "PCM_16")
        assert header.frames == 6 * 24000
        sound, _ = soundfile.read(path)
        assert 0.01 < np.abs(sound).max() < 0.96


def test_labels_are_dcase_rows_within_the_audio(corpus: Path) -> None:
    rows = 0
    for path in (corpus / "metadata_dev").rglob("*.csv"):
        events, dialect = read_dcase(path, n_classes=13)
        rows += len(events)
        assert dialect.columns == ("frame", "class", "source", "azimuth", "elevation", "distance")
        assert not dialect.header
        assert events.duration <= 6.0 + 1e-9
        assert ((events.distance > 0.5) & (events.distance < 5)).all()
        assert ((events.azimuth >= -180) & (events.azimuth < 181)).all()
        keys = list(zip(events.onset.round(2), events.label, events.source, strict=True))
        assert len(set(keys)) == len(keys)
        assert all(float(word).is_integer() for line in path.read_text().split() for word in line.split(","))
        assert (np.diff(events.onset) > -1e-9).all()
    assert rows > 100


def test_intensity_vectors_point_at_the_labels_of_a_corpus(corpus: Path) -> None:
    """The median error over all frames with one source is below 20 degrees, reverberation included."""
    errors = []
    for path in (corpus / "metadata_dev").rglob("*.csv"):
        events, _ = read_dcase(path)
        wav = corpus / "foa_dev" / path.parent.name / f"{path.stem}.wav"
        sound = soundfile.read(wav)[0].T
        frames = np.round(events.onset * 10).astype(int)
        for row in np.flatnonzero(np.bincount(frames, minlength=60)[frames] == 1):
            here = sound[:, frames[row] * 2400 : (frames[row] + 1) * 2400]
            flow = (here[0] * here[[3, 1, 2]]).mean(axis=1)
            errors.append(angle_between(flow, unit_vector(events.azimuth[row], events.elevation[row])))
    assert len(errors) > 50
    assert np.median(errors) < 20


def test_video_is_equirectangular_and_covers_the_audio(corpus: Path) -> None:
    for path in (corpus / "video_dev").rglob("*.mp4"):
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            assert (stream.codec_context.name, stream.width, stream.height) == ("h264", 180, 90)
            assert stream.average_rate == 10
            assert sum(1 for _ in container.decode(stream)) == 60


def test_boxes_belong_to_the_video_and_follow_human_sounds(corpus: Path) -> None:
    near = []
    for path in (corpus / "boxes_dev").rglob("*.npz"):
        boxes = read_boxes(path, corpus / "video_dev" / path.parent.name / f"{path.stem}.mp4")
        assert boxes.about["detector"] == "generator"
        assert boxes.about["fps"] == 10
        np.testing.assert_allclose(np.diff(boxes.time), 0.1)
        assert len(boxes.time) == 60
        events, _ = read_dcase(corpus / "metadata_dev" / path.parent.name / f"{path.stem}.csv")
        for row in np.flatnonzero(np.isin(events.label, (0, 1, 2, 4, 6))):
            azimuth, _ = centre_direction(boxes.box[boxes.at(events.onset[row] + 0.05)])
            near.append(np.abs(wrap(azimuth - events.azimuth[row])).min() < 3)
    assert np.mean(near) > 0.5


def test_same_seed_gives_the_same_bytes_with_any_number_of_jobs(corpus: Path, tmp_path: Path) -> None:
    synth(tmp_path / "again", seed=3, test_share=0.34, **(SMALL | {"jobs": 2}))
    first, second = files(corpus), files(tmp_path / "again")
    assert len(first) == 24
    assert [name for name in first if first[name] != second[name]] == []


def test_other_seed_gives_other_scenes(corpus: Path, tmp_path: Path) -> None:
    synth(tmp_path / "other", seed=4, test_share=0.34, **(SMALL | {"recordings": 2}))
    other = files(tmp_path / "other")
    assert all(files(corpus).get(name) != other[name] for name in other)


def test_interrupted_run_continues_and_other_options_are_refused(corpus: Path, tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    shutil.copytree(corpus, begun)
    (begun / "boxes_dev/dev-train-tau/fold3_room2_mix002.npz").unlink()
    untouched = begun / "foa_dev/dev-train-sony/fold3_room1_mix001.wav"
    before = untouched.stat().st_mtime_ns
    synth(begun, seed=3, test_share=0.34, **SMALL)
    assert files(begun) == files(corpus)
    assert untouched.stat().st_mtime_ns == before
    with pytest.raises(BadInput, match="seed"):
        synth(begun, seed=5, test_share=0.34, **SMALL)


def test_video_options_do_not_change_the_audio(corpus: Path, tmp_path: Path) -> None:
    synth(tmp_path / "wide", seed=3, test_share=0.34, **(SMALL | {"width": 240, "fps": 29.97}))
    first, second = files(corpus), files(tmp_path / "wide")
    assert all((first[name] == second[name]) == (Path(name).suffix in (".wav", ".csv")) for name in first)


def test_sound_and_image_banks_are_used(
    shared: Callable[[str], Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    small = SMALL | {"recordings": 2, "seed": 3}
    bank, pictures = shared("data/soundbank/dcase_classes"), shared("data/images/objects")
    synth(tmp_path / "plain", **small)
    synth(tmp_path / "own", soundbank=bank, images=pictures, **small)
    plain, own = files(tmp_path / "plain"), files(tmp_path / "own")
    for name in plain:
        assert Path(name).suffix == ".csv" or plain[name] != own[name]
    assert "no files for clapping" in caplog.text


@pytest.mark.parametrize(
    ("invalid", "word"),
    [
        ({"recordings": 0}, "recordings"),
        ({"seconds": 1.0}, "seconds"),
        ({"seconds": 6.05}, "tenths"),
        ({"preset": "hard"}, "preset"),
        ({"formats": "quad"}, "formats"),
        ({"formats": "eigenmike,eigenmike_rigid"}, "formats"),
        ({"formats": "eigenmike", "layout": "task4"}, "formats"),
        ({"width": 181}, "width"),
        ({"fps": 0.0}, "fps"),
        ({"test_share": 1.5}, "test_share"),
        ({"seed": -1}, "seed"),
        ({"soundbank": Path("nowhere")}, "nowhere"),
        ({"images": Path("nowhere")}, "nowhere"),
    ],
)
def test_invalid_options_are_refused_before_anything_is_written(
    invalid: dict[str, object], word: str, tmp_path: Path
) -> None:
    with pytest.raises(BadInput, match=word):
        synth(tmp_path / "out", **(SMALL | invalid))
    assert not (tmp_path / "out").exists()


def test_folder_with_other_files_is_refused_and_unchanged(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(BadInput, match="something else"):
        synth(tmp_path, **SMALL)
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_command_makes_a_corpus_and_refuses_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [
        "--recordings",
        "1",
        "--seconds",
        "4",
        "--width",
        "64",
        "--fps",
        "5",
        "--jobs",
        "1",
        "--preset",
        "crowded",
    ]
    main(["synth", "--out", str(tmp_path / "one"), *words])
    assert len(files(tmp_path / "one")) == 4
    with pytest.raises(SystemExit) as stop:
        main(["synth", "--out", str(tmp_path / "two"), *words, "--soundbank", str(tmp_path / "none")])
    assert stop.value.code == 2
    assert capsys.readouterr().err.strip().splitlines()[-1].count("none") == 1
    for name in ("avseld", "detection", "data_prep"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True


def test_classes_are_those_of_starss23_in_its_order() -> None:
    assert tuple(kind.name for kind in CLASSES) == STARSS_CLASSES
    assert set(PRESETS) == {"simple", "easy", "reverberant", "noisy", "crowded", "starss", "locator"}
