"""What the workloads write: real content out of Debian packages, prepared once and kept."""

import dataclasses
import glob
import io
import os
import pathlib
import shutil
import tarfile
import tempfile

from .system import Failure, note, run

_VERSION = "2"  # Of what is kept: another one is made anew.
_RECORD_LIMIT = 1024


@dataclasses.dataclass(frozen=True)
class Sizes:
    """How much each workload does."""

    source: str
    big_bytes: int
    incompressible_bytes: int
    tree_files: int
    records: int
    random_reads: int
    overwrites: int
    synced_overwrites: int
    appends: int
    transactions: int
    build_goal: str
    image_bytes: int


FULL = Sizes(source="kernel", big_bytes=256 << 20, incompressible_bytes=128 << 20,
             tree_files=20000, records=40000, random_reads=2000, overwrites=2000,
             synced_overwrites=1000, appends=3000, transactions=2000, build_goal="all",
             image_bytes=2 << 30)
QUICK = Sizes(source="headers", big_bytes=12 << 20, incompressible_bytes=2 << 20,
              tree_files=500, records=400, random_reads=200, overwrites=100,
              synced_overwrites=20, appends=200, transactions=20, build_goal="quick",
              image_bytes=512 << 20)

# Each source file by itself, so that there is something to do in parallel.
_MAKEFILE = """\
gtest := $(filter-out %-all.cc %_main.cc,$(wildcard googletest/src/*.cc))
gmock := $(filter-out %-all.cc %_main.cc,$(wildcard googlemock/src/*.cc))
flags := -Igoogletest/include -Igoogletest -Igooglemock/include -Igooglemock

all: libgtest.a libgmock.a
quick: googlemock/src/gmock-cardinalities.o
clean:
\trm -f googlemock/src/*.[do]
libgtest.a: $(gtest:.cc=.o)
libgmock.a: $(gmock:.cc=.o)
%.a:
\tar rcs $@ $^
%.o: %.cc
\tg++ -O0 -MD $(flags) -c -o $@ $<
"""


class Inputs:
    """The files of one size below `directory`. All are tar archives or plain bytes."""

    def __init__(self, directory: pathlib.Path):
        self.big = directory / "big"
        self.incompressible = directory / "incompressible"
        self.tree = directory / "tree.tar"
        self.repository = directory / "repository.tar"
        self.records = directory / "records.tar"
        self.build = directory / "build.tar"
        self.description = directory / "description"


def prepare(cache: pathlib.Path, sizes: Sizes) -> Inputs:
    """Makes what is not there yet. What is half made is never taken for whole."""
    place = cache / f"{sizes.source}-{_VERSION}"
    if not (place / "description").exists():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as scratch:
            note(f"preparing the input in {place}")
            made = pathlib.Path(scratch) / "made"
            made.mkdir()
            _make(made, pathlib.Path(scratch), cache, sizes)
            shutil.rmtree(place, ignore_errors=True)
            made.rename(place)
    return Inputs(place)


def _make(made: pathlib.Path, scratch: pathlib.Path, cache: pathlib.Path, sizes: Sizes) -> None:
    inputs = Inputs(made)
    if sizes.source == "kernel":
        origin, packed = _kernel(cache, scratch)
        stanzas = run("apt-cache", "dumpavail").stdout
        origin_of_records = "the package lists of apt"
    else:
        origin, packed = _headers(scratch)
        stanzas = pathlib.Path("/var/lib/dpkg/status").read_bytes()
        origin_of_records = "the list of installed packages"
    plain = scratch / "plain.tar"
    with open(plain, "wb") as file:
        run("xz", "-dc", "-T0", packed, stdout=file)
    _head(plain, inputs.big, sizes.big_bytes)
    _head(packed, inputs.incompressible, sizes.incompressible_bytes)
    _pack_tree(plain, inputs, scratch, sizes.tree_files)
    _pack_records(stanzas, inputs.records, sizes.records, origin_of_records)
    origin_of_build = _pack_build(inputs.build, scratch)
    inputs.description.write_text(
        f"{origin}: its first {sizes.big_bytes >> 20} MiB, its last {sizes.tree_files} files, and "
        f"{sizes.incompressible_bytes >> 20} MiB of its xz form; {sizes.records} records out of "
        f"{origin_of_records}; the sources of {origin_of_build}\n", encoding="utf-8")


