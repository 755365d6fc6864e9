#!/usr/bin/env bash
# Puts the Linux kernel's source, as Debian packages it (about 79,000 files), into a zstdfs mount by
# `cp -a` and by `tar x`, unmounts, mounts, and compares everything: contents, modes, owners, times,
# sizes and link counts. Then `zstd -t` reads every container, and `zstdfs fsck` checks the store.
#
#   sudo tests/real_input.sh [--build DIR] [--work DIR] [--tar FILE]
#
# --build: where bin/mount.zstdfs and bin/zstdfs are (build/release). --work: a directory with about
# 8 GB of room (a temporary one). --tar: another tar archive than the kernel's.
# Prints figures as it goes. The exit status is 0 only when nothing differs.
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
build=$root/build/release
work=
archive=

while [ $# -gt 0 ]; do
  case $1 in
    --build) build=$(realpath "$2"); shift 2 ;;
    --work) work=$2; shift 2 ;;
    --tar) archive=$(realpath "$2"); shift 2 ;;
    -h | --help) sed -n '2,10s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) echo "real_input.sh: unknown argument '$1'" >&2; exit 2 ;;
  esac
done
[ "$(id -u)" -eq 0 ] || { echo "real_input.sh: run it as root (sudo)" >&2; exit 1; }
for program in mount.zstdfs zstdfs; do
  [ -x "$build/bin/$program" ] || {
    echo "real_input.sh: $build/bin/$program is missing: build it, or name --build" >&2
    exit 1
  }
done

[ -z "$work" ] || mkdir -p "$work"
scratch=$(mktemp -d "${work:-${TMPDIR:-/tmp}}/zstdfs-real.XXXXXX")
backing=$scratch/backing mnt=$scratch/mnt native=$scratch/native
mkdir "$backing" "$mnt" "$native"

unmount() {
  mountpoint -q "$mnt" || return 0
  umount "$mnt"
}
clean_up() {
  unmount 2>/dev/null || umount -l "$mnt" 2>/dev/null || true
  rm -rf --one-file-system -- "$scratch"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

timed() {  # what command...
  local what=$1 start=$EPOCHREALTIME
  shift
  "$@"
  printf '%-34s %8.1f s\n' "$what" "$(seconds_since "$start")"
}
# Seconds since a moment; EPOCHREALTIME always has six decimals.
seconds_since() {
  local now=$EPOCHREALTIME
  local micros=$((${now/[.,]/} - ${1/[.,]/}))
  printf '%d.%06d' $((micros / 1000000)) $((micros % 1000000))
}

fetch_kernel() {
  # The tar archive is taken out of the package; nothing is installed.
  local package
  apt-get -q update >/dev/null
  package=$(apt-cache depends linux-source | awk '/Depends:/ { print $2; exit }')
  (cd "$scratch" && apt-get -q -o APT::Sandbox::User=root download "$package" >/dev/null &&
    dpkg-deb -x "$package"_*.deb deb)
  rm -f "$scratch/$package"_*.deb
  archive=$(find "$scratch/deb" -name 'linux-source-*.tar.*' | head -n 1)
  [ -n "$archive" ] || { echo "real_input.sh: $package has no archive" >&2; exit 1; }
  echo "package: $package"
}

mount_store() { "$build/bin/mount.zstdfs" "$backing" "$mnt"; }
drop_caches() { sync; echo 3 >/proc/sys/vm/drop_caches 2>/dev/null || true; }

# The root's own times are not part of the comparison.
listing() {
  (cd "$1" && find . -mindepth 1 \
    \( -type d -printf '%P %y %m %U %G %T@ %n\n' \) -o \
    -printf '%P %y %m %U %G %T@ %n %s %l\n' | sort)
}

compare() {  # directory in the mount
  timed "diff -r $1" diff -r --no-dereference "$native" "$mnt/$1"
  if ! diff <(listing "$mnt/$1") "$scratch/listing" >"$scratch/differences"; then
    echo "real_input.sh: $(grep -c '^<' "$scratch/differences") objects of $1 have other attributes" \
      "(< in the mount, > on the native disk); the first ones:" >&2
    head -n 20 "$scratch/differences" >&2
    return 1
  fi
}

# Paths of all containers among the backing files, each followed by a zero byte. A container begins
# with the magic number of its header (docs/format.md), four characters that bash can compare.
containers() {
  find "$backing" -path "$backing/.zstdfs" -prune -o -type f -size +79c -print0 |
    LC_ALL=C xargs -0 -n 1000 bash -c 'for file; do
      IFS= read -r -N 4 start <"$file" 2>/dev/null || true
      [ "$start" != $'"'U*M\\x18'"' ] || printf "%s\0" "$file"
    done' containers
}

check_containers() {
  local count
  containers >"$scratch/containers"
  count=$(tr -dc '\0' <"$scratch/containers" | wc -c)
  [ "$count" -gt 0 ] || { echo "real_input.sh: there are no containers" >&2; exit 1; }
  timed "zstd -t of $count containers" \
    xargs -0 -a "$scratch/containers" -n 500 -P "$(nproc)" zstd -q -t
}

[ -n "$archive" ] || fetch_kernel
timed "unpacking on the native disk" tar xf "$archive" -C "$native"
listing "$native" >"$scratch/listing"
# The kernel's own archive is sorted by name, so that tar leaves some directories, sets their times,
# and comes back. One made from the tree itself gives the same times wherever it is unpacked.
timed "packing it again" tar --format=posix -C "$native" -cf "$scratch/again.tar" .
echo "files: $(wc -l <"$scratch/listing")"

mount_store
mkdir "$mnt/copied" "$mnt/unpacked"
timed "cp -a into the mount" cp -a "$native/." "$mnt/copied/"
timed "tar x into the mount" tar xf "$scratch/again.tar" -C "$mnt/unpacked"
compare copied
compare unpacked
timed "umount" unmount
drop_caches
timed "mount" mount_store
compare copied
compare unpacked
"$build/bin/zstdfs" usage "$mnt" || "$build/bin/zstdfs" usage "$backing"
unmount
# The daemon lets go of the store a moment after the unmount.
flock -w 120 "$backing/.zstdfs/lock" true
check_containers
timed "zstdfs fsck" "$build/bin/zstdfs" fsck "$backing"
echo "native: $(du -s --block-size=1M "$native" | cut -f 1) MB for one of the two trees," \
  "stored: $(du -s --block-size=1M "$backing" | cut -f 1) MB for both"
echo "everything is equal"
