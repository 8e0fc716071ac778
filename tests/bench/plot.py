"""The ratios as an SVG: one bar a row on a logarithmic axis that begins at 1x (no difference), the reach
as a mark on it. Written by hand: three shapes and some text need no library."""

import math
from html import escape

import report
from loads import LOADS

_LABEL_WIDTH = 250
_AXIS_WIDTH = 620
_VALUE_WIDTH = 110
_BAR_HEIGHT = 14
_ROW_HEIGHT = 22
_GROUP_HEIGHT = 42
_TOP = 64
_BOTTOM = 92
_WIDTH = _LABEL_WIDTH + _AXIS_WIDTH + _VALUE_WIDTH
_COLORS = {None: "#7a8aa0", True: "#2f855a", False: "#c05621"}  # no reach, reached, missed
_LEGEND = ((True, "reach met"), (False, "reach missed"), (None, "no reach set"))


class _Axis:
    """From ratios to pixels: whole powers of ten around all that is shown."""

    def __init__(self, ratios):
        logs = [math.log10(ratio) for ratio in ratios]
        self.low = math.floor(min(logs + [-1]))
        self.high = math.ceil(max(logs + [1]))

    def x(self, ratio):
        return _LABEL_WIDTH + (math.log10(ratio) - self.low) / (self.high - self.low) * _AXIS_WIDTH

    def ticks(self):
        return [10.0**power for power in range(self.low, self.high + 1)]


def _text(x, y, text, anchor="start", size=12, color="#222", weight="normal"):
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{color}" font-weight="{weight}" '
        f'text-anchor="{anchor}">{escape(text)}</text>'
    )


def _line(x1, y1, x2, y2, color, width=1.0, dashes=""):
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{color}" stroke-width="{width}"{dashed}/>'


def _bar(axis, y, load, row):
    """The bar from 1x to the ratio, its label, its figure, and the reach."""
    ratio = max(row["ratio"], 10.0**axis.low)
    begin, end = sorted((axis.x(1), axis.x(ratio)))
    middle = y + _BAR_HEIGHT - 3
    reach = load.reach.get(row["connections"])
    color = _COLORS[report.is_reached(load, row["connections"], row["ratio"])]
    label = f"{load.name} at {row['connections']}" if len(load.connections) > 1 else load.name
    shapes = [
        _text(_LABEL_WIDTH - 12, middle, label, "end"),
        f'<rect x="{begin:.1f}" y="{y:.1f}" width="{max(end - begin, 1):.1f}" height="{_BAR_HEIGHT}" fill="{color}"/>',
        _text(_LABEL_WIDTH + _AXIS_WIDTH + 12, middle, f"{row['ratio']:.3g}x", weight="bold"),
    ]
    if reach:
        shapes.append(_line(axis.x(reach), y - 3, axis.x(reach), y + _BAR_HEIGHT + 3, "#111", 2.5))
    return shapes


def _groups(rows):
    """[(heading, [(load, row)])], empty groups left out."""
    loads = {load.name: load for load in LOADS}
    pairs = [(loads[row["load"]], row) for row in rows if row["ratio"] > 0]
    groups = [
        ("rates: to the right of 1x is better", [pair for pair in pairs if pair[0].is_rate]),
        ("times, memory, sizes: to the left of 1x is better", [pair for pair in pairs if not pair[0].is_rate]),
    ]
    return [group for group in groups if group[1]]


def _grid(axis, bottom):
    shapes = []
    for tick in axis.ticks():
        is_one = tick == 1
        shapes.append(_line(axis.x(tick), _TOP, axis.x(tick), bottom, "#555" if is_one else "#ddd", 1.5 if is_one else 1))
        shapes.append(_text(axis.x(tick), bottom + 16, f"{tick:g}x", "middle", 11, "#555"))
    return shapes


def _legend(y):
    shapes = []
    x = _LABEL_WIDTH
    for state, text in _LEGEND:
        shapes.append(f'<rect x="{x}" y="{y - 10}" width="12" height="12" fill="{_COLORS[state]}"/>')
        shapes.append(_text(x + 18, y, text))
        x += 130
    shapes.append(_line(x + 2, y - 12, x + 2, y + 4, "#111", 2.5))
    shapes.append(_text(x + 12, y, "the reach"))
    return shapes


def draw(results, facts):
    """The whole picture as text."""
    rows = report.rows(results)
    groups = _groups(rows)
    axis = _Axis([row["ratio"] for row in rows if row["ratio"] > 0])
    shapes = []
    y = _TOP
    for heading, pairs in groups:
        y += _GROUP_HEIGHT
        shapes.append(_text(_LABEL_WIDTH, y - 12, heading, size=13, weight="bold", color="#444"))
        for load, row in pairs:
            shapes += _bar(axis, y, load, row)
            y += _ROW_HEIGHT
    height = y + _BOTTOM
    head = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" '
        f'viewBox="0 0 {_WIDTH} {height}" font-family="sans-serif">',
        f'<rect width="{_WIDTH}" height="{height}" fill="#fff"/>',
        _text(24, 30, "weft / etcd: medians of one run on one machine", size=17, weight="bold"),
        _text(24, 50, "; ".join(facts), size=11, color="#666"),
    ]
    return "\n".join([*head, *_grid(axis, y + 8), *shapes, *_legend(height - 24), "</svg>", ""])
