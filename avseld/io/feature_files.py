"""Folders of features: one array a recording, a description of its channels, mean and deviation.

`features.json` describes the arrays, `statistics.npz` holds mean and deviation, (channel, bin) each. `NAME.npy` is the
array (channel, frame, bin) of a recording in float32; `NAME.h5` has the same as the dataset `features`, beside it
`mean` and `deviation`, and the description as attributes.
"""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np

from avseld.base.errors import BadInput
from avseld.base.feature_maps import BinAxis, FeatureMap
from avseld.base.files import replacing, require_file, require_folder
from avseld.io.npz import read_npz, write_npz
from avseld.io.text import read_text

Form = Literal["npy", "h5"]
DESCRIPTION, STATISTICS = "features.json", "statistics.npz"
MAKE = "avseld features"
"""the command that makes the files"""


@dataclass(frozen=True)
class FeatureDescription:
    """What the arrays of a folder are.

    Args:
        form: npy or h5.
        hop: seconds between frames; frame k is centred on k times the hop.
        sample_rate: Hz.
        format: channel format of the recordings.
        shape: channels and bins of every array.
        maps: what the channels are.
        standardized: whether mean and deviation were applied: (value - mean) / deviation.
        source: what the features were made with: part, options, run, recordings of the statistics.
        prepared: the prepared folder, for the labels.
    """

    form: Form
    hop: float
    sample_rate: int
    format: str
    shape: tuple[int, int]
    maps: list[FeatureMap]
    standardized: bool
    source: dict[str, Any] = field(default_factory=dict)
    prepared: str = ""

    def to_json(self) -> str:
        """Write the description; axes that several maps share are written once."""
        axes = list(dict.fromkeys(each.axis for each in self.maps))
        maps = [
            {**asdict(each), "axis": axes.index(each.axis)}  # the place in the list of axes
            for each in self.maps
        ]
        words = {**asdict(self), "maps": maps, "axes": [asdict(axis) for axis in axes]}
        return json.dumps(words, indent=1)

    @classmethod
    def from_json(cls, text: str) -> "FeatureDescription":
        """Read what `to_json` wrote.

        Raises:
            ValueError, TypeError, KeyError, IndexError: the text is none.
        """
        words = json.loads(text)
        axes = [BinAxis(each["name"], each["unit"], tuple(each["values"])) for each in words.pop("axes")]
        maps = [FeatureMap(**{**each, "axis": axes[each["axis"]]}) for each in words.pop("maps")]
        channels, bins = words.pop("shape")
        if words["form"] not in ("npy", "h5") or not words["hop"] > 0:
            raise ValueError("another form than npy and h5, or no hop")
        return cls(**words, maps=maps, shape=(int(channels), int(bins)))


class FeatureWriter(Protocol):
    """Writes frames of a recording."""

    def __call__(self, first: int, values: np.ndarray) -> None:
        """Write some frames.

        Args:
            first: number of the first one.
            values: (channel, frame, bin).
        """


def write_description(
    folder: Path, description: FeatureDescription, mean: np.ndarray, deviation: np.ndarray
) -> None:
    """Write `features.json` and `statistics.npz`.

    Args:
        folder: of the features.
        description: of the arrays.
        mean: (channel, bin).
        deviation: (channel, bin).
    """
    arrays = {"mean": mean, "deviation": deviation}
    write_npz(folder / STATISTICS, arrays, {"applied": description.standardized})
    with replacing(folder / DESCRIPTION) as temporary:
        temporary.write_text(description.to_json(), encoding="utf-8")


