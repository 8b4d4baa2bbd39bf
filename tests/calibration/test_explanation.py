"""Whatever the order, polarity and turn of an array: what explains the sounds from three places explains all others."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from avseld.base.rotation import rotation_matrix
from avseld.calibration.candidates import of_ambisonics
from avseld.calibration.fitting import fit_ambisonics, fit_capsules, fit_likeliest, fit_microphones, setup_of
from avseld.calibration.heard import BAND_HZ, Arrivals
from avseld.directions.arrays import STARSS23, FreeField, RigidSphere
from avseld.directions.bands import in_band
from avseld.io.array_setup import CAPSULES_DEG
from avseld.io.geometry import angle_between, unit_vector

RATE, N_FFT = 24000, 256
TOWARDS = np.eye(3)
"""front, left, above"""
EVERYWHERE = np.concatenate([np.eye(3), -np.eye(3), unit_vector([50, -120], [30, -40])])
ORDERS = list(permutations(range(4)))
FREQUENCY = np.fft.rfftfreq(N_FFT, 1 / RATE)[in_band(N_FFT, RATE, BAND_HZ)]
FACING = unit_vector(*np.array(CAPSULES_DEG).T)
SQUARE = ((0.023, 0.023, 0.0), (-0.023, 0.023, 0.0), (-0.023, -0.023, 0.0), (0.023, -0.023, 0.0))
"""four microphones of a ReSpeaker"""

orders = st.sampled_from(ORDERS)
signs = st.tuples(*[st.sampled_from((1, -1))] * 4)
yaws = st.floats(-180, 180)


def arrivals(received):
    """Return what is known of plane waves, whose spectra (place, channel, bin) were received without noise."""
    return [
        Arrivals(
            np.einsum("if,jf->ijf", one, one.conj()),
            RATE,
            N_FFT,
            np.ones(len(FREQUENCY)),
            np.square(np.abs(one)).sum(axis=0),
            3,
            np.full(4, 30.0),
        )
        for one in np.asarray(received, complex)
    ]


def flat(levels):
    """Give channels (place, channel) that level at all frequencies."""
    return np.repeat(np.asarray(levels)[..., None], len(FREQUENCY), axis=-1)


def recorded(channels, order, polarity):
    """Record channels (place, channel, ...) of a format so that order[k] is channel k of it."""
    mixed = np.empty_like(channels)
    for place, (channel, sign) in enumerate(zip(order, polarity, strict=True)):
        mixed[:, channel] = sign * channels[:, place]
    return mixed


def ambisonics(directions, yaw=0.0, pitch=0.0, roll=0.0):
    """Return W Y Z X (place, channel) of plane waves from directions in the room."""
    heard = directions @ rotation_matrix(yaw, pitch, roll)
    return np.concatenate([np.ones((len(heard), 1)), heard[:, [1, 2, 0]]], axis=1)


def capsules(directions, yaw=0.0):
    """Return four cardioids (place, channel)."""
    return 0.5 * (1 + directions @ rotation_matrix(yaw) @ FACING.T)


def described(fit, positions=None):
    return setup_of(fit, fit.best, (1, 2, 3, 4), positions)


def heard_with(setup, channels):
    """Return where plane waves are heard in four channels (place, channel) that a setup makes ambisonics of."""
    wyzx = setup.channel_map(4, "here").take(channels.T).T
    return wyzx[:, [3, 1, 2]] * np.sign(wyzx[:, :1])


@settings(max_examples=60, deadline=None, derandomize=True)
@given(orders, signs, yaws)
def test_ambisonics_in_any_order_mirrored_and_turned_are_put_right(order, polarity, yaw):
    fit = fit_ambisonics(arrivals(flat(recorded(ambisonics(TOWARDS, yaw), order, polarity))), TOWARDS)
    setup = described(fit)
    everywhere = recorded(ambisonics(EVERYWHERE, yaw), order, polarity)
    assert angle_between(heard_with(setup, everywhere), EVERYWHERE).max() < 0.2


@pytest.mark.parametrize("order", ORDERS)
def test_all_24_orders_of_ambisonics_that_face_the_front_are_named(order):
    fit = fit_ambisonics(arrivals(flat(recorded(ambisonics(TOWARDS), order, (1, 1, 1, 1)))), TOWARDS)
    setup = described(fit)
    assert setup.channels == tuple(channel + 1 for channel in order)
    assert setup.polarity == (1, 1, 1, 1) and setup.mirrored == () and abs(setup.yaw) < 0.1


@settings(max_examples=40, deadline=None, derandomize=True)
@given(orders, signs, yaws)
def test_four_capsules_in_any_order_inverted_and_turned_are_put_right(order, polarity, yaw):
    fit = fit_capsules(arrivals(flat(recorded(capsules(TOWARDS, yaw), order, polarity))), TOWARDS)
    setup = described(fit)
    everywhere = recorded(capsules(EVERYWHERE, yaw), order, polarity)
    assert angle_between(heard_with(setup, everywhere), EVERYWHERE).max() < 0.5


def places_of(setup, positions):
    """Return where a setup says that each channel's microphone is in the room, (channel, 3)."""
    said = np.empty((4, 3))
    said[np.array(setup.channels) - 1] = np.asarray(positions) @ setup.rotation.T
    return said


