#!/usr/bin/env bash
# Runs stress-ng's stressors of files and filesystems on a mount and on the native directory beside
# it, compares how each ended, and checks the store afterwards.
#
#   sudo tests/stress.sh [--seconds N] [STRESSOR...]
#
# N seconds (default 4) for each stressor on each side. Needs stress-ng. The exit status is 0 when
# the mount did as well as the native directory everywhere, and the store is clean.
set -euo pipefail

cd "$(dirname "$0")/.."
seconds=4
stressors=()
while [ $# -gt 0 ]; do
  case $1 in
    --seconds)
      [[ ${2-} =~ ^[1-9][0-9]*$ ]] || { echo "stress.sh: --seconds takes a number" >&2; exit 2; }
      seconds=$2
      shift 2 ;;
    -h | --help) sed -n '2,9s/^# \{0,1\}//p' "$0"; exit 0 ;;
    -*) echo "stress.sh: unknown argument '$1'" >&2; exit 2 ;;
    *) stressors+=("$1"); shift ;;
  esac
done
command -v stress-ng >/dev/null || { echo "stress.sh: install stress-ng" >&2; exit 1; }
# All that work on files below a directory. Left out: those that look at the whole machine.
[ ${#stressors[@]} -gt 0 ] || stressors=(
  access aio aiol chattr chdir chmod chown copy-file dentry dir dirdeep dirmany dnotify fallocate
  fanotify fcntl fiemap file-ioctl filename flock fpunch fsize fstat getdent handle hdd inode-flags
  inotify io iomix lease link locka lockf lockofd mknod mmap mmapaddr mmapfork msync open readahead
  rename revio seek sendfile splice symlink sync-file tee touch utime verity xattr
)

build=build/release
cmake --preset release >/dev/null
cmake --build --preset release --target mount.zstdfs zstdfs >/dev/null
scratch=$(mktemp -d /tmp/zstdfs-stress.XXXXXX)
clean_up() {
  umount -l "$scratch/mount" 2>/dev/null || true
  rm -rf --one-file-system -- "$scratch"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
mkdir "$scratch/store" "$scratch/mount" "$scratch/native"
"$build/bin/mount.zstdfs" "$scratch/store" "$scratch/mount"

# How a stressor ends on one side: its status, and the first failure that it tells.
outcome() {  # side stressor
  local folder=$scratch/$1/$2 status=0
  mkdir "$folder"
  timeout -k 5 $((seconds + 60)) stress-ng "--$2" 2 --timeout "$seconds" --verify \
    --temp-path "$folder" >"$scratch/log" 2>&1 || status=$?
  rm -rf -- "$folder"
  echo "status $status $(sed -n 's/.*fail: *\[[0-9]*\] *//p' "$scratch/log" | sort | head -1)"
}

worse=()
for stressor in "${stressors[@]}"; do
  on_mount=$(outcome mount "$stressor")
  on_native=$(outcome native "$stressor")
  printf '%-12s %s\n' "$stressor" "$on_mount"
  if [ "$on_mount" != "$on_native" ]; then
    printf '%-12s %s (native)\n' "" "$on_native"
    worse+=("$stressor")
  fi
done
umount "$scratch/mount"
"$build/bin/zstdfs" fsck "$scratch/store"
if [ ${#worse[@]} -gt 0 ]; then
  echo "different on the mount: ${worse[*]}"
  exit 1
fi
echo "no difference in ${#stressors[@]} stressors"
