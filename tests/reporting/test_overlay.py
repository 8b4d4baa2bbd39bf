"""Directions on the 360-degree video, and the command that draws."""

from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from moviepy.video.io.ffmpeg_writer import FFMPEG_VideoWriter
from PIL import Image

from avseld.base.errors import BadInput
from avseld.io.audio import read_audio
from avseld.io.boxes import Boxes
from avseld.io.dcase_csv import write_dcase
from avseld.io.events import Events, write_events
from avseld.io.geometry import to_frame
from avseld.io.labels import read_labels
from avseld.io.manifest import Recording, write_manifest
from avseld.reporting import overlay, plot
from avseld.reporting.colours import rgb
from avseld.reporting.downmix import write_stereo
from avseld.reporting.video_overlay import FrameRenderer

CLASSES = [f"sound {label}" for label in range(13)]
WIDTH, HEIGHT = 640, 320
GREY = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)


def event(
    azimuth: float, elevation: float = 0.0, label: int = 3, onset: float = 0.0, offset: float = 9.0
) -> Events:
    return Events.from_rows([(onset, offset, label, 0, azimuth, elevation, np.nan)])


def place(azimuth: float, elevation: float) -> tuple[int, int]:
    u, v = to_frame(azimuth, elevation)
    return round(float(u) * WIDTH) % WIDTH, round(float(v) * HEIGHT)


def painted(reference: Events | None, prediction: Events | None, boxes: Boxes | None = None) -> np.ndarray:
    return np.asarray(FrameRenderer(reference, prediction, boxes, CLASSES, WIDTH).render(GREY.copy(), 0.0))


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds of a uniform bluish video at 10 frames a second."""
    path = tmp_path_factory.mktemp("video") / "plain.mp4"
    with FFMPEG_VideoWriter(str(path), (WIDTH, HEIGHT), 10, preset="ultrafast") as writer:
        for _ in range(20):
            writer.write_frame(np.full((HEIGHT, WIDTH, 3), (60, 90, 160), np.uint8))
    return path


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three seconds of FOA: noise from the left."""
    path = tmp_path_factory.mktemp("audio") / "left.wav"
    noise = np.random.default_rng(0).normal(0, 0.1, 3 * 24000)
    soundfile.write(path, np.stack([noise, noise, 0 * noise, 0 * noise], axis=1), 24000)
    return path


@pytest.mark.parametrize(("azimuth", "elevation"), [(0, 0), (90, 45), (-120, -30), (37, 71)])
def test_markers_are_drawn_at_the_pixel_of_their_direction(azimuth: float, elevation: float) -> None:
    x, y = place(azimuth, elevation)
    dot = painted(None, event(azimuth, elevation))
    assert tuple(dot[y, x]) == rgb(3)
    ring = painted(event(azimuth, elevation), None)
    radius = FrameRenderer(None, None, None, CLASSES, WIDTH).radius
    assert tuple(ring[y, x]) == tuple(GREY[0, 0]), "a reference is hollow"
    for step in (-radius, radius):
        assert np.abs(ring[y + step, x].astype(int) - rgb(3)).max() < 40
        assert tuple(dot[y + step, x]) == tuple(GREY[0, 0]), "a prediction is smaller than a reference"


def test_markers_and_boxes_at_180_degrees_appear_at_both_edges() -> None:
    dot, ring = painted(None, event(180, 0)), painted(event(180, 0), None)
    y = HEIGHT // 2
    assert tuple(dot[y, 0]) == rgb(3) and tuple(dot[y, WIDTH - 1]) == rgb(3)
    radius = FrameRenderer(None, None, None, CLASSES, WIDTH).radius
    for x in (radius, WIDTH - radius):
        assert np.abs(ring[y, x].astype(int) - rgb(3)).max() < 40
    box = np.array([[[0.95, 0.4, 1.05, 0.6]]])
    boxed = painted(None, None, Boxes(np.zeros(1), box, np.ones((1, 1)), np.zeros((1, 1), int)))
    assert tuple(boxed[y, round(0.05 * WIDTH)]) == tuple(boxed[y, round(0.95 * WIDTH)]) == (255, 255, 255)
    assert tuple(boxed[y, round(0.5 * WIDTH)]) == tuple(GREY[0, 0])


