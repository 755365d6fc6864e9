#!/usr/bin/env bash
# What a trained dictionary gains on many small records: facts about the files that packages
# installed, as JSON, one a file. They are copied into a mount with savings in bytes and stored once
# without a dictionary and, after `zstdfs train --install` and `zstdfs recompress`, once with. Then
# everything is compared and the store checked.
#
#   tests/records.sh [--build DIR] [--work DIR] [--records N] [--at-least GAIN]
#
# --records: 40000. --at-least: how many times less the records have to take with a dictionary than
# without, as `zstdfs usage` counts stored bytes (2.5). The exit status is 0 only when they do and
# nothing differs.
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
build=$root/build/release
work=
records=40000
at_least=2.5

while [ $# -gt 0 ]; do
  case $1 in
    --build) build=$(realpath "$2"); shift 2 ;;
    --work) work=$2; shift 2 ;;
    --records) records=$2; shift 2 ;;
    --at-least) at_least=$2; shift 2 ;;
    -h | --help) sed -n '2,11s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) echo "records.sh: unknown argument '$1'" >&2; exit 2 ;;
  esac
done
[ "$(id -u)" -eq 0 ] || { echo "records.sh: run it as root (sudo)" >&2; exit 1; }
zstdfs=$build/bin/zstdfs
[ -x "$zstdfs" ] || { echo "records.sh: $zstdfs is missing: build it, or name --build" >&2; exit 1; }

[ -z "$work" ] || mkdir -p "$work"
scratch=$(mktemp -d "${work:-${TMPDIR:-/tmp}}/zstdfs-records.XXXXXX")
input=$scratch/input backing=$scratch/backing mnt=$scratch/mnt
mkdir "$input" "$backing" "$mnt"

clean_up() {
  ! mountpoint -q "$mnt" || umount "$mnt" || umount -l "$mnt" || true
  rm -rf --one-file-system -- "$scratch"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

stored_bytes() {
  "$zstdfs" usage --json "$backing" |
    /usr/bin/python3 -c 'import json, sys; print(json.load(sys.stdin)["total"]["stored_bytes"])'
}

/usr/bin/python3 "$root/tests/records/make_records.py" "$input" "$records"
"$build/bin/mount.zstdfs" "$backing" "$mnt"
mkdir "$mnt/records"
echo '{"version": 1, "rules": [{"saving": "bytes"}]}' >"$scratch/policy.json"
"$zstdfs" policy set "$scratch/policy.json" "$mnt"
cp -a "$input/." "$mnt/records"
umount "$mnt"
without=$(stored_bytes)

"$build/bin/mount.zstdfs" "$backing" "$mnt"
"$zstdfs" train --install "$mnt" --for '*.json' --saving bytes "$mnt/records"
"$zstdfs" recompress -q "$mnt/records"
diff -r "$input" "$mnt/records"
umount "$mnt"
with=$(stored_bytes)
"$zstdfs" fsck "$backing"

/usr/bin/python3 - "$records" "$without" "$with" "$at_least" <<'EOF'
import sys

records, without, with_one = map(int, sys.argv[1:4])
gain, at_least = without / with_one, float(sys.argv[4])
print(f"{records} records: {without} stored bytes without a dictionary, {with_one} with: "
      f"{gain:.2f} times less, {with_one / records:.0f} bytes each")
if gain < at_least:
    sys.exit(f"records.sh: expected at least {at_least} times less")
EOF