def _kernel(cache: pathlib.Path, scratch: pathlib.Path):
    """The kernel's source as Debian packages it: the name of the package, and the archive."""
    depends = run("apt-cache", "depends", "linux-source").stdout.decode().split()
    if "Depends:" not in depends:
        raise Failure("the package linux-source is unknown to apt: run apt-get update")
    package = depends[depends.index("Depends:") + 1]
    if not glob.glob(str(cache / f"{package}_*.deb")):
        note(f"downloading {package}")
        run("apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", package, cwd=cache)
    deb = max(glob.glob(str(cache / f"{package}_*.deb")))
    run("dpkg-deb", "-x", deb, scratch / "deb")
    archives = list((scratch / "deb/usr/src").glob("linux-source-*.tar.xz"))
    if not archives:
        raise Failure(f"the package {package} has no archive linux-source-*.tar.xz")
    return os.path.basename(deb).removesuffix("_all.deb"), archives[0]


def _headers(scratch: pathlib.Path):
    """The headers of the installed packages: nothing has to be downloaded for a quick run."""
    archive = scratch / "headers.tar"
    run("tar", "--sort=name", "-C", "/usr", "-cf", archive, "include")
    run("xz", "-0", "-T0", "-k", archive)
    return "/usr/include", archive.with_suffix(".tar.xz")


def _head(source: pathlib.Path, target: pathlib.Path, size: int) -> None:
    if source.stat().st_size < size:
        raise Failure(f"the input has only {source.stat().st_size} bytes where {size} are wanted")
    with open(target, "wb") as file:
        run("head", "-c", size, source, stdout=file)


def _pack_tree(archive: pathlib.Path, inputs: Inputs, scratch: pathlib.Path, count: int) -> None:
    """The last files of an archive as a tree, and a git repository that has all of them."""
    with tarfile.open(archive) as source, tarfile.open(inputs.tree, "w") as target:
        files = [member for member in source.getmembers() if not member.isdir()][-count:]
        if len(files) < count:
            raise Failure(f"the input has only {len(files)} files where {count} are wanted")
        for member in files:
            content = source.extractfile(member) if member.isreg() else None
            member.name = "tree/" + member.name.partition("/")[2]
            member.uid = member.gid = 0
            target.addfile(member, content)
    place = scratch / "unpacked"
    place.mkdir()
    run("tar", "-C", place, "-xf", inputs.tree)
    git = ("git", "-c", "safe.directory=*", "-c", "gc.auto=0", "-c", "user.name=bench",
           "-c", "user.email=bench@invalid",
           f"--git-dir={place}/repository", f"--work-tree={place}/tree")
    run(*git, "init", "-q")
    run(*git, "add", "-A", "-f")
    run(*git, "commit", "-q", "-m", "the tree")
    run(*git, "repack", "-q", "-a", "-d")
    _pack(inputs.repository, place, "repository")


def _pack_records(stanzas: bytes, target: pathlib.Path, count: int, origin: str) -> None:
    records = {}
    for stanza in stanzas.split(b"\n\n"):
        name = stanza.partition(b"\n")[0].removeprefix(b"Package: ").decode(errors="replace")
        if 0 < len(stanza) < _RECORD_LIMIT and "/" not in name:
            records[name] = stanza + b"\n"
    if len(records) < count:
        raise Failure(f"{origin}: {len(records)} records below 1 KiB, and {count} are wanted "
                      "(apt-get update)")
    with tarfile.open(target, "w", format=tarfile.USTAR_FORMAT) as tar:
        for name in sorted(records)[:count]:
            member = tarfile.TarInfo(f"records/{name[:2]}/{name}")
            member.size = len(records[name])
            tar.addfile(member, io.BytesIO(records[name]))


def _pack_build(target: pathlib.Path, scratch: pathlib.Path) -> str:
    source = pathlib.Path("/usr/src/googletest")
    if not source.is_dir():
        raise Failure("the package googletest is missing: packaging/dependencies.sh bench")
    place = scratch / "built"
    shutil.copytree(source, place / "build")
    (place / "build/Makefile").write_text(_MAKEFILE, encoding="ascii")
    _pack(target, place, "build")
    version = run("dpkg-query", "-W", "-f", "${Version}", "googletest").stdout.decode()
    return f"googletest_{version}"


def _pack(target: pathlib.Path, directory: pathlib.Path, name: str) -> None:
    run("tar", "--sort=name", "--owner=0", "--group=0", "-C", directory, "-cf", target, name)
