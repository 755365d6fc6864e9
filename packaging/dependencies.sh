#!/usr/bin/env bash
# Installs what zstdfs needs from the distribution, and only what is missing.
#
#   packaging/dependencies.sh build    to configure and compile
#   packaging/dependencies.sh run      to mount
#   packaging/dependencies.sh test     to compile, mount and run every test
#   packaging/dependencies.sh bench    to compare with other filesystems (tests/bench/compare)
#   packaging/dependencies.sh --list KIND...   only prints the names of the packages
#
# This is the one place that names packages: quickstart.sh, tests/run.sh and the documents refer
# to it. Needs root only when something has to be installed.
set -euo pipefail

build_packages=(
  g++ cmake ninja-build pkg-config
  libfuse3-dev libzstd-dev libxxhash-dev libcap-dev liburing-dev nlohmann-json3-dev libcli11-dev
)
run_packages=(fuse3 mount)
# The comparison with other filesystems builds googletest on each of them.
bench_packages=(
  "${run_packages[@]}"
  bindfs btrfs-progs e2fsprogs findutils g++ git googletest make python3 tar util-linux xz-utils
)
# The programs that the tests run inside a mount, and the second compiler with its sanitizers.
test_packages=(
  "${build_packages[@]}" "${run_packages[@]}" "${bench_packages[@]}"
  libgtest-dev libgmock-dev libbenchmark-dev libsqlite3-dev clang libclang-rt-dev ccache doxygen
  acl attr libcap2-bin diffutils fish kmod procps python3-zstandard rsync sqlite3 zsh zstd
)

usage() {
  sed -n '2,9s/^# \{0,1\}//p' "$0"
}

list=no
packages=()
for argument in "$@"; do
  case $argument in
    build) packages+=("${build_packages[@]}") ;;
    run) packages+=("${run_packages[@]}") ;;
    test) packages+=("${test_packages[@]}") ;;
    bench) packages+=("${bench_packages[@]}") ;;
    --list) list=yes ;;
    -h | --help) usage; exit 0 ;;
    *) echo "dependencies.sh: unknown argument '$argument'" >&2; usage >&2; exit 2 ;;
  esac
done
if [ ${#packages[@]} -eq 0 ]; then
  usage >&2
  exit 2
fi
if [ "$list" = yes ]; then
  printf '%s\n' "${packages[@]}" | sort -u
  exit 0
fi
if ! command -v apt-get >/dev/null; then
  echo "dependencies.sh: this system has no apt-get; install the equivalents of:" \
    "${packages[*]}" >&2
  exit 1
fi

missing=()
for package in "${packages[@]}"; do
  state=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)
  [ "$state" = installed ] || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

if [ "$(id -u)" -ne 0 ]; then
  echo "dependencies.sh: these packages are missing, and installing them needs root (sudo):" \
    "${missing[*]}" >&2
  exit 1
fi
export DEBIAN_FRONTEND=noninteractive
echo "dependencies.sh: installing ${missing[*]}" >&2
# A fresh machine has no package lists, an old one has stale ones: both need the update first.
apt-get -q update >&2
apt-get -q install -y --no-install-recommends "${missing[@]}" >&2
