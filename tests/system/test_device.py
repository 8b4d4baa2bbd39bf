"""Names of devices."""

import pytest

from avseld.base.errors import BadInput
from avseld.system.device import device_named


@pytest.mark.parametrize("name", ["cuda:99", "meta", "mps:3", "- 1", "", "gpu", "hpu", "lazy"])
def test_a_device_that_is_not_there_is_refused_with_those_that_are(name):
    with pytest.raises(BadInput, match=rf"device: '{name}' is not there; give one of auto, cpu"):
        device_named(name)


def test_a_processor_is_always_there():
    assert device_named("cpu").type == "cpu"
    assert device_named("auto").type in ("cpu", "cuda")
