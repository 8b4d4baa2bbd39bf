"""The command line of the library: a table of commands."""

import json

from avseld.base.cli import Command, run
from avseld.base.errors import BadInput
from avseld.base.memory import keep_freed_memory


def training_words(words: list[str]) -> list[str]:
    """Rewrite the arguments of `train`; see `avseld.recipes.arguments`, which is imported only for them."""
    from avseld.recipes.arguments import training_arguments
    from avseld.weights.start import fitting_recipe

    rewritten = training_arguments(fitting_recipe(words))
    if "--config" not in rewritten and not any(word.startswith("--print_config") for word in words):
        raise BadInput("--config RECIPE missing; avseld models lists the recipes")
    return rewritten


def feature_words(words: list[str]) -> list[str]:
    """Gather the recipe of a command and the changes of it in one option; see `avseld.recipes.arguments`."""
    from avseld.recipes.arguments import recipe_words

    return recipe_words(words)


def diagram_words(words: list[str]) -> list[str]:
    """Gather the recipe of `models --diagram` and the changes of it; its name stays, for the title."""
    from avseld.recipes.arguments import recipe_words

    name = ""
    renamed: list[str] = []
    for before, word in zip(["", *words], words, strict=False):
        option, equals, value = word.partition("=")
        is_name = option in ("--diagram", "--recipe", "--config")
        name = value if is_name and equals else word if before in ("--diagram", "--recipe") else name
        name = word if before == "--config" else name
        renamed.append(f"--recipe{equals}{value}" if is_name else word)
    gathered = recipe_words(renamed)
    return [f"--diagram={name}", *gathered] if name else gathered


def sound_words(words: list[str]) -> list[str]:
    """Join the files of `predict`, after `--audio` or without an option, to one list; file names may hold commas."""
    files: list[str] = []
    rest: list[str] = []
    option = ""  # whose value comes next
    named = False
    for word in words:
        is_option = word.startswith("--") or word == "-h"
        if word == "--audio" or word.startswith("--audio="):
            option, named = "--audio", True
            files += [word.removeprefix("--audio=")] if "=" in word else []
        elif is_option:
            option = "" if "=" in word or word in PREDICT_SWITCHES else word
            rest.append(word)
        elif option in ("", "--audio") and not (rest and rest[-1] in PREDICT_SWITCHES and word in TRUTH):
            files.append(word)
        else:
            rest.append(word)
            option = ""
    if files:
        return [*rest, "--audio", json.dumps(files, ensure_ascii=False)]
    return [*rest, *(["--audio"] if named else [])]


PREDICT_SWITCHES = ("--view", "--audacity", "--events", "--legacy", "--help", "-h")
"""options of `predict` that may stand alone"""
TRUTH = ("true", "false", "yes", "no")


def import_words(words: list[str]) -> list[str]:
    """Name the file of `weights import FILE`."""
    if words[:1] != ["import"]:
        return words
    if len(words) < 2 or words[1].startswith("--"):
        raise BadInput("import: which checkpoint? avseld weights import FILE.ckpt --out DIR")
    return ["--checkpoint", *words[1:]]


def run_words(words: list[str]) -> list[str]:
    """Join the runs of `compare`, words that are no option, to one list."""
    runs: list[str] = []
    rest: list[str] = []
    for before, word in zip(["", *words], words, strict=False):
        is_value = before.startswith("--") and "=" not in before
        (rest if word.startswith("-") or is_value else runs).append(word)
    return [*([json.dumps(runs, ensure_ascii=False)] if runs else []), *rest]


def scored_words(words: list[str]) -> list[str]:
    """Name the words without an option: `REFERENCE PREDICTION` are --reference and --prediction."""
    named: list[str] = []
    names = ["--reference", "--prediction"]
    takes_value = False
    for place, word in enumerate(words):
        if word.startswith("-"):
            following = words[place + 1] if place + 1 < len(words) else "-"
            switch = word.removeprefix("--").replace("-", "_") in SWITCHES
            takes_value = "=" not in word and (not switch or following.lower() in ("true", "false"))
        elif takes_value:
            takes_value = False
        elif names:
            named.append(names.pop(0))
        named.append(word)
    return named


SWITCHES = (
    "json", "jackknife", "check_only", "corrected", "onscreen", "grid", "class_agnostic", "legacy", "help", "h",
)  # fmt: skip
"""options of `score` that may stand alone"""

