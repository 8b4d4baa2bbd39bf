"""The command `card`: the model card of a run, as a README.md with metadata that model hubs read."""

import logging
from pathlib import Path
from typing import Any

import yaml

from avseld.base.errors import BadInput
from avseld.base.files import check_folder, replacing, takes_paths
from avseld.io.boxes import describe_source
from avseld.io.formats import FORMATS
from avseld.io.run_weights import beside
from avseld.metrics.definitions import SCORES, label_of, title_of
from avseld.metrics.formulas import Scores
from avseld.publishing.facts import Facts, collect

log = logging.getLogger(__name__)

TASKS = {
    "foa": ["ambisonics"],
    "mic": ["microphone-array"],
    "circular": ["microphone-array"],
    "binaural": ["binaural"],
    "stereo": ["stereo"],
    "mono": [],
}
"""tags of the channel formats"""


@takes_paths
def card(
    run: Path,
    out: Path | None = None,
    fold: str = "test",
    license: str | None = None,
    datasets: list[str] | None = None,
    overwrite: bool = False,
) -> None:
    """Write the model card of a run: what it takes, what it was trained on, what it scores, and checksums.

    Scores come from the predictions in the run (avseld evaluate, or predict), with 95 % intervals over recordings.

    Args:
        run: the run folder, or RUN@STEP for the weights of a step that `keep_every` has kept.
        out: file to write; by default RUN/README.md, of a step RUN/README@STEP.md.
        fold: what was predicted and is scored: test, validate or train, or a fold, room or recording.
        license: of the weights, by its name on the hub: mit, apache-2.0, cc-by-4.0, ...
        datasets: training data, by their names on the hub.
        overwrite: replace a card that is there.

    Raises:
        BadInput: no finished run, or a card that is there already.
    """
    path = out or card_file(run)
    if path.exists() and not overwrite:
        raise BadInput(f"{path}: a card is there; edit it, or write another with --overwrite or --out FILE")
    check_folder(path.parent, "--out")
    text = card_text(collect(run, fold), license, datasets or [])
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    if license is None:
        log.warning("%s: without a license nobody may use the weights; --license names one", path)
    log.info("%s", path)


def card_file(run: Path) -> Path:
    """Return the path of the card in a run folder; the weights of a step have one of their own.

    Args:
        run: the run folder, or RUN@STEP.
    """
    return Path(f"{beside(run, 'README')}.md")


def card_text(facts: Facts, license: str | None = None, datasets: list[str] | None = None) -> str:
    """Write the text of a model card: metadata in YAML, then Markdown.

    Args:
        facts: of the run.
        license: of the weights, or None.
        datasets: names of the training data on the hub.
    """
    head = yaml.safe_dump(card_metadata(facts, license, datasets or []), sort_keys=False, allow_unicode=True)
    parts = [
        f"---\n{head}---",
        f"# {_name(facts)}",
        _about(facts),
        _use(facts),
        _contract(facts),
        _training(facts),
        _scores_table(facts),
        _limits(facts),
    ]
    return "\n\n".join(parts) + "\n"


def card_metadata(facts: Facts, license: str | None, datasets: list[str]) -> dict[str, Any]:
    """Return the metadata of a model card, by the fields of https://huggingface.co/docs/hub/model-cards."""
    words: dict[str, Any] = {"library_name": "avseld"}
    if license:
        words["license"] = license
    tags = ["sound-event-localization-and-detection", "seld", *TASKS.get(facts.blueprint.format, [])]
    if _sees(facts):
        tags.append("audio-visual")
    words |= {"tags": tags, "pipeline_tag": "audio-classification"}
    if datasets:
        words["datasets"] = datasets
    if facts.scores is not None:
        words["metrics"] = [_key(name, facts.scores) for name in _printed(facts.scores)]
        words["model-index"] = [{"name": _name(facts), "results": [_result(facts, facts.scores)]}]
    return words


def _result(facts: Facts, scores: Scores) -> dict[str, Any]:
    rule = f"{title_of(scores.challenge)}, {scores.average} average"
    metrics = []
    for name in _printed(scores):
        metric = {
            "type": _key(name, scores),
            "name": f"{label_of(name, scores.values)} ({rule})",
            "value": round(float(scores.values[name]), 4),
        }
        if name in scores.interval:
            metric["args"] = {
                "confidence": 0.95,
                "interval": [round(float(v), 4) for v in scores.interval[name]],
            }
        metrics.append(metric)
    dataset = Path(facts.config["data"]["prepared"]).name
    return {
        "task": {"type": "audio-classification", "name": "sound event localization and detection"},
        "dataset": {"type": dataset, "name": dataset, "split": facts.fold},
        "metrics": metrics,
    }


