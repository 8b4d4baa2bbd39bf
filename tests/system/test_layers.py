"""The blocks of layers of a network: what feeds what, shapes, weights; the pictures in the documentation."""

import html
import re
from pathlib import Path

import pytest
import torch
from system_material import blueprint
from torch import nn

from avseld.__main__ import main
from avseld.config import Part
from avseld.recipes.listing import diagram_title, system_of
from avseld.reporting.network_diagram import box_lines, write_diagram
from avseld.system.build import System
from avseld.system.layer_words import BY, by
from avseld.system.layers import layer_blocks

IMAGES = Path(__file__).parents[2] / "docs" / "images"
IDLE = {"two_stage": 5_643 + 11_286}
"""weights of heads that a network has but does not run, which its picture leaves out: SED and DOA of the other stage"""
SMALL = blueprint(model=Part("avcrnn", {"width": 8, "hidden": 8}))


@pytest.fixture(scope="module")
def small():
    return System(SMALL)


@pytest.mark.parametrize(
    "recipe", [path.stem.removeprefix("network_") for path in sorted(IMAGES.glob("network_*.svg"))]
)
def test_a_picture_in_the_documentation_shows_the_network_as_it_is(recipe):
    system = system_of(recipe)
    blocks = layer_blocks(system)
    weights = sum(weight.numel() for weight in system.model.parameters())
    assert sum(block.parameters for block in blocks) == weights - IDLE.get(recipe, 0)
    text = (IMAGES / f"network_{recipe}.svg").read_text(encoding="utf-8")
    shown = [html.unescape(word) for word in re.findall(r"<text[^>]*>([^<]*)</text>", text)]
    expected = [line for block in blocks for line in box_lines(block)]
    first = shown.index(expected[0])  # names of modules come before
    assert shown[first : first + len(expected)] == expected, "scripts/draw_networks.sh draws it"
    assert diagram_title(recipe, system) in shown and len(text) < 100_000


def test_shapes_and_edges_are_those_of_the_window_that_runs(small):
    blocks = layer_blocks(small)
    kinds = [block.kind for block in blocks]
    assert kinds == ["input"] * 2 + ["join"] + ["convolution"] * 3 + [
        "linear",
        "join",
        "recurrent",
        "linear",
        "output",
    ]
    assert [block.parents for block in blocks] == [[], [], [1], [0], [3], [4], [2], [5, 6], [7], [8], [9]]
    assert [block.shape for block in blocks] == [
        (7, 128, 257), (6, 4), (2, 6, 37), (8, 32, 64), (8, 16, 16), (8, 8), (8,), (8, 16), (8, 16), (8, 117),
        (128, 3, 3, 13),
    ]  # fmt: skip
    assert (
        blocks[4].words == [f"conv {by((3, 3))}, 8, BN, ReLU", f"max pooling {by((2, 4))}"]
        and blocks[4].parameters == 8 * 8 * 9 + 16
    )
    assert blocks[5].words[-1] == "mean over bins" and blocks[8].words == ["bidirectional GRU, 8 units"]


class Residual(nn.Module):
    """A network with a skip connection, weights used twice, a head that nothing feeds on, and frozen weights."""

    visual_input, vision, n_boxes, n_values = "first_boxes", False, 6, 0

    def __init__(self, n_features, n_bins, shapes):
        super().__init__()
        self.shapes = shapes
        self.conv = nn.Conv2d(n_features, 4, 3, padding=1)
        self.attention = nn.MultiheadAttention(4, 2, batch_first=True).requires_grad_(False)
        self.norm, self.unused, self.out = nn.LayerNorm(4), nn.Linear(4, 3), nn.Linear(4, 117)

    def forward(self, x, visual=None):
        x = torch.relu(self.conv(x)).mean(dim=3).transpose(1, 2)
        self.unused(x)
        x = self.norm(x + self.attention(x, x, x, need_weights=False)[0])
        x = (self.out(x) + self.out(x.flip(1))).unflatten(2, (3, 3, 13))
        return {"accdoa": x}


def test_skip_connections_shared_weights_and_dead_ends_are_recognized(monkeypatch):
    monkeypatch.setitem(__import__("avseld.system.build", fromlist=["MODELS"]).MODELS, "residual", Residual)
    system = System(blueprint(model=Part("residual")))
    system.train()
    blocks = layer_blocks(system)
    assert [(block.words[0], block.parents) for block in blocks] == [
        ("amplitude_ipd", []),
        (f"conv {by((3, 3))}, 4, ReLU", [0]),
        ("self-attention, 2 heads", [1]),
        ("add, LN", [1, 2]),
        ("linear 4 → 117", [3]),
        ("linear 4 → 117", [3]),
        ("accdoa", [4, 5]),
    ]
    assert blocks[5].words[-1] == "the same weights" and blocks[5].parameters == 0
    assert blocks[2].frozen and not blocks[1].frozen and system.training and system.model.conv.training


def test_the_same_network_is_drawn_into_the_same_bytes(small, tmp_path):
    for name in ("a", "b"):
        write_diagram(tmp_path / f"{name}.svg", layer_blocks(small), "small")
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_options_of_a_recipe_change_its_picture_and_wrong_ones_are_named(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    main(
        ["models", "--diagram", "av_foa_quick", "--model.options.hidden", "24", "--model.options.width", "8"]
    )
    assert "GRU, 24 units" in (tmp_path / "av_foa_quick.svg").read_text()
    (tmp_path / "classes.txt").write_text("one\ntwo\nthree\n")
    main(["models", "--diagram", "av_foa_quick", "--data.prepared", str(tmp_path), "--out", "mine.svg"])
    assert f"128{BY}3{BY}3{BY}3<" in (tmp_path / "mine.svg").read_text()
    for words, said in (
        (["--diagram", "av_fo"], "did you mean av_foa?"),
        (["--diagram", "av_foa", "--out", "a.txt"], "'.txt' is none of .svg, .png, .pdf"),
        (["--diagram", "av_foa", "--model.options.hiden", "3"], "avcrnn has no such option"),
        (["--out", "a.svg"], "name its recipe with --diagram"),
    ):
        with pytest.raises(SystemExit):
            main(["models", *words])
        assert said in capsys.readouterr().err
