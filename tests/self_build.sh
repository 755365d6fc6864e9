#!/usr/bin/env bash
# zstdfs builds itself inside a zstdfs mount: the checkout is cloned there, configured, compiled, and
# its unit tests are run.
#
#   sudo tests/self_build.sh [--build DIR] [--jobs N]
#
# --build: where the bin/mount.zstdfs that is tested lies (build/release).
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
build=$root/build/release
jobs=$(nproc)

while [ $# -gt 0 ]; do
  case $1 in
    --build) build=$(realpath "$2"); shift 2 ;;
    --jobs) jobs=$2; shift 2 ;;
    -h | --help) sed -n '2,7s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) echo "self_build.sh: unknown argument '$1'" >&2; exit 2 ;;
  esac
done
[ "$(id -u)" -eq 0 ] || { echo "self_build.sh: run it as root (sudo)" >&2; exit 1; }
[ -x "$build/bin/mount.zstdfs" ] || {
  echo "self_build.sh: $build/bin/mount.zstdfs is missing: build it, or name --build" >&2
  exit 1
}

scratch=$(mktemp -d "${TMPDIR:-/tmp}/zstdfs-self.XXXXXX")
backing=$scratch/backing mnt=$scratch/mnt
mkdir "$backing" "$mnt"
clean_up() {
  cd /
  ! mountpoint -q "$mnt" || umount "$mnt" || umount -l "$mnt" || true
  rm -rf --one-file-system -- "$scratch"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

"$build/bin/mount.zstdfs" "$backing" "$mnt"
# Root may read a checkout that belongs to somebody else; and nothing of the compilation is to come
# from a cache outside of the mount.
printf '[safe]\n\tdirectory = *\n' >"$scratch/gitconfig"
export GIT_CONFIG_GLOBAL=$scratch/gitconfig CCACHE_DISABLE=1 TMPDIR=$mnt/tmp
mkdir "$TMPDIR" "$scratch/tmp"
if git -C "$root" rev-parse --git-dir >/dev/null 2>&1; then
  git clone -q --no-hardlinks "$root" "$mnt/zstdfs"
  git -C "$mnt/zstdfs" fsck --full
else
  mkdir "$mnt/zstdfs"
  tar -C "$root" --exclude=./build -cf - . | tar -C "$mnt/zstdfs" -xf -
fi
cd "$mnt/zstdfs"
cmake --preset release
cmake --build --preset release -j "$jobs"
# Some unit tests ask the lower filesystem for what only a disk has, such as inode generations.
TMPDIR=$scratch/tmp ctest --test-dir build/release -L '^unit$' -j "$jobs" --output-on-failure \
  --no-tests=error

# Everything is there again after a remount, and what was built runs.
cd /
umount "$mnt"
"$build/bin/mount.zstdfs" "$backing" "$mnt"
"$mnt/zstdfs/build/release/bin/zstdfs" --help >/dev/null
(cd "$mnt/zstdfs" && ninja -C build/release -n | tail -n 1)
[ ! -d "$mnt/zstdfs/.git" ] || git -C "$mnt/zstdfs" status --porcelain
"$build/bin/zstdfs" usage "$mnt/zstdfs"
umount "$mnt"
flock -w 120 "$backing/.zstdfs/lock" true
"$build/bin/zstdfs" fsck "$backing"
echo "zstdfs was built and tested inside of zstdfs"
