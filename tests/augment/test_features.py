"""Masks and shifts of features."""

import torch

from avseld.augment.features import Mask, Shift


def test_masks_are_stretches_of_frames_and_bins_the_same_in_all_features():
    torch.manual_seed(0)
    masked = Mask(frames=5, bins=4, n=1)(torch.ones(50, 3, 40, 30))
    assert torch.equal(masked[:, 0], masked[:, 2])
    frames, bins = (masked[:, 0].amax(dim=axis) == 0 for axis in (2, 1))
    assert frames.sum(dim=1).max() == 5 and bins.sum(dim=1).max() == 4
    for rows in (frames, bins):
        edges = rows.int().diff(dim=1).abs().sum(dim=1)
        assert (edges <= 2).all()


def test_all_bins_shift_together_and_no_further_than_asked():
    torch.manual_seed(0)
    x = torch.zeros(200, 2, 3, 50)
    x[..., 25] = 1
    place = Shift(4)(x).argmax(dim=3)
    assert (place == place[:, :1, :1]).all() and set(place[:, 0, 0].tolist()) == set(range(21, 30))
