// A disk whose storage below runs full (a thin volume, a sparse image) takes a write and fails to
// keep it, when the daemon that made it is gone already.
#include <unistd.h>

#include <filesystem>
#include <stdexcept>
#include <string>

#include "tests/mount/mounted_store.hpp"
#include "tests/mount/small_disk.hpp"
#include "tests/patterns.hpp"

namespace zstdfs::mounttest {
namespace {

using test::random_bytes;
using test::text_bytes;

/// Room for less than the disks in it pretend to have.
class ThinPool {
 public:
  ThinPool() {
    const Ended made = shell("mount -t tmpfs -o size=40M tmpfs \"$1\"", {path()});
    if (!made.ok()) throw std::runtime_error("no tmpfs: " + made.output);
  }
  ThinPool(const ThinPool&) = delete;
  ThinPool& operator=(const ThinPool&) = delete;
  ~ThinPool() { unmount(path()); }

  const std::string& path() const { return scratch_.path(); }
  void exhaust() const {
    shell("dd if=/dev/zero of=\"$1\"/ballast bs=1M status=none", {path()});
    EXPECT_EQ(std::filesystem::space(path()).available, 0u);
  }
  void relieve() const { std::filesystem::remove(path() + "/ballast"); }

 private:
  TempDir scratch_;
};

TEST(LostWrites, AreMadeUpForByTheNextMount) {
  ThinPool pool;
  SmallDisk disk("64", "-m 0", pool.path());
  MountedStore store({}, disk.path());
  const Bytes old = random_bytes(5000000, 1);
  const Bytes fresh = text_bytes(5000000, 2);
  write_file(store.path("old"), old);
  ASSERT_TRUE(shell("sync -f \"$1\"", {disk.path()}).ok());

  pool.exhaust();
  write_file(store.path("fresh"), fresh);
  store.kill_daemon();
  ::sync();  // It tells nobody about errors, other than syncfs.
  pool.relieve();

  store.mount();
  EXPECT_NE(store.log().find("fresh: not all of it reached the disk"), std::string::npos)
      << "nothing was lost, so this shows nothing:\n"
      << store.log();
  EXPECT_EQ(difference(read_file(store.path("fresh")), fresh), "");
  store.unmount();
  disk.drop_caches();
  store.mount();
  EXPECT_EQ(difference(read_file(store.path("fresh")), fresh), "") << "it was never on the disk";
  EXPECT_EQ(difference(read_file(store.path("old")), old), "");
  store.unmount();
  expect_fsck_clean(disk.path());
}

}  // namespace
}  // namespace zstdfs::mounttest
