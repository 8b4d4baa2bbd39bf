import json
import re
from pathlib import Path

import pytest
import torch
import yaml

from avseld.io.manifest import Recording, pick
from avseld.recipes import FOLDER, listing, recipe_path
from avseld.recipes.listing import describe, models, system_of
from data_prep.corpora.dcase import DATASETS
from data_prep.stereo.clips import StereoClip

PUBLISHED = {
    "av_foa": 763_701,
    "seldnet_2018": 513_148,
    "seldnet_2019": 613_537,
    "seldnet_2020": 513_288,
    "av_mic": 763_701,
    "seldnet_2024": 742_172,
    "seldnet_2024_av": 2_726_556 - 659_328,  # without a layer that the original counts but never runs
    "seldnet_2025_stereo": 734_261,
    "seldnet_2025_stereo_av": 2_723_676 - 659_328,  # as that of 2024
    "resnet_conformer_foa": 11_685_164,
    "resnet_conformer_distance": 11_754_297,
    "mvanet": 20_319_187,
    "pseldnets_htsat_maccdoa": 28_083_725,
    "pseldnets_htsat_accdoa": 27_724_223,
    "pseldnets_htsat_einv2": 55_310_432,
    "pseldnets_adapter": 32_410_061,
    "einv2": 26_218_978,
    "pseldnets_passt_maccdoa": 51_170_549,
    "cst_ule": 391_733,
    "cst_dca": 1_268_597,
    "cst_dst": 374_517,
    "cst_salsa_lite": 530_780,
}


@pytest.mark.parametrize("recipe", PUBLISHED)
def test_every_recipe_has_the_published_number_of_parameters(recipe):
    assert system_of(recipe).parameter_count == PUBLISHED[recipe]


def counts_of(recipe: str) -> set[int]:
    """Return the numbers of parameters that the comment at the head of a recipe names exactly."""
    lines = (FOLDER / f"{recipe}.yaml").read_text().splitlines()
    text = " ".join(line[1:] for line in lines if line.startswith("#"))
    found = re.findall(r"(?<!some )\b(\d[\d,]{5,})(?= parameters)", text)
    return {int(number.replace(",", "")) for number in found}


@pytest.mark.parametrize(
    "recipe", [path.stem for path in sorted(FOLDER.glob("*.yaml")) if counts_of(path.stem)]
)
def test_the_head_of_a_recipe_names_its_number_of_parameters(recipe):
    with torch.device("meta"):  # nothing is drawn at random, only counted
        assert system_of(recipe).parameter_count in counts_of(recipe)


@pytest.fixture
def few_recipes(tmp_path, monkeypatch):
    """Let the list have three recipes: each is built and run, which takes its time."""
    for name in ("av_foa", "locator_stereo", "general_ele_hist"):
        (tmp_path / f"{name}.yaml").write_text((FOLDER / f"{name}.yaml").read_text())
    monkeypatch.setattr(listing, "FOLDER", tmp_path)


def test_the_list_has_one_object_per_recipe(capsys, few_recipes):
    models(json=True)
    listed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [one["recipe"] for one in listed] == ["av_foa", "general_ele_hist", "locator_stereo"]
    assert all(one["parameters"] >= one["learned"] >= 0 and one["about"] for one in listed)
    assert all(one["gflop_per_second"] > 0 and not one["causal"] for one in listed)


def test_the_list_gives_steps_a_second_where_they_are_measured(capsys, few_recipes, monkeypatch):
    monkeypatch.setattr(listing, "MEASURED_WINDOWS", 1)
    models(measure=True)
    header, *lines = capsys.readouterr().out.splitlines()
    place = header.split().index("steps/s")
    assert len(lines) == 3 and all(float(line.split()[place]) > 0 for line in lines)


@pytest.mark.parametrize("recipe", ["live_foa", "live_mic"])
def test_recipes_for_live_sound_look_ahead_one_label_frame(recipe):
    about = describe(FOLDER / f"{recipe}.yaml")
    assert about["look_ahead_s"] == 0.1 and not about["causal"] and about["receptive_field_s"] is None


def test_a_recipe_is_found_by_its_name_and_a_file_by_its_path():
    assert recipe_path("av_foa") == str(FOLDER / "av_foa.yaml")
    assert recipe_path("mine/av_foa.yaml") == "mine/av_foa.yaml"


def test_recipes_whose_labels_are_merged_have_one_class(tmp_path):
    assert (
        describe(FOLDER / "locator_mic.yaml")["classes"]
        == describe(FOLDER / "locator_foa.yaml")["classes"]
        == 1
    )
    copy = tmp_path / "mine.yaml"
    copy.write_text((FOLDER / "locator_foa.yaml").read_text())
    assert describe(copy)["classes"] == 1
    assert describe(FOLDER / "av_foa.yaml")["classes"] == 13


@pytest.mark.parametrize(
    "recipe", ["seldnet_2025_stereo", "seldnet_2025_stereo_av", "resnet_conformer_stereo"]
)
def test_stereo_recipes_find_their_folds_among_clips_of_starss23(recipe):
    recordings = []
    for name in ("fold3_room9_mix001", "fold3_room21_mix013", "fold4_room8_mix003"):
        clip = StereoClip(name, deg=12, start=30, n_frames=50).name
        parts = re.fullmatch(DATASETS["stereo2025"].name, clip).groupdict()
        recordings.append(Recording(clip, Path(f"{clip}.wav"), "stereo", **parts))
    data = yaml.safe_load(Path(recipe_path(recipe)).read_text())["data"]
    train, validate, test = (pick(recordings, data[part], part) for part in ("train", "validate", "test"))
    assert (
        {each.fold for each in train} == {"fold3"} and {each.fold for each in test} == {"fold4"} and validate
    )
