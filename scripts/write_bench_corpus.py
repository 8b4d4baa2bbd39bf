"""Writes a corpus for timing: FOA recordings of a minute, noise, with labels, boxes and short stand-in videos.

python scripts/write_bench_corpus.py PREPARED [--hours H]
"""

import argparse
from pathlib import Path

from avseld.benchmarking.corpus import write_corpus


def main() -> None:
    """Write the corpus."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("prepared", type=Path)
    parser.add_argument("--hours", type=float, default=3.8)
    words = parser.parse_args()
    write_corpus(words.prepared, max(round(words.hours * 60), 2), 60, video="stand_in")


if __name__ == "__main__":
    main()
