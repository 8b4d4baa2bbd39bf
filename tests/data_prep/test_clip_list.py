"""Lists of clips with splits and prompts: cut by them, folds and prompts in the manifest, prompts in the viewer."""

import json
import re

import numpy as np
import pytest
import soundfile

from avseld.base.errors import BadInput
from avseld.io.manifest import read_manifest
from avseld.reporting.viewer import view
from data_prep.clip_list import read_clip_list
from data_prep.corpora.own import own
from data_prep.media.cut import cut
from data_prep.split import split

PROMPT = "[DYNAMIC] Moves from <front> to left & stops"


def entries(folder):
    """Write three takes in two formats whose files are called differently, and list two clips of each."""
    listed = {}
    for number in range(3):
        take = f"0403_bell{number}"
        for format, channels, name in (("foa_dev", 4, f"{take}_foa"), ("binaural_dev", 2, take)):
            (folder / "raw" / format).mkdir(parents=True, exist_ok=True)
            sound = np.random.default_rng(number).normal(size=(24000, channels)) * 0.1
            soundfile.write(folder / "raw" / format / f"{name}.wav", sound, 24000)
        for part in (0, 1):
            listed[f"key{number}{part}"] = {
                "item_name": f"0403_{take}_{part}",
                "wav_fn": f"./MRSAudio/audio/0403/{take}.wav",
                "foa_fn": f"./MRSAudio/foa/0403/{take}_foa.WAV",
                "vid_fn": f"./MRSAudio/video/{take}.mp4",
                "pos_fn": f"./audio_pos/{take}_{part}.npy",
                "start": 0.5 * part,
                "stop": 0.5 + 0.5 * part,
                "spatial_prompt": PROMPT if part else "",
            }
    return listed


def write(folder, content):
    path = folder / "meta.json"
    path.write_text(json.dumps(content))
    return path


@pytest.fixture(scope="module")
def material(tmp_path_factory):
    """Takes that were cut by their list, and prepared; the list, and the prepared folder."""
    folder = tmp_path_factory.mktemp("takes")
    listed = entries(folder)
    cut(folder / "raw", folder / "clips", times=write(folder, listed), jobs=1)
    own(folder / "clips" / "foa_dev", folder / "prepared")
    return listed, folder / "prepared"


def with_splits(listed, splits):
    """Give the two clips of each take a split."""
    return {key: entry | {"split": splits[int(key[3])]} for key, entry in listed.items()}


def test_files_that_an_entry_names_are_cut_together_under_the_name_of_their_positions(material):
    folder = material[1].parent
    names = {f"0403_bell{number}_{part}.wav" for number in range(3) for part in (0, 1)}
    for format in ("foa_dev", "binaural_dev"):
        assert {path.name for path in (folder / "clips" / format).iterdir()} == names
    whole, _ = soundfile.read(folder / "raw" / "foa_dev" / "0403_bell1_foa.wav")
    clip, _ = soundfile.read(folder / "clips" / "foa_dev" / "0403_bell1_1.wav")
    assert np.array_equal(clip, whole[12000:])


def test_splits_become_folds_and_prompts_travel_into_manifest_and_viewer(material, tmp_path, caplog):
    listed, prepared = material
    listed = list(with_splits(listed, ("train", "dev-test", "val")).values())
    split(prepared, times=write(tmp_path, listed))
    for _ in range(2):
        recordings = read_manifest(prepared)
        assert [one.fold for one in recordings] == ["train"] * 2 + ["test"] * 2 + ["validate"] * 2
        assert [one.prompt for one in recordings] == ["", PROMPT] * 3
        own(prepared.parent / "clips" / "foa_dev", prepared)  # prepared again, both are kept
    assert "more than one part" not in caplog.text
    view(prepared=prepared, recordings=["0403_bell0_1"], out=tmp_path / "view.html")
    page = (tmp_path / "view.html").read_text()
    data = json.loads(re.search(r'id="data">(.*?)</script>', page)[1])
    assert data["recordings"][0]["prompt"] == PROMPT and 'id="prompt"' in page
    assert '$("prompt").textContent = recording.prompt' in page


