#!/usr/bin/env bash
# Takes the power away under a mount of zstdfs, and looks at what is left: everything that reaches
# the disk while programs work on the mount is recorded, and the disk is made again as it was at
# many moments, also with a part of the unflushed writes missing. Each time the lower filesystem and
# the store are mounted, and what is there is compared with what fsync had promised by then.
#
#   sudo tests/power_cut.sh [--minutes N | --cuts N] [--filesystem ext4|xfs|btrfs] [--seed S]
#                           [--keep DIR] [OPTION...]
#
# Without --minutes and --cuts, 300 cuts. --keep: where the recording and the disk of a violation
# are left. `tests/power_cut.sh --help` lists what else there is. Needs the programs that make the
# filesystem (e2fsprogs, xfsprogs, btrfs-progs). The exit status is 0 when nothing was wrong.
set -euo pipefail

cd "$(dirname "$0")/.."
[ "$(id -u)" -eq 0 ] || { echo "power_cut.sh: run it as root (sudo)" >&2; exit 1; }
[ -e /dev/fuse ] || { echo "power_cut.sh: /dev/fuse is missing" >&2; exit 1; }

build=build/release
cmake --preset release >/dev/null
cmake --build --preset release --target power-cut >/dev/null

scratch=$(mktemp -d "${TMPDIR:-/tmp}/zstdfs-power.XXXXXX")
child=
clean_up() {
  trap - EXIT INT TERM
  if [ -n "$child" ] && kill -KILL "$child" 2>/dev/null; then wait "$child" || true; fi
  rm -rf --one-file-system -- "$scratch"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Mounts, loop devices and daemons live in these namespaces, and end with their first process.
TMPDIR=$scratch unshare --mount --pid --fork --kill-child --mount-proc \
  "$build/bin/power-cut" "$@" &
child=$!
status=0
wait "$child" || status=$?
child=
exit $status