COMMANDS = {
    "train": Command(
        "avseld.training.train",
        "train",
        "train a system from a recipe",
        prepare=training_words,
        usage=("--config RECIPE --data.prepared PREPARED --out RUN [options]", "--resume RUN"),
        values={"config": "RECIPE", "out": "RUN", "resume": "RUN", "hardware.devices": "N|auto"},
        config="a recipe (avseld models lists them), a YAML file with any of the options above, or a run folder",
    ),
    "predict": Command(
        "avseld.inference.predict",
        "predict",
        "find the events of sound files or of a fold",
        prepare=sound_words,
        usage=("--run RUN [options]", "--run RUN --audio FILE ... [options]"),
        values={"audio": "FILE ..."},
    ),
    "score": Command(
        "avseld.evaluation.score",
        "score",
        "score prediction files against label files",
        prepare=scored_words,
        usage=("--run RUN [options]", "REFERENCE PREDICTION [options]"),
    ),
    "evaluate": Command("avseld.evaluation.evaluate", "evaluate", "predict, score and draw in one call"),
    "locate": Command(
        "avseld.evaluation.locate",
        "locate",
        "score localization without classes, beside a plain baseline and the untrained network",
    ),
    "compare": Command(
        "avseld.evaluation.compare",
        "compare",
        "compare runs or groups of seeds: RUN RUN, NAME=RUN,RUN",
        positional=True,
        prepare=run_words,
        usage=("RUN RUN ... [options]", "NAME=RUN,RUN NAME=RUN,RUN ... [options]"),
        values={"runs": "RUN ..."},
    ),
    "plot": Command(
        "avseld.reporting",
        "plot",
        "draw a recording: spectrogram, activity, directions, overlay video",
        usage=(
            "--run RUN [options]",
            "--prepared PREPARED --recording NAME --out FILE [options]",
            "--audio FILE --prediction FILE --out FILE [options]",
            "--features DIR [options]",
        ),
        values={
            "recording": "NAME",
            "features": "DIR",
            **dict.fromkeys(("audio", "reference", "prediction", "video"), "FILE"),
        },
    ),
    "features": Command(
        "avseld.inference.extract",
        "features",
        "write the features that a network is given, one file a recording",
        prepare=feature_words,
        usage=(
            "--config RECIPE --prepared PREPARED --out DIR [options]",
            "--run RUN --out DIR [options]",
        ),
        values={"recipe": "RECIPE", "config": "RECIPE", "run": "RUN", "fold": "FOLD", "statistics": "FOLD"},
        config="a recipe (avseld models lists them), a YAML file or a run folder; options of it may follow",
    ),
    "bench": Command(
        "avseld.benchmarking.bench",
        "bench",
        "time a part against the same work done the published way",
        positional=True,
        prepare=feature_words,
        values={"recipe": "RECIPE", "config": "RECIPE"},
        config="a recipe (avseld models lists them), a YAML file or a run folder; options of it may follow",
    ),
    "calibrate": Command(
        "avseld.calibration.calibrate",
        "calibrate",
        "find order, polarity and turn of an array of microphones by claps, and write an array file",
        usage=("--audio CLAPS.wav [--out FILE] [options]", "--input microphone[:ID] [--out FILE] [options]"),
        values={
            "audio": "FILE",
            "input": "microphone[:ID]",
            "out": "FILE",
            "positions": "X,Y,Z,...",
            "record": "DIR",
        },
    ),
    "models": Command(
        "avseld.recipes.listing",
        "models",
        "every recipe: system, parameters, input, output, and a picture of its network",
        prepare=diagram_words,
        usage=("[options]", "--diagram RECIPE [--out FILE] [options of the recipe]"),
        values={"diagram": "RECIPE", "recipe": "RECIPE", "config": "RECIPE", "out": "FILE"},
        config="the same as --diagram",
    ),
    "weights": Command(
        "avseld.weights.listing",
        "weights",
        "the trained weights that come with the package; import of published ones",
        prepare=import_words,
        usage=("[options]", "import FILE.ckpt --out DIR [options]"),
        values={"checkpoint": "FILE", "out": "DIR", "classes": "FILE"},
    ),
    "thresholds": Command(
        "avseld.evaluation.choose_thresholds",
        "thresholds",
        "choose the threshold of each class on validation data",
    ),
    "export": Command(
        "avseld.exporting.export",
        "export",
        "write a trained network as ONNX, compared with the original; it runs without PyTorch",
        values={"run": "RUN", "out": "DIR", "length": "dynamic|SECONDS"},
    ),
    "stream": Command(
        "avseld.streaming.stream",
        "stream",
        "find events in live sound: of a microphone, a pipe, or a file at its own speed",
        usage=("--run RUN --input microphone[:ID] | FILE | - [options]", "--list [--run RUN]"),
        values={
            "input": "INPUT",
            "video": "VIDEO",
            "step": "X|auto",
            "out": "FILE ...",
            "send": "ADDRESS ...",
            "detector": "FILE",
            "record": "DIR",
        },
    ),
    "card": Command("avseld.publishing.card", "card", "write the model card of a run"),
    "push": Command(
        "avseld.publishing.push", "push", "publish a run: to the Hugging Face hub, or as such a folder"
    ),
    "view": Command(
        "avseld.reporting.viewer",
        "view",
        "one html file to look at and listen to a run's recordings",
        usage=("--run RUN [options]", "--audio FILE --prediction FILE [options]"),
        values=dict.fromkeys(("audio", "reference", "prediction", "video", "out"), "FILE"),
    ),
}


def main(words: list[str] | None = None) -> None:
    """Run one command."""
    keep_freed_memory()
    run("avseld", "train, score and look at audio-visual SELD systems", COMMANDS, words)


if __name__ == "__main__":
    main()
