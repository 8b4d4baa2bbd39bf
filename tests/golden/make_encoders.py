"""Makes encoders/: copies reference values of the encoders' published networks, of the features a part of the frames.

Needs:      a folder of the complete files, NAME.npz for each network and features.npz: what the repositories that
            docs/sources.md names for each encoder give for the inputs and weights by formula that README.md states
Command:    python tests/golden/make_encoders.py FOLDER [NAME ...]

Networks are copied whole. Of features.npz, whose frames are every 5th (pseldnets), 9th (einv2) and 24th (av_seld) of
scene.wav, every 4th is kept, and the last: `*/frames` are their numbers in the recording.
"""

import argparse
import shutil
from pathlib import Path

import numpy as np
from common import HERE, some

FEATURES = "features"
EVERY = 4  # of the frames that the complete file holds


def write_features(source: Path, out: Path) -> None:
    """Write a part of the frames of every feature (feature, frame, bin)."""
    kept = {}
    with np.load(source) as file:
        for key in file.files:
            name = key.partition("/")[0]
            frames = some(len(file[f"{name}/frames"]), EVERY)
            if key.endswith("/frames"):
                kept[key] = file[key][frames]
            else:
                kept[key] = file[key][:, frames] if file[key].ndim == 3 else file[key]
    np.savez_compressed(out, **kept)


def main() -> None:
    """Run the script from the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="*", help="files to write, those that are there by default")
    given = parser.parse_args()
    folder = HERE / "encoders"
    for name in given.names or sorted(path.stem for path in folder.glob("*.npz")):
        source, out = given.folder / f"{name}.npz", folder / f"{name}.npz"
        if name == FEATURES:
            write_features(source, out)
        else:
            shutil.copyfile(source, out)
        print(f"wrote {out}, {out.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
