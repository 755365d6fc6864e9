#include <gmock/gmock.h>
#include <gtest/gtest.h>

#define ZSTD_STATIC_LINKING_ONLY
#include <zstd.h>
#include <zstd_errors.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>

#include "tests/patterns.hpp"
#include "zstdfs/errors.hpp"
#include "zstdfs/frame_parameters.hpp"

namespace zstdfs {
namespace {

using testing::HasSubstr;

Bytes raw(std::initializer_list<unsigned> values) {
  Bytes bytes;
  for (const unsigned value : values) bytes.push_back(static_cast<std::byte>(value));
  return bytes;
}

struct FrameOptions {
  int format = kFormatZstd1;
  bool content_size = true;
  bool checksum = false;
  int level = 3;
};

Bytes frame_of(ByteSpan data, const FrameOptions& options = {}) {
  const std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> context(ZSTD_createCCtx(),
                                                                     &ZSTD_freeCCtx);
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_format, options.format);
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_contentSizeFlag, options.content_size ? 1 : 0);
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_checksumFlag, options.checksum ? 1 : 0);
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_compressionLevel, options.level);
  Bytes frame(ZSTD_compressBound(data.size()));
  frame.resize(ZstdError::check(
      ZSTD_compress2(context.get(), frame.data(), frame.size(), data.data(), data.size()),
      "compress"));
  return frame;
}

Bytes skippable(std::size_t content_bytes) {
  Bytes frame = raw({0x52, 0x2a, 0x4d, 0x18});
  append_le<std::uint32_t>(frame, static_cast<std::uint32_t>(content_bytes));
  frame.resize(frame.size() + content_bytes);
  return frame;
}

void append(Bytes& all, const Bytes& more) {
  all.insert(all.end(), more.begin(), more.end());
}

/// The error that a call throws: its code, and that its text names something.
void expect_error(int code, const std::string& names, const std::function<void()>& call) {
  try {
    call();
    ADD_FAILURE() << "no error that names " << names;
  } catch (const ZstdError& error) {
    EXPECT_EQ(error.code(), code);
    EXPECT_THAT(error.what(), HasSubstr(names));
  }
}

// The two empty frames of the reference: with a content size of 0, and without one.
const Bytes kEmptyWithSize = raw({0x28, 0xb5, 0x2f, 0xfd, 0x20, 0x00, 0x01, 0x00, 0x00});
const Bytes kEmptyWithoutSize = raw({0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x00, 0x01, 0x00, 0x00});

TEST(ApiFrameContentSize, UnknownIsToldApartFromZero) {
  EXPECT_EQ(frame_content_size(kEmptyWithSize), 0U);
  EXPECT_EQ(frame_content_size(kEmptyWithoutSize), std::nullopt);
  EXPECT_EQ(get_frame_parameters(kEmptyWithSize).content_size, 0U);
  EXPECT_EQ(get_frame_parameters(kEmptyWithoutSize).content_size, std::nullopt);
}

TEST(ApiFrameContentSize, IsThatOfTheContentForEveryWidthOfTheField) {
  for (const std::size_t bytes : {1U, 255U, 256U, 65791U, 65792U, 300000U}) {
    EXPECT_EQ(frame_content_size(frame_of(test::text_bytes(bytes, 1))), bytes);
  }
  const Bytes huge =
      raw({0x28, 0xb5, 0x2f, 0xfd, 0xc0, 0x58, 0xfd, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f});
  EXPECT_EQ(frame_content_size(huge), 0x7ffffffffffffffdU);
}

TEST(ApiFrameContentSize, OfSomethingElseIsAnError) {
  expect_error(ZSTD_error_prefix_unknown, "Unknown frame descriptor",
               [] { frame_content_size(test::bytes_of("abcdefghabcdefgh")); });
  expect_error(ZSTD_error_srcSize_wrong, "need 5 bytes", [] { frame_content_size({}); });
}

TEST(ApiGetFrameParameters, ReadEveryField) {
  const FrameParameters with =
      get_frame_parameters(frame_of(test::text_bytes(1000, 1), {.checksum = true}));
  EXPECT_EQ(with.content_size, 1000U);
  EXPECT_EQ(with.window_size, 1000U);  // one segment: the content is the window
  EXPECT_EQ(with.dict_id, 0U);
  EXPECT_TRUE(with.has_checksum);
  EXPECT_FALSE(with.is_skippable);

  // Window 2^10 * (1 + 7/8) * 2^11, a dictionary with a two-byte id, a checksum.
  const FrameParameters own =
      get_frame_parameters(raw({0x28, 0xb5, 0x2f, 0xfd, 0x06, 0x5f, 0x34, 0x12}));
  EXPECT_EQ(own.content_size, std::nullopt);
  EXPECT_EQ(own.window_size, (1U << 21) / 8 * 15);
  EXPECT_EQ(own.dict_id, 0x1234U);
  EXPECT_TRUE(own.has_checksum);
  EXPECT_EQ(own.header_size, 8U);
  EXPECT_EQ(own.block_size_max, kBlockSizeMax);
}