def microphones(array, positions, order, polarity, yaw):
    """Return spectra of plane waves in microphones, and where each channel's microphone is in the room."""
    turn = rotation_matrix(yaw)
    received = recorded(array.responses(TOWARDS @ turn, FREQUENCY), order, polarity)
    there = np.empty((4, 3))
    there[list(order)] = np.asarray(positions) @ turn.T
    return received, there


def relative(setup):
    """Return the polarity of each channel of the recording relative to the first."""
    by_channel = np.empty(4)
    by_channel[np.array(setup.channels) - 1] = setup.polarity
    return by_channel * by_channel[0]


@settings(max_examples=16, deadline=None, derandomize=True)
@given(orders, signs, yaws)
def test_microphones_of_a_tetrahedron_in_any_order_are_where_they_are_said_to_be(order, polarity, yaw):
    received, there = microphones(STARSS23, STARSS23.facing, order, polarity, yaw)
    setup = described(fit_microphones(arrivals(received), TOWARDS))
    assert angle_between(places_of(setup, STARSS23.facing), there).max() < 4
    inverted = np.array([polarity[order.index(channel)] for channel in range(4)])
    assert relative(setup).tolist() == (inverted * inverted[0]).tolist()


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (1, 2, 0, 3), (3, 2, 1, 0), (0, 3, 1, 2)])
def test_microphones_at_given_positions_are_where_they_are_said_to_be(order):
    received, there = microphones(FreeField(SQUARE), SQUARE, order, (1, 1, -1, 1), 25.0)
    setup = described(fit_microphones(arrivals(received), TOWARDS, SQUARE), SQUARE)
    assert angle_between(places_of(setup, SQUARE), there).max() < 4
    assert setup.positions == SQUARE


def test_a_small_tetrahedron_is_noticed():
    received, _ = microphones(RigidSphere(radius=0.02), STARSS23.facing, (0, 1, 2, 3), (1, 1, 1, 1), 0.0)
    fit = fit_microphones(arrivals(received), TOWARDS)
    assert fit.microphones == RigidSphere(radius=0.02)


def test_a_turn_explains_exchanged_channels_and_two_equal_explanations_give_the_same():
    """X and Y exchanged, with Y inverted, are an array turned by 90 degrees; reversed microphones one by 180."""
    w, y, z, x = ambisonics(TOWARDS).T
    setup = described(fit_ambisonics(arrivals(flat(np.stack([w, x, z, -y], axis=1))), TOWARDS))
    assert setup.channels == (1, 2, 3, 4) and setup.mirrored == () and abs(abs(setup.yaw) - 90) < 0.1
    received, _ = microphones(STARSS23, STARSS23.facing, (3, 2, 1, 0), (1, 1, 1, 1), 0.0)
    setup = described(fit_microphones(arrivals(received), TOWARDS))
    assert setup.channels == (1, 2, 3, 4) and abs(abs(setup.yaw) - 180) < 3


