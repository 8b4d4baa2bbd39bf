"""The device cache gives the windows read from files, bit for bit, and the same training."""

from dataclasses import replace

import crowded_scenes
import numpy as np
import pytest
import soundfile
import torch
from safetensors.torch import load_file

from avseld.base.errors import BadInput
from avseld.benchmarking.corpus import CLASSES, write_corpus
from avseld.config import Data, Hardware, Part
from avseld.data.augmentation import augmentation
from avseld.data.device_cache import DeviceCache, Stretches
from avseld.data.loader import Numbers, loader
from avseld.data.windows import Windows
from avseld.io.manifest import read_manifest
from avseld.recipes.reading import recipe
from avseld.system.blueprint import Blueprint
from avseld.system.build import System
from avseld.training.train import train

CPU = torch.device("cpu")
MODELS = {
    "first boxes": (Part("logamplitude_iv"), Part("avcrnn", {"width": 4, "hidden": 4}), Part("multi_accdoa")),
    "boxes at label frames": (Part("sound_field"), Part("fused", {"hidden": 8}), Part("accdoa")),
    "distances": (
        Part("logmel_iv"), Part("seldnet_attention", {"width": 4, "hidden": 8, "n_heads": 2}), Part("multi_accddoa"),
    ),
}  # fmt: skip


RECIPES = (
    "av_foa_fused", "av_mic", "general_alignment", "general_doa_gcc", "general_sed_m", "locator_stereo", "sed_cnn5",
    "seldnet_2018", "seldnet_2019", "seldnet_2024", "two_stage",
)  # fmt: skip
"""one for each target, channel format and visual input"""


@pytest.fixture(scope="module")
def crowded(tmp_path_factory):
    made = {}

    def of(format, rate):
        if (format, rate) not in made:
            folder = tmp_path_factory.mktemp("crowded") / f"{format}_{rate}"
            made[format, rate] = crowded_scenes.make(folder, format, rate, recordings=1)
        return made[format, rate]

    return of


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cached")
    write_corpus(folder, 5, 4)
    return folder


def windows_of(prepared, name: str, video: str = "aligned") -> Windows:
    chunk = 1.2 if name == "distances" else 1.27
    system = System(Blueprint(*MODELS[name], CLASSES, chunk=chunk))
    return Windows(read_manifest(prepared), system, Data(prepared, video=video, batch_size=4), seed=7)


@pytest.mark.parametrize("video", ["aligned", "shuffled", "blank"])
@pytest.mark.parametrize("name", MODELS)
def test_cached_batches_equal_those_read_from_files(prepared, name, video):
    windows, numbers = windows_of(prepared, name, video), Numbers(3, 8, 4)
    ordinary = list(loader(windows, numbers, workers=0))
    cache = DeviceCache(windows, CPU)
    stretches = Stretches(cache, numbers, steps=3)
    cached = [cache.batch(stretch.places[step]) for stretch in stretches for step in range(len(stretch))]
    assert len(ordinary) == len(cached) == 8 and len(stretches) == 3
    for one, other in zip(ordinary, cached, strict=True):
        assert set(one) == set(other)
        for key, value in one.items():
            assert torch.equal(value, other[key]) and value.dtype == other[key].dtype, key


def test_training_from_the_cache_is_bit_identical(prepared, tmp_path):
    def weights(cached: str) -> dict[str, torch.Tensor]:
        data = Data(prepared, ["fold3"], ["fold4"], ["fold4"], True, batch_size=4, device_cache=cached)
        train(
            data, *MODELS["first boxes"], Part("adam"), tmp_path / cached, steps=4, validate_every=2,
            hardware=Hardware("cpu", 1),
        )  # fmt: skip
        return load_file(tmp_path / cached / "last.safetensors")

    one, other = weights("never"), weights("always")
    assert all(torch.equal(value, other[name]) for name, value in one.items())


@pytest.mark.parametrize("name", RECIPES)
def test_windows_of_every_kind_of_recipe_are_made_on_the_device(crowded, name):
    words = recipe(name, data="prepared")
    data, boxes = words.data, name.startswith("av_")
    system = System(
        Blueprint(words.features, words.model, words.target, list("abc"), data.format, data.chunk)
    )
    folder = crowded(data.format, system.sample_rate)
    data = replace(data, prepared=folder, video="aligned" if boxes else "blank")
    changes = augmentation(system, words.augment or [], data.format)
    windows = Windows(read_manifest(folder), system, data, 0, changes)
    cache = DeviceCache(windows, CPU)  # which compares eight windows
    ours, expected = cache.batch(cache.places([9, 2**32])), (windows[9], windows[2**32])
    for number, window in enumerate(expected):
        assert all(torch.allclose(ours[part][number], value, atol=2e-6) for part, value in window.items())


def test_labels_between_label_frames_are_kept_by_the_frame_where_they_are_small_and_else_as_events(crowded):
    def cache_of(target, hop):
        model = Part("seldnet", {"width": 2, "hidden": 2, "bin_pooling": [4, 4, 2]})
        system = System(Blueprint(Part("logmel", {"hop": hop}), model, target, list("abc"), chunk=1.2))
        folder = crowded("foa", 24000)
        return DeviceCache(Windows(read_manifest(folder), system, Data(folder, video="blank"), 0), CPU)

    small, large = cache_of(Part("accdoa"), 480), cache_of(Part("multi_accdoa"), 60)
    assert small.rows.group == 1 and small.events is None
    assert large.rows is None and large.events is not None


def test_a_corpus_that_cannot_be_cached_is_reported(prepared, tmp_path):
    windows = windows_of(prepared, "first boxes")
    windows.augment = (lambda window, random, another: window,)
    with pytest.raises(BadInput, match="augment"):
        DeviceCache(windows, CPU)
    sound = np.zeros((24000 * 4, 4), np.float32)
    windows = windows_of(prepared, "first boxes")
    other = tmp_path / "float.wav"
    soundfile.write(other, sound, 24000, subtype="FLOAT")
    object.__setattr__(windows.recordings[0], "audio", other)
    with pytest.raises(BadInput, match="not 16 bits"):
        DeviceCache(windows, CPU)
