"""The 360-degree video with the directions of its sounds drawn on it."""

from pathlib import Path
from tempfile import TemporaryDirectory

import av
import numpy as np
from moviepy.video.io.ffmpeg_writer import FFMPEG_VideoWriter
from PIL import Image, ImageDraw
from tqdm import tqdm

from avseld.base.errors import BadInput
from avseld.base.files import replacing
from avseld.io.audio import audio_info
from avseld.io.boxes import Boxes
from avseld.io.events import Events
from avseld.io.video import FrameReader, open_panorama, video_info
from avseld.reporting.colours import name_of, present, rgb
from avseld.reporting.marks import DARK, WHITE, draw_boxes, draw_directions, font, mark
from avseld.reporting.sound import write_stereo
from avseld.reporting.tracks import shown

NARROWEST = 320


def overlay(
    video: Path,
    out: Path,
    reference: Events | None,
    prediction: Events | None,
    boxes: Boxes | None,
    classes: list[str],
    audio: Path | None = None,
    fps: float = 10.0,
    width: int = 960,
    format: str | None = None,
    start: float = 0.0,
    stop: float | None = None,
    title: str = "",
) -> None:
    """Write an mp4 of a 360-degree video with reference directions (hollow), predicted (filled) and boxes.

    One picture is in memory at a time. Where the video ends before the audio, its last picture is held in
    grey, with a note.

    Args:
        video: equirectangular video, twice as wide as high, azimuth 0 in its centre column.
        out: the mp4.
        reference: annotated events.
        prediction: predicted events.
        boxes: what a detector saw in the video.
        classes: class names by index.
        audio: the recording; heard as two channels, and it decides how long the film is.
        fps: pictures a second.
        width: pixels, a multiple of 4 from 320 on.
        format: format of the audio, see `avseld.reporting.sound`.
        start: seconds of the recording at which the film begins.
        stop: seconds at which it ends; None for the end.
        title: written below.

    Raises:
        BadInput: video or audio unusable, or nothing between start and stop.
    """
    if width % 4 or width < NARROWEST or not 0 < fps <= 120:
        raise BadInput(
            f"{out}: {width} pixels at {fps:g} pictures a second; choose a multiple of 4 from "
            f"{NARROWEST} on, and 1 to 120 pictures"
        )
    length = audio_info(audio).duration if audio else video_info(video).end
    stop = length if stop is None else min(stop, length)
    times = start + np.arange(max(round((stop - start) * fps), 0)) / fps
    if not len(times) or start < 0:
        raise BadInput(f"{out}: nothing between {start:g} and {stop:g} s of {length:g} s; choose other times")
    painter = Painter(reference, prediction, boxes, classes, width, 0.5 / fps, title)
    with replacing(out) as temporary, TemporaryDirectory() as folder, open_panorama(video, width) as source:
        sound = None
        if audio:
            sound = Path(folder) / "stereo.wav"
            write_stereo(audio, sound, format, start, stop)
        _render(temporary, source, painter, times, fps, sound)
        _check(temporary, len(times), out)


