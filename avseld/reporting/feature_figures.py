"""Figure of the features of a recording: a map for every channel, below the events."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure

from avseld.base.errors import BadInput
from avseld.base.feature_maps import BinAxis, FeatureMap
from avseld.io.events import Events
from avseld.io.feature_files import FeatureDescription
from avseld.reporting.colours import labels_in
from avseld.reporting.published_figures import draw_activity
from avseld.reporting.tracks import clip_events, event_tracks

MAPS_IN_COLUMN = 8
"""more maps of a kind go into further columns"""
COLUMN_INCHES, MAP_INCHES = 6.5, 1.25
DPI = 100
N_COLUMNS = 1200
"""frames that are drawn at most; more are averaged"""
FREQUENCY_TICKS_HZ = (100, 300, 1000, 3000, 10000)
"""on a mel axis"""
TICK_DISTANCE = 0.12
"""smallest distance of two ticks, as a share of the axis"""
QUANTILES = (0.01, 0.995)
"""of the values, ends of the colours"""
SIGNED = ("", "rad", "m")
"""units whose values may lie on both sides of 0, which gets the middle colour"""
ANGLES = "rad"
AMPLITUDES = ("amplitude", "magnitude")
"""kinds that are drawn with logarithmic colours: loud and quiet sounds differ by orders of magnitude"""
AMPLITUDE_RANGE = 1000.0
"""of these colours: 60 dB"""


def feature_figure(
    values: Any,
    description: FeatureDescription,
    statistics: tuple[np.ndarray, np.ndarray],
    events: Events | None = None,
    classes: Sequence[str] = (),
    start: float = 0.0,
    stop: float | None = None,
    title: str = "",
) -> Figure:
    """Draw the maps of a recording, those of one kind in a column, the events above each column.

    Standardized values are drawn in their units, as they were before.

    Args:
        values: (channel, frame, bin), read by slices.
        description: of the array.
        statistics: mean and deviation, (channel, bin) each.
        events: of the recording; None leaves the events out.
        classes: class names by index.
        start: start of the time axis, seconds.
        stop: its end, seconds; None for the end of the recording.
        title: written above.

    Raises:
        BadInput: there are no frames between start and stop.
    """
    hop = description.hop
    duration = values.shape[1] * hop
    stop = duration if stop is None else min(stop, duration)
    first, last = round(start / hop), round(stop / hop)
    if not 0 <= first < last:
        raise BadInput(
            f"{title or 'features'}: no frames between {start:g} and {stop:g} s of {duration:g} s; choose other times"
        )
    columns = _columns(description.maps)
    n_rows = max(map(len, columns))
    size = (COLUMN_INCHES * len(columns), MAP_INCHES * (n_rows + 1) + 0.6)
    drawn = Figure(figsize=size, dpi=DPI, layout="constrained")
    FigureCanvasAgg(drawn)
    clipped = clip_events(events, start, stop) if events is not None else None
    labels = labels_in(clipped)
    above = 1 if clipped is not None else 0
    heights = [max(0.6, min(1.6, 0.18 * len(labels) + 0.2))] * above + [1.0] * n_rows
    # A figure for each column, so that the time axis of a short one makes no gap in the others.
    sides = drawn.subfigures(1, len(columns), squeeze=False)[0]
    limits = _limits(values, description, statistics, first, last)
    for place, (side, maps) in enumerate(zip(sides, columns, strict=True)):
        grid = side.add_gridspec(len(heights), 1, height_ratios=heights)
        axes = [side.add_subplot(grid[row]) for row in range(above + len(maps))]
        if clipped is not None:
            draw_activity(axes[0], event_tracks(clipped), labels, list(classes))
            axes[0].set_title("events", fontsize=10)
            axes[0].tick_params(labelleft=place == 0)
        for axis, each in zip(axes[above:], maps, strict=True):
            pixels = _pooled(values, description, statistics, each, first, last)
            _draw_map(axis, pixels, each, limits[each.kind], start, stop)
        for axis in axes:
            axis.set_xlim(start, stop)
            axis.tick_params(labelbottom=axis is axes[-1])
        axes[-1].set_xlabel("time (s)")
    if title:
        drawn.suptitle(title, fontsize=13)
    return drawn


def _columns(maps: Sequence[FeatureMap]) -> list[list[FeatureMap]]:
    """Share the maps out among columns: a kind in one or more, none longer than `MAPS_IN_COLUMN`."""
    columns = []
    for kind in dict.fromkeys(each.kind for each in maps):
        own = [each for each in maps if each.kind == kind]
        count = -(-len(own) // MAPS_IN_COLUMN)
        size = -(-len(own) // count)
        columns += [own[begin : begin + size] for begin in range(0, len(own), size)]
    return columns


def _pooled(
    values: Any,
    description: FeatureDescription,
    statistics: tuple[np.ndarray, np.ndarray],
    each: FeatureMap,
    first: int,
    last: int,
) -> np.ndarray:
    """Read a map in its units, (bin, column) with at most `N_COLUMNS` columns, a column at a time for long recordings.

    Values are averaged over the frames of a column; angles, whose mean means nothing, are those of its first frame.
    """
    edges = np.linspace(first, last, min(last - first, N_COLUMNS) + 1).round().astype(int)
    if each.unit == ANGLES or len(edges) == last - first + 1:
        step = 1 if len(edges) == last - first + 1 else None
        frames = edges[:-1]
        rows = (
            values[each.channel, first:last, each.bins] if step else values[each.channel][frames, each.bins]
        )
    else:
        rows = np.stack(
            [values[each.channel, begin:end, each.bins].mean(axis=0) for begin, end in pairwise(edges)]
        )
    if description.standardized:
        mean, deviation = (part[each.channel, each.bins] for part in statistics)
        rows = rows * deviation + mean
    return np.asarray(rows).T


def _limits(
    values: Any,
    description: FeatureDescription,
    statistics: tuple[np.ndarray, np.ndarray],
    first: int,
    last: int,
) -> dict[str, tuple[float, float]]:
    """Compute the ends of the colours of each kind, so that maps of one kind can be compared."""
    limits = {}
    for kind in dict.fromkeys(each.kind for each in description.maps):
        own = [each for each in description.maps if each.kind == kind]
        pixels = np.concatenate(
            [_pooled(values, description, statistics, each, first, last).ravel() for each in own]
        )
        low, high = (float(end) for end in np.quantile(pixels, QUANTILES))
        if own[0].unit == ANGLES:
            low, high = (0.0, 2 * np.pi) if low >= 0 and high > np.pi else (-np.pi, np.pi)
        elif own[0].unit in SIGNED and low < 0 < high:
            low, high = -max(-low, high), max(-low, high)
        limits[kind] = (low, high if high > low else low + 1)
    return limits


def _draw_map(
    axis: Axes, pixels: np.ndarray, each: FeatureMap, limits: tuple[float, float], start: float, stop: float
) -> None:
    low, high = limits
    cyclic, signed = each.unit == ANGLES, low == -high
    norm = Normalize(low, high)
    if each.kind in AMPLITUDES:
        norm = LogNorm(high / AMPLITUDE_RANGE, high, clip=True)
    image = axis.imshow(
        pixels,
        origin="lower",
        aspect="auto",
        extent=(start, stop, -0.5, len(pixels) - 0.5),
        cmap="twilight" if cyclic else "RdBu_r" if signed else "magma",
        norm=norm,
        interpolation="nearest",
    )
    axis.set_title(each.name, fontsize=10)
    places, words, name = _ticks(each.axis)
    axis.set_yticks(places, words, fontsize=8)
    axis.set_ylabel(name, fontsize=9)
    scale = axis.inset_axes((1.008, 0.0, 0.012, 1.0))
    axis.figure.colorbar(image, cax=scale)
    scale.tick_params(labelsize=8)
    if each.unit:
        scale.set_ylabel(each.unit, fontsize=8)


def _ticks(axis: BinAxis) -> tuple[list[float], list[str], str]:
    """Return places (in bins) and words of the ticks of a bin axis, and its name with the unit."""
    values = np.array(axis.values)
    bins = np.arange(len(values))
    order = np.argsort(values)  # lags may fall
    if axis.name == "frequency":
        steps = np.diff(values)
        linear = len(steps) < 2 or np.allclose(steps, steps[0], rtol=1e-3)
        even = np.arange(0, values[-1] + 1, _even_step(values[-1] - values[0]))
        inside = [
            hertz for hertz in (even if linear else FREQUENCY_TICKS_HZ) if values[0] <= hertz <= values[-1]
        ]
        ticks: list[float] = []
        for hertz in inside:
            near = ticks and np.diff(np.interp([ticks[-1], hertz], values, bins))[0] < TICK_DISTANCE * len(
                bins
            )
            ticks += [] if near else [hertz]
        places = np.interp(ticks, values, bins)
        return list(places), [f"{hertz / 1000:g}" for hertz in ticks], "frequency (kHz)"
    if axis.name == "bin":
        return [0, len(values) - 1], ["1", str(len(values))], "bin"
    span = float(min(-values.min(), values.max()))
    step = 45.0 if axis.unit == "degrees" else 0.5
    limit = np.floor(span / step) * step or span
    ticks = [-limit, 0.0, limit]
    places = np.interp(ticks, values[order], bins[order])
    unit = "°" if axis.unit == "degrees" else axis.unit
    return (
        list(places),
        [f"{tick:g}".replace("-", "\N{MINUS SIGN}") for tick in ticks],
        f"{axis.name} ({unit})",
    )


def _even_step(span: float) -> float:
    """Return a round distance of ticks that divides a span of Hz in about four."""
    step = 10 ** np.floor(np.log10(span / 4))
    return float(min((step, 2 * step, 5 * step, 10 * step), key=lambda one: abs(one - span / 4)))
