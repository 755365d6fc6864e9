#!/usr/bin/env bash
# Fuzzes the decoders, each for a time of its own, and says what was found.
#
#   tests/fuzz/run.sh [--seconds N] [TARGET...]
#
# Without targets, all that tests/fuzz/CMakeLists.txt names, one after the other, N seconds each
# (default 3600). Builds build/fuzz with clang first. A run begins with the inputs of
# tests/fuzz/corpus/TARGET and adds nothing to them: what it collects is in a temporary folder and
# goes with it. An input that broke something stays, in build/fuzz/found.
#
# The exit status is 0 when nothing was found, 1 when something was, 2 for a wrong argument.
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
build=$root/build/fuzz
found=$build/found
corpus=$root/tests/fuzz/corpus

rss_limit_mb=2048
# Of one allocation: far more than the limits that targets set, far less than what inputs can claim.
malloc_limit_mb=64
input_timeout_s=25

usage() {
  sed -n '2,12s/^# \{0,1\}//p' "$0"
}

refuse() {
  echo "fuzz/run.sh: $1" >&2
  usage >&2
  exit 2
}

seconds=3600
targets=()

parse_arguments() {
  while [ $# -gt 0 ]; do
    case $1 in
      --seconds)
        [[ ${2-} =~ ^[1-9][0-9]*$ ]] || refuse "--seconds takes a number"
        seconds=$2
        shift 2 ;;
      -h | --help) usage; exit 0 ;;
      -*) refuse "unknown argument '$1'" ;;
      *)
        [ -d "$corpus/$1" ] || refuse "there is no target '$1'"
        targets+=("$1")
        shift ;;
    esac
  done
  # One folder for each target, which a test makes sure of.
  [ ${#targets[@]} -gt 0 ] || mapfile -t targets < <(ls "$corpus")
}

scratch=
child=

clean_up() {
  trap - EXIT INT TERM
  [ -z "$child" ] || kill "$child" 2>/dev/null || true
  [ -z "$scratch" ] || rm -rf -- "$scratch"
}

build_targets() {
  cmake -B "$build" -S "$root" -G Ninja -DCMAKE_CXX_COMPILER=clang++ \
    -DCMAKE_BUILD_TYPE=RelWithDebInfo -DCMAKE_CXX_FLAGS_RELWITHDEBINFO="-O1 -gline-tables-only" \
    -DZSTDFS_TESTS=ON -DZSTDFS_FUZZ=ON -DZSTDFS_SANITIZE=fuzzer-no-link,address,undefined >/dev/null
  cmake --build "$build" --target "${targets[@]/#/fuzz-}"
}

# Runs one target. Returns whether it found nothing.
run_target() {  # target
  local log=$scratch/$1.log status=0
  mkdir -p "$scratch/$1" "$found"
  echo "== $1, $seconds seconds"
  # In the background, so that a signal reaches this script at once.
  "$build/bin/fuzz-$1" -max_total_time="$seconds" -timeout="$input_timeout_s" \
    -rss_limit_mb="$rss_limit_mb" -malloc_limit_mb="$malloc_limit_mb" \
    -artifact_prefix="$found/$1-" "$scratch/$1" "$corpus/$1" >"$log" 2>&1 &
  child=$!
  wait "$child" || status=$?
  child=
  if [ $status -eq 0 ]; then
    grep -E '^Done|DONE' "$log" | tail -1
    return 0
  fi
  grep -E 'does not hold|ERROR|SUMMARY|Test unit written' "$log" || tail -20 "$log"
  return 1
}

main() {
  parse_arguments "$@"
  trap clean_up EXIT
  trap 'clean_up; exit 130' INT
  trap 'clean_up; exit 143' TERM
  scratch=$(mktemp -d "${TMPDIR:-/tmp}/zstdfs-fuzz.XXXXXX")
  build_targets
  local target
  local -a broken=()
  for target in "${targets[@]}"; do
    run_target "$target" || broken+=("$target")
  done
  if [ ${#broken[@]} -gt 0 ]; then
    echo "found something in: ${broken[*]}; the inputs are in $found"
    exit 1
  fi
  echo "found nothing in: ${targets[*]}"
}

main "$@"
