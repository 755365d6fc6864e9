#!/usr/bin/env bash
# Installs core from a build into a temporary place and compiles against that, and nothing else:
# each header alone, and the example through CMake's find_package and through pkg-config.
#
#   installed_core.sh BUILD_DIRECTORY COMPILER CMAKE
set -euo pipefail

build=$1 compiler=$2 cmake=$3
root=$(cd "$(dirname "$0")/../.." && pwd)
examples=$root/docs/examples
scratch=$(mktemp -d)
trap 'rm -rf -- "$scratch"' EXIT
prefix=$scratch/prefix

# The example compresses, and zstd reads what it wrote.
try_example() {  # program
  local input=$scratch/input said
  rm -f "$input" "$input.zst"
  seq 20000 >"$input"
  said=$("$1" "$input")
  [[ $said =~ ^108894\ bytes\ in\ [0-9]+$ ]] || { echo "$1 said: $said" >&2; return 1; }
  zstd -q -d -c "$input.zst" | cmp - "$input"
  if "$1" "$input" 2>"$scratch/error"; then
    echo "$1 overwrote an archive" >&2
    return 1
  fi
  grep -q "^archive: open .*input.zst: File exists$" "$scratch/error"
}

"$cmake" --install "$build" --prefix "$prefix" --component development >/dev/null
# The files have to hold wherever the tree is moved to.
mv "$prefix" "$scratch/moved"
prefix=$scratch/moved
PKG_CONFIG_PATH=$(dirname "$(find "$prefix" -name zstdfs-core.pc)")
export PKG_CONFIG_PATH
read -ra flags < <(pkg-config --cflags zstdfs-core)
read -ra libraries < <(pkg-config --libs zstdfs-core)

echo "== headers, each alone"
mkdir "$scratch/alone"
for header in "$prefix"/include/zstdfs/*.hpp; do
  name=${header##*/}
  printf '#include <zstdfs/%s>\n' "$name" "$name" >"$scratch/alone/$name.cpp"
done
find "$scratch/alone" -name '*.cpp' -print0 |
  xargs -0 -n 4 -P 2 "$compiler" -std=c++20 -Wall -Wextra -Wpedantic -Werror "${flags[@]}" \
    -fsyntax-only

echo "== pkg-config"
"$compiler" -std=c++20 "${flags[@]}" "$examples/archive.cpp" "${libraries[@]}" \
  -o "$scratch/by-pkg-config"
try_example "$scratch/by-pkg-config"

echo "== pkg-config, directories given as absolute paths"
"$cmake" -S "$root" -B "$scratch/absolute" -DCMAKE_CXX_COMPILER="$compiler" \
  -DCMAKE_INSTALL_LIBDIR=/a/lib -DCMAKE_INSTALL_INCLUDEDIR=/an/include >/dev/null
for expected in libdir=/a/lib includedir=/an/include; do
  grep -qx "$expected" "$scratch/absolute/core/zstdfs-core.pc"
done

echo "== find_package"
"$cmake" -S "$examples" -B "$scratch/example" -DCMAKE_PREFIX_PATH="$prefix" \
  -DCMAKE_CXX_COMPILER="$compiler" >/dev/null
"$cmake" --build "$scratch/example" >/dev/null
try_example "$scratch/example/archive"

# A program that asks for a version that cannot be compatible is told so.
sed 's/find_package(zstdfs-core /find_package(zstdfs-core 99.0 /' \
  "$examples/CMakeLists.txt" >"$scratch/CMakeLists.txt"
cp "$examples/archive.cpp" "$scratch"
if "$cmake" -S "$scratch" -B "$scratch/newer" -DCMAKE_PREFIX_PATH="$prefix" \
  >/dev/null 2>"$scratch/error"; then
  echo "find_package took this version for version 99" >&2
  exit 1
fi
grep -q "compatible with requested version" "$scratch/error"
