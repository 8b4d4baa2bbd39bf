"""Logging to the terminal: messages of this project without a level below warning, other packages from warnings on."""

import logging
import sys


class _Plain(logging.Formatter):
    """Messages; from warnings on with their level."""

    def format(self, record: logging.LogRecord) -> str:
        message = super().format(record)
        return f"{record.levelname.lower()}: {message}" if record.levelno >= logging.WARNING else message


def to_terminal() -> None:
    """Send log messages of this project from INFO on to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Plain("%(message)s"))
    for name in ("avseld", "detection", "data_prep"):
        logger = logging.getLogger(name)
        logger.handlers[:] = [handler]
        logger.setLevel(logging.INFO)
        logger.propagate = False
