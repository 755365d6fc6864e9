// Stored files that something damaged: a read gives the right bytes or an error, never other bytes,
// and the daemon lives on.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>

#include "tests/mount/mounted_store.hpp"
#include "tests/patterns.hpp"

namespace zstdfs::mounttest {
namespace {

using test::compressible_bytes;

constexpr std::size_t kChunk = 131072;
constexpr std::size_t kBytes = 5 * kChunk + 1000;

class BrokenContainer : public MountTest {
 protected:
  void SetUp() override {
    MountTest::SetUp();
    content_ = compressible_bytes(kBytes, 1);
    write_file(store_.path("f"), content_);
    store_.unmount(Committed::kMaybeNotAll);
    stored_ = read_file(store_.backing("f"));
    ASSERT_TRUE(is_stored_as_container(store_.backing("f")));
  }

  // These stores are broken on purpose: each test itself says what fsck has to find.
  void TearDown() override { store_.unmount(Committed::kMaybeNotAll); }

  /// Stores many damaged versions, each as a file, mounts, and reads them all.
  void expect_right_or_error(const std::vector<Bytes>& versions) {
    for (std::size_t i = 0; i < versions.size(); ++i) {
      write_file(store_.backing("v" + std::to_string(i)), versions[i]);
    }
    store_.mount();
    std::size_t errors = 0;
    for (std::size_t i = 0; i < versions.size(); ++i) {
      SCOPED_TRACE("version " + std::to_string(i));
      errors += expect_right_or_error(store_.path("v" + std::to_string(i)));
    }
    damaged_pieces_ = errors;
    EXPECT_EQ(difference(read_file(store_.path("f")), content_), "") << "the undamaged one";
    write_file(store_.path("new"), content_);
  }

  /// Reads a damaged file piece by piece. Returns how many pieces could not be read.
  std::size_t expect_right_or_error(const std::string& path) {
    const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd.valid()) {
      EXPECT_EQ(errno, EIO);
      return 1;
    }
    const off_t size = status_of(fd.get()).st_size;
    std::size_t errors = size == static_cast<off_t>(kBytes) ? 0 : 1;
    Bytes got(50000);
    for (std::size_t at = 0; at < kBytes + 1; at += got.size()) {
      const long read = ::pread(fd.get(), got.data(), got.size(), static_cast<off_t>(at));
      if (read < 0) {
        EXPECT_EQ(errno, EIO);
        ++errors;
        continue;
      }
      const std::size_t wanted =
          std::min<std::size_t>(static_cast<std::size_t>(read), kBytes - std::min(kBytes, at));
      EXPECT_EQ(static_cast<std::size_t>(read), wanted) << "bytes beyond the end, at " << at;
      const bool right = std::equal(got.begin(), got.begin() + static_cast<long>(wanted),
                                    content_.begin() + static_cast<long>(std::min(kBytes, at)));
      EXPECT_TRUE(right) << "wrong data at " << at;
      if (static_cast<std::size_t>(read) < std::min(got.size(), kBytes - std::min(kBytes, at))) {
        ++errors;
      }
    }
    return errors;
  }

  /// The offsets at which zstd frames begin, by their magic number.
  std::vector<std::size_t> frames() const {
    const Bytes magic{std::byte{0x28}, std::byte{0xB5}, std::byte{0x2F}, std::byte{0xFD}};
    std::vector<std::size_t> offsets;
    for (auto at = stored_.begin();;) {
      at = std::search(at, stored_.end(), magic.begin(), magic.end());
      if (at == stored_.end()) return offsets;
      offsets.push_back(static_cast<std::size_t>(at - stored_.begin()));
      ++at;
    }
  }

