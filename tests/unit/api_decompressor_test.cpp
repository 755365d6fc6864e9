#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "tests/unit/api_decompression_frames.hpp"
#include "zstdfs/compressor.hpp"
#include "zstdfs/decompressor.hpp"

namespace zstdfs {
namespace {

using test::bytes_of;
using test::compressible_bytes;
using test::frame_of;
using test::joined;
using test::message_of;
using test::skippable_frame;
using test::text_bytes;
using test::without_end;
using test::zstd_error_of;
using ::testing::HasSubstr;
using ::testing::StartsWith;

const Bytes kContent = text_bytes(300'000, 1);
const Bytes kOther = compressible_bytes(5'000, 2);

TEST(Decompressor, GivesTheContentOfAFrameOfEveryForm) {
  for (const bool magicless : {false, true}) {
    ZstdDecompressor decompressor({.format = magicless ? 1 : 0});
    for (const Bytes& content : {Bytes{}, Bytes(1, std::byte{7}), kOther, kContent,
                                 Bytes(400'000, std::byte{0}), test::random_bytes(200'000, 3)}) {
      for (const bool with_size : {false, true}) {
        const Bytes frame = frame_of(content, {.content_size = with_size, .magicless = magicless});
        EXPECT_EQ(decompressor.decompress(frame, {.max_output_size = content.size() + 1}), content);
        Bytes out(content.size());
        EXPECT_EQ(decompressor.decompress_into(out, frame), content.size());
        EXPECT_EQ(out, content);
      }
    }
  }
  EXPECT_EQ(decompress(frame_of(kContent)), kContent);
}

TEST(Decompressor, AFrameOfUnknownSizeNeedsABound) {
  ZstdDecompressor decompressor;
  const Bytes frame = frame_of(kOther, {.content_size = false});
  EXPECT_THAT(message_of<ZstdError>([&] { decompressor.decompress(frame); }),
              HasSubstr("could not determine content size in frame header"));
  EXPECT_EQ(decompressor.decompress(frame, {.max_output_size = kOther.size()}), kOther);
  EXPECT_EQ(decompressor.decompress(frame, {.max_output_size = std::size_t{1} << 50}), kOther)
      << "memory is taken for what the blocks can hold, not for the bound";
  EXPECT_THAT(message_of<ZstdError>(
                  [&] { decompressor.decompress(frame, {.max_output_size = kOther.size() - 1}); }),
              HasSubstr("did not decompress full frame"));
}

/// A few KiB, which really hold `blocks` times 128 KiB of one byte.
Bytes bomb_of(std::uint32_t blocks) {
  const std::uint64_t content_bytes = std::uint64_t{blocks} * kBlockSizeMax;
  Bytes frame = bytes_of(std::string("\x28\xb5\x2f\xfd\xc0\x50", 6));  // a window of 1 MiB
  const std::size_t at = frame.size();
  frame.resize(at + sizeof content_bytes);
  store_le(frame, at, content_bytes);
  for (std::uint32_t i = 0; i < blocks; ++i) {
    const std::uint32_t is_last = i + 1 == blocks ? 1 : 0;
    const std::uint32_t header = static_cast<std::uint32_t>(kBlockSizeMax) << 3 | 1u << 1 | is_last;
    for (const int shift : {0, 8, 16}) frame.push_back(static_cast<std::byte>(header >> shift));
    frame.push_back(std::byte{'x'});
  }
  return frame;
}

TEST(Decompressor, ContentAboveTheCeilingIsRefusedInEveryCallThatReturnsIt) {
  const Bytes bomb = bomb_of(64);
  const std::uint64_t content_bytes = 64 * kBlockSizeMax;
  EXPECT_EQ(ZstdDecompressor({.max_content_size = content_bytes}).decompress(bomb).size(),
            content_bytes);
  ZstdDecompressor decompressor({.max_content_size = content_bytes - 1});
  const auto expect_refused = [&](const auto& call) {
    EXPECT_THAT(message_of<ZstdError>(call), HasSubstr("more than max_content_size allows"));
  };
  expect_refused([&] { decompressor.decompress(bomb, {.max_output_size = 1}); });
  const ByteSpan one[] = {bomb};
  expect_refused([&] { decompressor.decompress_content_dict_chain(one); });
  expect_refused([&] { decompressor.multi_decompress_to_buffer(one); });
  // The ceiling is that of a call.
  const Bytes half = bomb_of(32);
  EXPECT_EQ(decompressor.decompress(half).size(), content_bytes / 2);
  const Bytes both = joined({half, half});
  expect_refused([&] { decompressor.decompress(both, {.read_across_frames = true}); });
  const ByteSpan two[] = {half, half};
  expect_refused([&] { decompressor.multi_decompress_to_buffer(two); });
  const Bytes unknown = frame_of(Bytes(content_bytes), {.content_size = false});
  EXPECT_THAT(message_of<ZstdError>(
                  [&] { decompressor.decompress(unknown, {.max_output_size = SIZE_MAX}); }),
              HasSubstr("did not decompress full frame"));
  Bytes out(content_bytes);
  EXPECT_EQ(decompressor.decompress_into(out, bomb), content_bytes);
  EXPECT_EQ(decompressor.stream_reader(bomb).readall().size(), content_bytes);
}

TEST(Decompressor, TheBoundIsIgnoredWhereTheSizeIsKnown) {
  EXPECT_EQ(ZstdDecompressor().decompress(frame_of(kOther), {.max_output_size = 3}), kOther);
}

// As everywhere; memory that cannot be written to is refused in the place of the output.
template <typename Out, typename In>
concept IsDecompressedInto = requires(ZstdDecompressor decompressor, Out out, In in) {
  decompressor.decompress_into(out, in);
};
static_assert(IsDecompressedInto<MutableByteSpan, ByteSpan>);
static_assert(!IsDecompressedInto<ByteSpan, MutableByteSpan>);

TEST(Decompressor, OutputThatDoesNotFitTheCallersMemoryIsAnError) {
  Bytes out(kOther.size() - 1);
  EXPECT_EQ(zstd_error_of([&] { ZstdDecompressor().decompress_into(out, frame_of(kOther)); }),
            ZSTD_error_dstSize_tooSmall);
}

TEST(Decompressor, ExtraDataIsRefusedUnlessItIsAllowed) {
  ZstdDecompressor decompressor;
  for (const bool with_size : {false, true}) {
    const Bytes frame = frame_of(kOther, {.content_size = with_size});
    const Bytes extra = joined({frame, bytes_of("12345")});
    // Far more room than needed: the original then did not look.
    EXPECT_THAT(message_of<ZstdError>(
                    [&] { decompressor.decompress(extra, {.max_output_size = 1u << 20}); }),
                StartsWith("5 bytes of extra data"));
    EXPECT_EQ(
        decompressor.decompress(extra, {.max_output_size = 1u << 20, .allow_extra_data = true}),
        kOther);
  }
  const Bytes two = joined({frame_of(kOther), frame_of(kContent)});
  EXPECT_EQ(zstd_error_of([&] { decompressor.decompress(two); }), ZSTD_error_srcSize_wrong);
  EXPECT_EQ(decompressor.decompress(two, {.allow_extra_data = true}), kOther);
}

TEST(Decompressor, ReadsAllFramesWhenAsked) {
  for (const bool magicless : {false, true}) {
    ZstdDecompressor decompressor({.format = magicless ? 1 : 0});
    const Bytes sized = frame_of(kOther, {.magicless = magicless});
    const Bytes unsized = frame_of(kContent, {.content_size = false, .magicless = magicless});
    const Bytes empty = frame_of({}, {.magicless = magicless});
    const Bytes all = joined({empty, sized, unsized, empty, sized});
    const Bytes content = joined({kOther, kContent, kOther});
    EXPECT_EQ(decompressor.decompress(
                  all, {.max_output_size = content.size(), .read_across_frames = true}),
              content);
    EXPECT_THROW(decompressor.decompress(all, {.read_across_frames = true}), ZstdError);
    EXPECT_EQ(decompressor.decompress(joined({sized, sized}), {.read_across_frames = true}),
              joined({kOther, kOther}));
  }
}

TEST(Decompressor, AcrossFramesOnlyWhatIsNoFrameIsExtraData) {
  ZstdDecompressor decompressor;
  const Bytes frame = frame_of(kOther);
  const Bytes junk = joined({frame, frame, bytes_of("not a frame")});
  EXPECT_THAT(
      message_of<ZstdError>([&] { decompressor.decompress(junk, {.read_across_frames = true}); }),
      StartsWith("11 bytes of extra data"));
  EXPECT_EQ(decompressor.decompress(junk, {.read_across_frames = true, .allow_extra_data = true}),
            joined({kOther, kOther}));
  for (std::size_t cut = 1; cut < frame.size(); cut += 7) {
    const Bytes torn = joined({frame, without_end(frame, cut)});
    EXPECT_EQ(zstd_error_of([&] {
                decompressor.decompress(torn,
                                        {.read_across_frames = true, .allow_extra_data = true});
              }),
              ZSTD_error_srcSize_wrong)
        << cut;
  }
}

TEST(Decompressor, SkippableFramesArePassedOver) {
  ZstdDecompressor decompressor;
  const Bytes skippable = skippable_frame(100);
  const Bytes frame = frame_of(kOther);
  EXPECT_EQ(decompressor.decompress(joined({skippable, skippable_frame(0, 15), frame})), kOther);
  EXPECT_EQ(decompressor.decompress(joined({frame, skippable, frame, skippable}),
                                    {.read_across_frames = true}),
            joined({kOther, kOther}));
  EXPECT_EQ(zstd_error_of([&] { decompressor.decompress(skippable); }), ZSTD_error_srcSize_wrong);
  EXPECT_TRUE(decompressor.decompress(skippable, {.read_across_frames = true}).empty());
  EXPECT_THROW(decompressor.decompress(without_end(skippable, 1)), ZstdError);
}

TEST(Decompressor, AnEmptyFrameIsCheckedLikeAnyOther) {
  ZstdDecompressor decompressor;
  const Bytes empty = frame_of({});
  EXPECT_TRUE(decompressor.decompress(empty).empty());
  for (std::size_t cut = 1; cut <= empty.size(); ++cut) {
    EXPECT_EQ(zstd_error_of([&] { decompressor.decompress(without_end(empty, cut)); }),
              ZSTD_error_srcSize_wrong)
        << cut;
  }
  EXPECT_THROW(decompressor.decompress(joined({empty, bytes_of("junk")})), ZstdError);
}

TEST(Decompressor, WhatIsNoWholeFrameIsAnError) {
  ZstdDecompressor decompressor;
  EXPECT_EQ(zstd_error_of([&] { decompressor.decompress({}); }), ZSTD_error_srcSize_wrong);
  EXPECT_EQ(zstd_error_of([&] { decompressor.decompress(bytes_of("no frame at all")); }),
            ZSTD_error_prefix_unknown);
  const Bytes frame = frame_of(kOther);
  for (std::size_t cut = 1; cut < frame.size(); ++cut) {
    EXPECT_EQ(zstd_error_of([&] { decompressor.decompress(without_end(frame, cut)); }),
              ZSTD_error_srcSize_wrong)
        << cut;
  }
  Bytes damaged = frame;
  damaged.back() ^= std::byte{1};
  EXPECT_EQ(zstd_error_of([&] { decompressor.decompress(damaged); }), ZSTD_error_checksum_wrong);
  EXPECT_EQ(decompressor.decompress(frame), kOther) << "usable after an error";
}

TEST(Decompressor, ASizeThatTheBlocksCannotHoldIsRefusedBeforeMemoryIsTaken) {
  Bytes frame;
  append_le<std::uint32_t>(frame, ZSTD_MAGICNUMBER);
  frame.push_back(std::byte{0xE0});  // single segment, eight bytes of content size
  append_le<std::uint64_t>(frame, std::uint64_t{1} << 40);
  for (const unsigned byte : {0x0Bu, 0x00u, 0x00u, 0x00u}) frame.push_back(std::byte(byte));
  EXPECT_EQ(zstd_error_of([&] { ZstdDecompressor().decompress(frame); }),
            ZSTD_error_corruption_detected);
}

TEST(Decompressor, LimitsTheWindowInBytes) {
  for (const std::uint64_t refused :
       {std::uint64_t{1}, std::uint64_t{1023}, std::uint64_t{1} << 32, std::uint64_t{1} << 60}) {
    EXPECT_THROW(ZstdDecompressor({.max_window_size = refused}), ZstdError) << refused;
  }
  const Bytes frame = frame_of(kContent, {.content_size = false, .window_log = 18});
  ZstdDecompressor enough({.max_window_size = 1u << 18});
  EXPECT_EQ(enough.decompress(frame, {.max_output_size = kContent.size()}), kContent);
  EXPECT_EQ(enough.stream_reader(frame).readall(), kContent);
  ZstdDecompressor too_little({.max_window_size = (1u << 18) - 1});
  EXPECT_EQ(
      zstd_error_of([&] { too_little.decompress(frame, {.max_output_size = kContent.size()}); }),
      ZSTD_error_frameParameter_windowTooLarge);
  EXPECT_EQ(zstd_error_of([&] { too_little.stream_reader(frame).readall(); }),
            ZSTD_error_frameParameter_windowTooLarge);
}

TEST(Decompressor, RefusesUnknownFormats) {
  EXPECT_THROW(ZstdDecompressor({.format = 7}), ZstdError);
  EXPECT_THROW(ZstdDecompressor().decompress(frame_of(kOther, {.magicless = true})), ZstdError);
}

TEST(Decompressor, TellsTheMemoryOfItsContext) {
  ZstdDecompressor decompressor;
  const std::size_t before = decompressor.memory_size();
  EXPECT_GT(before, 50'000u);
  decompressor.stream_reader(frame_of(kContent)).readall();
  EXPECT_GT(decompressor.memory_size(), before + 100'000);
}

TEST(Decompressor, UsesADictionaryForEveryFrame) {
  const auto dictionary = std::make_shared<ZstdCompressionDict>(kContent, DictType::kRawContent);
  ZstdDecompressor decompressor({.dict_data = dictionary});
  const Bytes frame = frame_of(kContent, {.raw_dictionary = kContent});
  ASSERT_LT(frame.size(), 1000u);
  EXPECT_EQ(decompressor.decompress(frame), kContent);
  EXPECT_EQ(decompressor.decompress(joined({frame, frame}), {.read_across_frames = true}),
            joined({kContent, kContent}));
  EXPECT_EQ(decompressor.stream_reader(joined({frame, frame})).readall(),
            joined({kContent, kContent}));
  EXPECT_THROW(ZstdDecompressor().decompress(frame), ZstdError);
}

// python-zstandard returns wrong content here, and says nothing.
TEST(Decompressor, AWrongRawDictionaryIsNoticedWithoutAskingForIt) {
  const auto right = std::make_shared<ZstdCompressionDict>(kContent, DictType::kRawContent);
  const auto wrong =
      std::make_shared<ZstdCompressionDict>(text_bytes(300'000, 9), DictType::kRawContent);
  const Bytes frame = ZstdCompressor({.dict_data = right}).compress(kContent);
  EXPECT_EQ(ZstdDecompressor({.dict_data = right}).decompress(frame), kContent);
  EXPECT_THROW(ZstdDecompressor({.dict_data = wrong}).decompress(frame), ZstdError);
  // Frames of others, which nothing protects, have to be asked for.
  const Bytes unchecked = frame_of(kContent, {.checksum = false, .raw_dictionary = kContent});
  EXPECT_THAT(
      message_of<ZstdError>([&] { ZstdDecompressor({.dict_data = right}).decompress(unchecked); }),
      HasSubstr("without a content checksum"));
  EXPECT_EQ(ZstdDecompressor({.dict_data = right, .checksums = ChecksumPolicy::kVerifyIfPresent})
                .decompress(unchecked),
            kContent);
}

/// A dictionary for texts of 500 bytes.
auto trained(std::size_t bytes, std::uint32_t id) {
  std::vector<Bytes> samples;
  for (std::uint64_t i = 0; i < 300; ++i) samples.push_back(text_bytes(500, i));
  const std::vector<ByteSpan> views(samples.begin(), samples.end());
  return train_dictionary(bytes, views, {.dict_id = id});
}

TEST(Decompressor, FramesFindTheirDictionaryAmongSeveral) {
  const Bytes sample = text_bytes(500, 7);
  const auto one = trained(2048, 100);
  const auto two = trained(4096, 200);
  const auto three = trained(3072, 300);
  ZstdDecompressor decompressor({.dict_data = one, .more_dicts = {two, three}});
  for (int round = 0; round < 2; ++round) {
    for (const auto& dictionary : {three, one, two}) {
      const Bytes frame = ZstdCompressor({.dict_data = dictionary}).compress(sample);
      EXPECT_EQ(decompressor.decompress(frame), sample);
      EXPECT_EQ(decompressor.stream_reader(frame).readall(), sample);
      const ByteSpan frames[] = {frame};
      EXPECT_EQ(decompressor.multi_decompress_to_buffer(frames)[0].tobytes(), sample);
    }
    decompressor.reset_parameters();
  }
  const auto unknown = trained(2048, 400);
  const Bytes frame = ZstdCompressor({.dict_data = unknown}).compress(sample);
  EXPECT_EQ(zstd_error_of([&] { decompressor.decompress(frame); }), ZSTD_error_dictionary_wrong);
  const auto unnamed = std::make_shared<ZstdCompressionDict>(kOther, DictType::kRawContent);
  EXPECT_THROW(ZstdDecompressor({.more_dicts = {unnamed}}), std::invalid_argument);
  EXPECT_THROW(ZstdDecompressor({.more_dicts = {nullptr}}), std::invalid_argument);
}

// In streams as in one call, whatever came before and however the input is cut.
TEST(Decompressor, FramesOfAStreamFindTheirDictionariesAmongSeveral) {
  const auto one = trained(2048, 100);
  const auto two = trained(4096, 200);
  const auto three = trained(3072, 300);
  const auto frame = [](const auto& dictionary, bool is_named = true) {
    return ZstdCompressor({.dict_data = dictionary, .write_dict_id = is_named}).compress(kContent);
  };
  const auto expect_content = [](const DecompressorOptions& options, const Bytes& frames,
                                 const Bytes& content) {
    ZstdDecompressor decompressor(options);
    for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, frames.size()}) {
      test::PiecewiseSource slow(frames, piece);
      EXPECT_EQ(decompressor.stream_reader(slow).readall(), content);
      test::PiecewiseSource source(frames, piece);
      test::PiecewiseSink sink(1000);
      decompressor.copy_stream(source, sink);
      EXPECT_EQ(sink.content, content);
    }
    ZstdDecompressionObj object = decompressor.decompressobj({.read_across_frames = true});
    EXPECT_EQ(object.decompress(frames), content);
    test::PiecewiseSink sink(1000);
    decompressor.stream_writer(sink).write(frames);
    EXPECT_EQ(sink.content, content);
    EXPECT_EQ(decompressor.decompress(frames, {.read_across_frames = true}), content);
  };
  expect_content({.more_dicts = {two, three}}, frame(two), kContent);
  const Bytes mixed = joined({frame(two), skippable_frame(5), frame(three), frame(two)});
  expect_content({.more_dicts = {two, three}}, mixed, joined({kContent, kContent, kContent}));
  const Bytes unnamed_last = joined({frame(two), frame(one, false), frame(one)});
  expect_content({.dict_data = one, .more_dicts = {two, three}}, unnamed_last,
                 joined({kContent, kContent, kContent}));
  ZstdDecompressor decompressor({.more_dicts = {two, three}});
  EXPECT_EQ(zstd_error_of([&] { decompressor.stream_reader(frame(one)).readall(); }),
            ZSTD_error_dictionary_wrong);
}

TEST(Decompressor, ParametersCanBeSetReadAndReset) {
  ZstdDecompressor decompressor;
  const Bytes magicless = frame_of(kContent, {.magicless = true});
  const Bytes framed = frame_of(kContent);
  decompressor.set_parameter(kDecompressionFormat, kFormatZstd1Magicless);
  EXPECT_EQ(decompressor.get_parameter(kDecompressionFormat), kFormatZstd1Magicless);
  EXPECT_EQ(decompressor.decompress(magicless), kContent);
  EXPECT_EQ(decompressor.stream_reader(magicless).readall(), kContent);
  const ByteSpan frames[] = {magicless};
  EXPECT_EQ(decompressor.multi_decompress_to_buffer(frames)[0].tobytes(), kContent);
  decompressor.reset_parameters();
  EXPECT_EQ(decompressor.get_parameter(kDecompressionFormat), kFormatZstd1);
  EXPECT_EQ(decompressor.decompress(framed), kContent);

  decompressor.set_parameter(kDecompressionWindowLogMax, 12);
  EXPECT_EQ(zstd_error_of([&] { decompressor.decompress(framed); }),
            ZSTD_error_frameParameter_windowTooLarge);
  EXPECT_EQ(zstd_error_of([&] { decompressor.stream_reader(framed).read(1); }),
            ZSTD_error_frameParameter_windowTooLarge);
  decompressor.reset_parameters();

  Bytes damaged = framed;
  damaged.back() ^= std::byte{1};
  EXPECT_THROW(decompressor.decompress(damaged), ZstdError);
  decompressor.set_parameter(kDecompressionForceIgnoreChecksum, 1);
  EXPECT_EQ(decompressor.decompress(damaged), kContent);
  for (const int parameter : decompression_parameters()) {
    EXPECT_NO_THROW(decompressor.get_parameter(parameter)) << parameter;
  }
  EXPECT_THAT(message_of<ZstdError>([&] { decompressor.set_parameter(kDecompressionFormat, 99); }),
              HasSubstr("format to 99"));
  EXPECT_THROW(decompressor.get_parameter(4711), ZstdError);
}

// Both directions use some of the same numbers.
template <typename Object, typename Parameter>
concept Sets = requires(Object object, Parameter parameter) {
  object.set_parameter(parameter, 1);
};
template <typename Object, typename Parameter>
concept Gets = requires(Object object, Parameter parameter) {
  object.get_parameter(parameter);
};
static_assert(Sets<ZstdDecompressor, DecompressionParameter> && Sets<ZstdDecompressor, int>);
static_assert(Gets<ZstdDecompressor, DecompressionParameter> && Gets<ZstdDecompressor, int>);
static_assert(Sets<ZstdCompressor, CompressionParameter> && Sets<ZstdCompressor, int>);
static_assert(Gets<ZstdCompressor, CompressionParameter> && Gets<ZstdCompressor, int>);
static_assert(!Sets<ZstdDecompressor, CompressionParameter>);
static_assert(!Gets<ZstdDecompressor, CompressionParameter>);
static_assert(!Sets<ZstdCompressor, DecompressionParameter>);
static_assert(!Gets<ZstdCompressor, DecompressionParameter>);

TEST(Decompressor, BuffersThatItOwnsCannotBeDeclaredStable) {
  ZstdDecompressor decompressor;
  EXPECT_EQ(decompression_parameter_bounds(kDecompressionStableOutBuffer).upper, 0);
  EXPECT_NO_THROW(decompressor.set_parameter(kDecompressionStableOutBuffer, 0));
  EXPECT_THAT(
      message_of<ZstdError>([&] { decompressor.set_parameter(kDecompressionStableOutBuffer, 1); }),
      HasSubstr("stable_out_buffer to 1: the buffers are the library's own"));
  EXPECT_EQ(decompressor.stream_reader(frame_of(kContent)).readall(), kContent);
}

TEST(Decompressor, AResetOvertakesWhatWasBegun) {
  ZstdDecompressor decompressor;
  ZstdDecompressionObj object = decompressor.decompressobj();
  object.decompress(ByteSpan(frame_of(kContent)).first(100));
  decompressor.reset();
  EXPECT_THROW(object.decompress({}), UsageError);
  EXPECT_EQ(decompressor.decompress(frame_of(kContent)), kContent);
}

TEST(Decompressor, AWrongRawDictionaryIsNoticedByTheChecksumWhichCanBeRequired) {
  const auto wrong =
      std::make_shared<ZstdCompressionDict>(text_bytes(300'000, 9), DictType::kRawContent);
  const auto right = std::make_shared<ZstdCompressionDict>(kContent, DictType::kRawContent);
  const Bytes checked = frame_of(kContent, {.raw_dictionary = kContent});
  EXPECT_THROW(ZstdDecompressor({.dict_data = wrong}).decompress(checked), ZstdError);
  const Bytes unchecked = frame_of(kContent, {.checksum = false, .raw_dictionary = kContent});
  for (const ChecksumPolicy policy :
       {ChecksumPolicy::kRequireWithRawDict, ChecksumPolicy::kRequire}) {
    ZstdDecompressor decompressor({.dict_data = right, .checksums = policy});
    EXPECT_EQ(decompressor.decompress(checked), kContent);
    EXPECT_EQ(decompressor.stream_reader(joined({skippable_frame(3), checked})).readall(),
              kContent);
    EXPECT_EQ(zstd_error_of([&] { decompressor.decompress(unchecked); }),
              ZSTD_error_checksum_wrong);
    EXPECT_EQ(zstd_error_of([&] { decompressor.stream_reader(unchecked).read(1); }),
              ZSTD_error_checksum_wrong);
    // A byte at a time, the header is complete before there is content.
    test::PiecewiseSource slow(unchecked, 1);
    EXPECT_EQ(zstd_error_of([&] { decompressor.stream_reader(slow).read(1); }),
              ZSTD_error_checksum_wrong);
  }
  EXPECT_EQ(ZstdDecompressor({.checksums = ChecksumPolicy::kRequireWithRawDict})
                .decompress(frame_of(kOther, {.checksum = false})),
            kOther);
}

TEST(Decompressor, DecodesAChainOfFrames) {
  for (const bool magicless : {false, true}) {
    ZstdDecompressor decompressor({.format = magicless ? 1 : 0});
    std::vector<Bytes> contents{text_bytes(50'000, 5)};
    std::vector<Bytes> frames{frame_of(contents[0], {.magicless = magicless})};
    for (std::size_t i = 1; i < 5; ++i) {
      contents.push_back(test::overwritten(contents.back(), 1000 * i, bytes_of("changed")));
      frames.push_back(frame_of(contents[i], {.magicless = magicless, .prefix = contents[i - 1]}));
      ASSERT_LT(frames[i].size(), 1000u);
    }
    const std::vector<ByteSpan> spans(frames.begin(), frames.end());
    for (std::size_t n = 1; n <= spans.size(); ++n) {
      EXPECT_EQ(decompressor.decompress_content_dict_chain(std::span(spans).first(n)),
                contents[n - 1]);
    }
    EXPECT_EQ(decompressor.decompress(frames[0]), contents[0]) << "the prefix is gone again";
    EXPECT_THROW(decompressor.decompress(frames[1]), ZstdError);
  }
}

TEST(Decompressor, AChainGoesOnFromItsContentWhereThereAreDictionaries) {
  std::vector<Bytes> samples;
  for (std::uint64_t i = 0; i < 300; ++i) samples.push_back(text_bytes(500, i));
  const std::vector<ByteSpan> views(samples.begin(), samples.end());
  const auto dictionary = train_dictionary(2048, views, {.dict_id = 100});
  const Bytes changed = test::overwritten(kContent, 1000, bytes_of("changed"));
  const Bytes first = ZstdCompressor({.dict_data = dictionary}).compress(kContent);
  const Bytes second = frame_of(changed, {.prefix = kContent});
  const ByteSpan chain[] = {first, second};
  const std::vector<DecompressorOptions> all_options{{.dict_data = dictionary},
                                                     {.more_dicts = {dictionary}}};
  for (const DecompressorOptions& options : all_options) {
    ZstdDecompressor decompressor(options);
    EXPECT_EQ(decompressor.decompress_content_dict_chain(chain), changed);
    EXPECT_EQ(decompressor.multi_decompress_to_buffer(std::span(chain).first(1))[0].tobytes(),
              kContent);
    EXPECT_EQ(decompressor.decompress(first), kContent);
  }
}

TEST(Decompressor, ErrorsInAChainNameTheChunk) {
  ZstdDecompressor decompressor;
  const auto message = [&](const std::vector<Bytes>& frames) {
    const std::vector<ByteSpan> spans(frames.begin(), frames.end());
    return message_of<ZstdError>([&] { decompressor.decompress_content_dict_chain(spans); });
  };
  const Bytes good = frame_of(kOther);
  EXPECT_THROW(decompressor.decompress_content_dict_chain({}), std::invalid_argument);
  EXPECT_THAT(message({{}}), StartsWith("chunk 0:"));
  EXPECT_THAT(message({good, bytes_of("nothing like it")}), StartsWith("chunk 1:"));
  EXPECT_THAT(message({good, good, Bytes(good.begin(), good.end() - 3)}), StartsWith("chunk 2:"));
  EXPECT_THAT(message({good, frame_of(kOther, {.content_size = false})}),
              StartsWith("chunk 1: missing content size"));
  EXPECT_THAT(message({joined({good, bytes_of("more")})}),
              StartsWith("chunk 0: 4 bytes of extra data"));
  const Bytes before = text_bytes(50'000, 5);
  const Bytes wrong =
      frame_of(test::overwritten(before, 99, bytes_of("changed")), {.prefix = before});
  ASSERT_LT(wrong.size(), 1000u);
  EXPECT_THAT(message({good, wrong}), StartsWith("chunk 1: cannot decompress"));
}

TEST(Decompressor, AnOverlappingOperationIsNoticed) {
  const Bytes frame = frame_of(kContent);
  ZstdDecompressor decompressor;
  ZstdDecompressionReader reader = decompressor.stream_reader(frame);
  ASSERT_EQ(reader.read(10).size(), 10u);
  ZstdDecompressionObj object = decompressor.decompressobj();
  EXPECT_THROW(reader.read(10), UsageError);
  EXPECT_EQ(object.decompress(frame), kContent);
  decompressor.decompress(frame);
  EXPECT_THROW(object.decompress(frame), UsageError);
}

TEST(Decompressor, UseFromWithinASourceIsNoticed) {
  ZstdDecompressor decompressor;
  CallbackSource source([&](MutableByteSpan) -> std::size_t {
    decompressor.decompress(frame_of(kOther));
    return 0;
  });
  ZstdDecompressionReader reader = decompressor.stream_reader(source);
  EXPECT_THROW(reader.read(1), UsageError);
}

TEST(Decompressor, UseByASecondThreadIsNoticed) {
  ZstdDecompressor decompressor;
  bool noticed = false;
  CallbackSource source([&](MutableByteSpan) -> std::size_t {
    std::thread other(
        [&] { noticed = !message_of<UsageError>([&] { decompressor.memory_size(); }).empty(); });
    other.join();
    return 0;
  });
  EXPECT_TRUE(decompressor.stream_reader(source).readall().empty());
  EXPECT_TRUE(noticed);
}

// Of whatever it has made, and of whatever that can be asked: a second thread is told apart from
// the call itself by nothing, so the call stands for it here.
TEST(Decompressor, UseOfWhatItMadeFromWithinACallIsNoticed) {
  const Bytes frame = frame_of(kOther);
  ZstdDecompressor decompressor;
  int noticed = 0;
  const auto notice = [&](const auto& call) {
    const std::string message = message_of<UsageError>(call);
    EXPECT_THAT(message, HasSubstr("or from within one of its own calls"));
    if (!message.empty()) ++noticed;
  };
  ZstdDecompressionObj object = decompressor.decompressobj();
  ZstdDecompressionChunker chunker = decompressor.chunker();
  ByteChunks chunks = chunker.decompress(frame);
  ByteChunks range = decompressor.read_to_iter(frame);
  ZstdDecompressionReader* used_reader = nullptr;
  ZstdDecompressionWriter* used_writer = nullptr;
  test::PiecewiseSource memory(frame, frame.size());
  CallbackSource source([&](MutableByteSpan out) {
    notice([&] { used_reader->tell(); });
    notice([&] { used_reader->bytes_consumed(); });
    notice([&] { used_reader->closed(); });
    notice([&] { used_reader->close(); });
    notice([&] { object.eof(); });
    notice([&] { object.flush(); });
    notice([&] { object.needs_input(); });
    notice([&] { object.unused_data(); });
    notice([&] { object.unconsumed_tail(); });
    notice([&] { object.bytes_consumed(); });
    notice([&] { object.bytes_produced(); });
    notice([&] { chunks.bytes_consumed(); });
    notice([&] { range.bytes_consumed(); });
    return memory.read(out);
  });
  ZstdDecompressionReader reader = decompressor.stream_reader(source);
  used_reader = &reader;
  EXPECT_EQ(reader.read(10).size(), 10u);
  EXPECT_EQ(noticed, 13);
  EXPECT_EQ(reader.tell(), 10u);
  EXPECT_FALSE(reader.closed());
  noticed = 0;
  CallbackSink sink([&](ByteSpan bytes) {
    notice([&] { used_writer->flush(); });
    notice([&] { used_writer->close(); });
    notice([&] { used_writer->closed(); });
    notice([&] { used_writer->memory_size(); });
    notice([&] { used_writer->bytes_consumed(); });
    notice([&] { used_writer->bytes_produced(); });
    return bytes.size();
  });
  ZstdDecompressionWriter writer = decompressor.stream_writer(sink);
  used_writer = &writer;
  writer.write(frame);
  EXPECT_EQ(noticed, 6);
  EXPECT_FALSE(writer.closed());
  EXPECT_EQ(reader.tell(), 10u) << "also after another operation was begun";
  writer.close();
}

TEST(Decompressor, WhatItMadeMayOutliveIt) {
  const Bytes frame = frame_of(kContent);
  auto decompressor = std::make_unique<ZstdDecompressor>();
  ZstdDecompressionReader reader = decompressor->stream_reader(frame);
  ZstdDecompressor moved = std::move(*decompressor);
  decompressor.reset();
  EXPECT_EQ(reader.readall(), kContent);
}

}  // namespace
}  // namespace zstdfs
