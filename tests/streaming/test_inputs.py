"""Microphones, files and pipes, and how their samples become those of a system."""

import io
import os
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from sound_card import Card, CardClock, sounddevice_of

from avseld.base.errors import BadInput
from avseld.io.array_setup import ArraySetup
from avseld.io.resampling import open_recording
from avseld.streaming import devices, inputs, sources
from avseld.streaming.clock import RunningClock, StandingClock
from avseld.streaming.conversion import Conversion
from avseld.streaming.devices import choose_device
from avseld.streaming.inputs import channels_needed, list_devices, open_input
from avseld.streaming.ring import Ring
from avseld.streaming.sources import Microphone, RawSamples, SoundFile, decoded
from avseld.streaming.wishes import Wishes

EXAMPLE = Path(sources.__file__).parents[1] / "examples" / "example.mp4"


def noise(seconds, n_channels, rate=24000):
    random = np.random.default_rng(0)
    return (0.1 * random.normal(size=(round(seconds * rate), n_channels))).astype(np.float32)


@pytest.fixture
def plugged(monkeypatch):
    """Plug in sound cards."""

    def plug(*cards):
        module = sounddevice_of(*cards)
        for room in (devices, sources):
            monkeypatch.setattr(room, "load_sounddevice", lambda: module)
        return module

    return plug


CARDS = (
    Card(noise(0.1, 2), name="Laptop", rates=(44100, 48000)),
    Card(noise(0.1, 6), name="ReSpeaker 4 Mic Array", rates=(16000, 48000), only_all=True),
    Card(noise(0.1, 2), name="ReSpeaker 4 Mic Array", interface="MME", rates=(48000,)),
    Card(noise(0.1, 4), name="Zoom H3-VR", rates=(24000, 48000)),
    Card(noise(0.1, 4), name="Busy", rates=()),
)


def test_the_list_says_which_devices_can_serve_a_format_and_why_others_cannot(plugged):
    plugged(*CARDS)
    table = list_devices("foa", 24000, None, "locator_foa: foa")
    head, laptop, respeaker, by_mme, zoom, busy = table.splitlines()
    assert head.endswith("serves locator_foa: foa (4 channels)")
    assert "Laptop (default)" in laptop and laptop.endswith("no: 2 of 4 channels")
    assert respeaker.endswith("16 48       yes, resampled from 48000 Hz")
    assert "MME shows two of any device; take the same one by WASAPI or ASIO" in by_mme
    assert zoom.endswith("24 48       yes")
    assert busy.endswith("no: refuses 4 channels at every rate; is another program using it?")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "",
            r"microphone:0: Laptop: 2 of 4 channels; take microphone:1 \(ReSpeaker.*\) or microphone:3 \(Zoom",
        ),
        ("respeaker", r"microphone:respeaker: several devices; choose by number: 1 \(.*\), 2 \(.*, MME\)"),
        ("Rode", r"microphone:Rode: no such device; choose by number: 0 \(Laptop"),
        ("9", "microphone:9: no such device"),
        ("4", "microphone:4: Busy: refuses 4 channels at every rate"),
    ],
)
def test_a_device_that_cannot_be_used_is_refused_with_those_that_can(plugged, name, message):
    plugged(*CARDS)
    with pytest.raises(BadInput, match=message):
        choose_device(name, 4)


def test_a_device_is_chosen_by_number_name_or_a_part_of_its_name(plugged):
    plugged(*CARDS)
    assert (
        choose_device("zoom", 4).number
        == choose_device("3", 4).number
        == choose_device("Zoom H3-VR", 4).number
        == 3
    )
    assert choose_device("", 2).name == "Laptop"


