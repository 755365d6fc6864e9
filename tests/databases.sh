#!/usr/bin/env bash
# Databases, git and fio on a mount: SQLite in every journal mode, PostgreSQL under pgbench, commits
# from several processes, and fio's verifying jobs. SQLite and PostgreSQL are run once more with the
# daemon killed in the middle (kill -9) and mounted again: what was committed has to be there.
#
#   sudo tests/databases.sh [--seconds N] [sqlite|postgresql|git|fio]...
#
# N seconds (default 20) for each part that takes a time. Needs sqlite3, python3, postgresql, git,
# fio. The exit status is 0 when everything was as it should be, and the store is clean.
set -euo pipefail

cd "$(dirname "$0")/.."
seconds=20
parts=()
while [ $# -gt 0 ]; do
  case $1 in
    --seconds)
      [[ ${2-} =~ ^[1-9][0-9]*$ ]] || { echo "databases.sh: --seconds takes a number" >&2; exit 2; }
      seconds=$2
      shift 2 ;;
    -h | --help) sed -n '2,9s/^# \{0,1\}//p' "$0"; exit 0 ;;
    sqlite | postgresql | git | fio) parts+=("$1"); shift ;;
    *) echo "databases.sh: unknown argument '$1'" >&2; exit 2 ;;
  esac
