"""Pictures of energy maps: on the page, and over the 360-degree frame."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from avseld.base.errors import BadInput
from avseld.io.energy_maps import EnergyMap, write_energy_maps
from avseld.reporting.colours import rgb
from avseld.reporting.energy_maps import COLUMNS, ROWS, blended, maps_figure, page_maps, picture_of
from avseld.reporting.plot_command import plot
from avseld.reporting.viewer import view


def block(frame: int, label: int, x: int, y: int, score: float = float("nan")) -> EnergyMap:
    """A map of 18 x 18 degrees, strongest in the middle."""
    across, down = np.meshgrid(np.arange(-9, 9), np.arange(-9, 9))
    energy = 1 - np.hypot(across, down) / 20
    points = np.stack([(x + across).ravel() % 360, (y + down).ravel(), energy.ravel()], axis=1)
    return EnergyMap(frame, label, 0, (points,), score=score)


def test_a_map_is_pictured_where_its_points_are_over_the_seam_too():
    picture = picture_of(block(0, 0, 0, 90))
    assert picture.shape == (ROWS, COLUMNS) and picture.max() == 1
    rows, columns = np.nonzero(picture)
    assert set(columns) == {97, 98, 99, 0, 1, 2} and set(rows) == set(range(22, 28))


def test_a_page_gets_the_pixels_of_each_sound_until_its_end():
    maps = [block(7, 3, 180, 90), block(2, 1, 90, 45), block(30, 1, 90, 45)]
    data = page_maps(maps, stop=2.0)
    assert [sound[:2] for sound in data["sounds"]] == [[2, 1], [7, 3]]
    _, _, steps, levels = data["sounds"][1]
    found = np.zeros(ROWS * COLUMNS)
    found[np.cumsum(steps)] = [int(level) / 9 for level in levels]
    np.testing.assert_allclose(found.reshape(ROWS, COLUMNS), picture_of(maps[0]), atol=1 / 18 + 1e-9)


def test_maps_colour_the_panorama_where_they_have_energy_and_by_their_score():
    background = np.full((100, 200, 3), 200, np.uint8)
    strong, weak = (blended([block(0, 5, 90, 90, score)], background) for score in (1.0, 0.2))
    assert (strong[:, 120:] == 200).all()
    colour = np.array(rgb(5))
    distance = [np.abs(picture[51, 51].astype(int) - colour).sum() for picture in (strong, weak)]
    assert distance[0] < 0.25 * np.abs(200 - colour).sum() < distance[1]


def test_a_figure_names_the_sounds_of_its_frame():
    panels = {"labels": [block(3, 0, 90, 90), block(4, 1, 90, 90)], "network": [block(3, 0, 95, 90, 0.8)]}
    axes = maps_figure(panels, 3, ["speech", "knock"]).axes
    assert [[text.get_text() for text in each.texts] for each in axes] == [["speech"], ["speech 0.80"]]


def test_names_at_the_seam_stay_in_the_picture():
    (axes,) = maps_figure(
        {"labels": [block(0, 0, 2, 90), block(0, 0, 358, 90), block(0, 0, 180, 90)]}, 0, ["a"]
    ).axes
    assert [text.get_ha() for text in axes.texts] == ["left", "right", "center"]


def test_maps_of_the_example_lie_over_its_picture(tmp_path, caplog):
    write_energy_maps(tmp_path / "example.json", [block(0, 0, 90, 90, 1.0)])
    plot(audio=Path("example"), maps=[tmp_path], out=tmp_path / "a.png")
    drawn = np.asarray(Image.open(tmp_path / "a.png").convert("RGB"))
    assert len(np.unique(drawn.reshape(-1, 3), axis=0)) > 3000  # a dark background has some dozens
    assert "no video" not in caplog.text
    with pytest.raises(BadInput, match=r"nothing.wav: not found"):
        plot(audio=tmp_path / "nothing.wav", maps=[tmp_path], out=tmp_path / "b.png")


def test_view_and_plot_show_the_maps_of_a_recording(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.zeros((24000, 4)), 24000)
    write_energy_maps(tmp_path / "maps" / "a_std.json", [block(3, 0, 90, 90)])
    view(audio=tmp_path / "a.wav", maps=tmp_path / "maps", out=tmp_path / "a.html")
    page = (tmp_path / "a.html").read_text()
    (data,) = re.findall(r'id="data">(.*?)</script>', page)
    assert [sound[0] for sound in json.loads(data)["recordings"][0]["maps"]["sounds"]] == [3]
    plot(audio=tmp_path / "a.wav", maps=[tmp_path / "maps"], start=0.3, out=tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size > 5000
    with pytest.raises(BadInput, match="no energy maps of b"):
        (tmp_path / "a.wav").rename(tmp_path / "b.wav")
        view(audio=tmp_path / "b.wav", maps=tmp_path / "maps", out=tmp_path / "b.html")