  Bytes content_;
  Bytes stored_;
  std::size_t damaged_pieces_ = 0;
};

TEST_F(BrokenContainer, FlippedBits) {
  std::vector<Bytes> versions;
  test::Random random(1);
  for (int i = 0; i < 60; ++i) {
    Bytes version = stored_;
    version[random.below(version.size())] ^= static_cast<std::byte>(1u << random.below(8));
    versions.push_back(std::move(version));
  }
  // Every byte of the header, and of the last bytes, where the sizes are.
  for (std::size_t at = 0; at < 80; at += 3) {
    versions.push_back(stored_);
    versions.back()[at] ^= std::byte{0xFF};
    versions.push_back(stored_);
    versions.back()[versions.back().size() - at - 1] ^= std::byte{0xFF};
  }
  expect_right_or_error(versions);
  EXPECT_GT(damaged_pieces_, 30u) << "damaged content was not noticed";
}

TEST_F(BrokenContainer, CutOff) {
  std::vector<Bytes> versions;
  for (std::size_t i = 1; i <= 20; ++i) {
    const std::size_t bytes = std::max<std::size_t>(16, stored_.size() * i / 21);
    versions.emplace_back(stored_.begin(), stored_.begin() + static_cast<long>(bytes));
  }
  versions.emplace_back(stored_.begin(), stored_.begin() + 80);
  versions.emplace_back(stored_.begin(), stored_.end() - 1);
  expect_right_or_error(versions);
  EXPECT_GT(damaged_pieces_, versions.size());
}

TEST_F(BrokenContainer, SwappedFrames) {
  const std::vector<std::size_t> at = frames();
  ASSERT_GE(at.size(), 4u);
  std::vector<Bytes> versions;
  for (std::size_t first = 0; first < 3; ++first) {
    for (std::size_t second = first + 1; second < 3; ++second) {
      Bytes version(stored_.begin(), stored_.begin() + static_cast<long>(at[0]));
      std::vector<std::size_t> order{0, 1, 2};
      std::swap(order[first], order[second]);
      for (const std::size_t i : order) {
        version.insert(version.end(), stored_.begin() + static_cast<long>(at[i]),
                       stored_.begin() + static_cast<long>(at[i + 1]));
      }
      version.insert(version.end(), stored_.begin() + static_cast<long>(at[3]), stored_.end());
      ASSERT_EQ(version.size(), stored_.size());
      versions.push_back(std::move(version));
    }
  }
  // Each frame is in order by itself: only the seek table knows that it is in the wrong place.
  expect_right_or_error(versions);
  EXPECT_GT(damaged_pieces_, versions.size());
}

TEST_F(BrokenContainer, AbsurdSizes) {
  std::vector<Bytes> versions;
  for (const std::uint32_t absurd : {0xFFFFFFFFu, 0x7FFFFFFFu, 0x80000000u, 0u, 1u}) {
    // In each field of the header, and of the seek table's end and entries.
    for (std::size_t at = 16; at + 4 <= 80; at += 4) {
      versions.push_back(stored_);
      store_le(MutableByteSpan(versions.back()), at, absurd);
    }
    for (std::size_t back = 9; back < 70; back += 4) {
      versions.push_back(stored_);
      store_le(MutableByteSpan(versions.back()), versions.back().size() - back, absurd);
    }
  }
  expect_right_or_error(versions);
  const Ended status =
      shell("grep VmHWM /proc/\"$1\"/status | tr -dc 0-9", {std::to_string(store_.daemon())});
  EXPECT_LT(std::stoul(status.output), 2000000u) << "kilobytes: absurd sizes were believed";
}

TEST_F(BrokenContainer, FsckNamesTheFile) {
  Bytes version = stored_;
  version[frames().at(2) + 1000] ^= std::byte{0x10};
  write_file(store_.backing("damaged"), version);
  const Ended checked = run({tool_program(), "fsck", store_.backing()});
  EXPECT_EQ(checked.status, 4) << checked.output;
  EXPECT_NE(checked.output.find("damaged"), std::string::npos) << checked.output;
  store_.mount();
  Bytes got(1000);
  const Fd fd = open_file(store_.path("damaged"), O_RDWR);
  EXPECT_EQ(::pread(fd.get(), got.data(), got.size(), 2 * kChunk), -1);
  EXPECT_EQ(errno, EIO);
  // The rest can still be read, written and saved; the damage stays an error.
  EXPECT_EQ(::pread(fd.get(), got.data(), got.size(), 10), 1000);
  EXPECT_EQ(::pwrite(fd.get(), "x", 1, 4 * kChunk), 1);
  EXPECT_EQ(::fsync(fd.get()), 0);
  EXPECT_EQ(::pread(fd.get(), got.data(), got.size(), 2 * kChunk), -1);
  // A whole new chunk in the damaged place heals it.
  const Bytes healed = test::text_bytes(kChunk, 9);
  pwrite_all(fd.get(), healed, 2 * kChunk);
  EXPECT_EQ(::fsync(fd.get()), 0);
  Bytes wanted = test::overwritten(content_, 2 * kChunk, healed);
  wanted = test::overwritten(wanted, 4 * kChunk, test::bytes_of("x"));
  EXPECT_EQ(difference(read_all(fd.get()), wanted), "");
}

}  // namespace
}  // namespace zstdfs::mounttest
