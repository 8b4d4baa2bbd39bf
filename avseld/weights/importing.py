"""Published weights of other projects as weights of this package: `avseld weights import FILE.ckpt --out DIR`."""

import logging
from collections.abc import Sequence
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
from avseld.system.build import System
from avseld.system.checkpoint import save_system
from avseld.weights.pseldnets import (
    Kind,
    audioset_start,
    blueprint_of,
    check_weights,
    is_audioset,
    without_prefix,
)

log = logging.getLogger(__name__)

AUTHORS = "https://github.com/Jinbo-Hu/PSELDNets"
LICENSE = (
    "The authors state no licence for these weights: whoever uses them downloads them, and asks the authors before "
    "passing them on."
)
NAME_COLUMN = 2
"""of a row of cls_indices_train.tsv: number, AudioSet identifier, name, clips, seconds"""


def import_checkpoint(
    checkpoint: Path, out: Path, classes: Path | None = None, network: str = "pseldnets"
) -> None:
    """Write the weights of a published checkpoint, with the description of their system and a card.

    Nothing in the checkpoint is executed. What PSELDNets of HTS-AT it is of is seen from names and shapes. Of HTS-AT
    trained on AudioSet, a start for --init_from is written, which is no whole system.

    Args:
        checkpoint: of PSELDNets, or of HTS-AT on AudioSet.
        out: a folder, or a file whose name ends in .safetensors; must not exist.
        classes: class names in the order of the outputs: cls_indices_train.tsv, or one a line.
        network: that weights of AudioSet are to start.

    Raises:
        BadInput: no such checkpoint, or weights that are missing, of another shape or too many; `out` is there.
    """
    weights_file, card_file = _files(out)
    given = read_weights(checkpoint)
    names = None if classes is None else read_class_table(classes)
    if is_audioset(given):
        start = {name: each.contiguous() for name, each in audioset_start(given, network, checkpoint).items()}
        _check_finite(start, checkpoint)
        _prepare(out)
        with replacing(weights_file) as temporary:
            save_file(start, temporary)
        log.info(
            "%s: start of %s, %d weights of HTS-AT on AudioSet; without a head", out, network, len(start)
        )
        _write_card(card_file, _audioset_card(network, checkpoint, weights_file))
        recipe = "pseldnets_htsat_einv2" if network == "pseldnets_einv2" else "pseldnets_htsat_maccdoa"
        tell_next("avseld", "train", "--config", recipe, "--init_from", out, "--data.prepared", "PREPARED")
        return
    own = without_prefix(given, checkpoint)
    blueprint, kind = blueprint_of(own, names, checkpoint)
    try:
        system = System(blueprint)
    except BadInput as error:
        raise BadInput(f"{checkpoint}: {error}") from error
    check_weights(system, own, kind.title, checkpoint)
    _check_finite(own, checkpoint)
    counters = {name: each for name, each in system.model.state_dict().items() if name not in own}
    system.model.load_state_dict(own | counters)
    _prepare(out)
    save_system(system, weights_file)
    _write_card(card_file, _card(system, kind, checkpoint, weights_file, classes))
    log.info(
        "%s: %s, %d classes%s, %s parameters",
        out,
        kind.title,
        len(blueprint.classes),
        "" if names else " without names (--classes cls_indices_train.tsv names them)",
        f"{system.parameter_count:,}",
    )
    log.info("fine-tune: avseld train --config %s --init_from %s --data.prepared PREPARED", kind.recipe, out)
    tell_next("avseld", "predict", "--run", out, "RECORDING.wav")


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


def _write_card(path: Path, text: str) -> None:
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    log.warning("%s", LICENSE)


def _card(system: System, kind: Kind, checkpoint: Path, weights: Path, classes: Path | None) -> str:
    blueprint = system.blueprint
    names = (
        f"named by {classes.name}"
        if classes is not None
        else "named by their numbers: the checkpoint holds no names, cls_indices_train.tsv of the data set does"
    )
    lines = [
        f"{kind.title}: {system.parameter_count:,} parameters, {len(blueprint.classes)} classes ({names}).",
        f"Input: first-order ambisonics W Y Z X at {system.sample_rate} Hz, windows of up to 10.24 s.",
        "Trained by the authors of PSELDNets on synthetic scenes of AudioSet's classes (arXiv 2411.06399); not "
        "evaluated here.",
    ]
    use = [
        f"    avseld predict --run {weights} RECORDING.wav",
        f"    avseld train --config {kind.recipe} --init_from {weights} --data.prepared PREPARED --out RUN",
    ]
    return _text("PSELDNets", lines, checkpoint, weights, use)


def _audioset_card(network: str, checkpoint: Path, weights: Path) -> str:
    recipe = "pseldnets_htsat_einv2" if network == "pseldnets_einv2" else "pseldnets_htsat_maccdoa"
    lines = [
        f"Start of {network} from HTS-AT trained on AudioSet (K. Chen et al., ICASSP 2022): the first layer is "
        "repeated for the features and divided by their number, the normalization of the mel bands is that of every "
        "feature, the head is left out.",
    ]
    use = [f"    avseld train --config {recipe} --init_from {weights} --data.prepared PREPARED --out RUN"]
    return _text("Start from AudioSet", lines, checkpoint, weights, use)


def _text(title: str, lines: Sequence[str], checkpoint: Path, weights: Path, use: Sequence[str]) -> str:
    sums = [f"{path.name}: sha256 {sha256(path)}" for path in (checkpoint, weights)]
    parts = [
        f"# {title}, imported",
        *lines,
        f"Licence: {LICENSE} Their page: {AUTHORS}",
        "\n".join(f"* {line}" for line in sums),
        "\n".join(use),
    ]
    return "\n\n".join(parts) + "\n"
