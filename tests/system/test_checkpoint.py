import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from system_material import blueprint, noise, outputs

from avseld.base.errors import BadInput
from avseld.config import InitFrom, Part
from avseld.system.build import System
from avseld.system.checkpoint import classes_of_weights, load_system, save_system
from avseld.system.pretrained import initialize_from


def test_a_system_is_restored_from_its_file(system, tmp_path):
    save_system(system, tmp_path / "x.safetensors")
    back = load_system(tmp_path / "x.safetensors")
    assert back.blueprint == system.blueprint
    waveform = noise(2)
    assert np.array_equal(outputs(back, waveform), outputs(system, waveform))


def test_weights_of_another_architecture_are_refused(system, tmp_path):
    path = tmp_path / "x.safetensors"
    save_system(system, path)
    state = load_file(path)
    smaller = {"fc_xyz.bias": torch.zeros(9)}
    for wrong in ({**state, **smaller}, {k: v for k, v in state.items() if k != "fc_xyz.bias"}):
        save_file(wrong, path, metadata={"avseld": system.blueprint.to_json()})
        with pytest.raises(
            BadInput, match=r"x\.safetensors: weights of another architecture \('fc_xyz\.bias'"
        ):
            load_system(path)
    save_file(state, path)
    with pytest.raises(BadInput, match="without a blueprint"):
        load_system(path)
    path.write_bytes(b"cut off")
    with pytest.raises(BadInput, match="no readable weights"):
        load_system(path)


def fused() -> System:
    torch.manual_seed(0)
    options = {"hidden": 8}
    return System(
        blueprint(features=Part("sound_field", {"hop": 240}), model=Part("fused", options), chunk=1.2)
    ).eval()


OLD = {"visual_branch.": "eyes.", "query.": "ask.", "mixture.": "weigh."}


def test_a_checkpoint_with_old_parameter_names_loads(tmp_path):
    one, path = fused(), tmp_path / "model.safetensors"
    save_system(one, path)
    state = load_file(path)
    older = {}
    for name, value in state.items():
        new = next((prefix for prefix in OLD if name.startswith(prefix)), "")
        older[OLD.get(new, "") + name.removeprefix(new)] = value
    assert sum(name.startswith(("eyes.", "ask.", "weigh.")) for name in older) > 20
    text = one.blueprint.to_json().replace('"hidden": 8', '"hidden": 8, "blind": 0.2')
    save_file(older, path, metadata={"avseld": text})
    back = load_system(path)
    assert back.model.video_dropout == 0.2
    assert all(
        torch.equal(value, one.model.state_dict()[name]) for name, value in back.model.state_dict().items()
    )
    fresh = fused()
    for weight in fresh.model.parameters():
        torch.nn.init.constant_(weight, 9.0)
    initialize_from(fresh, InitFrom(path))
    assert all(
        torch.equal(value, one.model.state_dict()[name]) for name, value in fresh.model.state_dict().items()
    )


@pytest.mark.parametrize(
    "change",
    [
        lambda words: "{",
        lambda words: "[]",
        lambda words: "{}",
        lambda words: json.dumps(words | {"features": 3}),
        lambda words: json.dumps(words | {"features": {"name": 3, "options": {}}}),
        lambda words: json.dumps(words | {"classes": 7}),
        lambda words: json.dumps(words | {"unknown": 7}),
        lambda words: json.dumps(words | {"chunk": "long"}),
        lambda words: json.dumps(words | {"features": {"name": "amplitude_ipd", "options": {"hop": 0}}}),
    ],
)
def test_weights_whose_description_cannot_be_used_are_named_in_one_line(system, tmp_path, change):
    path = tmp_path / "x.safetensors"
    text = change(json.loads(system.blueprint.to_json()))
    save_system(system, path)
    save_file(load_file(path), path, metadata={"avseld": text})
    with pytest.raises(BadInput) as error:
        load_system(path)
    assert str(error.value).startswith(f"{path}: ") and "\n" not in str(error.value)


def test_the_classes_of_a_damaged_weights_file_are_refused_with_its_name(tmp_path):
    path = tmp_path / "x.safetensors"
    path.write_bytes(b"cut off")
    with pytest.raises(BadInput, match=r"x\.safetensors: no readable weights"):
        classes_of_weights(path)
    save_file({"a": torch.ones(1)}, path, metadata={"avseld": "{"})
    with pytest.raises(BadInput, match=r"x\.safetensors: its description of the system cannot be read"):
        classes_of_weights(path)
