"""Options of older recipes and runs."""

import logging

from avseld.config import Part
from avseld.system.blueprint import Blueprint
from avseld.system.build import System
from avseld.system.parts import _say_old


def frames_per_output(name: str) -> int:
    target, network = Part("activity", {name: 4}), Part("general", {"module": "sed_m"})
    return System(Blueprint(Part("general"), network, target, ["a", "b"], chunk=4.0)).target.frames_per_output


def test_an_option_under_its_old_name_builds_the_same_target_and_is_reported_once(caplog):
    _say_old.cache_clear()
    with caplog.at_level(logging.WARNING):
        assert [frames_per_output(name) for name in ("held", "held", "frames_per_output")] == [4, 4, 4]
    assert [record.getMessage() for record in caplog.records] == [
        "target.options.held is an old name: write frames_per_output"
    ]


def test_an_old_value_of_an_option_builds_the_same_network_and_is_reported_once(caplog):
    _say_old.cache_clear()
    with caplog.at_level(logging.WARNING):
        for value in ("frames", "frames", "embeddings"):
            options = {
                "visual": value,
                "width": 8,
                "hidden": 16,
                "n_heads": 2,
                "feedforward": 16,
                "n_values": 49,
            }
            target = Part("multi_accddoa")
            system = System(
                Blueprint(Part("logmel_iv"), Part("seldnet_visual", options), target, ["a"], chunk=1.0)
            )
            assert system.visual_spec.n_values == 49 and system.visual_spec.n_boxes == 0
    assert [record.getMessage() for record in caplog.records] == [
        "model.options.visual frames is an old name: write embeddings"
    ]
