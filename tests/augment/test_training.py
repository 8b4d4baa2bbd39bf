"""Training with the augmentations of a recipe."""

import plane_waves
import pytest

from avseld.base.errors import BadInput
from avseld.config import Data, Hardware, Part
from avseld.training.train import train


def test_training_with_every_augmentation_is_the_same_from_files_and_from_the_device_and_differs_from_plain(
    tmp_path,
):
    prepared = plane_waves.make(tmp_path / "waves", seconds=4)

    def run(name: str, augment: list[Part] | None, cached: str = "never") -> bytes:
        train(
            Data(prepared, validate=["fold3_room5"], batch_size=2, device_cache=cached), Part("logamplitude_iv"),
            Part("avcrnn", {"width": 8, "hidden": 8}), Part("multi_accdoa"), Part("adam", {"lr": 1e-2}),
            tmp_path / name, steps=4, validate_every=2, augment=augment, hardware=Hardware("cpu", 1),
        )  # fmt: skip
        return (tmp_path / name / "last.safetensors").read_bytes()

    parts = [Part("rotate"), Part("mix", {"chance": 1.0}), Part("mask"), Part("shift")]
    assert run("a", parts) == run("b", parts, "always") != run("c", None)
    with pytest.raises(BadInput, match="augment: 'twirl' is none of rotate, mix, mask, shift"):
        run("d", [Part("twirl")])
    with pytest.raises(BadInput, match=r"augment: mix: .*loudness"):
        run("d", [Part("mix", {"loudness": 1})])
