"""Masks and shifts of features."""

import pytest
import torch

from avseld.augment.features import Mask, Shift
from avseld.features import FEATURES


def test_masks_are_stretches_of_frames_and_bins_the_same_in_all_features():
    torch.manual_seed(0)
    x = torch.rand(50, 3, 40, 30)
    masked = Mask(frames=5, bins=4, n=1)(x) != x
    assert torch.equal(masked[:, 0], masked[:, 2])
    frames, bins = (masked[:, 0].all(dim=axis) for axis in (2, 1))
    assert frames.sum(dim=1).max() == 5 and bins.sum(dim=1).max() == 4
    assert torch.equal(masked[:, 0], frames[:, :, None] | bins[:, None, :])
    for rows in (frames, bins):
        edges = rows.int().diff(dim=1).abs().sum(dim=1)
        assert (edges <= 2).all()


def test_masked_values_are_the_mean_of_their_feature_in_their_window():
    torch.manual_seed(0)
    x = torch.randn(4, 3, 40, 30) * torch.tensor([1.0, 5, 9])[:, None, None] - 7
    masked = Mask()(x)
    changed = masked != x
    assert changed.any()
    assert torch.equal(masked[changed], x.mean(dim=(2, 3), keepdim=True).expand_as(x)[changed])


@pytest.mark.parametrize("name", FEATURES)
def test_masks_stay_within_the_values_of_each_feature(name):
    torch.manual_seed(0)
    options = {"n_channels": 2} if name == "interaural" else {}
    feature = FEATURES[name](**options)
    quiet = 10 ** (-30 / 20) * torch.randn(1, feature.n_channels, 24000)  # -30 dB re full scale
    x = feature(quiet)
    masked = Mask(frames=x.shape[2] // 2, bins=x.shape[3] // 2)(x)
    for before, after in zip(x[0], masked[0], strict=True):
        assert before.min() <= after.min() and after.max() <= before.max()


def test_all_bins_shift_together_and_no_further_than_asked():
    torch.manual_seed(0)
    x = torch.zeros(200, 2, 3, 50)
    x[..., 25] = 1
    place = Shift(4)(x).argmax(dim=3)
    assert (place == place[:, :1, :1]).all() and set(place[:, 0, 0].tolist()) == set(range(21, 30))
