"""Predict sound files with an exported network: `python -m avseld.onnx_runtime FOLDER RECORDING ... [--out PLACE]`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from avseld.base.errors import BadInput
from avseld.base.files import replacing
from avseld.base.rates import LABEL_HOP
from avseld.io.predictions import PredictionRows, targets_of
from avseld.onnx_runtime.network import ExportedNetwork, load


def write_predictions(
    network: ExportedNetwork,
    path: Path,
    target: Path,
    boxes: Path | None = None,
    embeddings: Path | None = None,
    channels: Sequence[int | str] | None = None,
) -> int:
    """Predict a recording stretch by stretch into a csv file, the one that `avseld predict` writes.

    Args:
        network: exported.
        path: the recording.
        target: the csv file.
        boxes: of its video, or None.
        embeddings: of its video, or None.
        channels: see `ExportedNetwork.predict`.

    Returns:
        Rows written.

    Raises:
        BadInput: as `ExportedNetwork.predict`.
    """
    about = network.description
    rows = PredictionRows(about.task == "seld" and about.lengths.label_hop == LABEL_HOP, about.planar)
    count = 0
    with replacing(target) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        file.write(rows.header)
        for _, events in network.stretches(path, boxes, embeddings, channels=channels):
            file.write(rows.text(events))
            count += len(events)
    return count


def main(words: list[str] | None = None) -> None:
    """Run the module from the command line."""
    parser = argparse.ArgumentParser(prog="python -m avseld.onnx_runtime", description=__doc__)
    parser.add_argument("folder", type=Path, help="as avseld export has written it")
    parser.add_argument("recordings", type=Path, nargs="+", help="sound files of any sample rate and length")
    parser.add_argument(
        "--out", type=Path, help="csv file for one recording, folder for several; ./predictions"
    )
    parser.add_argument("--boxes", type=Path, help="boxes file of the video, or folder of files named alike")
    parser.add_argument("--embeddings", type=Path, help="embeddings file of the video, or folder of them")
    parser.add_argument("--channels", help="channels to take, counted from 1, or ambix, n3d, fuma: 1,2,3,4")
    parser.add_argument("--threads", type=int, help="of the computation; one per core by default")
    given = parser.parse_args(words)
    if given.threads is not None and given.threads < 1:
        parser.error(f"--threads {given.threads}: give at least 1")
    try:
        network = load(given.folder, given.threads)
        for path, target in targets_of(given.out, given.recordings).items():
            seen = (_file_of(given.boxes, path), _file_of(given.embeddings, path))
            channels = given.channels.split(",") if given.channels else None
            count = write_predictions(network, path, target, *seen, channels)
            sys.stdout.write(f"{target}: {count} rows\n")
    except BadInput as error:
        parser.exit(2, f"avseld.onnx_runtime: {error}\n")


def _file_of(place: Path | None, recording: Path) -> Path | None:
    """Return the file of a recording: the one that is given, or that of its name in a folder, if there is one."""
    if place is None or not place.is_dir():
        return place
    path = place / f"{recording.stem}.npz"
    return path if path.is_file() else None


if __name__ == "__main__":
    main()
