"""The HTML file: complete, without network access, and safe with any class name."""

import base64
import html.parser
import io
import json
import re
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from browser import chromium
from yolox_material import write_video

from avseld.base.errors import BadInput
from avseld.io.boxes import Boxes
from avseld.io.dcase_csv import read_dcase, write_dcase
from avseld.io.events import write_events
from avseld.io.formats import FORMATS
from avseld.io.geometry import angle_between, unit_vector, wrap
from avseld.io.manifest import Recording, write_manifest
from avseld.reporting.downmix import STEREO
from avseld.reporting.recording_files import from_run
from avseld.reporting.viewer import _boxes, view

NASTY = 'Knock </script><b id="out">&amp; é <!-- <script>'
ROOM = np.random.default_rng(0).integers(0, 255, (6, 12, 3), np.uint8).repeat(30, 0).repeat(30, 1)
CLASSES = ["Speech", "Laughter", NASTY, "Telephone", *(f"class {label}" for label in range(4, 13))]


class Scripts(html.parser.HTMLParser):
    """Collects the texts of the script elements, as a browser splits them, and all tags."""

    def __init__(self) -> None:
        super().__init__()
        self.scripts: list[str] = []
        self.tags: list[str] = []
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self._inside = tag == "script"
        if self._inside:
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        self._inside = False

    def handle_data(self, text: str) -> None:
        if self._inside:
            self.scripts[-1] += text


def parsed(page: Path) -> tuple[dict[str, Any], Scripts]:
    parser = Scripts()
    parser.feed(page.read_text(encoding="utf-8"))
    return json.loads(parser.scripts[0]), parser


