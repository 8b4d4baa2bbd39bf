"""Figures of features: the values, axes, titles and events that are drawn."""

import numpy as np
import pytest

from avseld.__main__ import main
from avseld.base.errors import BadInput
from avseld.base.feature_maps import BinAxis, maps_of
from avseld.io.events import Events, write_events
from avseld.io.feature_files import FeatureDescription, write_description, writing_features
from avseld.reporting.feature_figures import feature_figure

MEL = BinAxis("frequency", "Hz", (100.0, 200.0, 400.0, 1000.0, 3000.0, 9000.0, 10000.0, 12000.0))
LAG = BinAxis("lag", "ms", tuple((lag - 4) / 4 for lag in range(8)))
MAPS = [*maps_of("log-mel", "1234", "dB", MEL), *maps_of("GCC-PHAT", ["1-2", "1-3"], "", LAG, 4)]
CLASSES = ["bell", "knock"]
EVENTS = Events.from_rows([(0.5, 1.5, 1, 0, 30.0, 0.0, np.nan)])


def described(standardized: bool = True, hop: float = 0.1) -> FeatureDescription:
    return FeatureDescription("npy", hop, 24000, "mic", (6, 8), MAPS, standardized)


def values(n_frames: int = 20) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    shape = (6, n_frames, 8)
    return random.normal(size=shape), random.normal(size=(6, 8)) - 50, random.uniform(1, 2, size=(6, 8))


def test_every_map_has_its_name_its_values_in_their_unit_and_the_events_above_it():
    x, mean, deviation = values()
    drawn = feature_figure(x, described(), (mean, deviation), EVENTS, CLASSES, title="room")
    axes = drawn.axes
    titles = [
        "events",
        "log-mel 1",
        "log-mel 2",
        "log-mel 3",
        "log-mel 4",
        "events",
        "GCC-PHAT 1-2",
        "GCC-PHAT 1-3",
    ]
    assert [axis.get_title() for axis in axes] == titles
    assert all(axis.get_xlim() == (0, 2) for axis in axes)
    for axis, channel in zip((*axes[1:5], *axes[6:8]), range(6), strict=True):
        (image,) = axis.images
        np.testing.assert_allclose(image.get_array(), (x[channel] * deviation[channel] + mean[channel]).T)
        assert tuple(image.get_extent()) == (0, 2, -0.5, 7.5)
    assert [bar.get_x() for bar in axes[0].patches] == [0.5] and axes[0].get_yticklabels()[
        0
    ].get_text() == "knock"
    words = {
        tick.get_text(): place
        for place, tick in zip(axes[1].get_yticks(), axes[1].get_yticklabels(), strict=True)
    }
    assert axes[1].get_ylabel() == "frequency (kHz)" and words["1"] == 3 and words["0.1"] == 0
    words = {
        tick.get_text(): place
        for place, tick in zip(axes[6].get_yticks(), axes[6].get_yticklabels(), strict=True)
    }
    assert axes[6].get_ylabel() == "lag (ms)" and words["0"] == 4 and axes[4].get_xlabel() == "time (s)"


def test_amplitudes_have_logarithmic_colours_and_angles_those_of_a_circle():
    maps = [*maps_of("amplitude", "W", "", MEL), *maps_of("phase difference", ["Y-W"], "rad", MEL, 1)]
    description = FeatureDescription("npy", 0.1, 24000, "foa", (2, 8), maps, False)
    amplitude = np.linspace(1e-6, 1, 80).reshape(1, 10, 8)
    drawn = feature_figure(np.concatenate([amplitude, 2 * np.pi * amplitude]), description, values()[1:])
    norms = [axis.images[0].norm for axis in drawn.axes]
    assert norms[0].vmax / norms[0].vmin == pytest.approx(1000) and norms[0](
        0.01 * norms[0].vmax
    ) == pytest.approx(1 / 3)
    assert (norms[1].vmin, norms[1].vmax) == (0, 2 * np.pi)


def test_frames_of_a_long_recording_are_averaged_and_a_segment_is_cut_out():
    x, mean, deviation = values(12000)
    drawn = feature_figure(x, described(False), (mean, deviation))
    image = drawn.axes[0].images[0]
    np.testing.assert_allclose(image.get_array(), x[0].reshape(1200, 10, 8).mean(axis=1).T, atol=1e-12)
    part = feature_figure(x, described(False), (mean, deviation), start=1.0, stop=3.0).axes[0].images[0]
    np.testing.assert_allclose(part.get_array(), x[0, 10:30].T)
    with pytest.raises(BadInput, match="no frames between 2000 and 1200 s"):
        feature_figure(x, described(), (mean, deviation), start=2000.0)


def test_a_folder_of_features_is_drawn_and_what_is_wrong_with_it_is_said(tmp_path, capsys):
    x, mean, deviation = values()
    write_description(tmp_path, described(), mean, deviation)
    with writing_features(tmp_path / "a.npy", described(), 20, mean, deviation) as write:
        for first in (0, 7, 14):
            write(first, x[:, first : first + 7])
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), x.astype(np.float32))
    write_events(tmp_path / "a.csv", EVENTS)
    main(["plot", "--features", str(tmp_path), "--recording", "a", "--reference", str(tmp_path / "a.csv"), "--out",
          str(tmp_path / "b.png")])  # fmt: skip
    assert (tmp_path / "b.png").stat().st_size > 10_000
    (tmp_path / "a.npy").write_bytes(b"abc")
    for more, said in (
        (["--recording", "b"], "b.npy: not found; there are a"),
        (["--recording", "a"], "a.npy: no readable features"),
        (["--out", str(tmp_path / "c.png")], "names one figure; choose its recording"),
    ):
        with pytest.raises(SystemExit):
            main(["plot", "--features", str(tmp_path), *more])
        assert said in capsys.readouterr().err
    (tmp_path / "features.json").write_text("{}")
    with pytest.raises(SystemExit):
        main(["plot", "--features", str(tmp_path)])
    assert "no description of features" in capsys.readouterr().err
