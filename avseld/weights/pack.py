"""Pack the weights of a run for shipping: half precision and the thresholds that were chosen on validation scenes.

`python -m avseld.weights.pack RUN OUT.safetensors [--threshold T]`
"""

import argparse
import logging
from pathlib import Path

import torch

from avseld.base.errors import BadInput
from avseld.io.run_weights import weights_of
from avseld.system.checkpoint import STATISTICS, read_weights, write_weights

log = logging.getLogger(__name__)


def pack(weights: Path, out: Path, threshold: float | None = None) -> int:
    """Write the weights of a run in half precision, with its blueprint.

    Statistics of the features and running variances stay in single precision: they may lie outside the range of 16
    bits.

    Args:
        weights: safetensors file of a run.
        out: file to write.
        threshold: threshold of the target from now on; that of the training if None.

    Returns:
        Bytes written.

    Raises:
        BadInput: no readable weights, a threshold outside 0 to 1, or a value that half precision can't hold.
    """
    if threshold is not None and not 0 <= threshold <= 1:
        raise BadInput(f"--threshold {threshold:g}: give a value from 0 to 1")
    state, blueprint = read_weights(weights)
    if threshold is not None:
        blueprint = blueprint.with_threshold(threshold)
    for name, value in state.items():
        if value.dtype == torch.float32 and not name.startswith(STATISTICS) and "running_" not in name:
            state[name] = value.half()
            if not torch.isfinite(state[name]).all():
                raise BadInput(f"{weights}: {name} holds values beyond the range of half precision")
    write_weights(out, state, blueprint)
    return out.stat().st_size


def main() -> None:
    """Run the module from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--threshold", type=float)
    words = parser.parse_args()
    weights = weights_of(words.run)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        log.info("%s: %d bytes", words.out, pack(weights, words.out, words.threshold))
    except BadInput as error:
        parser.exit(2, f"pack: {error}\n")


if __name__ == "__main__":
    main()
