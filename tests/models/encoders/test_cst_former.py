"""CST-former: which values attention relates, sizes, and windows of any length."""

import pytest
import torch
from torch import nn

from avseld.base.errors import BadInput
from avseld.models.encoder_heads import EncoderHeads
from avseld.models.encoders import build_encoder
from avseld.models.encoders.cst import CSTFormer, DividedAttention, UnfoldedAttention

SALSA_LITE = {"pooling": [[1, 1], [1, 4], [5, 6]], "n_outputs": 256}


@pytest.mark.parametrize(
    ("n_features", "n_bins", "shape", "options", "count"),
    [
        (7, 64, (3, 3, 13), {}, 391_733),
        (7, 64, (3, 3, 13), {"variant": "dca"}, 1_268_597),
        (7, 64, (3, 3, 13), {"variant": "dst"}, 374_517),
        (7, 64, (3, 13), {"variant": "dst", "local": False}, 289_319),
        (7, 64, (3, 3, 13), {"local": False}, 316_597),
        (7, 64, (3, 3, 13), {"variant": "dca", "local": False}, 1_193_461),
        (10, 64, (3, 4, 13), {"n_outputs": 256}, 549_660),
        (7, 382, (3, 4, 13), SALSA_LITE, 530_780),
    ],
)
def test_sizes_are_the_published_ones(n_features, n_bins, shape, options, count):
    with torch.device("meta"):
        encoder = {"name": "cst_former", "options": options}
        network = EncoderHeads(n_features, n_bins, {"accdoa": shape}, encoder)
    assert sum(weight.numel() for weight in network.parameters()) == count


@pytest.mark.parametrize("variant", ["ule", "dca", "dst"])
@pytest.mark.parametrize(("n_frames", "n_bins"), [(5, 64), (51, 64), (74, 75)])
def test_any_number_of_frames_from_a_step_on_and_of_bins(variant, n_frames, n_bins):
    encoder = CSTFormer(2, n_bins, variant, width=8, n_layers=1, n_heads=4).eval()
    with torch.no_grad():
        assert encoder(torch.randn(2, 2, n_frames, n_bins)).shape == (2, n_frames // 5, 128)


def test_patches_relate_the_channels_of_the_same_frames_and_bins():
    attend, x = UnfoldedAttention(2, (3, 2)).eval(), torch.randn(1, 1, 7, 5, 4)
    with torch.no_grad():
        related = attend(x)
        for frame in range(0, 7, 3):
            for bin in range(0, 5, 2):
                part = x[:, :, frame : frame + 3, bin : bin + 2]
                filled = torch.zeros(1, 1, 3, 2, 4)
                filled[:, :, : part.shape[2], : part.shape[3]] = part
                tokens = attend.attention(filled[0, 0].permute(2, 0, 1).flatten(1)[None])
                back = tokens.unflatten(2, (3, 2)).permute(0, 2, 3, 1)[:, None]
                torch.testing.assert_close(
                    related[:, :, frame : frame + 3, bin : bin + 2],
                    back[:, :, : part.shape[2], : part.shape[3]],
                )


def test_divided_attention_relates_the_features_of_a_frame_and_bin():
    attend, x = DividedAttention(8, 2).eval(), torch.randn(1, 3, 4, 5, 8)
    with torch.no_grad():
        torch.testing.assert_close(attend(x)[0, :, 1, 2], attend.attention(x[:, :, 1, 2])[0])


@pytest.mark.parametrize("legacy", [False, True])
def test_layers_treat_all_features_alike_except_as_published(legacy):
    """The published network adds features and bins in different orders."""
    torch.manual_seed(0)
    encoder = CSTFormer(3, 64, "dca", width=8, n_layers=2, n_heads=2, legacy=legacy).eval()
    seen = []
    encoder.layers[-1].register_forward_hook(lambda _module, _inputs, output: seen.append(output))
    for norm in encoder.modules():
        assert not isinstance(norm, nn.LayerNorm) or (norm.weight == 1).all()
    x = torch.randn(1, 3, 20, 64)
    with torch.no_grad():
        encoder(x), encoder(x[:, [2, 0, 1]])
    assert torch.allclose(seen[0][:, [2, 0, 1]], seen[1], atol=1e-5) == (not legacy)


def test_dropout_may_be_left_out():
    encoder = CSTFormer(2, 64, width=8, dropout=0.0)
    x = torch.randn(1, 2, 10, 64)
    torch.testing.assert_close(encoder(x), encoder(x))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"variant": "msule"}, "variant: 'msule' is none of ule, dca, dst"),
        ({"patch": [10, 3]}, "a width of 30 is no multiple of 8 heads"),
        ({"patch": [10]}, r"patch: \[10\]; give two positive whole numbers, frames and bins"),
        ({"pooling": [[5, 2], [2]]}, r"pooling: \[\[5, 2\], \[2\]\]; give pairs of positive whole numbers"),
        ({"pooling": []}, r"pooling: \[\]; give pairs of positive whole numbers"),
        ({"pooling": [[5, 1.5]]}, r"pooling: \[\[5, 1.5\]\]; give pairs"),
        ({"pooling": [[5, 8], [1, 16]]}, "pooling by 128 leaves nothing"),
    ],
)
def test_options_that_do_not_fit_are_refused(options, says):
    with pytest.raises(BadInput, match=says):
        build_encoder({"name": "cst_former", "options": options}, 7, 64)
