"""Runs the comparison with small inputs, and looks whether it has measured everything and left
nothing behind: compare_test.py BUILD_DIR WORK_DIR. Needs root and /dev/fuse."""

import json
import pathlib
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

from comparison.goals import GOALS
from comparison.workloads import GROUPS, names_of

TARGETS = ("ext4", "zstdfs", "zstdfs-1k")
COMPARE = pathlib.Path(__file__).with_name("compare")


def compare(*arguments) -> str:
    return subprocess.run([COMPARE, *arguments], check=True, stdout=subprocess.PIPE).stdout.decode()


def check_samples(report: dict) -> None:
    for target in TARGETS:
        measured = [sample["workload"] for sample in report["samples"]
                    if sample["target"] == target and sample["seconds"] > 0]
        assert measured == names_of(GROUPS), f"{target}: {measured}"
    own = [sample for sample in report["samples"] if sample["target"] == "zstdfs"]
    assert sum(sample["cpu"] for sample in own) > 0, "the daemon has used no time"
    assert all(sample["memory"] > 1 << 20 for sample in own), "the daemon had no memory"
    used = {(space["input"], space["target"]): space["bytes"] for space in report["space"]}
    for name in ("big", "tree"):
        assert 0 < used[name, "zstdfs"] < used[name, "ext4"], f"{name} takes {used}"
    assert 0 < used["records", "zstdfs-1k"] < used["records", "zstdfs"] / 2, f"records: {used}"
    measures = {("time", name) for name in names_of(GROUPS)}
    measures |= {("cpu", name) for name in names_of(GROUPS)}
    measures |= {("space", name) for name, _ in used}
    assert {(goal.measure, goal.subject) for goal in GOALS} <= measures, "a goal for nothing"


def check_nothing_is_left(work: pathlib.Path) -> None:
    assert not list(work.glob("zstdfs-compare.*")), "files are left"
    for table, command in (("mounts", ["cat", "/proc/self/mountinfo"]),
                           ("loop devices", ["losetup", "--list", "--noheadings"])):
        text = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout.decode()
        assert str(work) not in text, f"{table} are left:\n{text}"


def main() -> None:
    build = sys.argv[1]
    with tempfile.TemporaryDirectory(prefix="compare-test.", dir=sys.argv[2]) as directory:
        work = pathlib.Path(directory)
        written, chart = work / "report.json", work / "chart.svg"
        printed = compare("--quick", "--build", build, "--targets", *TARGETS,
                          "--work", work, "--inputs", pathlib.Path(sys.argv[2]) / "compare-inputs",
                          "--json", written)
        check_samples(json.loads(written.read_text(encoding="utf-8")))
        check_nothing_is_left(work)
        assert compare("--from", written, "--svg", chart) == printed, "shown again, it differs"
        drawn = xml.etree.ElementTree.parse(chart).getroot()
        assert len(list(drawn.iter("{http://www.w3.org/2000/svg}rect"))) > len(names_of(GROUPS))


main()
