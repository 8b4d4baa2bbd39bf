"""`avseld predict RECORDING` with nothing else: format, weights, picture, table, files and page."""

import pickle
import re
import webbrowser
from dataclasses import replace

import numpy as np
import pytest
import soundfile

import avseld.weights
from avseld.__main__ import main, sound_words
from avseld.base.errors import BadInput
from avseld.inference import predictor, sounds
from avseld.inference.choice import format_of, looks_like_capsules, weights_for
from avseld.inference.event_list import (
    COLUMNS,
    EventMerger,
    ListedEvent,
    list_line,
    listed_events,
    write_event_list,
)
from avseld.inference.inputs import sound_files
from avseld.inference.output import PredictionFiles, write_prediction
from avseld.inference.predict import predict
from avseld.inference.predictor import load
from avseld.inference.sounds import Heard, SoundJob, predict_sound
from avseld.io.events import Events, concatenate, read_events
from avseld.io.example import EXAMPLE
from avseld.io.geometry import angle_between, unit_vector
from avseld.io.resampling import read_sound, sound_info
from avseld.io.sheets import read_sheet, sheet_events
from avseld.io.video import video_info
from data_prep.synth.acoustics.formats import receiver_format
from data_prep.synth.acoustics.render import diffuse_noise
from data_prep.synth.corpus import synth

RATE = 24000


@pytest.fixture(scope="module")
def locator():
    return load("locator_foa")


@pytest.fixture(scope="module")
def example_events(locator):
    return locator.predict(EXAMPLE)


def words_of(*words):
    """Return the files and the other words of a command line of `predict`."""
    *rest, option, files = sound_words(list(words))
    assert option == "--audio"
    return eval(files), rest


def test_files_may_stand_before_between_and_after_the_options():
    assert words_of("a.wav") == (["a.wav"], [])
    assert words_of("a.wav", "--run", "R", "b, c.wav") == (["a.wav", "b, c.wav"], ["--run", "R"])
    assert words_of("--view", "a.wav", "--events", "false") == (["a.wav"], ["--view", "--events", "false"])
    assert words_of("--out=x.csv", "a.wav") == (["a.wav"], ["--out=x.csv"])
    assert words_of("--run", "R", "--audio", "a.wav", "b.wav", "--audacity") == (
        ["a.wav", "b.wav"], ["--run", "R", "--audacity"],
    )  # fmt: skip
    assert sound_words(["--run", "R", "--fold", "all"]) == ["--run", "R", "--fold", "all"]


def test_the_number_of_channels_decides_the_format_unless_it_is_named(tmp_path):
    for channels in (1, 2, 4, 6):
        soundfile.write(tmp_path / f"{channels}.wav", np.zeros((RATE, channels)), RATE)
    guessed = {channels: format_of(tmp_path / f"{channels}.wav") for channels in (1, 2, 4)}
    assert guessed == {1: "mono", 2: "stereo", 4: "foa"}
    assert format_of(tmp_path / "6.wav", channels=[1, 2, 3, 4]) == "foa"
    assert format_of(tmp_path / "4.wav", "mic") == "mic"
    with pytest.raises(BadInput, match=r"6\.wav: 6 channels; choose those to take, .*--channels 1,2,3,4"):
        format_of(tmp_path / "6.wav")


def test_weights_are_chosen_by_their_cards(monkeypatch, tmp_path):
    cards = avseld.weights.shipped()
    one = cards["locator_foa"]
    assert weights_for(tmp_path, "foa").default
    beside = {
        "other": avseld.weights.Card(**{**vars(one), "name": "other", "format": "circular", "default": False})
    }
    monkeypatch.setattr("avseld.weights.shipped", lambda: cards | beside)
    assert weights_for(tmp_path, "circular").name == "other"
    monkeypatch.undo()
    with pytest.raises(
        BadInput, match=r"no weights for circular recordings come with the package, but for foa .*locator_foa"
    ):
        weights_for(tmp_path / "x.wav", "circular")


