#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <type_traits>

#include "tests/unit/api_seekable_fixture.hpp"
#include "tests/unit/os_temp_directory.hpp"
#include "tests/unit/zstd_command.hpp"

namespace zstdfs::test {
namespace {

// A source that is not given away outlives the reader, which a temporary does not.
static_assert(std::is_constructible_v<ZstdSeekableReader, const MemorySource&>);
static_assert(std::is_constructible_v<ZstdSeekableReader, std::unique_ptr<MemorySource>>);
static_assert(!std::is_constructible_v<ZstdSeekableReader, MemorySource>);
static_assert(!std::is_constructible_v<ZstdSeekableReader, MemorySource, SeekTable>);
static_assert(std::is_nothrow_move_constructible_v<ZstdSeekableReader>);

const Bytes kContent = random_bytes(10'000, 1);

int open_file(const ScratchFile& file) {
  const int fd = ::open(file.path().c_str(), O_RDONLY | O_CLOEXEC);
  EXPECT_GE(fd, 0);
  return fd;
}

TEST(RandomAccessFile, ReadsAtAnyOffset) {
  const ScratchFile scratch(kContent);
  const RandomAccessFile file(open_file(scratch), FileOwnership::kOwned);
  EXPECT_EQ(file.size(), kContent.size());
  for (const std::uint64_t offset :
       {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{9'000}, std::uint64_t{9'999},
        std::uint64_t{10'000}, std::uint64_t{10'001}, UINT64_MAX}) {
    for (const std::size_t bytes : {std::size_t{0}, std::size_t{1}, std::size_t{5'000}}) {
      EXPECT_TRUE(same(read_part(file, offset, bytes), part_of(kContent, offset, bytes)));
    }
  }
  EXPECT_EQ(::lseek(*file.fileno(), 0, SEEK_CUR), 0);
}

TEST(RandomAccessFile, HasTheSizeOfItsConstruction) {
  const ScratchFile scratch(kContent);
  const RandomAccessFile file(open_file(scratch), FileOwnership::kOwned);
  ASSERT_EQ(::truncate(scratch.path().c_str(), 20'000), 0);
  EXPECT_EQ(file.size(), kContent.size());
  EXPECT_EQ(read_part(file, 9'000, 5'000).size(), 1'000u);
  ASSERT_EQ(::truncate(scratch.path().c_str(), 9'500), 0);
  EXPECT_EQ(read_part(file, 9'000, 5'000).size(), 500u);
}

TEST(RandomAccessFile, ClosesWhatItOwns) {
  const ScratchFile scratch(kContent);
  const int borrowed = open_file(scratch);
  { RandomAccessFile(borrowed, FileOwnership::kBorrowed).close(); }
  EXPECT_GE(::fcntl(borrowed, F_GETFD), 0);
  RandomAccessFile file(borrowed, FileOwnership::kOwned);
  file.close();
  file.close();
  EXPECT_LT(::fcntl(borrowed, F_GETFD), 0);
  EXPECT_EQ(error_of([&] { read_part(file, 0, 1); }), EBADF);
}

TEST(RandomAccessFile, RefusesWhatHasNoOffsets) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  EXPECT_EQ(error_of([&] { RandomAccessFile(ends[0], FileOwnership::kOwned); }), ESPIPE);
  EXPECT_GE(::fcntl(ends[0], F_GETFD), 0) << "the descriptor is still the caller's";
  ::close(ends[0]);
  ::close(ends[1]);
  EXPECT_EQ(error_of([&] { RandomAccessFile(-1, FileOwnership::kOwned); }), EBADF);
}

TEST(RandomAccessCallback, ShortReadsAreContinued) {
  int calls = 0;
  const RandomAccessCallback source(kContent.size(), [&](std::uint64_t offset,
                                                         MutableByteSpan out) {
    ++calls;
    EXPECT_LE(offset + out.size(), kContent.size());
    return MemorySource(kContent).read_at(offset, out.first(std::min<std::size_t>(out.size(), 7)));
  });
  EXPECT_TRUE(same(read_part(source, 100, 70), part_of(kContent, 100, 70)));
  EXPECT_EQ(calls, 10);
  EXPECT_TRUE(same(read_part(source, 9'990, 70), part_of(kContent, 9'990, 70)));
  EXPECT_EQ(read_part(source, 10'000, 70).size(), 0u);
  EXPECT_EQ(source.fileno(), std::nullopt);
}

TEST(RandomAccessCallback, AnEarlyEndIsAnEnd) {
  const RandomAccessCallback source(100, [](std::uint64_t offset, MutableByteSpan out) {
    return offset < 60 ? std::min<std::size_t>(out.size(), 60 - offset) : 0;
  });
  EXPECT_EQ(read_part(source, 50, 50).size(), 10u);
}

TEST(RandomAccessCallback, WrongAnswersAreErrors) {
  const RandomAccessCallback too_much(
      100, [](std::uint64_t, MutableByteSpan out) { return out.size() + 1; });
  EXPECT_EQ(error_of([&] { read_part(too_much, 0, 10); }), EIO);
  const RandomAccessCallback failing(100, [](std::uint64_t, MutableByteSpan) -> std::size_t {
    throw std::system_error(ENETDOWN, std::generic_category());
  });
  EXPECT_EQ(error_of([&] { read_part(failing, 0, 10); }), ENETDOWN);
  EXPECT_THROW(RandomAccessCallback(1, nullptr), std::invalid_argument);
}

}  // namespace
}  // namespace zstdfs::test
