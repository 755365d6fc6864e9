"""Medians, spreads and ratios of what was measured."""

import collections
import statistics


class Figures:
    """A report as the benchmark writes it to JSON, by measure, subject and target."""

    def __init__(self, report: dict):
        self.report = report
        self.targets: list[str] = report["targets"]
        self.own: list[str] = report["own"]
        self.workloads: list[str] = []
        self.inputs: list[str] = []
        # [measure, subject, target][round]
        self._values = collections.defaultdict(dict)
        self.memory: dict[str, int] = collections.defaultdict(int)
        for sample in report["samples"]:
            workload, target, number = sample["workload"], sample["target"], sample["round"]
            if workload not in self.workloads:
                self.workloads.append(workload)
            self._values["time", workload, target][number] = sample["seconds"]
            self._values["cpu", workload, target][number] = sample["cpu"]
            self.memory[target] = max(self.memory[target], sample["memory"])
        for space in report["space"]:
            if space["input"] not in self.inputs:
                self.inputs.append(space["input"])
            self._values["space", space["input"], space["target"]][space["round"]] = space["bytes"]

    def values(self, measure: str, subject: str, target: str) -> list[float]:
        return list(self._values[measure, subject, target].values())

    def median(self, measure: str, subject: str, target: str) -> float | None:
        values = self.values(measure, subject, target)
        return statistics.median(values) if values else None

    def ratio(self, measure: str, subject: str, target: str, beside: str) -> float | None:
        """The median over the rounds: the two of a round were measured shortly after each other, so
        that what slows the machine down for minutes falls out."""
        one = self._values[measure, subject, target]
        other = self._values[measure, subject, beside]
        ratios = [one[number] / other[number] for number in one if other.get(number)]
        return statistics.median(ratios) if ratios else None