def test_a_device_that_gives_all_channels_only_is_opened_with_all(plugged):
    card = CARDS[1]
    plugged(*CARDS)
    microphone = open_input(Wishes("microphone:1", channels=[2, 3, 4, 5]), "foa", 24000, CardClock(card))
    microphone.start(Ring(10_000, 6))
    microphone.stop()
    assert (
        card.opened["channels"] == 6 and card.opened["samplerate"] == 48000 and card.opened["blocksize"] == 0
    )
    assert microphone.block_s == pytest.approx(0.025)


def test_without_sounddevice_or_portaudio_one_line_says_how_to_get_them(monkeypatch):
    import builtins

    real = builtins.__import__
    for error, remedy in (
        (ModuleNotFoundError("x"), r"pip install 'avseld\[live\]'"),
        (OSError("x"), "libportaudio2"),
    ):

        def absent(name, *rest, error=error):
            if name == "sounddevice":
                raise error
            return real(name, *rest)

        monkeypatch.setattr(builtins, "__import__", absent)
        with pytest.raises(BadInput, match=remedy):
            devices.load_sounddevice()


@pytest.mark.parametrize(
    ("channels", "needed"),
    [
        (None, 4),
        ([2, 3, 4, 5], 5),
        (["W", "X", "Y", "Z"], 4),
        (["fuma"], 4),
        (ArraySetup("mic", (1, 2, 3, 6)), 6),
    ],
)
def test_an_input_needs_as_many_channels_as_the_highest_that_is_taken(channels, needed):
    assert channels_needed(channels, "foa") == needed


def waits_until(condition):
    end = time.monotonic() + 3
    while not condition() and time.monotonic() < end:
        time.sleep(0.002)
    assert condition()


def read_all(source, ring, seconds=5.0):
    """Blocks that a source writes until its end."""
    source.start(ring)
    blocks, end = [], time.monotonic() + seconds
    while not ring.ended and time.monotonic() < end:
        source.pull()
        if (block := ring.read()) is not None:
            blocks.append(block)
        elif not ring.ended:
            ring.wait(0.01)
    source.stop()
    assert ring.ended
    return blocks


@pytest.mark.parametrize("knows_time", [True, False])
def test_a_microphone_hands_on_every_block_with_the_time_at_which_it_was_heard(plugged, knows_time):
    card = Card(noise(1.0, 4), jitter=0.004 * knows_time, knows_time=knows_time, flagged=[7])
    plugged(card)
    ring = Ring(24000, 4)
    card.taken = lambda: ring.waiting == 0
    device = choose_device("", 4)
    blocks = read_all(Microphone(device, 24000, 0.02, CardClock(card)), ring)
    assert np.array_equal(np.concatenate([block.samples for block in blocks]), card.waveform)
    assert np.allclose([block.time for block in blocks], 1000 + 0.02 * np.arange(50), rtol=0, atol=1e-6)
    assert [number for number, block in enumerate(blocks) if block.overflow] == [7]


def test_a_microphone_that_is_unplugged_ends_its_ring(plugged):
    card = Card(noise(1.0, 4), stops_after=10)
    plugged(card)
    ring = Ring(24000, 4)
    card.taken = lambda: ring.waiting == 0
    source = Microphone(choose_device("", 4), 24000, 0.02, CardClock(card))
    assert len(read_all(source, ring)) == 10
    assert "is it plugged in" in str(source.error)


def test_a_microphone_that_is_closed_has_not_stopped_by_itself(plugged):
    card = Card(noise(0.2, 4), stays=True)
    plugged(card)
    ring = Ring(24000, 4)
    source = Microphone(choose_device("", 4), 24000, 0.02, CardClock(card))
    source.start(ring)
    waits_until(lambda: ring.waiting == 4800)
    source.stop()
    while ring.read():
        pass
    assert ring.ended and source.error is None


