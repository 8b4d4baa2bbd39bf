"""Published weights of other projects as weights of this package: `avseld weights import FILE.ckpt --out DIR`."""

import logging
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from avseld.base.errors import BadInput
from avseld.base.files import check_folder, make_folder, replacing, sha256, visible
from avseld.base.next_step import tell_next
from avseld.io.manifest import check_class_names, read_class_list
from avseld.io.text import read_text
from avseld.models.transfer import BEST, read_weights
from avseld.system.blueprint import Blueprint
from avseld.system.build import System
from avseld.system.checkpoint import save_system
from avseld.weights.audioset import audioset_blueprint, audioset_start, is_audioset
from avseld.weights.pseldnets import (
    Kind,
    blueprint_of,
    check_weights,
    training_options,
    without_prefix,
)

log = logging.getLogger(__name__)

LICENSE = (
    "The authors state no licence for these weights: whoever uses them downloads them, and asks the authors before "
    "passing them on."
)
PAGE = "Their page: https://github.com/Jinbo-Hu/PSELDNets"
AUDIOSET_LICENSE = (
    "The licence of these weights, of K. Chen et al., HTS-AT (ICASSP 2022), was not checked: ask its authors before "
    "passing them on."
)
NAME_COLUMN = 2
"""of a row of cls_indices_train.tsv: number, AudioSet identifier, name, clips, seconds"""


def import_checkpoint(
    checkpoint: Path, out: Path, classes: Path | None = None, network: str | None = None
) -> None:
    """Write the weights of a published checkpoint, with the description of their system and a card.

    Nothing in the checkpoint is executed. What PSELDNets of HTS-AT it is of is seen from names and shapes. Of HTS-AT
    trained on AudioSet, a start for --init_from is written, which is no whole system.

    Args:
        checkpoint: of PSELDNets, or of HTS-AT on AudioSet.
        out: a folder, or a file whose name ends in .safetensors; must not exist.
        classes: class names in the order of the outputs: cls_indices_train.tsv, or one a line.
        network: that weights of AudioSet are to start, pseldnets (the default) or pseldnets_einv2.

    Raises:
        BadInput: no such checkpoint, or weights that are missing, of another shape or too many; `out` is there; an
            option of the other kind of checkpoint.
    """
    weights_file, card_file = _files(out)
    given = read_weights(checkpoint)
    if is_audioset(given):
        if classes is not None:
            raise BadInput(f"--classes: {checkpoint} starts a network without its head; leave it out")
        _import_start(given, checkpoint, out, network or "pseldnets")
        return
    names = None if classes is None else read_class_table(classes)
    own = without_prefix(given, checkpoint)
    if network is not None:
        raise BadInput(
            f"--network: belongs to weights of AudioSet, and {checkpoint} is of PSELDNets; leave it out"
        )
    blueprint, kind = blueprint_of(own, names, checkpoint)
    system = _system_of(blueprint, checkpoint)
    check_weights(system, own, kind.title, checkpoint)
    _check_finite(own, checkpoint)
    counters = {name: each for name, each in system.model.state_dict().items() if name not in own}
    system.model.load_state_dict(own | counters)
    _prepare(out)
    save_system(system, weights_file)
    _write_card(card_file, _card(system, kind, checkpoint, weights_file, classes), LICENSE)
    log.info(
        "%s: %s, %d classes%s, %s parameters",
        out,
        kind.title,
        len(blueprint.classes),
        "" if names else " without names (--classes cls_indices_train.tsv names them)",
        f"{system.parameter_count:,}",
    )
    options = shlex.join([*training_options(blueprint, kind), "--init_from", str(out)])
    log.info("fine-tune: avseld train %s --data.prepared PREPARED", options)
    tell_next("avseld", "predict", "--run", out, "RECORDING.wav")


def _import_start(given: Mapping[str, Tensor], checkpoint: Path, out: Path, network: str) -> None:
    """Write the start of a network from HTS-AT on AudioSet, with its card.

    Raises:
        BadInput: weights that are missing, of another shape or too many.
    """
    weights_file, card_file = _files(out)
    start = {name: each.contiguous() for name, each in audioset_start(given, network, checkpoint).items()}
    blueprint, kind = audioset_blueprint(start, network, checkpoint)
    check_weights(_system_of(blueprint, checkpoint), start, "HTS-AT on AudioSet", checkpoint, start_only=True)
    _check_finite(start, checkpoint)
    _prepare(out)
    with replacing(weights_file) as temporary:
        save_file(start, temporary)
    log.info("%s: start of %s, %d weights of HTS-AT on AudioSet; without a head", out, network, len(start))
    options = training_options(blueprint, kind)
    _write_card(card_file, _audioset_card(network, options, checkpoint, weights_file), AUDIOSET_LICENSE)
    tell_next("avseld", "train", *options, "--init_from", out, "--data.prepared", "PREPARED")


