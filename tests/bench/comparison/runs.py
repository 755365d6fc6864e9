"""Runs the workloads on the targets, round by round, and notes what each has cost."""

import dataclasses
import os
import random
import time

from .inputs import Inputs, Sizes
from .system import drop_caches, note
from .targets import Native, Use
from .workloads import Group, Scene, Step


@dataclasses.dataclass(frozen=True)
class Sample:
    """One run of a workload. `after`: seconds until nothing was under way any more; `cpu`: what the
    daemon has used meanwhile, that included; `memory`: the most it has held since its mount."""

    workload: str
    target: str
    round: int
    seconds: float
    after: float
    cpu: float
    memory: int


@dataclasses.dataclass(frozen=True)
class Space:
    """What an input takes on the lower filesystem, in bytes."""

    input: str
    target: str
    round: int
    bytes: int


class Recorder:
    """Collects what was measured, and how busy the machine was then."""

    def __init__(self):
        self.samples: list[Sample] = []
        self.spaces: list[Space] = []
        self.loads: list[float] = []

    def as_dict(self) -> dict:
        return {"samples": [dataclasses.asdict(sample) for sample in self.samples],
                "space": [dataclasses.asdict(space) for space in self.spaces],
                "load": self.loads}


def run_rounds(targets: list[Native], groups: list[Group], inputs: Inputs, sizes: Sizes,
               rounds: int, seed: int) -> Recorder:
    recorder = Recorder()
    shuffle = random.Random(seed)
    begin = time.monotonic()
    for number in range(1, rounds + 1):
        for group in groups:
            # The targets of one group follow each other closely: what disturbs hits all of them.
            for target in shuffle.sample(targets, len(targets)):
                _run_group(target, group, inputs, sizes, number, f"{seed} {number}", recorder)
            recorder.loads.append(os.getloadavg()[0])
            note(f"{time.monotonic() - begin:5.0f} s: round {number} of {rounds}, "
                 f"{group.steps[0].name} to {group.steps[-1].name}; load {recorder.loads[-1]:.1f}")
    return recorder


def _run_group(target: Native, group: Group, inputs: Inputs, sizes: Sizes, number: int, seed: str,
               recorder: Recorder) -> None:
    target.disk.make()
    empty = _space_used(target)
    target.attach()
    following = [*group.steps[1:], None]
    for step, following_step in zip(group.steps, following):
        scene = Scene(target, inputs, sizes, f"{seed} {step.name}")
        stays = following_step is not None and not following_step.cold
        recorder.samples.append(_run_step(scene, step, stays, number))
        if step.space:
            used = _space_used(target) - empty
            recorder.spaces.append(Space(step.space, target.name, number, used))


def _run_step(scene: Scene, step: Step, stays: bool, number: int) -> Sample:
    """Runs a step. The target is attached before, unless the step is cold, and afterwards if it
    `stays`."""
    target = scene.target
    if step.cold:
        drop_caches()
        target.attach()
    step.prepare(scene)
    before = target.settle()
    begin = time.perf_counter()
    step.timed(scene)
    end = time.perf_counter()
    after = target.settle() if stays else target.detach()
    return Sample(step.name, target.name, number, seconds=end - begin,
                  after=time.perf_counter() - end, cpu=_cpu_between(before, after),
                  memory=max(before.memory, after.memory))


def _cpu_between(before: Use, after: Use) -> float:
    return max(0.0, after.cpu - before.cpu)


def _space_used(target: Native) -> int:
    target.disk.mount()
    used = target.disk.used()
    target.disk.unmount()
    return used
