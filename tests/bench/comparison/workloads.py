"""What is measured: groups of steps, each of which begins on a new filesystem."""

import dataclasses
import mmap
import os
import pathlib
import random
import sqlite3
from collections.abc import Callable

from .inputs import Inputs, Sizes
from .system import Failure, run
from .targets import Native

_PIECE = 1 << 20
_PAGE = 4096


class Scene:
    """What a step works with. `state` is handed from a step's preparation to its timed part."""

    def __init__(self, target: Native, inputs: Inputs, sizes: Sizes, seed: str):
        self.target = target
        self.root: pathlib.Path = target.root
        self.inputs = inputs
        self.sizes = sizes
        self.random = random.Random(seed)
        self.state = None


@dataclasses.dataclass(frozen=True)
class Step:
    """One workload. What `prepare` does is not timed; `timed` ends with everything durable.

    cold: all is unmounted, the caches are dropped, and all is mounted again before `prepare`.
    space: afterwards the space that is used below is taken, under this name.
    """

    name: str
    timed: Callable[[Scene], None]
    prepare: Callable[[Scene], None] = lambda scene: None
    cold: bool = False
    space: str = ""


@dataclasses.dataclass(frozen=True)
class Group:
    """Steps in their order, each of which begins with what the one before has left."""

    steps: tuple[Step, ...]


# --- one file, from end to end

def _load(name: str):
    def load(scene: Scene) -> None:
        scene.state = memoryview(getattr(scene.inputs, name).read_bytes())
    return load


def _write_file(name: str):
    def write(scene: Scene) -> None:
        content = scene.state
        descriptor = os.open(scene.root / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        for offset in range(0, len(content), _PIECE):
            os.write(descriptor, content[offset:offset + _PIECE])
        os.fsync(descriptor)
        os.close(descriptor)
    return write


def _read_file(scene: Scene) -> None:
    buffer = bytearray(_PIECE)
    total = 0
    descriptor = os.open(scene.root / "big", os.O_RDONLY)
    while count := os.readv(descriptor, [buffer]):
        total += count
    os.close(descriptor)
    if total != scene.sizes.big_bytes:
        raise Failure(f"{scene.target.name}: {total} bytes of the big file were read")


# --- pages of it, at random

def _choose_pages(count_of: str):
    def choose(scene: Scene) -> None:
        pages = scene.sizes.big_bytes // _PAGE
        offsets = [page * _PAGE for page in
                   scene.random.sample(range(pages), getattr(scene.sizes, count_of))]
        with open(scene.inputs.big, "rb") as file:
            content = file.read(_PAGE * len(offsets))
        # What is written there is other real content: the file's own beginning.
        scene.state = [(offset, content[at * _PAGE:(at + 1) * _PAGE])
                       for at, offset in enumerate(offsets)]
    return choose


def _read_pages(scene: Scene) -> None:
    buffers = [mmap.mmap(-1, _PAGE)]
    descriptor = os.open(scene.root / "big", os.O_RDONLY)
    for offset, _ in scene.state:
        os.preadv(descriptor, buffers, offset)
    os.close(descriptor)


def _overwrite_pages(sync_each: bool):
    def overwrite(scene: Scene) -> None:
        descriptor = os.open(scene.root / "big", os.O_WRONLY)
        for offset, page in scene.state:
            os.pwrite(descriptor, page, offset)
            if sync_each:
                os.fdatasync(descriptor)
        if not sync_each:
            os.fsync(descriptor)
        os.close(descriptor)
    return overwrite


# --- trees

def _cache_input(name: str):
    """Reads an archive, so that the disk it lies on is no part of what is timed."""
    def cache(scene: Scene) -> None:
        with open(getattr(scene.inputs, name), "rb", buffering=0) as file:
            while file.read(_PIECE):
                pass
        run("tar", "--version")
    return cache


def _unpack(name: str):
    def unpack(scene: Scene) -> None:
        run("tar", "-C", scene.root, "-xf", getattr(scene.inputs, name))
        scene.target.sync()
    return unpack


def _shell(command: str):
    def execute(scene: Scene) -> None:
        run("sh", "-c", command, cwd=scene.root, env=_ENVIRONMENT)
    return execute


def _and_sync(action: Callable[[Scene], None]):
    def act(scene: Scene) -> None:
        action(scene)
        scene.target.sync()
    return act


# git and compilers are to do the work here, in a mount, whatever the user has configured.
_ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "CCACHE_DISABLE": "1",
                "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null",
                "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory",
                "GIT_CONFIG_VALUE_0": "*"}
