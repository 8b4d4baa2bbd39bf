"""Spellings of the arguments of `train`, and what is said about those that are wrong."""

import json

import pytest

from avseld.base.errors import BadInput
from avseld.base.yaml_text import load_yaml
from avseld.recipes.arguments import training_arguments
from avseld.recipes.reading import recipe


def recipe_of(*words):
    config, text, *rest = training_arguments(list(words))
    assert config == "--config"
    return json.loads(text), rest


@pytest.mark.parametrize(
    ("words", "part", "value"),
    [
        (["--schedule", "cosine"], "schedule", {"name": "cosine"}),
        (["--schedule=cosine"], "schedule", {"name": "cosine"}),
        (["--schedule.name", "step", "--schedule.options.every", "5"], "schedule",
         {"name": "step", "options": {"every": 5}}),
        (["--augment", "rotate,mix"], "augment", [{"name": "rotate"}, {"name": "mix"}]),
        (["--augment", "[rotate, {name: mix, options: {chance: 0.5}}]"], "augment",
         [{"name": "rotate"}, {"name": "mix", "options": {"chance": 0.5}}]),
        (["--augment", "rotate", "--augment+", "mask"], "augment", [{"name": "rotate"}, {"name": "mask"}]),
        (["--init_from", "a run"], "init_from", {"weights": "a run"}),
        (["--init-from", "RUN"], "init_from", {"weights": "RUN"}),
    ],
)  # fmt: skip
def test_a_bare_name_is_a_part_without_options(words, part, value):
    assert recipe_of("--config", "av_foa_quick", *words)[0][part] == value


def test_another_name_drops_the_options_of_the_recipe_and_keeps_those_typed_beside_it():
    before = recipe_of("--config", "av_foa_quick")[0]["features"]
    assert before["options"]["hop"] == 240
    changed, _ = recipe_of(
        "--features.options.hop", "480", "--features.name", "logmel_iv", "--config", "av_foa_quick"
    )
    assert changed["features"] == {"name": "logmel_iv", "options": {"hop": 480}}
    same, _ = recipe_of("--config", "av_foa_quick", "--features.name", "logamplitude_iv")
    assert same["features"] == before


def test_another_name_in_a_second_recipe_drops_the_options_of_the_first(tmp_path):
    (tmp_path / "mine.yaml").write_text("features: logmel\noptimizer: {options: {lr: 1e-4}}\n")
    merged, _ = recipe_of("--config", "av_foa_quick", "--config", str(tmp_path / "mine.yaml"))
    assert merged["features"] == {"name": "logmel"}
    assert merged["optimizer"] == {"name": "adam", "options": {"lr": 1e-4, "weight_decay": 1e-6}}


def test_dotted_options_reach_parts_of_parts():
    words = ["--model.options.encoder.name", "vit", "--model.options.encoder.options.token", "64"]
    model = recipe_of("--config", "av_foa_quick", *words)[0]["model"]
    assert model["options"]["encoder"] == {"name": "vit", "options": {"token": 64}}
    words += ["--model.options.encoder", "cnn", "--model.options.width", "96"]
    options = recipe_of("--config", "av_foa_quick", *words)[0]["model"]["options"]
    assert options["width"] == 96 and options["hidden"] == 256


def test_a_run_folder_is_a_recipe_and_resuming_takes_its_recipe_and_folder(tmp_path):
    (tmp_path / "config.yaml").write_text("data: {prepared: P}\nsteps: 7\nupdate: null\n")
    assert recipe_of("--config", str(tmp_path), "--steps", "9") == (
        {"data": {"prepared": "P"}, "steps": 7, "update": None},
        ["--steps=9"],
    )
    resumed, rest = recipe_of("--resume", str(tmp_path))
    assert resumed["steps"] == 7 and rest == ["--out", str(tmp_path), "--resume=true"]


def test_numbers_of_a_recipe_may_be_written_with_an_exponent_alone():
    assert load_yaml("[1e-3, -2E+4, 1.5e3, 1e, e3, 12]", "here") == [0.001, -20000.0, 1500.0, "1e", "e3", 12]


def test_a_run_that_was_trained_is_a_recipe_in_python(tmp_path):
    (tmp_path / "config.yaml").write_text(
        "data: {prepared: P}\nfeatures: {name: logmel}\nmodel: {name: avcrnn}\ntarget: {name: accdoa}\n"
        "optimizer: {name: adam}\nupdate: {warmup: 3}\n"
    )
    update = recipe(tmp_path).update
    assert update is not None and update.warmup == 3


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (
            ["--config", "av_foa_quik"],
            "av_foa_quik: no recipe, file or run folder; did you mean av_foa_quick",
        ),
        (["--resume", "nowhere"], "--resume nowhere: holds no run to resume"),
        (["--config", "av_foa", "--lr", "1"], "no option --lr; did you mean --optimizer.options.lr?"),
        (["--optimizer.lr", "1"], "no option --optimizer.lr; did you mean --optimizer.options.lr?"),
        (["--model", "{name: a, b"], "--model: no readable YAML"),
        (["--config", "BAD"], "data.validat: no such name in a recipe; did you mean validate?"),
        (["--config", "WORSE"], "steps: 'abc' is no int"),
        (["--model.options.help"], "--model.options.help: there are --features.help"),
    ],
)
def test_a_wrong_recipe_or_part_gives_one_line_with_what_may_be_meant(words, says, tmp_path):
    (tmp_path / "bad.yaml").write_text("data: {validat: [fold4]}")
    (tmp_path / "worse.yaml").write_text("steps: abc")
    names = {"BAD": str(tmp_path / "bad.yaml"), "WORSE": str(tmp_path / "worse.yaml")}
    with pytest.raises(BadInput) as error:
        training_arguments([names.get(word, word) for word in words])
    assert says in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("place", "says"),
    [
        ("schedule", ["one_cycle\n", "pct_start=0.3", "every=required"]),
        ("model", ["avcrnn\n", "width=64", "general_system\n"]),
        ("model.options.encoder", ["vit\n", "token=128"]),
        ("augment", ["rotate\n", "chance=0.5", "mask\n"]),
        ("data", ["--data.batch_size N", "windows per step"]),
    ],
)
def test_help_of_a_part_lists_every_name_with_its_options(place, says, capsys):
    with pytest.raises(SystemExit) as end:
        training_arguments([f"--{place}.help"])
    text = capsys.readouterr().out
    assert end.value.code == 0 and all(word in text for word in says)
    assert max(map(len, text.splitlines())) <= 100


def test_help_of_one_part_describes_each_option(capsys):
    with pytest.raises(SystemExit):
        training_arguments(["--augment.help", "mix"])
    text = capsys.readouterr().out
    assert "chance=0.5\n      probability that a window is mixed" in text and "rotate" not in text