TEST(ApiGetFrameParameters, AnErrorNamesHowManyBytesAreNeeded) {
  expect_error(ZSTD_error_srcSize_wrong, "need 5 bytes", [] { get_frame_parameters({}); });
  expect_error(ZSTD_error_srcSize_wrong, "need 5 bytes", [] {
    get_frame_parameters(raw({0x28, 0xb5, 0x2f, 0xfd}));
  });
  expect_error(ZSTD_error_srcSize_wrong, "need 17 bytes, have 5", [] {
    get_frame_parameters(raw({0x28, 0xb5, 0x2f, 0xfd, 0xf3}));
  });
  expect_error(ZSTD_error_srcSize_wrong, "need 8 bytes", [] {
    get_frame_parameters(raw({0x50, 0x2a, 0x4d, 0x18, 0x05}));
  });
}

TEST(ApiGetFrameParameters, AReservedBitIsAnError) {
  expect_error(ZSTD_error_frameParameter_unsupported, "frame parameter", [] {
    get_frame_parameters(raw({0x28, 0xb5, 0x2f, 0xfd, 0x28, 0x00, 0x01, 0x00, 0x00}));
  });
}

TEST(ApiGetFrameParameters, ASkippableFrameIsToldApart) {
  const Bytes frame = skippable(5);
  const FrameParameters parameters = get_frame_parameters(frame);
  EXPECT_TRUE(parameters.is_skippable);
  EXPECT_EQ(parameters.content_size, 5U);
  EXPECT_EQ(parameters.window_size, 0U);
  EXPECT_EQ(parameters.header_size, 8U);
  EXPECT_EQ(frame_content_size(frame), 0U);
  EXPECT_EQ(frame_header_size(frame), 8U);
  EXPECT_EQ(frame_compressed_size(frame), 13U);
}

TEST(ApiFrameHeaderSize, IsKnownFromTheDescriptorOn) {
  EXPECT_EQ(frame_header_size(kEmptyWithSize), 6U);
  EXPECT_EQ(frame_header_size(raw({0x28, 0xb5, 0x2f, 0xfd, 0x20})), 6U);
  EXPECT_EQ(frame_header_size(raw({0x28, 0xb5, 0x2f, 0xfd, 0xc3})), 18U);
  expect_error(ZSTD_error_srcSize_wrong, "need 5 bytes", [] {
    frame_header_size(raw({0x28, 0xb5, 0x2f, 0xfd}));
  });
}

// python-zstandard answers 8 for these.
TEST(ApiFrameHeaderSize, OfSomethingElseIsAnError) {
  expect_error(ZSTD_error_prefix_unknown, "Unknown frame descriptor",
               [] { frame_header_size(test::bytes_of("abcdefghabcdefgh")); });
}

// Defect 12 of the original: frame inspection failed on frames without a magic number.
TEST(ApiFrameParameters, FramesWithoutMagicAreReadByTheirFormat) {
  const Bytes content = test::text_bytes(3000, 3);
  const Bytes frame = frame_of(content, {.format = kFormatZstd1Magicless, .checksum = true});
  const FrameParameters parameters = get_frame_parameters(frame, kFormatZstd1Magicless);
  EXPECT_EQ(parameters.content_size, 3000U);
  EXPECT_TRUE(parameters.has_checksum);
  EXPECT_EQ(parameters.header_size, 3U);
  EXPECT_EQ(frame_header_size(frame, kFormatZstd1Magicless), 3U);
  EXPECT_EQ(frame_header_size(ByteSpan(frame).first(1), kFormatZstd1Magicless), 3U);
  EXPECT_EQ(frame_content_size(frame, kFormatZstd1Magicless), 3000U);
  EXPECT_EQ(frame_compressed_size(frame, kFormatZstd1Magicless), frame.size());
  EXPECT_THROW(get_frame_parameters(frame), ZstdError);
  expect_error(ZSTD_error_srcSize_wrong, "need 1 bytes",
               [] { get_frame_parameters({}, kFormatZstd1Magicless); });
}

TEST(ApiFrameParameters, AnUnknownFormatIsRefused) {
  EXPECT_THROW(get_frame_parameters(kEmptyWithSize, 2), std::invalid_argument);
  EXPECT_THROW(frame_header_size(kEmptyWithSize, -1), std::invalid_argument);
}

TEST(ApiFrameCompressedSize, EndsWhereTheFrameEnds) {
  for (const std::size_t bytes : {0U, 1U, 1000U, 131072U, 131073U, 500000U}) {
    for (const bool checksum : {false, true}) {
      Bytes data = frame_of(test::compressible_bytes(bytes, 4),
                            {.content_size = bytes % 2 == 0, .checksum = checksum});
      const std::size_t frame_bytes = data.size();
      append(data, test::bytes_of("and more"));
      EXPECT_EQ(frame_compressed_size(data), frame_bytes);
      EXPECT_EQ(ZSTD_findFrameCompressedSize(data.data(), data.size()), frame_bytes);
    }
  }
}

