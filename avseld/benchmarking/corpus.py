"""A corpus for benchmarks: noise, videos of moving patterns, random labels and boxes, in the real file formats."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import soundfile

from avseld.io.boxes import PERSON, Boxes, write_boxes
from avseld.io.events import Events, write_events
from avseld.io.manifest import Recording, write_manifest

RATE, FPS = 24000, Fraction(30000, 1001)
CLASSES = [f"class {number}" for number in range(13)]


def write_corpus(
    prepared: Path, recordings: int = 8, seconds: int = 30, video: bool | str = True, sparse: bool = False
) -> list[Recording]:
    """Write a prepared folder of FOA recordings with videos of 360 x 180 at 29.97 a second.

    Args:
        prepared: the folder.
        recordings: how many; the last eighth is the test fold.
        seconds: of each.
        video: with videos; stand_in has files of one second, for work that only wants their boxes.
        sparse: files that hold their length but take no disk, silent.
    """
    made = []
    for number in range(recordings):
        fold = 3 if number < recordings - max(recordings // 8, 1) else 4
        made.append(
            write_recording(prepared, f"fold{fold}_room1_mix{number:03}", number, seconds, video, sparse)
        )
    write_manifest(prepared, made, CLASSES)
    return made


def write_recording(
    prepared: Path, name: str, seed: int, seconds: int, video: bool | str = True, sparse: bool = False
) -> Recording:
    """Write one recording of the corpus, its labels, boxes and video.

    Args:
        prepared: the folder.
        name: begins with its fold and room, such as fold3_room1_mix001.
        seed: of everything that is drawn.
        seconds: its length.
        video: with a video; stand_in has a file of one second.
        sparse: a silent file that takes no disk.
    """
    random = np.random.default_rng(seed)
    audio, labels = prepared / "audio" / f"{name}.wav", prepared / "labels" / f"{name}.csv"
    boxes, film = prepared / "boxes" / f"{name}.npz", prepared / "video" / f"{name}.mp4"
    for path in (audio, labels, boxes, film):
        path.parent.mkdir(parents=True, exist_ok=True)
    if sparse:
        _write_sparse(audio, seconds)
    else:
        soundfile.write(audio, 0.1 * random.standard_normal((seconds * RATE, 4)), RATE, subtype="PCM_16")
    write_events(labels, _events(seconds, random))
    write_boxes(boxes, _boxes(seconds, random))
    if video:
        _write_video(film, 1 if video == "stand_in" else seconds)
    fold, room = name.split("_")[:2]
    return Recording(name, audio, "foa", film if video else None, boxes, labels, fold, room, float(seconds))


def _events(seconds: int, random: np.random.Generator) -> Events:
    """Draw two sources for every label frame."""
    n = seconds * 10
    rows = []
    for source in range(2):
        label = np.repeat(random.integers(0, 13, seconds), 10)
        azimuth = np.repeat(random.integers(-180, 180, seconds), 10)
        rows += [(f / 10, (f + 1) / 10, int(label[f]), source, float(azimuth[f]), 5.0, 2.0) for f in range(n)]
    return Events.from_rows(rows).sorted()


def _boxes(seconds: int, random: np.random.Generator) -> Boxes:
    n = seconds * 10
    x, y = random.uniform(0, 0.9, (2, n, 3))
    box = np.stack([x, y * 0.7, x + 0.08, y * 0.7 + 0.3], axis=-1)
    score = np.sort(random.uniform(0.2, 0.9, (n, 3)), axis=1)[:, ::-1]
    return Boxes(np.arange(n) / 10, box, score, np.full((n, 3), PERSON), {"duration": float(seconds)})


def _write_video(path: Path, seconds: int) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = 360, 180, "yuv420p"
        row, column = np.mgrid[:180, :360]
        for number in range(round(seconds * FPS)):
            picture = np.stack([row + number, column - number, row + column], axis=-1) % 256
            frame = av.VideoFrame.from_ndarray(picture.astype(np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def _write_sparse(path: Path, seconds: int) -> None:
    """Write a wav whose samples are a hole in the file."""
    n_bytes = seconds * RATE * 8
    header = b"RIFF" + (36 + n_bytes).to_bytes(4, "little") + b"WAVEfmt " + (16).to_bytes(4, "little")
    header += (1).to_bytes(2, "little") + (4).to_bytes(2, "little") + RATE.to_bytes(4, "little")
    header += (RATE * 8).to_bytes(4, "little") + (8).to_bytes(2, "little") + (16).to_bytes(2, "little")
    with path.open("wb") as file:
        file.write(header + b"data" + n_bytes.to_bytes(4, "little"))
        file.truncate(44 + n_bytes)