def test_a_file_on_a_standing_clock_moves_the_clock(tmp_path):
    sound = noise(1.01, 4)
    soundfile.write(tmp_path / "a.wav", sound, 24000, subtype="FLOAT")
    clock = StandingClock()
    source = SoundFile(tmp_path / "a.wav", 0.02, clock)
    blocks = read_all(source, Ring(100_000, 4))
    assert np.array_equal(np.concatenate([block.samples for block in blocks]), sound)
    assert [block.time for block in blocks] == pytest.approx(
        0.02 * np.arange(51)
    ) and clock.now() == pytest.approx(1.01)


def test_a_file_on_a_running_clock_takes_as_long_as_it_sounds(tmp_path):
    soundfile.write(tmp_path / "a.wav", noise(0.5, 1), 24000)
    begin = time.monotonic()
    blocks = read_all(SoundFile(tmp_path / "a.wav", 0.05, RunningClock()), Ring(100_000, 1))
    assert 0.5 <= time.monotonic() - begin < 2.0 and len(blocks) == 10
    assert np.diff([block.time for block in blocks]) == pytest.approx(np.full(9, 0.05))


def test_a_file_that_breaks_off_ends_with_its_error(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.full((100_000, 4), np.nan), 24000, subtype="FLOAT")
    source = SoundFile(tmp_path / "a.wav", 0.1, StandingClock())
    assert not read_all(source, Ring(1_000_000, 4)) and "samples that are not finite" in str(source.error)


@pytest.mark.parametrize(
    ("format", "subtype", "tolerance"),
    [("s16le", "PCM_16", 0), ("s24le", "PCM_24", 0), ("s32le", "PCM_32", 1e-7), ("f32le", "FLOAT", 0)],
)
def test_raw_samples_are_those_of_a_sound_file_without_its_header(format, subtype, tolerance):
    file = io.BytesIO()
    soundfile.write(file, noise(0.2, 3), 24000, subtype=subtype, format="RAW", endian="LITTLE")
    found = decoded(file.getvalue(), format, 3)
    file.seek(0)
    expected = soundfile.read(
        file, samplerate=24000, channels=3, subtype=subtype, format="RAW", endian="LITTLE", dtype="float32"
    )[0]
    assert found.dtype == np.float32 and np.abs(found - expected).max() <= tolerance


def test_a_pipe_is_read_in_pieces_of_any_length_and_its_rest_is_counted():
    sound = (noise(2.0, 2) * 32767).astype("<i2")
    read_end, write_end = os.pipe()
    source = RawSamples(os.fdopen(read_end, "rb", buffering=0), 24000, 2, "s16le", 0.02, RunningClock())
    ring = Ring(5000, 2)  # much smaller than what comes: the writer has to wait

    import threading

    def write():
        data = sound.tobytes() + b"\x01\x02\x03"
        for first in range(0, len(data), 3001):
            os.write(write_end, data[first : first + 3001])
        os.close(write_end)

    writer = threading.Thread(target=write)
    writer.start()
    blocks = read_all(source, ring)
    writer.join()
    assert np.array_equal(np.concatenate([block.samples for block in blocks]) * 32768, sound)
    assert source.rest == 3 and not any(block.lost for block in blocks)


def pipe_source(ring, data=b""):
    """Raw samples of a pipe, to which the returned end writes."""
    read_end, write_end = os.pipe()
    os.write(write_end, data)
    source = RawSamples(os.fdopen(read_end, "rb", buffering=0), 24000, 2, "s16le", 0.02, RunningClock())
    return source, write_end


def test_a_pipe_without_a_sample_and_one_that_ends_within_a_sample_are_said(caplog):
    for data, n_blocks in ((b"", 0), (bytes(403), 1)):
        ring = Ring(5000, 2)
        source, write_end = pipe_source(ring, data)
        os.close(write_end)
        assert len(read_all(source, ring)) == n_blocks
        assert (source.error is None) == (n_blocks > 0)
    assert "3 bytes at its end make no sample of 2 channels; check --pcm_format" in caplog.text