TEST(ApiFrameCompressedSize, EveryTruncationIsAnError) {
  const Bytes run = frame_of(Bytes(300000), {.checksum = true});  // run-length blocks
  const Bytes text = frame_of(test::text_bytes(400, 5), {.checksum = true});
  for (const Bytes* frame : {&run, &text}) {
    for (std::size_t bytes = 0; bytes < frame->size(); ++bytes) {
      EXPECT_THROW(frame_compressed_size(ByteSpan(*frame).first(bytes)), ZstdError) << bytes;
    }
  }
  const Bytes skipped = skippable(20);
  expect_error(ZSTD_error_srcSize_wrong, "need at least 28 bytes, have 27",
               [&] { frame_compressed_size(ByteSpan(skipped).first(27)); });
}

TEST(ApiFrameCompressedSize, AReservedBlockTypeIsAnErrorThatNamesTheByte) {
  Bytes frame = kEmptyWithSize;
  frame[6] = std::byte{7};
  expect_error(ZSTD_error_corruption_detected, "at byte 6", [&] { frame_compressed_size(frame); });
}

TEST(ApiDecompressionMargin, AgreesWithLibzstd) {
  Bytes frames;
  append(frames, frame_of(test::text_bytes(300000, 6), {.checksum = true}));
  append(frames, skippable(77));
  append(frames, frame_of(test::random_bytes(1000, 7)));
  append(frames, kEmptyWithoutSize);
  EXPECT_EQ(decompression_margin(frames), ZSTD_decompressionMargin(frames.data(), frames.size()));
  EXPECT_EQ(decompression_margin(ByteSpan{}), 0U);
}

TEST(ApiDecompressionMargin, IsEnoughToDecompressInPlace) {
  for (const int format : {kFormatZstd1, kFormatZstd1Magicless}) {
    const Bytes content = test::random_bytes(400000, 8);
    const Bytes frame = frame_of(content, {.format = format});
    Bytes buffer(content.size() + decompression_margin(frame, format));
    ASSERT_GE(buffer.size(), frame.size());
    const std::size_t frame_offset = buffer.size() - frame.size();
    std::copy(frame.begin(), frame.end(), buffer.data() + frame_offset);
    const std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> context(ZSTD_createDCtx(),
                                                                       &ZSTD_freeDCtx);
    ZSTD_DCtx_setParameter(context.get(), ZSTD_d_format, format);
    const std::size_t result = ZSTD_decompressDCtx(context.get(), buffer.data(), buffer.size(),
                                                   buffer.data() + frame_offset, frame.size());
    ASSERT_EQ(result, content.size());
    EXPECT_TRUE(std::equal(content.begin(), content.end(), buffer.begin()));
  }
}

TEST(ApiDecompressionMargin, WithoutAFrameIsAtLeastThatOfAnyFrame) {
  for (const std::size_t bytes : {0U, 1U, 131072U, 131073U, 1000000U}) {
    EXPECT_EQ(decompression_margin(bytes, kBlockSizeMax),
              ZSTD_DECOMPRESSION_MARGIN(bytes, kBlockSizeMax));
    if (bytes == 0) continue;
    EXPECT_GE(decompression_margin(bytes, kBlockSizeMax),
              decompression_margin(frame_of(test::random_bytes(bytes, 9))));
  }
  EXPECT_THROW(decompression_margin(1, std::size_t{0}), std::invalid_argument);
  EXPECT_THROW(decompression_margin(std::uint64_t{1} << 62, 1), std::invalid_argument);
  EXPECT_THROW(decompression_margin(1000, SIZE_MAX), std::invalid_argument);
}

TEST(ApiDecompressionMargin, OfATruncatedFrameIsAnError) {
  Bytes frames = frame_of(test::text_bytes(1000, 10));
  frames.pop_back();
  EXPECT_THROW(decompression_margin(frames), ZstdError);
}

TEST(ApiEstimate, OfADecompressorIsLibzstds) {
  EXPECT_EQ(estimate_decompression_context_size(), ZSTD_estimateDCtxSize());
  EXPECT_GT(estimate_decompression_context_size(), 50000U);
  EXPECT_GE(estimate_decompression_stream_size(8 << 20), std::size_t{8 << 20});
  EXPECT_GE(estimate_decompression_stream_size(SIZE_MAX / 2), SIZE_MAX / 2);
  EXPECT_THROW(estimate_decompression_stream_size(SIZE_MAX / 2 + 1), std::invalid_argument);
  EXPECT_THROW(estimate_decompression_stream_size(SIZE_MAX), std::invalid_argument);
}

}  // namespace
}  // namespace zstdfs
