import pytest
from system_material import CLASSES, blueprint

from avseld.base.errors import BadInput
from avseld.config import Part
from avseld.system.blueprint import Blueprint
from avseld.system.build import System


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"model": Part("crnn")}, r"model\.name: 'crnn' is none of"),
        (
            {"model": Part("avcrnn", {"widht": 64})},
            r"model\.options\.widht: avcrnn has no such option; it has width",
        ),
        (
            {"features": Part("amplitude_ipd", {"hop": 241})},
            r"24000 is not a multiple of 241",
        ),
        ({"chunk": 1.275}, r"no whole number of frames of .*choose --data.chunk"),
        ({"chunk": 0.05}, r"hold no label frame"),
        ({"inference_chunk": 0.0}, r"hold no label frame"),
    ],
)
def test_a_wrong_key_in_a_recipe_is_refused_by_name(changes, says):
    with pytest.raises(BadInput, match=says):
        System(blueprint(**changes))


@pytest.mark.parametrize(
    ("name", "options", "hop", "says"),
    [
        (
            "av_conformer",
            {"widths": [4] * 4, "n_blocks": 1, "n_heads": 2},
            300,
            r"step of 16 .* has 8; .*150 samples",
        ),
        ("mvanet", {"width": 16}, 240, r"step of 5 .* has 10; .*480 samples\), or frames_per_step 10"),
        ("mvanet", {"width": 16, "frames_per_step": 10}, 240, None),
        ("mvanet", {"width": 16, "vision": False}, 240, None),
    ],
)
def test_steps_that_take_the_video_of_one_label_frame_are_as_long_as_one(name, options, hop, says):
    words = {"features": Part("logmel_iv", {"hop": hop}), "model": Part(name, options), "chunk": 1.2}
    if says is None:
        System(blueprint(**words))
        return
    with pytest.raises(BadInput, match=rf"features\.options\.hop: {name} .*{says}"):
        System(blueprint(**words))


HTSAT = {"name": "htsat", "options": {"channels": 8, "depths": [1, 1, 1, 1], "n_heads": [1, 2, 2, 2]}}


@pytest.mark.parametrize(
    ("windows", "says"),
    [
        (
            {"chunk": 11.0},
            r"data\.chunk: windows of 1101 frames .* the 1024 that encoder_heads takes; .*chunk 10\.2 at",
        ),
        ({"chunk": 5.0, "inference_chunk": 20.0}, r"data\.inference_chunk: windows of 2001 frames"),
    ],
)
def test_windows_that_a_part_of_the_network_cannot_take_are_refused_before_anything_runs(windows, says):
    words = {
        "features": Part("logmel_iv", {"hop": 240}), "model": Part("encoder_heads", {"encoder": HTSAT}), "chunk": 10.2
    }  # fmt: skip
    assert System(blueprint(**words)).run_frames == 1021
    with pytest.raises(BadInput, match=says):
        System(blueprint(**words | windows))


@pytest.mark.parametrize(
    ("name", "options", "format"),
    [
        ("logmel_iv", {}, "mic"),
        ("logamplitude_iv", {}, "mic"),
        ("salsa_lite", {}, "foa"),
        ("general", {"parts": ["doa_gcc"]}, "foa"),
        ("general", {"parts": ["sed_m", "azi_hist"]}, "mic"),
    ],
)
def test_features_of_one_array_are_refused_for_another(name, options, format):
    with pytest.raises(BadInput, match=f"{name} is meant for .* recordings, not {format}"):
        System(
            Blueprint(Part(name, options), Part("avcrnn"), Part("multi_accdoa"), CLASSES, format, chunk=1.2)
        )
