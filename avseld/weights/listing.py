"""The command `weights`: list the weights that come with the package, or import those of a published checkpoint."""

import json as json_format
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Literal

from avseld.base.errors import BadInput
from avseld.base.files import takes_paths
from avseld.weights import shipped


@takes_paths
def weights(
    json: bool = False,
    checkpoint: Path | None = None,
    out: Path | None = None,
    classes: Path | None = None,
    network: Literal["pseldnets", "pseldnets_einv2"] | None = None,
) -> None:
    """List the trained weights that come with the package, or import a checkpoint of PSELDNets.

    The list has input, classes, size, training data, scores and limits. `import FILE` reads a checkpoint of PSELDNets
    (HTS-AT, PaSST, CNN14), or of HTS-AT on AudioSet, executes nothing in it, checks every name and shape, and writes
    weights with their description and a card, for `predict --run` and `train --init_from`. Its authors state no
    licence: you download it yourself (docs/weights.md says where).

    Args:
        json: print one JSON object per line and weights.
        checkpoint: the same as import FILE.
        out: with import, a new folder, or a file whose name ends in .safetensors.
        classes: with import, names of the classes: cls_indices_train.tsv, which comes with the authors' data, or a file
            with one name a line; by default pseld_000 to pseld_169.
        network: with import of weights of AudioSet, the network that they are to start; pseldnets if not given.

    Raises:
        BadInput: no such checkpoint, one of another network, or an option that would have no effect.
    """
    if checkpoint is not None:
        if out is None:
            raise BadInput("import: where to? add --out DIR, or --out FILE.safetensors")
        if json:
            raise BadInput("--json: belongs to the list of avseld weights; leave it out with import")
        # Not imported above: the list needs no networks.
        from avseld.weights.importing import import_checkpoint

        import_checkpoint(checkpoint, out, classes, network)
        return
    given = {"--out": out, "--classes": classes, "--network": network}
    if option := next((name for name, value in given.items() if value is not None), None):
        raise BadInput(f"{option}: belongs to avseld weights import FILE.ckpt")
    for card in shipped().values():
        if json:
            sys.stdout.write(json_format.dumps(asdict(card)) + "\n")
            continue
        names = card.classes[0] if len(card.classes) == 1 else f"{len(card.classes)} classes"
        scores = ", ".join(f"{name} {value}" for name, value in card.scores.items())
        sys.stdout.write(
            f"{card.name}: {card.about}\n"
            f"  input    {card.format}{' and video' * card.video}{', taken by default' * card.default}, "
            f"{card.sample_rate} Hz; {names}; {card.parameters:,} parameters, "
            f"{card.path.stat().st_size / 1e6:.1f} MB\n"
            f"  trained  {card.trained_on}\n"
            f"  scores   {scores}\n"
            f"  limits   {card.limits}\n"
        )
