#!/usr/bin/env bash
# From a fresh checkout to a mounted store with real files in it, in one command.
#
#   sudo packaging/quickstart.sh [BACKING MOUNTPOINT]
#
# Installs what is needed to build and to mount, builds zstdfs and installs it below /usr/local,
# mounts BACKING at MOUNTPOINT, copies some 200 MB of files of this machine into
# MOUNTPOINT/zstdfs-quickstart, mounts again, reads them back and compares, and shows what was
# saved. Without arguments it uses directories of its own below /var/lib/zstdfs-quickstart. Files
# that are in BACKING already are not touched. It can be run again at any time.
set -euo pipefail

# Where it installs; root's own PATH does not always have them.
PATH=$PATH:/usr/local/sbin:/usr/local/bin

root=$(cd "$(dirname "$0")/.." && pwd)
build=$root/build/quickstart
sample_name=zstdfs-quickstart
# Names the sample as ours, so that a second run may replace it.
sample_mark=.made-by-quickstart
sample_sources=(/usr/include /usr/share/doc /usr/share/perl /usr/share/zoneinfo /usr/share/locale
  /usr/lib/python3 /usr/lib/gcc)
sample_max_bytes=$((200 << 20))
work=
mounted_here=no
finished=no

say() { printf '%s\n' "$*"; }
step() { printf '\n== %s\n' "$*"; }
die() {
  printf 'quickstart.sh: %s\n' "$*" >&2
  exit 1
}

usage() { sed -n '2,11s/^# \{0,1\}//p' "$0"; }

clean_up() {
  [ -z "$work" ] || rm -rf -- "$work"
  if [ "$finished" = no ] && [ "$mounted_here" = yes ]; then
    umount -- "$mountpoint" && say "quickstart.sh: $mountpoint was unmounted again" >&2
  fi
}

# Runs a command quietly; what it said is shown only when it fails.
quietly() {  # description command...
  local what=$1
  shift
  if ! "$@" >"$work/log" 2>&1; then
    tail -n 40 "$work/log" >&2
    die "$what failed; the lines above say why"
  fi
}

parse_arguments() {
  case ${1-} in
    -h | --help) usage; exit 0 ;;
  esac
  case $# in
    0) backing=/var/lib/zstdfs-quickstart/data mountpoint=/var/lib/zstdfs-quickstart/mnt ;;
    2) backing=$(realpath -m -- "$1") mountpoint=$(realpath -m -- "$2") ;;
    *) usage >&2; exit 2 ;;
  esac
}

require_system() {
  [ "$(id -u)" -eq 0 ] || die "it installs and mounts, so it needs root: sudo $0 $*"
  [ -e /dev/fuse ] || modprobe fuse 2>/dev/null || true
  [ -e /dev/fuse ] || die "/dev/fuse is missing; load the kernel's fuse module, or in a container" \
    "give it the device (--device /dev/fuse --cap-add SYS_ADMIN)"
}

build_and_install() {
  step "Packages"
  say "installing what is missing of:" \
    "$("$root/packaging/dependencies.sh" --list build run | paste -sd ' ')"
  quietly "installing packages" "$root/packaging/dependencies.sh" build run
  step "Build"
  say "this takes some minutes the first time"
  cd "$root"
  # A directory of its own: the tests are left out, and with them what only they need.
  quietly "configuring" cmake --preset release -B "$build" -DZSTDFS_TESTS=OFF
  quietly "building" cmake --build "$build"
  quietly "installing" cmake --install "$build"
  # Whoever owns the checkout can go on building in it.
  chown -R --reference="$root" -- "$root/build"
  hash -r
  local version
  version=$(zstdfs --version) || die "the installed zstdfs does not run"
  say "installed: $version, $(command -v zstdfs), $(command -v mount.zstdfs)"
}

mount_field() { findmnt -n -r -M "$mountpoint" -o "$1" 2>/dev/null | tail -n 1; }

is_mounted_already() { [ "$(mount_field FSTYPE)" = fuse.zstdfs ]; }

