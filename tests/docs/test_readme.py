"""The commands and options that the documentation shows."""

import io
import re
from contextlib import redirect_stdout
from functools import cache
from pathlib import Path

import pytest

import avseld.__main__
import data_prep.__main__
import detection.__main__

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
PROGRAMS = {"avseld": avseld.__main__, "avseld-prep": data_prep.__main__, "avseld-detect": detection.__main__}
FREE = ("model.name", "features.name", "target.name",
        "model.options.", "features.options.", "target.options.", "optimizer.options.", "schedule.", "init_from",
        "hardware.")  # fmt: skip
"""beginnings of options whose ends the named part decides"""


def commands(page: Path) -> list[list[str]]:
    """List the words of every avseld command in the code of a page."""
    text = page.read_text(encoding="utf-8")
    code = re.findall(r"```bash\n(.*?)```", text, flags=re.S) + re.findall(r"`([^`\n]+(?:\n[^`\n]+)?)`", text)
    lines = [line for block in code for line in re.sub(r"([^\\])\n(?=--)", r"\1 ", block).splitlines()]
    return [words for line in lines if (words := line.split("#")[0].split()) and words[0] in PROGRAMS]


@cache
def options(program: str, verb: str) -> set[str]:
    """Ask a command for its options."""
    shown = io.StringIO()
    with redirect_stdout(shown), pytest.raises(SystemExit) as end:
        PROGRAMS[program].main([verb, "--help"])
    assert end.value.code == 0, f"{program} {verb}"
    return set(re.findall(r"--([\w.]+)", shown.getvalue()))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_option_that_a_page_shows_exists(page):
    for words in commands(page):
        for word in words[2:]:
            name = word.split("=")[0].removeprefix("--")
            if word.startswith("--") and not name.startswith(FREE):
                assert name in options(words[0], words[1]), " ".join(words)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_that_a_page_names_exists(page):
    text = page.read_text(encoding="utf-8")
    named = re.findall(r"\b((?:scripts|tests|avseld|detection|data_prep)/[\w/]*\.\w+)", text)
    assert not [name for name in named if not (ROOT / name).exists()]


@pytest.mark.slow
def test_every_command_of_the_readme_and_of_getting_started_runs(served, tmp_path):
    said = served("check_readme.sh", tmp_path)
    assert "avseld predict --run quickstart/audio_visual" in said
    assert "avseld-prep own --audio recordings/audio" in said
