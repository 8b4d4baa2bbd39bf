"""Calibration from a microphone: prompts, a level, and another try where nothing is heard."""

import io

import numpy as np
import pytest
from clapped_rooms import PLACES, RATE, Cardioids, claps, recording, responses
from scipy.signal import fftconvolve
from sound_card import Card, sounddevice_of

from avseld.__main__ import main
from avseld.base.errors import BadInput
from avseld.calibration import live
from avseld.calibration.calibrate import calibrate
from avseld.io.array_file import read_array
from avseld.streaming import devices, sources

SECONDS = 2.0


def session(heard, receiver=None, noise_db=-60.0):
    """Return what a card hears, (sample, channel), when somebody claps in these places as told; None is nobody."""
    random = np.random.default_rng(0)
    parts = []
    for place in heard:
        parts.append(np.zeros((4, live.COUNTDOWN_S * RATE)))
        part = np.zeros((4, round(SECONDS * RATE)))
        if place is not None:
            response = responses(PLACES, receiver, 0.2)[PLACES.index(place)]
            wet = fftconvolve(response, claps(random, 2)[None], axes=-1)[:, : part.shape[1] - 4800]
            part[:, 4800 : 4800 + wet.shape[1]] += wet
        parts.append(part)
    whole = np.concatenate(parts, axis=1)
    whole = 0.5 * whole / max(np.abs(whole).max(), 1.0)
    return (whole + random.normal(size=whole.shape) * 0.5 * 10 ** (noise_db / 20)).T.astype(np.float32)


@pytest.fixture
def plugged(monkeypatch):
    """Plug in a card that gives its next block when the last one was taken."""

    def plug(*cards):
        rings = []

        class Ring(live.Ring):
            def __init__(self, *arguments):
                super().__init__(*arguments)
                rings.append(self)

        for card in cards:
            card.taken = lambda: not rings or rings[-1].waiting < RATE
        module = sounddevice_of(*cards)
        for room in (devices, sources):
            monkeypatch.setattr(room, "load_sounddevice", lambda: module)
        monkeypatch.setattr(live, "Ring", Ring)

    return plug


def card(waveform, **options):
    return Card(waveform, block=2400, rates=(RATE,), **options)


def test_somebody_who_claps_as_told_gets_an_array_file_and_the_recordings(plugged, tmp_path, capsys):
    device = card(session(PLACES)[:, [0, 3, 1, 2]])
    plugged(device)
    words = [
        "calibrate",
        "--input",
        "microphone",
        "--seconds",
        str(SECONDS),
        "--out",
        str(tmp_path / "live.yaml"),
    ]
    main([*words, "--record", str(tmp_path / "kept")])
    setup = read_array(tmp_path / "live.yaml")
    assert setup.format == "foa" and setup.channels == (1, 3, 4, 2) and abs(setup.yaw) < 4
    assert device.opened["channels"] == 4 and device.opened["samplerate"] == RATE
    said = capsys.readouterr().err
    for place in PLACES:
        assert f"{place}: stand {live.WHERE[place]}" in said and f"{place}: heard 2 sounds" in said
    assert said.index("front: clap now") < said.index("left: stand") < said.index("above: clap now")
    calibrate([tmp_path / "kept" / f"{place}.wav" for place in PLACES], tmp_path / "again.yaml")
    assert read_array(tmp_path / "again.yaml") == setup


def test_all_channels_of_a_device_are_listened_to(plugged, tmp_path):
    four = session(PLACES, Cardioids())
    six = np.concatenate([0 * four[:, :1], four, 0 * four[:, :1]], axis=1)
    device = card(six, only_all=True)
    plugged(device)
    calibrate(input="microphone:0", seconds=SECONDS, out=tmp_path / "a.yaml", format="a_format")
    setup = read_array(tmp_path / "a.yaml")
    assert setup.channels == (2, 3, 4, 5) and setup.recorded == 6 == device.opened["channels"]


def test_a_place_where_nothing_is_heard_is_asked_for_again(plugged, tmp_path, capsys):
    plugged(card(session(("front", None, "left", "above"))))
    calibrate(input="microphone", seconds=SECONDS, out=tmp_path / "a.yaml")
    assert "left: nothing heard (at most -" in capsys.readouterr().err
    assert abs(read_array(tmp_path / "a.yaml").yaw) < 4


def test_nothing_is_written_if_nobody_claps(plugged, tmp_path):
    plugged(card(session((None,) * 3)))
    with pytest.raises(BadInput, match="nothing stands out of the noise from front in 3 tries; clap louder"):
        calibrate(input="microphone", seconds=SECONDS, out=tmp_path / "a.yaml")
    assert not (tmp_path / "a.yaml").exists()


def test_a_device_that_stops_is_said(plugged, tmp_path):
    plugged(card(session(PLACES), stops_after=80))
    with pytest.raises(BadInput, match="Array: gives no sound any more; is it plugged in"):
        calibrate(input="microphone", seconds=SECONDS, out=tmp_path / "a.yaml")


def test_lost_samples_are_said(plugged, tmp_path, caplog):
    heard = session(PLACES)
    device = card(heard)
    plugged(device)
    listener = live.Listener(
        sources.Microphone(devices.choose_device("", 4), RATE, 0.1, live.RunningClock()), print
    )
    listener.start()
    try:
        first = listener.hear(0.5)
        listener._ring.write(np.zeros((100, 4)), 0.0, lost=7)
        listener.hear(1.0)
    finally:
        listener.stop()
    np.testing.assert_array_equal(first, heard[:12000].T)
    assert listener.n_lost == 7


def test_a_terminal_shows_the_level():
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    shown = Terminal()
    prompts = live.Prompts(shown)
    prompts.label("front")
    for level in (-60.0, -30.0, 0.0):
        prompts.level(level)
    prompts.say("done")
    *bars, last = shown.getvalue().split("\r")[1:]
    assert (
        [bar.count("#") for bar in bars] == [0, 15, 30]
        and bars[1].startswith("front [")
        and "-30 dB" in bars[1]
    )
    assert last == "\x1b[Kdone\n"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ({}, "give --audio RECORDING, or --input microphone to listen live"),
        ({"audio": "a.wav", "input": "microphone"}, "one of the two"),
        (
            {"input": "take.wav"},
            "--input take.wav: no microphone; give microphone or microphone:ID, and recordings as",
        ),
        ({"audio": "a.wav", "record": "kept"}, "--record kept: keeps what --input hears"),
        ({"input": "microphone", "seconds": 0.1}, "--seconds 0.1: choose 1 to"),
    ],
)
def test_inputs_that_mean_nothing_are_refused(words, says):
    with pytest.raises(BadInput, match=says):
        calibrate(**words)


def test_a_card_with_two_channels_is_refused(plugged):
    plugged(card(recording()[:2].T.astype(np.float32)))
    with pytest.raises(BadInput, match="2 of 4 channels"):
        calibrate(input="microphone")
