"""Scenes that are rotated and mixed on the device are those of the ordinary path, for every target and format."""

import logging
import re
from dataclasses import replace

import crowded_scenes
import numpy as np
import pytest
import torch

from avseld.base.errors import BadInput
from avseld.config import Data, Part
from avseld.data.augmentation import augmentation
from avseld.data.device_cache import DeviceCache, kept_on_device
from avseld.data.windows import Windows
from avseld.io.energy_maps import write_energy_maps
from avseld.io.events import read_events
from avseld.io.label_maps import by_frame
from avseld.io.manifest import read_manifest, write_manifest
from avseld.metrics.imaging import maps_of_directions
from avseld.system.blueprint import Blueprint
from avseld.system.build import System

CPU = torch.device("cpu")
CLASSES = [f"class {number}" for number in range(3)]
ROTATE, MIX = Part("rotate"), Part("mix", {"chance": 0.7})
CRNN = Part("avcrnn", {"width": 2, "hidden": 2})
FUSED = Part("fused", {"hidden": 2})
VISUAL = Part("seldnet_visual", {"visual": "boxes"})
MAPPING = {
    "sphere_map": ("logmel_iv", Part("seldnet_attention", {"width": 2, "hidden": 4, "n_heads": 1}), 5),
    "sphere_lobes": ("sound_field", Part("fused", {"vision": False, "hidden": 2, "frames_per_step": 5}), 10),
}
SELDNET = Part("seldnet", {"width": 2, "hidden": 2, "bin_pooling": [4, 4, 2]})
CASES = {
    "boxes at the start, rotated": ("foa", "amplitude_ipd", CRNN, Part("multi_accdoa"), [ROTATE]),
    "boxes at the start, mixed": ("foa", "amplitude_ipd", CRNN, Part("multi_accdoa"), [MIX]),
    "rotated, mixed twice": ("foa", "amplitude_ipd", CRNN, Part("multi_accdoa", {"legacy": True}), [ROTATE, MIX, MIX]),
    "tracks, mixed and rotated": ("foa", "sound_field", FUSED, Part("accdoa"), [MIX, ROTATE]),
    "boxes at label frames, mixed and rotated": ("foa", "logmel_iv", VISUAL, Part("multi_accddoa"), [MIX, ROTATE]),
    "array": ("mic", "amplitude_ipd", CRNN, Part("multi_accddoa", {"onscreen": True}), [ROTATE, MIX]),
    "binaural, activity and direction": ("binaural", "logmel", SELDNET, Part("sed_doa"), [ROTATE, MIX]),
    "stereo, plane": ("stereo", "logmel", SELDNET, Part("multi_accddoa", {"planar": True}), [MIX, ROTATE]),
    "angles of 2019": (
        "foa", "logmel", SELDNET, Part("sed_doa", {"axes": "angles", "rounding": 2019, "legacy": True}), [ROTATE, MIX],
    ),
    "tracks": ("foa", "logmel", SELDNET, Part("tracks"), [ROTATE, MIX]),
    "two stages": ("foa", "logmel", SELDNET, Part("two_stage"), [ROTATE, MIX]),
    "classes of directions": ("foa", "logmel", SELDNET, Part("bins"), [ROTATE, MIX]),
    "activity": ("mono", "logmel", SELDNET, Part("activity"), [MIX]),
    "clips": ("mono", "logmel", SELDNET, Part("tagging", {"loss": "frame"}), [MIX]),
}  # fmt: skip


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    made = {}

    def of(format):
        if format not in made:
            made[format] = crowded_scenes.make(tmp_path_factory.mktemp("crowded") / format, format, seconds=4)
        return made[format]

    return of


def windows_of(folder, format, features, model, target, augment, seed=3):
    system = System(Blueprint(Part(features), model, target, CLASSES, format, 1.2))
    video = "aligned" if model in (CRNN, FUSED, VISUAL) else "blank"
    data = Data(folder, format=format, video=video)
    return Windows(read_manifest(folder), system, data, seed, augmentation(system, augment, format))


@pytest.mark.parametrize("name", CASES)
def test_windows_changed_on_the_device_equal_those_changed_on_the_host(prepared, name):
    format, *parts = CASES[name]
    windows = windows_of(prepared(format), format, *parts)
    cache = DeviceCache(windows, CPU)
    numbers = range(40, 56)
    ours = cache.batch(cache.places(numbers))
    for place, number in enumerate(numbers):
        expected = windows[number]
        assert expected.keys() == ours.keys()
        for part, value in expected.items():
            assert ours[part].dtype == value.dtype
            np.testing.assert_allclose(ours[part][place].numpy(), value.numpy(), atol=2e-6, err_msg=part)


