"""The tables, in Markdown: for a terminal and for docs/performance.md alike."""

import statistics
import textwrap

from .figures import Figures
from .goals import GOALS, MEMORY_GOAL, Goal, goal_of

_BESIDE = ("ext4", "btrfs", "bindfs")


def write_report(figures: Figures) -> str:
    report = figures.report
    machine = report["machine"]
    loads = report["load"]
    parts = [_wrap(
        f"{report['date']}, `{report['command']}`, rounds: {report['rounds']}, on "
        f"{machine['processors']} processors ({machine['processor']}), "
        f"{machine['memory'] >> 30} GiB, Linux {machine['kernel']}; load of the machine "
        f"{min(loads):.1f} to {max(loads):.1f}. Input: {report['inputs']}."),
        "Seconds: median (lowest to highest)\n\n" + _times(figures),
    ]
    for name in figures.own:
        parts.append(f"{name} beside the others: medians of the rounds' ratios\n\n"
                     + _ratios(figures, name))
    if figures.inputs:
        parts.append("Space on the lower filesystem, MB\n\n" + _space(figures))
    daemons = [name for name in figures.targets if figures.memory[name]]
    if daemons:
        parts.append("The daemons: CPU seconds (medians), and peak memory over all workloads\n\n"
                     + _daemons(figures, daemons))
    return "\n\n".join(parts) + "\n"


def judge_goals(figures: Figures) -> list[tuple[str, bool]]:
    """Each goal that was measured, as a sentence, and whether it is met."""
    judged = []
    for name in figures.own:
        for goal in GOALS:
            ratio = figures.ratio(goal.measure, goal.subject, name, goal.beside)
            if ratio is not None:
                judged.append((f"{name}: {goal.measure} of {goal.subject} is {ratio:.2f} x "
                               f"{goal.beside}, wanted {goal.limit:g}", ratio <= goal.limit))
        if judged:
            judged.append((f"{name}: {figures.memory[name] / 1e6:.0f} MB of memory, wanted "
                           f"{MEMORY_GOAL / 1e6:.0f}", figures.memory[name] <= MEMORY_GOAL))
    return judged


def _times(figures: Figures) -> str:
    rows = []
    for workload in figures.workloads:
        row = [workload]
        for target in figures.targets:
            row.append(_spread(figures.values("time", workload, target)))
        rows.append(row)
    return _table(["workload", *figures.targets], rows)


def _ratios(figures: Figures, name: str) -> str:
    beside = [target for target in figures.targets if target in _BESIDE]
    rows = []
    for measure, subjects in (("time", figures.workloads), ("cpu", ["incompressible-write"]),
                              ("space", figures.inputs)):
        for subject in subjects:
            if not figures.values(measure, subject, name):
                continue
            ratios = [figures.ratio(measure, subject, name, target) for target in beside]
            shown = subject if measure == "time" else f"{measure}: {subject}"
            rows.append([shown, *(_ratio(ratio) for ratio in ratios),
                         *_verdict(figures, goal_of(measure, subject), name)])
    header = ["workload", *(f"x {target}" for target in beside), "goal", "met"]
    if not any(row[-1] for row in rows):
        header, rows = header[:-2], [row[:-2] for row in rows]
    return _table(header, rows)


def _verdict(figures: Figures, goal: Goal | None, name: str) -> tuple[str, str]:
    if goal is None:
        return "", ""
    ratio = figures.ratio(goal.measure, goal.subject, name, goal.beside)
    met = "" if ratio is None else "yes" if ratio <= goal.limit else "no"
    return f"{goal.limit:g} x {goal.beside}", met


def _space(figures: Figures) -> str:
    rows = []
    for name in figures.inputs:
        medians = (figures.median("space", name, target) for target in figures.targets)
        rows.append([name, *("" if median is None else f"{median / 1e6:.1f}"
                             for median in medians)])
    return _table(["input", *figures.targets], rows)


def _daemons(figures: Figures, daemons: list[str]) -> str:
    rows = []
    for workload in figures.workloads:
        medians = (figures.median("cpu", workload, target) for target in daemons)
        rows.append([workload, *("" if median is None else f"{median:.2f}" for median in medians)])
    rows.append([f"memory, MB (goal: {MEMORY_GOAL / 1e6:.0f})",
                 *(f"{figures.memory[name] / 1e6:.0f}" for name in daemons)])
    return _table(["workload", *daemons], rows)


def _wrap(text: str) -> str:
    return textwrap.fill(text, 100, break_long_words=False, break_on_hyphens=False)


def _spread(values: list[float]) -> str:
    if len(values) < 2:
        return "".join(map(_short, values))
    return f"{_short(statistics.median(values))} ({_short(min(values))} to {_short(max(values))})"


def _short(seconds: float) -> str:
    digits = 4 if seconds < 0.01 else 3 if seconds < 1 else 2 if seconds < 10 else 1
    return f"{seconds:.{digits}f}"


def _ratio(ratio: float | None) -> str:
    return "" if ratio is None else f"{ratio:.2f}"


def _table(header: list[str], rows: list[list[str]]) -> str:
    widths = [max(len(row[at]) for row in [header, *rows]) for at in range(len(header))]

    def line(cells) -> str:
        first, *others = cells
        return "| " + " | ".join([first.ljust(widths[0]), *(
            cell.rjust(width) for cell, width in zip(others, widths[1:]))]) + " |"

    rule = "|" + "|".join(["-" * (widths[0] + 2), *("-" * (width + 1) + ":"
                                                    for width in widths[1:])]) + "|"
    return "\n".join([line(header), rule, *(line(row) for row in rows)])