def test_clips_of_a_listed_recording_stay_together_when_the_list_has_no_splits(material, tmp_path):
    listed, prepared = material
    times = write(tmp_path, listed)
    for seed in range(4):
        split(prepared, "train=0.6,test=0.4", times=times, seed=seed)
        folds = {one.name: one.fold for one in read_manifest(prepared)}
        assert all(folds[f"0403_bell{n}_0"] == folds[f"0403_bell{n}_1"] for n in range(3))
        assert set(folds.values()) == {"train", "test"}


def test_clips_of_one_recording_in_two_parts_are_warned_of_and_half_a_list_of_splits_is_refused(
    material, tmp_path, caplog
):
    listed, prepared = with_splits(material[0], ("train", "test", "test")), material[1]
    listed["key00"]["split"] = "test"
    split(prepared, times=write(tmp_path, listed))
    assert "1 of 3 recordings have clips in more than one part (0403_bell0_foa)" in caplog.text
    del listed["key20"]["split"]
    before = (prepared / "manifest.csv").read_text()
    with pytest.raises(BadInput, match=r"entry key20: 0403_bell2_0 has no split, others have"):
        split(prepared, times=write(tmp_path, listed))
    del listed["key20"]
    with pytest.raises(BadInput, match=r"1 recordings of the manifest are not in it .0403_bell2_0"):
        split(prepared, times=write(tmp_path, listed))
    assert (prepared / "manifest.csv").read_text() == before
    with pytest.raises(BadInput, match=r"none of its 1 clips .other_000.*cut with avseld-prep cut"):
        split(prepared, times=write(tmp_path, [{"recording": "other", "start": 0, "stop": 1}]))


GOOD = {"recording": "a", "start": 0, "stop": 1}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", ":1: no readable JSON"),
        ('"a"', "str instead of a list of clips"),
        ("[]", "no clip in it"),
        ([3], "entry 1: '3' instead of an object"),
        ([GOOD | {"recording": ""}], "entry 1: no recording; give its name or file"),
        ([GOOD | {"recording": 7}], "entry 1: recording is 7, no text"),
        ({"x": GOOD | {"start": "soon"}}, "entry x: start 'soon' is no number of seconds"),
        ({"x": GOOD | {"stop": True}}, "entry x: stop True is no number"),
        ([GOOD, GOOD | {"split": "trian"}], "entry 2: split 'trian' is none of train, validate, test"),
        ([GOOD | {"clip": "c"}] * 2, "entry 2: the clip c is listed twice"),
    ],
)
def test_an_entry_that_cannot_be_used_is_named_with_its_file_in_one_line(tmp_path, text, says):
    path = tmp_path / "meta.json"
    path.write_text(text if isinstance(text, str) else json.dumps(text))
    with pytest.raises(BadInput, match=f"meta.json.*{says}") as refusal:
        read_clip_list(path)
    assert "\n" not in str(refusal.value)


def test_keys_that_are_not_known_are_named_with_the_first_entry_that_has_them(tmp_path, caplog):
    (entry,) = read_clip_list(write(tmp_path, [GOOD | {"spilt": "train", "error": "none"}]))
    assert entry.split == "" and entry.prompt == ""
    assert "meta.json: entry 1: not used: spilt; known are recording, name" in caplog.text
    assert caplog.text.count("\n") == 1


def test_a_table_has_splits_and_prompts_too(tmp_path):
    (tmp_path / "times.csv").write_text(
        'name;start;stop;clip;split;prompt\na.wav;0,5;1;cough;test;"from, the left"\n', encoding="utf-8-sig"
    )
    (entry,) = read_clip_list(tmp_path / "times.csv")
    assert (entry.clip, entry.start, entry.split, entry.prompt) == ("cough", 0.5, "test", "from, the left")
