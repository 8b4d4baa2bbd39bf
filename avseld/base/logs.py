"""Logging to the terminal: messages of this project without a level below warning, other packages from warnings on."""

import logging
import sys
from typing import TextIO

from avseld.base.printable import one_line


class _Plain(logging.Formatter):
    """Messages in one line each, without control characters; from warnings on with their level."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the name of logging
        message = one_line(super().formatMessage(record))
        return f"{record.levelname.lower()}: {message}" if record.levelno >= logging.WARNING else message


class AboveBars(logging.StreamHandler[TextIO]):
    """Writes a message on a line of its own where a progress bar is shown, and the bar below it."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a message."""
        if "tqdm" not in sys.modules:
            super().emit(record)
            return
        with sys.modules["tqdm"].tqdm.external_write_mode(file=self.stream):
            super().emit(record)


def to_terminal() -> None:
    """Send log messages of this project from INFO on to standard error."""
    handler = AboveBars(sys.stderr)
    handler.setFormatter(_Plain("%(message)s"))
    for name in ("avseld", "detection", "data_prep"):
        logger = logging.getLogger(name)
        logger.handlers[:] = [handler]
        logger.setLevel(logging.INFO)
        logger.propagate = False
