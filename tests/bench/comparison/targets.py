"""What is compared: filesystems in loop images of their own, with or without a daemon on top."""

import dataclasses
import os
import pathlib
import subprocess
import time

from .system import (Failure, all_sleep, cpu_seconds, is_mounted, peak_memory, run,
                     sync_filesystem, wait_until)



@dataclasses.dataclass(frozen=True)
class Filesystem:
    """How to make and to mount a lower filesystem."""

    type: str
    make: tuple[str, ...]
    options: str


# Nothing is discarded, so that an image keeps the blocks it got from its disk, and ext4 initialises
# no inode tables behind the benchmark's back.
_EXT4 = Filesystem("ext4", ("mkfs.ext4", "-q", "-F", "-E",
                            "nodiscard,lazy_itable_init=1,lazy_journal_init=1"), "noinit_itable")
_SMALL_BLOCKS = dataclasses.replace(
    _EXT4, make=(*_EXT4.make, "-b", "1024", "-O", "large_dir"))
_NATIVE = {
    "ext4": _EXT4,
    "ext4-1k": _SMALL_BLOCKS,
    "btrfs": Filesystem("btrfs", ("mkfs.btrfs", "-q", "-f", "-K"), "compress=zstd:3,nodiscard"),
}
# zstdfs over ext4 with blocks of 1 KiB.
SMALL_BLOCKS = "zstdfs-1k"
_LARGEST_WRITTEN = 4 << 30
_IDLE_SECONDS = 0.3
_PATIENCE_SECONDS = 300
_TERMINATION_SECONDS = 10


class Disk:
    """A filesystem in a loop device on a file, whose pages are not cached a second time."""

    def __init__(self, directory: pathlib.Path, filesystem: Filesystem, size: int):
        self._filesystem = filesystem
        self.place = directory / "disk"
        self.place.mkdir(parents=True)
        self._image = directory / "image"
        self._sparse = size > _LARGEST_WRITTEN
        if self._sparse:
            run("truncate", "-s", size, self._image)
        else:
            # The first write to a block costs the disk below more than the next one.
            run("dd", "if=/dev/zero", f"of={self._image}", "bs=4M", f"count={size >> 22}",
                "oflag=direct")
        self._device = run("losetup", "--find", "--show", "--direct-io=on",
                           self._image).stdout.decode().strip()

    def make(self) -> None:
        if self._sparse:
            run("blkdiscard", self._device)
        run(*self._filesystem.make, self._device)

    def mount(self) -> None:
        run("mount", "-t", self._filesystem.type, "-o", self._filesystem.options, self._device,
            self.place)

    def unmount(self) -> None:
        run("umount", self.place)

    def used(self) -> int:
        """Bytes in use, metadata included (on Btrfs both copies of it)."""
        if self._filesystem.type == "btrfs":
            run("btrfs", "filesystem", "sync", self.place)
        sync_filesystem(self.place)
        state = os.statvfs(self.place)
        return (state.f_blocks - state.f_bfree) * state.f_frsize

    def remove(self) -> None:
        """Also in the middle of a workload: what still uses the disk keeps it for so long."""
        if is_mounted(self.place):
            run("umount", "-l", self.place)
        run("losetup", "-d", self._device)


@dataclasses.dataclass
class Use:
    """What a daemon has used since it began to serve."""

    cpu: float = 0.0
    memory: int = 0


class Native:
    """The lower filesystem itself."""

    def __init__(self, name: str, filesystem: Filesystem, directory: pathlib.Path, size: int):
        self.name = name
        self.disk = Disk(directory, filesystem, size)
        self.root = self.disk.place

    def attach(self) -> None:
        self.disk.mount()

    def detach(self) -> Use:
        """Ends everything that is under way, and takes the mounts away."""
        self.disk.unmount()
        return Use()

    def settle(self) -> Use:
        """Waits until nothing is under way any more; the mounts stay."""
        self.sync()
        return Use()

    def sync(self) -> None:
        """Makes everything durable that was closed."""
        sync_filesystem(self.disk.place)

    def remove(self) -> None:
        self.disk.remove()


