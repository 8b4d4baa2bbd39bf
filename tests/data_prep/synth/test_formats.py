"""Recording formats: array on a rigid sphere, binaural, stereo, ambisonics."""

import logging
import sys

import h5py
import numpy as np
import pytest
from scipy.signal import csd, welch

from avseld.base.errors import BadInput
from avseld.base.physics import TETRAHEDRON_DEG
from avseld.base.sphere import on_sphere
from avseld.directions.eigenmike import TETRAHEDRON, capsule_positions
from avseld.io.geometry import unit_vector
from data_prep.media.head_responses import read_sofa
from data_prep.synth.acoustics.formats import RECEIVER_FORMATS, receiver_format
from data_prep.synth.acoustics.render import diffuse_noise, render
from data_prep.synth.acoustics.rooms import Room, draw_room, impulse_responses
from data_prep.synth.presets import get_preset
from data_prep.synth.scene import draw_scene
from data_prep.synth.sounds.classes import SAMPLE_RATE
from data_prep.synth.sounds.events import dry_sound

FREE_FIELD = Room(0, (20.0, 20.0, 10.0), (10.0, 10.0, 5.0), 0.0, 0)
SOFA = "data/hrtf/UniS_Anechoic_BRIR_48k.sofa"


def free_field_response(azimuth: float, elevation: float, name: str, sofa: str | None = None) -> np.ndarray:
    """Compute the free-field response (channel, sample) to a source at 2 m."""
    place = 2.0 * unit_vector(azimuth, elevation)[None]
    return impulse_responses(FREE_FIELD, place, receiver_format(name, sofa), np.random.default_rng(0))[0]


def test_a_rigid_sphere_has_the_known_phase_at_low_and_gain_at_high_frequencies():
    frequency = np.array([50.0, 200.0])
    front, side, back = on_sphere(np.array([1.0, 0.0, -1.0]), frequency, 0.042)
    lead = np.angle(front) / (2 * np.pi * frequency)
    assert np.allclose(lead, 1.5 * 0.042 / 343, rtol=0.015)
    assert np.allclose(np.angle(back), -np.angle(front), atol=5e-3) and np.abs(side).max() < 1.002
    bright = on_sphere(np.array([1.0, -1.0]), np.array([12000.0]), 0.042)
    assert abs(bright[0, 0]) == pytest.approx(2, abs=0.1)  # pressure doubles at a rigid surface


@pytest.mark.parametrize(("azimuth", "elevation"), [(30, 10), (-120, -25), (175, 40)])
def test_array_responses_equal_the_rigid_sphere_formula(azimuth, elevation):
    spectrum = np.fft.rfft(free_field_response(azimuth, elevation, "mic"), 8192)
    frequency = np.fft.rfftfreq(8192, 1 / SAMPLE_RATE)
    used = (frequency > 100) & (frequency < 9000)
    capsules = unit_vector(*np.array(TETRAHEDRON_DEG, float).T)
    cosine = capsules @ unit_vector(azimuth, elevation)
    reference = on_sphere(cosine, frequency[used], 0.042)
    between = spectrum[1:, used] / spectrum[0, used] / (reference[1:] / reference[0])
    assert np.abs(20 * np.log10(np.abs(between))).max() < 0.3
    assert np.degrees(np.abs(np.angle(between))).max() < 3


def test_four_capsules_of_the_rigid_eigenmike_receive_what_the_array_of_starss23_receives():
    eigenmike = free_field_response(30.0, 10.0, "eigenmike_rigid")
    assert np.allclose(eigenmike[list(TETRAHEDRON)], free_field_response(30.0, 10.0, "mic"), atol=1e-5)


def test_capsules_of_the_open_eigenmike_receive_one_pressure_at_their_own_times():
    spectrum = np.fft.rfft(free_field_response(-120.0, -25.0, "eigenmike"), 8192)
    frequency = np.fft.rfftfreq(8192, 1 / SAMPLE_RATE)
    used = (frequency > 100) & (frequency < 5000)
    assert np.ptp(20 * np.log10(np.abs(spectrum[:, used])), axis=0).max() < 0.1
    expected = capsule_positions() @ unit_vector(-120.0, -25.0) / 343.0
    phase = np.angle(spectrum[:, used] * spectrum[:1, used].conj())
    delays = np.exp(2j * np.pi * np.outer(expected - expected[0], frequency[used]))
    assert np.abs(np.angle(np.exp(1j * phase) / delays)).max() < 0.02


