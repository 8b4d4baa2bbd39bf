"""CST-former against yusunnny/CST-former @ 2cb442d, with weights by formula."""

import re

import numpy as np
import pytest
from reference.filled_networks import check_parameters, fill, filled_input, run_with_stages

from avseld.models.encoder_heads import EncoderHeads

OUTPUT, WHOLE = 1e-4, 1e-3

PUBLISHED = {
    r"^encoder\.convolutions\.0\.": "encoder.encoder.conv_block_list.0.0.",
    r"^encoder\.convolutions\.2\.": "encoder.encoder.conv_block_list.1.0.",
    r"^encoder\.convolutions\.4\.": "encoder.encoder.conv_block_list.2.0.",
    r"^encoder\.layers\.": "attention_stage.block_list.",
    r"\.perceive\.": ".LPU.conv_3x3_dw.conv.",
    r"\.channel\.attention\.": ".cst_attention.ch_mhsa.",
    r"\.spectral\.": ".cst_attention.sp_mhsa.",
    r"\.temporal\.": ".cst_attention.temp_mhsa.",
    r"\.channel_norm\.": ".cst_attention.ch_layer_norm.",
    r"\.spectral_norm\.": ".cst_attention.sp_layer_norm.",
    r"\.temporal_norm\.": ".cst_attention.temp_layer_norm.",
    r"\.feedforward\.norm\.": ".norm1.",
    r"\.feedforward\.expand\.": ".IRFFN.conv1x1_gelu_bn.conv3x3_gelu_bn.0.",
    r"\.feedforward\.expand_bn\.": ".IRFFN.conv1x1_gelu_bn.conv3x3_gelu_bn.2.",
    r"\.feedforward\.depthwise\.": ".IRFFN.conv3x3_dw.conv.",
    r"\.feedforward\.depthwise_bn\.": ".IRFFN.act.1.",
    r"\.feedforward\.contract\.": ".IRFFN.conv1x1_pw.0.",
    r"\.feedforward\.contract_bn\.": ".IRFFN.conv1x1_pw.1.",
    r"^encoder\.project\.": "fc_layer.fnn_list.0.",
    r"^heads\.accdoa\.": "fc_layer.fnn_list.1.",
}
"""own name -> published name, applied one after the other"""


def maps(x):
    """(batch, group, frame, bin, channel) -> (map, channel, frame, bin)."""
    return x.flatten(0, 1).permute(0, 3, 1, 2)


STAGES = {
    "encoder": "encoder.convolutions",
    "attention_stage.block_list.0.LPU": "encoder.layers.0.perceive",
    "attention_stage.block_list.0.cst_attention": "encoder.layers.0.temporal_norm",
    "attention_stage.block_list.0.IRFFN": "encoder.layers.0.feedforward",
    "attention_stage.block_list.0": ("encoder.layers.0", maps),
    "attention_stage.block_list.1": ("encoder.layers.1", maps),
}


def published_name(own: str) -> str:
    """Return the published name of a parameter of a CST-former."""
    for pattern, replacement in PUBLISHED.items():
        own = re.sub(pattern, replacement, own)
    return own


@pytest.mark.parametrize("variant", ["ule", "dca", "dst"])
def test_every_stage_and_the_head_are_the_published_ones(golden, variant):
    with np.load(golden(f"encoders/cst_former_{variant}.npz")) as file:
        values = dict(file)
    encoder = {"name": "cst_former", "options": {"variant": variant, "legacy": True}}
    network = EncoderHeads(7, 64, {"accdoa": (3, 3, 13)}, encoder)
    check_parameters(values, network, fill(network, published_name))
    x = filled_input(0, tuple(values["input/0/shape"]))
    head = run_with_stages(network, values, lambda: network.steps(x), STAGES)["accdoa"].flatten(2)
    np.testing.assert_allclose(head, values["whole/fc_layer.fnn_list.1"], atol=WHOLE, rtol=WHOLE)
    np.testing.assert_allclose(head.tanh(), values["output/multi_accdoa"], atol=OUTPUT)