class Daemon(Native):
    """A FUSE filesystem, whose daemon is a child of ours in the foreground."""

    def __init__(self, name: str, command, filesystem: Filesystem, directory: pathlib.Path,
                 size: int):
        super().__init__(name, filesystem, directory, size)
        self.root = directory / "mnt"
        self.root.mkdir()
        self._backing = self.disk.place / "data"
        self._command = [*command, str(self._backing), str(self.root)]
        self._log = directory / "log"
        self._process = None

    def attach(self) -> None:
        super().attach()
        self._backing.mkdir(exist_ok=True)
        with open(self._log, "wb") as log:
            # A session of its own, as a daemon has: the scheduler shares processors out among
            # sessions (sched_autogroup), and an interrupt from the terminal is not for the daemon.
            self._process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL, stdout=log,
                                             stderr=log, start_new_session=True)
        wait_until(lambda: is_mounted(self.root) or self._process.poll() is not None,
                   _PATIENCE_SECONDS, f"{self.name}: the mount")
        if self._process.poll() is not None:
            raise self._failure("does not mount")

    def detach(self) -> Use:
        memory = peak_memory(self._process.pid)
        run("umount", self.root)
        # Not Popen.wait: only wait4 tells what the process has used until its very end.
        end = time.monotonic() + _PATIENCE_SECONDS
        while True:
            memory = max(memory, peak_memory(self._process.pid))
            pid, status, usage = os.wait4(self._process.pid, os.WNOHANG)
            if pid != 0:
                break
            if time.monotonic() > end:
                raise self._failure("does not end after its unmount")
            time.sleep(0.005)
        self._process.returncode = os.waitstatus_to_exitcode(status)
        if status != 0:
            raise self._failure(f"ended with {self._process.returncode}")
        self._process = None
        super().detach()
        return Use(usage.ru_utime + usage.ru_stime, memory)

    def settle(self) -> Use:
        # At rest: no CPU time is used, and no thread would use any if it could.
        end = time.monotonic() + _PATIENCE_SECONDS
        before = self._use()
        while True:
            time.sleep(_IDLE_SECONDS)
            now = self._use()
            if now.cpu == before.cpu and all_sleep(self._process.pid):
                break
            if time.monotonic() > end:
                raise self._failure("does not come to rest")
            before = now
        self.sync()
        return now

    def _use(self) -> Use:
        if self._process.poll() is not None:
            raise self._failure("has ended while it was mounted")
        return Use(cpu_seconds(self._process.pid), peak_memory(self._process.pid))

    def _failure(self, what: str) -> Failure:
        said = self._log.read_text(errors="replace").strip()
        return Failure(f"the daemon of {self.name} {what}" + (f": {said}" if said else ""))

    def sync(self) -> None:
        sync_filesystem(self.root)
        super().sync()

    def remove(self) -> None:
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(_TERMINATION_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        if is_mounted(self.root):
            run("umount", "-l", self.root)
        super().remove()


def zstdfs_command(build: pathlib.Path, options) -> list[str]:
    program = build / "bin" / "mount.zstdfs"
    if not os.access(program, os.X_OK):
        raise Failure(f"{program} is missing: build it, or name another directory")
    return [str(program), "-f", *(["-o", ",".join(options)] if options else [])]


def make_target(name: str, builds, directory: pathlib.Path, size: int) -> Native:
    """`builds` gives for each zstdfs target its build directory and its mount options."""
    if name in builds:
        below = _SMALL_BLOCKS if name == SMALL_BLOCKS else _EXT4
        return Daemon(name, zstdfs_command(*builds[name]), below, directory, size)
    if name == "bindfs":
        return Daemon(name, ["bindfs", "-f"], _EXT4, directory, size)
    return Native(name, _NATIVE[name], directory, size)
