"""Published figures: the six panels of SELDnet, and the clip figure of DCASE 2019 Task 4."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from avseld.io.events import Events
from avseld.reporting.colours import colour, name_of, present
from avseld.reporting.figures import draw_spectrogram
from avseld.reporting.tracks import Track, azimuth_line, elevation_line, lanes, shown, tracks

TITLES = {"reference": "reference", "prediction": "prediction"}


def six_panels(
    audio: np.ndarray,
    sample_rate: int,
    reference: Events,
    prediction: Events,
    classes: list[str],
    start: float = 0.0,
    stop: float | None = None,
    title: str = "",
) -> Figure:
    """Activity, azimuth and elevation, reference on the left and prediction on the right, below the spectrogram.

    The figure of S. Adavanne et al. as the baseline of DCASE 2019 draws it (`SELDnet` spec, section 8).

    Args:
        audio: (channel, sample), the whole recording; the first channel is drawn.
        sample_rate: Hz.
        reference: annotated events.
        prediction: predicted events.
        classes: class names by index.
        start: seconds, where the time axis begins.
        stop: seconds, where it ends; None for the end of the audio.
        title: written above.
    """
    stop = audio.shape[-1] / sample_rate if stop is None else stop
    tables = {"reference": shown(reference, start, stop), "prediction": shown(prediction, start, stop)}
    labels = present(*tables.values())
    picture = Figure(figsize=(13.0, 9.0), dpi=100, layout="constrained")
    FigureCanvasAgg(picture)
    grid = picture.add_gridspec(4, 2, height_ratios=[1.1, 1.2, 1.3, 1.0])
    top = picture.add_subplot(grid[0, :])
    draw_spectrogram(top, audio[0], sample_rate, start, stop)
    top.set_xlim(start, stop)
    for column, (kind, table) in enumerate(tables.items()):
        found = tracks(table)
        axes = [picture.add_subplot(grid[row, column]) for row in (1, 2, 3)]
        axes[0].set_title(TITLES[kind])
        _activity(axes[0], found, labels, classes)
        _angle(axes[1], [(track, *azimuth_line(track)) for track in found], 180, "azimuth (°)")
        _angle(axes[2], [(track, *elevation_line(track)) for track in found], 90, "elevation (°)")
        for axis in axes:
            axis.set_xlim(start, stop)
            if column:
                axis.set_ylabel("")
                axis.tick_params(labelleft=False)
        axes[2].set_xlabel("time (s)")
    if title:
        picture.suptitle(title, fontsize=13)
    return picture


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
    """Spectrogram, reference, probability of every frame, and what is told of it: a row a class.

    The figure of Q. Kong et al. (`DCASE2019 Task 4` spec, section 9).

    Args:
        audio: (channel, sample).
        sample_rate: Hz.
        reference: annotated events; those without times hold throughout.
        prediction: predicted events.
        classes: class names by index.
        probability: (frame, class), left out if None.
        hop: seconds between its frames.
        title: written above.
    """
    stop = audio.shape[-1] / sample_rate
    picture = Figure(figsize=(10.0, 8.5), dpi=100, layout="constrained")
    FigureCanvasAgg(picture)
    axes = list(picture.subplots(3 if probability is None else 4, 1, sharex=True))
    draw_spectrogram(axes[0], audio[0], sample_rate, 0.0, stop)
    everything = list(range(len(classes)))
    _activity(axes[1], tracks(shown(reference, 0.0, stop)), everything, classes)
    axes[1].set_title("reference", fontsize=10)
    if probability is not None:
        image = axes[2].imshow(
            probability.T, aspect="auto", extent=(0, len(probability) * hop, len(classes) - 0.5, -0.5),
            cmap="viridis", vmin=0, vmax=1, interpolation="nearest",
        )  # fmt: skip
        axes[2].set_yticks(everything, classes, fontsize=8)
        axes[2].set_title("probability of clip and frame", fontsize=10)
        scale = axes[2].inset_axes((1.008, 0.0, 0.009, 1.0))
        picture.colorbar(image, cax=scale)
        scale.tick_params(labelsize=8)
    _activity(axes[-1], tracks(shown(prediction, 0.0, stop)), everything, classes)
    axes[-1].set_title("prediction", fontsize=10)
    axes[-1].set_xlabel("time (s)")
    axes[0].set_xlim(0, stop)
    if title:
        picture.suptitle(title, fontsize=13)
    return picture


def _activity(axis: Axes, found: list[Track], labels: list[int], classes: list[str]) -> None:
    row_of = {label: row for row, label in enumerate(labels)}
    for track, lane in zip(found, lanes(found), strict=True):
        axis.barh(
            row_of[track.label] + 0.18 * lane,
            track.offset[-1] - track.onset[0],
            left=track.onset[0],
            height=0.7,
            color=colour(track.label),
            zorder=2,
            label=f"{track.label}",
        )
    axis.set_yticks(range(len(labels)), [name_of(label, classes) for label in labels], fontsize=8)
    axis.set_ylim(max(len(labels), 1) - 0.5, -0.5)
    axis.grid(color="0.9")
    axis.set_axisbelow(True)


def _angle(axis: Axes, lines: list[tuple[Track, np.ndarray, np.ndarray]], limit: int, name: str) -> None:
    for track, time, angle in lines:
        axis.plot(time, angle, color=colour(track.label), linewidth=2.5, label=f"{track.label}")
    axis.set_ylim(-limit * 1.03, limit * 1.03)
    axis.set_yticks(np.linspace(-limit, limit, 5))
    axis.set_ylabel(name)
    axis.grid(color="0.88", zorder=0)