def _printed(scores: Scores) -> list[str]:
    """List the scores of the year that have a value."""
    return [name for name in scores.printed if scores.values[name] == scores.values[name]]


def _key(name: str, scores: Scores) -> str:
    return label_of(name, scores.values).lower().replace(" ", "_")


def _name(facts: Facts) -> str:
    return facts.run.resolve().name


def _sees(facts: Facts) -> bool:
    return bool(facts.blueprint.boxes_from) or facts.config["data"].get("video") == "aligned"


def _about(facts: Facts) -> str:
    inputs = "audio and 360-degree video" if _sees(facts) else "audio"
    return (
        f"Detects sound events of {len(facts.blueprint.classes)} classes and their directions in {inputs}: model "
        f"`{facts.blueprint.model.name}`, features `{facts.blueprint.features.name}`, target "
        f"`{facts.blueprint.target.name}`, {facts.parameters:,} values."
    )


def _use(facts: Facts) -> str:
    return (
        "## Use\n\n```bash\npip install avseld[hub]\n"
        "avseld predict --run hf:OWNER/NAME --audio RECORDING.wav      # with OWNER/NAME of this page\n```\n\n"
        '```python\nimport avseld\n\nevents = avseld.load("hf:OWNER/NAME").predict("RECORDING.wav")\n```'
    )


def _contract(facts: Facts) -> str:
    blueprint = facts.blueprint
    channels = FORMATS[blueprint.format]
    rate = blueprint.features.options.get("sample_rate", "that of the features' default")
    window = blueprint.inference_chunk or blueprint.chunk
    lines = [
        "## Input and output",
        "",
        f"* channels: {channels.channels}, `{blueprint.format}`: {channels.about};",
        f"* sample rate: {rate} Hz; avseld resamples other rates;",
        "* level: full scale is 1; statistics of the features, where they have any, are in the weights;",
        f"* window: {window:g} s, recordings of any length;",
    ]
    if _sees(facts):
        lines.append("* video: equirectangular, 2:1, or boxes of people made from it;")
        lines += [f"* boxes of the training: {describe_source(one)};" for one in blueprint.boxes_from]
    lines += [
        "* output: label frames of 100 ms with class and direction; azimuth positive to the left, elevation up;",
        "* classes, by index: "
        + ", ".join(f"{index} {name}" for index, name in enumerate(blueprint.classes))
        + ".",
    ]
    return "\n".join(lines)


def _training(facts: Facts) -> str:
    config = facts.config
    lines = [
        "## Training",
        "",
        f"{config['steps']:,} steps of {config['data']['batch_size']} windows of {config['data']['chunk']} s, seed "
        f"{config['seed']}, on `{Path(config['data']['prepared']).name}`:",
        "",
    ]
    lines += [f"* {part}: {n} recordings, {hours:.2f} hours;" for part, (n, hours) in facts.hours.items()]
    if facts.data:
        lines.append(f"* SHA-256 of manifest, classes and labels: `{facts.data}`;")
    lines += [f"* code: {facts.code};", f"* SHA-256 of the weights: `{facts.weights}`."]
    return "\n".join(lines)


def _scores_table(facts: Facts) -> str:
    lines = ["## Scores", ""]
    if facts.scores is None:
        return "\n".join([*lines, "Not scored: `avseld evaluate --run RUN`, then `avseld card --run RUN`."])
    scores = facts.scores
    lines += [
        f"{title_of(scores.challenge)}, {scores.average} average, {scores.n_recordings} recordings of {facts.fold}, "
        "95 % intervals by jackknife over recordings:",
        "",
        "| score | value | interval | |",
        "|---|--:|---|---|",
    ]
    for name in _printed(scores):
        definition, label = SCORES[name], label_of(name, scores.values)
        low, high = scores.interval.get(name, [float("nan")] * 2)
        interval = f"{definition.text(low)} to {definition.text(high)}"
        lines.append(
            f"| {label} | {definition.text_with_unit(scores.values[name])} | {interval} | "
            f"{definition.description} |"
        )
    if facts.config["data"].get("allow_overlap"):
        lines += ["", "Validation and test share recordings, as in the paper: these scores are optimistic."]
    return "\n".join(lines)


def _limits(facts: Facts) -> str:
    lines = [
        "## Limits",
        "",
        f"* Knows the {len(facts.blueprint.classes)} classes above and the recordings it was trained on; other rooms, "
        "arrays and levels were not tested unless the table says so.",
        f"* Other channel orders than `{facts.blueprint.format}` give wrong directions without an error.",
    ]
    if facts.blueprint.legacy:
        lines.append("* Reproduces rounding and averaging of the published code, defects included (legacy).")
    return "\n".join(lines)