def test_directions_are_drawn_from_onset_to_offset_only() -> None:
    renderer = FrameRenderer(
        None, event(0, 0, onset=3 * 0.1, offset=5 * 0.1), None, CLASSES, WIDTH, frame_centre_s=0.05
    )
    x, y = place(0, 0)
    on = [tuple(np.asarray(renderer.render(GREY.copy(), i / 10))[y, x]) == rgb(3) for i in range(8)]
    assert on == [False, False, False, True, True, False, False, False]


def test_names_are_written_beside_markers_without_overlap() -> None:
    two = Events.from_rows(
        [(0, 1, 3, 0, 10, 0, np.nan), (0, 1, 3, 1, 8, 2, np.nan), (0, 1, 5, 0, 12, -2, np.nan)]
    )
    x, _ = place(10, 0)
    plain = np.asarray(Image.fromarray(painted(None, two)).convert("L")).astype(int)
    column = plain[:HEIGHT, x + 40]
    assert (column != 90).sum() >= 3 * 15, "three names stacked beside three neighbours"


def test_the_overlay_has_the_requested_frames_and_a_stereo_downmix(
    video: Path, recording: Path, tmp_path: Path
) -> None:
    out = tmp_path / "overlay.mp4"
    overlay(video, out, event(60, 20), event(60, 20), None, CLASSES, recording, fps=10, width=WIDTH, stop=1.5)
    assert [path.name for path in tmp_path.iterdir()] == ["overlay.mp4"]
    with av.open(str(out)) as written:
        frames = [frame.to_ndarray(format="rgb24") for frame in written.decode(video=0)]
        sound = written.streams.audio[0]
        assert len(frames) == 15 and frames[0].shape[1] == WIDTH and frames[0].shape[0] > HEIGHT
        assert float(written.streams.video[0].duration * written.streams.video[0].time_base) == pytest.approx(
            1.5
        )
        assert sound.channels == 2 and sound.rate == 24000
        assert float(sound.duration * sound.time_base) == pytest.approx(1.5, abs=0.1)
    x, y = place(60, 20)
    assert np.abs(frames[7][y, x].astype(int) - rgb(3)).max() < 40