@pytest.mark.parametrize("measured", [False, True])
def test_a_source_on_the_left_is_louder_and_earlier_in_the_first_binaural_channel(shared, measured):
    sofa = str(shared(SOFA)) if measured else None
    left, right = free_field_response(85.0, 0.0, "binaural", sofa)
    assert np.square(left).sum() > 2 * np.square(right).sum()
    arrival = [np.flatnonzero(np.abs(ear) > 0.2 * np.abs(ear).max())[0] for ear in (left, right)]
    assert 8 <= arrival[1] - arrival[0] <= 22  # 0.3 to 0.9 ms
    mirrored = free_field_response(-85.0, 0.0, "binaural", sofa)
    assert np.square(mirrored[1]).sum() > 2 * np.square(mirrored[0]).sum()


def test_stereo_is_the_sum_and_difference_of_w_and_y():
    room = draw_room(1, (0.2, 0.3), np.random.default_rng(1))
    scene = draw_scene(room, 5.0, get_preset("easy"), np.random.default_rng(2))
    foa = render(scene, RECEIVER_FORMATS["foa"], dry_sound, np.random.SeedSequence(3)).mix
    stereo = render(scene, RECEIVER_FORMATS["stereo"], dry_sound, np.random.SeedSequence(3)).mix
    assert np.allclose(stereo, [(foa[0] + foa[1]) / 2, (foa[0] - foa[1]) / 2], atol=1e-6)


