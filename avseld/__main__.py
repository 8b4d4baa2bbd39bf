"""The command line of the library: a table of verbs."""

from avseld.base.cli import Verb, run
from avseld.base.memory import keep_freed_memory
from avseld.recipes import recipe_path


def training_words(words: list[str]) -> list[str]:
    """Recipe names become paths; `--resume RUN` stands for that run's own configuration and folder."""
    words = [
        recipe_path(word) if before == "--config" else word
        for before, word in zip(["", *words], words, strict=False)
    ]
    if "--resume" in words:
        place = words.index("--resume")
        if place + 1 < len(words) and not words[place + 1].startswith("-"):
            folder = words[place + 1]
            rest = words[:place] + words[place + 2 :]
            return ["--config", f"{folder}/config.yaml", "--out", folder, "--resume", *rest]
    return words


VERBS = {
    "train": Verb("avseld.training.train", "train", "train a system from a recipe", prepare=training_words),
    "predict": Verb("avseld.inference.predict", "predict", "write the DCASE csv of a recording or of a fold"),
    "score": Verb(
        "avseld.evaluation.score", "score", "score prediction files against label files", positional=True
    ),
    "evaluate": Verb("avseld.evaluation.evaluate", "evaluate", "predict, score and draw in one call"),
    "plot": Verb(
        "avseld.reporting", "plot", "draw a recording: spectrogram, activity, directions, overlay video"
    ),
    "bench": Verb(
        "avseld.benchmarking.bench",
        "bench",
        "time a part against the same work done the published way",
        positional=True,
    ),
    "models": Verb("avseld.recipes.listing", "models", "every recipe: system, parameters, input, output"),
    "view": Verb(
        "avseld.reporting.viewer", "view", "one html file to look at and listen to a run's recordings"
    ),
}


def main(words: list[str] | None = None) -> None:
    """Run one verb."""
    keep_freed_memory()
    run("avseld", "train, score and look at audio-visual SELD systems", VERBS, words)


if __name__ == "__main__":
    main()
