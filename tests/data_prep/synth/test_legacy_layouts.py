"""Generated corpora in layouts before STARSS, read by the readers of the published corpora."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

from avseld.base.errors import BadInput
from avseld.io.audio import audio_info, read_audio
from avseld.io.events import read_events
from avseld.io.manifest import read_classes, read_manifest
from avseld.recipes import FOLDER
from data_prep.corpora import dcase as dcase_reader
from data_prep.corpora import task4 as task4_reader
from data_prep.corpora import tut as tut_reader
from data_prep.corpora.dcase import dcase
from data_prep.corpora.task4 import task4
from data_prep.corpora.tut import tut
from data_prep.synth.acoustics.receivers import CIRCULAR_ARRAY
from data_prep.synth.corpus import LAYOUTS, _claim, synth
from data_prep.synth.layouts import legacy
from data_prep.synth.layouts.class_tables import LEGACY_CORPORA, TUT2018
from data_prep.synth.layouts.plan import CorpusOptions
from data_prep.synth.sounds.classes import SAMPLE_RATE
from data_prep.synth.sounds.events import active_blocks, dry_sound

SECONDS = 6.0


def options(layout: str, recordings: int = 12) -> CorpusOptions:
    return CorpusOptions(
        layout, recordings, SECONDS, ("foa",), "simple", None, None, 7, 1920, 29.97, 6, 3, 0.25
    )


@pytest.fixture(scope="module")
def corpora(tmp_path_factory):
    """Create a folder with a small corpus of each layout and its prepared folder."""
    folder = tmp_path_factory.mktemp("older")
    for layout in LEGACY_CORPORA:
        n, s = (12, 10.0) if layout == "task4" else (12, SECONDS)
        synth(folder / layout, layout, n, s, preset="simple", seed=7, jobs=1)
    tut(folder / "tut2018", folder / "tut2018" / "prepared", "ansim")
    tut(folder / "dcase2019", folder / "dcase2019" / "prepared", "dcase2019", "foa")
    dcase(folder / "tau_nigens2020", folder / "tau_nigens2020" / "prepared", "tau_nigens2020")
    task4(folder / "task4", folder / "task4" / "prepared", jobs=1)
    return folder


def test_legacy_classes_are_those_of_the_readers():
    assert LEGACY_CORPORA["tut2018"].classes == LEGACY_CORPORA["dcase2019"].classes == tut_reader.CLASSES
    assert LEGACY_CORPORA["tau_nigens2020"].classes == dcase_reader.NIGENS_2020_CLASSES
    assert LEGACY_CORPORA["task4"].classes == task4_reader.CLASSES
    for name, data_set in TUT2018.items():
        assert data_set.corpus.classes == tut_reader.LAYOUTS[name].classes
        assert data_set.format in tut_reader.LAYOUTS[name].audio


@pytest.mark.parametrize("layout", LEGACY_CORPORA)
def test_a_legacy_corpus_has_the_rate_duration_and_channels_of_the_published_one(corpora, layout):
    recordings = read_manifest(corpora / layout / "prepared")
    assert len(recordings) == 12 and read_classes(corpora / layout / "prepared") == list(
        LEGACY_CORPORA[layout].classes
    )
    sounds = [path for path in (corpora / layout).rglob("*.wav") if "prepared" not in path.parts]
    for path in sounds:
        info = audio_info(path)
        assert info.sample_rate == LEGACY_CORPORA[layout].sample_rate
        assert info.channels == (1 if layout == "task4" else 4)
        assert info.duration == pytest.approx(10.0 if layout == "task4" else SECONDS)


@pytest.mark.parametrize(
    ("layout", "recipes"),
    [
        ("tut2018", ["seldnet_2018"]),
        ("dcase2019", ["seldnet_2019", "two_stage_sed", "two_stage"]),
        ("tau_nigens2020", ["seldnet_2020", "general_sed_m", "general_doa_iv", "general_alignment"]),
        ("task4", ["sed_cnn5", "sed_cnn9", "sed_cnn13"]),
    ],
)
def test_a_legacy_corpus_has_the_folds_of_the_recipes(corpora, layout, recipes):
    there = {recording.fold for recording in read_manifest(corpora / layout / "prepared")}
    for recipe in recipes:
        data = yaml.safe_load((FOLDER / f"{recipe}.yaml").read_text())["data"]
        assert {*data["train"], *data["validate"], *data["test"]} <= there


@pytest.mark.parametrize("layout", ["tut2018", "dcase2019"])
def test_interval_labels_hold_times_and_directions_of_the_scene(corpora, layout):
    for recording in LAYOUTS[layout].plan(options(layout)):
        scene, _ = legacy.plan_legacy_scene(recording, options(layout))
        name = next(
            r.name
            for r in read_manifest(corpora / layout / "prepared")
            if r.name.split("_")[1 if layout == "tut2018" else 3] == str(recording.mix)
        )
        read = read_events(corpora / layout / "prepared" / "labels" / f"{name}.csv")
        order = np.argsort([event.onset for event in scene.events], kind="stable")
        planned = [scene.events[place] for place in order]
        assert read.label.tolist() == [event.label for event in planned]
        for row, event in enumerate(planned):
            assert (
                event.onset - 1e-3
                <= read.onset[row]
                < read.offset[row]
                <= event.onset + event.duration + 1e-2
            )
            assert read.azimuth[row] % 10 == 0 and read.elevation[row] % 10 == 0
            azimuth = float(event.trajectory.azimuth[0])
            assert (read.azimuth[row] - azimuth) % 360 == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(("dataset", "split", "channels"), [("cansim", 3, 8), ("real", 9, 4)])
def test_a_data_set_of_tut2018_has_its_channels_classes_and_folders(tmp_path, dataset, split, channels):
    words = {"seconds": 3.0, "preset": "simple", "dataset": dataset, "overlap": 3, "jobs": 1}
    synth(tmp_path / "raw", "tut2018", 1, split=split, **words)
    tut(tmp_path / "raw", tmp_path / "prepared", dataset, overlap=3, split=split)
    (recording,) = read_manifest(tmp_path / "prepared")
    assert audio_info(recording.audio).channels == channels
    assert recording.audio.parent.name == f"wav_ov3_split{split}_30db"
    corpus = TUT2018[dataset].corpus
    assert read_classes(tmp_path / "prepared") == list(corpus.classes)
    planned = CorpusOptions("tut2018", 1, 3.0, ("foa",), "simple", *(None,) * 2, 0, 1920, 29.97, 6, 3, 0.25)
    planned = replace(planned, dataset=dataset, overlaps=(3,), splits=(split,))
    scene, _ = legacy.plan_legacy_scene(LAYOUTS["tut2018"].plan(planned)[0], planned)
    assert sorted(read_events(recording.labels).label) == sorted(event.label for event in scene.events)


def test_overlaps_and_splits_of_tut2018_have_scenes_of_their_own():
    some = replace(options("tut2018", 2), overlaps=(1, 2, 3), splits=(1, 2, 3), seconds=30.0)
    planned = LAYOUTS["tut2018"].plan(some)
    scenes = [legacy.plan_legacy_scene(recording, some)[0] for recording in planned]
    assert len({scene.events for scene in scenes}) == len(planned) == 18
    for recording, scene in zip(planned, scenes, strict=True):
        onsets = np.array([event.onset for event in scene.events])
        offsets = onsets + [event.duration for event in scene.events]
        assert max(((onsets <= time) & (time < offsets)).sum() for time in onsets) == recording.overlap


def test_overlaps_and_splits_can_be_added_to_a_folder_and_unknown_ones_are_refused(tmp_path):
    made = replace(options("tut2018"), overlaps=(2,), splits=(3,))
    _claim(tmp_path, made)
    _claim(tmp_path, replace(made, overlaps=(1,)))
    assert json.loads((tmp_path / "synth.json").read_text())["overlaps"] == [1, 2]
    with pytest.raises(BadInput, match=r"made with other options \(dataset\)"):
        _claim(tmp_path, replace(made, dataset="resim"))
    for words, says in (
        ({"overlap": 4}, "overlap 4: ansim has 1, 2, 3"),
        ({"dataset": "real", "split": "1,2"}, "split 2: real has 1, 8, 9"),
        ({"overlap": "two"}, "overlap two: give whole numbers"),
        ({"layout": "dcase2019", "overlap": 2}, "dataset, overlap and split are of tut2018"),
    ):
        with pytest.raises(BadInput, match=says):
            synth(tmp_path / "new", **{"layout": "tut2018"} | words)
    assert not (tmp_path / "new").exists()


def test_a_microphone_of_the_circular_array_that_faces_the_source_is_first():
    response = np.fft.irfft(CIRCULAR_ARRAY.spectra(np.array([[0.0, 1.0, 0.0]]), 1024)[0])
    delay = np.argmax(np.roll(response, 512, axis=1), axis=1) - 512
    # 5 cm are 3.5 samples at 24 kHz, 2.5 at 45 degrees
    assert np.abs(delay - [0, -2.5, -3.5, -2.5, 0, 2.5, 3.5, 2.5]).max() <= 0.5


def test_intensity_points_at_the_interval_label(corpora):
    """The intensity vector of an anechoic recording has the labelled azimuth."""
    for recording in read_manifest(corpora / "tut2018" / "prepared"):
        events = read_events(recording.labels)
        for row in range(len(events)):
            first = round(events.onset[row] * 44100)
            w, y, _, x = read_audio(
                recording.audio, first, round((events.offset[row] - events.onset[row]) * 44100)
            )
            azimuth = np.degrees(np.arctan2((w * y).mean(), (w * x).mean()))
            assert (azimuth - events.azimuth[row] + 180) % 360 - 180 == pytest.approx(0, abs=12)


def test_moving_sources_have_one_row_per_frame(corpora):
    moved = 0
    for recording in read_manifest(corpora / "tau_nigens2020" / "prepared"):
        events = read_events(recording.labels)
        assert np.allclose(events.offset - events.onset, 0.1)
        for source in np.unique(events.source):
            moved += len(np.unique(events.azimuth[events.source == source])) > 3
    assert moved >= 3


def test_no_room_is_in_two_folds_of_tau_nigens():
    planned = LAYOUTS["tau_nigens2020"].plan(options("tau_nigens2020", 36))
    for room in {recording.room for recording in planned}:
        assert len({recording.part for recording in planned if recording.room == room}) == 1


def test_weak_labels_have_no_times_and_unlabelled_clips_have_no_labels(corpora):
    recordings = read_manifest(corpora / "task4" / "prepared")
    kinds = {recording.fold: recording for recording in recordings}
    assert set(kinds) == {"weak", "synthetic", "unlabelled", "validation"}
    assert np.isnan(read_events(kinds["weak"].labels).onset).all()
    assert kinds["unlabelled"].labels is None
    strong = read_events(kinds["validation"].labels)
    assert len(strong) and not np.isnan(strong.onset).any() and (strong.offset > strong.onset).all()


def test_the_same_seed_gives_the_same_bytes(tmp_path):
    for folder in ("a", "b"):
        synth(tmp_path / folder, "task4", 8, 5.0, preset="simple", seed=3, jobs=1)
    files = sorted(path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*") if path.is_file())
    assert len(files) == 8 + 4 + 1
    for file in files:
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_legacy_sounds_are_active_and_differ_in_spectrum_within_a_corpus():
    for name, corpus in {**LEGACY_CORPORA, "real": TUT2018["real"].corpus}.items():
        synthesizers = tuple(corpus.synthesizers.values())
        spectra = []
        for label in range(len(synthesizers)):
            sound = dry_sound(label, 3.0, np.random.default_rng(label), synthesizers=synthesizers)
            assert np.isfinite(sound).all() and len(sound) <= 3 * SAMPLE_RATE + 1
            assert active_blocks(sound).mean() > 0.4, (name, corpus.classes[label])
            power = np.abs(np.fft.rfft(sound[: 2 * SAMPLE_RATE], 2 * SAMPLE_RATE)) ** 2
            bands = np.add.reduceat(power, np.geomspace(20, len(power) - 1, 24).astype(int))
            spectra.append(np.log(bands / bands.sum() + 1e-4))
        apart = np.linalg.norm(np.subtract.outer(spectra, spectra).diagonal(axis1=1, axis2=3), axis=-1)
        assert (apart + 100 * np.eye(len(apart))).min() > 1.5, name


def test_unknown_layouts_and_unusable_options_are_refused(tmp_path):
    with pytest.raises(BadInput, match="leave out soundbank and images"):
        synth(tmp_path / "x", "task4", 4, soundbank=Path(__file__).parent)
    with pytest.raises(BadInput, match="layout tut1999: choose one of starss23, tut2018"):
        synth(tmp_path / "x", "tut1999")  # type: ignore[arg-type]
    assert not (tmp_path / "x").exists()
