"""Figure of a recording: spectrogram, activity, azimuth and elevation over a common time axis."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from avseld.base.errors import BadInput
from avseld.io.events import Events
from avseld.reporting.colours import class_name, colour, labels_in
from avseld.reporting.spectrogram import log_spectrogram
from avseld.reporting.tracks import (
    EventTrack,
    assign_lanes,
    azimuth_line,
    clip_events,
    elevation_line,
    event_tracks,
)

SIZE_INCHES = (12.0, 9.0)
"""1200 x 900 pixels at 100 dots per inch"""
MARGINS = {"left": 0.16, "right": 0.91, "bottom": 0.13, "top": 0.93, "hspace": 0.12}
"""share of the figure, where they are not fitted: class names of some twenty letters, two lines of legend"""
DYNAMIC_RANGE_DB = 70.0
"""of the spectrogram's colours, below its 99.9th percentile"""
REFERENCE: dict[str, Any] = {"alpha": 0.35, "linewidth": 8.0, "solid_capstyle": "butt", "zorder": 2}
PREDICTION: dict[str, Any] = {"alpha": 1.0, "linewidth": 2.0, "solid_capstyle": "round", "zorder": 3}
BAR_FILL = {"reference": 0.86, "prediction": 0.34}
"""height of a bar as a share of its lane"""

Line = Callable[[EventTrack], tuple[np.ndarray, np.ndarray]]


def figure(
    audio: np.ndarray,
    sample_rate: int,
    reference: Events | None,
    prediction: Events | None,
    classes: Sequence[str] | None = None,
    start: float = 0.0,
    stop: float | None = None,
    title: str = "",
    fitted: bool = True,
) -> Figure:
    """Draw a recording with its reference (wide, pale) and its prediction (narrow, dark).

    Needs no display and no global state of matplotlib: the figure has its own Agg canvas. Events without times
    are drawn over the whole segment, events without direction in the activity only; if no event has a direction,
    these panels are left out.

    Args:
        audio: (channel, sample), the whole recording from time 0; the first channel (W of foa) is drawn.
        sample_rate: Hz.
        reference: annotated events, or None.
        prediction: predicted events, or None.
        classes: class names by index; None for those of the events.
        start: start of the time axis, seconds.
        stop: its end, seconds; None for the end of the audio.
        title: written above, such as the name of the recording.
        fitted: fit the margins to what is written in them; else they are fixed, which takes half the time.

    Returns:
        The figure; write it with its `savefig`.

    Raises:
        BadInput: the audio has no samples between start and stop.
    """
    if classes is None:
        classes = _names_of([table for table in (reference, prediction) if table is not None])
    stop = end_of_segment(audio, sample_rate, start, stop, title)
    tables = {"reference": reference, "prediction": prediction}
    clipped = {kind: clip_events(table, start, stop) for kind, table in tables.items() if table is not None}
    labels = labels_in(*clipped.values())
    tracks = {kind: event_tracks(table) for kind, table in clipped.items()}
    drawn = Figure(figsize=SIZE_INCHES, dpi=100, layout="constrained" if fitted else None)
    FigureCanvasAgg(drawn)
    if not fitted:
        drawn.subplots_adjust(**MARGINS)
    heights = [1.25, max(0.5, min(1.6, 0.16 * len(labels) + 0.2)), 1.6, 1.1]
    directed = not len(labels) or not all(np.isnan(table.azimuth).all() for table in clipped.values())
    axes = drawn.subplots(4 if directed else 2, 1, sharex=True, height_ratios=heights[: 4 if directed else 2])
    draw_spectrogram(axes[0], audio[0], sample_rate, start, stop)
    _draw_activity(axes[1], tracks, labels, classes)
    if directed:
        _draw_angle(
            axes[2], tracks, azimuth_line, "azimuth (°)", ("back", "right", "front", "left", "back"), 180
        )
        _draw_angle(axes[3], tracks, elevation_line, "elevation (°)", ("down", "", "level", "", "up"), 90)
    axes[0].set_xlim(start, stop)
    axes[-1].set_xlabel("time (s)")
    _add_legend(drawn, clipped, labels, classes)
    drawn.align_ylabels(axes)
    if title:
        drawn.suptitle(title, fontsize=13)
    return drawn


def end_of_segment(
    audio: np.ndarray, sample_rate: int, start: float, stop: float | None, title: str = ""
) -> float:
    """Return the end of a segment, at most that of the audio, seconds.

    Args:
        audio: (channel, sample), the whole recording from time 0.
        sample_rate: Hz.
        start: start of the segment, seconds.
        stop: its end, seconds; None for the end of the audio.
        title: name of the recording, for the message.

    Raises:
        BadInput: the audio has no samples between start and stop.
    """
    duration = audio.shape[-1] / sample_rate
    stop = duration if stop is None else min(stop, duration)
    if not 0 <= start < stop:
        raise BadInput(
            f"{title or 'figure'}: no audio between {start:g} and {stop:g} s of {duration:g} s; "
            "choose other times"
        )
    return stop


def _names_of(tables: Sequence[Events]) -> Sequence[str]:
    """Return the class names of the first table that has some, else the indices."""
    n_classes = 1 + max((int(table.label.max(initial=-1)) for table in tables), default=0)
    named = [table.classes for table in tables if table.classes]
    return named[0] if named else [f"class {index}" for index in range(n_classes)]


