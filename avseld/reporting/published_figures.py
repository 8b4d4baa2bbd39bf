"""Figures in the style of publications: reference beside prediction as for SELDnet, clips of DCASE 2019 Task 4."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from avseld.io.events import Events
from avseld.reporting.colours import class_name, colour, labels_in
from avseld.reporting.figures import draw_spectrogram, end_of_segment
from avseld.reporting.tracks import (
    EventTrack,
    assign_lanes,
    azimuth_line,
    clip_events,
    coordinate_lines,
    elevation_line,
    event_tracks,
)

Lines = list[tuple[EventTrack, np.ndarray, np.ndarray]]
"""for each track: time (point,) in seconds and value (point,)"""


@dataclass(frozen=True)
class LinePanel:
    """A row of panels with one line a track.

    Args:
        name: on the vertical axis.
        limit: the axis goes from -limit to limit.
        height: of the row, relative to the others.
        line: track -> time (point,) and value (point,).
    """

    name: str
    limit: float
    height: float
    line: Callable[[EventTrack], tuple[np.ndarray, np.ndarray]]


ANGLES = (
    LinePanel("azimuth (°)", 180, 1.3, azimuth_line),
    LinePanel("elevation (°)", 90, 1.0, elevation_line),
)
COORDINATES = tuple(
    LinePanel(name, 1, 0.9, lambda track, axis=axis: coordinate_lines(track)[axis])  # type: ignore[misc]
    for axis, name in enumerate("xyz")
)
SIDE_BY_SIDE = {"six": ANGLES, "xyz": COORDINATES, "seven": COORDINATES}
"""style -> panels below the activity"""


def side_by_side(
    audio: np.ndarray,
    sample_rate: int,
    reference: Events,
    prediction: Events,
    classes: list[str],
    start: float = 0.0,
    stop: float | None = None,
    title: str = "",
    style: str = "six",
) -> Figure:
    """Draw the spectrogram, and below it activity and directions, reference left and prediction right.

    `six` has azimuth and elevation, after `misc_files/visualize_SELD_output.py` of sharathadavanne/seld-dcase2019.
    `xyz` has the coordinates of the directions at distance 1 from the origin, as the figure of inputs and outputs in
    sharathadavanne/seld-net (S. Adavanne et al., IEEE JSTSP 2018).

    Args:
        audio: (channel, sample), the whole recording; the first channel is drawn.
        sample_rate: Hz.
        reference: annotated events.
        prediction: predicted events.
        classes: class names by index.
        start: start of the time axis, seconds.
        stop: its end, seconds; None for the end of the audio.
        title: written above.
        style: a key of `SIDE_BY_SIDE`.

    Raises:
        BadInput: the audio has no samples between start and stop.
    """
    stop = end_of_segment(audio, sample_rate, start, stop, title)
    panels = SIDE_BY_SIDE[style]
    tables = {
        "reference": clip_events(reference, start, stop),
        "prediction": clip_events(prediction, start, stop),
    }
    labels = labels_in(*tables.values())
    drawn = Figure(figsize=(13.0, 9.0), dpi=100, layout="constrained")
    FigureCanvasAgg(drawn)
    heights = [1.1, 1.2, *(panel.height for panel in panels)]
    grid = drawn.add_gridspec(len(heights), 2, height_ratios=heights)
    top = drawn.add_subplot(grid[0, :])
    draw_spectrogram(top, audio[0], sample_rate, start, stop)
    top.set_xlim(start, stop)
    for column, (kind, table) in enumerate(tables.items()):
        tracks = event_tracks(table)
        axes = [drawn.add_subplot(grid[row, column]) for row in range(1, len(heights))]
        axes[0].set_title(kind)
        draw_activity(axes[0], tracks, labels, classes)
        for axis, panel in zip(axes[1:], panels, strict=True):
            _lines(axis, [(track, *panel.line(track)) for track in tracks], panel.limit, panel.name)
        for axis in axes:
            axis.set_xlim(start, stop)
            axis.tick_params(labelbottom=axis is axes[-1])
            if column:
                axis.set_ylabel("")
                axis.tick_params(labelleft=False)
        axes[-1].set_xlabel("time (s)")
    if title:
        drawn.suptitle(title, fontsize=13)
    return drawn


def clip_figure(
    audio: np.ndarray,
    sample_rate: int,
    reference: Events,
    prediction: Events,
    classes: list[str],
    probability: np.ndarray | None = None,
    hop: float = 0.0,
    title: str = "",
) -> Figure:
    """Draw spectrogram, reference, frame probabilities and prediction of a clip, one row per class.

    After Q. Kong et al., arXiv 1904.03476.

    Args:
        audio: (channel, sample).
        sample_rate: Hz.
        reference: annotated events; those without times last for the whole clip.
        prediction: predicted events.
        classes: class names by index.
        probability: (frame, class); None leaves the panel out.
        hop: seconds between frames of `probability`.
        title: written above.
    """
    stop = audio.shape[-1] / sample_rate
    drawn = Figure(figsize=(10.0, 8.5), dpi=100, layout="constrained")
    FigureCanvasAgg(drawn)
    axes = list(drawn.subplots(3 if probability is None else 4, 1, sharex=True))
    draw_spectrogram(axes[0], audio[0], sample_rate, 0.0, stop)
    all_labels = list(range(len(classes)))
    draw_activity(axes[1], event_tracks(clip_events(reference, 0.0, stop)), all_labels, classes)
    axes[1].set_title("reference", fontsize=10)
    if probability is not None:
        image = axes[2].imshow(
            probability.T, aspect="auto", extent=(0, len(probability) * hop, len(classes) - 0.5, -0.5),
            cmap="viridis", vmin=0, vmax=1, interpolation="nearest",
        )  # fmt: skip
        axes[2].set_yticks(all_labels, classes, fontsize=8)
        axes[2].set_title("probability of clip and frame", fontsize=10)
        scale = axes[2].inset_axes((1.008, 0.0, 0.009, 1.0))
        drawn.colorbar(image, cax=scale)
        scale.tick_params(labelsize=8)
    draw_activity(axes[-1], event_tracks(clip_events(prediction, 0.0, stop)), all_labels, classes)
    axes[-1].set_title("prediction", fontsize=10)
    axes[-1].set_xlabel("time (s)")
    axes[0].set_xlim(0, stop)
    if title:
        drawn.suptitle(title, fontsize=13)
    return drawn


def draw_activity(axis: Axes, tracks: list[EventTrack], labels: list[int], classes: list[str]) -> None:
    """Draw the activity of tracks, one row a class.

    Args:
        axis: where to draw.
        tracks: of events.
        labels: classes of the rows, from above.
        classes: class names by index.
    """
    row_of = {label: row for row, label in enumerate(labels)}
    for track, lane in zip(tracks, assign_lanes(tracks), strict=True):
        axis.barh(
            row_of[track.label] + 0.18 * lane,
            track.offset[-1] - track.onset[0],
            left=track.onset[0],
            height=0.7,
            color=colour(track.label),
            zorder=2,
            label=f"{track.label}",
        )
    axis.set_yticks(range(len(labels)), [class_name(label, classes) for label in labels], fontsize=8)
    axis.set_ylim(max(len(labels), 1) - 0.5, -0.5)
    axis.grid(color="0.9")
    axis.set_axisbelow(True)


def _lines(axis: Axes, lines: Lines, limit: float, name: str) -> None:
    for track, time, value in lines:
        axis.plot(
            time,
            value,
            color=colour(track.label),
            linewidth=2.5,
            solid_capstyle="butt",
            label=f"{track.label}",
        )
    axis.set_ylim(-limit * 1.03, limit * 1.03)
    axis.set_yticks(np.linspace(-limit, limit, 5))
    axis.set_ylabel(name)
    axis.grid(color="0.88", zorder=0)
