"""Pages of HTML that need nothing from elsewhere: their templates, the parts that they share, and data for scripts."""

import json
from pathlib import Path
from typing import Any

PARTS = {"@STYLE@": "page.css", "@SHARED@": "page.js"}
"""mark in a template -> file that takes its place"""


def page_template(name: str) -> str:
    """Read the template of a page, with the style and the script that all pages share.

    Args:
        name: of NAME.html beside this module.
    """
    folder = Path(__file__).parent
    text = (folder / f"{name}.html").read_text(encoding="utf-8")
    for mark, part in PARTS.items():
        text = text.replace(mark, (folder / part).read_text(encoding="utf-8").rstrip())
    return text


def data_text(data: Any) -> str:
    """Write data as JSON that may stand in a script element: only "</" and "<!--" would end it there."""
    text = json.dumps(data, allow_nan=False, separators=(",", ":"))
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text
