"""The chart: what each workload takes on each target, relative to ext4, as bars on a log scale."""

import math
from xml.sax.saxutils import escape

from .figures import Figures

_COLOURS = ("#8a8f98", "#3b7dd8", "#d98a2b", "#2a9d62", "#a04bb8", "#c0392b")
_LEFT, _WIDTH, _RIGHT = 180, 560, 60
_BAR, _GAP = 9, 8
_TOP, _BOTTOM = 64, 52


def draw_chart(figures: Figures) -> str:
    """An SVG document. Only what was measured on ext4, too, is drawn."""
    bars = [target for target in figures.targets if target != "ext4"]
    rows = [(workload, [figures.ratio("time", workload, target, "ext4") for target in bars])
            for workload in figures.workloads]
    rows = [(workload, ratios) for workload, ratios in rows if any(ratios)]
    known = [ratio for _, ratios in rows for ratio in ratios if ratio] or [1.0]
    low = math.floor(math.log2(min(known + [0.5])))
    high = math.ceil(math.log2(max(known + [2.0])))

    def across(ratio: float) -> float:
        return _LEFT + _WIDTH * (math.log2(ratio) - low) / (high - low)

    row_height = len(bars) * _BAR + _GAP
    bottom = _TOP + len(rows) * row_height
    parts = [_start(_LEFT + _WIDTH + _RIGHT, bottom + _BOTTOM),
             _text(12, 22, "Time relative to ext4 (a shorter bar is faster)", "title"),
             *_legend(bars)]
    for power in range(low, high + 1):
        x = across(2.0 ** power)
        kind = "axis" if power == 0 else "grid"
        parts.append(f'<line class="{kind}" x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP - 4}" '
                     f'y2="{bottom}"/>')
        parts.append(_text(x, bottom + 14, f"{2.0 ** power:g}", "middle"))
    for at, (workload, ratios) in enumerate(rows):
        top = _TOP + at * row_height
        parts.append(_text(_LEFT - 8, top + row_height / 2, workload, "end"))
        for bar, ratio in enumerate(ratios):
            if ratio:
                parts += _bar(top + bar * _BAR, across(2.0 ** low), across(ratio), ratio,
                              _COLOURS[bar % len(_COLOURS)])
    report = figures.report
    parts.append(_text(12, bottom + 38, f"{report['date']}   {report['command']}   "
                       f"rounds: {report['rounds']}", "small"))
    return "\n".join([*parts, "</svg>"]) + "\n"


def _start(width: int, height: int) -> str:
    return f"""<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" \
viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12" fill="#222">
<style>
.title {{ font-size: 15px; font-weight: bold }} .small {{ font-size: 11px; fill: #666 }}
.end {{ text-anchor: end }} .middle {{ text-anchor: middle; fill: #666 }}
.value {{ font-size: 9px; fill: #444 }}
.grid {{ stroke: #ddd }} .axis {{ stroke: #222 }}
</style>
<rect width="100%" height="100%" fill="white"/>"""


def _legend(bars: list[str]) -> list[str]:
    parts, x = [], float(_LEFT)
    for at, name in enumerate(bars):
        parts.append(f'<rect x="{x:.0f}" y="36" width="10" height="10" '
                     f'fill="{_COLOURS[at % len(_COLOURS)]}"/>')
        parts.append(_text(x + 14, 45, name, "name"))
        x += 40 + 7.5 * len(name)
    return parts


def _bar(top: float, start: float, end: float, ratio: float, colour: str) -> list[str]:
    return [f'<rect x="{start:.1f}" y="{top}" width="{max(1.0, end - start):.1f}" '
            f'height="{_BAR - 1}" fill="{colour}"/>',
            _text(end + 3, top + _BAR - 2, f"{ratio:.2f}", "value")]


def _text(x: float, y: float, text: str, kind: str) -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}">{escape(text)}</text>'
