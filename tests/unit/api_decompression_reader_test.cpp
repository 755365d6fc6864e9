#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <functional>
#include <limits>
#include <system_error>

#include "tests/unit/api_decompression_frames.hpp"
#include "zstdfs/decompressor.hpp"

namespace zstdfs {
namespace {

using test::bytes_of;
using test::frame_of;
using test::joined;
using test::message_of;
using test::PiecewiseSource;
using test::skippable_frame;
using test::text_bytes;
using test::without_end;
using test::zstd_error_of;
using ::testing::HasSubstr;

const Bytes kContent = text_bytes(300'000, 1);
const Bytes kOther = test::compressible_bytes(5'000, 2);
const Bytes kFlushed = frame_of(kContent, {.finished = false});
const std::size_t kPieces[] = {1, 777, 131075, std::size_t{1} << 24};

int error_number_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const std::system_error& error) {
    return error.code().value();
  }
  return 0;
}

TEST(DecompressionReader, ReadsInPiecesOfAnySize) {
  for (const bool magicless : {false, true}) {
    ZstdDecompressor decompressor({.format = magicless ? 1 : 0});
    const Bytes frame = frame_of(kOther, {.magicless = magicless});
    for (const std::size_t piece : kPieces) {
      for (const std::size_t size : {std::size_t{1}, std::size_t{999}, std::size_t{1} << 40}) {
        PiecewiseSource source(frame, piece);
        ZstdDecompressionReader reader = decompressor.stream_reader(source);
        Bytes all;
        for (Bytes got; !(got = reader.read(static_cast<std::int64_t>(size))).empty();) {
          EXPECT_EQ(got.size(), std::min(size, kOther.size() - all.size()));
          all.insert(all.end(), got.begin(), got.end());
          EXPECT_EQ(reader.tell(), all.size());
        }
        EXPECT_EQ(all, kOther);
        EXPECT_EQ(reader.bytes_consumed(), frame.size());
      }
    }
  }
}

TEST(DecompressionReader, AsksTheSourceForReadSize) {
  PiecewiseSource source(frame_of(kContent), 1u << 20);
  EXPECT_EQ(ZstdDecompressor().stream_reader(source, {.read_size = 1234}).readall(), kContent);
  EXPECT_EQ(source.largest_request, 1234u);
  EXPECT_THROW(ZstdDecompressor().stream_reader(source, {.read_size = 0}), std::invalid_argument);
}

TEST(DecompressionReader, OneReadStopsAtAFramesEndUnlessItIsToGoOn) {
  const Bytes data = joined({skippable_frame(5), frame_of({}), frame_of(kOther), frame_of({}),
                             skippable_frame(0), frame_of(kContent), frame_of({})});
  ZstdDecompressor decompressor;
  for (const std::size_t piece : kPieces) {
    PiecewiseSource source(data, piece);
    ZstdDecompressionReader one = decompressor.stream_reader(source);
    EXPECT_EQ(one.read(1'000'000), kOther);
    EXPECT_EQ(one.read(1'000'000), kContent);
    EXPECT_TRUE(one.read(1'000'000).empty());
    PiecewiseSource again(data, piece);
    ZstdDecompressionReader across =
        decompressor.stream_reader(again, {.read_across_frames = true});
    EXPECT_EQ(across.read(1'000'000), joined({kOther, kContent}));
  }
  EXPECT_EQ(decompressor.stream_reader(data).readall(), joined({kOther, kContent}));
  EXPECT_EQ(decompressor.stream_reader(data).read(), joined({kOther, kContent}));
}

TEST(DecompressionReader, AReadOfExactlyAFrameDoesNotTouchTheNext) {
  const Bytes data = joined({frame_of(kContent), frame_of(kOther)});
  ZstdDecompressionReader reader = ZstdDecompressor().stream_reader(data);
  EXPECT_EQ(reader.read(static_cast<std::int64_t>(kContent.size())), kContent);
  EXPECT_EQ(reader.read(1'000'000), kOther);
}

// Memory is taken in pieces of 128 KiB, 128, 256 and so on.
TEST(DecompressionReader, OneReadStopsAtAFramesEndThatFillsAPiece) {
  for (const std::size_t size : {131072u, 262144u, 131071u, 131073u}) {
    const Bytes content = text_bytes(size, 3);
    const Bytes frames = joined({frame_of(content), frame_of(content, {.content_size = false})});
    for (const std::size_t piece : kPieces) {
      PiecewiseSource source(frames, piece);
      ZstdDecompressor decompressor;
      ZstdDecompressionReader reader = decompressor.stream_reader(source);
      EXPECT_EQ(reader.read(1'000'000), content) << size << ' ' << piece;
      EXPECT_EQ(reader.read(1'000'000), content) << size << ' ' << piece;
      EXPECT_EQ(reader.read(1'000'000), Bytes());
    }
  }
}

TEST(DecompressionReader, Read1ReturnsWithTheFirstOutput) {
  PiecewiseSource source(frame_of(kContent), 50'000);
  ZstdDecompressionReader reader = ZstdDecompressor().stream_reader(source);
  const Bytes first = reader.read1(1'000'000);
  EXPECT_GT(first.size(), 0u);
  EXPECT_LT(first.size(), kContent.size());
  Bytes all = first;
  Bytes buffer(70'000);
  for (std::size_t n = 1; n != 0;) {
    n = reader.readinto1(buffer);
    all.insert(all.end(), buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(n));
  }
  EXPECT_EQ(all, kContent);
  EXPECT_EQ(ZstdDecompressor().stream_reader(frame_of(kContent)).read1().size(), 131072u);
}

TEST(DecompressionReader, OnAnEmptySourceEveryReadReturnsNothing) {
  Bytes out(10);
  PiecewiseSource nothing({}, 1);
  ZstdDecompressor decompressor;
  for (const bool memory : {false, true}) {
    ZstdDecompressionReader reader =
        memory ? decompressor.stream_reader(ByteSpan{}) : decompressor.stream_reader(nothing);
    EXPECT_TRUE(reader.read1().empty());
    EXPECT_EQ(reader.readinto1(out), 0u);
    EXPECT_EQ(reader.readinto(out), 0u);
    EXPECT_TRUE(reader.read(5).empty());
    EXPECT_TRUE(reader.readall().empty());
    EXPECT_EQ(reader.seek(100), 0u);
  }
}

TEST(DecompressionReader, ReadsIntoTheCallersMemory) {
  ZstdDecompressionReader reader = ZstdDecompressor().stream_reader(frame_of(kOther));
  Bytes out(kOther.size() + 10);
  EXPECT_EQ(reader.readinto(MutableByteSpan(out).first(100)), 100u);
  EXPECT_EQ(reader.readinto({}), 0u);
  EXPECT_EQ(reader.readinto(MutableByteSpan(out).subspan(100)), kOther.size() - 100);
  out.resize(kOther.size());
  EXPECT_EQ(out, kOther);
}

TEST(DecompressionReader, RefusesSizesBelowMinusOne) {
  ZstdDecompressionReader reader = ZstdDecompressor().stream_reader(frame_of(kOther));
  EXPECT_THROW(reader.read(-2), std::invalid_argument);
  EXPECT_THROW(reader.read1(-2), std::invalid_argument);
  EXPECT_TRUE(reader.read(0).empty());
  EXPECT_TRUE(reader.read1(0).empty());
  EXPECT_EQ(reader.read(-1), kOther);
}

TEST(DecompressionReader, AFlushedUnfinishedFrameIsReadWhollyAndThenTruncated) {
  ZstdDecompressionReader reader = ZstdDecompressor().stream_reader(kFlushed);
  Bytes all;
  while (all.size() < kContent.size()) {
    const Bytes got = reader.read(10);
    ASSERT_FALSE(got.empty());
    all.insert(all.end(), got.begin(), got.end());
  }
  EXPECT_EQ(all, kContent);
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(zstd_error_of([&] { reader.read(10); }), ZSTD_error_srcSize_wrong);
  }
}

TEST(DecompressionReader, TruncationIsReportedAfterTheBytesBeforeIt) {
  const Bytes frame = frame_of(kOther, {.content_size = false});
  for (std::size_t cut = 1; cut < frame.size(); cut += 5) {
    PiecewiseSource source(without_end(frame, cut), 100);
    ZstdDecompressionReader reader = ZstdDecompressor().stream_reader(source);
    Bytes all;
    EXPECT_THAT(message_of<ZstdError>([&] {
                  for (Bytes got; !(got = reader.read(1'000'000)).empty();) {
                    all.insert(all.end(), got.begin(), got.end());
                  }
                }),
                HasSubstr("truncated"))
        << cut;
    EXPECT_EQ(joined({all}), Bytes(kOther.begin(), kOther.begin() + std::ssize(all)));
    EXPECT_EQ(zstd_error_of([&] { reader.readall(); }), ZSTD_error_srcSize_wrong);
  }
}

TEST(DecompressionReader, JunkBehindAFrameIsAnError) {
  for (const Bytes& content : {Bytes{}, kOther}) {
    ZstdDecompressionReader reader =
        ZstdDecompressor().stream_reader(joined({frame_of(content), bytes_of("junk, not zstd")}));
    Bytes got(content.size());
    EXPECT_EQ(reader.readinto(got), content.size());
    EXPECT_EQ(got, content);
    EXPECT_EQ(zstd_error_of([&] { reader.read(1'000'000); }), ZSTD_error_prefix_unknown);
    EXPECT_EQ(zstd_error_of([&] { reader.read(1); }), ZSTD_error_prefix_unknown);
  }
}

TEST(DecompressionReader, ASourcesErrorCostsNoBytes) {
  const Bytes frame = frame_of(kContent);
  PiecewiseSource inner(frame, 30'000);
  int calls = 0;
  CallbackSource source([&](MutableByteSpan out) {
    if (++calls % 2 == 0) throw std::runtime_error("not now");
    return inner.read(out);
  });
  ZstdDecompressionReader reader =
      ZstdDecompressor().stream_reader(source, {.read_across_frames = true});
  Bytes all;
  int errors = 0;
  while (all.size() < kContent.size() && errors < 100) {
    try {
      const Bytes got = reader.read(400'000);
      all.insert(all.end(), got.begin(), got.end());
    } catch (const std::runtime_error&) {
      ++errors;
    }
  }
  EXPECT_EQ(all, kContent);
  EXPECT_GT(errors, 0);
}

TEST(DecompressionReader, SeeksForward) {
  const Bytes data = joined({frame_of(kContent), frame_of(kOther)});
  ZstdDecompressionReader reader = ZstdDecompressor().stream_reader(data);
  EXPECT_EQ(reader.seek(1000), 1000u);
  EXPECT_EQ(reader.read(1)[0], kContent[1000]);
  EXPECT_EQ(reader.seek(200'000, SeekOrigin::kCurrent), 201'001u);
  EXPECT_EQ(reader.read(1)[0], kContent[201'001]);
  EXPECT_EQ(reader.seek(static_cast<std::int64_t>(kContent.size()) + 7), kContent.size() + 7);
  EXPECT_EQ(reader.read(1)[0], kOther[7]);
  EXPECT_EQ(reader.seek(0, SeekOrigin::kCurrent), kContent.size() + 8);
  const std::size_t all = kContent.size() + kOther.size();
  EXPECT_EQ(reader.seek(std::int64_t{1} << 60), all);
  EXPECT_EQ(reader.tell(), all);
  EXPECT_TRUE(reader.readall().empty());
}

TEST(DecompressionReader, IllegalSeeksAreErrorsOfTheSystemsKind) {
  ZstdDecompressionReader reader = ZstdDecompressor().stream_reader(frame_of(kOther));
  reader.read(50);
  constexpr auto kLowest = std::numeric_limits<std::int64_t>::min();
  EXPECT_EQ(error_number_of([&] { reader.seek(-1); }), EINVAL);
  EXPECT_EQ(error_number_of([&] { reader.seek(kLowest); }), EINVAL);
  EXPECT_EQ(error_number_of([&] { reader.seek(-51, SeekOrigin::kCurrent); }), EINVAL);
  EXPECT_EQ(error_number_of([&] { reader.seek(kLowest, SeekOrigin::kCurrent); }), EINVAL);
  EXPECT_EQ(error_number_of([&] { reader.seek(49); }), ESPIPE);
  EXPECT_EQ(error_number_of([&] { reader.seek(-1, SeekOrigin::kCurrent); }), ESPIPE);
  EXPECT_EQ(error_number_of([&] { reader.seek(0, SeekOrigin::kEnd); }), ESPIPE);
  EXPECT_EQ(reader.tell(), 50u);
}

TEST(DecompressionReader, ClosesItsSourceUnlessAskedNotTo) {
  for (const bool closefd : {true, false}) {
    bool closed = false;
    PiecewiseSource source(frame_of(kOther), 100, &closed);
    ZstdDecompressionReader reader = ZstdDecompressor().stream_reader(source, {.closefd = closefd});
    reader.read(10);
    EXPECT_FALSE(reader.closed());
    reader.close();
    reader.close();
    EXPECT_TRUE(reader.closed());
    EXPECT_EQ(closed, closefd);
    EXPECT_EQ(reader.tell(), 10u);
    EXPECT_THROW(reader.read(1), UsageError);
    EXPECT_THROW(reader.readall(), UsageError);
    EXPECT_THROW(reader.seek(100), UsageError);
  }
}

TEST(DecompressionReader, MayOwnItsSource) {
  EXPECT_THROW(ZstdDecompressor().stream_reader(std::unique_ptr<Source>{}), std::invalid_argument);
  ZstdDecompressionReader of_memory = ZstdDecompressor().stream_reader(frame_of(kOther));
  ZstdDecompressionReader moved = std::move(of_memory);
  EXPECT_EQ(moved.readall(), kOther);
  bool closed = false;
  const Bytes frame = frame_of(kOther);
  ZstdDecompressionReader reader =
      ZstdDecompressor().stream_reader(std::make_unique<PiecewiseSource>(frame, 9, &closed));
  EXPECT_EQ(reader.readall(), kOther);
  reader.close();
  EXPECT_TRUE(closed);
}

}  // namespace
}  // namespace zstdfs
