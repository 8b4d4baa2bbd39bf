"""ResNet-Conformer: bins, steps and pooling."""

import pytest
import torch

from avseld.base.errors import BadInput
from avseld.models.encoders import build_encoder
from avseld.models.encoders.resnet_conformer import ResNetConformer

SMALL = {"width": 16, "n_blocks": 1, "channels": [4, 4, 6, 8]}


def run(n_frames: int, n_bins: int = 64, **options) -> tuple[int, ...]:
    encoder = ResNetConformer(3, n_bins, **SMALL, **options).eval()
    with torch.no_grad():
        return tuple(encoder(torch.randn(2, 3, n_frames, n_bins)).shape)


@pytest.mark.parametrize("n_bins", [32, 64, 191])
def test_any_number_of_bins_from_32_on_and_of_frames_from_a_step_on(n_bins):
    assert run(51, n_bins) == (2, 10, 16) and run(5, n_bins) == (2, 1, 16)


@pytest.mark.parametrize("frame_pooling", [(1, 1, 1), (5, 1, 1), (2, 5, 1)])
def test_frames_become_steps_before_the_conformer_or_after_it(frame_pooling):
    assert run(64, frames_per_step=10, frame_pooling=frame_pooling) == (2, 6, 16)


def test_a_step_is_the_largest_of_its_frames():
    encoder, x = ResNetConformer(3, 64, **SMALL).eval(), torch.randn(1, 3, 23, 64)
    with torch.no_grad():
        frames = encoder.frames(x)
        torch.testing.assert_close(encoder(x)[:, 3], frames[:, 15:20].amax(dim=1))
    assert frames.shape == (1, 23, 16)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"frame_pooling": [3, 1, 1]}, "3 frames become one, which does not divide a step of 5"),
        ({"bin_pooling": [4, 4]}, "bin_pooling: 2 numbers; give 3"),
        ({"bin_pooling": [8, 8, 2]}, "pooling by 128 leaves nothing"),
        ({"channels": []}, r"channels: \[\]; give those of one stage at least"),
        ({"n_heads": 7}, "a width of 256 is no multiple of 7 heads"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(options, says):
    with pytest.raises(BadInput, match=says):
        build_encoder({"name": "resnet_conformer", "options": options}, 7, 64)
