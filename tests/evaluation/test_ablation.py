import numpy as np
import pytest

from avseld.base.errors import BadInput
from avseld.evaluation.ablation import class_groups, gain_table, gains, read_parts
from avseld.io.events import Events
from avseld.metrics import score

CLASSES = ["female_speech", "telephone", "footsteps", "human walk"]


def scene(labels, wrong=()):
    """Create two seconds of each class at azimuth 0, or at 180 degrees for the classes in `wrong`."""
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
    references = {name: scene([0, 1]) for name in names}
    predictions = {
        "aligned": {name: scene([0, 1]) for name in names},
        "shuffled": {name: scene([0, 1], wrong=[0] if n % 2 else []) for n, name in enumerate(names)},
    }
    return references, predictions


def test_classes_of_people_are_recognized_by_the_words_of_their_names():
    assert class_groups(CLASSES) == {"all": [0, 1, 2, 3], "people": [0, 2, 3], "other": [1]}
    assert class_groups(["telephone"]) == {"all": [0], "other": [0]}


@pytest.mark.parametrize(
    "name",
    [
        *("femaleSpeech", "maleSpeech", "Male speech, man speaking", "cough", "clearthroat", "FEMALE_SPEECH"),
        *(
            "footstep",
            "Footsteps",
            "screams",
            "malespeech",
            "ClearThroat",
            "women_talking",
            "Laughing",
            "kids",
        ),
    ],
)
def test_classes_of_people_are_recognized_in_the_spellings_of_the_corpora(name):
    assert class_groups([name, "doorslam"]) == {"all": [0, 1], "people": [0], "other": [1]}


def test_gains_are_differences_of_official_scores_and_lie_in_their_interval(sets):
    references, predictions = sets
    whole = gains(references, predictions, CLASSES, 2023)["shuffled"]["whole"]
    one = score(references, predictions["aligned"], 2023, n_classes=4).classwise["F"]
    two = score(references, predictions["shuffled"], 2023, n_classes=4).classwise["F"]
    assert whole["people"]["F"][0] == pytest.approx(100 * (one[0] - two[0])) and whole["people"]["F"][0] > 30
    gain, low, high = whole["people"]["F"]
    assert 0 < low < gain < high
    assert whole["other"]["F"] == [0, 0, 0]
    assert whole["all"]["F"][0] == pytest.approx(gain / 2)


def test_the_gain_in_localization_is_the_decrease_of_the_error_in_degrees(sets):
    references, predictions = sets
    gain, low, high = gains(references, predictions, CLASSES, 2023)["shuffled"]["whole"]["people"]["LE"]
    error = score(references, predictions["shuffled"], 2023, n_classes=4).classwise["LE"][0]
    assert gain == pytest.approx(error, abs=1e-6) and error > 80  # every other recording 180 degrees off
    assert 0 < low < gain < high


def test_scores_of_several_trainings_are_averaged(sets):
    references, predictions = sets
    several = {
        "aligned": [predictions["aligned"]] * 2,
        "shuffled": [predictions["aligned"], predictions["shuffled"]],
    }
    half = gains(references, several, CLASSES, 2023)["shuffled"]["whole"]["people"]
    whole = gains(references, predictions, CLASSES, 2023)["shuffled"]["whole"]["people"]
    for measure in ("F", "LE"):
        np.testing.assert_allclose(half[measure], np.array(whole[measure]) / 2, atol=1e-9)


def test_a_control_has_no_gain_over_itself_in_any_bootstrap_sample(sets):
    references, predictions = sets
    again = {"one": predictions["shuffled"], "two": predictions["shuffled"]}
    assert gains(references, again, CLASSES, 2023)["two"]["whole"]["all"]["F"] == [0, 0, 0]


def test_each_part_is_scored_on_its_own_recordings(sets):
    references, predictions = sets
    names = list(references)
    predictions["shuffled"] |= {name: predictions["aligned"][name] for name in names[4:]}
    result = gains(references, predictions, CLASSES, 2023, {"room1": names[:4], "room2": names[4:]})
    assert result["shuffled"]["room1"]["people"]["F"][0] > 30
    assert result["shuffled"]["room2"]["people"]["F"][0] == 0
    table = gain_table("aligned", result).splitlines()
    assert any(line.startswith("aligned - shuffled, room2, people ") for line in table)
    longer = gain_table("aligned", {"shuffled": {"a part with a long name": result["shuffled"]["room1"]}})
    assert len({len(line) for line in table}) == len({len(line) for line in longer.splitlines()}) == 1
    assert np.isfinite(result["shuffled"]["whole"]["all"]["F"]).all()


def test_a_parts_file_must_list_every_recording(sets, tmp_path):
    names = list(sets[0])
    path = tmp_path / "presets.csv"
    rows = [f"{name},{'noisy' if n % 2 else 'easy'}" for n, name in enumerate([*names, "another"])]
    path.write_text("recording,part\n" + "\n".join(rows) + "\n")
    assert read_parts(path, names) == {"easy": names[::2], "noisy": names[1::2]}
    with pytest.raises(BadInput, match="does not name absent"):
        read_parts(path, [*names, "absent"])
    path.write_text("name;part\n1;2\n")
    with pytest.raises(BadInput, match="recording,part"):
        read_parts(path, names)


def test_classes_of_people_are_those_that_the_user_names():
    assert class_groups(["robot", "whistle"], ["whistle"]) == {"all": [0, 1], "people": [1], "other": [0]}
    with pytest.raises(BadInput, match="--people bird: none of the classes robot, whistle"):
        class_groups(["robot", "whistle"], ["bird"])
