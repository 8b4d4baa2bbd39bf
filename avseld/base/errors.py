"""What goes wrong because of the input, in words for the person who gave it."""


class BadInput(ValueError):  # noqa: N818 - reads as what it is, in `raise BadInput(...)`
    """Input that cannot be used.

    The message is one line that names the file (or the key) and the remedy. The command lines print it
    without a traceback and exit with status 2.
    """