def read_description(folder: Path) -> tuple[FeatureDescription, np.ndarray, np.ndarray]:
    """Read the description of a folder of features.

    Returns:
        The description, mean (channel, bin) and deviation (channel, bin).

    Raises:
        BadInput: missing or damaged.
    """
    require_folder(folder, f"make it with {MAKE}")
    path = folder / DESCRIPTION
    require_file(path, f"give a folder that {MAKE} wrote")
    try:
        description = FeatureDescription.from_json(read_text(path))
    except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise BadInput(f"{path}: no description of features ({reason}); make the folder anew") from error

    def build(arrays: Any, about: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
        mean, deviation = np.asarray(arrays["mean"]), np.asarray(arrays["deviation"])
        if mean.shape != description.shape or deviation.shape != description.shape:
            raise ValueError(f"shapes {mean.shape} and {deviation.shape} instead of {description.shape}")
        return mean, deviation

    return description, *read_npz(folder / STATISTICS, build, "statistics", MAKE)


@contextmanager
def writing_features(
    path: Path, description: FeatureDescription, n_frames: int, mean: np.ndarray, deviation: np.ndarray
) -> Iterator[FeatureWriter]:
    """Write the array of a recording piece by piece; the file appears whole or not at all.

    Args:
        path: NAME.npy or NAME.h5.
        description: of the array.
        n_frames: frames of the recording.
        mean: (channel, bin), kept in an h5 file, too.
        deviation: the same.

    Yields:
        Writes some frames: (first frame, (channel, frame, bin)).
    """
    channels, bins = description.shape
    with replacing(path) as temporary:
        if description.form == "npy":
            with temporary.open("wb") as file:
                header = {"descr": "<f4", "fortran_order": False, "shape": (channels, n_frames, bins)}
                np.lib.format.write_array_header_1_0(file, header)  # type: ignore[no-untyped-call]
                begin = file.tell()

                def write(first: int, values: np.ndarray) -> None:
                    for channel, rows in enumerate(values):
                        file.seek(begin + 4 * bins * (channel * n_frames + first))
                        file.write(np.ascontiguousarray(rows, "<f4").tobytes())

                yield write
            return
        import h5py  # not loaded by commands that write no such file

        with h5py.File(temporary, "w") as file:
            array = file.create_dataset("features", (channels, n_frames, bins), "<f4")
            file["mean"], file["deviation"] = mean, deviation
            words = asdict(description)
            file.attrs.update(
                {name: words[name] for name in ("hop", "sample_rate", "format", "standardized")}
            )
            file.attrs["maps"] = [each.name for each in description.maps]
            file.attrs["units"] = [each.unit for each in description.maps]
            file.attrs["description"] = description.to_json()

            def store(first: int, values: np.ndarray) -> None:
                array[:, first : first + values.shape[1]] = values

            yield store


@contextmanager
def open_features(folder: Path, name: str, description: FeatureDescription) -> Iterator[Any]:
    """Open the array of a recording for slicing; only what is asked for is read.

    Args:
        folder: of the features.
        name: of the recording.
        description: of the folder.

    Yields:
        (channel, frame, bin) float32, an array or an h5 dataset.

    Raises:
        BadInput: missing, damaged or of another shape.
    """
    path = folder / f"{name}.{description.form}"
    require_file(path, f"there are {', '.join(names_in(folder, description)[:5]) or 'none'}")
    with ExitStack() as opened:
        try:
            if description.form == "npy":
                array = np.load(path, mmap_mode="r", allow_pickle=False)
            else:
                import h5py

                array = opened.enter_context(h5py.File(path, "r"))["features"]
            channels, bins = description.shape
            if array.ndim != 3 or (array.shape[0], array.shape[2]) != (channels, bins):
                raise ValueError(f"shape {array.shape} instead of ({channels}, frame, {bins})")
        except (ValueError, KeyError, OSError, EOFError) as error:
            reason = " ".join(str(error).split())
            raise BadInput(
                f"{path}: no readable features ({reason}); remove it and run {MAKE} again"
            ) from error
        yield array


def names_in(folder: Path, description: FeatureDescription) -> list[str]:
    """List the recordings of a folder of features."""
    return sorted(path.stem for path in folder.glob(f"*.{description.form}") if not path.name.startswith("."))