def draw_spectrogram(axis: Axes, samples: np.ndarray, sample_rate: int, start: float, stop: float) -> None:
    """Draw the level of one channel over time and frequency.

    Args:
        axis: where to draw.
        samples: (sample,), the whole channel from time 0.
        sample_rate: Hz.
        start: start of the drawn segment, seconds.
        stop: its end, seconds.
    """
    segment = samples[round(start * sample_rate) : max(round(stop * sample_rate), 1)]
    power, frequency = log_spectrogram(segment, sample_rate)
    loudest = float(np.percentile(power, 99.9))
    low, high = np.log10(frequency[[0, -1]])
    image = axis.imshow(
        power,
        origin="lower",
        aspect="auto",
        extent=(start, stop, low, high),
        cmap="magma",
        vmin=loudest - DYNAMIC_RANGE_DB,
        vmax=loudest,
        interpolation="nearest",
    )
    ticks = [hertz for hertz in (100, 300, 1000, 3000, 10000, 30000) if hertz <= frequency[-1]]
    axis.set_yticks(np.log10(ticks), [f"{hertz / 1000:g}" for hertz in ticks])
    axis.set_ylabel("frequency (kHz)")
    scale = axis.inset_axes((1.008, 0.0, 0.009, 1.0))
    axis.figure.colorbar(image, cax=scale)
    scale.set_ylabel("level (dB)")
    scale.tick_params(labelsize=8)


def _draw_activity(
    axis: Axes, tracks: dict[str, list[EventTrack]], labels: list[int], classes: Sequence[str]
) -> None:
    row_of = {label: row for row, label in enumerate(labels)}
    lane_of = {kind: assign_lanes(listed) for kind, listed in tracks.items()}
    n_lanes = dict.fromkeys(labels, 1)
    for kind, listed in tracks.items():
        for track, lane in zip(listed, lane_of[kind], strict=True):
            n_lanes[track.label] = max(n_lanes[track.label], lane + 1)
    for kind, listed in tracks.items():
        corners: dict[int, list[np.ndarray]] = {label: [] for label in labels}
        for track, lane in zip(listed, lane_of[kind], strict=True):
            height = 0.9 / n_lanes[track.label]
            middle = row_of[track.label] - 0.45 + (lane + 0.5) * height
            corners[track.label].append(_bar(track, middle, height * BAR_FILL[kind]))
        for label, boxes in corners.items():
            if not boxes:
                continue
            bars = PolyCollection(
                boxes,
                facecolors=colour(label),
                alpha=REFERENCE["alpha"] if kind == "reference" else None,
                linewidths=0,
                zorder=REFERENCE["zorder"] if kind == "reference" else PREDICTION["zorder"],
                label=f"{kind} {label}",
            )
            axis.add_collection(bars, autolim=False)
    axis.set_yticks(range(len(labels)), [class_name(label, classes) for label in labels], fontsize=8.5)
    axis.set_ylim(max(len(labels), 1) - 0.5, -0.5)
    axis.set_ylabel("activity")
    axis.grid(axis="x", color="0.9", zorder=0)
    for row in range(1, len(labels)):
        axis.axhline(row - 0.5, color="0.9", linewidth=0.8, zorder=0)


def _bar(track: EventTrack, middle: float, height: float) -> np.ndarray:
    left, right, half = track.onset[0], track.offset[-1], height / 2
    return np.array(
        [(left, middle - half), (right, middle - half), (right, middle + half), (left, middle + half)]
    )


def _draw_angle(
    axis: Axes, tracks: dict[str, list[EventTrack]], line: Line, name: str, words: tuple[str, ...], limit: int
) -> None:
    for kind, listed in tracks.items():
        style = REFERENCE if kind == "reference" else PREDICTION
        for label in sorted({track.label for track in listed}):
            times, angles = _joined([line(track) for track in listed if track.label == label])
            axis.plot(times, angles, color=colour(label), label=f"{kind} {label}", **style)
    ticks = np.linspace(-limit, limit, 5)
    axis.set_ylim(-limit * 1.03, limit * 1.03)
    axis.set_yticks(ticks, [f"{tick:+g}".replace("-", "\N{MINUS SIGN}") if tick else "0" for tick in ticks])
    axis.set_ylabel(name)
    axis.grid(color="0.88", zorder=0)
    for tick, word in zip(ticks, words, strict=True):
        axis.text(
            1.008, tick, word, transform=axis.get_yaxis_transform(), va="center", fontsize=9, color="0.4"
        )


def _joined(lines: list[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    gap = np.array([np.nan])
    pairs = [(np.append(time, gap), np.append(angle, gap)) for time, angle in lines]
    return np.concatenate([time for time, _ in pairs]), np.concatenate([angle for _, angle in pairs])


def _add_legend(drawn: Figure, tables: dict[str, Events], labels: list[int], classes: Sequence[str]) -> None:
    handles: list[Patch | Line2D] = [
        Patch(color=colour(label), label=class_name(label, classes)) for label in labels
    ]
    styles = {"reference": REFERENCE, "prediction": PREDICTION}
    handles += [
        Line2D([], [], color="black", label=kind if len(table) else f"{kind}: nothing", **styles[kind])
        for kind, table in tables.items()
    ]
    if handles:
        drawn.legend(handles=handles, loc="outside lower center", ncols=min(len(handles), 8), fontsize=9)
