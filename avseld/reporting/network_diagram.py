"""Picture of a network: a box for every block of layers, with what it does and the shape of its result."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from avseld.base.files import replacing
from avseld.base.layer_block import LayerBlock

FACES = {"input": "#e8e8e8", "convolution": "#cfe2f3", "recurrent": "#fce5cd", "attention": "#e4d7f0",
         "linear": "#d9ead3", "join": "#ffffff", "output": "#fff2cc"}  # fmt: skip
LINE_INCHES, FONT_POINTS = 0.155, 8.0
CHARACTER_INCHES = 0.066
"""mean width of a character of that size"""
ROW_GAP_INCHES, COLUMN_GAP_INCHES, PADDING_INCHES = 0.33, 0.35, 0.11
FRAME_PADDING_INCHES = 0.1
MARGIN_INCHES = 0.3
LEGENDS = (
    "in a box: what it does, the shape of its result, its parameters in brackets",
    "shapes: channel \N{MULTIPLICATION SIGN} frame \N{MULTIPLICATION SIGN} bin; "
    "after the convolutions frame \N{MULTIPLICATION SIGN} value",
)
FONT = "DejaVu Sans"
FONTS = f"'{FONT}', Verdana, sans-serif"
"""of text in an svg, where the first is not installed: those of about its width"""
MANY_PARENTS = 4
"""a block with so many parents has arrows only from those that no other way leads from"""
STYLE: Any = {"svg.fonttype": "none", "svg.hashsalt": "avseld", "font.family": FONT}
"""text stays text, and the same network gives the same file"""


@dataclass(frozen=True)
class Place:
    """Where the box of a block lies, in inches from the upper left corner, y downward.

    Args:
        x: of its middle.
        top: its upper edge.
        width: of the box.
        height: of the box.
    """

    x: float
    top: float
    width: float
    height: float


def write_diagram(out: Path, blocks: Sequence[LayerBlock], title: str) -> None:
    """Draw a network into a file, svg, png or pdf; the same network gives the same bytes.

    Args:
        out: the file.
        blocks: in the order in which they run.
        title: written above.
    """
    with matplotlib.rc_context(STYLE):
        drawn = network_diagram(blocks, title)
        with replacing(out) as temporary:
            metadata: dict[str, Any] = {"svg": {"Date": None, "Creator": None}, "pdf": {"CreationDate": None}}
            suffix = out.suffix.lower().removeprefix(".")
            drawn.savefig(temporary, metadata=metadata.get(suffix), dpi=150)
            if suffix == "svg":
                text = temporary.read_text(encoding="utf-8").replace(f"'{FONT}'", FONTS)
                temporary.write_text(text, encoding="utf-8", newline="\n")


def network_diagram(blocks: Sequence[LayerBlock], title: str) -> Figure:
    """Draw a network, its inputs above and its heads below; arguments as for `write_diagram`."""
    texts = [box_lines(block) for block in blocks]
    places = _places(blocks, texts)
    width = max(place.x + place.width / 2 for place in places) + MARGIN_INCHES
    width = max(width, CHARACTER_INCHES * max(1.25 * len(title), *map(len, LEGENDS)) + 2 * MARGIN_INCHES)
    height = max(place.top + place.height for place in places) + 2.4 * MARGIN_INCHES
    drawn = Figure(figsize=(width, height), facecolor="white")
    FigureCanvasAgg(drawn)
    axis = drawn.add_axes((0, 0, 1, 1))
    axis.set_xlim(0, width)
    axis.set_ylim(height, 0)
    axis.set_axis_off()
    shift = (width - max(p.x + p.width / 2 for p in places) - min(p.x - p.width / 2 for p in places)) / 2
    places = [Place(place.x + shift, place.top, place.width, place.height) for place in places]
    for name, members in _framed(blocks, places).items():
        _draw_frame(axis, name, [places[block.number] for block in members], members)
    for block in blocks:
        for parent in _shown_parents(blocks, block):
            _draw_arrow(axis, places[parent], places[block.number], places)
    for block, place, lines in zip(blocks, places, texts, strict=True):
        _draw_box(axis, block, place, lines)
    axis.text(width / 2, MARGIN_INCHES * 0.75, title, ha="center", va="center", fontsize=10, weight="bold")
    for number, line in enumerate(LEGENDS[::-1]):
        y = height - MARGIN_INCHES * 0.5 - LINE_INCHES * number
        axis.text(width / 2, y, line, ha="center", va="center", fontsize=7, color="0.35")
    return drawn


def _shown_parents(blocks: Sequence[LayerBlock], block: LayerBlock) -> list[int]:
    """Return the parents from which arrows are drawn: of a block with many, those that feed it by no other way, too."""
    if block.kind == "join" or len(block.parents) < MANY_PARENTS:
        return block.parents
    above: dict[int, set[int]] = {}
    for each in blocks:
        above[each.number] = set(each.parents).union(*(above[parent] for parent in each.parents))
    return [parent for parent in block.parents if not any(parent in above[other] for other in block.parents)]


def box_lines(block: LayerBlock) -> list[str]:
    """Return the lines in the box of a block: what it does, and below it shape and parameters.

    Linear layers have the name of their module before them, since a network has many.
    """
    names = [name for name in block.path.split(".") if name and not name.isdigit()]
    named = f"{names[-1]}: " if names and block.kind == "linear" else ""
    shape = " \N{MULTIPLICATION SIGN} ".join(map(str, block.shape))
    parameters = f" ({block.parameters:,})" if block.parameters else ""
    return [named + block.words[0], *block.words[1:], shape + parameters]


def _places(blocks: Sequence[LayerBlock], texts: Sequence[Sequence[str]]) -> list[Place]:
    """Lay out the boxes: rows by the longest way from an input, columns by branches."""
    rows = _rows(blocks)
    columns = _columns(blocks, rows)
    width = CHARACTER_INCHES * max(len(line) for lines in texts for line in lines) + 2 * PADDING_INCHES
    heights = [LINE_INCHES * len(lines) + PADDING_INCHES for lines in texts]
    tallest = [max(h for h, row in zip(heights, rows, strict=True) if row == n) for n in range(max(rows) + 1)]
    tops = 2 * MARGIN_INCHES + np.concatenate([[0], np.cumsum(np.array(tallest) + ROW_GAP_INCHES)])
    left = min(columns)
    return [
        Place(
            MARGIN_INCHES + width / 2 + (column - left) * (width + COLUMN_GAP_INCHES),
            tops[row] + (tallest[row] - height) / 2,
            width,
            height,
        )
        for row, column, height in zip(rows, columns, heights, strict=True)
    ]


def _rows(blocks: Sequence[LayerBlock]) -> list[int]:
    """Number the rows: a block as far down as its children let it, but for the first input, which begins."""
    earliest: list[int] = []
    for block in blocks:
        earliest.append(1 + max((earliest[parent] for parent in block.parents), default=-1))
    rows, last = list(earliest), max(earliest)
    for block in reversed(blocks):
        children = [rows[other.number] for other in blocks if block.number in other.parents]
        if block.number:
            rows[block.number] = min(children, default=last + 1) - 1
    return rows


def _columns(blocks: Sequence[LayerBlock], rows: Sequence[int]) -> list[float]:
    """Place branches beside one another, and what joins several of them in their middle."""
    children: dict[int, list[int]] = {block.number: [] for block in blocks}
    for block in blocks:
        if len(set(block.parents)) == 1:
            children[block.parents[0]].append(block.number)
    width: dict[int, float] = {}
    for block in reversed(blocks):
        width[block.number] = max(1.0, sum(width[child] for child in children[block.number]))
    columns: dict[int, float] = {}
    right = 0.0
    for block in blocks:
        number = block.number
        if not block.parents:
            columns[number] = right + (width[number] - 1) / 2
            right += width[number]
        elif len(set(block.parents)) > 1:
            columns[number] = float(np.mean([columns[parent] for parent in set(block.parents)]))
        left = columns[number] - width[number] / 2 + 0.5
        total = sum(width[child] for child in children[number])
        left += (width[number] - total) / 2
        for child in children[number]:
            columns[child] = left + (width[child] - 1) / 2
            left += width[child]
    for _, members in groupby(
        sorted(range(len(blocks)), key=lambda n: (rows[n], columns[n])), lambda n: rows[n]
    ):
        row = list(members)
        for number, place in zip(row, _apart([columns[number] for number in row]), strict=True):
            columns[number] = place
    return [columns[block.number] for block in blocks]


def _apart(wanted: Sequence[float]) -> list[float]:
    """Move rising places as little as needed to have distances of 1 at least (squared moves are least)."""
    groups: list[list[float]] = []  # members less their number
    for number, place in enumerate(wanted):
        groups.append([place - number])
        while len(groups) > 1 and np.mean(groups[-2]) > np.mean(groups[-1]):
            groups[-2:] = [groups[-2] + groups[-1]]
    flat = [float(np.mean(group)) for group in groups for _ in group]
    return [number + place for number, place in enumerate(flat)]


def _framed(blocks: Sequence[LayerBlock], places: Sequence[Place]) -> dict[str, list[LayerBlock]]:
    """Find the modules of the network that have several blocks and lie apart from all others."""
    framed = {}
    for name in dict.fromkeys(block.path.split(".")[0] for block in blocks if block.path):
        members = [block for block in blocks if block.path.split(".")[0] == name]
        left, right, top, bottom = _bounds([places[block.number] for block in members])
        others = [places[block.number] for block in blocks if block not in members]
        free = not any(
            left < other.x < right and top < other.top + other.height / 2 < bottom for other in others
        )
        if len(members) > 1 and free:
            framed[name] = members
    return framed


def _bounds(places: Sequence[Place]) -> tuple[float, float, float, float]:
    """Return left, right, top and bottom of a frame around boxes."""
    pad = FRAME_PADDING_INCHES
    return (
        min(place.x - place.width / 2 for place in places) - pad,
        max(place.x + place.width / 2 for place in places) + pad,
        min(place.top for place in places) - pad,
        max(place.top + place.height for place in places) + 0.6 * pad,
    )


def _draw_frame(axis: Axes, name: str, places: Sequence[Place], members: Sequence[LayerBlock]) -> None:
    left, right, top, bottom = _bounds(places)
    axis.add_patch(
        FancyBboxPatch(
            (left, top), right - left, bottom - top, boxstyle="round,pad=0,rounding_size=0.06",
            facecolor="none", edgecolor="0.6", linewidth=0.8, linestyle=(0, (4, 3)), zorder=0,
        )
    )  # fmt: skip
    weighted = [block for block in members if block.parameters]
    frozen = ", frozen" if weighted and all(block.frozen for block in weighted) else ""
    on_the_right = (left + right) / 2 > np.mean(
        axis.get_xlim()
    ) + FRAME_PADDING_INCHES  # away from the arrows
    axis.text(
        right - 0.05 if on_the_right else left + 0.05, top - 0.02, name + frozen, fontsize=7, color="0.35",
        ha="right" if on_the_right else "left", va="bottom",
    )  # fmt: skip


def _draw_box(axis: Axes, block: LayerBlock, place: Place, lines: Sequence[str]) -> None:
    axis.add_patch(
        FancyBboxPatch(
            (place.x - place.width / 2, place.top), place.width, place.height,
            boxstyle="round,pad=0,rounding_size=0.06", facecolor=FACES[block.kind], edgecolor="0.25",
            linewidth=1.4 if block.kind in ("input", "output") else 0.8, zorder=2,
        )
    )  # fmt: skip
    first = place.top + place.height / 2 - LINE_INCHES * (len(lines) - 1) / 2
    for number, line in enumerate(lines):
        last = number == len(lines) - 1
        axis.text(
            place.x, first + LINE_INCHES * number, line, ha="center", va="center", zorder=3,
            fontsize=FONT_POINTS - 0.5 if last else FONT_POINTS, color="0.35" if last else "black",
        )  # fmt: skip


def _draw_arrow(axis: Axes, parent: Place, child: Place, places: Sequence[Place]) -> None:
    """Draw from the lower edge of a box to the upper edge of another, around the boxes between them."""
    begin, end = (parent.x, parent.top + parent.height), (child.x, child.top)
    middle = (begin[1] + end[1]) / 2
    between = [
        place
        for place in places
        if begin[1] < place.top + place.height / 2 < end[1]
        and abs(np.interp(place.top + place.height / 2, [begin[1], end[1]], [begin[0], end[0]]) - place.x)
        < place.width / 2
    ]
    style = "arc3"
    side = 1 if child.x > parent.x else -1
    if between:  # leave at the side
        begin = (parent.x + side * parent.width / 2, parent.top + parent.height / 2)
        if abs(child.x - parent.x) > parent.width / 2:
            style = "angle3,angleA=0,angleB=90"
        else:
            end = (child.x + side * child.width / 2, child.top + child.height / 2)
            style = f"arc3,rad={-side * min(0.5, 0.4 / max(middle - begin[1], 0.3)):.3f}"
    axis.add_patch(
        FancyArrowPatch(
            begin, end, arrowstyle="-|>", mutation_scale=8, color="0.25", linewidth=0.8, shrinkA=0, shrinkB=0,
            connectionstyle=style, zorder=1,
        )
    )  # fmt: skip
