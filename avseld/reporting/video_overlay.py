"""Overlay of reference and predicted directions on a 360-degree video."""

from pathlib import Path
from tempfile import TemporaryDirectory

import av
import numpy as np
from moviepy.video.io.ffmpeg_writer import FFMPEG_VideoWriter
from PIL import Image, ImageDraw
from tqdm import tqdm

from avseld.base.errors import BadInput
from avseld.base.files import replacing
from avseld.io.boxes import Boxes
from avseld.io.channel_map import Channels
from avseld.io.events import Events
from avseld.io.resampling import sound_info
from avseld.io.video import TIMESTAMP_TOLERANCE_S, FrameReader, open_panorama, video_info
from avseld.reporting.colours import class_name, labels_in, rgb
from avseld.reporting.downmix import write_stereo
from avseld.reporting.markers import DARK, WHITE, draw_boxes, draw_directions, font, marker
from avseld.reporting.tracks import clip_events

MIN_WIDTH = 320


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
    video_offset: float = 0.0,
    video_yaw: float = 0.0,
    channels: Channels | None = None,
) -> None:
    """Write an mp4 of a 360-degree video with reference (hollow) and predicted (filled) directions and boxes.

    Frames are processed one at a time. Before a video that starts later than the audio there is no picture, and after
    one that ends before it the last frame is repeated in grey, with a note.

    Args:
        video: equirectangular video, twice as wide as high.
        out: the mp4.
        reference: annotated events.
        prediction: predicted events.
        boxes: detections in the video, in the time and the directions of the recording.
        classes: class names by index.
        audio: the recording; its stereo downmix becomes the sound, and its length limits the overlay.
        fps: frames per second.
        width: pixels, a multiple of 4, at least 320.
        format: channel format of the audio, see `avseld.reporting.downmix`.
        start: start of the drawn segment, seconds.
        stop: its end, seconds; None for the end of the recording.
        title: written below the image.
        video_offset: second of the recording at which the video starts.
        video_yaw: azimuth of the middle of the picture, degrees.
        channels: of the audio to take, see `avseld.io.channel_map`; None for all.

    Raises:
        BadInput: video or audio unusable, or nothing between start and stop.
    """
    if width % 4 or width < MIN_WIDTH or not 0 < fps <= 120:
        raise BadInput(
            f"{out}: {width} pixels at {fps:g} frames a second; choose a multiple of 4 from "
            f"{MIN_WIDTH} on, and 1 to 120 frames"
        )
    length = sound_info(audio).duration if audio else video_info(video).end + video_offset
    stop = length if stop is None else min(stop, length)
    times = start + np.arange(max(round((stop - start) * fps), 0)) / fps
    if not len(times) or start < 0:
        raise BadInput(f"{out}: nothing between {start:g} and {stop:g} s of {length:g} s; choose other times")
    renderer = FrameRenderer(reference, prediction, boxes, classes, width, 0.5 / fps, title)
    with (
        replacing(out) as temporary,
        TemporaryDirectory() as folder,
        open_panorama(video, width, video_offset, video_yaw) as source,
    ):
        sound = None
        if audio:
            sound = Path(folder) / "stereo.wav"
            write_stereo(audio, sound, format, start, stop, channels)
        _render(temporary, source, renderer, times, fps, sound)
        _check(temporary, len(times), out)


