#!/usr/bin/env bash
# Makes the API documentation; a warning of Doxygen's is a failure.
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
scratch=$(mktemp -d)
trap 'rm -rf -- "$scratch"' EXIT

cd "$root"
OUTPUT=$scratch doxygen docs/Doxyfile
# It is made of what it should be made of.
grep -q "multi_compress_to_buffer" "$scratch/html/classzstdfs_1_1ZstdCompressor.html"
