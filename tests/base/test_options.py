"""Options of parts: every number has a range, and a value outside it is one line that names the option."""

import inspect
from importlib import import_module

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from avseld.base.errors import BadInput
from avseld.base.options import (
    RANGES,
    RANGES_OF_COMMANDS,
    Range,
    check_options,
    check_options_of_command,
    check_value,
)
from avseld.base.plugins import comes_from_elsewhere
from avseld.config import Part
from avseld.system.blueprint import Blueprint
from avseld.system.build import System
from avseld.training.choices import GIVEN, PARTS

WRONG = [0, -1, -480, 10**12, 1e30, float("nan"), float("inf"), "abc", "nan", True, [], {}, 0.5, "1e3"]


def parts():
    for place, (table, _) in PARTS.items():
        for name, constructor in table.items():
            yield pytest.param(place, constructor, id=f"{place} {name}")


def numbers_of(constructor):
    """Names of the options of a part whose default is a number, or several."""
    for option in inspect.signature(constructor).parameters.values():
        values = option.default if isinstance(option.default, tuple) else (option.default,)
        number = all(isinstance(each, int | float) and not isinstance(each, bool) for each in values)
        if option.name not in GIVEN and number:
            yield option.name


@pytest.mark.parametrize(("place", "constructor"), list(parts()))
def test_every_number_of_a_part_has_a_range_that_holds_its_default(place, constructor):
    for name in numbers_of(constructor):
        assert name in RANGES, f"{name} of {constructor}"
        default = inspect.signature(constructor).parameters[name].default
        assert check_value(name, name, default, default) == default


@pytest.mark.parametrize(("place", "constructor"), list(parts()))
def test_a_wrong_value_is_answered_by_its_option_and_range(place, constructor):
    for name in numbers_of(constructor):
        for value in (float("nan"), float("inf"), "abc", -1, True, {}):
            with pytest.raises(
                BadInput, match=rf"^{place}\.options\.{name}: .*give a (whole )?number"
            ) as error:
                check_options(place, constructor, {name: value})
            assert "\n" not in str(error.value)


def system_with(place, options):
    words = {"features": Part("sound_field", {"hop": 480, "n_mels": 16}), "model": Part("fused", {"hidden": 8}),
             "target": Part("multi_accdoa")}  # fmt: skip
    words[place] = Part(words[place].name, words[place].options | options)
    return System(Blueprint(**words, classes=["a", "b"], chunk=1.0))


@pytest.mark.parametrize("place", ["features", "model", "target"])
def test_a_system_is_built_or_refused_in_one_line(place):
    table, _ = PARTS[place]
    constructor = table[{"features": "sound_field", "model": "fused", "target": "multi_accdoa"}[place]]
    for name in numbers_of(constructor):
        for value in WRONG:
            try:
                system_with(place, {name: value})
            except BadInput as error:
                text = str(error)
                assert "\n" not in text and any(w in text for w in (name, place, "hop", "n_fft")), (
                    name,
                    value,
                )


@given(st.integers(-10, 10) | st.floats() | st.text(max_size=5) | st.booleans() | st.none())
def test_a_share_is_a_number_from_0_to_1_or_refused(value):
    try:
        kept = check_value("target.options.threshold", "threshold", value, 0.5)
    except BadInput:
        return
    assert 0 <= kept <= 1


def test_numbers_in_words_become_numbers_and_fractions_are_no_counts():
    assert check_value("features.options.n_fft", "n_fft", "1e3", 1024) == 1000
    assert check_value("model.options.hidden", "hidden", 64.0, 256) == 64
    with pytest.raises(BadInput, match="a whole number from 1 to 8192"):
        check_value("model.options.hidden", "hidden", 64.5, 256)


@pytest.mark.parametrize(("place", "constructor"), list(parts()))
def test_a_list_or_mapping_is_refused_where_an_option_takes_one_value(place, constructor):
    for option in inspect.signature(constructor).parameters.values():
        single = option.annotation in (int, float, str, bool, int | None, float | None, str | None)
        for value in ([1, "a"], {"a": 1}) if single and option.name not in GIVEN else ():
            with pytest.raises(BadInput, match=rf"^{place}\.options\.{option.name}: .*give "):
                check_options(place, constructor, {option.name: value})


@pytest.mark.parametrize(
    ("place", "part", "option", "value"),
    [
        ("model", "crnn10", "widths", "1e3"),
        ("optimizer", "adam", "betas", 0),
        ("optimizer", "adam", "betas", []),
    ],
)
def test_a_single_value_is_refused_where_an_option_takes_several(place, part, option, value):
    with pytest.raises(BadInput, match=rf"^{place}\.options\.{option}: .*; several of them, such as \["):
        check_options(place, PARTS[place][0][part], {option: value})


@pytest.mark.parametrize(
    ("allowed", "text"),
    [
        (Range(1, whole=True), "a whole number from 1"),
        (Range(0, above=True), "a number above 0"),
        (Range(0, 1), "a number from 0 to 1"),
        (Range(0, 1, below=True), "a number from 0 and below 1"),
    ],
)
def test_a_range_reads_as_a_phrase(allowed, text):
    assert str(allowed) == text
    assert not comes_from_elsewhere(torch.nn.Linear)


def test_numbers_of_a_command_are_checked_by_the_range_of_their_name_and_defaults_are_not():
    def command(
        width: int | None = None, threads: int = 0, sample_rate: int = 0, fps: float = 10.0, seed: int = 0
    ):
        pass

    check_options_of_command(command, {"width": None, "threads": 2, "sample_rate": 0, "fps": 0.5, "seed": 3})
    for name, value in (
        ("width", -4),
        ("width", 0),
        ("threads", -1),
        ("fps", 0.0),
        ("fps", 1e9),
        ("seed", -1),
    ):
        with pytest.raises(BadInput, match=f"^--{name}: .*; give a "):
            check_options_of_command(command, {name: value})


@pytest.mark.parametrize("package", ["avseld", "data_prep", "detection"])
def test_defaults_of_every_command_are_in_the_range_of_their_name_or_stand_for_something_else(package):
    for command in import_module(f"{package}.__main__").COMMANDS.values():
        function = getattr(import_module(command.module), command.function)
        for name, parameter in inspect.signature(function).parameters.items():
            if name in RANGES_OF_COMMANDS and type(parameter.default) in (int, float):
                assert parameter.default == 0 or parameter.default in RANGES_OF_COMMANDS[name], (
                    function,
                    name,
                )
