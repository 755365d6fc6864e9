// Which form files get, and how much a rewrite costs.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/store_fixture.hpp"
#include "zstdfs/container.hpp"

namespace zstdfs::test {
namespace {

constexpr std::size_t kBlockBytes = 4096;

class Forms : public testing::Test {
 protected:
  Forms() : store(options()) {}

  static store::StoreOptions options() {
    store::StoreOptions defaults;
    defaults.compression_threads = 2;
    return defaults;
  }

  void write_file(const std::string& path, std::uint64_t offset, ByteSpan bytes,
                  std::size_t at_once = 128u << 10) {
    const auto file = store.open_file(path);
    for (std::size_t done = 0; done < bytes.size();) {
      const std::size_t n = std::min(at_once, bytes.size() - done);
      file->write(offset + done, bytes.subspan(done, n));
      done += n;
    }
    file->flush();
    store.store->close_file(file);
  }

  Bytes read_file(const std::string& path) {
    const auto file = store.open_file(path);
    Bytes content = StoreOnDisk::read_all(*file);
    store.store->close_file(file);
    return content;
  }

  Bytes stored(const std::string& path) { return *store.disk.content(path); }
  bool is_stored_as_container(const std::string& path) {
    return is_container(MemorySource(stored(path)));
  }

  StoreOnDisk store;
};

TEST_F(Forms, OneBlockIsRaw) {
  const Bytes content = text_bytes(kBlockBytes, 1);
  write_file("f", 0, content);
  EXPECT_EQ(stored("f"), content);
}

TEST_F(Forms, ASmallFileIsOpenedByOneRead) {
  write_file("f", 0, text_bytes(3 * kBlockBytes, 1));
  ASSERT_TRUE(is_stored_as_container("f"));
  ASSERT_TRUE(store.reopen());
  store.disk.fail_calls({.kind = CallKind::kRead, .path_prefix = "f", .error = EIO, .skip = 1});
  const auto file = store.open_file("f");
  EXPECT_EQ(file->logical_bytes(), 3 * kBlockBytes);
  // The second one is for the content.
  EXPECT_THROW(StoreOnDisk::read_all(*file), std::system_error);
  EXPECT_EQ(StoreOnDisk::read_all(*file), text_bytes(3 * kBlockBytes, 1));
  store.store->close_file(file);
}

// The read that is too much may have met the disk's only bad place.
TEST_F(Forms, AFileWhoseBeginningCannotBeReadAtOnceIsOpenedAllTheSame) {
  write_file("f", 0, text_bytes(3 * kBlockBytes, 1));
  ASSERT_TRUE(is_stored_as_container("f"));
  ASSERT_TRUE(store.reopen());
  store.disk.fail_calls({.kind = CallKind::kRead, .path_prefix = "f", .error = EIO});
  EXPECT_EQ(read_file("f"), text_bytes(3 * kBlockBytes, 1));
  EXPECT_EQ(store.disk.failed_calls(), 1u);
}

TEST_F(Forms, SavingABlockMakesAContainer) {
  write_file("f", 0, text_bytes(3 * kBlockBytes, 1));
  EXPECT_TRUE(is_stored_as_container("f"));
  EXPECT_EQ(read_file("f"), text_bytes(3 * kBlockBytes, 1));
}

TEST_F(Forms, SavingLessThanABlockIsRaw) {
  const Bytes content = random_bytes(3 * kBlockBytes, 1);
  write_file("f", 0, content);
  EXPECT_EQ(stored("f"), content);
}

TEST_F(Forms, ALargeIncompressibleStreamIsRaw) {
  const Bytes content = random_bytes(5u << 20, 1);
  write_file("f", 0, content);
  EXPECT_EQ(stored("f"), content);
  EXPECT_TRUE(store.store->settle_now());
  EXPECT_EQ(stored("f"), content);
}

TEST_F(Forms, AStreamThatOnlyBeginsIncompressibleIsCompressedWhenSettled) {
  Bytes content = random_bytes(3u << 20, 1);
  const Bytes rest = text_bytes(9u << 20, 2);
  content.insert(content.end(), rest.begin(), rest.end());
  write_file("f", 0, content);
  EXPECT_TRUE(store.store->settle_now());
  EXPECT_TRUE(is_stored_as_container("f"));
  EXPECT_LT(stored("f").size(), content.size() * 3 / 4);
  EXPECT_EQ(read_file("f"), content);
}

TEST_F(Forms, ALargeCompressibleStreamIsStoredBeforeItIsClosed) {
  const Bytes content = compressible_bytes(8u << 20, 1);
  const auto file = store.open_file("f");
  for (std::size_t done = 0; done < content.size(); done += 65536) {
    file->write(done, ByteSpan(content).subspan(done, 65536));
  }
  EXPECT_GT(stored("f").size(), 1u << 20);
  EXPECT_EQ(StoreOnDisk::read_all(*file), content);
  file->flush();
  EXPECT_TRUE(load_container(MemorySource(stored("f"))).sealed);
  store.store->close_file(file);
  EXPECT_EQ(read_file("f"), content);
}

TEST_F(Forms, ContentThatLooksLikeAContainerIsStoredWrapped) {
  write_file("a", 0, text_bytes(100'000, 1));
  const Bytes looks_like_one = stored("a");
  write_file("b", 0, looks_like_one);
  EXPECT_NE(stored("b"), looks_like_one);
  EXPECT_EQ(read_file("b"), looks_like_one);
  // Also when it only comes to look like one by a change in place.
  write_file("c", 0, text_bytes(1000, 2));
  write_file("c", 0, ByteSpan(looks_like_one).first(8));
  write_file("c", 8, ByteSpan(looks_like_one).subspan(8, 300));
  EXPECT_TRUE(is_stored_as_container("c"));
  ASSERT_TRUE(store.reopen());
  EXPECT_EQ(read_file("c"),
            overwritten(text_bytes(1000, 2), 0, ByteSpan(looks_like_one).first(308)));
}

TEST_F(Forms, AContainerWithADamagedSignatureIsReadAndContentLikeItIsStoredWrapped) {
  write_file("a", 0, text_bytes(100'000, 1));
  Bytes damaged = stored("a");
  damaged[12] ^= std::byte{1};
  store.disk.put("a", damaged);
  EXPECT_EQ(read_file("a"), text_bytes(100'000, 1));
  // As somebody may have saved it.
  write_file("b", 0, damaged);
  EXPECT_EQ(read_file("b"), damaged);
  ASSERT_TRUE(store.reopen());
  EXPECT_EQ(read_file("b"), damaged);
  // A change of the file writes the header anew.
  write_file("a", 100'000, text_bytes(100'000, 2));
  EXPECT_TRUE(store.store->settle_now());
  EXPECT_TRUE(has_container_signature(stored("a")));
  EXPECT_EQ(read_file("a"), overwritten(text_bytes(100'000, 1), 100'000, text_bytes(100'000, 2)));
}

TEST_F(Forms, NoZerosMakeARawFileAContainer) {
  write_file("a", 0, text_bytes(100'000, 1));
  Bytes header = stored("a");
  header.resize(kContainerHeaderBytes);
  const auto zero = static_cast<std::size_t>(
      std::find(header.begin() + kContainerSignatureBytes, header.end(), std::byte{0}) -
      header.begin());
  Bytes content = header;
  content[0] = content[zero] = std::byte{1};
  write_file("b", 0, content);
  EXPECT_FALSE(is_stored_as_container("b"));
  {
    const auto file = store.open_file("b");
    file->zero_range({zero, 1}, os::AllocateKind::kKeepSize);
    file->flush();
    store.store->close_file(file);
  }
  content[zero] = std::byte{0};
  EXPECT_EQ(read_file("b"), content);
  ASSERT_TRUE(store.reopen());
  EXPECT_EQ(read_file("b"), content);
}

TEST_F(Forms, FilesFromBeforeAppearAsTheyAreAndAreCompressedOnceChanged) {
  const Bytes content = text_bytes(50'000, 1);
  store.disk.put("old", content);
  EXPECT_EQ(read_file("old"), content);
  EXPECT_TRUE(store.store->settle_now());
  EXPECT_EQ(stored("old"), content);
  write_file("old", 50'000, bytes_of("more"));
  EXPECT_TRUE(store.store->settle_now());
  EXPECT_TRUE(is_stored_as_container("old"));
  EXPECT_EQ(read_file("old"), overwritten(content, 50'000, bytes_of("more")));
}

TEST_F(Forms, ASparseFileOfATebibyteTakesNothing) {
  const auto file = store.open_file("f");
  file->truncate(std::uint64_t{1} << 40);
  file->write((std::uint64_t{1} << 39) + 5, bytes_of("in the middle"));
  file->flush();
  EXPECT_EQ(file->logical_bytes(), std::uint64_t{1} << 40);
  Bytes part(13);
  EXPECT_EQ(file->read((std::uint64_t{1} << 39) + 5, part), 13u);
  EXPECT_EQ(part, bytes_of("in the middle"));
  EXPECT_LE(store.disk.used_bytes(), 1u << 20);
  store.store->close_file(file);
}

TEST_F(Forms, TruncatedToABlockBecomesRawWhenSettled) {
  const Bytes content = text_bytes(100'000, 1);
  write_file("f", 0, content);
  const auto file = store.open_file("f");
  file->truncate(100);
  file->flush();
  store.store->close_file(file);
  EXPECT_TRUE(store.store->settle_now());
  EXPECT_EQ(stored("f"), Bytes(content.begin(), content.begin() + 100));
}

TEST_F(Forms, OverwritingForEverDoesNotGrowTheFile) {
  const std::size_t bytes = 3u << 20;
  Bytes expected = compressible_bytes(bytes, 1);
  write_file("f", 0, expected);
  const std::size_t first_size = stored("f").size();
  Random random(5);
  for (int round = 0; round < 40; ++round) {
    const std::size_t offset = random.below(bytes - 5000);
    const Bytes piece = compressible_bytes(5000, random.next());
    write_file("f", offset, piece);
    expected = overwritten(std::move(expected), offset, piece);
    ASSERT_TRUE(store.store->settle_now());
    ASSERT_LE(stored("f").size(), first_size * 3 / 2);
  }
  EXPECT_EQ(read_file("f"), expected);
}

TEST_F(Forms, ASmallSyncedOverwriteOfALargeFileCostsLittle) {
  const Bytes content = compressible_bytes(32u << 20, 1);
  write_file("f", 0, content);
  const auto file = store.open_file("f");
  const std::uint64_t used = store.disk.used_bytes();
  file->write(10u << 20, random_bytes(4096, 2));
  file->sync(os::SyncKind::kData);
  EXPECT_LE(store.disk.used_bytes() - used, 16u << 10);
  store.store->close_file(file);
}

TEST_F(Forms, AppendingLinesForEverCostsWhatIsAppended) {
  Bytes expected;
  for (int i = 0; i < 2000; ++i) {
    const Bytes line = text_bytes(80, static_cast<std::uint64_t>(i));
    write_file("log", expected.size(), line);
    expected.insert(expected.end(), line.begin(), line.end());
    if (i % 50 == 0) {
      ASSERT_TRUE(store.store->settle_now());
    }
  }
  EXPECT_EQ(read_file("log"), expected);
  ASSERT_TRUE(store.reopen());
  EXPECT_EQ(read_file("log"), expected);
  // Not a frame for each line.
  EXPECT_EQ(load_container(MemorySource(stored("log"))).index.size(), 2u);
  EXPECT_LT(stored("log").size(), expected.size() * 3 / 4);
}

}  // namespace
}  // namespace zstdfs::test
