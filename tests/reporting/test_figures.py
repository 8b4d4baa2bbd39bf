"""The figure of a recording and its tracks."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib import _pylab_helpers
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from avseld.base.errors import BadInput
from avseld.io.audio import read_audio
from avseld.io.dcase_csv import read_dcase
from avseld.io.events import Events, concatenate
from avseld.io.geometry import angle_between, unit_vector
from avseld.reporting import clip_figure, figure, side_by_side
from avseld.reporting.colours import COLOURS, colour
from avseld.reporting.spectrogram import log_spectrogram
from avseld.reporting.tracks import assign_lanes, azimuth_line, clip_events, event_tracks

RATE = 24000
CLASSES = [f"sound {label}" for label in range(13)]
SILENCE = np.zeros((4, 3 * RATE), np.float32)


def frames(azimuth: list[float], label: int = 1, source: int = 0, first: int = 0) -> Events:
    """One source with one row per label frame."""
    onset = (first + np.arange(len(azimuth))) / 10
    same = np.ones(len(azimuth))
    return Events(onset, onset + 0.1, label * same, source * same, azimuth, 5.0 * same, np.nan * same)


def line(image: Figure, row: int, label: str) -> np.ndarray:
    """Return the points (point, 2) of the line with this label in a row of the figure."""
    return next(line for line in image.axes[row].lines if line.get_label() == label).get_xydata()


def rendered(image: Figure) -> np.ndarray:
    image.canvas.draw()
    return np.asarray(image.canvas.buffer_rgba())


def test_figure_of_a_real_recording_shows_its_labels_over_a_shared_time_axis(
    shared: Callable[[str], Path],
) -> None:
    stem = "data/starss22_foa_excerpt/fold3_room4_mix007_10.0-15.0s"
    audio, (reference, _) = read_audio(shared(f"{stem}.wav")), read_dcase(shared(f"{stem}.csv"))
    image = figure(audio, RATE, reference, None, CLASSES, title="real")
    rows = image.axes[:4]
    assert rendered(image).shape[:2] == (900, 1200)
    assert all(row.get_xlim() == (0, 5) for row in rows)
    left, right = rows[0].get_window_extent().intervalx, rows[3].get_window_extent().intervalx
    np.testing.assert_allclose(left, right)
    drawn = line(image, 2, "reference 1")
    assert drawn[0, 0] == pytest.approx(reference.onset.min())
    np.testing.assert_allclose(drawn[1:6, 1], reference.azimuth[:5])
    assert [text.get_text() for text in image.legends[0].get_texts()] == ["sound 1", "reference"]


@pytest.mark.parametrize("fitted", [True, False])
def test_the_margins_hold_every_class_name_and_the_legend(fitted: bool) -> None:
    classes = [f"musical instrument {label}" for label in range(13)]
    table = concatenate(frames([label * 10.0] * 20, label) for label in range(13))
    image = figure(SILENCE, RATE, table, table, classes, title="title", fitted=fitted)
    rendered(image)
    boxes = [axis.get_tightbbox() for axis in image.axes[:4]]
    assert all(box.x0 >= 0 and box.x1 <= 1200 and box.y1 <= 900 for box in boxes)
    legend = image.legends[0].get_window_extent()
    assert legend.y0 >= 0 and legend.y1 <= min(box.y0 for box in boxes)


def test_left_is_drawn_above_front_and_up_above_level() -> None:
    image = figure(SILENCE, RATE, frames([90.0]), None, CLASSES)
    rendered(image)
    for axis in image.axes[2:4]:
        low, middle, high = (axis.transData.transform((0, angle))[1] for angle in (-80, 0, 80))
        assert low < middle < high


def test_a_class_has_one_colour_in_every_row_for_reference_and_prediction() -> None:
    reference = Events.from_rows([*rows_of(frames([0] * 20, 3)), *rows_of(frames([40] * 20, 7))])
    image = figure(SILENCE, RATE, reference, reference, CLASSES)
    for label in (3, 7):
        colours = [
            drawn.get_color()
            for axis in image.axes
            for drawn in axis.lines
            if drawn.get_label()[-2:] == f" {label}"
        ]
        bars = [c for c in image.axes[1].collections if c.get_label()[-2:] == f" {label}"]
        assert colours == [COLOURS[label]] * 4
        assert [to_hex(c.get_facecolor()[0]) for c in bars] == [COLOURS[label]] * 2
    assert len({colour(label) for label in range(200)}) == 200


def test_reference_is_wide_and_pale_and_the_prediction_narrow_and_dark() -> None:
    events = frames([30.0] * 20)
    image = figure(SILENCE, RATE, events, events, CLASSES)
    styles = {
        drawn.get_label(): (drawn.get_linewidth(), drawn.get_alpha(), drawn.get_zorder())
        for drawn in image.axes[2].lines
    }
    wide, narrow = styles["reference 1"], styles["prediction 1"]
    assert wide[0] > 2 * narrow[0] and wide[1] < 0.5 <= narrow[1] and wide[2] < narrow[2]


def test_a_source_that_crosses_180_degrees_leaves_no_line_across_the_figure() -> None:
    walk = frames([(150 + 4 * i + 180) % 360 - 180 for i in range(20)])
    drawn = line(figure(SILENCE, RATE, walk, walk, CLASSES), 2, "prediction 1")
    steps = np.abs(np.diff(drawn[:, 1]))
    assert np.nanmax(steps) < 10
    assert np.nanmax(drawn[:, 1]) == 180 and np.nanmin(drawn[:, 1]) == -180
    before, after = drawn[drawn[:, 1] == 180, 0], drawn[drawn[:, 1] == -180, 0]
    assert before == pytest.approx(after)


@given(
    st.floats(-180, 180),
    st.lists(st.floats(-44, 44), min_size=1, max_size=60),
)
def test_azimuth_lines_pass_through_every_row_and_never_across(first: float, steps: list[float]) -> None:
    walk = first + np.cumsum([0.0, *steps])
    (track,) = event_tracks(frames(list((walk + 180) % 360 - 180)))
    time, azimuth = azimuth_line(track)
    assert np.nanmax(np.abs(azimuth)) <= 180
    assert np.nanmax(np.abs(np.diff(azimuth)), initial=0) < 45
    at_rows = [
        azimuth[np.argmin(np.abs(time - (i + 0.5) / 10) + 9 * np.isnan(azimuth))] for i in range(len(walk))
    ]
    assert angle_between(unit_vector(at_rows, 0), unit_vector(walk, 0)).max() < 1e-6


def test_simultaneous_sounds_with_one_source_number_give_one_track_each() -> None:
    mixed = Events.from_rows(
        row
        for pair in zip(rows_of(frames([-60] * 9)), rows_of(frames([60] * 9)), strict=True)
        for row in pair
    )
    joined = event_tracks(mixed)
    assert [set(track.azimuth) for track in joined] == [{-60.0}, {60.0}]
    assert sorted(assign_lanes(joined)) == [0, 1]


def test_consecutive_sounds_share_a_lane() -> None:
    joined = event_tracks(Events.from_rows([*rows_of(frames([0] * 5)), *rows_of(frames([90] * 5, first=5))]))
    assert len(joined) == 2
    assert assign_lanes(joined) == [0, 0]


def test_activity_bars_span_the_events() -> None:
    image = figure(SILENCE, RATE, frames([0.0] * 7, 4, first=5), None, CLASSES)
    (bars,) = (c for c in image.axes[1].collections if c.get_label() == "reference 4")
    (corners,) = (path.vertices for path in bars.get_paths())
    assert corners[:, 0].min() == pytest.approx(0.5) and corners[:, 0].max() == pytest.approx(1.2)
    assert [text.get_text() for text in image.axes[1].get_yticklabels()] == ["sound 4"]


@pytest.mark.parametrize("reference", [None, Events.empty(), frames([10.0] * 3)])
@pytest.mark.parametrize("prediction", [None, Events.empty(), frames([10.0] * 3)])
def test_figure_needs_neither_reference_nor_prediction(
    reference: Events | None, prediction: Events | None
) -> None:
    rendered(figure(SILENCE, RATE, reference, prediction, CLASSES))
    assert not _pylab_helpers.Gcf.get_all_fig_managers()


def test_events_without_times_fill_the_segment_and_without_direction_appear_as_activity_only() -> None:
    weak = Events.from_rows([(np.nan, np.nan, 2, 0, np.nan, np.nan, np.nan)])
    cut = clip_events(weak, 1.0, 2.5)
    assert (cut.onset[0], cut.offset[0]) == (1.0, 2.5)
    image = figure(SILENCE, RATE, weak, weak, CLASSES, start=1.0, stop=2.5)
    rendered(image)
    assert len(image.axes[1].collections) == 2
    assert [axis.get_ylabel() for axis in image.axes] == ["frequency (kHz)", "activity"]
    both = Events.from_rows([*rows_of(weak), *rows_of(frames([0.0] * 20))])
    image = figure(SILENCE, RATE, both, None, CLASSES, start=1.0, stop=2.5)
    assert len(image.axes) == 4 and np.isnan(line(image, 2, "reference 2")[:, 1]).all()


def test_six_panels_hold_the_reference_on_the_left_and_the_prediction_on_the_right() -> None:
    turning = frames(list(np.linspace(150, 210, 20) % 360))
    image = side_by_side(SILENCE, RATE, turning, frames([30.0] * 20, label=4), CLASSES, title="x")
    rendered(image)
    spectrogram, *panels = image.axes
    assert len(panels) == 6 and spectrogram.get_ylabel() == "frequency (kHz)"
    left, right = panels[:3], panels[3:]
    assert left[0].get_title() == "reference" and right[0].get_title() == "prediction"
    assert [axis.get_ylabel() for axis in left[1:]] == ["azimuth (°)", "elevation (°)"]
    drawn = left[1].lines[0].get_xydata()
    assert np.isnan(drawn).any() and np.nanmax(np.abs(np.diff(drawn[:, 1]))) < 45  # no line across the seam
    assert {to_hex(bar.get_facecolor()) for bar in right[0].patches} == {to_hex(colour(4))}
    assert to_hex(right[1].lines[0].get_color()) == to_hex(colour(4))


def test_the_figure_of_seldnet_shows_x_y_and_z_of_reference_and_prediction() -> None:
    reference = Events.from_rows([(0.0, 1.0, 2, 0, 90.0, 30.0, np.nan), (1.0, 2.0, 3, 0, 180.0, 0.0, 2.0)])
    without_elevation = Events.from_rows([(0.5, 1.5, 2, 0, -90.0, np.nan, np.nan)])
    image = side_by_side(SILENCE, RATE, reference, without_elevation, CLASSES, style="xyz")
    spectrogram, *panels = image.axes
    assert len(panels) == 8 and spectrogram.get_ylabel() == "frequency (kHz)"
    left, right = panels[:4], panels[4:]
    assert [axis.get_ylabel() for axis in left[1:]] == ["x", "y", "z"]
    assert [axis.get_ylim() for axis in panels if axis not in (left[0], right[0])] == [(-1.03, 1.03)] * 6
    for axis, first, second in zip(left[1:], (0.0, np.sqrt(0.75), 0.5), (-1.0, 0.0, 0.0), strict=True):
        values = {drawn.get_label(): drawn.get_xydata() for drawn in axis.lines}
        np.testing.assert_allclose(values["2"], [[0, first], [0.5, first], [1, first]], atol=1e-9)
        np.testing.assert_allclose(values["3"], [[1, second], [1.5, second], [2, second]], atol=1e-9)
    x, y, z = (axis.lines[0].get_ydata() for axis in right[1:])
    np.testing.assert_allclose([x, y], [[0, 0, 0], [-1, -1, -1]], atol=1e-9)
    assert np.isnan(z).all() and to_hex(right[1].lines[0].get_color()) == to_hex(colour(2))
    with pytest.raises(BadInput, match="no audio between 4 and 3 s"):
        side_by_side(SILENCE, RATE, reference, reference, CLASSES, start=4.0)


def test_a_clip_has_one_row_per_class_and_probabilities_between_reference_and_prediction() -> None:
    weak = Events.from_rows([(np.nan, np.nan, 2, 0, np.nan, np.nan, np.nan)])
    predicted = Events.from_rows([(0.5, 1.5, 2, 0, np.nan, np.nan, np.nan)])
    probability = np.zeros((30, 13))
    probability[5:15, 2] = 0.9
    image = clip_figure(SILENCE, RATE, weak, predicted, CLASSES, probability, hop=0.1)
    rendered(image)
    titles = [axis.get_title() for axis in image.axes]
    assert titles == ["", "reference", "probability of clip and frame", "prediction"]
    (whole,), (part,) = image.axes[1].patches, image.axes[3].patches
    assert (whole.get_x(), whole.get_width()) == (0, 3) and (part.get_x(), part.get_width()) == (0.5, 1.0)
    image = image.axes[2].images[0]
    assert image.get_array().shape == (13, 30) and list(image.get_extent())[:2] == [0, 3.0]
    assert len(clip_figure(SILENCE, RATE, weak, predicted, CLASSES).axes) == 3


def test_an_empty_segment_is_refused_in_one_line() -> None:
    with pytest.raises(BadInput, match="between 7 and 3 s of 3 s"):
        figure(SILENCE, RATE, None, None, CLASSES, start=7.0)


@pytest.mark.parametrize("seconds", [0.5, 40.0])
def test_spectrogram_shows_a_full_scale_tone_at_its_frequency_with_0_db(seconds: float) -> None:
    time = np.arange(round(seconds * RATE)) / RATE
    power, frequency = log_spectrogram(np.sin(2 * np.pi * 1500 * time), RATE)
    middle = power[:, power.shape[1] // 2]
    assert power.shape[1] <= 1200
    assert frequency[middle.argmax()] == pytest.approx(1500, rel=0.03)
    assert middle.max() == pytest.approx(0, abs=1.5)


def test_spectrogram_keeps_clicks_of_a_long_recording() -> None:
    samples = np.zeros(120 * RATE, np.float32)
    samples[37 * RATE] = 1.0
    power, _ = log_spectrogram(samples, RATE)
    assert power.mean(axis=0).argmax() == pytest.approx(37 / 120 * power.shape[1], abs=2)


def rows_of(events: Events) -> list[tuple[float, ...]]:
    return list(
        zip(
            events.onset,
            events.offset,
            events.label,
            events.source,
            events.azimuth,
            events.elevation,
            events.distance,
            strict=True,
        )
    )
