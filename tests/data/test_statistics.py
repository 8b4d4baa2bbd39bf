"""How much of the training recordings mean and deviation of the features come from."""

import numpy as np
import pytest
import soundfile
from system_material import CLASSES

from avseld.config import Data, Part
from avseld.data.statistics import learn_from_windows
from avseld.data.windows import Windows
from avseld.io.manifest import Recording
from avseld.system.blueprint import Blueprint
from avseld.system.build import System


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        ([2.0, 0.5, 0.8], 27),  # 4, 1 and 1.6 windows of half a second, each four times
        ([33.0], 256),  # 66 windows four times would be more
    ],
)
def test_windows_that_cover_a_small_corpus_four_times_give_its_statistics(tmp_path, seconds, expected):
    random, recordings = np.random.default_rng(0), []
    for number, duration in enumerate(seconds):
        path = tmp_path / f"{number}.wav"
        soundfile.write(path, 0.1 * random.standard_normal((round(duration * 24000), 4)), 24000)
        recordings.append(Recording(str(number), path, "foa", None, None, None, "train", "", duration))
    model, target = Part("avcrnn", {"width": 8, "hidden": 8}), Part("multi_accdoa")
    system = System(Blueprint(Part("logmel_iv"), model, target, CLASSES, "foa", 0.5))
    windows, read = Windows(recordings, system, Data(tmp_path), seed=1, labelled=False), []
    sound = windows.waveform
    windows.waveform = lambda number: read.append(number) or sound(number)
    learn_from_windows(system, windows)
    assert read == list(range(expected))
    level = system.features.standardize.mean[0, 0].numpy()
    assert np.ptp(level[8:-8]) < 0.2 * abs(level.mean())  # of white noise all bins are alike
