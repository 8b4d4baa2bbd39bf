"""Citations of docs/sources.md name headings that it has."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_every_cited_section_of_the_sources_exists():
    headings = re.findall(r"^## (.+)$", (ROOT / "docs" / "sources.md").read_text(), re.MULTILINE)
    cited = 0
    for folder in ("avseld", "detection", "data_prep", "tests"):
        for path in (ROOT / folder).rglob("*.py"):
            text = re.sub(r"\s+#? ?", " ", path.read_text())
            for after in re.findall(r"docs/sources\.md, (?!HEADING)(.{80})", text):
                assert after.startswith(tuple(headings)), (
                    f"{path.relative_to(ROOT)}: no section '{after[:40]}'"
                )
                cited += 1
    assert cited > 10
