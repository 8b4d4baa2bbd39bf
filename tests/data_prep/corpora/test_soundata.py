"""A data set that soundata has downloaded becomes a prepared folder, compared with soundata's index."""

import hashlib
import json

import pytest
from raw_tree import write_sound

from avseld.base.errors import BadInput
from avseld.io.events import read_events
from avseld.io.manifest import read_classes, read_manifest
from data_prep.corpora.soundata import soundata

ROWS = "0,1,0,30,10\n1,1,0,32,10\n"
INTERVALS = "sound_event_recording,start_time,end_time,ele,azi,dist\nspeech,0.1,0.4,10,-30,2\n"
SETS = {
    "starss2022": ("foa_dev/dev-train-sony/fold3_room21_mix001", 24000, ROWS, 13),
    "tau2019sse": ("foa_dev/split1_ir0_ov1_1", 48000, INTERVALS, 11),
    "tau2020sse_nigens": ("foa_dev/fold1_room1_mix001_ov1", 24000, ROWS, 14),
    "tau2021sse_nigens": ("foa_dev/dev-train/fold1_room1_mix001", 24000, ROWS, 12),
}


def write_root(home, name):
    """Write one clip in the layout of a data set of soundata, and its index; return both paths."""
    clip, rate, text, _ = SETS[name]
    audio = write_sound(home / name / f"{clip}.wav", 0.5, rate=rate)
    events = home / name / f"{clip.replace('foa_dev', 'metadata_dev')}.csv"
    events.parent.mkdir(parents=True)
    events.write_text(text)
    entry = {
        kind: [str(path.relative_to(home / name)), hashlib.md5(path.read_bytes()).hexdigest()]
        for kind, path in (("audio", audio), ("events", events))
    }
    index = home / f"{name}_index_1.0.json"
    mic = {"audio": [clip.replace("foa", "mic") + ".wav", "0" * 32], "events": entry["events"]}
    index.write_text(json.dumps({"version": "1.0", "clips": {clip: entry, "mic": mic}, "metadata": {}}))
    return home / name, index


@pytest.mark.parametrize("name", SETS)
def test_each_data_set_with_directions_is_prepared_from_its_root(tmp_path, name):
    root, index = write_root(tmp_path, name)
    assert soundata(root, tmp_path / "prepared", checksums=index) == 0
    (recording,) = read_manifest(tmp_path / "prepared")
    assert recording.format == "foa" and recording.duration == 0.5 and recording.fold
    assert len(read_classes(tmp_path / "prepared")) == SETS[name][3]
    events = read_events(recording.labels)
    assert events.azimuth[0] == (-30 if name == "tau2019sse" else 30) and events.elevation[0] == 10


def test_a_file_that_differs_from_the_index_is_named(tmp_path):
    root, index = write_root(tmp_path, "starss2022")
    write_sound(root / f"{SETS['starss2022'][0]}.wav", 0.5, seed=3)
    with pytest.raises(BadInput, match=r"mix001\.wav: its MD5 is .* starss2022_index_1\.0\.json says"):
        soundata(root, tmp_path / "prepared", checksums=index)


def test_a_data_set_without_directions_is_refused_and_a_renamed_one_is_named(tmp_path):
    root, _ = write_root(tmp_path, "starss2022")
    renamed = root.rename(tmp_path / "urbansound8k")
    with pytest.raises(
        BadInput, match=r"'urbansound8k' is no data set with directions .* --name starss2022, "
    ):
        soundata(renamed, tmp_path / "prepared")
    assert soundata(renamed, tmp_path / "prepared", name="starss2022") == 0


def test_sound_that_was_averaged_to_one_channel_is_refused_with_the_reason(tmp_path):
    root, _ = write_root(tmp_path, "starss2022")
    write_sound(root / f"{SETS['starss2022'][0]}.wav", 0.5, channels=1)
    with pytest.raises(BadInput, match=r"1 channels instead of 4 for foa; .*`datasets` library averages"):
        soundata(root, tmp_path / "prepared")


def test_a_part_that_is_not_known_is_refused(tmp_path):
    root, _ = write_root(tmp_path, "starss2022")
    with pytest.raises(BadInput, match="starss2022 is prepared as dev"):
        soundata(root, tmp_path / "prepared", part="eval")
