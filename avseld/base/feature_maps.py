"""What the channels of a feature array are: name, unit and bin axis of each, for files and figures."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class BinAxis:
    """Meaning of the bins of a map.

    Args:
        name: frequency, lag, azimuth, elevation, sample, or bin where nothing is known.
        unit: Hz, ms, degrees; empty for bin.
        values: (bin,) centre of each bin in that unit.
    """

    name: str
    unit: str
    values: tuple[float, ...]


@dataclass(frozen=True)
class FeatureMap:
    """One time-frequency map of a feature array (channel, frame, bin).

    Args:
        kind: what maps of several recording channels have in common: log-mel, GCC-PHAT.
        name: kind with the channels: log-mel W, GCC-PHAT 1-2.
        unit: of the values before standardization: dB, rad, m; empty for ratios.
        axis: of the bins.
        channel: of the array.
        first_bin: bin of the array at which the map begins; maps of several networks may lie side by side.
    """

    kind: str
    name: str
    unit: str
    axis: BinAxis
    channel: int
    first_bin: int = 0

    @property
    def bins(self) -> slice:
        """Bins of the array that belong to the map."""
        return slice(self.first_bin, self.first_bin + len(self.axis.values))


def maps_of(
    kind: str, names: Sequence[str], unit: str, axis: BinAxis, channel: int = 0, first_bin: int = 0
) -> list[FeatureMap]:
    """Describe several maps of one kind.

    Args:
        kind: what they have in common.
        names: of each, added to the kind.
        unit: of the values.
        axis: of the bins.
        channel: of the array, of the first one.
        first_bin: see `FeatureMap`.
    """
    return [
        FeatureMap(kind, f"{kind} {name}".rstrip(), unit, axis, channel + place, first_bin)
        for place, name in enumerate(names)
    ]


def unnamed_maps(n_features: int, n_bins: int) -> list[FeatureMap]:
    """Describe an array whose channels have no names.

    Args:
        n_features: channels of the array.
        n_bins: its bins.
    """
    axis = BinAxis("bin", "", tuple(float(bin) for bin in range(n_bins)))
    return maps_of("feature", [str(number) for number in range(1, n_features + 1)], "", axis)
