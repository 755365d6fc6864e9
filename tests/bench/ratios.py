"""Prints the pairs of a Google Benchmark report, core beside libzstd: medians and their ratio."""

import collections
import json
import statistics
import sys


def main() -> None:
    with open(sys.argv[1], encoding="utf-8") as file:
        report = json.load(file)
    times = collections.defaultdict(lambda: collections.defaultdict(list))
    for run in report["benchmarks"]:
        if run.get("run_type") != "iteration":
            continue
        if run["time_unit"] != "ns":
            sys.exit("ratios.py: times have to be in ns")
        name, size, who = run["run_name"].removesuffix("/real_time").rsplit("/", 2)
        times[name, int(size)][who].append(run["real_time"] / 1000)
    if not times:
        sys.exit("ratios.py: no benchmark has run")
    print(f"{'':55} {'bytes':>9} {'libzstd µs':>11} {'core µs':>11} {'ratio':>6}")
    for (name, size), pair in sorted(times.items()):
        libzstd, core = (statistics.median(pair[who]) for who in ("libzstd", "core"))
        print(f"{name:55} {size:9} {libzstd:11.2f} {core:11.2f} {core / libzstd:6.3f}")


main()