@pytest.mark.parametrize(("axis", "place"), [("y", 1), ("x", 3), ("z", 2)])
def test_one_inverted_channel_of_ambisonics_is_a_mirrored_axis(axis, place):
    channels = ambisonics(TOWARDS)
    channels[:, place] *= -1
    setup = described(fit_ambisonics(arrivals(flat(channels)), TOWARDS))
    assert setup.mirrored == (axis,) and setup.polarity == (1, 1, 1, 1) and abs(setup.yaw) < 0.1


def test_an_inverted_w_is_one_inverted_channel():
    channels = ambisonics(TOWARDS) * [-1, 1, 1, 1]
    setup = described(fit_ambisonics(arrivals(flat(channels)), TOWARDS))
    assert setup.polarity == (-1, 1, 1, 1) and setup.mirrored == ()


@pytest.mark.parametrize(
    ("gains", "expected"),
    [
        ((1, 1, 1, 1), (1, 1, 1, 1)), ((1, 3**0.5, 3**0.5, 3**0.5), (1, 0.577, 0.577, 0.577)),
        ((0.5**0.5, 1, 1, 1), (1.414, 1, 1, 1)), ((1, 1, 0.3, 1), (1, 1, 3.333, 1)),
    ],
)  # fmt: skip
def test_conventions_and_weak_channels_are_brought_to_sn3d(gains, expected):
    for yaw in (0.0, 50.0):
        received = ambisonics(TOWARDS, yaw) * gains
        setup = described(fit_ambisonics(arrivals(flat(received)), TOWARDS))
        assert setup.gains == pytest.approx(expected, abs=2e-3)
        assert abs(setup.yaw - yaw) < 0.5


def test_a_tilted_array_is_told_from_arms_that_do_not_point_exactly():
    setup = described(fit_ambisonics(arrivals(flat(ambisonics(TOWARDS, 20, 30))), TOWARDS))
    assert (setup.yaw, setup.pitch, setup.roll) == pytest.approx((20, 30, 0), abs=0.2)
    setup = described(fit_ambisonics(arrivals(flat(ambisonics(TOWARDS, 20, 8))), TOWARDS))
    assert setup.yaw == pytest.approx(20, abs=1) and not setup.is_tilted


def test_the_format_is_the_one_that_explains_what_is_heard():
    received, _ = microphones(STARSS23, STARSS23.facing, (2, 0, 1, 3), (1, 1, 1, 1), 70.0)
    for sound, format in (
        (flat(ambisonics(TOWARDS, 70.0)), "foa"), (received, "mic"), (flat(capsules(TOWARDS, 70.0)), "a_format"),
    ):  # fmt: skip
        assert fit_likeliest(arrivals(sound), TOWARDS).format == format


def delayed(levels, radius):
    """Give cardioids (place, channel) the delays of capsules at a distance in metres from their middle."""
    advance = TOWARDS @ FACING.T * radius / 343
    return levels[..., None] * np.exp(2j * np.pi * advance[..., None] * FREQUENCY)


def test_delays_tell_supercardioids_from_ambisonics():
    supercardioids = 0.4 + 0.6 * TOWARDS @ FACING.T
    assert fit_likeliest(arrivals(flat(supercardioids)), TOWARDS).format == "foa"
    assert fit_likeliest(arrivals(delayed(supercardioids, 0.013)), TOWARDS).format == "a_format"


def test_capsules_that_are_heard_roughly_are_to_be_named():
    """Coincident hypercardioids, of places that are off by 18 degrees, might be ambisonics."""
    rough = 0.3 + 0.7 * unit_vector([0, 72, 0], [18, 0, 90]) @ FACING.T
    fit = fit_likeliest(arrivals(flat(rough)), TOWARDS)
    assert fit.best is None and fit.hint == "; if they are four cardioid capsules, give --format a_format"


def test_only_orders_whose_first_channel_may_be_w_are_candidates():
    candidates = of_ambisonics(arrivals(flat(ambisonics(TOWARDS, 30.0))))
    assert {each.order[0] for each in candidates if each.fit > 0.5} == {0}