@pytest.fixture(scope="module")
def both_formats(tmp_path_factory):
    """The same scenes as first-order ambisonics and as the four capsules of the array."""
    raw = tmp_path_factory.mktemp("formats")
    synth(
        raw, recordings=2, seconds=3.0, formats="foa,mic", preset="easy,noisy", train_rooms=1, test_rooms=1,
        seed=5, video="none", jobs=1,
    )  # fmt: skip
    return raw


def test_four_capsules_are_told_from_ambisonics(both_formats, shared):
    for path in both_formats.glob("*_dev/*/*.wav"):
        assert looks_like_capsules(path) == (path.parts[-3] == "mic_dev"), path
    for path in shared("data/starss22_foa_excerpt").rglob("*.wav"):
        assert not looks_like_capsules(path)


@pytest.mark.parametrize("place", [(0, 0), (45, 35.26), (60, 20), (-135, -35), (90, 80)])
def test_one_wave_that_arrives_from_anywhere_is_not_taken_for_four_capsules(tmp_path, place):
    x, y, z = unit_vector(*place)
    wave = np.random.default_rng(0).normal(0, 0.1, 2 * RATE)
    soundfile.write(tmp_path / "wave.wav", wave[:, None] * np.array([1, y, z, x]) + 1e-4, RATE)
    assert not looks_like_capsules(tmp_path / "wave.wav")


def test_noise_alone_and_silence_look_like_what_they_are(tmp_path):
    for name in ("foa", "mic"):
        noise = diffuse_noise(3 * RATE, receiver_format(name), np.random.default_rng(0))
        soundfile.write(tmp_path / f"{name}.wav", noise.T / np.abs(noise).max(), RATE)
        assert looks_like_capsules(tmp_path / f"{name}.wav") == (name == "mic")
    soundfile.write(tmp_path / "silence.wav", np.zeros((RATE, 4)), RATE)
    assert not looks_like_capsules(tmp_path / "silence.wav")


