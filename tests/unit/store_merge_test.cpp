#include <gtest/gtest.h>

#include <atomic>
#include <cerrno>
#include <system_error>
#include <thread>

#include "tests/patterns.hpp"
#include "tests/unit/store_fixture.hpp"

// Reads while a file's changes are merged into its frames.

namespace zstdfs::test {
namespace {

constexpr std::uint64_t kFileBytes = 40 * kMinChunkBytes;

class Merging : public testing::Test {
 protected:
  Merging() : file_(store_.open_file("f")) {
    file_->write(0, content_);
    file_->sync(os::SyncKind::kData);
  }

  void overwrite(std::uint64_t seed) {
    const Bytes bytes = random_bytes(100, seed);
    const std::uint64_t offset = seed * 7919 % (kFileBytes - bytes.size());
    file_->write(offset, bytes);
    file_->flush();
    std::copy(bytes.begin(), bytes.end(), content_.begin() + static_cast<std::ptrdiff_t>(offset));
  }

  Bytes content_ = text_bytes(kFileBytes, 1);
  StoreOnDisk store_;
  std::shared_ptr<store::StoredFile> file_;
};

TEST_F(Merging, ReadersNeverNotice) {
  std::atomic<bool> done{false};
  std::atomic<bool> failed{false};
  std::atomic<int> reads{0};
  std::string error;
  std::thread reader([&] {
    try {
      while (!done) {
        EXPECT_EQ(StoreOnDisk::read_all(*file_).size(), kFileBytes);
        ++reads;
      }
    } catch (const std::exception& caught) {
      error = caught.what();
      failed = true;
    }
  });
  for (std::uint64_t seed = 0; (seed < 300 || reads < 10) && !failed; ++seed) {
    overwrite(seed);
    file_->settle();
  }
  done = true;
  reader.join();
  EXPECT_EQ(error, "");
  EXPECT_EQ(StoreOnDisk::read_all(*file_), content_);
}

TEST_F(Merging, ARewriteThatCannotBeginLeavesTheFileReadable) {
  overwrite(1);
  store_.disk.fail_calls(
      {.kind = CallKind::kRead, .path_prefix = ".zstdfs/journal", .error = EIO, .skip = 0});
  EXPECT_THROW(file_->settle(), std::system_error);
  store_.disk.clear_faults();
  EXPECT_TRUE(file_->needs_settling());
  EXPECT_EQ(StoreOnDisk::read_all(*file_), content_);
  file_->settle();
  EXPECT_FALSE(file_->needs_settling());
  EXPECT_EQ(StoreOnDisk::read_all(*file_), content_);
}

}  // namespace
}  // namespace zstdfs::test
