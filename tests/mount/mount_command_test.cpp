// mount(8), fstab, umount(8) and ordinary users, in a mount and process namespace of their own: so
// that nothing is installed on the machine, and everything ends with the test.
#include <gmock/gmock.h>

#include "tests/mount/mounted_store.hpp"

namespace zstdfs::mounttest {
namespace {

// Prepares the namespace. $1 scratch directory, $2 mount.zstdfs, $3 zstdfs.
constexpr const char* kPrelude = R"sh(
    cd "$1"; chmod 755 .; mkdir -p backing mnt sbin dev bin
    # The helper where mount(8) looks for it: a copy of that directory, with one more entry.
    helpers=$(readlink -f /sbin)
    cp -a "$helpers/." sbin/; rm -f sbin/mount.zstdfs; cp "$2" sbin/mount.zstdfs
    ln -sf mount.zstdfs sbin/mount.fuse.zstdfs
    mount --bind sbin "$helpers"
    # Nodes that everybody may open; the machine's own may be closed.
    mount -t tmpfs -o dev,mode=755 tmpfs dev
    mknod -m 666 dev/fuse c 10 229; mount --bind dev/fuse /dev/fuse
    cp "$2" "$3" bin/; chmod 755 bin/*
    ended() { for _ in $(seq 600); do
      pgrep -x mount.zstdfs > /dev/null || return 0; sleep 0.1; done; return 1; }
    # `! command` alone never ends a script, whatever -e says.
    fails() { ! "$@"; }
)sh";

class MountCommand : public testing::Test {
 protected:
  void expect_runs(const std::string& script) {
    const std::string all = std::string(kPrelude) + script;
    const Ended ended =
        run({"unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc",
             "--propagation", "private", "bash", "-euxo", "pipefail", "-c", all, "script",
             scratch_.path(), mount_program(), tool_program()});
    EXPECT_EQ(ended.status, 0) << ended.output;
  }

  TempDir scratch_;
};

TEST_F(MountCommand, MountAndUmount) {
  expect_runs(R"sh(
    mount -t zstdfs "$PWD/backing" "$PWD/mnt"
    seq 100000 > mnt/numbers; seq 100000 | cmp - mnt/numbers
    findmnt -n -o FSTYPE "$PWD/mnt" | grep -qx fuse.zstdfs
    findmnt -n -o SOURCE "$PWD/mnt" | grep -qx "$PWD/backing"
    umount mnt; ended
    mount -t zstdfs -o ro,noatime "$PWD/backing" mnt
    seq 100000 | cmp - mnt/numbers; fails touch mnt/new
    umount mnt; ended
    fails mount -t zstdfs -o level=nonsense "$PWD/backing" "$PWD/mnt" 2> said; grep level said
    fails mountpoint -q mnt)sh");
}

TEST_F(MountCommand, Fstab) {
  expect_runs(R"sh(
    echo "$PWD/backing $PWD/mnt zstdfs defaults,noauto,nofail,x-test=1,level=5 0 0" > fstab
    mount --bind fstab /etc/fstab
    mount "$PWD/mnt"; seq 50000 > mnt/numbers; umount "$PWD/mnt"; ended
    mount "$PWD/mnt"; seq 50000 | cmp - mnt/numbers; umount "$PWD/mnt"; ended
    echo "$PWD/backing $PWD/mnt zstdfs ro 0 0" > fstab.new; cat fstab.new > fstab
    mount -a; seq 50000 | cmp - mnt/numbers; umount mnt; ended)sh");
}

TEST_F(MountCommand, RemountReadOnlyAndBack) {
  expect_runs(R"sh(
    mount -t zstdfs -o nodev "$PWD/backing" "$PWD/mnt"
    seq 100000 > mnt/numbers
    # Not while somebody writes.
    exec 7> mnt/busy; fails mount -o remount,ro "$PWD/mnt" 2> said; grep -q 'open for writing' said
    exec 7>&-; mount -o remount,ro "$PWD/mnt"
    findmnt -n -o OPTIONS "$PWD/mnt" > options; grep -qw ro options; grep -qw nodev options
    fails touch mnt/new; seq 100000 | cmp - mnt/numbers
    mount -o remount,rw,noexec "$PWD/mnt"; touch mnt/new
    findmnt -n -o OPTIONS "$PWD/mnt" > options; grep -qw rw options; grep -qw noexec options
    mount -t zstdfs -o remount,ro,level=5 "$PWD/backing" "$PWD/mnt" 2> said
    grep -q 'made anew: level=5' said; fails rm mnt/new
    umount mnt; ended
    fails mount -t zstdfs -o remount,ro "$PWD/backing" "$PWD/mnt" 2> said
    grep -q "no zstdfs is mounted at $PWD/mnt" said)sh");
}

// Its daemon has opened the store for reading: nothing gets past it, whatever the kernel is told.
TEST_F(MountCommand, AReadOnlyMountStaysSo) {
  expect_runs(R"sh(
    mount -t zstdfs "$PWD/backing" mnt; seq 100000 > mnt/numbers; umount mnt; ended
    state() { find backing -path backing/.zstdfs -prune -o \
        -printf '%p %s %T@ %C@ %m %n\n' | sort; }
    state > before
    mount -t zstdfs -o ro "$PWD/backing" mnt
    fails mount -o remount,rw "$PWD/mnt" 2> said; grep -q 'was mounted read-only' said
    findmnt -n -o OPTIONS "$PWD/mnt" | grep -qw ro
    # Past our command; the kernel refuses what newer versions of mount(8) do first.
    LIBMOUNT_FORCE_MOUNT2=always mount -i -o remount,rw "$PWD/mnt"
    for change in 'touch mnt/new' 'mkdir mnt/d' 'rm mnt/numbers' 'mv mnt/numbers mnt/n' \
        'ln mnt/numbers mnt/n' 'ln -s a mnt/n' 'chmod 600 mnt/numbers' 'mkfifo mnt/n' \
        'truncate -s 3 mnt/numbers' 'setfattr -n user.a -v b mnt/numbers' 'touch mnt/numbers'; do
      fails $change 2> said; grep -q 'Read-only file system' said
    done
    fails bash -c 'echo x >> mnt/numbers' 2> said; grep -q 'Read-only file system' said
    seq 100000 | cmp - mnt/numbers; umount mnt; ended
    state | diff before -)sh");
}

TEST_F(MountCommand, OrdinaryUser) {
  expect_runs(R"sh(
    chown nobody backing mnt; chmod 700 backing
    as_user() { setpriv --reuid nobody --regid "$(id -g nobody)" --clear-groups "$@"; }
    as_user bin/mount.zstdfs "$PWD/backing" "$PWD/mnt"
    as_user bash -c 'seq 100000 > mnt/numbers; mkdir mnt/d; ln mnt/numbers mnt/d/link'
    test "$(as_user stat -c '%U %s %h' mnt/numbers)" = 'nobody 588895 2'
    # Without allow_other even root stays outside.
    fails ls mnt 2> /dev/null
    as_user fusermount3 -u "$PWD/mnt"; ended
    as_user bin/mount.zstdfs "$PWD/backing" "$PWD/mnt"
    as_user bash -c 'seq 100000 | cmp - mnt/numbers'
    as_user fusermount3 -u "$PWD/mnt"; ended
    as_user bin/zstdfs fsck "$PWD/backing"
    test "$(stat -c %U backing/numbers)" = nobody)sh");
}

// Only a file's owner may set its times, and a daemon without privilege loses set-id bits when it
// writes: neither may keep it from storing, nor take from a file what its owner gave.
TEST_F(MountCommand, OrdinaryUserWithFilesOfOthers) {
  expect_runs(R"sh(
    chown nobody backing mnt
    seq 100000 > backing/foreign; chgrp "$(id -g nobody)" backing/foreign; chmod 664 backing/foreign
    as_user() { setpriv --reuid nobody --regid "$(id -g nobody)" --clear-groups "$@"; }
    write() { as_user dd of=mnt/"$1" bs=4 conv=notrunc,fsync status=none <<< 'new'; }
    as_user bin/mount.zstdfs "$PWD/backing" "$PWD/mnt"
    write foreign
    as_user bash -c 'seq 100000 > mnt/own; seq 10 >> mnt/own; chmod 6755 mnt/own'
    sleep 2   # In the meantime both are compressed.
    write foreign; as_user truncate -s 100000 mnt/foreign; write foreign
    as_user head -c 100000 mnt/foreign | cmp - <(echo new; seq 100000 | tail -c +5 | head -c 99996)
    test "$(as_user stat -c %a mnt/own)" = 6755
    as_user fusermount3 -u "$PWD/mnt"; ended
    as_user bin/zstdfs fsck "$PWD/backing"
    test "$(stat -c %a backing/own)" = 6755
    test "$(stat -c %s backing/foreign)" -lt 100000)sh");
}

// As on a disk, for every change that takes set-id bits away.
TEST_F(MountCommand, OrdinaryUserWhoChangesSetIdFiles) {
  expect_runs(R"sh(
    mkdir native; chown nobody backing mnt native
    as_user() { setpriv --reuid nobody --regid "$(id -g nobody)" --clear-groups "$@"; }
    as_user bin/mount.zstdfs "$PWD/backing" "$PWD/mnt"
    change() {
      for how in true 'echo x >> f' ': > f' 'truncate -s 5 f' 'fallocate -l 90000 f' \
          'fallocate -p -l 10 f' "chgrp $(id -g nobody) f" 'chmod 6755 f' \
          'dd if=/dev/zero of=f bs=4096 count=1 conv=notrunc oflag=direct status=none'; do
        for mode in 6777 4755 2767; do
          as_user bash -c "cd $1; seq 10000 > f; chmod $mode f; $how; stat -c '$how: %a %s' f; rm f"
        done
      done
    }
    change native > expected; test "$(wc -l < expected)" = 27
    change mnt | diff expected -
    as_user fusermount3 -u "$PWD/mnt"; ended)sh");
}

TEST_F(MountCommand, NoFuseDevice) {
  expect_runs(R"sh(
    umount /dev/fuse; mount -t tmpfs tmpfs dev; mkdir dev/empty
    # A /dev without the node: what a container often has.
    mount --bind dev/empty /dev
    fails bin/mount.zstdfs "$PWD/backing" "$PWD/mnt" 2> said
    grep -q /dev/fuse said; fails mountpoint -q mnt)sh");
}

TEST_F(MountCommand, TheDaemonLetsGoOfItsSurroundings) {
  expect_runs(R"sh(
    # Whoever reads the command's output until its end must not wait for the daemon.
    out=$(timeout 60 bin/mount.zstdfs backing mnt 2>&1; echo ended); test "${out##*$'\n'}" = ended
    pid=$(pgrep -x mount.zstdfs)
    test "$(readlink /proc/$pid/cwd)" = /
    for fd in 0 1 2; do readlink /proc/$pid/fd/$fd | grep -qx /dev/null; done
    umount mnt; ended)sh");
}

// What was closed when they start is not the place of a file that they open.
TEST_F(MountCommand, StandardDescriptorsThatAreClosed) {
  expect_runs(R"sh(
    for closed in '2>&-' '>&- 2>&-' '<&- >&- 2>&-'; do
      eval "timeout 60 bin/mount.zstdfs backing mnt $closed"
      pid=$(pgrep -x mount.zstdfs)
      readlink /proc/$pid/fd/0 /proc/$pid/fd/1 /proc/$pid/fd/2 | grep -v -x /dev/null && exit 1
      readlink /proc/$pid/fd/* | grep -qx "$PWD/backing"
      seq 100000 > mnt/numbers
      fails bin/zstdfs usage mnt >&-
      umount mnt; ended
    done
    bin/zstdfs fsck backing)sh");
}

}  // namespace
}  // namespace zstdfs::mounttest
