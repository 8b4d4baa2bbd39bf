import numpy as np
import pytest

from avseld.controls import class_groups, gain_table, gains
from avseld.events import Events
from avseld.metrics import score

CLASSES = ["female_speech", "telephone", "footsteps", "human walk"]


def told(labels, wrong=()):
    """One second of each label at azimuth 0, behind the listener where it is wrong."""
    return Events.from_rows(
        [
            (f * 0.1, (f + 1) * 0.1, label, 0, 180.0 if label in wrong else 0.0, 0, 1.0)
            for f in range(20)
            for label in labels
        ]
    )


@pytest.fixture
def sets():
    names = [f"fold4_room{1 + n // 4}_mix{n:03}" for n in range(8)]
    wanted = {name: told([0, 1]) for name in names}
    found = {
        "aligned": {name: told([0, 1]) for name in names},
        "shuffled": {name: told([0, 1], wrong=[0] if n % 2 else []) for n, name in enumerate(names)},
    }
    return wanted, found


def test_classes_that_people_make_are_known_by_the_words_of_their_names():
    assert class_groups(CLASSES) == {"all": [0, 1, 2, 3], "people": [0, 2, 3], "other": [1]}
    assert class_groups(["telephone"]) == {"all": [0], "other": [0]}


def test_the_gain_is_that_of_the_official_scores_and_lies_in_its_interval(sets):
    wanted, found = sets
    whole = gains(wanted, found, CLASSES, 2023)["shuffled"]["whole"]
    one = score(wanted, found["aligned"], 2023, n_classes=4).classwise["F"]
    two = score(wanted, found["shuffled"], 2023, n_classes=4).classwise["F"]
    assert whole["people"][0] == pytest.approx(one[0] - two[0]) and whole["people"][0] > 0.3
    gain, low, high = whole["people"]
    assert 0 < low < gain < high
    assert whole["other"] == [0, 0, 0]
    assert whole["all"][0] == pytest.approx(gain / 2)


def test_a_control_compared_with_itself_gains_nothing_on_any_draw(sets):
    wanted, found = sets
    again = {"one": found["shuffled"], "two": found["shuffled"]}
    assert gains(wanted, again, CLASSES, 2023)["two"]["whole"]["all"] == [0, 0, 0]


def test_each_part_is_told_from_its_own_recordings(sets):
    wanted, found = sets
    names = list(wanted)
    found["shuffled"] |= {name: found["aligned"][name] for name in names[4:]}
    result = gains(wanted, found, CLASSES, 2023, {"room1": names[:4], "room2": names[4:]})
    assert result["shuffled"]["room1"]["people"][0] > 0.3
    assert result["shuffled"]["room2"]["people"][0] == 0
    assert "aligned - shuffled, room2, people" in gain_table("aligned", result)
    assert np.isfinite(result["shuffled"]["whole"]["all"]).all()
