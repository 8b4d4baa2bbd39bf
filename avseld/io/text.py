"""Text files in the encodings that spreadsheets and editors write."""

from pathlib import Path

from avseld.base.archive import open_file
from avseld.base.errors import BadInput
from avseld.base.files import require_file


def read_text(path: Path, expected: str = "save it as csv in UTF-8") -> str:
    """Read a text file in UTF-8, or in UTF-16 with a byte order mark, as spreadsheets export it.

    Args:
        path: of the file.
        expected: remedy, for the message.

    Raises:
        BadInput: missing or not text.
    """
    require_file(path)
    try:
        with open_file(path) as file:
            return decoded(file.read())
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: cannot be read as text ({error}); {expected}") from error


def decoded(raw: bytes) -> str:
    """Decode UTF-8 or UTF-16, by the byte order mark or, without one, by the zero byte of the first letter."""
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return raw.decode("utf-16").lstrip("\ufeff")
    if len(raw) % 2 == 0 and len(raw) >= 2 and (raw[0] == 0) != (raw[1] == 0):
        return raw.decode("utf-16-be" if raw[0] == 0 else "utf-16-le")
    return raw.decode("utf-8-sig").lstrip("\ufeff")