def test_the_command_alone_says_what_it_takes_the_recording_for_and_prints_what_was_heard(
    both_formats, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    path = sorted(both_formats.glob("mic_dev/*/*.wav"))[0]
    main(["predict", str(path), "--threshold", "0.3"])
    out, err = capsys.readouterr()
    assert "4 channels, taken as foa" in err and "a guess by their number, else give --format mic" in err
    assert "weights locator_foa, as the recording is foa" in err
    assert "looks like four capsules rather than first-order ambisonics" in err
    assert f"predictions/{path.stem}.csv and predictions/{path.stem}.events.csv" in err
    first, header, *rows = out.splitlines()
    assert first.startswith(f"{path.name}: {len(rows)} events in 3.0 s: sound {len(rows)}")
    assert header.split() == ["start", "end", "class", "azimuth", "elevation"]
    assert all(re.fullmatch(r" *\d+\.\d +\d+\.\d  sound +-?\d+° +-?\d+°", row) for row in rows)
    assert (
        len(rows) == len((tmp_path / "predictions" / f"{path.stem}.events.csv").read_text().splitlines()) - 1
    )


def test_the_example_is_a_small_video_whose_sounds_are_found_where_its_labels_say(example_events):
    assert sum(path.stat().st_size for path in EXAMPLE.parent.iterdir()) < 1_000_000
    assert sound_files([EXAMPLE.with_name("example").relative_to(EXAMPLE.parent)]) == [EXAMPLE]
    reference = read_events(EXAMPLE.with_name("example.labels.csv"))
    found = unit_vector(example_events.azimuth, example_events.elevation)
    hits = 0
    for row in range(len(reference)):
        here = np.abs(example_events.onset - reference.onset[row]) < 0.01
        angles = angle_between(found[here], unit_vector(reference.azimuth[row], reference.elevation[row]))
        hits += bool((angles < 20).any())
    assert hits > 0.7 * len(reference)


def test_other_channel_orders_are_put_right(locator, tmp_path):
    waveform, rate = read_sound(EXAMPLE)
    waveform = waveform[:, : 2 * rate]
    soundfile.write(tmp_path / "fuma.wav", waveform[[0, 3, 1, 2]].T, rate, subtype="FLOAT")  # W X Y Z
    expected = locator.predict(waveform, sample_rate=rate)
    assert len(expected) and locator.predict(tmp_path / "fuma.wav", channels=[1, 3, 4, 2]) == expected


def rows_of_two_sounds(seconds):
    """Rows of a sound that lasts and of short ones beside it, in frames of 100 ms."""
    onset = np.arange(round(10 * seconds)) / 10
    lasting = Events(
        onset, onset + 0.1, *np.array([[1, 0]] * len(onset)).T, onset, *np.zeros((2, len(onset)))
    )
    short = lasting.select((onset * 10).astype(int) % 7 < 4)
    shifted = Events(short.onset, short.offset, 0 * short.label, short.source, -90 + short.azimuth, short.elevation,
                     short.distance)  # fmt: skip
    return concatenate([lasting, shifted]).sorted()


def test_events_joined_stretch_by_stretch_are_those_of_the_whole_in_its_order(tmp_path, locator):
    events = rows_of_two_sounds(12)
    classes = ["knock", "fan"]
    merger, parts = EventMerger(classes), []
    for start in np.arange(0, 12, 1.2):
        part = events.select((events.onset > start - 0.05) & (events.onset < start + 1.15))
        parts += merger.add(part, start + 1.2)
    joined = [*parts, *merger.close()]
    whole = listed_events(events, classes)
    assert len(whole) == 1 + 18 and [one[:3] for one in joined] == [one[:3] for one in whole]
    assert np.allclose([one[3:] for one in joined], [one[3:] for one in whole])
    ended_early = EventMerger(["knock"])
    assert ended_early.add(rows_of_two_sounds(1).select(slice(0, 1)), 1.0)


def test_events_without_elevation_are_listed_without_it_and_read_back(tmp_path):
    merger = EventMerger(["knock", "fan"], planar=True)
    ended = merger.add(rows_of_two_sounds(6), 6.0) + merger.close()
    path = tmp_path / "x.events.csv"
    path.write_text(",".join(COLUMNS) + "\n" + "".join(map(list_line, ended)))
    assert all(line.endswith(",") for line in path.read_text().splitlines()[1:])
    heard = Heard("x.wav", 6.0)
    heard.add(ended)
    assert all(line.endswith("° " + 9 * " " + "-") for line in heard.table.splitlines()[1:])
    events = sheet_events(read_sheet(path), ["knock", "fan"]).events
    assert len(events) == len(ended) and not events.elevation.any()
    assert events.azimuth == pytest.approx([one.azimuth for one in ended], abs=0.06)


def test_what_is_held_while_a_recording_is_predicted_does_not_grow_with_its_length(locator, tmp_path):
    sizes = []
    with PredictionFiles(tmp_path / "x.csv", locator.system, ["knock", "fan"], True, True) as files:
        heard = Heard("x.wav", 600.0)
        events = rows_of_two_sounds(7.0)
        for number in range(90):
            later = replace(events, onset=events.onset + 7.0 * number, offset=events.offset + 7.0 * number)
            later = later.select((later.label == 0) | (later.onset % 70 < 60))
            heard.add(files.add(later, 7.0 * (number + 1)))
            sizes.append(len(pickle.dumps((files._merger, files._rows, heard))))
    assert max(sizes[60:]) < 1.1 * max(sizes[20:60])


def test_files_written_stretch_by_stretch_have_the_bytes_of_those_written_at_once(
    tmp_path, locator, example_events
):
    system = locator.system
    job = SoundJob(EXAMPLE, tmp_path / "x.csv", audacity=True)
    heard = predict_sound(locator, job)
    write_prediction(tmp_path / "once.csv", example_events, system)
    write_event_list(tmp_path / "once.events.csv", example_events, locator.classes)
    assert (tmp_path / "x.csv").read_bytes() == (tmp_path / "once.csv").read_bytes()
    assert (tmp_path / "x.events.csv").read_bytes() == (tmp_path / "once.events.csv").read_bytes()
    assert heard.counts["sound"] == len((tmp_path / "x.txt").read_text().splitlines())
    assert [path.name for path in job.files] == ["x.csv", "x.events.csv", "x.txt"]


def test_nothing_is_written_where_a_prediction_fails(tmp_path, locator):
    with (
        pytest.raises(RuntimeError, match="half way"),
        PredictionFiles(tmp_path / "x.csv", locator.system, ["knock", "fan"], True, True) as files,
    ):
        files.add(rows_of_two_sounds(2).select(slice(0, 3)), 1.2)
        raise RuntimeError("half way")
    assert not list(tmp_path.iterdir())


def test_the_table_shows_the_longest_events_in_the_order_of_time():
    heard = Heard("x.wav", 100.0)
    heard.add([ListedEvent("bell", float(k), k + 0.1 * (k + 1), 10.0 * k - 180, np.nan) for k in range(30)])
    rows = heard.table.splitlines()[1:]
    assert [float(row.split()[0]) for row in rows] == list(range(10, 30))
    assert rows[8].split() == ["18.0", "19.9", "bell", "0°", "-"]
    assert heard.line == "x.wav: 30 events in 100.0 s: bell 30"


def test_the_picture_of_a_video_is_used_where_the_weights_see_and_only_there(monkeypatch, tmp_path, caplog):
    seen = []

    def stretches(self, audio, video=None, **options):
        seen.append(video)
        return iter(())

    monkeypatch.setattr(predictor.Predictor, "stretches", stretches)
    caplog.set_level("INFO")
    for run, control in (
        ("av_foa_generated", "aligned"),
        ("av_foa_generated", "blank"),
        ("locator_foa", "aligned"),
    ):
        predict(run, audio=[EXAMPLE], out=tmp_path / "x.csv", control=control)
    assert seen == [EXAMPLE, None, None]
    assert caplog.text.count("sound and picture are used") == 1
    assert caplog.text.count("the picture is not used, these weights take sound only") == 1
    with pytest.raises(BadInput, match=r"--control shuffled: needs the recordings of a prepared folder"):
        predict("locator_foa", audio=[EXAMPLE], control="shuffled")
    with pytest.raises(BadInput, match=r"--format mic, but locator_foa takes foa recordings"):
        predict("locator_foa", audio=[EXAMPLE], format="mic")


def test_view_writes_a_page_with_sound_and_picture_and_opens_it(monkeypatch, tmp_path):
    opened = []
    monkeypatch.setattr(webbrowser, "open", lambda address: opened.append(address) or True)
    predict(audio="example", out=tmp_path / "example.csv", view=True)
    assert opened == [(tmp_path / "example.html").resolve().as_uri()]
    page = (tmp_path / "example.html").read_text()
    assert "data:audio/mpeg" in page and "data:image/jpeg" in page and '"prediction":{' in page


def test_view_and_plot_find_the_picture_beside_the_sound(tmp_path):
    (tmp_path / "classes.txt").write_text("sound\n")
    words = ["--audio", str(EXAMPLE), "--classes", str(tmp_path / "classes.txt")]
    main(["view", *words, "--out", str(tmp_path / "page.html"), "--seconds", "1"])
    assert "data:image/jpeg" in (tmp_path / "page.html").read_text()
    main(["plot", *words, "--out", str(tmp_path / "film.mp4"), "--stop", "0.3", "--width", "320"])
    assert video_info(tmp_path / "film.mp4").width == 320 and sound_info(tmp_path / "film.mp4").channels == 2


def test_long_recordings_show_progress(monkeypatch, tmp_path, locator):
    bars = []

    class Bar(sounds.tqdm):
        def __init__(self, *arguments, **options):
            bars.append((options["total"], options["disable"]))
            super().__init__(*arguments, **options | {"disable": True})

    monkeypatch.setattr(sounds, "tqdm", Bar)
    for seconds in (1, 130):
        soundfile.write(tmp_path / "x.wav", np.zeros((seconds * RATE, 4)), RATE)
        monkeypatch.setattr(locator, "stretches", lambda *arguments, **options: iter([]))
        predict_sound(locator, SoundJob(tmp_path / "x.wav", tmp_path / "x.csv"))
    assert bars == [(1, True), (130, None)]