def test_the_last_frame_is_repeated_in_grey_after_the_end_of_the_video(
    video: Path, recording: Path, tmp_path: Path
) -> None:
    out = tmp_path / "overlay.mp4"
    overlay(video, out, None, None, None, CLASSES, recording, fps=10, width=WIDTH)
    with av.open(str(out)) as written:
        frames = [frame.to_ndarray(format="rgb24").astype(int) for frame in written.decode(video=0)]
    assert len(frames) == 30
    spread = [np.ptp(frame[40, 40]) for frame in frames]
    assert min(spread[:20]) > 60 and max(spread[20:]) < 12
    note = slice(HEIGHT - 45, HEIGHT)
    assert np.ptp(frames[25][note, WIDTH // 4 : -WIDTH // 4]) > 120 > np.ptp(frames[10][note])


def test_a_failed_overlay_leaves_no_file(
    video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    render = FrameRenderer.render

    def failing(self: FrameRenderer, frame: np.ndarray, time: float, *more: float | None) -> Image.Image:
        if time > 0.5:
            raise MemoryError("no more")
        return render(self, frame, time, *more)

    monkeypatch.setattr(FrameRenderer, "render", failing)
    with pytest.raises(MemoryError):
        overlay(video, tmp_path / "overlay.mp4", None, None, None, CLASSES, width=WIDTH)
    assert not list(tmp_path.iterdir())


def test_an_overlay_that_ffmpeg_did_not_finish_is_an_error(
    video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FFMPEG_VideoWriter, "write_frame", lambda self, frame: self.proc.kill())
    with pytest.raises(OSError, match=r"overlay\.mp4"):
        overlay(video, tmp_path / "overlay.mp4", None, None, None, CLASSES, width=WIDTH)
    assert not list(tmp_path.iterdir())


def test_unusable_videos_are_refused_in_one_line(video: Path, tmp_path: Path) -> None:
    out = tmp_path / "out" / "overlay.mp4"
    square, text = tmp_path / "square.mp4", tmp_path / "text.mp4"
    with FFMPEG_VideoWriter(str(square), (320, 320), 10, preset="ultrafast") as writer:
        writer.write_frame(np.zeros((320, 320, 3), np.uint8))
    text.write_text("no video")
    for path, remedy in [(square, "resize"), (text, "mp4"), (tmp_path / "absent.mp4", "not found")]:
        with pytest.raises(BadInput, match=remedy):
            overlay(path, out, None, None, None, CLASSES)
    with pytest.raises(BadInput, match="multiple of 4"):
        overlay(video, out, None, None, None, CLASSES, width=641)
    with pytest.raises(BadInput, match="nothing between"):
        overlay(video, out, None, None, None, CLASSES, start=4.0)
    assert not out.exists()


def test_a_sound_from_the_left_is_in_the_left_channel(recording: Path, tmp_path: Path) -> None:
    write_stereo(recording, tmp_path / "stereo.wav", "foa", 1.0, 2.0)
    left, right = read_audio(tmp_path / "stereo.wav")
    assert len(left) == 24000
    assert np.abs(left).max() > 0.7 and np.abs(right).max() < 1e-3


@pytest.fixture
def prepared(tmp_path: Path, recording: Path, video: Path) -> Path:
    """A prepared folder of two recordings, and a run beside it."""
    folder, run = tmp_path / "prepared", tmp_path / "run"
    listed = []
    for name, written in (("fold4_room1_a", None), ("fold4_room1_b", video)):
        write_events(folder / "labels" / f"{name}.csv", event(30, offset=2.0))
        write_dcase(run / "predictions" / f"{name}.csv", event(35, offset=2.0))
        labels = folder / "labels" / f"{name}.csv"
        listed.append(Recording(name, recording, "foa", written, None, labels, "fold4", "room1", 3.0))
    listed.append(Recording("fold3_room1_c", recording, "foa", None, None, None, "fold3", "room1", 3.0))
    write_manifest(folder, listed, CLASSES)
    (run / "config.yaml").write_text(f"data: {{prepared: '{folder}', test: [fold4]}}\n")
    return folder


def test_plot_of_a_run_draws_its_test_recordings_and_one_overlay(prepared: Path) -> None:
    run = prepared.parent / "run"
    plot(run=run, width=WIDTH, stop=1.0)
    names = sorted(path.name for path in (run / "figures").iterdir())
    assert names == ["fold4_room1_a.png", "fold4_room1_b.mp4", "fold4_room1_b.png"]


def test_plot_draws_one_recording_of_a_prepared_folder_or_single_files(
    prepared: Path, recording: Path, tmp_path: Path
) -> None:
    predictions = prepared.parent / "run" / "predictions"
    plot(prepared=prepared, recording="fold4_room1_a", predictions=predictions, out=tmp_path / "one.png")
    plot(
        audio=recording,
        reference=prepared / "labels" / "fold4_room1_a.csv",
        prediction=predictions / "fold4_room1_a.csv",
        out=tmp_path / "two.png",
    )
    assert Image.open(tmp_path / "one.png").size == Image.open(tmp_path / "two.png").size == (1200, 900)


def test_plot_names_what_is_missing(prepared: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    wrong: list[tuple[str, dict[str, object]]] = [
        ("give --run", {"out": tmp_path / "x.png"}),
        ("--out is missing", {"prepared": prepared, "recording": "fold4_room1_a"}),
        ("--recording", {"prepared": prepared, "out": tmp_path / "x.png"}),
        ("no video", {"prepared": prepared, "recording": "fold4_room1_a", "out": tmp_path / "x.mp4"}),
        (r"\.gif", {"prepared": prepared, "recording": "fold4_room1_a", "out": tmp_path / "x.gif"}),
        (r"config\.yaml", {"run": empty}),
    ]
    for message, options in wrong:
        with pytest.raises(BadInput, match=message):
            plot(**options)  # type: ignore[arg-type]
    assert not list(tmp_path.glob("x.*"))


def test_both_csv_formats_are_recognized_by_their_first_line(prepared: Path) -> None:
    first = read_labels(prepared / "labels" / "fold4_room1_a.csv")
    second = read_labels(prepared.parent / "run" / "predictions" / "fold4_room1_a.csv")
    assert (len(first), len(second)) == (1, 20)
    assert first.azimuth[0] == 30 and second.azimuth[0] == 35
