"""The command line of the library: a table of verbs."""

from avseld.command import Verb, run

VERBS = {
    "score": Verb("avseld.scoring", "score", "score prediction files against label files", positional=True),
    "plot": Verb(
        "avseld.plotting", "plot", "draw a recording: spectrogram, activity, directions, overlay video"
    ),
}


def main(words: list[str] | None = None) -> None:
    """Run one verb."""
    run("avseld", "train, score and look at audio-visual SELD systems", VERBS, words)


if __name__ == "__main__":
    main()
