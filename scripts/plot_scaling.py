"""Measures and plots how cost scales: training and scoring.

    python scripts/plot_scaling.py OUT.png [--hours 1 10 100]

Training: windows per second against the size of the corpus (sparse files), the length of a window, and the number of
processes. Scoring: seconds against the number of recordings. The numbers are written to OUT.json.
"""

import argparse
import json
import os
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
from avseld.benchmarking.processes import BATCH, processes_a_second
from avseld.benchmarking.steps import ours_a_second
from avseld.metrics.api import count_pairs
from avseld.metrics.formulas import compute_scores
from avseld.metrics.rules import rule_of
from avseld.metrics.seld import ScoringOptions

PROCESSES = (1, 2)
"""numbers of training processes"""
CHUNKS_S = (0.64, 1.27, 2.55, 5.11)
"""lengths of a window"""
RECORDINGS = (100, 1000, 10000)
"""numbers of scored recordings of one minute"""
YEAR = 2023
"""challenge whose rules are scored"""


def main() -> None:
    """Measure, write the numbers and plot them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("--hours", type=float, nargs="+", default=[1, 10, 100])
    args = parser.parse_args()
    corpora, windows, scoring = {}, {}, {}
    with tempfile.TemporaryDirectory() as name:
        for hours in args.hours:
            folder = Path(name) / f"{hours}"
            write_corpus(folder, max(round(hours * 60), 2), 60, video=False, sparse=True)
            measured = alone(ours_a_second, folder, 10, "32-true", False)
            corpora[hours] = {"windows_a_second": measured["rate"], "peak_mb": measured["peak_mb"]}
        folder = Path(name) / f"{args.hours[0]}"
        for chunk in CHUNKS_S:
            rate = alone(ours_a_second, folder, 8, "32-true", False, chunk)["rate"]
            windows[chunk] = {"windows_a_second": rate, "seconds_a_second": rate * chunk}
        threads = os.cpu_count() or 1
        processes = {n: processes_a_second(folder, n, max(threads // n, 1)) for n in PROCESSES}
    for n in RECORDINGS:
        begin = time.perf_counter()
        for _ in scenes(n):
            pass
        generation = time.perf_counter() - begin
        begin = time.perf_counter()
        compute_scores(count_pairs(scenes(n), rule_of(YEAR), ScoringOptions(13)).sum(), rule_of(YEAR))
        scoring[n] = time.perf_counter() - begin - generation
    result = {
        "threads": torch.get_num_threads(), "batch": BATCH, "corpora": corpora, "windows": windows,
        "processes": processes, "scoring_s": scoring,
    }  # fmt: skip
    args.out.with_suffix(".json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    figure, (by_corpus, by_window, by_process, by_recording) = plt.subplots(
        1, 4, figsize=(13, 3.2), layout="constrained"
    )
    by_corpus.semilogx(list(corpora), [each["windows_a_second"] for each in corpora.values()], "o-")
    by_corpus.set(
        xlabel="hours of audio", ylabel="windows per second", title="training, by corpus size", ylim=(0, None)
    )
    by_window.plot(list(windows), [each["seconds_a_second"] for each in windows.values()], "o-")
    by_window.set(
        xlabel="window length (s)", ylabel="seconds of audio per second", title="training, by window length"
    )
    by_window.set_ylim(0, None)
    by_process.plot(list(processes), list(processes.values()), "o-")
    by_process.set(
        xlabel="processes", ylabel="windows per second", title="training, by processes", xticks=PROCESSES
    )
    by_process.set_ylim(0, None)
    by_recording.loglog(list(scoring), list(scoring.values()), "o-")
    by_recording.set(xlabel="recordings of one minute", ylabel="seconds", title="scoring")
    for axes in (by_corpus, by_window, by_recording, by_process):
        axes.grid(alpha=0.3)
    figure.savefig(args.out, dpi=100)
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
