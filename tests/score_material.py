"""Two recordings with labels and predictions, and the command `score`."""

import pytest

from avseld.__main__ import main

LABELS = (
    "0,1,0,30,10,200\n1,1,0,32,10,200\n2,1,0,34,10,200\n5,4,0,-90,0,150\n9,4,0,-90,0,150\n14,1,0,0,0,300\n"
)


def run(*words: object) -> None:
    main(["score", *map(str, words)])


def failure(capsys: pytest.CaptureFixture, *words: object) -> str:
    """Return the last line that a failing call writes to standard error."""
    with pytest.raises(SystemExit) as stop:
        run(*words)
    assert stop.value.code == 2
    return capsys.readouterr().err.strip().splitlines()[-1]