done
[ ${#parts[@]} -gt 0 ] || parts=(sqlite postgresql git fio)

build=build/release
cmake --preset release >/dev/null
cmake --build --preset release --target mount.zstdfs zstdfs >/dev/null
scratch=$(mktemp -d /tmp/zstdfs-databases.XXXXXX)
chmod 755 "$scratch"
store=$scratch/store mount=$scratch/mount
mkdir "$store" "$mount"
postgresql=

clean_up() {
  [ -z "$postgresql" ] || stop_postgresql immediate >/dev/null 2>&1 || true
  umount -l "$mount" 2>/dev/null || true
  rm -rf --one-file-system -- "$scratch"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

fail() {
  echo "databases.sh: $1" >&2
  exit 1
}
mount_store() {
  "$build/bin/mount.zstdfs" "$store" "$mount"
}
# kill -9, and what an administrator does then. The store's lock names the daemon.
kill_daemon() {
  kill -9 "$(cat "$store/.zstdfs/lock")"
}
mount_again() {
  umount -l "$mount"
  mount_store
}

sqlite() {
  python3 tests/databases/sqlite_modes.py "$mount/sqlite" "$scratch/native"
  python3 tests/databases/sqlite_writer.py "$mount/sqlite" "$seconds" >"$scratch/committed" &
  local writer=$!
  sleep $((seconds / 2))
  kill_daemon
  wait "$writer" || true
  mount_again
  python3 tests/databases/sqlite_check.py "$mount/sqlite" "$scratch/committed"
}

run_postgresql() {  # program argument...
  setpriv --reuid=postgres --regid=postgres --init-groups env PGHOST="$scratch/run" PGPORT=54329 \
    "$(pg_config --bindir)/$1" "${@:2}"
}
start_postgresql() {
  run_postgresql pg_ctl -D "$mount/postgresql" -w -t 300 -l "$scratch/run/log" \
    -o "-c unix_socket_directories=$scratch/run -c listen_addresses= -c port=54329" start \
    >/dev/null || { tail -20 "$scratch/run/log"; fail "PostgreSQL does not start"; }
  postgresql=running
}
stop_postgresql() {  # mode
  run_postgresql pg_ctl -D "$mount/postgresql" -w -m "$1" stop >/dev/null
  postgresql=
}
query() {
  run_postgresql psql -d bench -v ON_ERROR_STOP=1 -Atqc "$1"
}
# pgbench's tables have to agree with each other, and the indexes with the tables.
check_postgresql() {  # transactions at least
  local balances history
  balances=$(query "select (select sum(abalance) from pgbench_accounts) = (select
    sum(bbalance) from pgbench_branches) and (select sum(bbalance) from pgbench_branches) = (select
    coalesce(sum(delta), 0) from pgbench_history)")
  [ "$balances" = t ] || fail "the balances of pgbench's tables differ"
  history=$(query "select count(*) from pgbench_history")
  [ "$history" -ge "$1" ] || fail "$1 transactions were committed, and only $history are there"
  query "set client_min_messages = warning; create extension if not exists amcheck; select bt_index_check(oid, true) from pg_class
    where relkind = 'i' and relname like 'pgbench%'" >/dev/null
  echo "postgresql: $history transactions are there, at least $1 were committed; indexes agree"
}
postgresql() {
  mkdir "$mount/postgresql" "$scratch/run"
  chown postgres: "$mount/postgresql" "$scratch/run"
  run_postgresql initdb -D "$mount/postgresql" --data-checksums --auth=peer >/dev/null
  start_postgresql
  run_postgresql createdb bench
  run_postgresql pgbench -q -i -s 5 bench >/dev/null 2>&1
  run_postgresql pgbench -c 4 -j 2 -T "$seconds" --log --log-prefix="$scratch/run/first" bench |
    grep '^tps'
  check_postgresql "$(cat "$scratch"/run/first* | wc -l)"
  # The daemon goes in the middle; PostgreSQL sees errors and goes, too. (-n: keeps the history.)
  run_postgresql pgbench -n -c 4 -j 2 -T "$seconds" --log --log-prefix="$scratch/run/second" bench \
    >"$scratch/run/pgbench.log" 2>&1 &
  local clients=$!
  sleep $((seconds / 2))
  kill_daemon
  wait "$clients" || true
  kill_postgresql
  mount_again
  rm -f "$mount/postgresql/postmaster.pid" "$scratch"/run/.s.PGSQL.*
  start_postgresql
  check_postgresql "$(cat "$scratch"/run/first* "$scratch"/run/second* | wc -l)"
  stop_postgresql fast
  run_postgresql pg_checksums --check -D "$mount/postgresql" | grep 'Bad checksums'
}
# Without its files the server cannot end in an orderly way.
kill_postgresql() {
  local server
  for server in $(pgrep -u postgres -f "$mount/postgresql|postgres: " || true); do
    kill -9 "$server" 2>/dev/null || true
  done
  while pgrep -u postgres -f "$mount/postgresql|postgres: " >/dev/null; do sleep 0.2; done
  postgresql=
}

git_() {
  git init -q --bare -b main "$mount/repository.git"
  local worker
  local -a workers=()
  for worker in 1 2 3 4; do
    tests/databases/git_worker.sh "$mount/repository.git" "$mount/work$worker" "$worker" \
      "$seconds" &
    workers+=($!)
  done
  for worker in "${workers[@]}"; do wait "$worker" || fail "a git worker failed"; done
  git -C "$mount/repository.git" gc -q --aggressive --prune=now
  git -C "$mount/repository.git" fsck --full --strict --no-dangling
  mount_again_in_order
  git -C "$mount/repository.git" fsck --full --strict --no-dangling
  echo "git: $(git -C "$mount/repository.git" rev-list --all --count) commits, fsck finds nothing"
}
mount_again_in_order() {
  umount "$mount"
  mount_store
}

fio_() {
  local engine options
  while read -r engine options; do
    # shellcheck disable=SC2086
    fio --name="$engine" --directory="$mount" --ioengine="$engine" $options --size=64m --bs=4k \
      --rw=randwrite --verify=crc32c --verify_fatal=1 --do_verify=1 --fsync=64 --group_reporting \
      --buffer_compress_percentage=60 --output="$scratch/fio.log" ||
      { cat "$scratch/fio.log"; fail "fio with $engine $options found a difference"; }
    echo "fio: $engine $options: verified"
    rm -f "$mount/$engine".*
  done <<'JOBS'
psync --numjobs=2
psync --bsrange=1k-64k --numjobs=2
mmap
libaio --iodepth=16 --direct=1
libaio --iodepth=16 --direct=0
io_uring --iodepth=16 --direct=1
io_uring --iodepth=16 --direct=0
pvsync2 --direct=1
JOBS
}

mount_store
for part in "${parts[@]}"; do
  case $part in
    git | fio) "${part}_" ;;
    *) "$part" ;;
  esac
done
umount "$mount"
"$build/bin/zstdfs" fsck "$store"
echo "everything is as it should be: ${parts[*]}"
