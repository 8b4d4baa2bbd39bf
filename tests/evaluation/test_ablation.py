import numpy as np
import pytest

from avseld.base.errors import BadInput
from avseld.evaluation.ablation import class_groups, gain_table, gains, read_parts
from avseld.io.events import Events
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
    assert whole["people"]["F"][0] == pytest.approx(100 * (one[0] - two[0])) and whole["people"]["F"][0] > 30
    gain, low, high = whole["people"]["F"]
    assert 0 < low < gain < high
    assert whole["other"]["F"] == [0, 0, 0]
    assert whole["all"]["F"][0] == pytest.approx(gain / 2)


def test_the_gain_in_localization_is_how_many_degrees_the_error_falls(sets):
    wanted, found = sets
    gain, low, high = gains(wanted, found, CLASSES, 2023)["shuffled"]["whole"]["people"]["LE"]
    error = score(wanted, found["shuffled"], 2023, n_classes=4).classwise["LE"][0]
    assert gain == pytest.approx(error, abs=1e-6) and error > 80  # every other recording 180 degrees off
    assert 0 < low < gain < high


def test_of_several_trainings_the_mean_is_told(sets):
    wanted, found = sets
    several = {"aligned": [found["aligned"]] * 2, "shuffled": [found["aligned"], found["shuffled"]]}
    half = gains(wanted, several, CLASSES, 2023)["shuffled"]["whole"]["people"]
    whole = gains(wanted, found, CLASSES, 2023)["shuffled"]["whole"]["people"]
    for measure in ("F", "LE"):
        np.testing.assert_allclose(half[measure], np.array(whole[measure]) / 2, atol=1e-9)


def test_a_control_compared_with_itself_gains_nothing_on_any_draw(sets):
    wanted, found = sets
    again = {"one": found["shuffled"], "two": found["shuffled"]}
    assert gains(wanted, again, CLASSES, 2023)["two"]["whole"]["all"]["F"] == [0, 0, 0]


def test_each_part_is_told_from_its_own_recordings(sets):
    wanted, found = sets
    names = list(wanted)
    found["shuffled"] |= {name: found["aligned"][name] for name in names[4:]}
    result = gains(wanted, found, CLASSES, 2023, {"room1": names[:4], "room2": names[4:]})
    assert result["shuffled"]["room1"]["people"]["F"][0] > 30
    assert result["shuffled"]["room2"]["people"]["F"][0] == 0
    assert "aligned - shuffled, room2, people" in gain_table("aligned", result)
    assert np.isfinite(result["shuffled"]["whole"]["all"]["F"]).all()


def test_parts_come_from_a_file_that_names_every_recording(sets, tmp_path):
    names = list(sets[0])
    path = tmp_path / "presets.csv"
    rows = [f"{name},{'noisy' if n % 2 else 'easy'}" for n, name in enumerate([*names, "another"])]
    path.write_text("recording,part\n" + "\n".join(rows) + "\n")
    assert read_parts(path, names) == {"easy": names[::2], "noisy": names[1::2]}
    with pytest.raises(BadInput, match="does not name unheard"):
        read_parts(path, [*names, "unheard"])
    path.write_text("name;part\n1;2\n")
    with pytest.raises(BadInput, match="recording,part"):
        read_parts(path, names)
