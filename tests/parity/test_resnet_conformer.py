"""ResNet-Conformer against yxdong0320/Solution_on_3D_SELD @ e6582e6, MVANet against Hong-Hengyi/MVANet-SELD @ f5aa15a,
with weights by formula.
"""

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
from torch.nn import functional

from avseld.models.encoder_heads import EncoderHeads
from avseld.models.mvanet import MVANet

OUTPUT, WHOLE = 1e-4, 1e-3

PUBLISHED = {
    r"^encoder\.resnet\.conv\.": "resnet.conv1.",
    r"^encoder\.resnet\.bn\.": "resnet.bn1.",
    r"^encoder\.resnet\.stages\.0\.": "resnet.layer1.",
    r"^encoder\.resnet\.stages\.1\.": "resnet.layer2.",
    r"^encoder\.resnet\.stages\.2\.": "resnet.layer3.",
    r"^encoder\.resnet\.stages\.3\.": "resnet.layer4.",
    r"\.shortcut\.": ".downsample.",
    r"^encoder\.mix\.": "resnet.conv5.",
    r"^encoder\.project\.": "input_projection.0.",
    r"^encoder\.blocks\.": "conformer_layers.",
    r"^heads\.sed\.": "sed_out_layer.",
    r"^heads\.doa\.": "out_layer.",
    r"^heads\.distance\.": "dist_out_layer.",
}
"""own name -> published name, applied one after the other"""

PUBLISHED_BLOCK = {
    r"\.feedforward([12])\.norm\.": r".ff\1.fn.norm.",
    r"\.feedforward([12])\.expand\.": r".ff\1.fn.fn.net.0.",
    r"\.feedforward([12])\.contract\.": r".ff\1.fn.fn.net.3.",
    r"\.attention_norm\.": ".attn.norm.",
    r"\.attention\.query\.": ".attn.fn.to_q.",
    r"\.attention\.key_value\.": ".attn.fn.to_kv.",
    r"\.attention\.offsets$": ".attn.fn.rel_pos_emb.weight",
    r"\.attention\.out\.": ".attn.fn.to_out.",
    r"\.convolution\.norm\.": ".conv.net.0.",
    r"\.convolution\.gate\.": ".conv.net.2.",
    r"\.convolution\.depthwise\.": ".conv.net.4.conv.",
    r"\.convolution\.bn\.": ".conv.net.5.",
    r"\.convolution\.contract\.": ".conv.net.7.",
    r"(\.\d+)\.norm\.": r"\1.post_norm.",
}
"""the same within a conformer block"""

STAGES = {
    "resnet.maxpool1": ("encoder.resnet.stages.0", lambda x: functional.max_pool2d(x, (1, 4))),
    "resnet.layer2": "encoder.resnet.stages.1",
    "resnet.conv5": "encoder.mix",
    "input_projection": "encoder.dropout",
    "conformer_layers.0.ff1": "encoder.blocks.0.feedforward1",
    "conformer_layers.0.attn": "encoder.blocks.0.attention",
    "conformer_layers.0.conv": "encoder.blocks.0.convolution",
    "conformer_layers.0": "encoder.blocks.0",
    "conformer_layers.7": "encoder.blocks.7",
    "t_pooling": ("encoder", lambda x: x.transpose(1, 2)),
}

WHOLE_OUTPUTS = {"sed": "sed_out_layer.2", "doa": "out_layer.2", "distance": "dist_out_layer.2"}


MVANET = {
    r"^resnet\.": "encoder.resnet.",
    r"^mix\.": "encoder.mix.",
    **{
        f"^gates\\.{n}\\.": f"Cross_Modality_Attention_Module_{'m' if n == 0 else f'l_{n}'}."
        for n in range(4)
    },
    r"(_[ml](_\d)?)\.audio\.": r"\1.audio_to_common_dim.",
    r"(_[ml](_\d)?)\.visual\.": r"\1.visual_to_common_dim.",
    r"(_[ml](_\d)?)\.weigh\.": r"\1.Visual_weight_calculations.0.",
    r"^project_audio\.": "input_projection_audio.0.",
    r"^project_visual\.": "input_projection_video.",
    **{f"^audio_blocks\\.{n}\\.": f"conformer_layers_audio_{n + 1}." for n in range(3)},
    **{f"^visual_blocks\\.{n}\\.": f"conformer_layers_video_{n + 1}." for n in range(3)},
    r"^joint_blocks\.": "conformer_layers.",
    r"^heads\.coordinates\.0\.": "coord_out_layer.0.",
    r"^heads\.coordinates\.2\.": "coord_out_layer.1.",
}
"""the same of MVANet, before the others"""

MVANET_STAGES = {
    "Cross_Modality_Attention_Module_m": "gates.0",
    "input_projection_video": "project_visual",
    "conformer_layers_video_1.1": "visual_blocks.0.1",
    "Cross_Modality_Attention_Module_l_1": "gates.1",
    "Cross_Modality_Attention_Module_l_3": "gates.3",
    "conformer_layers.1": "joint_blocks.1",
    "t_pooling_2": "pool",
}


def published_name(own: str) -> str:
    """Return the published name of a parameter of a ResNet-Conformer or MVANet."""
    for pattern, replacement in {**MVANET, **PUBLISHED, **PUBLISHED_BLOCK}.items():
        own = re.sub(pattern, replacement, own)
    return own


def network(**heads: tuple[int, ...]) -> EncoderHeads:
    return EncoderHeads(7, 64, heads, "resnet_conformer", hidden=256, activation="leaky_relu").eval()


@pytest.fixture(scope="module", params=["sed_doa", "sed_doa_distance"])
def filled(request, golden):
    with np.load(golden(f"encoders/resnet_conformer_{request.param}.npz")) as file:
        values = dict(file)
    heads = {"sed": (13,), "doa": (3, 13)} | ({"distance": (13,)} if "distance" in request.param else {})
    made = network(**heads)
    return made, values, fill(made, published_name, shapes=published_shapes(values))


def test_parameters_are_the_published_ones(filled):
    made, values, names = filled
    check_parameters(values, made, names)


def test_every_stage_and_the_heads_are_the_published_ones(filled):
    made, values, _ = filled
    x = filled_input(0, tuple(values["input/0/shape"]))
    heads = run_with_stages(made, values, lambda: made.steps(x), STAGES)
    for name, head in heads.items():
        np.testing.assert_allclose(
            head.flatten(2), values[f"whole/{WHOLE_OUTPUTS[name]}"], atol=WHOLE, rtol=WHOLE
        )
    activated = [heads["sed"].sigmoid(), heads["doa"].flatten(2).tanh()]
    if "distance" in heads:
        activated.append(heads["distance"].relu())
    np.testing.assert_allclose(torch.cat(activated, dim=2), values["output/all"], atol=OUTPUT)


def test_mvanet_with_the_published_gates_is_the_published_one(golden):
    with np.load(golden("encoders/mvanet.npz")) as file:
        values = dict(file)
    made = MVANet(7, 64, {"sed": (13,), "coordinates": (3, 13)}, legacy=True).eval()
    check_parameters(values, made, fill(made, published_name, shapes=published_shapes(values)))
    x, maps = (filled_input(n, tuple(values[f"input/{n}/shape"])) for n in range(2))
    heads = run_with_stages(made, values, lambda: made.steps(x, maps), MVANET_STAGES)
    output = torch.cat([heads["sed"].sigmoid(), heads["coordinates"].flatten(2)], dim=2)
    np.testing.assert_allclose(output, values["output/all"], atol=OUTPUT)
