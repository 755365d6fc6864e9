#!/usr/bin/env bash
# What copying in and reading back costs, side by side with bindfs: each on an ext4 of its own in a
# loop device on the same disk. One tar archive of about 300 MB, and a tree of about 20,000 small
# files; reading is done after a remount, with cold caches. The rounds of both are interleaved, and
# the medians are compared.
#
#   sudo tests/bench/copy_tree.sh [--build DIR] [--rounds N] [--work DIR]
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
build=$root/build/release
rounds=5
work=${TMPDIR:-/tmp}

while [ $# -gt 0 ]; do
  case $1 in
    --build) build=$(realpath "$2"); shift 2 ;;
    --rounds) rounds=$2; shift 2 ;;
    --work) work=$2; shift 2 ;;
    -h | --help) sed -n '2,8s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) echo "copy_tree.sh: unknown argument '$1'" >&2; exit 2 ;;
  esac
done
[ "$(id -u)" -eq 0 ] || { echo "copy_tree.sh: run it as root (sudo)" >&2; exit 1; }
[ -x "$build/bin/mount.zstdfs" ] || { echo "copy_tree.sh: build $build first" >&2; exit 1; }
command -v bindfs >/dev/null || { echo "copy_tree.sh: bindfs is missing" >&2; exit 1; }

scratch=$(mktemp -d "$work/zstdfs-bench.XXXXXX")
mnt=$scratch/mnt disk=$scratch/disk input=$scratch/input
mkdir "$mnt" "$disk" "$input"

clean_up() {
  local place
  for place in "$mnt" "$disk"; do
    ! mountpoint -q "$place" || umount "$place" || umount -l "$place" || true
  done
  rm -rf --one-file-system -- "$scratch"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

make_input() {
  # Real files of the machine, the small ones of which make the tree.
  mkdir "$input/tree"
  { find /usr/include /usr/share/doc /usr/share/perl /usr/lib/python3* /usr/share/man \
    -xdev -type f -size -64k -print0 2>/dev/null || true; } | head -z -n 20000 >"$scratch/names"
  tar -C / --null -T <(sed -z 's|^/||' "$scratch/names") -cf - 2>/dev/null |
    tar -C "$input/tree" -xf -
  # As many copies of the tree, and of programs, as make about 300 MB.
  tar -C / -cf "$input/archive.tar" usr/bin usr/include 2>/dev/null || true
  truncate -s '<300M' "$input/archive.tar"
  while [ "$(stat -c %s "$input/archive.tar")" -lt 250000000 ]; do
    tar -C "$input/tree" -cf - . >>"$input/archive.tar"
  done
  echo "input: one file of $(($(stat -c %s "$input/archive.tar") / 1000000)) MB," \
    "a tree of $(find "$input/tree" -type f | wc -l) files," \
    "$(du -s --apparent-size --block-size=1MB "$input/tree" | cut -f 1) MB"
}

fresh_disk() {
  truncate -s 0 "$scratch/image"
  truncate -s 3G "$scratch/image"
  mkfs.ext4 -q -F -E lazy_itable_init=0,lazy_journal_init=0 "$scratch/image"
  mount -o loop "$scratch/image" "$disk"
  mkdir -p "$disk/data"
}

attach() {
  case $1 in
    zstdfs) "$build/bin/mount.zstdfs" "$disk/data" "$mnt" ;;
    bindfs) bindfs "$disk/data" "$mnt" ;;
  esac
}

# An unmount returns before the daemon has finished: the disk can go when the daemon has.
detach() {
  umount "$mnt"
  local try
  for try in $(seq 300); do
    if umount "$disk" 2>/dev/null; then
      mount -o loop "$scratch/image" "$disk"
      return 0
    fi
    sleep 0.1
  done
  echo "copy_tree.sh: the disk stays busy after $try tries" >&2
  return 1
}

cold() { sync; echo 3 >/proc/sys/vm/drop_caches; }

measure() {  # filesystem step command...: appends milliseconds to a file
  local file=$scratch/$1.$2 start
  shift 2
  cold
  start=$EPOCHREALTIME
  "$@"
  local end=$EPOCHREALTIME
  echo $(((${end/[.,]/} - ${start/[.,]/}) / 1000)) >>"$file"
}

copy_tar() { cp "$input/archive.tar" "$mnt/archive.tar"; }
copy_tree() { cp -a "$input/tree" "$mnt/tree"; }
read_tar() { cat "$mnt/archive.tar" >/dev/null; }
read_tree() { tar -C "$mnt/tree" -cf - . | cat >/dev/null; }
steps=(copy_tar copy_tree read_tar read_tree)

run_round() {  # filesystem
  local filesystem=$1
  fresh_disk
  attach "$filesystem"
  measure "$filesystem" copy_tar copy_tar
  measure "$filesystem" copy_tree copy_tree
  detach
  cold
  attach "$filesystem"
  measure "$filesystem" read_tar read_tar
  measure "$filesystem" read_tree read_tree
  cmp "$input/archive.tar" "$mnt/archive.tar"
  umount "$mnt"
  local used
  used=$(du -s --block-size=1MB "$disk/data" | cut -f 1)
  echo "$used" >"$scratch/$filesystem.used"
  for _ in $(seq 300); do umount "$disk" 2>/dev/null && break; sleep 0.1; done
  ! mountpoint -q "$disk"
}

median() {
  sort -n "$1" |
    awk '{ v[NR] = $1 } END { print (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2 }'
}

make_input
for round in $(seq "$rounds"); do
  # Each is first in every other round.
  if [ $((round % 2)) -eq 1 ]; then order=(zstdfs bindfs); else order=(bindfs zstdfs); fi
  for filesystem in "${order[@]}"; do run_round "$filesystem"; done
done

printf '%-10s %12s %12s %8s\n' step "zstdfs ms" "bindfs ms" ratio
for step in "${steps[@]}"; do
  ours=$(median "$scratch/zstdfs.$step")
  theirs=$(median "$scratch/bindfs.$step")
  printf '%-10s %12.0f %12.0f %8.2f\n' "$step" "$ours" "$theirs" \
    "$(awk -v a="$ours" -v b="$theirs" 'BEGIN { print a / b }')"
done
printf '%-10s %12s %12s\n' "disk, MB" "$(cat "$scratch/zstdfs.used")" "$(cat "$scratch/bindfs.used")"
echo "medians of $rounds rounds; a ratio below 1 means that zstdfs is faster"
