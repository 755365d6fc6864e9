#!/usr/bin/env bash
# Installs what the tests need, builds zstdfs and runs all of its tests, mounts included.
#
#   sudo tests/run.sh [--only release|asan|tsan] [--jobs N]
#
# Stages: `release` builds and runs everything; `asan` runs all but the crash tests again under
# AddressSanitizer and UndefinedBehaviorSanitizer; `tsan` runs the unit and the mount tests under
# ThreadSanitizer. Both are compiled with clang, its thread-safety analysis and -Werror.
# --only may be repeated. --jobs is the number of compilers that run at once (default: processors).
#
# At the end, what failed is shown again, then a table of the stages. The last line is "N passed,
# N failed". A stage that cannot be built counts as one failure, and so do tests that were skipped.
# The exit status is 0 only when something ran and nothing failed.
set -uo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root" || exit 1

all_stages=(release asan tsan)
stages=()
jobs=$(nproc)
scratch=
child=

usage() {
  sed -n '2,14s/^# \{0,1\}//p' "$0"
}

parse_arguments() {
  while [ $# -gt 0 ]; do
    case $1 in
      --only)
        case ${2-} in
          release | asan | tsan) stages+=("$2") ;;
          *) echo "run.sh: --only takes one of: ${all_stages[*]}" >&2; exit 2 ;;
        esac
        shift 2 ;;
      --jobs)
        [[ ${2-} =~ ^[1-9][0-9]*$ ]] || { echo "run.sh: --jobs takes a number" >&2; exit 2; }
        jobs=$2
        shift 2 ;;
      -h | --help) usage; exit 0 ;;
      *) echo "run.sh: unknown argument '$1'" >&2; usage >&2; exit 2 ;;
    esac
  done
  [ ${#stages[@]} -gt 0 ] || stages=("${all_stages[@]}")
}

# Ends what is running, and takes back every mount and loop device below the scratch directory.
# The tests clean up after themselves; this is for those that were killed.
clean_up() {
  trap - EXIT INT TERM
  if [ -n "$child" ] && kill -0 "$child" 2>/dev/null; then
    kill -TERM -- "-$child" 2>/dev/null || kill -TERM "$child" 2>/dev/null
    for _ in $(seq 50); do
      kill -0 "$child" 2>/dev/null || break
      sleep 0.1
    done
    kill -KILL -- "-$child" 2>/dev/null
  fi
  [ -n "$scratch" ] || return 0
  local mountpoint device
  # The innermost mount comes last in mountinfo.
  while read -r mountpoint; do
    umount -l -- "$mountpoint" 2>/dev/null
  done < <(awk -v dir="$scratch/" 'index($5, dir) == 1 { print $5 }' /proc/self/mountinfo | tac)
  while read -r device; do
    losetup -d "$device" 2>/dev/null
  done < <(losetup -n -l -O NAME,BACK-FILE 2>/dev/null |
    awk -v dir="$scratch/" 'index($2, dir) == 1 { print $1 }')
  rm -rf --one-file-system -- "$scratch"
}

# Runs a command in a process group of its own, so that clean_up can end all of it, while signals
# still reach this script at once.
run_child() {
  set -m
  "$@" &
  child=$!
  set +m
  wait "$child"
  local status=$?
  child=
  return $status
}

require_fuse() {
  [ -e /dev/fuse ] || modprobe fuse 2>/dev/null
  if [ ! -e /dev/fuse ]; then
    echo "run.sh: /dev/fuse is missing and 'modprobe fuse' does not help: the mount tests cannot" \
      "run on this system" >&2
    return 1
  fi
}

# ThreadSanitizer of clang 14 cannot lay out its shadow where the kernel randomises addresses
# widely ("unexpected memory mapping"); a fixed layout is always right for it.
stage_wrapper() {
  [ "$1" != tsan ] || echo "setarch -R"
}

# The value of an attribute of a JUnit report's outermost element, which comes first; ctest writes
# each attribute on a line of its own.
junit_count() {
  grep -E -o -m 1 "(^|[[:space:]])$2=\"[0-9]+\"" "$1" | grep -E -o '[0-9]+'
}

# What failed or was skipped according to a JUnit report, with the end of what it printed: far above
# the end of a log of thousands of tests, nobody finds it.
show_failures() {  # stage report
  /usr/bin/python3 - "$@" <<'EOF'
import sys
import xml.etree.ElementTree as xml

stage, report = sys.argv[1:]
for test in xml.parse(report).getroot().iter("testcase"):
    if test.get("status") != "run":
        output = (test.findtext("system-out") or "").rstrip().splitlines()
        print(f"== {stage}: {test.get('name')} ({test.get('status')})", *output[-60:], sep="\n")
EOF
}

table=()
total_passed=0
total_failed=0

note_stage() {  # stage passed failed seconds remark
  total_passed=$((total_passed + $2))
  total_failed=$((total_failed + $3))
  table+=("$(printf '%-8s %8s %8s %8ss  %s' "$1" "$2" "$3" "$4" "$5")")
}

build_stage() {  # stage
  local -a targets=(all)
  [ "$1" != tsan ] || targets=(tests-unit tests-mount)
  # shellcheck disable=SC2046  # The wrapper is two words or none.
  run_child $(stage_wrapper "$1") cmake --preset "$1" &&
    run_child $(stage_wrapper "$1") cmake --build --preset "$1" -j "$jobs" --target "${targets[@]}"
}

run_stage() {  # stage
  local stage=$1 start=$SECONDS report failed skipped disabled passed tests remark=ok
  local -a select=()
  echo "== $stage"
  if ! build_stage "$stage"; then
    note_stage "$stage" 0 1 $((SECONDS - start)) "does not build"
    return
  fi
  # The crash tests take their time; the model test has crashes for the sanitizers too.
  [ "$stage" != asan ] || select=(-LE '^crash$')
  [ "$stage" != tsan ] || select=(-L '^(unit|mount)$')
  report=$scratch/$stage.xml
  # More tests than processors: the mount tests mostly wait, for their daemons and for the disk.
  # shellcheck disable=SC2046
  TMPDIR=$scratch run_child $(stage_wrapper "$stage") ctest --test-dir "build/$stage" \
    "${select[@]}" -j $((jobs * 3)) --output-on-failure --no-tests=error \
    --output-junit "$report"
  local status=$?
  tests=$(junit_count "$report" tests 2>/dev/null)
  failed=$(junit_count "$report" failures 2>/dev/null)
  skipped=$(junit_count "$report" skipped 2>/dev/null)
  disabled=$(junit_count "$report" disabled 2>/dev/null)
  tests=${tests:-0} failed=${failed:-0} skipped=$((${skipped:-0} + ${disabled:-0}))
  passed=$((tests - failed - skipped))
  failed=$((failed + skipped))
  [ $skipped -eq 0 ] || remark="$skipped skipped"
  if [ $status -ne 0 ] && [ $failed -eq 0 ]; then
    failed=1
    remark="ctest ended with $status"
  elif [ $tests -eq 0 ]; then
    failed=1
    remark="no tests"
  fi
  [ $failed -eq 0 ] || [ ! -s "$report" ] || show_failures "$stage" "$report" >>"$scratch/failures"
  note_stage "$stage" $passed $failed $((SECONDS - start)) "$remark"
}

main() {
  parse_arguments "$@"
  if [ "$(id -u)" -ne 0 ]; then
    echo "run.sh: the tests mount filesystems and change owners: run it as root (sudo $0)" >&2
    exit 1
  fi
  trap clean_up EXIT
  trap 'clean_up; exit 130' INT
  trap 'clean_up; exit 143' TERM
  # Short, because the path of a socket may have only 108 bytes.
  scratch=$(mktemp -d /tmp/zt.XXXXXX) || exit 1
  chmod 755 "$scratch"
  packaging/dependencies.sh test || exit 1
  require_fuse || exit 1
  local stage
  for stage in "${stages[@]}"; do
    run_stage "$stage"
  done
  echo
  [ ! -s "$scratch/failures" ] || cat "$scratch/failures" - <<<""
  printf '%-8s %8s %8s %9s  %s\n' stage passed failed time remark
  printf '%s\n' "${table[@]}"
  echo
  echo "$total_passed passed, $total_failed failed"
  [ "$total_failed" -eq 0 ] && [ "$total_passed" -gt 0 ]
}

main "$@"