def test_all_formats_hold_the_same_events_at_the_same_times():
    room = draw_room(1, (0.2, 0.3), np.random.default_rng(1))
    scene = draw_scene(room, 6.0, get_preset("easy"), np.random.default_rng(2))
    made = {
        name: render(scene, RECEIVER_FORMATS[name], dry_sound, np.random.SeedSequence(3))
        for name in RECEIVER_FORMATS
        if name != "eigenmike_rigid"  # takes seconds, and differs from eigenmike in its responses alone
    }
    envelopes = {}
    for name, one in made.items():
        assert np.array_equal(one.labels.azimuth, made["foa"].labels.azimuth)
        assert np.array_equal(one.labels.onset, made["foa"].labels.onset)
        power = np.square(one.events).mean(axis=0)
        envelopes[name] = np.log(power[: len(power) // 2400 * 2400].reshape(-1, 2400).mean(axis=1) + 1e-9)
    for name, envelope in envelopes.items():
        assert np.corrcoef(envelope, envelopes["foa"])[0, 1] > 0.95, name


def test_reverberation_time_is_the_same_in_mic_and_foa():
    room = draw_room(4, (0.4, 0.5), np.random.default_rng(4))
    place = 1.5 * unit_vector(20.0, 0.0)[None]
    point = impulse_responses(room, place, RECEIVER_FORMATS["foa"], np.random.default_rng(0))[0, 0]
    sphere = impulse_responses(room, place, RECEIVER_FORMATS["mic"], np.random.default_rng(0))[0]
    assert point.shape[0] == sphere.shape[1]

    def decay(response: np.ndarray) -> float:
        energy = np.cumsum(np.square(response)[::-1])[::-1]
        level = 10 * np.log10(energy / energy[0])
        return (np.argmax(level < -25) - np.argmax(level < -5)) / SAMPLE_RATE

    assert decay(sphere[1]) == pytest.approx(decay(point), rel=0.35)


def test_ambient_noise_has_the_coherence_of_a_diffuse_field_on_the_array():
    noise = diffuse_noise(40 * SAMPLE_RATE, RECEIVER_FORMATS["mic"], np.random.default_rng(0))
    frequency, cross = csd(noise[0], noise[1], SAMPLE_RATE, nperseg=512)
    _, one = welch(noise[0], SAMPLE_RATE, nperseg=512)
    _, other = welch(noise[1], SAMPLE_RATE, nperseg=512)
    coherence = cross.real / np.sqrt(one * other)
    random = np.random.default_rng(1).normal(size=(4000, 3))
    directions = random / np.linalg.norm(random, axis=1, keepdims=True)
    capsules = unit_vector(*np.array(TETRAHEDRON_DEG[:2], float).T)
    waves = [on_sphere(directions @ capsule, frequency[1:], 0.042) for capsule in capsules]
    reference = (waves[0] * waves[1].conj()).mean(axis=0).real
    reference /= np.sqrt(np.square(np.abs(waves[0])).mean(axis=0) * np.square(np.abs(waves[1])).mean(axis=0))
    assert np.abs(coherence[2:200] - reference[1:199]).max() < 0.08
    assert coherence[4] > 0.9 and abs(coherence[120:200]).max() < 0.2


def test_a_sofa_file_without_two_receivers_is_refused(tmp_path, shared):
    text = tmp_path / "x.sofa"
    text.write_text("no sofa")
    with pytest.raises(BadInput, match=r"x\.sofa: no readable SOFA file"):
        read_sofa(text, SAMPLE_RATE)
    with h5py.File(tmp_path / "one.sofa", "w") as file:
        file["Data.IR"], file["Data.SamplingRate"] = np.zeros((3, 1, 8)), [48000.0]
        file["SourcePosition"] = np.zeros((3, 3))
    with pytest.raises(BadInput, match="are not those of two ears"):
        read_sofa(tmp_path / "one.sofa", SAMPLE_RATE)
    with pytest.raises(BadInput, match="not found"):
        receiver_format("binaural", str(tmp_path / "absent.sofa"))


def test_a_sofa_file_with_clockwise_azimuths_is_mirrored_with_a_warning(shared, caplog):
    logging.getLogger("avseld").propagate = logging.getLogger("data_prep").propagate = True
    head = read_sofa(shared(SOFA), SAMPLE_RATE)
    assert "mirrored" in caplog.text
    level = np.square(head.responses).sum(axis=-1)
    leftmost, rightmost = head.directions[:, 1].argmax(), head.directions[:, 1].argmin()
    assert level[leftmost, 0] > 4 * level[leftmost, 1] and level[rightmost, 1] > 4 * level[rightmost, 0]
    assert head.responses.shape[:2] == (37, 2) and abs(len(head.responses[0, 0]) - 591 / 2) < 2


def test_an_unknown_format_is_refused():
    with pytest.raises(BadInput, match="no format 'quad'; choose from foa, mic, binaural, stereo"):
        receiver_format("quad")


def sofa_file(path, kind="spherical", units="degree, degree, metre", right_first=False, radians=False):
    """Write head responses of eight directions in the horizontal plane, the near ear louder."""
    azimuth = np.arange(8) * 45.0
    left, right = (1 + np.sin(np.radians(sign * azimuth)) / 2 for sign in (1, -1))
    responses = np.zeros((8, 2, 16))
    responses[:, :, 3] = np.stack([right, left] if right_first else [left, right], axis=1)
    position = np.stack([np.radians(azimuth) if radians else azimuth, 0 * azimuth, 0 * azimuth + 1.5], axis=1)
    if kind == "cartesian":
        position = 1.5 * unit_vector(azimuth, 0 * azimuth)
    with h5py.File(path, "w") as file:
        file["Data.IR"], file["Data.SamplingRate"] = responses, [float(SAMPLE_RATE)]
        file["SourcePosition"], file["Data.Delay"] = position, np.zeros((1, 2))
        ears = np.array([[0, 0.09, 0], [0, -0.09, 0]])
        file["ReceiverPosition"] = ears[::-1] if right_first else ears
        if kind:
            file["SourcePosition"].attrs["Type"] = FORMS[0](kind)
        if units:
            file["SourcePosition"].attrs["Units"] = units
    return path


FORMS = (
    str,
    str.encode,
    lambda text: np.array([text], h5py.string_dtype()),
    lambda text: np.array([text.encode()]),
    lambda text: np.bytes_(text + "\0"),
    lambda text: np.array([[text.title()]], h5py.string_dtype()),
    lambda text: np.array(list(text.encode()), "u1").view("S1"),
)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", ["spherical", "cartesian"])
def test_every_form_of_a_text_attribute_of_a_sofa_file_is_read(tmp_path, caplog, monkeypatch, form, kind):
    monkeypatch.setattr(sys.modules[__name__], "FORMS", (form,))
    head = read_sofa(sofa_file(tmp_path / "x.sofa", kind), SAMPLE_RATE)
    assert not caplog.text
    np.testing.assert_allclose(head.directions, unit_vector(np.arange(8) * 45.0, np.zeros(8)), atol=1e-12)


def test_ears_radians_and_missing_types_of_a_sofa_file_are_taken_as_it_says(tmp_path, caplog):
    plain = read_sofa(sofa_file(tmp_path / "a.sofa"), SAMPLE_RATE)
    for options in (
        {"right_first": True},
        {"units": "radian, radian, metre", "radians": True},
        {"kind": ""},
    ):
        head = read_sofa(sofa_file(tmp_path / "b.sofa", **options), SAMPLE_RATE)
        np.testing.assert_allclose(head.directions, plain.directions, atol=1e-12)
        np.testing.assert_array_equal(head.responses, plain.responses)
    assert "no Type" in caplog.text and "mirrored" not in caplog.text


@pytest.mark.parametrize("options", [{"kind": "interaural"}, {"kind": "", "units": ""}])
def test_unknown_types_of_positions_in_a_sofa_file_are_refused(tmp_path, options):
    with pytest.raises(BadInput, match=r"x\.sofa: SourcePosition .* spherical or cartesian"):
        read_sofa(sofa_file(tmp_path / "x.sofa", **options), SAMPLE_RATE)
