"""What zstdfs is to reach, beside the other targets."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Goal:
    """`measure` of `subject` is at most `limit` times that of the target `beside`."""

    measure: str  # "time", "cpu" or "space"
    subject: str  # The name of a workload; for space, of an input.
    limit: float
    beside: str


GOALS = (
    Goal("time", "big-write", 1.0, "btrfs"),
    Goal("time", "big-read-cold", 1.0, "btrfs"),
    Goal("time", "big-read-warm", 2.0, "ext4"),
    Goal("time", "random-read-cold", 1.0, "btrfs"),
    Goal("time", "overwrite-fsync", 2.0, "btrfs"),
    Goal("time", "overwrite-fdatasync", 1.5, "bindfs"),
    Goal("time", "tree-unpack", 0.8, "bindfs"),
    Goal("time", "tree-stat-cold", 0.8, "bindfs"),
    Goal("time", "tree-stat-warm", 1.5, "ext4"),
    Goal("time", "tree-read-cold", 1.1, "bindfs"),
    Goal("time", "tree-read-warm", 0.8, "bindfs"),
    Goal("time", "tree-remove", 1.0, "bindfs"),
    Goal("time", "records-unpack", 1.0, "bindfs"),
    Goal("time", "incompressible-write", 1.0, "bindfs"),
    Goal("cpu", "incompressible-write", 1.5, "bindfs"),
    Goal("time", "append", 1.0, "bindfs"),
    Goal("time", "sqlite-wal", 0.8, "bindfs"),
    Goal("space", "big", 0.97, "btrfs"),
    Goal("space", "tree", 0.97, "btrfs"),
)
MEMORY_GOAL = 150_000_000


def goal_of(measure: str, subject: str) -> Goal | None:
    return next((goal for goal in GOALS
                 if (goal.measure, goal.subject) == (measure, subject)), None)
