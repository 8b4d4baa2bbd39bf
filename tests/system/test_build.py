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
