"""EINV2: sizes, steps and tracks."""

import pytest
import torch

from avseld.base.errors import BadInput
from avseld.models.einv2 import EINV2

SMALL = {"widths": [4, 4, 6, 8], "n_heads": 2, "feedforward": 12}


def shapes(n_tracks: int, n_classes: int) -> dict[str, tuple[int, ...]]:
    return {"sed": (n_tracks, n_classes), "doa": (n_tracks, 3)}


@pytest.mark.parametrize("n_tracks", [1, 3])
@pytest.mark.parametrize("n_frames", [4, 50])
def test_windows_of_any_length_give_every_frame_its_tracks(n_tracks, n_frames):
    model = EINV2(5, 32, shapes(n_tracks, 6), sed_features=2, **SMALL)
    heads = model(torch.randn(2, 5, n_frames, 32))
    assert {name: tuple(head.shape) for name, head in heads.items()} == {
        "sed": (2, n_frames, n_tracks, 6),
        "doa": (2, n_frames, n_tracks, 3),
    }
    if n_frames > 4:
        assert torch.equal(heads["sed"][:, 48], heads["sed"][:, 47])
        sum(head.square().sum() for head in heads.values()).backward()
        assert all(weight.grad.abs().sum() > 0 for weight in model.parameters())


def test_branches_exchange_channels_but_activity_starts_from_the_log_mels():
    model = EINV2(7, 32, shapes(2, 3), **SMALL).eval()
    x = torch.randn(1, 7, 32, 32)
    turned = torch.cat([x[:, :4], -x[:, 4:]], dim=1)
    with torch.no_grad():
        assert not torch.equal(model(x)["sed"], model(turned)["sed"])
        for factors in model.stitch:
            factors.copy_(torch.eye(2).expand_as(factors))
        assert torch.equal(model(x)["sed"], model(turned)["sed"])
        assert not torch.equal(model(x)["doa"], model(turned)["doa"])


@pytest.mark.parametrize(
    ("heads", "options", "says"),
    [
        ({"accdoa": (3, 13)}, {}, "einv2 predicts one event a track; choose tracks"),
        ({"sed": (13,), "doa": (3, 13)}, {}, "choose tracks"),
        (shapes(2, 3), {"sed_features": 8}, "sed_features: 8 of 7 features; give 1 to 7"),
        (shapes(2, 3), {"widths": [4, 8]}, "widths: 2 numbers; give 4"),
        (shapes(2, 3), {**SMALL, "n_heads": 3}, "8 is no multiple of 3 heads"),
    ],
)
def test_other_targets_and_sizes_that_do_not_fit_are_refused(heads, options, says):
    with pytest.raises(BadInput, match=says):
        EINV2(7, 64, heads, **options)


def test_short_windows_are_refused():
    with pytest.raises(BadInput, match="3 frames is too short"):
        EINV2(7, 32, shapes(2, 3), **SMALL)(torch.randn(1, 7, 3, 32))
