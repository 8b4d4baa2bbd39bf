"""One figure of a recording: spectrogram, activity, azimuth and elevation over the same time."""

from collections.abc import Callable
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
from avseld.reporting.colours import colour, name_of, present
from avseld.reporting.spectrogram import log_spectrogram
from avseld.reporting.tracks import Track, azimuth_line, elevation_line, lanes, shown, tracks

SIZE = (12.0, 9.0)
"""Inches; 1200 x 900 pixels at 100 dots an inch."""
DYNAMICS_DB = 70.0
REFERENCE: dict[str, Any] = {"alpha": 0.35, "linewidth": 8.0, "solid_capstyle": "butt", "zorder": 2}
PREDICTION: dict[str, Any] = {"alpha": 1.0, "linewidth": 2.0, "solid_capstyle": "round", "zorder": 3}
PART = {"reference": 0.86, "prediction": 0.34}
"""How much of its lane a bar fills."""

Line = Callable[[Track], tuple[np.ndarray, np.ndarray]]


def figure(
    audio: np.ndarray,
    sample_rate: int,
    reference: Events | None,
    prediction: Events | None,
    classes: list[str],
    start: float = 0.0,
    stop: float | None = None,
    title: str = "",
) -> Figure:
    """Draw a recording with its reference (wide, pale) and its prediction (narrow, dark).

    Nothing global is touched and no display is needed: the figure carries its own Agg canvas. Rows without
    times are drawn as lasting throughout, rows without a direction in the activity only; where no row has a
    direction, these panels are left out.

    Args:
        audio: (channel, sample), the whole recording from time 0; the first channel (W of foa) is drawn.
        sample_rate: Hz.
        reference: annotated events, None if there are none.
        prediction: predicted events, None if there are none.
        classes: class names by index.
        start: seconds, where the time axis begins.
        stop: seconds, where it ends; None for the end of the audio.
        title: written above, such as the name of the recording.

    Raises:
        BadInput: nothing lies between start and stop.
    """
    duration = audio.shape[-1] / sample_rate
    stop = duration if stop is None else min(stop, duration)
    if not 0 <= start < stop:
        raise BadInput(
            f"{title or 'figure'}: no audio between {start:g} and {stop:g} s of {duration:g} s; "
            "choose other times"
        )
    tables = {"reference": reference, "prediction": prediction}
    cut = {kind: shown(table, start, stop) for kind, table in tables.items() if table is not None}
    labels = present(*cut.values())
    found = {kind: tracks(table) for kind, table in cut.items()}
    picture = Figure(figsize=SIZE, dpi=100, layout="constrained")
    FigureCanvasAgg(picture)
    heights = [1.25, max(0.5, min(1.6, 0.16 * len(labels) + 0.2)), 1.6, 1.1]
    directed = not len(labels) or not all(np.isnan(table.azimuth).all() for table in cut.values())
    axes = picture.subplots(
        4 if directed else 2, 1, sharex=True, height_ratios=heights[: 4 if directed else 2]
    )
    draw_spectrogram(axes[0], audio[0], sample_rate, start, stop)
    _draw_activity(axes[1], found, labels, classes)
    if directed:
        _draw_angle(
            axes[2], found, azimuth_line, "azimuth (°)", ("back", "right", "front", "left", "back"), 180
        )
        _draw_angle(axes[3], found, elevation_line, "elevation (°)", ("down", "", "level", "", "up"), 90)
    axes[0].set_xlim(start, stop)
    axes[-1].set_xlabel("time (s)")
    _add_legend(picture, cut, labels, classes)
    picture.align_ylabels(axes)
    if title:
        picture.suptitle(title, fontsize=13)
    return picture


def draw_spectrogram(axis: Axes, samples: np.ndarray, sample_rate: int, start: float, stop: float) -> None:
    """Draw level over time and frequency, both of one channel between two times."""
    stretch = samples[round(start * sample_rate) : max(round(stop * sample_rate), 1)]
    power, frequency = log_spectrogram(stretch, sample_rate)
    loudest = float(np.percentile(power, 99.9))
    low, high = np.log10(frequency[[0, -1]])
    image = axis.imshow(
        power,
        origin="lower",
        aspect="auto",
        extent=(start, stop, low, high),
        cmap="magma",
        vmin=loudest - DYNAMICS_DB,
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


def _draw_activity(axis: Axes, found: dict[str, list[Track]], labels: list[int], classes: list[str]) -> None:
    row_of = {label: row for row, label in enumerate(labels)}
    lane_of = {kind: lanes(listed) for kind, listed in found.items()}
    n_lanes = dict.fromkeys(labels, 1)
    for kind, listed in found.items():
        for track, lane in zip(listed, lane_of[kind], strict=True):
            n_lanes[track.label] = max(n_lanes[track.label], lane + 1)
    for kind, listed in found.items():
        corners: dict[int, list[np.ndarray]] = {label: [] for label in labels}
        for track, lane in zip(listed, lane_of[kind], strict=True):
            height = 0.9 / n_lanes[track.label]
            middle = row_of[track.label] - 0.45 + (lane + 0.5) * height
            corners[track.label].append(_bar(track, middle, height * PART[kind]))
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
    axis.set_yticks(range(len(labels)), [name_of(label, classes) for label in labels], fontsize=8.5)
    axis.set_ylim(max(len(labels), 1) - 0.5, -0.5)
    axis.set_ylabel("activity")
    axis.grid(axis="x", color="0.9", zorder=0)
    for row in range(1, len(labels)):
        axis.axhline(row - 0.5, color="0.9", linewidth=0.8, zorder=0)


def _bar(track: Track, middle: float, height: float) -> np.ndarray:
    left, right, half = track.onset[0], track.offset[-1], height / 2
    return np.array(
        [(left, middle - half), (right, middle - half), (right, middle + half), (left, middle + half)]
    )


def _draw_angle(
    axis: Axes, found: dict[str, list[Track]], line: Line, name: str, words: tuple[str, ...], limit: int
) -> None:
    for kind, listed in found.items():
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


def _add_legend(picture: Figure, tables: dict[str, Events], labels: list[int], classes: list[str]) -> None:
    handles: list[Patch | Line2D] = [
        Patch(color=colour(label), label=name_of(label, classes)) for label in labels
    ]
    styles = {"reference": REFERENCE, "prediction": PREDICTION}
    handles += [
        Line2D([], [], color="black", label=kind if len(table) else f"{kind}: nothing", **styles[kind])
        for kind, table in tables.items()
    ]
    if handles:
        picture.legend(handles=handles, loc="outside lower center", ncols=min(len(handles), 8), fontsize=9)
