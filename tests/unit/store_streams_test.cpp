// Files that are written from front to back: frames are made while the program writes on.
#include <gtest/gtest.h>

#include <cerrno>
#include <system_error>

#include "fs/store/frames_underway.hpp"
#include "tests/unit/store_fixture.hpp"

namespace zstdfs::test {
namespace {

using store::FramesUnderway;
using store::NewFrame;

constexpr std::size_t kChunkBytes = 64u << 10;
constexpr std::size_t kPieceBytes = 128u << 10;
constexpr std::size_t kMiB = 1u << 20;

store::Buffer content_of(ByteSpan bytes) {
  store::Buffer content(bytes.size());
  std::ranges::copy(bytes, content.span().begin());
  return content;
}

Bytes decoded(const NewFrame& frame) {
  Bytes content(frame.logical_bytes);
  FrameDecoder().decode(frame.stored, content, 0);
  return content;
}

TEST(FramesUnderwayTest, ComeInOrder) {
  WorkerPool pool(3);
  FramesUnderway underway(pool);
  for (std::uint64_t i = 0; i < 40; ++i) {
    underway.start(500 + i * 10'000, content_of(text_bytes(10'000, i)), {});
  }
  EXPECT_EQ(underway.range(), (ByteRange{500, 400'000}));
  for (std::uint64_t i = 0; i < 40; ++i) {
    EXPECT_EQ(decoded(underway.take_first()), text_bytes(10'000, i));
    EXPECT_EQ(underway.range(), (ByteRange{500 + (i + 1) * 10'000, (39 - i) * 10'000}));
  }
  EXPECT_TRUE(underway.empty());
}

TEST(FramesUnderwayTest, BeginAnewAfterTheyWereDropped) {
  WorkerPool pool(3);
  FramesUnderway underway(pool);
  for (int round = 0; round < 20; ++round) {
    for (std::uint64_t i = 0; i < 30; ++i) {
      underway.start(i * 10'000, content_of(text_bytes(10'000, i)), {});
    }
    underway.drop();
    EXPECT_TRUE(underway.empty());
    EXPECT_TRUE(underway.range().empty());
    EXPECT_FALSE(underway.first_is_ready());
    underway.start(70'000, content_of(text_bytes(10'000, 99)), {});
    EXPECT_EQ(decoded(underway.take_first()), text_bytes(10'000, 99));
  }
}

TEST(FramesUnderwayTest, NeedAThreadBesideTheCallingOne) {
  WorkerPool alone(1);
  EXPECT_FALSE(FramesUnderway(alone).are_possible());
  WorkerPool two(2);
  EXPECT_TRUE(FramesUnderway(two).are_possible());
}

store::StoreOptions with_threads(unsigned threads) {
  store::StoreOptions options;
  options.settings.chunk_bytes = kChunkBytes;
  options.compression_threads = threads;
  return options;
}

class Stream : public testing::Test {
 protected:
  void write(std::size_t offset, const Bytes& bytes) {
    file_->write(offset, bytes);
    expected_ = overwritten(std::move(expected_), offset, bytes);
  }
  void append(const Bytes& bytes) {
    for (std::size_t at = 0; at < bytes.size(); at += kPieceBytes) {
      const std::size_t end = std::min(bytes.size(), at + kPieceBytes);
      write(expected_.size(), Bytes(bytes.begin() + static_cast<std::ptrdiff_t>(at),
                                    bytes.begin() + static_cast<std::ptrdiff_t>(end)));
    }
  }
  void append_text(std::size_t bytes) { append(text_bytes(bytes, ++seed_)); }

  void expect_content() const {
    EXPECT_TRUE(StoreOnDisk::read_all(*file_) == expected_) << "the content is another one";
  }
  /// Also after all is stored, and after a mount.
  void expect_content_is_kept() {
    expect_content();
    file_->flush();
    expect_content();
    file_.reset();
    EXPECT_TRUE(disk_.reopen());
    file_ = disk_.open_file("file");
    expect_content();
  }

  StoreOnDisk disk_{with_threads(4)};
  std::shared_ptr<store::StoredFile> file_ = disk_.open_file("file");
  Bytes expected_;
  std::uint64_t seed_ = 0;
};

TEST_F(Stream, IsStoredAsByOneThread) {
  append_text(20 * kMiB + 1000);
  expect_content_is_kept();
  file_.reset();

  StoreOnDisk alone(with_threads(1));
  auto file = alone.open_file("file");
  file->write(0, expected_);
  file->flush();
  EXPECT_EQ(disk_.disk.content("file")->size(), alone.disk.content("file")->size());
  file.reset();
}

TEST_F(Stream, HoldsLittleInMemory) {
  for (int i = 0; i < 30; ++i) {
    append_text(kMiB);
    EXPECT_LE(file_->held_bytes(), 13 * kMiB);
  }
  file_->flush();
  EXPECT_EQ(file_->held_bytes(), 0u);
}

TEST_F(Stream, GoesToTheDiskBeforeItIsSynced) {
  append_text(3 * kMiB);
  file_->flush();
  EXPECT_TRUE(disk_.disk.begun_writebacks().empty()) << "a small file was sent to the disk";
  append_text(50 * kMiB);
  file_->flush();
  const std::vector<ByteRange> begun = disk_.disk.begun_writebacks();
  std::uint64_t end = 0;
  for (const ByteRange& range : begun) {
    EXPECT_EQ(range.offset, end);
    end = range.end();
  }
  const std::uint64_t stored_bytes = disk_.disk.content("file")->size();
  EXPECT_LE(end, stored_bytes);
  EXPECT_GT(end + 5 * kMiB, stored_bytes);
  expect_content_is_kept();
}

TEST_F(Stream, ChangesBehindItsFrontCount) {
  append_text(6 * kMiB);
  write(5 * kMiB + 77, text_bytes(100, 1000));
  append_text(2 * kMiB);
  write(kMiB, text_bytes(3 * kChunkBytes, 1001));
  append_text(2 * kMiB);
  expect_content_is_kept();
}

TEST_F(Stream, CanBeCutOffAndGoOn) {
  append_text(7 * kMiB);
  file_->truncate(6 * kMiB + 5);
  expected_.resize(6 * kMiB + 5);
  append_text(5 * kMiB);
  file_->truncate(0);
  expected_.clear();
  append_text(5 * kMiB);
  expect_content_is_kept();
}

TEST_F(Stream, HolesAndZerosAreKept) {
  append_text(4 * kMiB);
  append(Bytes(3 * kMiB));
  append_text(3 * kMiB);
  file_->punch_hole({9 * kMiB, kMiB / 2});
  expected_ = with_hole(std::move(expected_), 9 * kMiB, 9 * kMiB + kMiB / 2);
  append_text(3 * kMiB);
  file_->truncate(20 * kMiB);
  expected_.resize(20 * kMiB);
  append_text(3 * kMiB);
  expect_content_is_kept();
}

TEST_F(Stream, GoesOnFromWhereAFlushLeftIt) {
  append_text(3 * kMiB + 12'345);
  file_->flush();
  append_text(3 * kMiB);
  file_->flush();
  append_text(5 * kMiB + 1);
  expect_content_is_kept();
}

TEST_F(Stream, NothingIsLostWhenTheDiskIsFullForAWhile) {
  append_text(4 * kMiB);
  disk_.disk.fail_calls(
      {.kind = CallKind::kWrite, .path_prefix = "file", .error = ENOSPC, .skip = 0, .times = 3});
  for (int i = 0; i < 40; ++i) {
    const Bytes piece = text_bytes(kPieceBytes, 2000 + static_cast<std::uint64_t>(i));
    try {
      write(expected_.size(), piece);
    } catch (const std::system_error& error) {
      EXPECT_EQ(error.code().value(), ENOSPC);
    }
    expect_content();
  }
  EXPECT_GT(disk_.disk.failed_calls(), 0u);
  disk_.disk.clear_faults();
  expect_content_is_kept();
}

TEST_F(Stream, IsRefusedAsSoonAsTheDiskIsKnownToBeFull) {
  append_text(4 * kMiB);
  disk_.disk.fail_calls({.kind = CallKind::kWrite,
                         .path_prefix = "file",
                         .error = ENOSPC,
                         .skip = 0,
                         .times = 1'000'000});
  for (int i = 0; i < 400 && disk_.disk.failed_calls() == 0; ++i) append_text(kPieceBytes);
  ASSERT_GT(disk_.disk.failed_calls(), 0u);
  for (int i = 0; i < 20; ++i) {
    EXPECT_THROW(file_->write(expected_.size(), text_bytes(kPieceBytes, 1)), std::system_error);
  }
  disk_.disk.clear_faults();
  append_text(4 * kMiB);
  expect_content_is_kept();
}

class RandomStream : public Stream, public testing::WithParamInterface<std::uint64_t> {};

TEST_P(RandomStream, IsAsTheModel) {
  Random random(GetParam());
  for (int i = 0; i < 60 && !HasFailure(); ++i) {
    const std::size_t size = expected_.size();
    const std::size_t bytes = 1 + random.below(random.chance(50) ? kMiB : kChunkBytes);
    switch (random.below(10)) {
      case 0:
        write(random.below(size + 1), bytes_of_any_kind(bytes, random));
        break;
      case 1:
        file_->truncate(random.below(size + 1));
        expected_.resize(file_->logical_bytes());
        break;
      case 2:
        file_->flush();
        break;
      case 3:
        expect_content();
        break;
      default:
        append(random.chance(80) ? text_bytes(4 * bytes, random.next())
                                 : bytes_of_any_kind(4 * bytes, random));
    }
  }
  expect_content_is_kept();
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomStream, testing::Range<std::uint64_t>(1, 9));

class StreamOfLargeChunks : public testing::TestWithParam<unsigned> {};

TEST_P(StreamOfLargeChunks, IsStored) {
  store::StoreOptions options = with_threads(GetParam());
  options.settings.chunk_bytes = 8 * kMiB;
  StoreOnDisk disk(options);
  auto file = disk.open_file("file");
  Bytes content = text_bytes(19 * kMiB, 1);
  for (std::size_t at = 0; at < content.size(); at += kMiB) {
    file->write(at, ByteSpan(content).subspan(at, kMiB));
  }
  file->flush();
  file->write(content.size(), ByteSpan(content).first(100'000));
  file->flush();
  content = overwritten(content, content.size(), Bytes(content.begin(), content.begin() + 100'000));
  EXPECT_TRUE(StoreOnDisk::read_all(*file) == content);
  file.reset();
  EXPECT_TRUE(disk.reopen());
  EXPECT_TRUE(StoreOnDisk::read_all(*disk.open_file("file")) == content);
}

INSTANTIATE_TEST_SUITE_P(Threads, StreamOfLargeChunks, testing::Values(1, 4));

TEST(Streams, OfAllFilesAtOnceNeedNoMerge) {
  store::StoreOptions options = with_threads(4);
  options.overlay_bytes = 16 * kMiB;
  StoreOnDisk disk(options);
  std::vector<std::shared_ptr<store::StoredFile>> files;
  for (int i = 0; i < 10; ++i) files.push_back(disk.open_file("file" + std::to_string(i)));
  const Bytes content = text_bytes(12 * kMiB, 1);
  for (std::size_t at = 0; at < content.size(); at += kPieceBytes) {
    for (const auto& file : files) file->write(at, ByteSpan(content).subspan(at, kPieceBytes));
  }
  for (const auto& file : files) file->flush();
  EXPECT_EQ(disk.store->statistics().of(store::Count::kMerges), 0u);
  for (const auto& file : files) EXPECT_TRUE(StoreOnDisk::read_all(*file) == content);
}

}  // namespace
}  // namespace zstdfs::test
