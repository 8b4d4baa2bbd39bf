"""Measure how often `avseld-prep check` warns of the channels of recordings, rightly and wrongly.

    python scripts/measure_channel_checks.py PREPARED

Each recording is judged by itself, as it is and after a fault was put into it; those with fewer than 20 label frames of
one source to be judged by are left out.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import soundfile
from tqdm import tqdm

from avseld.io.audio import audio_info, read_audio
from avseld.io.labels import read_labels
from avseld.io.manifest import Recording, read_manifest
from data_prep.check import array_order, orientation, sides
from data_prep.check.directions import Directions, Report
from data_prep.check.single_sources import MIN_FRAMES

N3D = np.sqrt([1.0, 3.0, 3.0, 3.0])[:, None]
FUMA = np.array([np.sqrt(0.5), 1.0, 1.0, 1.0])[:, None]
FAULTS: dict[str, dict[str, Callable[[np.ndarray], np.ndarray]]] = {
    "foa": {"W X Y Z": lambda x: x[[0, 3, 1, 2]], "N3D": lambda x: x * N3D, "W of FuMa": lambda x: x * FUMA},
    "mic": {"1 and 2 exchanged": lambda x: x[[1, 0, 2, 3]], "reversed": lambda x: x[::-1]},
    "binaural": {"exchanged": lambda x: x[::-1]},
    "stereo": {"exchanged": lambda x: x[::-1]},
}


def is_judged(recording: Recording) -> bool:
    """Return whether a recording has enough frames for a verdict on its channels."""
    directions = Directions()
    directions.add(recording, read_labels(str(recording.labels)))
    measured, labelled = ([pair[place] for pair in directions.ambisonic] for place in (0, 1))
    numbers = (
        orientation.fit(measured, labelled).n_frames,
        array_order.fit(directions.array).n_frames,
        sides.fit(directions.left_and_right).n_frames,
    )
    return max(numbers) >= MIN_FRAMES


def warnings_of(recording: Recording) -> list[str]:
    """List the warnings about the channels of one recording."""
    directions, report = Directions(), Report(strict=False)
    directions.add_sound(recording)
    directions.add(recording, read_labels(str(recording.labels)))
    directions.report(report)
    return report.warnings


def main() -> None:
    """Print, by channel format, recordings that are judged and those that are warned of."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("prepared", type=Path, nargs="+")
    counts: dict[str, dict[str, int]] = {}
    recordings = [each for folder in parser.parse_args().prepared for each in read_manifest(folder)]
    with tempfile.TemporaryDirectory() as folder:
        spoilt = Path(folder) / "spoilt.wav"
        for recording in tqdm(recordings, unit="recording"):
            count = counts.setdefault(recording.format, {"recordings": 0, "judged": 0, "warned of": 0})
            count["recordings"] += 1
            if not is_judged(recording):
                continue
            count["judged"] += 1
            count["warned of"] += bool(warnings_of(recording))
            sound, rate = read_audio(recording.audio), audio_info(recording.audio).sample_rate
            for fault, change in FAULTS[recording.format].items():
                soundfile.write(spoilt, change(sound).T, rate, subtype="FLOAT")
                count.setdefault(fault, 0)
                count[fault] += bool(warnings_of(replace(recording, audio=spoilt)))
    sys.stdout.write(json.dumps(counts, indent=1) + "\n")


if __name__ == "__main__":
    main()