def _system_of(blueprint: Blueprint, checkpoint: Path) -> System:
    """Build a system; messages name the checkpoint that its sizes are of.

    Raises:
        BadInput: no network has these sizes.
    """
    try:
        return System(blueprint)
    except BadInput as error:
        raise BadInput(f"{checkpoint}: {error}") from error


def read_class_table(path: Path) -> list[str]:
    """Read class names from cls_indices_train.tsv, or from a file with one name a line.

    Raises:
        BadInput: no readable names; or a name stands twice.
    """
    rows = [line.split("\t") for line in read_text(path, "give class names, one a line").splitlines()]
    rows = [row for row in rows if any(cell.strip() for cell in row)]
    if not any(len(row) > 1 for row in rows):
        return read_class_list(path)
    if short := next((row for row in rows if len(row) <= NAME_COLUMN), None):
        raise BadInput(
            f"{path}: {short[0][:40]!r} has {len(short)} columns; give cls_indices_train.tsv (number, AudioSet "
            "identifier, name, clips, seconds), or one name a line"
        )
    names = [row[NAME_COLUMN].strip() for row in rows]
    check_class_names(names, path)
    return names


def _files(out: Path) -> tuple[Path, Path]:
    """Return the files of weights and of the card.

    Raises:
        BadInput: they would overwrite something.
    """
    if out.suffix == ".safetensors":
        check_folder(out.parent, "--out")
        files = out, out.with_suffix(".md")
        if there := next((file for file in files if file.exists()), None):
            raise BadInput(f"{there}: is there already; choose another --out")
        return files
    check_folder(out, "--out")
    if visible(out):
        raise BadInput(f"--out {out}: is not empty; choose a new folder, or a file NAME.safetensors")
    return out / BEST, out / "README.md"


def _prepare(out: Path) -> None:
    make_folder(out.parent if out.suffix == ".safetensors" else out, "--out")


def _check_finite(weights: dict[str, Tensor], origin: Path) -> None:
    for name, value in weights.items():
        if value.is_floating_point() and not torch.isfinite(value).all():
            raise BadInput(f"{origin}: '{name}' holds values that are no numbers; download it again")


def _write_card(path: Path, text: str, licence: str) -> None:
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    log.warning("%s", licence)


def _card(system: System, kind: Kind, checkpoint: Path, weights: Path, classes: Path | None) -> str:
    blueprint = system.blueprint
    names = (
        f"named by {classes.name}"
        if classes is not None
        else "named by their numbers: the checkpoint holds no names, cls_indices_train.tsv of the data set does"
    )
    longest = system.longest_window
    windows = "of any length" if longest is None else f"of up to {(longest - 1) * system.hop:.2f} s"
    lines = [
        f"{kind.title}: {system.parameter_count:,} parameters, {len(blueprint.classes)} classes ({names}).",
        f"Input: first-order ambisonics W Y Z X at {system.sample_rate} Hz, windows {windows}.",
        "Trained by the authors of PSELDNets on synthetic scenes of AudioSet's classes (arXiv 2411.06399); not "
        "evaluated here.",
    ]
    use = [
        f"    avseld predict --run {weights} RECORDING.wav",
        _training(training_options(blueprint, kind), weights),
    ]
    return _text("PSELDNets", lines, f"{LICENSE} {PAGE}", checkpoint, weights, use)


def _audioset_card(network: str, options: Sequence[str], checkpoint: Path, weights: Path) -> str:
    lines = [
        f"Start of {network} from HTS-AT trained on AudioSet (K. Chen et al., ICASSP 2022): the first layer is "
        "repeated for the features and divided by their number, the normalization of the mel bands is that of every "
        "feature, the head is left out.",
    ]
    use = [_training(options, weights)]
    return _text("Start from AudioSet", lines, AUDIOSET_LICENSE, checkpoint, weights, use)


def _training(options: Sequence[str], weights: Path) -> str:
    return f"    avseld train {shlex.join([*options, '--init_from', str(weights)])} --data.prepared PREPARED --out RUN"


def _text(
    title: str, lines: Sequence[str], licence: str, checkpoint: Path, weights: Path, use: Sequence[str]
) -> str:
    sums = [f"{path.name}: sha256 {sha256(path)}" for path in (checkpoint, weights)]
    parts = [
        f"# {title}, imported",
        *lines,
        f"Licence: {licence}",
        "\n".join(f"* {line}" for line in sums),
        "\n".join(use),
    ]
    return "\n\n".join(parts) + "\n"
