// A disk whose storage below runs full (a thin volume, a sparse image) takes a write and fails to
// keep it, when the daemon that made it is gone already.
#include <unistd.h>

#include <string>

#include "tests/mount/mounted_store.hpp"
#include "tests/mount/small_disk.hpp"
#include "tests/mount/thin_pool.hpp"
#include "tests/patterns.hpp"

namespace zstdfs::mounttest {
namespace {

using test::random_bytes;
using test::text_bytes;

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
