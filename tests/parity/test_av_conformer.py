"""AV-Conformer and CMAF against dberghi/AV-SELD @ 657723d, with weights by formula."""

import re

import numpy as np
import pytest
import torch
from reference.filled_networks import (
    check_parameters,
    fill,
    filled_input,
    published_shapes,
    run_with_stages,
)

from avseld.models.av_conformer import AVConformer

OUTPUT, WHOLE = 1e-4, 1e-3
NETWORKS = {
    "av_conformer": {},
    "cmaf": {"fusion": "attention"},
    "cmaf_i3d": {"fusion": "attention", "video_conformer": False},
}

PUBLISHED = {
    r"^audio\.convolutions\.0\.": "audioFrontEnd.conv_block1.",
    r"^audio\.convolutions\.1\.": "audioFrontEnd.conv_block2.",
    r"^audio\.convolutions\.2\.": "audioFrontEnd.conv_block3.",
    r"^audio\.convolutions\.3\.": "audioFrontEnd.conv_block4.",
    r"\.shortcut\.": ".downsample_res1x1.",
    r"\.bn_shortcut\.": ".bn_res.",
    r"^audio\.blocks\.": "audioFrontEnd.conformer.conformer_layers.",
    r"^audio\.norm\.": "norm_audio.",
    r"^embed\.": "fc_visual.",
    r"^video_blocks\.": "conformer_vis.conformer_layers.",
    r"^video_norm\.": "norm_visual.",
    r"^fusion\.blocks\.": "conformer.conformer_layers.",
    r"^fusion\.of_audio\.": "crossA2V_list.",
    r"^fusion\.of_video\.": "crossV2A_list.",
    r"\.itself\.": ".MHSA.",
    r"\.other\.": ".MHCA.",
    r"^hidden\.": "AVfnn_list.0.",
    r"^heads\.accdoa\.": "AVfnn_list.1.",
    r"\.feedforward([12])\.norm\.": r".ffn\1.sequential.0.",
    r"\.feedforward([12])\.expand\.": r".ffn\1.sequential.1.",
    r"\.feedforward([12])\.contract\.": r".ffn\1.sequential.4.",
    r"\.attention_norm\.": ".self_attn_layer_norm.",
    r"\.attention\.0\.": ".self_attn.",
    r"\.convolution\.norm\.": ".conv_module.layer_norm.",
    r"\.convolution\.gate\.": ".conv_module.sequential.0.",
    r"\.convolution\.depthwise\.": ".conv_module.sequential.2.",
    r"\.convolution\.bn\.": ".conv_module.sequential.3.",
    r"\.convolution\.contract\.": ".conv_module.sequential.5.",
    r"(conformer_layers\.\d)\.norm\.": r"\1.final_layer_norm.",
}
"""own name -> published name, applied one after the other"""

STAGES = {
    "audioFrontEnd.conv_block1": "audio.convolutions.0",
    "audioFrontEnd.conv_block4": "audio.convolutions.3",
    "audioFrontEnd.conformer.conformer_layers.0": ("audio.blocks.0", lambda x: x.transpose(0, 1)),
    "norm_audio": "audio.norm",
    "fc_visual": "embed",
    "norm_visual": "video_norm",
    "conformer.conformer_layers.0": ("fusion.blocks.0", lambda x: x.transpose(0, 1)),
    "crossA2V_list.0": "fusion.of_audio.0",
    "crossV2A_list.0": "fusion.of_video.0",
    "crossV2A_list.3": "fusion.of_video.3",
    "AVfnn_list.1": "heads.accdoa",
}


def published_name(own: str) -> str:
    """Return the published name of a parameter."""
    for pattern, replacement in PUBLISHED.items():
        own = re.sub(pattern, replacement, own)
    return own


@pytest.mark.parametrize("name", NETWORKS)
def test_every_stage_and_the_head_are_the_published_ones(golden, name):
    with np.load(golden(f"encoders/{name}.npz")) as file:
        values = dict(file)
    n_values = int(values["input/1/shape"][-1])
    with torch.device("meta"):  # nothing is drawn: all weights are filled
        network = AVConformer(7, 128, {"accdoa": (3, 3, 13)}, n_values, **NETWORKS[name])
    network.to_empty(device="cpu")
    check_parameters(values, network, fill(network, published_name, shapes=published_shapes(values)))
    x, visual = (filled_input(number, tuple(values[f"input/{number}/shape"])) for number in range(2))
    head = run_with_stages(network, values, lambda: network.steps(x, visual), STAGES)["accdoa"].flatten(2)
    np.testing.assert_allclose(head, values["whole/AVfnn_list.1"], atol=WHOLE, rtol=WHOLE)
    np.testing.assert_allclose(head.tanh(), values["output/multi_accdoa"], atol=OUTPUT)
