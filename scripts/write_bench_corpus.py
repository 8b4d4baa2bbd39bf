"""Writes a corpus for timing: FOA noise recordings of one minute, with labels, boxes and short videos.

    python scripts/write_bench_corpus.py PREPARED [--hours H]

H defaults to 3.8, the duration of the training recordings of STARSS23.
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
    args = parser.parse_args()
    write_corpus(args.prepared, max(round(args.hours * 60), 2), 60, video="stand_in")


if __name__ == "__main__":
    main()
