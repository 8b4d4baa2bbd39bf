"""Citations in the code point to something that a reader can open."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("avseld", "detection", "data_prep", "scripts", "tests")
FILES = [
    path
    for folder in FOLDERS
    for suffix in ("py", "yaml", "sh")
    for path in (ROOT / folder).rglob(f"*.{suffix}")
]
HEADINGS = re.findall(r"^## (.+)$", (ROOT / "docs" / "sources.md").read_text(encoding="utf-8"), flags=re.M)


def test_every_citation_of_the_sources_names_one_of_its_headings():
    for path in FILES:
        text = re.sub(
            r"\s*\n[\s#]*", " ", path.read_text(encoding="utf-8")
        )  # a citation may go over a line's end
        for cited in re.findall(r"docs/sources\.md, ([^\W\d].{0,60})", text):
            assert cited.startswith(tuple(HEADINGS)), f"{path}: docs/sources.md has no heading '{cited}'"
