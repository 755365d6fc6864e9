#!/usr/bin/env bash
# Damages a store at random, mounts it, uses and unmounts it, again and again: the daemon must neither
# crash nor hang, nor take memory without bound, nor touch anything outside of the store.
#
#   sudo tests/hostile.sh [SECONDS [SEED]]      3600 seconds from a random seed, if not given
#
# A failure names the seed of its round, to be repeated with "tests/hostile.sh 1 SEED". Uses the build
# in build/release, making it first where it is missing.
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
build=$root/build/release
seconds=${1:-3600}
seed=${2:-$RANDOM$RANDOM}
if ! [[ $seconds =~ ^[1-9][0-9]*$ && $seed =~ ^[0-9]+$ ]]; then
  sed -n '2,9s/^# \{0,1\}//p' "$0" >&2
  exit 2
fi

[ -f "$build/CMakeCache.txt" ] || (cd "$root" && cmake --preset release)
cmake --build "$build" --target mount_hostile_test mount.zstdfs zstdfs
echo "hostile.sh: $seconds seconds, from seed $seed"
ZSTDFS_HOSTILE_SECONDS=$seconds ZSTDFS_HOSTILE_SEED=$seed \
  exec "$build/bin/mount_hostile_test" --gtest_filter='HostileRandom.*'