def test_what_a_pipe_holds_when_a_stream_ends_is_not_lost():
    ring = Ring(700, 2)
    source, write_end = pipe_source(ring, bytes(4 * 4000))
    source.start(ring)
    waits_until(lambda: ring.waiting == 480)
    source.stop()
    time.sleep(0.03)  # the thread that reads looks for room every 5 ms
    assert ring.lost_at_end == 0
    os.close(write_end)


def converted(path, format, rate, channels, block):
    source = SoundFile(path, block, StandingClock())
    conversion = Conversion(
        source.sample_rate, source.n_channels, format, rate, channels, source.subtype, path.name
    )
    parts = [conversion.take(one.samples) for one in read_all(source, Ring(10_000_000, source.n_channels))]
    return np.concatenate([*parts, conversion.finish()], axis=1)


@settings(max_examples=12)
@given(
    st.sampled_from([16000, 24000, 44100, 48000]),
    st.floats(0.001, 0.3),
    st.sampled_from(["PCM_16", "PCM_24", "FLOAT"]),
)
def test_a_file_that_comes_block_by_block_has_the_samples_that_prediction_reads(
    tmp_path_factory, rate, block, subtype
):
    path = tmp_path_factory.mktemp("file") / "a.wav"
    soundfile.write(path, noise(0.7, 6, rate), rate, subtype=subtype)
    channels = [2, 3, 4, 6]
    read, n_samples = open_recording(path, "foa", 24000, channels)
    assert np.array_equal(converted(path, "foa", 24000, channels, block), read(0, n_samples))


def test_the_sound_track_of_a_video_comes_as_prediction_reads_it():
    read, n_samples = open_recording(EXAMPLE, "foa", 24000, None)
    assert np.array_equal(converted(EXAMPLE, "foa", 24000, None, 0.02), read(0, n_samples))


def test_four_capsules_become_ambisonics_that_face_the_front():
    # A plane wave from the left at four cardioids that face the corners of a tetrahedron.
    setup = ArraySetup("a_format", (2, 3, 4, 5), yaw=0.0)
    sound = noise(0.1, 1)[:, 0]
    gains = (1 + setup.tetrahedron @ [0, 1, 0]) / 2
    recorded = np.c_[np.zeros(len(sound)), sound[:, None] * gains]
    conversion = Conversion(24000, 5, "foa", 24000, setup, "FLOAT", "array")
    w, y, z, x = conversion.take(recorded.astype(np.float32))
    assert np.abs(y - w).max() < 1e-5 * np.abs(w).max() and max(np.abs(x).max(), np.abs(z).max()) < 1e-5
    assert conversion.taken.tolist() == [1, 2, 3, 4]


def test_an_input_with_too_few_channels_is_refused_in_one_line():
    with pytest.raises(BadInput, match=r"array: 2 channels instead of 4 for foa; "):
        Conversion(24000, 2, "foa", 24000, None, "FLOAT", "array")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"input": "-", "simulate": True}, "--simulate: plays a file, not -"),
        ({"input": "x.wav", "clock": False}, "--clock false: is for a simulated stream"),
        ({"input": "x.wav", "pcm_rate": 48000}, "--pcm_rate 48000: describes raw samples, --input -"),
        ({"input": "-", "rate": 48000}, "--rate 48000: is that of a microphone"),
        ({"input": "-", "block": 3.0}, "--block 3: choose up to 1 second"),
        ({"input": "-", "step": -0.1}, "--step -0.1: choose 0.1 seconds or more, or auto"),
    ],
)
def test_options_that_do_not_fit_together_are_refused(options, message):
    with pytest.raises(BadInput, match=message):
        Wishes(**options).check()


def test_a_rate_that_a_device_has_not_is_refused_with_those_that_it_has(plugged):
    plugged(*CARDS)
    with pytest.raises(BadInput, match=r"--rate 44100: Zoom H3-VR offers 24000, 48000 Hz"):
        inputs.open_input(Wishes("microphone:zoom", rate=44100), "foa", 24000, RunningClock())
