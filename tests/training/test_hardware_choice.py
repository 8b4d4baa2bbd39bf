"""`hardware.precision auto`: a trial of some steps decides how a training runs, and changes nothing else."""

from dataclasses import replace

import plane_waves
import pytest
import torch
import yaml

from avseld.base.errors import BadInput
from avseld.config import Data, Hardware, Part, Recipe
from avseld.data.windows import Windows
from avseld.io.manifest import read_classes, read_manifest
from avseld.recipes.building import build_system
from avseld.training import hardware_choice
from avseld.training.hardware_choice import FULL, HALF, choose, with_choice
from avseld.training.train import train


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    return plane_waves.make(tmp_path_factory.mktemp("plane_waves"), seconds=4)


@pytest.fixture(scope="module")
def recipe(prepared):
    return Recipe(
        data=Data(prepared, validate=["fold3_room5"], batch_size=2, chunk=1.28, video="blank"),
        features=Part("amplitude_ipd"),
        model=Part("avcrnn", {"width": 4, "hidden": 4}),
        target=Part("multi_accdoa"),
        optimizer=Part("adam"),
        steps=1,
        hardware=Hardware("cpu", 1, precision="auto"),
        out=prepared.parent / "run",
    )


@pytest.fixture(scope="module")
def system(recipe):
    return build_system(recipe, read_classes(recipe.data.prepared))


@pytest.fixture(scope="module")
def windows(recipe, system):
    return Windows(read_manifest(recipe.data.prepared), system, recipe.data, 0)


@pytest.fixture
def timed(monkeypatch):
    """Set the seconds of a step for single precision, bf16, and compiled."""

    def set_seconds(full: float, half: float, compiled: float) -> None:
        def seconds(system, optimizer, batch, device, precision, compile, limit_s=0.0):
            return compiled if compile else {FULL: full, HALF: half}[precision]

        monkeypatch.setattr(hardware_choice, "_step_seconds", seconds)

    return set_seconds


def test_bf16_is_taken_only_where_it_is_faster(recipe, system, windows, timed):
    timed(0.2, 0.1, 1.0)
    assert choose(recipe, system, windows).precision == HALF
    timed(0.1, 0.2, 1.0)
    assert choose(recipe, system, windows).precision == FULL
    timed(0.1, 0.099, 1.0)  # by chance
    assert choose(recipe, system, windows).precision == FULL


def test_compiling_is_tried_where_a_training_is_long_enough_to_pay_for_it(recipe, system, windows, timed):
    timed(0.2, 0.1, 0.05)
    assert not choose(recipe, system, windows).compile
    assert choose(replace(recipe, steps=100_000), system, windows).compile
    timed(0.2, 0.1, 0.11)
    assert not choose(replace(recipe, steps=100_000), system, windows).compile


def test_recordings_are_kept_in_memory_where_reading_them_takes_a_part_of_a_step(
    recipe, system, windows, timed, monkeypatch
):
    first_batch = hardware_choice._first_batch

    def choice(reading_s, step_s, device_cache="auto"):
        timed(step_s, step_s, step_s)
        monkeypatch.setattr(
            hardware_choice, "_first_batch", lambda *given: (first_batch(*given)[0], reading_s)
        )
        asked = replace(recipe, data=replace(recipe.data, device_cache=device_cache))
        return choose(asked, system, windows).device_cache

    assert choice(reading_s=100.0, step_s=1000.0) == "always"
    assert choice(reading_s=100.0, step_s=10_000.0) == "auto"
    assert choice(reading_s=1e-9, step_s=1e-9) == "auto"  # slower from memory
    assert choice(reading_s=100.0, step_s=1000.0, device_cache="never") == "never"


def test_a_trial_leaves_weights_and_random_generators_as_they_were(recipe, system, windows):
    before = {name: value.clone() for name, value in system.state_dict().items()}
    torch.manual_seed(1)
    state = torch.get_rng_state()
    choice = choose(recipe, system, windows)
    assert choice.precision in (FULL, HALF) and "a step takes" in choice.reasons[0]
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(value, before[name]) for name, value in system.state_dict().items())


def test_there_is_no_trial_on_an_accelerator_that_is_not_there(recipe, system, windows):
    asked = replace(recipe, hardware=Hardware("tpu", 1, precision="auto"))
    assert choose(asked, system, windows).reasons == ("no trial on tpu",)


def test_the_recipe_of_a_run_holds_what_was_taken_and_a_resumed_run_keeps_it(prepared, timed, recipe, caplog):
    timed(0.2, 0.1, 1.0)
    out = prepared.parent / "automatic"
    with caplog.at_level("INFO", "avseld"):
        train(
            **{name: value for name, value in vars(recipe).items() if name not in ("out", "resume")}, out=out
        )
    assert "hardware.precision auto: bf16-mixed, not compiled" in caplog.text
    assert yaml.safe_load((out / "config.yaml").read_text())["hardware"]["precision"] == HALF
    timed(0.1, 0.2, 1.0)
    assert with_choice(recipe, None, None, out, resume=True).hardware.precision == HALF


def test_other_processes_take_what_the_first_one_has_written(recipe, tmp_path, monkeypatch):
    monkeypatch.setattr(hardware_choice, "is_first_process", lambda: False)
    monkeypatch.setattr(hardware_choice, "WAIT_S", 0.0)
    with pytest.raises(BadInput, match="the first process has not written it"):
        with_choice(recipe, None, None, tmp_path, resume=False)
    kept = {"data": {"device_cache": "always"}, "hardware": {"precision": HALF, "compile": True}}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(kept))
    taken = with_choice(recipe, None, None, tmp_path, resume=False)
    assert taken.hardware == replace(recipe.hardware, precision=HALF, compile=True)
    assert taken.data.device_cache == "always"
