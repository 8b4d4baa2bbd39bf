"""docs/own_recordings.md, command by command, on generated recordings."""

import re
import shlex
from pathlib import Path

import av
import numpy as np
import pytest
from docs.stand_ins import write_detector
from own_material import LATE_S, NAMES, write_takes

import avseld.__main__
import data_prep.__main__
import detection.__main__
from avseld.io.alignment import boxes_of
from avseld.io.audio import audio_info
from avseld.io.events import read_events
from avseld.io.manifest import read_manifest

PAGE = Path(__file__).resolve().parents[2] / "docs" / "own_recordings.md"
PROGRAMS = {"avseld": avseld.__main__, "avseld-prep": data_prep.__main__, "avseld-detect": detection.__main__}


def commands() -> list[list[str]]:
    """List the commands of the page with the options of the comment before their block."""
    pattern = r"(?:<!-- check: (?P<check>.*?) -->\n)?```bash\n(?P<code>.*?)```"
    found = []
    for block in re.finditer(pattern, PAGE.read_text(encoding="utf-8"), flags=re.S):
        options = [part.strip() for part in (block["check"] or "").split("|")]
        if options[0].startswith("not run"):
            continue
        lines = block["code"].strip().splitlines()
        options += [""] * (len(lines) - len(options))
        found += [shlex.split(f"{line} {more}") for line, more in zip(lines, options, strict=False)]
    return found


@pytest.mark.slow
def test_the_page_leads_from_files_and_a_sheet_to_a_film(tmp_path, monkeypatch, capsys):
    write_takes(tmp_path)
    write_detector(tmp_path / "YOLOX.onnx")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    shown = {}
    for program, *words in commands():
        PROGRAMS[program].main(words)
        shown[words[0]] = capsys.readouterr()
    assert len(shown) == 8

    recordings = read_manifest("prepared")
    assert [one.name for one in recordings] == list(NAMES)
    for one in recordings:
        assert one.video_offset == pytest.approx(LATE_S, abs=0.015)
        assert audio_info(one.audio).sample_rate == 24000 and one.duration == 8.0
        events = read_events(one.labels, 13)
        assert len(events) and (events.offset <= 8.0 + 1e-9).all() and not np.isnan(events.azimuth).any()
        assert boxes_of(one).time[0] == one.video_offset
    assert "0 errors, 0 warnings" in shown["check"].out and "no events of" in shown["check"].out
    assert (tmp_path / "New Take.csv").is_file() and (tmp_path / "New Take.events.csv").is_file()
    films = list((tmp_path / "runs/first/figures").glob("*.mp4"))
    for path in (*films, tmp_path / "New Take.mp4"):
        with av.open(str(path)) as film:
            assert film.streams.video[0].frames == 80 and film.streams.audio
    assert len(films) == 1
    assert (tmp_path / "kitchen.png").is_file() and (tmp_path / "runs/first/view.html").is_file()
