import pytest
import torch

from avseld.base.errors import BadInput
from avseld.models.cross_stitch import CrossStitch
from avseld.models.encoders.htsat import HTSAT, to_steps
from avseld.models.plain_layers import pytorch_layers
from avseld.models.pseldnets import PSELDNets, PSELDNetsEINV2
from avseld.models.shifted_windows import StochasticDepth, WindowBlock, shift_mask

SMALL = {"channels": 8, "depths": (2, 2, 2, 1), "n_heads": (1, 2, 2, 4)}
TRACKS = {"sed": (3, 2), "doa": (3, 3)}
NETWORKS = {
    "accdoa": (PSELDNets, {"accdoa": (3, 2)}),
    "one branch": (PSELDNets, TRACKS),
    "two branches": (PSELDNetsEINV2, TRACKS),
}


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


@pytest.fixture
def encoder() -> HTSAT:
    return HTSAT(2, 64, **SMALL).eval()


@pytest.mark.parametrize("n_frames", [10, 501, 999, 1024])
def test_every_window_up_to_1024_frames_gives_a_step_every_10_frames_and_leaves_nothing_behind(
    encoder, n_frames
):
    x = torch.randn(3, 2, n_frames, 64)
    kept = x.clone()
    with torch.no_grad():
        together, apart = encoder(x), torch.cat([encoder(one[None]) for one in x])
    assert together.shape == (3, n_frames // 10, encoder.n_outputs) == (3, n_frames // 10, 128)
    torch.testing.assert_close(together, apart, atol=1e-5, rtol=1e-4)
    assert torch.equal(x, kept)


def test_zeros_after_the_normalization_follow_a_short_window(encoder):
    for norm in encoder.scalar:
        norm.running_mean.fill_(2.0)
    short = torch.randn(1, 2, 501, 64)
    # The mean of every bin is what the normalization makes zero.
    whole = torch.cat([short, torch.full((1, 2, 500, 64), 2.0)], dim=2)
    with torch.no_grad():
        torch.testing.assert_close(encoder(short), encoder(whole)[:, :50])


def test_steps_lie_on_the_straight_lines_between_the_centres_of_the_columns():
    column = torch.arange(32.0).view(1, 1, 32)
    steps = to_steps(column, 100, 10)[0, :, 0]
    centre = torch.arange(100) * 10 + 4.5  # of ten frames, the first of which is 0
    torch.testing.assert_close(steps[2:], ((centre - 15.5) / 32)[2:])
    assert steps[0] == 0 and to_steps(column, 3, 100).shape == (1, 3, 1)


def test_windows_and_bins_that_the_network_cannot_take_are_refused(encoder):
    with pytest.raises(BadInput, match="1025 frames is longer than the 1024 of HTS-AT"):
        encoder(torch.zeros(1, 2, 1025, 64))
    with pytest.raises(BadInput, match="9 frames is too short"):
        encoder(torch.zeros(1, 2, 9, 64))
    with pytest.raises(BadInput, match=r"takes a multiple of 64 bins, not 96; choose .*n_mels 64"):
        HTSAT(2, 96)
    for frames_per_step in (0, 1025):
        with pytest.raises(BadInput, match=f"frames_per_step: {frames_per_step}; HTS-AT .* give 1 to 1024"):
            HTSAT(2, 64, frames_per_step)
        with pytest.raises(BadInput, match=f"frames_per_step: {frames_per_step}; HTS-AT"):
            PSELDNetsEINV2(7, 64, TRACKS, frames_per_step)
    with pytest.raises(BadInput, match="4 stages; give as many depths and n_heads, not 3 and 4"):
        HTSAT(2, 64, depths=(2, 2, 2))
    with pytest.raises(BadInput, match="do not divide the widths"):
        HTSAT(2, 64, channels=8, n_heads=(3, 8, 16, 32))
    with pytest.raises(BadInput, match=r"not for accdoa; choose --target.name tracks"):
        PSELDNetsEINV2(7, 64, {"accdoa": (3, 2)})
    with pytest.raises(BadInput, match="four log-mels and further features, not 4"):
        PSELDNetsEINV2(4, 64, TRACKS)


def test_128_bins_have_two_rows_of_windows_in_the_last_stage():
    encoder = HTSAT(1, 128, **SMALL).eval()
    with torch.no_grad():
        assert encoder(torch.randn(2, 1, 100, 128)).shape == (2, 10, 64 * 4)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_gradient_reaches_every_weight_of_a_short_window(name):
    network, shapes = NETWORKS[name]
    model = network(5, 64, shapes, **SMALL)
    heads = model(torch.randn(2, 5, 501, 64))
    assert {head: tuple(value.shape) for head, value in heads.items()} == {
        head: (2, 501, *shape) for head, shape in shapes.items()
    }
    sum(value.square().mean() for value in heads.values()).backward()
    without = [name for name, weight in model.named_parameters() if weight.grad is None]
    still = [
        name for name, weight in model.named_parameters() if weight.grad is not None and not weight.grad.any()
    ]
    assert not without and not still


def test_attention_as_one_operator_is_attention_written_plainly(encoder):
    x = torch.randn(2, 2, 1001, 64)
    with torch.no_grad():
        fast = encoder(x)
        with pytorch_layers():
            torch.testing.assert_close(fast, encoder(x), atol=1e-5, rtol=1e-4)


def test_a_shifted_window_does_not_join_what_lies_at_opposite_ends_of_the_map():
    block = WindowBlock(8, 2, 16, 16, shifted=True).eval()
    torch.nn.init.normal_(block.attn.relative_position_bias_table)
    x = torch.randn(1, 16, 16, 8)
    changed = x.clone()
    changed[:, 0, 0] = torch.randn(8)  # in one window, by the shift, with the last four rows and columns
    with torch.no_grad():
        apart = (block(changed) - block(x)).abs().amax(dim=3)[0]
    assert (apart[:4, :4] > 1e-6).all()
    apart[:4, :4] = 0
    assert apart.max() < 1e-6
    mask = shift_mask(16, 16)
    assert mask.shape == (4, 64, 64) and not mask[0].any() and (mask[3] < 0).sum() == 64 * 48


def test_a_map_of_one_window_is_never_shifted():
    assert not WindowBlock(8, 2, 8, 8, shifted=True).attn.shifted
    assert WindowBlock(8, 2, 16, 16, shifted=True).attn.shifted


def test_stochastic_depth_leaves_the_branch_out_for_whole_windows_and_keeps_the_mean():
    layer = StochasticDepth(0.25)
    x = torch.ones(4000, 2, 3)
    drawn = layer(x)
    assert drawn.flatten(1).unique(dim=0).tolist() == [[0.0] * 6, pytest.approx([1 / 0.75] * 6)]
    assert drawn.mean() == pytest.approx(1, abs=0.04)
    assert torch.equal(layer.eval()(x), x)
    twelve = HTSAT(1, 64, channels=8, n_heads=SMALL["n_heads"])
    rates = [block.stochastic_depth.rate for stage in twelve.encoder.layers for block in stage.blocks]
    assert rates == pytest.approx([0.1 * number / 11 for number in range(12)])


def test_the_mixed_detection_branch_enters_the_direction_branch():
    stitch = CrossStitch(1)
    assert stitch.weight.min() >= 0.1 and stitch.weight.max() <= 0.9
    with torch.no_grad():
        stitch.weight.copy_(torch.tensor([[[2.0, 3.0], [5.0, 7.0]]]))
    sed, doa = stitch(torch.full((1, 2, 1), 1.0), torch.full((1, 2, 1), 10.0), axis=2)
    assert sed.flatten().tolist() == [32.0, 32.0] and doa.flatten().tolist() == [230.0, 230.0]
