"""Average precision: of classes, of all classes together, and of recordings that are drawn more than once."""

import numpy as np
import pytest
from reference import slow_sed

from avseld.metrics.ranking import Rankings


def test_a_recording_that_counts_twice_is_as_two_recordings():
    generator = np.random.default_rng(0)
    recordings = [
        {"sed": (generator.random((n, 3)) < 0.3, np.round(generator.random((n, 3)), 1))} for n in (7, 1, 12)
    ]
    names = ("mAP_micro", "mAP")
    drawn = Rankings(recordings, names).values(np.array([2, 0, 1]))
    listed = [recordings[0], recordings[0], recordings[2]]
    assert drawn == pytest.approx(Rankings(listed, names).values())
    target, score = (np.concatenate([one["sed"][side] for one in listed]) for side in (0, 1))
    assert drawn["mAP_micro"] == pytest.approx(slow_sed.precision_area(target.ravel(), score.ravel()))
    areas = [slow_sed.precision_area(target[:, c], score[:, c]) for c in range(3)]
    assert drawn["mAP"] == pytest.approx(np.mean(areas))
    assert Rankings(listed, names).of_classes() == pytest.approx(areas)


def test_a_class_without_reference_is_left_out_of_the_mean():
    target, score = np.array([[1, 0], [0, 0]]), np.array([[0.9, 0.2], [0.1, 0.3]])
    rankings = Rankings([{"sed": (target, score)}], ("mAP",))
    assert rankings.values() == {"mAP": 1.0} and np.isnan(rankings.of_classes()[1])
    assert np.isnan(rankings.values(np.array([0]))["mAP"])
