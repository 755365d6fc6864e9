"""How costs grow: with the size of a file, of a directory, and with concurrent streams."""

import concurrent.futures
import dataclasses
import itertools
import os

from .workloads import Group, Scene, Step

_PIECE = 1 << 20
_PAGE = 4096


@dataclasses.dataclass(frozen=True)
class Extents:
    """How far it goes."""

    file_mib: tuple[int, ...]
    streams: tuple[int, ...]
    all_streams_mib: int
    directory_files: tuple[int, ...]
    calls: int


FULL = Extents(file_mib=(64, 1024, 16384), streams=(1, 2, 4, 8), all_streams_mib=512,
               directory_files=(1000, 100_000, 1_000_000), calls=500)
QUICK = Extents(file_mib=(4, 16), streams=(1, 2), all_streams_mib=8, directory_files=(100, 1000),
                calls=20)


def growth_groups(extents: Extents) -> list[Group]:
    return [*(_file(mib, extents.calls) for mib in extents.file_mib),
            *(_streams(count, extents.all_streams_mib) for count in extents.streams),
            *(_directory(files, extents.calls) for files in extents.directory_files)]


# --- one file

def _load(scene: Scene) -> None:
    """The big input in pieces; a file that is larger has it several times."""
    content = memoryview(scene.inputs.big.read_bytes())
    scene.state = [content[at:at + _PIECE] for at in range(0, len(content), _PIECE)]


def _write(path, pieces, mib: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o644)
    for piece in itertools.islice(itertools.cycle(pieces), mib):
        os.write(descriptor, piece)
    os.fsync(descriptor)
    os.close(descriptor)


def _file(mib: int, calls: int) -> Group:
    size = mib << 20
    step = _namer(f"{mib}-MiB")

    def offsets(scene: Scene) -> None:
        scene.state = [scene.random.randrange(size // _PAGE) * _PAGE for _ in range(calls)]

    def write(scene: Scene) -> None:
        _write(scene.root / "file", scene.state, mib)

    def open_it(scene: Scene) -> None:
        descriptor = os.open(scene.root / "file", os.O_RDONLY)
        os.pread(descriptor, _PAGE, size // 2)
        os.close(descriptor)

    def read(scene: Scene) -> None:
        descriptor = os.open(scene.root / "file", os.O_RDONLY)
        for offset in scene.state:
            os.pread(descriptor, _PAGE, offset)
        os.close(descriptor)

    def change(flags: int):
        def change_it(scene: Scene) -> None:
            descriptor = os.open(scene.root / "file", os.O_WRONLY | flags)
            os.pwrite(descriptor, b"a changed page \n" * (_PAGE // 16), size // 2)
            os.fsync(descriptor)
            os.close(descriptor)
        return change_it

    return Group((
        step("write", write, _load),
        step("open-and-read", open_it, cold=True),
        step("random-reads", read, offsets, cold=True),
        step("append-fsync", change(os.O_APPEND), cold=True),
        step("overwrite-fsync", change(0), cold=True),
    ))


# --- concurrent streams, of which each has a file; all of them together always have the same size

def _streams(count: int, all_mib: int) -> Group:
    step = _namer(f"{count}-streams")

    def each(action) -> None:
        with concurrent.futures.ThreadPoolExecutor(count) as pool:
            list(pool.map(action, range(count)))

    def write(scene: Scene) -> None:
        each(lambda stream: _write(scene.root / f"stream{stream}", scene.state, all_mib // count))

    def read(scene: Scene) -> None:
        def read_one(stream: int) -> None:
            buffer = bytearray(_PIECE)
            descriptor = os.open(scene.root / f"stream{stream}", os.O_RDONLY)
            while os.readv(descriptor, [buffer]):
                pass
            os.close(descriptor)
        each(read_one)

    return Group((step("write", write, _load), step("read", read, cold=True)))


# --- a directory

def _directory(files: int, calls: int) -> Group:
    step = _namer(f"{files}-files")

    def names(scene: Scene) -> None:
        scene.state = [str(scene.root / f"directory/file-{scene.random.randrange(files):07}")
                       for _ in range(calls)]

    def create(path: str) -> None:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644))

    def fill(scene: Scene) -> None:
        place = f"{scene.root}/directory"
        os.mkdir(place)
        for number in range(files):
            create(f"{place}/file-{number:07}")
        scene.target.sync()

    def enumerate_it(scene: Scene) -> None:
        os.listdir(scene.root / "directory")

    def stat(scene: Scene) -> None:
        for path in scene.state:
            os.stat(path)

    def add_and_remove(scene: Scene) -> None:
        for path in scene.state:
            create(path + "-new")
            os.unlink(path + "-new")
        scene.target.sync()

    return Group((
        step("create", fill),
        step("list", enumerate_it, cold=True),
        step("stat", stat, names, cold=True),
        step("add-and-remove", add_and_remove, names, cold=True),
    ))


def _namer(subject: str):
    def step(what: str, *arguments, **options) -> Step:
        return Step(f"{subject}-{what}", *arguments, **options)
    return step
