"""Recordings and videos of one scene that start at different times, the video with the sound of its camera."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import scipy.signal
import soundfile


def bursts(seconds: float, rate: int, seed: int = 0) -> np.ndarray:
    """Create bursts of filtered noise at random times, (sample,), in faint noise."""
    random = np.random.default_rng(seed)
    sound = random.normal(0, 0.002, round(seconds * rate))
    for start in np.cumsum(random.uniform(0.15, 0.9, round(3 * seconds))):
        n, first = round(random.uniform(0.05, 0.3) * rate), round(start * rate)
        low = random.uniform(200, 2000)
        noise = scipy.signal.lfilter(
            *scipy.signal.butter(2, [low, 2 * low], "band", fs=rate), random.normal(size=n)
        )
        part = sound[first : first + n]
        part += (noise * np.hanning(n) * random.uniform(0.1, 0.5))[: len(part)]
    return sound


def write_scene(
    audio: Path,
    video: Path,
    offset: float,
    seconds: float = 8.0,
    rate: int = 48000,
    seed: int = 0,
    fps: int = 10,
) -> None:
    """Write a recording of four channels and a video, with an AAC track, that starts `offset` seconds later.

    The camera hears the scene with an echo, duller and with noise of its own. Its pictures are grey.
    """
    scene = bursts(seconds + 4, rate, seed)
    random = np.random.default_rng(seed + 1)
    first = round(2 * rate)
    recorded = np.stack([scene[first : first + round(seconds * rate)]] * 4, axis=1)
    audio.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(audio, recorded + random.normal(0, 0.001, recorded.shape), rate, "PCM_24", format="WAV")
    heard = scene + 0.5 * np.roll(scene, round(0.013 * rate))
    heard = scipy.signal.lfilter(*scipy.signal.butter(2, 3000, fs=rate), heard) + random.normal(
        0, 0.003, len(heard)
    )
    begin = first + round(offset * rate)
    write_camera(video, heard[begin : begin + round(seconds * rate)], rate, fps)


def write_camera(
    video: Path, sound: np.ndarray | None, rate: int, fps: int = 10, pictures: np.ndarray | None = None
) -> None:
    """Write an mp4 with an AAC track.

    Args:
        video: the file.
        sound: (sample,) in -1..1.
        rate: Hz.
        fps: frames per second.
        pictures: (frame, height, width, 3) uint8; grey ones of the sound's length if None.
    """
    video.parent.mkdir(parents=True, exist_ok=True)
    if pictures is None:
        assert sound is not None
        pictures = np.full((round(len(sound) / rate * fps), 48, 96, 3), 90, np.uint8)
    with av.open(str(video), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=fps, options={"preset": "ultrafast"})
        stream.height, stream.width = pictures.shape[1:3]
        stream.pix_fmt = "yuv420p"
        track = None if sound is None else container.add_stream("aac", rate=rate, layout="mono")
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        container.mux(stream.encode())
        if track is not None and sound is not None:
            for start in range(0, len(sound) - 1023, 1024):
                frame = av.AudioFrame.from_ndarray(
                    sound[None, start : start + 1024].astype(np.float32), "fltp", "mono"
                )
                frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
                container.mux(track.encode(frame))
            container.mux(track.encode())
