"""What several processes of a training exchange at a step."""

import pytest
from lightning.pytorch.strategies import DDPStrategy
from torch import nn

from avseld.config import Hardware, Part
from avseld.system.blueprint import Blueprint
from avseld.system.build import System
from avseld.training.strategy import ddp_options, strategy_of


@pytest.fixture(scope="module")
def system():
    part = Part("avcrnn", {"width": 4, "hidden": 4})
    return System(Blueprint(Part("amplitude_ipd"), part, Part("multi_accdoa"), ["one"]))


def test_several_processes_wait_for_no_weight_without_gradient(system):
    assert ddp_options(system)["find_unused_parameters"]
    for several in (Hardware("cpu", 2), Hardware("cpu", 2, strategy="ddp"), Hardware("cpu", 1, num_nodes=2)):
        assert isinstance(strategy_of(several, system), DDPStrategy)


def test_one_process_and_another_strategy_stay_as_they_were_asked_for(system):
    assert strategy_of(Hardware("cpu", 1), system) == "auto"
    assert strategy_of(Hardware("cpu", "auto"), system) == "auto"
    assert strategy_of(Hardware("cpu", 2, strategy="fsdp"), system) == "fsdp"


def test_statistics_are_sent_only_where_they_differ_between_processes(system):
    assert not ddp_options(system)["broadcast_buffers"]
    system.model.layer_of_another_package = nn.BatchNorm2d(4)
    try:
        assert ddp_options(system)["broadcast_buffers"]
    finally:
        del system.model.layer_of_another_package
