// A quota of the lower filesystem: whoever writes is told with EDQUOT, nothing older is lost, and
// with more room it goes on. (The quota of a btrfs subvolume: the one that holds for root's daemon
// too.)
#include <stdexcept>
#include <string>

#include "tests/mount/mounted_store.hpp"
#include "tests/mount/refused_overwrite.hpp"
#include "tests/patterns.hpp"

namespace zstdfs::mounttest {
namespace {

using test::random_bytes;

/// A btrfs filesystem in a file, with a subvolume that may hold so much.
class LimitedVolume {
 public:
  explicit LimitedVolume(const std::string& limit) : disk_(scratch_ / "disk") {
    const Ended made = shell(
        "truncate -s 512M \"$1/image\"; mkfs.btrfs -q -f \"$1/image\"; mkdir \"$2\"; "
        "mount -o loop \"$1/image\" \"$2\"; btrfs quota enable \"$2\"; "
        "btrfs subvolume create \"$2/volume\"",
        {scratch_.path(), disk_});
    if (!made.ok()) throw std::runtime_error("no btrfs with quota: " + made.output);
    set_limit(limit);
  }
  LimitedVolume(const LimitedVolume&) = delete;
  LimitedVolume& operator=(const LimitedVolume&) = delete;
  ~LimitedVolume() { unmount(disk_); }

  std::string path() const { return disk_ + "/volume"; }
  void set_limit(const std::string& limit) const {
    const Ended set = shell("btrfs qgroup limit \"$2\" \"$1\"; sync -f \"$1\"", {path(), limit});
    if (!set.ok()) throw std::runtime_error("no quota: " + set.output);
  }

 private:
  TempDir scratch_;
  std::string disk_;
};

class Quota : public testing::Test {
 protected:
  Quota() : volume_("24M"), store_({}, volume_.path() + "/store") {}

  LimitedVolume volume_;
  MountedStore store_;
};

TEST_F(Quota, CopyingEndsWithTheErrorAndGoesOnWithMoreRoom) {
  const auto content = [](int i) { return random_bytes(3000000, static_cast<std::uint64_t>(i)); };
  const auto path = [this](int i) { return store_.path("f" + std::to_string(i)); };
  int copied = 0;
  int told = 0;
  for (; copied < 20 && told == 0; ++copied) {
    try {
      write_file(path(copied), content(copied), 128 << 10);
    } catch (const std::system_error& error) {
      told = error.code().value();
      --copied;
    }
  }
  EXPECT_EQ(told, EDQUOT);
  EXPECT_GE(copied, 4);
  store_.remount(Committed::kMaybeNotAll);
  for (int i = 0; i < copied; ++i) EXPECT_EQ(difference(read_file(path(i)), content(i)), "") << i;
  volume_.set_limit("none");
  write_file(path(copied), content(copied), 128 << 10);
  store_.remount();
  for (int i = 0; i <= copied; ++i) EXPECT_EQ(difference(read_file(path(i)), content(i)), "") << i;
  store_.unmount();
  expect_fsck_clean(store_.backing());
}

TEST_F(Quota, EachOverwrittenBlockIsWhatWasSyncedOrAsBefore) {
  RefusedOverwrite file(store_.path("f"));
  store_.remount();
  write_file(store_.path("filler"), random_bytes(15000000, 4));
  EXPECT_EQ(file.overwrite(), EDQUOT);
  for (int round = 0; round < 2; ++round) {
    file.expect_old_or_new();
    store_.remount(Committed::kMaybeNotAll);
  }
  volume_.set_limit("none");
  write_file(file.path(), file.after());
  store_.remount();
  EXPECT_EQ(difference(read_file(file.path()), file.after()), "");
  store_.unmount();
  expect_fsck_clean(store_.backing());
}

}  // namespace
}  // namespace zstdfs::mounttest
