"""The last line of a command: what to do next, as it is typed."""

import logging
import shlex
from pathlib import Path

log = logging.getLogger(__name__)


def tell_next(*words: str | Path) -> None:
    """Log the command that usually follows.

    Args:
        words: the program, its command and its arguments; paths are quoted where a shell needs it.
    """
    log.info("next: %s", shlex.join(map(str, words)))


def beside(folder: Path, ending: str) -> Path:
    """Name a folder beside another: `raw` and `prepared` become `raw_prepared`."""
    return folder.with_name(f"{folder.resolve().name}_{ending}")
