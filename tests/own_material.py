"""Recordings of a user's own for docs/own_recordings.md: names with spaces and capitals, 48 kHz, late videos."""

import csv
import sys
from pathlib import Path

import numpy as np
import soundfile
import soxr
from camera_sound import write_camera

from avseld.io.audio import read_audio
from avseld.io.dcase_csv import read_dcase
from avseld.io.video import sample_frames
from data_prep.corpora.dcase import STARSS_CLASSES
from data_prep.synth.corpus import synth

NAMES = ("Session 1 kitchen", "Session 2 Hall", "Session 3 office")
LATE_S = 0.7
"""second of the recording at which its video starts"""
RATE_HZ = 48000
FPS = 10


def write_takes(folder: Path, seconds: float = 8.0, width: int = 128) -> None:
    """Generate `takes/` with audio, video and one sheet of labels, and `New Take.WAV` and `.MP4`.

    Args:
        folder: to write into.
        seconds: of a recording.
        width: of the videos, pixels.
    """
    raw, takes = folder / "raw", folder / "takes"
    options = {"preset": "simple", "width": width, "fps": FPS, "seed": 5, "jobs": 1, "boxes": "exact"}
    synth(raw, recordings=3, seconds=seconds, train_rooms=2, test_rooms=1, **options)
    for name in ("audio", "video"):
        (takes / name).mkdir(parents=True)
    rows = []
    for name, sound in zip(NAMES, sorted((raw / "foa_dev").rglob("*.wav")), strict=True):
        waveform = soxr.resample(read_audio(sound).T, 24000, RATE_HZ)
        write_audio(takes / "audio" / f"{name}.WAV", waveform)
        place = sound.relative_to(raw / "foa_dev").with_suffix("")
        pictures = np.concatenate(
            [frames for _, frames in sample_frames(raw / "video_dev" / f"{place}.mp4", FPS)]
        )
        heard = waveform[round(LATE_S * RATE_HZ) :, 0]
        write_camera(takes / "video" / f"{name}.MP4", heard, RATE_HZ, FPS, pictures[round(LATE_S * FPS) :])
        rows += rows_of(name, raw / "metadata_dev" / f"{place}.csv")
    with (takes / "All labels.csv").open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerow(["File", "Start (s)", "End (s)", "Class name", "Azimuth", "Elevation"])
        writer.writerows([f"{name}.WAV", "", "", "", "", ""] for name in NAMES)
        writer.writerows(rows)
    (takes / "classes.txt").write_text("\n".join(STARSS_CLASSES) + "\n", encoding="utf-8")
    for kind, suffix in (("audio", "WAV"), ("video", "MP4")):
        (folder / f"New Take.{suffix}").write_bytes((takes / kind / f"{NAMES[0]}.{suffix}").read_bytes())


def rows_of(name: str, labels: Path) -> list[list[str]]:
    """Write the rows of a frame csv as a spreadsheet has them: decimal commas, classes by name, other capitals."""
    events = read_dcase(labels)[0]
    return [
        [
            f"{name}.WAV",
            f"{onset:.1f}".replace(".", ","),
            f"{offset:.1f}".replace(".", ","),
            STARSS_CLASSES[label].replace("_", " ").capitalize(),
            f"{azimuth:g}",
            f"{elevation:g}",
        ]
        for onset, offset, label, azimuth, elevation in zip(
            events.onset, events.offset, events.label, events.azimuth, events.elevation, strict=True
        )
    ]


def write_audio(path: Path, waveform: np.ndarray) -> None:
    """Write (sample, channel) as 24-bit wav."""
    soundfile.write(path, waveform, RATE_HZ, "PCM_24", format="WAV")


if __name__ == "__main__":
    write_takes(Path(sys.argv[1]))
