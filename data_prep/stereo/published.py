"""A clip of DCASE2025 as the official generator makes it, written plainly: all is read and computed for each clip.

The whole recording is read by librosa, the video is sought by OpenCV, positions of pixels are computed once a clip,
each channel of each picture is looked up by scipy (`E2PFast` of SonyResearch/dcase2025_stereo_seld_data_generator, that
is `py360convert.e2p` 0.1.0), and the film is written as mp4v.
"""

from collections.abc import Iterator
from pathlib import Path

import cv2
import librosa
import numpy as np
import soundfile
from scipy.ndimage import map_coordinates

RATE, HOP, N_FRAMES = 24000, 2400, 50
WIDTH, HEIGHT, FIELD_DEG = 640, 360, 100.0


def published_clip(sound: Path, video: Path, target: Path, start: int, deg: int) -> None:
    """Write target.wav and target.mp4.

    Args:
        sound: FOA, W Y Z X.
        video: equirectangular.
        target: without suffix.
        start: first label frame.
        deg: viewing angle to the right.
    """
    foa, _ = librosa.load(str(sound), sr=RATE, mono=False)
    foa = foa[:, start * HOP : (start + N_FRAMES) * HOP]
    turn = np.radians(deg)
    side = np.sin(turn) * foa[3] + np.cos(turn) * foa[1]
    soundfile.write(f"{target}.wav", np.stack([foa[0] + side, foa[0] - side]).T, RATE)
    fps = cv2.VideoCapture(str(video)).get(cv2.CAP_PROP_FPS)
    writer = cv2.VideoWriter(f"{target}.mp4", cv2.VideoWriter.fourcc(*"mp4v"), fps, (WIDTH, HEIGHT))
    for picture in published_pictures(video, start, deg):
        writer.write(picture)
    writer.release()


def published_pictures(video: Path, start: int, deg: int) -> Iterator[np.ndarray]:
    """Yield the pictures of a clip before they are encoded, (HEIGHT, WIDTH, 3) uint8 BGR; arguments as above."""
    reader = cv2.VideoCapture(str(video))
    fps = reader.get(cv2.CAP_PROP_FPS)
    rows, columns = int(reader.get(cv2.CAP_PROP_FRAME_HEIGHT)), int(reader.get(cv2.CAP_PROP_FRAME_WIDTH))
    reader.set(cv2.CAP_PROP_POS_FRAMES, round(start * 0.1 * fps))
    places = _places(rows, columns, deg)
    for _ in range(round(N_FRAMES * 0.1 * fps)):
        there, frame = reader.read()
        if not there:
            break
        yield _look_up(frame, places).astype(np.uint8)
    reader.release()


def _places(rows: int, columns: int, deg: int) -> np.ndarray:
    """Return (2, HEIGHT, WIDTH) rows and columns of an equirectangular picture."""
    half = np.tan(np.radians(FIELD_DEG) / 2)
    x = np.linspace(-half, half, WIDTH)[None].repeat(HEIGHT, axis=0)
    down = np.linspace(-half * HEIGHT / WIDTH, half * HEIGHT / WIDTH, HEIGHT)[:, None].repeat(WIDTH, axis=1)
    turn = np.radians(deg)
    right, ahead = np.cos(turn) * x + np.sin(turn), np.cos(turn) - np.sin(turn) * x
    u, v = np.arctan2(right, ahead), np.arctan2(down, np.hypot(right, ahead))
    return np.stack([(v / np.pi + 0.5) * rows - 0.5, (u / (2 * np.pi) + 0.5) * columns - 0.5])


def _look_up(frame: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Interpolate each channel linearly; the poles are padded by their row, turned by half."""
    channels = []
    for channel in np.moveaxis(frame, -1, 0):
        turned = np.roll(channel, channel.shape[1] // 2, axis=1)
        padded = np.concatenate([channel, turned[-1:], turned[:1]])
        channels.append(map_coordinates(padded, places, order=1, mode="wrap"))
    return np.stack(channels, axis=-1)
