// Real programs at work inside the mount: version control, a database, a compiler, copying.

#include "tests/mount/mounted_store.hpp"
#include "tests/patterns.hpp"

namespace zstdfs::mounttest {
namespace {

class Programs : public MountTest {
 protected:
  /// Runs a script with the mount as $1 and as working directory, and a native directory as $2.
  Ended in_mount(const std::string& script) {
    return shell("cd \"$1\"\nexport HOME=\"$2\" GIT_CONFIG_NOSYSTEM=1 LC_ALL=C.UTF-8\n" + script,
                 {store_.mountpoint(), native_.path()});
  }

  void expect_runs(const std::string& script) {
    const Ended ended = in_mount(script);
    EXPECT_EQ(ended.status, 0) << script << "\n" << ended.output;
  }

  TempDir native_;
};

TEST_F(Programs, Git) {
  const std::string settings =
      "git config --global user.name tester; git config --global user.email tester@localhost; "
      "git config --global init.defaultBranch main; git config --global protocol.file.allow "
      "always\n";
  // A repository with a history, outside: some hundreds of files and two branches.
  expect_runs(settings + R"sh(
    git init -q "$2/origin"; cd "$2/origin"
    for d in $(seq 20); do mkdir -p dir$d/sub; for f in $(seq 20); do
      { seq $((d * f)) $((d * f + 300)); echo "file $d $f"; } > dir$d/sub/file$f; done; done
    head -c 2000000 /dev/urandom > noise.bin; seq 200000 > large.txt
    git add .; git commit -q -m first
    git checkout -q -b other
    for d in $(seq 1 2 20); do git mv dir$d moved$d; sed -i 's/1/one/' moved$d/sub/*; done
    seq 100 250000 > large.txt; git commit -q -a -m second
    git checkout -q main)sh");
  expect_runs(settings + R"sh(
    git clone -q "$2/origin" clone; cd clone
    git fsck --full --strict
    test -z "$(git status --porcelain)"
    git checkout -q other; test -z "$(git status --porcelain)"
    git checkout -q main; test -z "$(git status --porcelain)"
    diff -r -x .git . "$2/origin")sh");
  store_.remount();
  expect_runs(settings + R"sh(
    cd clone; git fsck --full --strict
    test -z "$(git status --porcelain)"
    git checkout -q other; git gc -q --prune=now; git fsck --full
    echo changed >> large.txt; git commit -q -a -m third; git checkout -q main
    diff -r -x .git . "$2/origin"; test "$(git log --oneline --all | wc -l)" = 3)sh");
}

TEST_F(Programs, Sqlite) {
  const std::string rows = ZSTDFS_SANITIZED ? "10000" : "100000";
  for (const std::string mode : {"wal", "delete"}) {
    expect_runs("file=db-" + mode + "; mode=" + mode + "; rows=" + rows + R"sh(
      sqlite3 $file > "$2/out" <<SQL
        PRAGMA journal_mode=$mode;
        CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT, payload BLOB);
        BEGIN;
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $rows)
          INSERT INTO t SELECT i, 'name ' || (i * 7919 % 100003), zeroblob(i % 60) FROM n;
        COMMIT;
        CREATE INDEX by_name ON t(name);
SQL
      grep -qx $mode "$2/out"
      for i in $(seq 30); do
        echo "UPDATE t SET name = name || '+' WHERE id % 997 = $i; DELETE FROM t WHERE id = $i * 3;"
      done | sqlite3 $file
      test "$(sqlite3 $file 'PRAGMA integrity_check; SELECT count(*) + 30 FROM t')" = ok$'\n'$rows
      sqlite3 $file .dump | sha256sum > "$2/$file.sum")sh");
  }
  store_.remount();
  for (const std::string mode : {"wal", "delete"}) {
    expect_runs("file=db-" + mode + "; rows=" + rows + R"sh(
      test "$(sqlite3 $file 'PRAGMA integrity_check; SELECT count(*) + 30 FROM t')" = ok$'\n'$rows
      sqlite3 $file .dump | sha256sum | cmp - "$2/$file.sum"
      sqlite3 $file "UPDATE t SET name = upper(name) WHERE id % 10 = 0; VACUUM;"
      test "$(sqlite3 $file 'PRAGMA integrity_check')" = ok)sh");
  }
}

TEST_F(Programs, CompilerAndMake) {
  expect_runs(R"sh(
    mkdir build; cd build
    for i in $(seq 20); do printf 'int part%d(int x) { return x * %d; }\n' $i $i > part$i.c; done
    { for i in $(seq 20); do echo "int part$i(int);"; done
      echo '#include <stdio.h>'; echo 'int main(void) { int sum = 0;'
      for i in $(seq 20); do echo "sum += part$i($i);"; done
      echo 'printf("%d\n", sum); return 0; }'; } > main.c
    for f in *.c; do cc -g -O1 -c $f & done; wait
    ar rcs libparts.a part*.o
    cc -o program main.o libparts.a
    test "$(./program)" = 2870)sh");
  store_.remount();
  expect_runs("test \"$(build/program)\" = 2870");
}

constexpr const char* kTree = ZSTDFS_SANITIZED ? "linux asm-generic" : ".";

constexpr const char* kListing =
    "find . -printf '%P %y %m %U %G %T@ %n %l ' \\( -type d -printf '\\n' -o -printf '%s\\n' \\) | "
    "sort";

// A large tree through the usual ways in: equal in content and in all attributes, now and after a
// remount, and every container is a zstd file.
TEST_F(Programs, CopiesOfATree) {
  expect_runs(std::string(R"sh(
    mkdir -p "$2/tree/include"; for part in )sh") +
              kTree + R"sh(; do
      test ! -e /usr/include/$part || cp -a /usr/include/$part "$2/tree/include/"; done
    cp -aL /usr/include/stdio.h "$2/tree/include/stdio.h"; cd "$2/tree"
    ln include/stdio.h hard1; ln include/stdio.h hard2; ln -s include/stdio.h soft
    mkfifo fifo; mkdir -m 2750 private; echo x > private/x; chown -R 7:8 private; chmod 4755 hard1
    touch -d '2001-02-03 04:05:06.789012345' private/x; truncate -s 3M hole
    tar --format=posix -cf "$2/tree.tar" .)sh");
  expect_runs("cp -a \"$2/tree\" copied");
  expect_runs("mkdir unpacked; tar xf \"$2/tree.tar\" -C unpacked");
  expect_runs(
      "mkdir synced; rsync -aH \"$2/tree/include/linux\" \"$2\"/tree/h* synced/; "
      "mkdir \"$2/part\"; cp -a \"$2/tree/include/linux\" \"$2\"/tree/h* \"$2/part/\"");
  const std::string compare = std::string("list() { (cd \"$1\"; ") + kListing + R"sh(); }
    # The roots' own times are not copied by all of these, and diff cannot compare fifos.
    compare() { diff <(list "$1" | tail -n +2) <(list "$2" | tail -n +2) | head -n 20
      diff -r --no-dereference -x fifo "$1" "$2"; }
    compare "$2/tree" copied; compare "$2/tree" unpacked)sh";
  expect_runs(compare);
  // Only the content of the part is compared.
  const std::string part =
      "diff -r --no-dereference \"$2/part\" synced; "
      "rsync -aHc --itemize-changes \"$2/part/\" synced/ | (! grep '^[>c]')";
  expect_runs(part);
  store_.remount();
  expect_runs(compare);
  expect_runs(part);
  expect_containers_are_zstd(store_.backing(), {});
}

TEST_F(Programs, ContainersGiveTheContentBack) {
  expect_runs("cp -a /usr/include/linux .");
  store_.remount();
  expect_containers_are_zstd(store_.backing("linux"), store_.path("linux"));
}

}  // namespace
}  // namespace zstdfs::mounttest
