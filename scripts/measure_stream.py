"""Measure what it costs to say events while they sound: a fold predicted as a whole, and as a stream.

    python scripts/measure_stream.py --run RUN --prepared PREPARED [--fold fold4] [--look_ahead 0 0.06 0.3] [--step 0.1]

Prints for each look-ahead: F20 and LE_CD against the labels; F20 against the events of `avseld predict`; and latency
of the method, from the beginning of a label frame, without that of the machine.
"""

import argparse
import sys
from pathlib import Path

from tqdm import tqdm

from avseld.inference.predictor import load
from avseld.io.alignment import boxes_of
from avseld.io.events import Events
from avseld.io.labels import read_labels
from avseld.io.manifest import Recording, pick, read_manifest
from avseld.metrics import score
from avseld.streaming.engine import Engine
from avseld.streaming.recordings import streamed_events
from avseld.vision.visual_input import VisualInput

CHALLENGE = 2023
"""whose F20 and LE_CD are computed"""


def scores(reference: dict[str, Events], prediction: dict[str, Events]) -> tuple[float, float]:
    """Compute F20 and LE_CD, degrees, macro-averaged."""
    found = score(reference, prediction, CHALLENGE)
    return float(found["F"]), float(found["LE"])


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--run", required=True)
    parser.add_argument("--prepared", type=Path, required=True)
    parser.add_argument("--fold", default="fold4")
    parser.add_argument("--look_ahead", type=float, nargs="*", default=[])
    parser.add_argument("--step", type=float, default=0.1)
    options = parser.parse_args()
    predictor = load(options.run)
    system = predictor.system
    recordings: list[Recording] = pick(read_manifest(options.prepared), [options.fold])
    labels = {one.name: read_labels(str(one.labels)) for one in recordings}
    boxes = {one.name: boxes_of(one) if system.model.vision else None for one in recordings}
    visual = {
        name: None if each is None else VisualInput(each, system.visual_spec) for name, each in boxes.items()
    }
    whole = {one.name: predictor.predict_recording(one, visual[one.name]) for one in recordings}
    f20, error = scores(labels, whole)
    sys.stdout.write("look-ahead, s  latency, s   F20  LE_CD, degrees  F20 against predict\n")
    sys.stdout.write(f"{'predict':>13}  {'-':>10}  {f20:.3f}  {error:14.1f}  {1:19.3f}\n")
    step = round(options.step / system.label_hop)
    for look_ahead in options.look_ahead or [None]:
        found = {}
        for one in tqdm(recordings, desc=f"look-ahead {look_ahead}", leave=False):
            read, n_samples = predictor.reader(one.audio)
            found[one.name] = streamed_events(system, read, n_samples, boxes[one.name], step, look_ahead)
        ahead = Engine(system, look_ahead).look_ahead_s
        f20, error = scores(labels, found)
        same, _ = scores(whole, found)
        latency = step * system.label_hop + ahead
        sys.stdout.write(f"{ahead:13.3f}  {latency:10.3f}  {f20:.3f}  {error:14.1f}  {same:19.3f}\n")


if __name__ == "__main__":
    main()