@pytest.fixture(scope="module")
def mapped(tmp_path_factory):
    """Crowded scenes with an energy map for most rows, wider and narrower ones."""
    folder = crowded_scenes.make(tmp_path_factory.mktemp("mapped"), "foa", seconds=4)
    recordings = []
    for recording in read_manifest(folder):
        rows = by_frame(read_events(recording.labels, 3))
        maps, seen = [], set()
        for place, one in enumerate(maps_of_directions(rows)):
            one = replace(one, instance=int(rows.source[place]), score=np.nan)
            if place % 5 and one.key not in seen:
                seen.add(one.key)
                maps.append(one)
        path = folder / "maps" / f"{recording.name}_std.json"
        write_energy_maps(path, maps)
        recordings.append(replace(recording, maps=path))
    write_manifest(folder, recordings, CLASSES)
    return folder


@pytest.mark.parametrize("augment", [[], [ROTATE, MIX, ROTATE]])
@pytest.mark.parametrize("energies", ["maps", "gaussian"])
@pytest.mark.parametrize("kind", ["sphere_map", "sphere_lobes"])
def test_energy_maps_on_the_device_equal_those_of_the_files(mapped, kind, energies, augment):
    features, model, frames_per_label = MAPPING[kind]
    target = Part(kind, {"energies": energies, "frames_per_label": frames_per_label})
    windows = windows_of(mapped, "foa", features, model, target, augment)
    cache = DeviceCache(windows, CPU)
    numbers = range(40, 52)
    ours, expected = cache.batch(cache.places(numbers)), [windows[number] for number in numbers]
    assert min(float(one["energy"].max()) for one in expected) > 0.9
    for name in expected[0].keys() - {"waveform"}:
        whole = torch.stack([one[name] for one in expected])
        assert ours[name].dtype == whole.dtype
        # Angles of turned directions are rounded otherwise.
        np.testing.assert_allclose(ours[name].float(), whole.float(), atol=1e-3 if augment else 1e-6)


class Quieter:
    """An augmentation of another package, for files alone."""

    def __call__(self, window, random, another):
        return replace(window, waveform=(window.waveform * (0.5 + random.random() / 2)).astype(np.float32))


class QuieterOnDevices(Quieter):
    """The same with a form for the device."""

    def draw(self, random, another):
        return {"gain": (0.5 + random.random() / 2).astype(np.float32)}

    def change(self, windows, drawn):
        return replace(windows, waveform=windows.waveform * drawn["gain"][:, None, None])


class Wrong(QuieterOnDevices):
    """A form for the device that draws something else."""

    def draw(self, random, another):
        return {"gain": random.random().astype(np.float32)}


class Broken(QuieterOnDevices):
    """A form for the device that fails."""

    def change(self, windows, drawn):
        return drawn["gains"]


def test_augmentations_of_other_packages_take_the_device_or_say_why_not(prepared, caplog, monkeypatch):
    monkeypatch.setattr("avseld.data.device_cache.fits", lambda n_bytes, device: True)  # as on a large GPU
    case = (prepared("foa"), *CASES["boxes at the start, rotated"][:4])
    changed = windows_of(*case, [])
    changed.augment = (QuieterOnDevices(),)
    cache = DeviceCache(changed, CPU)
    assert torch.equal(cache.batch(cache.places([70]))["waveform"][0], changed[70]["waveform"])
    caplog.set_level(logging.INFO)
    for change, reason in (
        (Quieter, "the augmentation Quieter has no form for the device"),
        (Wrong, r"waveform of windows made on the device differs .*\(augment: Wrong\)"),
        (Broken, r"windows cannot be made on the device \(Broken: KeyError: 'gains'\)"),
    ):
        changed.augment = (change(),)
        with pytest.raises(BadInput, match=f"data.device_cache: {reason}.*; choose never"):
            kept_on_device("always", 0, CPU, lambda: DeviceCache(changed, CPU))
        caplog.clear()
        assert kept_on_device("auto", 0, CPU, lambda: DeviceCache(changed, CPU)) is None
        (line,) = (line for line in caplog.messages if "device" in line)
        assert re.fullmatch(f"read from files, not from the device: {reason}.*", line)


def test_a_target_without_encode_batch_is_read_from_files_where_scenes_are_changed(prepared):
    windows = windows_of(prepared("foa"), *CASES["boxes at the start, rotated"])
    windows.target.encode_batch = None
    with pytest.raises(BadInput, match="this target has no encode_batch"):
        DeviceCache(windows, CPU)
    windows.augment = ()
    DeviceCache(windows, CPU)


def test_windows_that_are_not_drawn_are_empty(prepared):
    windows = windows_of(prepared("foa"), *CASES["boxes at the start, mixed"])
    cache = DeviceCache(windows, CPU)
    places = cache.places(range(8))
    mixed, other = places.drawn[0]["mixed"], cache._gathered(places.drawn[0]["other"])
    assert 0 < mixed.sum() < 8
    for number in range(8):
        present = bool(mixed[number])
        assert bool(other.waveform[number].any()) == present
        assert bool((other.events.offset[number] > 0).any()) == present
        assert bool(other.visual[number].any()) <= present
