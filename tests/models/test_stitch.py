"""Exchange of channels between two branches."""

import pytest
import torch

from avseld.models.stitch import CrossStitch


@pytest.mark.parametrize(("shape", "axis"), [((2, 3, 4, 5), 1), ((2, 4, 3), -1)])
def test_the_direction_branch_takes_the_stitched_activity_branch(shape, axis):
    stitch = CrossStitch(3, axis)
    assert stitch.weight.min() >= 0.1 and stitch.weight.max() <= 0.9
    before = torch.randn(shape), torch.randn(shape)
    after = stitch(*before)
    for channel in range(3):
        sed, doa, new_sed, new_doa = (x.select(axis, channel) for x in (*before, *after))
        (a, b), (c, e) = stitch.weight[channel].tolist()
        torch.testing.assert_close(new_sed, a * sed + b * doa)
        torch.testing.assert_close(new_doa, c * new_sed + e * doa)