_STAT_TREE = _shell("du -s --apparent-size tree")
_READ_TREE = _shell("find tree -type f -exec cat {} + | cat >/dev/null")
_GIT_STATUS = _shell('test -z "$(git --git-dir=repository --work-tree=tree status --porcelain)"')
# After caches were dropped: the programs themselves are not to be read from the disk.
_LOAD_PROGRAMS = _shell("du -s --apparent-size /proc/self/task; find /proc/self/task -type f "
                        "-name comm -exec cat {} +; git --version; rm -f /nonexistent; "
                        "make --version")


def _unpack_for_git(scene: Scene) -> None:
    _unpack("repository")(scene)
    _GIT_STATUS(scene)  # Notes the files' times and numbers in the index.


# --- programs

def _append(scene: Scene) -> None:
    path = str(scene.root / "log")
    for line in scene.state:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.write(descriptor, line)
        os.close(descriptor)
    scene.target.sync()


def _choose_lines(scene: Scene) -> None:
    with open(scene.inputs.big, "rb") as file:
        lines = [line for line in file.read(scene.sizes.appends * 600).splitlines(True)
                 if len(line) > 40]
    scene.state = lines[:scene.sizes.appends]


def _choose_rows(scene: Scene) -> None:
    with open(scene.inputs.records, "rb") as file:
        content = file.read(scene.sizes.transactions * 10 * 400)
    scene.state = [[(content[at:at + 400],) for at in range(first, first + 4000, 400)]
                   for first in range(0, len(content) - 3999, 4000)]


def _insert(scene: Scene) -> None:
    database = sqlite3.connect(scene.root / "database", isolation_level=None)
    database.execute("pragma journal_mode=wal")
    database.execute("pragma synchronous=full")
    database.execute("create table records(id integer primary key, content blob)")
    for rows in scene.state:
        database.execute("begin")
        database.executemany("insert into records(content) values(?)", rows)
        database.execute("commit")
    database.close()
    scene.target.sync()


def _unpack_and_load_compiler(scene: Scene) -> None:
    _unpack("build")(scene)
    run("make", "-s", "-C", scene.root / "build", "quick", env=_ENVIRONMENT)
    run("make", "-s", "-C", scene.root / "build", "clean", env=_ENVIRONMENT)


def _build(scene: Scene) -> None:
    run("make", "-s", "-j2", "-C", scene.root / "build", scene.sizes.build_goal, env=_ENVIRONMENT)
    scene.target.sync()


GROUPS = (
    Group((
        Step("big-write", _write_file("big"), _load("big"), space="big"),
        Step("big-read-cold", _read_file, cold=True),
        Step("big-read-warm", _read_file),
        Step("random-read-cold", _read_pages, _choose_pages("random_reads"), cold=True),
        Step("overwrite-fsync", _overwrite_pages(sync_each=False),
             _choose_pages("overwrites"), cold=True),
        Step("overwrite-fdatasync", _overwrite_pages(sync_each=True),
             _choose_pages("synced_overwrites"), cold=True),
    )),
    Group((
        Step("tree-unpack", _unpack("tree"), _cache_input("tree"), space="tree"),
        Step("tree-stat-cold", _STAT_TREE, _LOAD_PROGRAMS, cold=True),
        Step("tree-stat-warm", _STAT_TREE),
        Step("tree-read-cold", _READ_TREE, _LOAD_PROGRAMS, cold=True),
        Step("tree-read-warm", _READ_TREE),
        Step("git-status", _GIT_STATUS, _unpack_for_git),
        Step("tree-remove", _and_sync(_shell("rm -r tree")), _LOAD_PROGRAMS, cold=True),
    )),
    Group((Step("records-unpack", _unpack("records"), _cache_input("records"), space="records"),)),
    Group((Step("incompressible-write", _write_file("incompressible"), _load("incompressible"),
                space="incompressible"),)),
    Group((Step("append", _append, _choose_lines),)),
    Group((Step("sqlite-wal", _insert, _choose_rows),)),
    Group((Step("build", _build, _unpack_and_load_compiler),)),
)


def names_of(groups) -> list[str]:
    return [step.name for group in groups for step in group.steps]


def chosen(groups, names) -> list[Group]:
    """The groups with these workloads, and with those that come before them in their group, which
    make the state that they begin with."""
    some = []
    for group in groups:
        last = max((at for at, step in enumerate(group.steps) if step.name in names), default=-1)
        if last >= 0:
            some.append(Group(group.steps[:last + 1]))
    return some