class FrameRenderer:
    """Draws events, boxes and a legend on video frames.

    Args:
        reference: annotated events.
        prediction: predicted events.
        boxes: detections.
        classes: class names by index.
        width: pixels.
        frame_centre_s: seconds from the time of a frame to the middle of its display; events are drawn for the middle.
        title: written in the legend.
    """

    def __init__(
        self,
        reference: Events | None,
        prediction: Events | None,
        boxes: Boxes | None,
        classes: list[str],
        width: int,
        frame_centre_s: float = 0.0,
        title: str = "",
    ) -> None:
        self.reference = _with_times(reference)
        self.prediction = _with_times(prediction)
        self.boxes, self.classes, self.width, self.frame_centre_s = boxes, classes, width, frame_centre_s
        self.radius = max(6, width // 68)
        kinds = {"reference": reference, "prediction": prediction, "person box": boxes}
        self.legend = _legend(
            [kind for kind, given in kinds.items() if given is not None],
            [(class_name(label, classes), rgb(label)) for label in labels_in(reference, prediction)],
            width,
            title,
        )

    def render(
        self, frame: np.ndarray, time: float, ended: float | None = None, starts: float = 0.0
    ) -> Image.Image:
        """Draw one frame.

        Args:
            frame: (height, width, 3) uint8.
            time: seconds.
            ended: end of the video in seconds, if `time` is after it, else None.
            starts: start of the video in seconds.

        Returns:
            The frame with the legend below it.
        """
        image = Image.fromarray(frame)
        note = "" if ended is None else f"the video ended at {ended:.1f} s"
        if time < starts - TIMESTAMP_TOLERANCE_S:
            note = f"the video starts at {starts:.1f} s"
        if note:
            image = image.convert("L").point(lambda value: value // 2 + 48).convert("RGB")
        elif self.boxes is not None:
            draw_boxes(image, self.boxes, time)
        moment = time + self.frame_centre_s
        rows = [
            events.select((events.onset <= moment) & (events.offset > moment))
            for events in (self.reference, self.prediction)
        ]
        draw_directions(image, rows[0], rows[1], self.classes, self.radius)
        canvas = Image.new("RGB", (self.width, image.height + self.legend.height))
        canvas.paste(image, (0, 0))
        canvas.paste(self.legend, (0, image.height))
        draw = ImageDraw.Draw(canvas)
        line = _line_height(self.width)
        draw.text((10, image.height + line // 2), f"{time:6.1f} s", WHITE, font(_font_size(self.width)), "lm")
        if note:
            draw.text(
                (self.width // 2, image.height - line), note, WHITE, font(_font_size(self.width) + 3), "mm",
                stroke_width=2, stroke_fill=DARK,
            )  # fmt: skip
        return canvas


def _render(
    target: Path,
    source: FrameReader,
    renderer: FrameRenderer,
    times: np.ndarray,
    fps: float,
    sound: Path | None,
) -> None:
    size = (renderer.width, renderer.width // 2 + renderer.legend.height)
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
        for time in tqdm(times, desc="overlay", unit=" frames", disable=None, leave=False):
            frame, ended = source.at(float(time))
            rendered_frame = renderer.render(frame, float(time), ended, source.starts)
            writer.write_frame(np.asarray(rendered_frame))


def _check(path: Path, n_frames: int, out: Path) -> None:
    # moviepy ignores the exit status of ffmpeg.
    try:
        with av.open(str(path)) as container:
            written = container.streams.video[0].frames
    except (av.error.FFmpegError, IndexError) as error:
        raise OSError(f"{out}: ffmpeg wrote no readable video ({error}); is the disk full?") from error
    if written != n_frames:
        raise OSError(f"{out}: ffmpeg wrote {written} of {n_frames} frames; is the disk full?")


def _with_times(events: Events | None) -> Events:
    return Events.empty() if events is None else clip_events(events, -np.inf, np.inf)


def _font_size(width: int) -> int:
    return max(11, width // 68)


def _line_height(width: int) -> int:
    return 2 * (_font_size(width) + 1)


def _legend(
    kinds: list[str], names: list[tuple[str, tuple[int, int, int]]], width: int, title: str
) -> Image.Image:
    letters, line = font(_font_size(width)), _line_height(width)
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
        return marker(kind, (190, 190, 190), line // 2 - 6)
    symbol = Image.new("RGBA", (line - 8, line - 12))
    ImageDraw.Draw(symbol).rectangle((0, 0, line - 9, line - 13), outline=WHITE, width=2)
    return symbol