class Painter:
    """Draws all that is known of a recording on a picture of it."""

    def __init__(
        self,
        reference: Events | None,
        prediction: Events | None,
        boxes: Boxes | None,
        classes: list[str],
        width: int,
        ahead: float = 0.0,
        title: str = "",
    ) -> None:
        """Prepare the legend.

        Args:
            reference: annotated events.
            prediction: predicted events.
            boxes: detections.
            classes: class names by index.
            width: pixels.
            ahead: seconds from the time of a picture to the middle of the stretch that it stands for.
            title: written in the legend.
        """
        self.reference = _whole(reference)
        self.prediction = _whole(prediction)
        self.boxes, self.classes, self.width, self.ahead = boxes, classes, width, ahead
        self.radius = max(6, width // 68)
        kinds = {"reference": reference, "prediction": prediction, "person box": boxes}
        self.legend = _legend(
            [kind for kind, given in kinds.items() if given is not None],
            [(name_of(label, classes), rgb(label)) for label in present(reference, prediction)],
            width,
            title,
        )

    def paint(self, picture: np.ndarray, time: float, ended: float | None = None) -> Image.Image:
        """Draw one moment.

        Args:
            picture: (height, width, 3) uint8.
            time: seconds.
            ended: seconds at which the video ended, None while it runs.

        Returns:
            The picture, as wide as promised and half as high, with the legend below it.
        """
        image = Image.fromarray(picture)
        if ended is not None:
            image = image.convert("L").point(lambda value: value // 2 + 48).convert("RGB")
        elif self.boxes is not None:
            draw_boxes(image, self.boxes, time)
        moment = time + self.ahead
        rows = [
            events.select((events.onset <= moment) & (events.offset > moment))
            for events in (self.reference, self.prediction)
        ]
        draw_directions(image, rows[0], rows[1], self.classes, self.radius)
        whole = Image.new("RGB", (self.width, image.height + self.legend.height))
        whole.paste(image, (0, 0))
        whole.paste(self.legend, (0, image.height))
        draw = ImageDraw.Draw(whole)
        line = _line_height(self.width)
        draw.text((10, image.height + line // 2), f"{time:6.1f} s", WHITE, font(_letters(self.width)), "lm")
        if ended is not None:
            note = f"the video ended at {ended:.1f} s"
            draw.text(
                (self.width // 2, image.height - line), note, WHITE, font(_letters(self.width) + 3), "mm",
                stroke_width=2, stroke_fill=DARK,
            )  # fmt: skip
        return whole


def _render(
    target: Path, source: FrameReader, painter: Painter, times: np.ndarray, fps: float, sound: Path | None
) -> None:
    size = (painter.width, painter.width // 2 + painter.legend.height)
    with FFMPEG_VideoWriter(
        str(target),
        size,
        fps,
        codec="libx264",
        preset="veryfast",
        audiofile=str(sound) if sound else None,
        audio_codec="aac",
        ffmpeg_params=["-crf", "20", "-movflags", "+faststart"],
    ) as writer:
        for time in tqdm(times, desc="overlay", unit=" pictures", disable=None, leave=False):
            picture, ended = source.at(float(time))
            painted = painter.paint(picture, float(time), ended)
            writer.write_frame(np.asarray(painted))


def _check(path: Path, n_frames: int, out: Path) -> None:
    # moviepy does not look at the status with which ffmpeg ends
    try:
        with av.open(str(path)) as container:
            written = container.streams.video[0].frames
    except (av.error.FFmpegError, IndexError) as error:
        raise OSError(f"{out}: ffmpeg wrote no readable video ({error}); is the disk full?") from error
    if written != n_frames:
        raise OSError(f"{out}: ffmpeg wrote {written} of {n_frames} pictures; is the disk full?")


def _whole(events: Events | None) -> Events:
    return Events.empty() if events is None else shown(events, -np.inf, np.inf)


def _letters(width: int) -> int:
    return max(11, width // 68)


def _line_height(width: int) -> int:
    return 2 * (_letters(width) + 1)


def _legend(
    kinds: list[str], names: list[tuple[str, tuple[int, int, int]]], width: int, title: str
) -> Image.Image:
    letters, line = font(_letters(width)), _line_height(width)
    entries: list[tuple[str, Image.Image]] = [(kind, _symbol(kind, line)) for kind in kinds]
    for name, colour in names:
        entries.append((name, Image.new("RGBA", (line // 2, line // 2), (*colour, 255))))
    left = round(letters.getlength("0000.0 s")) + 26
    places, x, row = [], left, 0
    if title:
        entries.insert(0, (title, Image.new("RGBA", (1, 1))))
    for text, symbol in entries:
        wide = symbol.width + 6 + round(letters.getlength(text)) + 18
        if x + wide > width and x > left:
            x, row = left, row + 1
        places.append((x, row))
        x += wide
    strip = Image.new("RGB", (width, (row + 1) * line), (28, 28, 28))
    draw = ImageDraw.Draw(strip)
    for (text, symbol), (x, row) in zip(entries, places, strict=True):
        middle = row * line + line // 2
        strip.paste(symbol, (x, middle - symbol.height // 2), symbol)
        draw.text((x + symbol.width + 6, middle), text, WHITE, letters, "lm")
    return strip


def _symbol(kind: str, line: int) -> Image.Image:
    if kind != "person box":
        return mark(kind, (190, 190, 190), line // 2 - 6)
    symbol = Image.new("RGBA", (line - 8, line - 12))
    ImageDraw.Draw(symbol).rectangle((0, 0, line - 9, line - 13), outline=WHITE, width=2)
    return symbol
