"""Small corpora of audio, video and labels, with the folders of unpacked ones."""

import hashlib
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import numpy as np
import soundfile

RATE = 24000
NTSC = Fraction(30000, 1001)


def write_sound(path: Path, seconds: float = 1.0, channels: int = 4, rate: int = RATE, seed: int = 0) -> Path:
    """Write faint int16 noise that depends on the seed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = (
        np.random.default_rng(seed).integers(-500, 500, (round(seconds * rate), channels)).astype(np.int16)
    )
    soundfile.write(path, noise, rate, subtype="PCM_16")
    return path


def write_video(
    path: Path,
    n_frames: int = 6,
    width: int = 96,
    height: int = 48,
    rate: Fraction = NTSC,
    block: tuple[float, float] | None = None,
    skip: tuple[int, ...] = (),
    grey: int = 90,
) -> Path:
    """Write a grey H.264 video with a red block of 1/20 of the width at (u, v), without the frames in `skip`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = np.full((height, width, 3), grey, np.uint8)
    if block:
        half = width // 40
        u, v = round(block[0] * width), round(block[1] * height)
        picture[v - half : v + half, u - half : u + half] = (230, 20, 20)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=rate, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.time_base = 1 / rate
        for index in range(n_frames):
            if index in skip:
                continue
            frame = av.VideoFrame.from_ndarray(picture, "rgb24")
            frame.pts, frame.time_base = index, 1 / rate
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def read_video(path: Path, stop: int | None = None) -> tuple[list[float], list[np.ndarray]]:
    """Read times in seconds and RGB frames of the first `stop` frames; of all if None."""
    with av.open(str(path)) as container:
        frames = [
            (float(frame.time), frame.to_ndarray(format="rgb24"))
            for frame in islice(container.decode(video=0), stop)
        ]
    return [time for time, _ in frames], [picture for _, picture in frames]


def write_starss(
    raw: Path,
    names: list[str],
    blind: tuple[str, ...] = (),
    seconds: float = 1.0,
    sub: str = "dev-train-sony",
) -> Path:
    """Write a corpus in the STARSS23 layout with one csv row per recording; names in `blind` have no video."""
    for seed, name in enumerate(names):
        write_sound(raw / "foa_dev" / sub / f"{name}.wav", seconds, seed=seed)
        if name not in blind:
            n_frames = int(np.ceil(seconds * NTSC))
            write_video(raw / "video_dev" / sub / f"{name}.mp4", n_frames, grey=30 + 10 * (seed % 20))
        labels = raw / "metadata_dev" / sub / f"{name}.csv"
        labels.parent.mkdir(parents=True, exist_ok=True)
        labels.write_bytes(b"0,1,0,-30,10,250\n3,0,1,170,-5,90\n")
    return raw


def state(folder: Path) -> dict[str, tuple[str, int]]:
    """Read content and modification time of every file below a folder, to compare before and after."""
    return {
        str(path.relative_to(folder)): (
            hashlib.sha256(path.read_bytes()).hexdigest(),
            path.stat().st_mtime_ns,
        )
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
