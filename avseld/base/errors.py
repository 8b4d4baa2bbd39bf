"""Errors that a command reports in one line: unusable input, a signal."""


class BadInput(ValueError):  # noqa: N818 - `raise BadInput(...)` says what is wrong without "Error"
    """Input that cannot be used.

    Its message is one line that names the file (or the option) and the remedy. The commands print it without a
    traceback and exit with status 2.
    """


class CannotWrite(BadInput, OSError):  # noqa: N818 - as BadInput
    """A place where nothing can be written: a full disk, no permission, a file where a folder is needed."""


class Interrupted(KeyboardInterrupt):
    """A signal has ended the work in progress.

    Args:
        message: one line: what is done, and how to go on.
        number: of the signal; a command exits with status 128 + number, as shells report it.
    """

    def __init__(self, message: str, number: int) -> None:
        super().__init__(message)
        self.status = 128 + number
