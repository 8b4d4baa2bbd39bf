"""The error for input that cannot be used."""


class BadInput(ValueError):  # noqa: N818 - `raise BadInput(...)` says what is wrong without "Error"
    """Input that cannot be used.

    Its message is one line that names the file (or the option) and the remedy. The commands print it without a
    traceback and exit with status 2.
    """
