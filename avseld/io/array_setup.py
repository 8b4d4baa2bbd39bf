"""How an array of microphones is connected and set up, and how that is undone in recordings and in what is found."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

import numpy as np

from avseld.base.errors import BadInput
from avseld.base.rotation import rotation_matrix
from avseld.base.sphere import unit_vector
from avseld.io.channel_map import ChannelMap
from avseld.io.events import Events
from avseld.io.geometry import direction, wrap
from avseld.io.row_maps import RowMaps
from avseld.io.sphere_grid import N_CELLS, rotated

ArrayFormat = Literal["foa", "mic", "a_format"]
CAPSULES_DEG = ((45.0, 35.264), (-45.0, -35.264), (135.0, -35.264), (-135.0, 35.264))
"""azimuth and elevation of the capsules of an A-format in its usual order: left front up, right front down, left back
down, right back up"""
AXES = ("x", "y", "z")
LIMITS = {"yaw": 360.0, "pitch": 90.0, "roll": 360.0}
"""largest magnitude of each angle, degrees"""


@dataclass(frozen=True)
class ArraySetup:
    """How an array of microphones is connected and set up: the members of an array file (`avseld.io.array_file`).

    Args:
        format: of the channels that are taken.
        channels: counted from 1.
        polarity: 1 or -1 for each channel.
        gains: factor of each channel.
        mirrored: axes of ambisonics whose sign is turned.
        yaw: degrees.
        pitch: degrees.
        roll: degrees.
        positions: metres of each microphone from the middle of the array, in the array's own axes; None for those of
            the format (the tetrahedron of STARSS23, or capsules that face the corners of one).
        recorded: channels of a recording; None for any.
        measured: how it was measured.
    """

    format: ArrayFormat
    channels: tuple[int, ...] = (1, 2, 3, 4)
    polarity: tuple[int, ...] = (1, 1, 1, 1)
    gains: tuple[float, ...] = (1.0, 1.0, 1.0, 1.0)
    mirrored: tuple[str, ...] = ()
    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    positions: tuple[tuple[float, ...], ...] | None = None
    recorded: int | None = None
    measured: Mapping[str, Any] = field(default_factory=dict)

    @property
    def output(self) -> str:
        """Format of what comes out: foa or mic."""
        return "mic" if self.format == "mic" else "foa"

    @property
    def words(self) -> str:
        """Its format, and a digest that differs where the samples do that come out."""
        members = {name: value for name, value in asdict(self).items() if name != "measured"}
        if self.output == "mic":  # the turn of microphones leaves their samples
            members = {name: value for name, value in members.items() if name not in LIMITS}
        digest = hashlib.sha256(json.dumps(members, sort_keys=True).encode()).hexdigest()
        return f"{self.format} array {digest[:12]}"

    @property
    def rotation(self) -> np.ndarray:
        """(3, 3), turns directions in the axes of the array into those of the room."""
        return rotation_matrix(self.yaw, self.pitch, self.roll)

    @property
    def turns_events(self) -> bool:
        """Whether directions that are found have to be turned: those of microphones that do not face the front."""
        return self.output == "mic" and any(getattr(self, name) % 360 for name in LIMITS)

    @property
    def is_tilted(self) -> bool:
        """Whether the array is not upright."""
        return bool(self.pitch % 360 or self.roll % 360)

    @property
    def tetrahedron(self) -> np.ndarray:
        """(capsule, 3) unit vectors to which the capsules of an A-format face."""
        if self.positions is None:
            return unit_vector(*np.array(CAPSULES_DEG).T)
        positions = np.array(self.positions)
        return positions / np.linalg.norm(positions, axis=1, keepdims=True)

    def channel_map(self, n_channels: int, name: str) -> ChannelMap:
        """Return the channels to take of a recording, and how they are mixed.

        Args:
            n_channels: of the recording.
            name: of it, for messages.

        Raises:
            BadInput: another number of channels than the array file says.
        """
        needed = max(self.channels) if self.recorded is None else self.recorded
        if n_channels < needed or (self.recorded is not None and n_channels != self.recorded):
            least = "" if self.recorded is not None else "at least "
            raise BadInput(
                f"{name}: {n_channels} channels, its array file is for recordings of {least}{needed}; give another "
                "array file"
            )
        gains = np.array(self.polarity) * np.array(self.gains)
        return ChannelMap(np.array(self.channels) - 1, gains, mixing=self._mixing())

    def _mixing(self) -> np.ndarray | None:
        """Return gains (4, 4) from the channels to upright, unmirrored W Y Z X that faces the front; None for none."""
        if self.output == "mic":
            return None
        mixing = np.eye(4)
        if self.format == "a_format":
            mixing = ambisonics_of(self.tetrahedron)
        signs = np.array([-1.0 if axis in self.mirrored else 1.0 for axis in AXES])
        turn = np.eye(4)
        places = [3, 1, 2]  # of x, y, z in W Y Z X
        turn[np.ix_(places, places)] = self.rotation * signs
        mixing = turn @ mixing
        return None if np.array_equal(mixing, np.eye(4)) else mixing

    def to_room(self, events: Events) -> Events:
        """Turn directions that were found with the channels of the array into those of the room.

        Args:
            events: of any rows; of ambisonics, whose channels are turned themselves, they stay.
        """
        return _turned(events, self.rotation) if self.turns_events else events

    def to_array(self, events: Events) -> Events:
        """Turn directions in the room, such as labels, into those that belong to the channels of the array."""
        return _turned(events, self.rotation.T) if self.turns_events else events


def ambisonics_of(facing: np.ndarray) -> np.ndarray:
    """Return the gains that make W Y Z X in SN3D of cardioid capsules.

    For the corners of a tetrahedron these are the sums and differences of M. Gerzon, "The design of precisely
    coincident microphone arrays for stereo and surround sound", 50th AES Convention, 1975: W of all capsules / 2, and
    of X, Y, Z those that face the axis minus the others, times sqrt(3) / 2. The capsules are taken as coincident: their
    distance is not equalized, which turns levels and directions of sounds whose waves are not much longer than it.

    Args:
        facing: (4, 3) unit vectors.

    Returns:
        (4, capsule).
    """
    x, y, z = facing.T
    return np.linalg.inv(0.5 * np.stack([np.ones(len(facing)), y, z, x], axis=1))


def _turned(events: Events, matrix: np.ndarray) -> Events:
    """Turn the directions of events and their energy maps; an unknown elevation stays so, and is taken as 0."""
    vectors = unit_vector(events.azimuth, np.nan_to_num(events.elevation)) @ matrix.T
    azimuth, elevation = direction(vectors)
    placed = ~np.isnan(events.azimuth)
    known = placed & ~np.isnan(events.elevation)
    energies = events.energies
    if energies is not None:
        energies = RowMaps.from_dense(rotated(energies.dense(N_CELLS), matrix))
    return replace(
        events,
        azimuth=np.where(placed, wrap(azimuth), events.azimuth),
        elevation=np.where(known, elevation, events.elevation),
        energies=energies,
    )
