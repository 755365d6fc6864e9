#!/usr/bin/env bash
# Measures core against the bare libzstd calls on the same data, and prints ratios of medians
# (below 1.00: core is faster). The two of a pair run interleaved, in random order.
#
#   tests/bench/core.sh [--repetitions N] [--filter REGEX] [--json FILE]
set -euo pipefail

repetitions=15 filter=. json=
while [ $# -gt 0 ]; do
  case $1 in
    --repetitions) repetitions=$2; shift 2 ;;
    --filter) filter=$2; shift 2 ;;
    --json) json=$2; shift 2 ;;
    -h | --help) sed -n '2,5s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) echo "core.sh: unknown argument '$1'" >&2; exit 2 ;;
  esac
done

cd "$(dirname "$0")/../.."
packaging/dependencies.sh test
cmake --preset release >/dev/null
cmake --build --preset release --target core-bench >/dev/null
if [ -z "$json" ]; then
  json=$(mktemp)
  trap 'rm -f -- "$json"' EXIT
fi
build/release/bin/core-bench --benchmark_filter="$filter" --benchmark_repetitions="$repetitions" \
  --benchmark_enable_random_interleaving=true --benchmark_min_time=0.02 \
  --benchmark_out="$json" --benchmark_out_format=json >/dev/null
python3 tests/bench/ratios.py "$json"
