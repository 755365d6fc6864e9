"""Commands, the kernel's caches, and what a process has used."""

import ctypes
import os
import pathlib
import subprocess
import sys
import time

_libc = ctypes.CDLL(None, use_errno=True)
_CLONE_NEWNS = 0x00020000
_MNT_DETACH = 2
_TICKS = os.sysconf("SC_CLK_TCK")


class Failure(Exception):
    """What the user has to be told; the benchmark ends."""


def note(text: str) -> None:
    print(f"compare: {text}", file=sys.stderr, flush=True)


def run(*command, **options) -> subprocess.CompletedProcess:
    """Runs a program that has to succeed; its output is shown only when it does not."""
    done = subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, **({"stdout": subprocess.PIPE} | options))
    if done.returncode != 0:
        told = (done.stdout or b"")[-2000:] + done.stderr[-2000:]
        raise Failure(f"{' '.join(map(str, command))[:300]} ended with {done.returncode}: "
                      + told.decode(errors="replace").strip())
    return done


def sync_filesystem(path) -> None:
    """syncfs(2) of the filesystem that `path` is on: others' changes cost nothing here."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        if _libc.syncfs(descriptor) != 0:
            raise OSError(ctypes.get_errno(), "syncfs", str(path))
    finally:
        os.close(descriptor)


def drop_caches() -> None:
    with open("/proc/sys/vm/drop_caches", "w", encoding="ascii") as file:
        file.write("3")


def own_mounts(needed: list[pathlib.Path]) -> None:
    """Moves this process and its children to a mount namespace of their own. A namespace that
    somebody else makes meanwhile would get copies of our mounts, and keep them in use; so would
    ours of theirs, which is why those are taken away, but for what the `needed` paths lie on."""
    if _libc.unshare(_CLONE_NEWNS) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    run("mount", "--make-rprivate", "/")
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        mounts = [line.rstrip("\n").split(" ") for line in file]
    for fields in reversed(mounts):
        kind, source = fields[fields.index("-") + 1:][:2]
        if not source.startswith("/dev/loop") and not kind.startswith("fuse"):
            continue
        if not any(path.is_relative_to(fields[4]) for path in needed):
            _libc.umount2(fields[4].encode(), _MNT_DETACH)


def is_mounted(path) -> bool:
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        return any(line.split(" ")[4] == str(path) for line in file)


def wait_until(condition, seconds: float, what: str) -> None:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise Failure(f"{what}: not within {seconds:.0f} seconds")
        time.sleep(0.01)


def cpu_seconds(pid: int) -> float:
    """User and system time of all threads so far."""
    with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
        fields = file.read().rpartition(") ")[2].split(" ")
    return (int(fields[11]) + int(fields[12])) / _TICKS


def all_sleep(pid: int) -> bool:
    """Whether no thread runs, wants to, or waits for a disk."""
    for task in os.listdir(f"/proc/{pid}/task"):
        try:
            with open(f"/proc/{pid}/task/{task}/stat", encoding="utf-8", errors="replace") as file:
                if file.read().rpartition(") ")[2][0] in "RD":
                    return False
        except (FileNotFoundError, ProcessLookupError):
            pass
    return True


def peak_memory(pid: int) -> int:
    """The most memory the process has had at once, in bytes; 0 when it is about to be gone."""
    try:
        with open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as file:
            for line in file:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024
    except (FileNotFoundError, ProcessLookupError):
        pass
    return 0