# Before anything is installed or built.
check_directories() {
  mkdir -p -- "$backing" "$mountpoint" || die "the directories cannot be made; if a dead mount is" \
    "there: umount $mountpoint"
  if is_mounted_already; then
    [ "$(findmnt -n -M "$mountpoint" -o SOURCE | tail -n 1)" = "$backing" ] ||
      die "another store is mounted at $mountpoint; unmount it or name another MOUNTPOINT"
    return
  fi
  [ -z "$(mount_field FSTYPE)" ] || die "$mountpoint is a mount of something else"
  [ -z "$(ls -A -- "$mountpoint")" ] || die "$mountpoint is not empty: a mount would hide what is" \
    "in it; name an empty directory"
}

mount_store() {
  step "Mount"
  # A mount of our own is made anew, so that the version that was just installed serves it.
  if is_mounted_already && { [ -n "$own_directories" ] || ! umount -- "$mountpoint"; }; then
    say "$backing is mounted at $mountpoint already"
    return
  fi
  do_mount
  mounted_here=yes
  say "$backing is mounted at $mountpoint"
}

do_mount() {
  mount -t zstdfs "$backing" "$mountpoint" ||
    die "the mount failed; the line above says why"
}

# Writes the names of files to copy, up to the size that was asked for, to $work/files.
choose_sample() {  # max_bytes
  local source
  for source in "${sample_sources[@]}"; do
    [ ! -d "$source" ] || find "$source" -xdev -type f -size +0 -printf '%s\t%p\0'
  done | awk -v RS='\0' -v ORS='\0' -F '\t' -v max="$1" '
    { if (sum + $1 > max) next; sum += $1; print substr($0, length($1) + 2) }' >"$work/files"
  [ -s "$work/files" ] || die "no files to copy were found on this machine"
}

copy_sample() {
  step "Sample"
  sample=$mountpoint/$sample_name
  if [ -e "$sample" ] && [ ! -e "$sample/$sample_mark" ]; then
    die "$sample exists and was not made by this script; move it away"
  fi
  rm -rf -- "$sample"
  local free_kb max_bytes
  free_kb=$(df -k --output=avail -- "$backing" | tail -n 1)
  max_bytes=$((free_kb * 1024 / 4))
  [ "$max_bytes" -lt "$sample_max_bytes" ] || max_bytes=$sample_max_bytes
  [ "$max_bytes" -ge $((8 << 20)) ] || die "there is too little space on the disk of $backing"
  choose_sample "$max_bytes"
  mkdir -- "$sample"
  touch -- "$sample/$sample_mark"
  tar -C / --null -T <(sed -z 's,^/,,' "$work/files") -cf - | tar -C "$sample" -xpf - ||
    die "copying into $sample failed"
  say "$(tr -cd '\0' <"$work/files" | wc -c) files of this machine were copied to $sample"
}

# Reads what the disk has, not what memory remembers: a new mount has forgotten everything.
read_back() {
  if [ "$mounted_here" = yes ]; then
    umount -- "$mountpoint" || die "$mountpoint cannot be unmounted; is it in use?"
    mounted_here=no
    do_mount
    mounted_here=yes
  fi
  sed -z 's,^/,,' "$work/files" >"$work/relative"
  (cd / && xargs -0 sha256sum -- <"$work/relative") >"$work/original.sums"
  (cd "$sample" && xargs -0 sha256sum -- <"$work/relative") >"$work/stored.sums" ||
    die "reading back from $sample failed"
  cmp -s "$work/original.sums" "$work/stored.sums" ||
    die "what was read back differs from what was copied: please report this as a bug"
  say "read back and compared: every byte is there"
}

show_result() {
  step "Saved"
  zstdfs usage "$sample"
  if [ -n "$own_directories" ]; then
    say
    say "All of $mountpoint (files that were there before stay as they are until written):"
    zstdfs usage "$mountpoint"
  fi
  step "Next"
  say "Use it:   copy files to $mountpoint; see \"zstdfs usage $mountpoint\" and \"zstdfs info FILE\"."
  say "Unmount:  sudo umount $mountpoint     Mount: sudo mount -t zstdfs $backing $mountpoint"
  if [ -n "$own_directories" ]; then
    say "Remove:   rm -r $sample     (the sample only)"
  else
    say "Remove:   sudo umount $mountpoint && sudo rm -r ${backing%/*}"
  fi
}

main() {
  parse_arguments "$@"
  own_directories=${1-}
  require_system "$@"
  work=$(mktemp -d)
  trap clean_up EXIT
  check_directories
  build_and_install
  mount_store
  copy_sample
  read_back
  show_result
  finished=yes
}

main "$@"
