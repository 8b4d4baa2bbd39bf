"""Exported networks give what the original gives, whatever the recipe, and run without torch."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
import soundfile
import torch
from onnx import numpy_helper

from avseld.__main__ import main
from avseld.base.errors import BadInput
from avseld.exporting.export import export_system
from avseld.exporting.folder import writing_folder
from avseld.exporting.smaller import PRECISIONS
from avseld.onnx_runtime import load
from avseld.recipes import FOLDER
from avseld.recipes.listing import system_of
from avseld.recipes.reading import read_recipe
from avseld.system.build import System

pytestmark = pytest.mark.slow
WIDTHS = [8, 16, 16, 16]
RESNET = {"encoder": {"name": "resnet_conformer", "options": {"width": 32, "n_blocks": 1}}, "hidden": 16}
HTSAT = {"channels": 8, "depths": [1, 1, 1, 1], "n_heads": [1, 2, 2, 2]}
NARROW = {
    **{name: {"widths": WIDTHS, "n_blocks": 1} for name in ("av_conformer", "cmaf")},
    **{
        f"cst_{name}": {"encoder": {"name": "cst_former", "options": {"variant": name, "n_layers": 1}}}
        for name in ("dca", "dst", "ule")
    },
    "einv2": {"widths": WIDTHS, "n_layers": 1, "feedforward": 16},
    **{f"general_{name}": {"narrow": 8} for name in ("alignment", "sed_m", "sed_t", "doa_gcc", "doa_iv")},
    "general_alignment_systems": {"hidden": 16},
    "mvanet": {"width": 32},
    **{f"pseldnets_{name}": HTSAT for name in ("adapter", "htsat_accdoa", "htsat_einv2", "htsat_maccdoa")},
    "pseldnets_cnn14_maccdoa": {"widths": [4, 4, 4, 4, 8, 16]},
    "pseldnets_passt_maccdoa": {"token": 24, "n_blocks": 1, "n_heads": 2},
    "resnet_conformer_av_fused": {"encoder": {"name": "field_resnet_conformer", "options": {"n_blocks": 1}}},
    "resnet_conformer_av": {**RESNET, "n_layers": 1, "feedforward": 32},
    **{
        f"resnet_conformer_{name}": RESNET
        for name in ("distance", "foa", "mic", "multi", "starss23", "stereo")
    },
    **{f"sed_cnn{layers}": {"narrow": 8} for layers in (5, 9, 13)},
    **{f"seldnet_{name}": {} for name in ("2024", "2024_av", "2025_stereo", "2025_stereo_av")},
    **{name: {"widths": WIDTHS} for name in ("two_stage", "two_stage_sed")},
}
"""recipe -> options of a network with the same layers and less in them; docs/export.md has full sizes"""
SHORT_S = 2.0
"""windows of these, but for PSELDNets, whose transformers have one length"""
WITHOUT = {"general_azi_hist", "general_ele_hist", "general_alignment_hist"}
"""their features are eigenvectors of complex matrices, which ONNX has not"""
RECIPES = sorted({path.stem for path in FOLDER.glob("*.yaml")} - WITHOUT)


def _narrowed(recipe: str) -> System:
    """Build the system of a recipe, with less in the layers of large networks."""
    words = read_recipe(recipe)
    if recipe in NARROW:
        model, data = words["model"], words["data"]
        words |= {"model": {**model, "options": {**model.get("options", {}), **NARROW[recipe]}}}
        if not recipe.startswith("pseldnets"):
            words["data"] = {**data, "chunk": SHORT_S, "inference_chunk": SHORT_S}
    return system_of(recipe, words)


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_is_exported_with_the_same_heads_and_events(recipe, tmp_path):
    torch.manual_seed(0)
    about = export_system(_narrowed(recipe).eval(), recipe, tmp_path, measure=False)
    assert "differ" not in about.measured["parity"].replace("greatest difference", "")
    assert about.measured["operations_per_s"] > 0


@pytest.mark.parametrize("recipe", sorted(WITHOUT)[:1])
def test_what_onnx_has_not_is_named_and_nothing_is_written(recipe, tmp_path):
    with pytest.raises(BadInput, match=r"linalg_eigh.*cannot be exported"):
        export_system(system_of(recipe).eval(), recipe, tmp_path, measure=False)


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """Thirteen seconds of four channels at another rate than that of the networks."""
    random = np.random.default_rng(0)
    waveform = 0.02 * random.standard_normal((13 * 32000, 4))
    for begin in (1, 4, 9):
        waveform[begin * 32000 : (begin + 2) * 32000] += (
            0.3 * random.standard_normal((64000, 1)) * [1, 0.3, -0.2, 0.7]
        )
    path = tmp_path_factory.mktemp("sound") / "take.wav"
    soundfile.write(path, waveform, 32000, subtype="PCM_24")
    return path


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    folder = tmp_path_factory.mktemp("exported") / "locator"
    main(["export", "--run", "locator_foa", "--out", str(folder), "--measure", "false"])
    return folder


def rows_of(path: Path) -> np.ndarray:
    return np.loadtxt(path, delimiter=",", skiprows=1, ndmin=2)


def test_the_runtime_writes_the_csv_of_predict_without_importing_torch(exported, sound, tmp_path):
    blocked = [
        "torch",
        "torchvision",
        "scipy",
        "librosa",
        "lightning",
        "matplotlib",
        "av",
        "h5py",
        "moviepy",
        "onnx",
    ]
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({blocked!r}))\n"
        f"from avseld.onnx_runtime.__main__ import main\n"
        f"main([{str(exported)!r}, {str(sound)!r}, '--out', {str(tmp_path / 'ours.csv')!r}])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    main(["predict", "--run", "locator_foa", str(sound), "--out", str(tmp_path / "theirs.csv")])
    ours, theirs = (rows_of(tmp_path / f"{name}.csv") for name in ("ours", "theirs"))
    assert len(ours) > 20
    np.testing.assert_array_equal(ours[:, :3], theirs[:, :3])
    np.testing.assert_allclose(ours[:, 3:], theirs[:, 3:], atol=2e-3)


def test_arrays_are_predicted_as_files_are(exported, sound):
    waveform, rate = soundfile.read(sound, dtype="float32")
    network = load(exported)
    ours, theirs = network.predict(waveform, sample_rate=rate), network.predict(sound)
    assert len(ours) == len(theirs)
    np.testing.assert_allclose(ours.azimuth, theirs.azimuth, atol=0.1)


def test_a_fixed_length_gives_the_same_events(exported, sound, tmp_path):
    main(
        [
            "export",
            "--run",
            "locator_foa",
            "--out",
            str(tmp_path / "x"),
            "--length",
            "10",
            "--measure",
            "false",
        ]
    )
    ours, theirs = load(tmp_path / "x").predict(sound), load(exported).predict(sound)
    assert len(ours) == len(theirs)
    np.testing.assert_allclose(ours.azimuth, theirs.azimuth, atol=2e-3)


@pytest.mark.parametrize(("option", "least", "most"), [("--float16", 0.4, 0.6), ("--int8", 0.2, 0.4)])
def test_smaller_numbers_make_a_smaller_file_and_say_what_they_change(
    exported, sound, tmp_path, option, least, most
):
    main(["export", "--run", "locator_foa", "--out", str(tmp_path / "x"), option, "--measure", "false"])
    sizes = [(folder / "network.onnx").stat().st_size for folder in (tmp_path / "x", exported)]
    assert least < sizes[0] / sizes[1] < most
    ours, theirs = load(tmp_path / "x").predict(sound), load(exported).predict(sound)
    assert abs(len(ours) - len(theirs)) < 0.2 * len(theirs)
    assert (
        "greatest difference"
        in json.loads((tmp_path / "x" / "description.json").read_text())["measured"]["parity"]
    )


def test_a_graph_that_gives_something_else_is_not_written(tmp_path, monkeypatch, capsys):
    def spoiled(graph: onnx.ModelProto) -> onnx.ModelProto:
        largest = max(graph.graph.initializer, key=lambda each: numpy_helper.to_array(each).size)
        largest.CopyFrom(numpy_helper.from_array(1.02 * numpy_helper.to_array(largest), largest.name))
        return graph

    monkeypatch.setitem(PRECISIONS, "float32", spoiled)
    with pytest.raises(SystemExit):
        main(["export", "--run", "locator_foa", "--out", str(tmp_path / "new" / "x"), "--measure", "false"])
    assert "differs from the original" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_folder_with_something_else_is_left_alone(tmp_path, capsys):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(SystemExit):
        main(["export", "--run", "locator_foa", "--out", str(tmp_path)])
    assert "holds something else" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_an_export_into_the_folder_of_an_earlier_one_leaves_other_files_alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    marks = ("description.json", "network.onnx")
    for words in (("old", "old", "old"), ("new", "new")):  # the second one has no graph without video
        with writing_folder(Path(), marks, ("without_video.onnx",)) as folder:
            for name, word in zip((*marks, "without_video.onnx"), words, strict=False):
                (folder / name).write_text(word)
        (tmp_path / "take.csv").write_text("mine")
    found = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert found == dict.fromkeys(marks, "new") | {"take.csv": "mine"}


def test_a_description_of_another_program_is_something_else(tmp_path):
    (tmp_path / "description.json").write_text("mine")
    with (
        pytest.raises(BadInput, match="holds something else"),
        writing_folder(tmp_path, ("description.json", "x")),
    ):
        pass
    assert (tmp_path / "description.json").read_text() == "mine"


def test_a_changed_graph_or_description_is_refused(exported, tmp_path):
    folder = tmp_path / "copy"
    folder.mkdir()
    for path in exported.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    (folder / "network.onnx").write_bytes((folder / "network.onnx").read_bytes() + b"x")
    with pytest.raises(BadInput, match=r"network\.onnx"):
        load(folder)
    words = json.loads((folder / "description.json").read_text())
    (folder / "description.json").write_text(json.dumps(words | {"sample_rate": 0}))
    with pytest.raises(BadInput, match=r"description\.json.*sample_rate"):
        load(folder)


def test_a_stream_is_exported_with_its_state_and_any_length(tmp_path):
    torch.manual_seed(0)
    system = system_of("live_foa").eval()
    about = export_system(system, "live_foa", tmp_path, measure=False)
    assert about.state and about.look_ahead_frames == 5
    assert any(name.startswith("state.gru") for name in about.inputs)


@pytest.mark.parametrize("words", [["--int8", "--float16"], ["--length", "soon"], ["--length", "-1"]])
def test_options_that_mean_nothing_are_refused(words, tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(["export", "--run", "locator_foa", "--out", str(tmp_path / "x"), *words])
    assert words[0] in capsys.readouterr().err
