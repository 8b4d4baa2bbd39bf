"""The system that the tests of this folder share."""

import pytest
import torch
from system_material import blueprint

from avseld.system.build import System


@pytest.fixture(scope="module")
def system() -> System:
    torch.manual_seed(0)
    return System(blueprint()).eval()