@pytest.fixture(scope="module")
def run(golden: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run over one generated scene with a video; its prediction is the reference, turned by 30 degrees."""
    folder = tmp_path_factory.mktemp("viewer")
    scene = golden("components/scene.wav")
    pictures = [np.roll(ROOM, 4 * frame, axis=1) for frame in range(60)]
    video = write_video(folder / "scene.mp4", pictures, 10)
    reference, _ = read_dcase(golden("components/scene.csv"))
    labels = folder / "prepared" / "labels" / "scene.csv"
    write_events(labels, reference)
    write_manifest(
        folder / "prepared",
        [Recording("scene", scene, "foa", video, None, labels, "fold4", "room1", 6.0)],
        CLASSES,
    )
    prediction = replace(reference, azimuth=reference.azimuth + 30)
    write_dcase(folder / "run" / "predictions" / "scene.csv", prediction)
    (folder / "run" / "config.yaml").write_text(
        f"data: {{prepared: '{folder / 'prepared'}', test: [fold4]}}\n"
    )
    return folder / "run"


@pytest.fixture(scope="module")
def page(run: Path) -> Path:
    view(run=run)
    return run / "view.html"


def test_page_holds_every_event_of_reference_and_prediction(
    page: Path, golden: Callable[[str], Path]
) -> None:
    events, _ = read_dcase(golden("components/scene.csv"))
    (recording,) = parsed(page)[0]["recordings"]
    assert recording["name"] == "scene" and recording["duration"] == 6
    for kind in ("reference", "prediction"):
        assert len(recording[kind]["onset"]) == len(events)
        turned = wrap(events.azimuth + (30 if kind == "prediction" else 0))
        assert sorted(recording[kind]["azimuth"]) == sorted(turned)
        assert sorted(recording[kind]["label"]) == sorted(events.label)


def test_page_needs_no_network(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    _, parser = parsed(page)
    assert not re.search(r"https?://|//cdn|@import|url\(", text)
    assert not {"link", "iframe", "object", "embed"} & set(parser.tags)
    assert "default-src 'none'" in text


def test_class_names_cannot_break_out_of_the_data(page: Path) -> None:
    data, parser = parsed(page)
    assert data["classes"][2] == NASTY
    assert len(parser.scripts) == 2 and "b" not in parser.tags


def test_page_plays_the_recording_as_stereo(page: Path) -> None:
    (recording,) = parsed(page)[0]["recordings"]
    kind, _, code = recording["audio"].partition(",")
    assert kind == "data:audio/mpeg;base64"
    samples, rate = soundfile.read(io.BytesIO(base64.b64decode(code)))
    assert samples.shape[1] == 2
    assert len(samples) / rate == pytest.approx(6.0, abs=0.2)
    assert np.abs(samples).max() > 0.5


def test_page_holds_a_frame_of_the_video_for_every_second(page: Path) -> None:
    (recording,) = parsed(page)[0]["recordings"]
    assert recording["stills"]["step"] == 1 and len(recording["stills"]["images"]) == 6
    assert all(image.startswith("data:image/jpeg;base64,") for image in recording["stills"]["images"])


def test_same_material_gives_the_same_bytes(run: Path, page: Path, tmp_path: Path) -> None:
    view(run=run, out=tmp_path / "again.html")
    assert (tmp_path / "again.html").read_bytes() == page.read_bytes()


def test_page_of_a_prepared_folder_is_cut_to_the_asked_seconds(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "short.html"
    with pytest.raises(BadInput, match=r"--picture_every 1e-09: give 0\.01 s or more"):
        view(prepared=run.parent / "prepared", out=out, picture_every=1e-9)
    view(prepared=run.parent / "prepared", out=out, seconds=1.5, picture_every=0.0)
    (recording,) = parsed(out)[0]["recordings"]
    assert recording["prediction"] is None and recording["stills"]["images"] == []
    assert max(recording["reference"]["offset"]) == 1.5
    assert recording["note"] == "the first 1.5 of 6.0 s"


def test_one_sound_file_is_shown_with_its_prediction(run: Path, tmp_path: Path) -> None:
    (recording, *_) = from_run(run)
    (tmp_path / "classes.txt").write_text("".join(f"{name}\n" for name in recording.classes))
    view(
        audio=recording.audio,
        prediction=recording.prediction,
        classes=tmp_path / "classes.txt",
        out=tmp_path / "x.html",
    )
    whole, _ = parsed(tmp_path / "x.html")
    assert whole["classes"] == recording.classes
    (shown,) = whole["recordings"]
    assert len(shown["prediction"]["onset"]) == len(recording.load_events()[1]) and shown["reference"] is None


def test_view_names_what_is_missing(run: Path, tmp_path: Path) -> None:
    for message, options in [
        ("give --run", {}),
        ("--out is missing", {"prepared": run.parent / "prepared"}),
        ("too small", {"run": run, "seconds": 0.0}),
        ("'other' names no", {"run": run, "recordings": ["other"]}),
    ]:
        with pytest.raises(BadInput, match=message):
            view(**options)  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


def test_page_runs_in_a_browser(page: Path, tmp_path: Path) -> None:
    words = [chromium(), "--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}"]
    words += ["--virtual-time-budget=3000", "--dump-dom", page.as_uri()]
    dom = subprocess.run(words, capture_output=True, timeout=90, check=True).stdout.decode()
    table = dom[dom.index('<tbody id="now">') : dom.index("</tbody>")]
    assert "Telephone" in table and "\N{MINUS SIGN}79°, +8°, 2.0 m" in table
    error = angle_between(unit_vector(-79, 8), unit_vector(-49, 8))
    assert f"<td>{error:.0f}°</td>" in table
    assert "0.0 / 6.0 s" in dom and '<b id="out">' not in dom


def test_a_page_shows_nobody_before_the_boxes_of_a_late_video() -> None:
    late = Boxes(np.array([0.7, 0.8]), np.full((2, 1, 4), 0.5), np.ones((2, 1)), np.zeros((2, 1), int))
    shown = _boxes(late, 10.0)
    assert shown["time"] == [0.0, 0.7, 0.8] and [len(row) for row in shown["box"]] == [0, 1, 1]


def test_every_channel_format_has_a_downmix() -> None:
    assert {name: {len(side) for side in sides} for name, sides in STEREO.items()} == {
        name: {each.channels} for name, each in FORMATS.items()
    }
