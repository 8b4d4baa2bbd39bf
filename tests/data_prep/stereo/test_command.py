"""avseld-prep stereo: a small corpus becomes clips whose sound, picture and labels agree."""

import csv
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
import soundfile

from avseld.base.errors import BadInput
from avseld.io.dcase_csv import read_dcase
from avseld.io.labels import read_labels
from avseld.io.manifest import read_manifest
from avseld.io.unfolded import read_unfolded, unfolded_beside
from data_prep.corpora.dcase import dcase
from data_prep.stereo import published
from data_prep.stereo.camera import DCASE2025, View, source_pixels
from data_prep.stereo.command import stereo
from data_prep.stereo.fidelity import fidelity
from data_prep.stereo.film import film
from data_prep.stereo.film_writer import Film
from data_prep.stereo.picture import Lens

RATE, FPS, WIDTH = 24000, 10, 720
NAMES = ("fold3_room21_mix013", "fold3_room22_mix001", "fold4_room23_mix001")
AZIMUTH = 40
"""of the sound and of the white bar in the picture"""


def panorama(path: Path, n_frames: int, gop: int = 12) -> None:
    """Film a white bar at AZIMUTH on a grey that brightens from frame to frame."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(FPS))
        stream.width, stream.height, stream.pix_fmt = WIDTH, WIDTH // 2, "yuv420p"
        stream.options = {"preset": "ultrafast", "crf": "10", "g": str(gop)}
        middle = WIDTH // 2 - AZIMUTH * WIDTH // 360
        for number in range(n_frames):
            grey = np.full((WIDTH * 3 // 4, WIDTH), 128, np.uint8)
            grey[: WIDTH // 2] = 40 + number
            grey[: WIDTH // 2, middle - 4 : middle + 4] = 235
            container.mux(stream.encode(av.VideoFrame.from_ndarray(grey, "yuv420p")))
        container.mux(stream.encode(None))


def luma(path: Path) -> np.ndarray:
    """(frame, row, column) of a video."""
    with av.open(str(path)) as container:
        return np.stack([frame.to_ndarray()[: frame.height] for frame in container.decode(video=0)])


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    """Three recordings of 4 s: noise from AZIMUTH, with its label and a white bar in the video."""
    folder = tmp_path_factory.mktemp("stereo") / "raw"
    for number, name in enumerate(NAMES):
        split = "dev-test-tau" if "fold4" in name else "dev-train-tau"
        noise = 0.1 * np.random.default_rng(number).uniform(-1, 1, 4 * RATE)
        angle = np.radians(AZIMUTH)
        gains = np.array([1, np.sin(angle), 0, np.cos(angle)])
        (folder / "foa_dev" / split).mkdir(parents=True, exist_ok=True)
        soundfile.write(folder / "foa_dev" / split / f"{name}.wav", noise[:, None] * gains, RATE)
        (folder / "metadata_dev" / split).mkdir(parents=True, exist_ok=True)
        rows = "".join(f"{frame},3,1,{AZIMUTH},5,150\n" for frame in range(40))
        (folder / "metadata_dev" / split / f"{name}.csv").write_text(rows)
        panorama(folder / "video_dev" / split / f"{name}.mp4", 40)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith(".")
    }


@pytest.fixture(scope="module")
def clips(raw, tmp_path_factory):
    target = tmp_path_factory.mktemp("made") / "clips"
    assert stereo(raw, target, clips=8, seconds=1) == 0
    return target


def test_every_clip_has_sound_labels_and_a_film_in_its_split(clips):
    made = contents(clips)
    assert len(made) == 8 * 4
    for path in (clips / "stereo_dev").rglob("*.wav"):
        below = path.relative_to(clips / "stereo_dev")
        assert below.parent.name == ("dev-test-tau" if "fold4" in path.name else "dev-train-tau")
        for folder, suffix in (("metadata_dev", ".csv"), ("unfolded_dev", ".csv"), ("video_dev", ".mp4")):
            assert (clips / folder / below).with_suffix(suffix).is_file()
        info = soundfile.info(path)
        assert (info.channels, info.samplerate, info.frames, info.subtype) == (2, RATE, RATE, "PCM_16")


def test_sound_labels_and_picture_tell_the_same_direction(clips):
    tangent = np.tan(np.radians(50))
    n_seen = 0
    for path in (clips / "unfolded_dev").rglob("*.csv"):
        below, deg = path.relative_to(clips / "unfolded_dev"), int(path.stem[-13:-10])
        azimuth = (AZIMUTH + deg + 180) % 360 - 180
        events = read_unfolded(path, 13)
        assert path.read_text().splitlines()[1].endswith(f",{deg}")
        assert (events.azimuth == azimuth).all() and (events.elevation == 5).all() and len(events) == 10
        folded, _ = read_dcase(clips / "metadata_dev" / below)
        assert np.sin(np.radians(folded.azimuth)) == pytest.approx(np.sin(np.radians(azimuth)))
        assert (np.abs(folded.azimuth) <= 90).all() and (folded.distance == 1.5).all()
        left, right = soundfile.read((clips / "stereo_dev" / below).with_suffix(".wav"))[0].T
        assert (left - right).std() / (left + right).std() == pytest.approx(
            abs(np.sin(np.radians(azimuth))), abs=2e-3
        )
        frames = luma((clips / "video_dev" / below).with_suffix(".mp4"))
        assert frames.shape == (10, 360, 640)
        assert (folded.onscreen == (-50 <= azimuth <= 51)).all()
        if abs(azimuth) < 48:
            bright = np.flatnonzero(frames[4][170] > 190).mean()
            expected = 319.5 - 319.5 / tangent * np.tan(np.radians(azimuth))
            assert bright == pytest.approx(expected, abs=2)
            n_seen += 1
        elif abs(azimuth) > 53:
            assert frames.max() < 190
    assert n_seen


def test_a_film_begins_with_the_frame_of_its_sound(clips):
    for path in (clips / "video_dev").rglob("*.mp4"):
        start = int(path.stem[-4:])
        grey = np.median(luma(path).reshape(10, -1), axis=1)
        np.testing.assert_allclose(grey, 40 + start + np.arange(10), atol=1)


def test_clips_become_a_prepared_folder_with_their_unfolded_labels(clips, tmp_path):
    dcase(clips, tmp_path, dataset="stereo2025", format="stereo")
    recordings = read_manifest(tmp_path)
    assert len(recordings) == 8 and all(each.video is not None for each in recordings)
    for each in recordings:
        assert len(read_unfolded(unfolded_beside(each.labels), 13)) == len(read_labels(each.labels)) == 10


def test_films_play_in_browsers(clips):
    with av.open(str(next((clips / "video_dev").rglob("*.mp4")))) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.pix_fmt, stream.average_rate) == ("h264", "yuv420p", FPS)


def test_a_second_run_makes_only_what_is_missing(raw, clips):
    before = contents(clips)
    lost = next(name for name in before if name.endswith(".mp4"))
    (clips / lost).unlink()
    times = {path: path.stat().st_mtime_ns for path in clips.rglob("*.wav")}
    assert stereo(raw, clips, clips=8, seconds=1) == 0
    assert contents(clips) == before
    assert sum(path.stat().st_mtime_ns != time for path, time in times.items()) == 1


def test_shards_make_the_clips_of_the_whole(raw, clips, tmp_path):
    for number in (1, 2):
        assert stereo(raw, tmp_path, clips=8, seconds=1, shard=f"{number}/2") == 0
    assert contents(tmp_path) == contents(clips)


def test_clips_made_otherwise_are_not_mixed(raw, clips):
    with pytest.raises(BadInput, match="holds clips of another --seed"):
        stereo(raw, clips, clips=8, seconds=1, seed=5)


def test_a_turning_camera_turns_sound_labels_and_picture_together(raw, tmp_path):
    (tmp_path / "times.csv").write_text(f"name,start,deg\n{NAMES[0]},1,0\n")
    (tmp_path / "path.csv").write_text("time,yaw,pitch\n0,0,0\n2,80,-20\n")
    target = tmp_path / "clips"
    stereo(raw, target, seconds=2, times=tmp_path / "times.csv", path=tmp_path / "path.csv")
    name = f"dev-train-tau/{NAMES[0]}_deg000_start0010"
    views = list(csv.DictReader((target / "views_dev" / f"{name}.csv").open()))
    assert views[0] == {"frame": "0", "azimuth": "2", "elevation": "-0.5"} and views[19]["azimuth"] == "78"
    events = read_unfolded(target / "unfolded_dev" / f"{name}.csv", 13)
    assert events.azimuth[0] == pytest.approx(38, abs=0.3) and events.azimuth[19] < -35
    assert events.elevation[0] == pytest.approx(5.4, abs=0.2) and events.elevation[19] > 15
    left, right = soundfile.read(target / "stereo_dev" / f"{name}.wav")[0].T
    ratio = [(left - right)[part].dot((left + right)[part]) for part in (slice(0, 2400), slice(-2400, None))]
    assert ratio[0] > 0 > ratio[1]
    frames = luma(target / "video_dev" / f"{name}.mp4")
    places = [np.flatnonzero(frame[100] > 190).mean() for frame in frames]
    assert places[0] < 120 and places[-1] > 520 and (np.diff(places) > 0).all()


def test_a_picture_equals_a_literal_bilinear_one():
    generator = np.random.default_rng(0)
    smooth = np.kron(generator.integers(20, 230, (30, 60)), np.ones((16, 16)))
    plane = np.apply_along_axis(
        lambda row: np.convolve(np.r_[row[-8:], row, row[:8]], np.ones(17) / 17, "valid"), 1, smooth
    )
    plane = plane.astype(np.uint8)
    for view in (View(0), View(-77), View(-180), View(133.4, -20)):
        columns, rows = source_pixels(DCASE2025, view, 960, 480)
        left, above = np.floor(columns).astype(int), np.floor(rows).astype(int)
        x, y = columns - left, rows - above
        expected = sum(
            weight * plane[np.clip(above + down, 0, 479), (left + right) % 960].astype(float)
            for down, right, weight in (
                (0, 0, (1 - x) * (1 - y)), (0, 1, x * (1 - y)), (1, 0, (1 - x) * y), (1, 1, x * y)
            )
        )  # fmt: skip
        grey = np.full((240, 480), 128, np.uint8)
        found, rest = np.zeros((360, 640), np.uint8), np.zeros((180, 320), np.uint8)
        Lens(DCASE2025).take([(plane, grey, grey)], [(found, rest, rest)], view)
        assert np.abs(found - expected).max() < 6 and np.abs(found - expected).mean() < 0.6
    assert plane.std() > 30


def blank() -> tuple[np.ndarray, ...]:
    return np.zeros((360, 640), np.uint8), np.zeros((180, 320), np.uint8), np.zeros((180, 320), np.uint8)


@pytest.mark.parametrize("deg", [0, 171])
def test_pictures_looked_up_together_equal_those_looked_up_one_by_one(deg):
    generator = np.random.default_rng(0)
    panoramas = [
        tuple(generator.integers(0, 256, size, np.uint8) for size in ((180, 360), (90, 180), (90, 180)))
        for _ in range(6)
    ]
    alone, together = [blank() for _ in panoramas], [blank() for _ in panoramas]
    lens = Lens(DCASE2025)
    for panorama, picture in zip(panoramas, alone, strict=True):
        lens.take([panorama], [picture], View(-deg))
    lens.take(panoramas, together, View(-deg))
    for one, other in zip(alone, together, strict=True):
        assert all((a == b).all() and a.std() > 20 for a, b in zip(one, other, strict=True))


def test_a_film_shows_what_the_camera_saw_better_than_the_official_file(tmp_path, monkeypatch):
    noise = np.random.default_rng(0).uniform(0, 255, (36, 72))
    scene = cv2.resize(noise, (WIDTH, WIDTH // 2), interpolation=cv2.INTER_CUBIC).clip(16, 235)
    with av.open(str(tmp_path / "scene.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=FPS)
        stream.width, stream.height, stream.pix_fmt, stream.options = (
            WIDTH,
            WIDTH // 2,
            "yuv420p",
            {"crf": "5"},
        )
        for number in range(10):
            grey = np.full((WIDTH * 3 // 4, WIDTH), 128, np.uint8)
            grey[: WIDTH // 2] = np.roll(scene, number, axis=1)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(grey, "yuv420p")))
        container.mux(stream.encode(None))
    soundfile.write(tmp_path / "scene.wav", np.zeros((RATE, 4)), RATE)
    monkeypatch.setattr(published, "N_FRAMES", 10)
    found = fidelity(tmp_path / "scene.wav", tmp_path / "scene.mp4", deg=30, n_frames=10)
    assert found["ours"] > found["published"] > 30


@pytest.mark.parametrize("gop", [10, 1000])
def test_a_long_gap_between_clips_is_sought_over_without_losing_a_frame(tmp_path, gop):
    panorama(tmp_path / "long.mp4", 140, gop)
    films = [Film(tmp_path / f"{first}.mp4", first, 3, lambda number: View(0)) for first in (100, 0, 55, 57)]
    film(tmp_path / "long.mp4", films, DCASE2025)
    for each in films:
        grey = np.median(luma(each.path).reshape(3, -1), axis=1)
        np.testing.assert_allclose(grey, 40 + each.first + np.arange(3), atol=1)


def test_a_video_that_ends_early_leaves_no_half_film(tmp_path):
    panorama(tmp_path / "short.mp4", 20)
    with pytest.raises(BadInput, match=r"ends after 1\.9 s, before a clip does"):
        film(tmp_path / "short.mp4", [Film(tmp_path / "a.mp4", 15, 40, lambda number: View(0))], DCASE2025)
    assert [path.name for path in tmp_path.iterdir()] == ["short.mp4"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"seconds": 0.55}, "--seconds 0.55"),
        ({"seconds": 5}, "--seconds 5: no recording is that long"),
        ({"clips": 0}, "--clips 0"),
        ({"video": "nowhere"}, "nowhere: not found"),
        ({"shard": "3/2"}, "--shard 3/2"),
    ],
)
def test_options_that_cannot_be_are_refused_in_one_line(raw, tmp_path, options, said):
    with pytest.raises(BadInput, match=said):
        stereo(raw, tmp_path / "clips", **{"clips": 2, "seconds": 1, **options})
    assert not list((tmp_path / "clips").rglob("*.wav"))


def test_the_official_way_of_the_benchmark_gives_the_same_clip(raw, clips, tmp_path, monkeypatch):
    monkeypatch.setattr(published, "N_FRAMES", 10)
    made = next((clips / "video_dev").rglob("*.mp4"))
    name = made.stem[: made.stem.index("_deg")]
    sound, video = (next(raw.rglob(f"{name}{suffix}")) for suffix in (".wav", ".mp4"))
    published.published_clip(sound, video, tmp_path / "a", int(made.stem[-4:]), int(made.stem[-13:-10]))
    ours = next((clips / "stereo_dev").rglob(f"{made.stem}.wav"))
    np.testing.assert_allclose(
        soundfile.read(tmp_path / "a.wav")[0], soundfile.read(ours)[0], atol=1.01 / 32768
    )
    official, here = luma(tmp_path / "a.mp4").astype(float), luma(made).astype(float)
    assert official.shape == here.shape and np.abs(official - here).mean() < 4
