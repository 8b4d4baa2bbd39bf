"""Recordings of several lengths run side by side on the device as each runs alone."""

import numpy as np
import pytest
import torch
from walking_people import going, standing, walk

from avseld.benchmarking.corpus import CLASSES, write_corpus
from avseld.config import Part
from avseld.data import device_streams
from avseld.data.device_streams import recordings_on_device
from avseld.data.windows import reference
from avseld.io.manifest import read_manifest
from avseld.io.resampling import open_recording
from avseld.system.blueprint import Blueprint
from avseld.system.build import System
from avseld.system.inference import iterate_heads
from avseld.vision.visual_input import VisualInput


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lengths")
    for seconds in (2, 5, 3):
        write_corpus(folder / str(seconds), 1, seconds, video=False)
    return [read_manifest(folder / str(seconds))[0] for seconds in (2, 5, 3)]


@pytest.mark.parametrize("vision", [False, True])
@pytest.mark.parametrize("windows", [1, 256])
def test_a_shorter_recording_of_a_batch_ends_where_it_ends(recordings, monkeypatch, vision, windows):
    monkeypatch.setattr(device_streams, "WINDOWS_PER_BATCH", windows)
    torch.manual_seed(0)
    options = {"hidden": 8, "frames_per_step": 10, "look_ahead": 3, "vision": vision, "n_boxes": 3}
    parts = (Part("sound_field", {"n_mels": 16}), Part("live", options), Part("multi_accdoa"))
    system = System(Blueprint(*parts, CLASSES, chunk=1.0)).eval()
    references = [reference(recording, len(CLASSES)) for recording in recordings]
    people = [walk([standing(30.0 * k), going(-100.0, 2.0 * k)]) for k in range(3)]
    shown = [VisualInput(boxes, system.visual_spec) if vision else None for boxes in people]
    cached = recordings_on_device(system, recordings, references, shown)
    outputs = [output for batch in cached.run() for output in batch]
    assert [len(output.heads["accdoa"]) for output in outputs] == [200, 500, 300]
    for recording, seen, output in zip(recordings, shown, outputs, strict=True):
        read, n_samples = open_recording(recording.audio, recording.format, system.sample_rate)
        alone = [heads for _, heads in iterate_heads(system, read, n_samples, seen.at if seen else None)]
        wanted = torch.cat([heads["accdoa"] for heads in alone])
        np.testing.assert_allclose(output.heads["accdoa"], wanted, atol=1e-5)
        assert seen is None or seen.at(np.ones(1)).any()  # there are people to see
