#!/usr/bin/env bash
# Many processes do all that programs do with files, on a mount whose daemon is killed again and
# again and whose disk runs full at random, and know what they were promised.
#
#   sudo tests/soak.sh MINUTES [--seed S] [--filesystem ext4|xfs|btrfs] [--workers N] [--megabytes M]
#
# Each process compares what it reads with what it wrote, at once and after each kill -9 and remount;
# orderly unmounts in between end with `zstdfs fsck`. The lower filesystem lies in a file of M
# megabytes (640); the daemon may take 200 MiB of memory. The same seed gives the same operations,
# but not the same moments.
#
# When a promise is broken, it says which, and where a copy of the store, the daemon's log and the
# last operations lie; the exit status is then 1.
set -euo pipefail

cd "$(dirname "$0")/.."
case ${1-} in
  "" | -h | --help) sed -n '2,14s/^# \{0,1\}//p' "$0"; exit $(($# == 0 ? 2 : 0)) ;;
esac
[ "$(id -u)" -eq 0 ] || { echo "soak.sh: run it as root (sudo)" >&2; exit 1; }
build=build/release
cmake --preset release >/dev/null
cmake --build --preset release --target soak mount.zstdfs zstdfs >/dev/null
exec "$build/bin/soak" "$@"
