"""Measures how cost grows with the work, and draws it.

    python scripts/plot_scaling.py OUT.png [--hours 1 10 100]

Windows a second of training against the corpus' length (sparse files), against the length of a window and with one and
two processes, and seconds of scoring against the number of recordings. The numbers go beside the picture, as JSON.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import torch

from avseld.benchmarking.corpus import write_corpus
from avseld.benchmarking.machine import alone
from avseld.benchmarking.metrics import scenes
from avseld.benchmarking.steps import BATCH, ours_a_second
from avseld.metrics.api import count_pairs
from avseld.metrics.formulas import evaluate
from avseld.metrics.rules import rule_of
from avseld.metrics.seld import Options

PROCESSES, SHORT, LONG = (1, 2), 10, 70
"""processes of a training, and the steps of the two whose difference is timed, so that the start does not count"""
CHUNKS = (0.64, 1.27, 2.55, 5.11)
RECORDINGS = (100, 1000, 10000)
YEAR = 2023


def by_processes(folder: Path, n: int) -> float:
    """Windows a second of a training in so many processes, all threads shared among them."""
    seconds = {}
    for steps in (SHORT, LONG):
        run = folder / f"run_{n}_{steps}"
        words = [
            "--config", "av_foa", "--data.prepared", str(folder), "--out", str(run), "--steps", str(steps),
            "--validate_every", str(steps), "--data.video", "blank", "--data.validate", "[fold4]",
            "--hardware.accelerator", "cpu", "--hardware.devices", str(n),
        ]  # fmt: skip
        threads = str(max((os.cpu_count() or 1) // n, 1))
        begin = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "avseld", "train", *words],
            check=True, capture_output=True, env={**os.environ, "OMP_NUM_THREADS": threads},
        )  # fmt: skip
        seconds[steps] = time.perf_counter() - begin
    return BATCH * (LONG - SHORT) / (seconds[LONG] - seconds[SHORT])


def main() -> None:
    """Measure, write, draw."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("--hours", type=float, nargs="+", default=[1, 10, 100])
    words = parser.parse_args()
    corpora, windows, scoring = {}, {}, {}
    with tempfile.TemporaryDirectory() as name:
        for hours in words.hours:
            folder = Path(name) / f"{hours}"
            write_corpus(folder, max(round(hours * 60), 2), 60, video=False, sparse=True)
            told = alone(ours_a_second, folder, 10, "32-true", False)
            corpora[hours] = {"windows_a_second": told["rate"], "peak_mb": told["peak_mb"]}
        folder = Path(name) / f"{words.hours[0]}"
        for chunk in CHUNKS:
            rate = alone(ours_a_second, folder, 8, "32-true", False, chunk)["rate"]
            windows[chunk] = {"windows_a_second": rate, "seconds_a_second": rate * chunk}
        processes = {n: by_processes(folder, n) for n in PROCESSES}
    for n in RECORDINGS:
        begin = time.perf_counter()
        for _ in scenes(n):
            pass
        making = time.perf_counter() - begin
        begin = time.perf_counter()
        evaluate(count_pairs(scenes(n), rule_of(YEAR), Options(13)).sum(), rule_of(YEAR))
        scoring[n] = time.perf_counter() - begin - making
    result = {
        "threads": torch.get_num_threads(), "batch": BATCH, "corpora": corpora, "windows": windows,
        "processes": processes, "scoring_s": scoring,
    }  # fmt: skip
    words.out.with_suffix(".json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    figure, (one, two, four, three) = plt.subplots(1, 4, figsize=(13, 3.2), layout="constrained")
    one.semilogx(list(corpora), [each["windows_a_second"] for each in corpora.values()], "o-")
    one.set(
        xlabel="hours of sound", ylabel="windows a second", title="training against corpus", ylim=(0, None)
    )
    two.plot(list(windows), [each["seconds_a_second"] for each in windows.values()], "o-")
    two.set(xlabel="seconds of a window", ylabel="seconds of sound a second", title="training against window")
    two.set_ylim(0, None)
    four.plot(list(processes), list(processes.values()), "o-")
    four.set(
        xlabel="processes", ylabel="windows a second", title="training against processes", xticks=PROCESSES
    )
    four.set_ylim(0, None)
    three.loglog(list(scoring), list(scoring.values()), "o-")
    three.set(xlabel="recordings of a minute", ylabel="seconds", title="scoring")
    for axes in (one, two, three, four):
        axes.grid(alpha=0.3)
    figure.savefig(words.out, dpi=100)
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
