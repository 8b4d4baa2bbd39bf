"""The report of a calibration, in words."""

from collections.abc import Mapping, Sequence

import numpy as np

from avseld.calibration.channels import ChannelState, Places
from avseld.calibration.explanation import UPRIGHT_DEG, Explanation
from avseld.calibration.fitting import AS_USUAL, FUMA, is_unusual
from avseld.directions.arrays import STARSS23, Microphones, RigidSphere
from avseld.io.array_setup import ArraySetup

NAMES = {"foa": ("W", "Y", "Z", "X"), "mic": ("1", "2", "3", "4"), "a_format": ("LFU", "RFD", "LBD", "RBU")}
"""channels of a format, in its order"""
ABOUT = {
    "foa": "first-order ambisonics",
    "mic": "four microphones",
    "a_format": "four cardioid capsules (A-format)",
}
AXES = {"x": "front and back", "y": "left and right", "z": "above and below"}
SMALL_TURN_DEG = 5.0
"""turns that arms do not tell from none"""
QUIET_DB = -50.0
"""peak of a recording, relative to full scale, below which its gain should be raised"""


def channel_table(states: Sequence[ChannelState], names: Sequence[str]) -> str:
    """Write a table of the channels: level, rise above the noise at each place, and what is wrong."""
    head = ("channel", "peak dBFS", *(f"{name} dB" for name in names), "")
    rows = [head]
    for state in states:
        peak = "-" if np.isinf(state.peak_db) else f"{state.peak_db:.0f}"
        clipped = f"{state.n_clipped} samples clipped" if state.n_clipped else ""
        remarks = "; ".join(filter(None, (state.remark, clipped)))
        rises = ("-" if np.isinf(state.peak_db) else f"{state.rise_db[name]:.0f}" for name in names)
        rows.append((str(state.number), peak, *rises, remarks))
    widths = [max(len(row[column]) for row in rows) for column in range(len(head) - 1)]
    return "".join(
        "  ".join([*(cell.rjust(width) for cell, width in zip(row, widths, strict=False)), row[-1]]).rstrip()
        + "\n"
        for row in rows
    )


def heard_at(places: Places) -> str:
    """Say when each place was heard."""
    times = (f"{name} at {places.heard[name].time(span.first):.1f} s" for name, span in places.spans.items())
    return f"heard: {', '.join(times)}\n"


def findings(
    setup: ArraySetup,
    best: Explanation,
    microphones: Microphones | None,
    missed: Mapping[str, float],
    states: Sequence[ChannelState],
) -> str:
    """Describe the array: format, order, polarity, gains, mirrored axes and turn.

    Args:
        setup: that was found.
        best: explanation that it was made of.
        microphones: where they are, of a mic format.
        missed: degrees by place.
        states: of the channels.
    """
    lines = [
        f"format: {ABOUT[setup.format]}{_array_words(microphones)}",
        *_channel_lines(setup, best),
        *_level_lines(states),
    ]
    lines += _turn_lines(setup, best)
    off = ", ".join(f"{name} {degrees:.0f}" for name, degrees in missed.items())
    lines.append(f"with this, the places are heard within degrees: {off}")
    return "".join(f"{line}\n" for line in lines)


def _array_words(microphones: Microphones | None) -> str:
    if not isinstance(microphones, RigidSphere):
        return ""
    if is_unusual(microphones):
        return (
            f" like a tetrahedron of about {100 * microphones.radius:g} cm radius, not STARSS23's "
            f"{100 * STARSS23.radius:g}: train on it, shipped weights for mic do not fit"
        )
    return ", the tetrahedron of STARSS23"


def _channel_lines(setup: ArraySetup, best: Explanation) -> list[str]:
    names = NAMES[setup.format]
    order = best.order
    spelled = ", ".join(f"{name} = {channel}" for name, channel in zip(names, setup.channels, strict=True))
    remark = "as usual"
    if order == FUMA and setup.format == "foa":
        remark = "W X Y Z, as FuMa has them"
    elif order != AS_USUAL:
        remark = "permuted" + (
            "; other orders of a turned array explain it as well" if setup.format != "foa" else ""
        )
    lines = [f"channels: {spelled} ({remark})"]
    inverted = [
        f"{channel} ({name})"
        for name, channel, sign in zip(names, setup.channels, setup.polarity, strict=True)
        if sign < 0
    ]
    if inverted:
        lines.append(f"inverted: channel {', '.join(inverted)}")
    for axis in setup.mirrored:
        channel = setup.channels["yzx".index(axis) + 1]
        lines.append(
            f"mirrored: {AXES[axis]} are exchanged (channel {channel}, {axis.upper()}, has the opposite sign)"
        )
    if any(gain != 1 for gain in setup.gains):
        gains = ", ".join(
            f"{20 * np.log10(gain):+.1f} dB for {name}"
            for name, gain in zip(names, setup.gains, strict=True)
            if gain != 1
        )
        lines.append(f"gains: {gains}")
    return lines


def _level_lines(states: Sequence[ChannelState]) -> list[str]:
    lines = []
    clipped = [str(state.number) for state in states if state.n_clipped and not state.flaw]
    if clipped:
        lines.append(f"warning: channel {', '.join(clipped)} clipped; lower the gain and calibrate again")
    loudest = max(state.peak_db for state in states)
    if loudest < QUIET_DB:
        lines.append(f"warning: the loudest sample lies {-loudest:.0f} dB below full scale; raise the gain")
    return lines


def _turn_lines(setup: ArraySetup, best: Explanation) -> list[str]:
    side = "left" if setup.yaw >= 0 else "right"
    turn = f"{abs(setup.yaw):.0f} degrees to the {side}" if abs(setup.yaw) >= 0.5 else "0 degrees"
    unsure = abs(setup.yaw) < SMALL_TURN_DEG and not setup.is_tilted
    lines = [f"turned: {turn}{' (arms do not tell it from none)' * unsure}"]
    if setup.is_tilted:
        lines.append(f"tilted: pitch {setup.pitch:.0f}, roll {setup.roll:.0f} degrees")
    if best.tilt >= UPRIGHT_DEG:
        lines.append("warning: no order of the channels makes it stand upright; does it lie on its side?")
    return lines
