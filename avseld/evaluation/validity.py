"""What `avseld score --check_only` prints."""

import json as json_text
import sys
from collections.abc import Sequence
from pathlib import Path


def report(reasons: Sequence[str], prediction: Path, challenge: int | str, json: bool) -> int:
    """Print whether predictions are a valid submission.

    Args:
        reasons: why they are not; empty if they are.
        prediction: folder of the predictions.
        challenge: year.
        json: one JSON object instead of lines.

    Returns:
        Exit status: 2 if they are not.
    """
    if json:
        answer = {"challenge": challenge, "valid": not reasons, "problems": list(reasons)}
        sys.stdout.write(json_text.dumps(answer) + "\n")
    elif reasons:
        sys.stdout.write(
            "\n".join([f"{prediction}: not a valid submission for {challenge}", *reasons]) + "\n"
        )
    else:
        sys.stdout.write(f"{prediction}: a valid submission for {challenge}\n")
    return 2 if reasons else 0
