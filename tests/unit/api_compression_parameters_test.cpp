#include <gmock/gmock.h>
#include <gtest/gtest.h>

#define ZSTD_STATIC_LINKING_ONLY
#include <zstd.h>
#include <zstd_errors.h>

#include <algorithm>
#include <memory>
#include <string>
#include <thread>

#include "tests/patterns.hpp"
#include "zstdfs/compression_parameters.hpp"
#include "zstdfs/constants.hpp"
#include "zstdfs/errors.hpp"

namespace zstdfs {
namespace {

using testing::HasSubstr;
using Values = CompressionParameterValues;

struct FreeContext {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
};
using Context = std::unique_ptr<ZSTD_CCtx, FreeContext>;

Bytes compressed_with(ZSTD_CCtx* context, ByteSpan data) {
  Bytes frame(ZSTD_compressBound(data.size()));
  frame.resize(ZstdError::check(
      ZSTD_compress2(context, frame.data(), frame.size(), data.data(), data.size()), "compress"));
  return frame;
}

// What python-zstandard reads back from ZstdCompressionParameters() was printed with it.
TEST(ApiCompressionParameters, ReadBackThePythonDefaults) {
  const ZstdCompressionParameters parameters;
  EXPECT_EQ(parameters.format(), kFormatZstd1);
  EXPECT_EQ(parameters.compression_level(), 3);
  EXPECT_EQ(parameters.window_log(), 0);
  EXPECT_EQ(parameters.hash_log(), 0);
  EXPECT_EQ(parameters.chain_log(), 0);
  EXPECT_EQ(parameters.search_log(), 0);
  EXPECT_EQ(parameters.min_match(), 0);
  EXPECT_EQ(parameters.target_length(), 0);
  EXPECT_EQ(parameters.strategy(), 0);
  EXPECT_TRUE(parameters.write_content_size());
  EXPECT_FALSE(parameters.write_checksum());
  EXPECT_FALSE(parameters.write_dict_id());
  EXPECT_EQ(parameters.job_size(), 0);
  EXPECT_EQ(parameters.overlap_log(), 0);
  EXPECT_FALSE(parameters.force_max_window());
  EXPECT_FALSE(parameters.enable_ldm());
  EXPECT_EQ(parameters.ldm_hash_log(), 0);
  EXPECT_EQ(parameters.ldm_min_match(), 0);
  EXPECT_EQ(parameters.ldm_bucket_size_log(), 0);
  EXPECT_EQ(parameters.ldm_hash_rate_log(), 0);
  EXPECT_EQ(parameters.threads(), 0);
}

TEST(ApiCompressionParameters, ReadBackEveryFieldThatWasSet) {
  const ZstdCompressionParameters parameters(Values{.format = kFormatZstd1Magicless,
                                                    .compression_level = 7,
                                                    .window_log = 20,
                                                    .hash_log = 18,
                                                    .chain_log = 19,
                                                    .search_log = 4,
                                                    .min_match = 5,
                                                    .target_length = 32,
                                                    .strategy = kStrategyLazy,
                                                    .write_content_size = false,
                                                    .write_checksum = true,
                                                    .write_dict_id = true,
                                                    .job_size = 1 << 20,
                                                    .overlap_log = 6,
                                                    .force_max_window = true,
                                                    .enable_ldm = true,
                                                    .ldm_hash_log = 21,
                                                    .ldm_min_match = 64,
                                                    .ldm_bucket_size_log = 5,
                                                    .ldm_hash_rate_log = 8,
                                                    .threads = 2});
  EXPECT_EQ(parameters.format(), kFormatZstd1Magicless);
  EXPECT_EQ(parameters.compression_level(), 7);
  EXPECT_EQ(parameters.window_log(), 20);
  EXPECT_EQ(parameters.hash_log(), 18);
  EXPECT_EQ(parameters.chain_log(), 19);
  EXPECT_EQ(parameters.search_log(), 4);
  EXPECT_EQ(parameters.min_match(), 5);
  EXPECT_EQ(parameters.target_length(), 32);
  EXPECT_EQ(parameters.strategy(), kStrategyLazy);
  EXPECT_FALSE(parameters.write_content_size());
  EXPECT_TRUE(parameters.write_checksum());
  EXPECT_TRUE(parameters.write_dict_id());
  EXPECT_EQ(parameters.job_size(), 1 << 20);  // the number of workers did not reset it
  EXPECT_EQ(parameters.overlap_log(), 6);
  EXPECT_TRUE(parameters.force_max_window());
  EXPECT_TRUE(parameters.enable_ldm());
  EXPECT_EQ(parameters.ldm_hash_log(), 21);
  EXPECT_EQ(parameters.ldm_min_match(), 64);
  EXPECT_EQ(parameters.ldm_bucket_size_log(), 5);
  EXPECT_EQ(parameters.ldm_hash_rate_log(), 8);
  EXPECT_EQ(parameters.threads(), 2);
}

TEST(ApiCompressionParameters, NegativeThreadsAreOneForEachProcessor) {
  const ZstdCompressionParameters parameters(Values{.threads = -1});
  const int most = compression_parameter_bounds(kParameterThreads).upper;
  EXPECT_EQ(parameters.threads(),
            std::min(most, static_cast<int>(std::max(1U, std::thread::hardware_concurrency()))));
}

TEST(ApiCompressionParameters, LevelsAndJobSizesThatAreTooSmallBecomeTheLeast) {
  EXPECT_EQ(ZstdCompressionParameters(Values{.compression_level = -3}).compression_level(), -3);
  EXPECT_EQ(ZstdCompressionParameters(Values{.compression_level = -200000}).compression_level(),
            kMinCompressionLevel);
  EXPECT_EQ(ZstdCompressionParameters(Values{.job_size = 1000, .threads = 4}).job_size(), 524288);
}

TEST(ApiCompressionParameters, AnErrorNamesTheParameterAndTheValue) {
  const auto message_of = [](const Values& values) -> std::string {
    try {
      const ZstdCompressionParameters refused(values);
    } catch (const ZstdError& error) {
      EXPECT_EQ(error.code(), ZSTD_error_parameter_outOfBound);
      return error.what();
    }
    return "no error";
  };
  EXPECT_THAT(message_of({.window_log = 99}), HasSubstr("window_log to 99"));
  EXPECT_THAT(message_of({.window_log = kWindowLogMin - 1}), HasSubstr("window_log to 9"));
  EXPECT_THAT(message_of({.hash_log = kHashLogMax + 1}), HasSubstr("hash_log"));
  EXPECT_THAT(message_of({.chain_log = kChainLogMax + 1}), HasSubstr("chain_log"));
  EXPECT_THAT(message_of({.search_log = kSearchLogMax + 1}), HasSubstr("search_log"));
  EXPECT_THAT(message_of({.min_match = 9}), HasSubstr("min_match to 9"));
  EXPECT_THAT(message_of({.target_length = 200000}), HasSubstr("target_length"));
  EXPECT_THAT(message_of({.strategy = 10}), HasSubstr("strategy to 10"));
  EXPECT_THAT(message_of({.format = 3}), HasSubstr("format to 3"));
  EXPECT_THAT(message_of({.ldm_min_match = 5000}), HasSubstr("ldm_min_match"));
  // libzstd itself would clamp these.
  EXPECT_THAT(message_of({.compression_level = 23}), HasSubstr("compression_level to 23"));
  EXPECT_THAT(message_of({.compression_level = 99}), HasSubstr("compression_level to 99"));
  EXPECT_THAT(message_of({.job_size = -5}), HasSubstr("job_size to -5"));
  EXPECT_THAT(message_of({.overlap_log = 50}), HasSubstr("overlap_log to 50"));
  EXPECT_THAT(message_of({.threads = 1000}), HasSubstr("threads to 1000"));
  EXPECT_THROW(ZstdCompressionParameters::from_level(23), ZstdError);
  EXPECT_THROW(ZstdCompressionParameters().with(kParameterThreads, -1), ZstdError);
}

void expect_seven(const ZstdCompressionParameters& got, const ZSTD_compressionParameters& want) {
  EXPECT_EQ(got.window_log(), static_cast<int>(want.windowLog));
  EXPECT_EQ(got.hash_log(), static_cast<int>(want.hashLog));
  EXPECT_EQ(got.chain_log(), static_cast<int>(want.chainLog));
  EXPECT_EQ(got.search_log(), static_cast<int>(want.searchLog));
  EXPECT_EQ(got.min_match(), static_cast<int>(want.minMatch));
  EXPECT_EQ(got.target_length(), static_cast<int>(want.targetLength));
  EXPECT_EQ(got.strategy(), static_cast<int>(want.strategy));
}

TEST(ApiFromLevel, CopiesTheSevenParametersOfTheLevel) {
  for (const int level : {-5, 0, 1, 3, 9, 19, 22}) {
    SCOPED_TRACE(level);
    expect_seven(ZstdCompressionParameters::from_level(level), ZSTD_getCParams(level, 0, 0));
    expect_seven(ZstdCompressionParameters::from_level(level, 5000, 300),
                 ZSTD_getCParams(level, 5000, 300));
  }
}

TEST(ApiFromLevel, IsTunedForTheSizesOfSourceAndDictionary) {
  EXPECT_EQ(ZstdCompressionParameters::from_level(3).window_log(), 21);
  EXPECT_EQ(ZstdCompressionParameters::from_level(3, 1000).window_log(), 10);
  EXPECT_EQ(ZstdCompressionParameters::from_level(3, 0, 65536).window_log(), 17);
}

TEST(ApiFromLevel, LeavesTheRestAtItsDefaults) {
  const auto parameters = ZstdCompressionParameters::from_level(9);
  EXPECT_EQ(parameters.compression_level(), 3);  // as python-zstandard has it
  EXPECT_TRUE(parameters.write_content_size());
  EXPECT_FALSE(parameters.write_checksum());
}

TEST(ApiFromLevel, OverridesWin) {
  const auto parameters = ZstdCompressionParameters::from_level(
      4, 0, 0, {.window_log = 10, .strategy = kStrategyFast, .write_checksum = true, .threads = 4});
  EXPECT_EQ(parameters.window_log(), 10);
  EXPECT_EQ(parameters.strategy(), kStrategyFast);
  EXPECT_TRUE(parameters.write_checksum());
  EXPECT_EQ(parameters.threads(), 4);
  EXPECT_EQ(parameters.hash_log(), ZstdCompressionParameters::from_level(4).hash_log());
}

TEST(ApiCompressionParameters, WithChangesOneParameterOfACopy) {
  const ZstdCompressionParameters before(
      Values{.window_log = 20, .job_size = 1 << 20, .threads = 2});
  const ZstdCompressionParameters after =
      before.with(kParameterRsyncable, 1).with(kParameterWindowLog, 22).with(kParameterThreads, 3);
  EXPECT_EQ(before.get(kParameterRsyncable), 0);
  EXPECT_EQ(before.window_log(), 20);
  EXPECT_EQ(after.get(kParameterRsyncable), 1);
  EXPECT_EQ(after.window_log(), 22);
  EXPECT_EQ(after.threads(), 3);
  EXPECT_EQ(after.job_size(), 1 << 20);
}

TEST(ApiCompressionParameters, EveryParameterThatLibzstdKnowsCanBeSetAndRead) {
  const ZstdCompressionParameters defaults;
  for (const int parameter : compression_parameters()) {
    SCOPED_TRACE(compression_parameter_name(parameter));
    const int upper = compression_parameter_bounds(parameter).upper;
    EXPECT_EQ(defaults.with(parameter, upper).get(parameter), upper);
  }
}

// The library's own buffers move and are used again: libzstd would read what is not there any more.
TEST(ApiCompressionParameters, BuffersThatTheLibraryOwnsCannotBeDeclaredStable) {
  const ZstdCompressionParameters defaults;
  for (const int parameter : {kParameterStableInBuffer, kParameterStableOutBuffer}) {
    EXPECT_EQ(compression_parameter_bounds(parameter).upper, 0);
    EXPECT_EQ(defaults.with(parameter, 0).get(parameter), 0);
    for (const int value : {1, -1, 2}) {
      try {
        defaults.with(parameter, value);
        ADD_FAILURE() << value;
      } catch (const ZstdError& error) {
        EXPECT_EQ(error.code(), ZSTD_error_parameter_unsupported);
        EXPECT_THAT(error.what(), HasSubstr(compression_parameter_name(parameter)));
        EXPECT_THAT(error.what(), HasSubstr("buffers are the library's own"));
      }
    }
  }
}

template <typename Parameter>
concept IsParameter = requires(const ZstdCompressionParameters parameters, Parameter parameter) {
  parameters.get(parameter);
  parameters.is_set(parameter);
  parameters.with(parameter, 1);
};
static_assert(IsParameter<CompressionParameter> && IsParameter<int>);
template <typename Parameter>
concept IsAnyParameter = requires(const ZstdCompressionParameters parameters, Parameter parameter) {
  parameters.get(parameter);
}
|| requires(const ZstdCompressionParameters parameters, Parameter parameter) {
  parameters.is_set(parameter);
}
|| requires(const ZstdCompressionParameters parameters, Parameter parameter) {
  parameters.with(parameter, 1);
};
static_assert(!IsAnyParameter<DecompressionParameter>);

TEST(ApiCompressionParameters, AnUnknownParameterIsRefused) {
  const ZstdCompressionParameters parameters;
  EXPECT_THROW(parameters.get(987654), ZstdError);
  EXPECT_THROW(parameters.with(987654, 1), ZstdError);
}

TEST(ApiCompressionParameters, ClampedToAnInputTheWindowIsNoLargerThanTheInput) {
  const ZstdCompressionParameters parameters(
      Values{.compression_level = 19, .window_log = 27, .write_checksum = true});
  const ZstdCompressionParameters clamped = parameters.clamped_to(100000);
  EXPECT_EQ(clamped.window_log(), 17);
  EXPECT_LE(clamped.hash_log(), 18);
  EXPECT_TRUE(clamped.write_checksum());
  EXPECT_EQ(clamped.compression_level(), 19);
  EXPECT_LT(clamped.estimated_compression_context_size(),
            parameters.estimated_compression_context_size() / 10);
  EXPECT_EQ(parameters.clamped_to(0).window_log(), 27);
  EXPECT_EQ(parameters.clamped_to(500).window_log(), kWindowLogMin);
}

TEST(ApiCompressionParameters, TheEstimateIsLibzstds) {
  EXPECT_EQ(ZstdCompressionParameters().estimated_compression_context_size(),
            ZSTD_estimateCCtxSize_usingCCtxParams(ZstdCompressionParameters().raw()));
  const auto small = ZstdCompressionParameters::from_level(1, 1000);
  const auto large = ZstdCompressionParameters::from_level(19);
  EXPECT_LT(small.estimated_compression_context_size(), large.estimated_compression_context_size());
  EXPECT_GT(large.estimated_compression_stream_size(), large.estimated_compression_context_size());
}

// libzstd's own estimate divides by zero here, and python-zstandard with it.
TEST(ApiCompressionParameters, TheEstimateWithLongDistanceMatchingCoversWhatACompressorTakes) {
  const Bytes data = test::text_bytes(3 << 20, 3);
  for (const int level : {1, 9, 16}) {
    const ZstdCompressionParameters parameters(
        Values{.compression_level = level, .window_log = 20, .enable_ldm = true});
    const Context context(ZSTD_createCCtx());
    parameters.apply_to(context.get());
    compressed_with(context.get(), data);
    const std::size_t taken = ZSTD_sizeof_CCtx(context.get());
    const std::size_t estimated = parameters.estimated_compression_context_size();
    EXPECT_GE(estimated, taken) << level;
    EXPECT_LT(estimated, taken * 2) << level;
    EXPECT_GT(parameters.estimated_compression_stream_size(), estimated);
  }
  EXPECT_GT(
      ZstdCompressionParameters(Values{.enable_ldm = true}).estimated_compression_context_size(),
      std::size_t{1} << 20);
}

// Defect 9 of the original: libzstd's error code came out as a size of nearly 2^64.
TEST(ApiCompressionParameters, AnEstimateWithThreadsIsAnErrorAndNotASize) {
  const ZstdCompressionParameters parameters(Values{.threads = 2});
  EXPECT_THROW(parameters.estimated_compression_context_size(), ZstdError);
  EXPECT_THROW(parameters.estimated_compression_stream_size(), ZstdError);
}

TEST(ApiCompressionParameters, AppliedToAContextTheyAreWhatItCompressesWith) {
  const Context context(ZSTD_createCCtx());
  const Bytes data = test::text_bytes(20000, 1);
  ZstdCompressionParameters(Values{.write_checksum = true}).apply_to(context.get());
  EXPECT_EQ(std::to_integer<unsigned>(compressed_with(context.get(), data)[4]) & 4U, 4U);

  // What was set before and is not set now is gone.
  const auto fast = ZstdCompressionParameters::from_level(1, data.size());
  fast.apply_to(context.get());
  const Bytes frame = compressed_with(context.get(), data);
  EXPECT_EQ(std::to_integer<unsigned>(frame[4]) & 4U, 0U);
  const Context other(ZSTD_createCCtx());
  ZSTD_CCtx_setParameter(other.get(), ZSTD_c_compressionLevel, 1);
  EXPECT_EQ(frame, compressed_with(other.get(), data));
}

TEST(ApiCompressionParameters, ApplyingThemEndsAnUnfinishedFrame) {
  const Context context(ZSTD_createCCtx());
  const Bytes data = test::text_bytes(5000, 2);
  Bytes out(10000);
  ZSTD_inBuffer in_buffer{data.data(), data.size(), 0};
  ZSTD_outBuffer out_buffer{out.data(), out.size(), 0};
  ZSTD_compressStream2(context.get(), &out_buffer, &in_buffer, ZSTD_e_flush);
  ZstdCompressionParameters().apply_to(context.get());
  const Context fresh(ZSTD_createCCtx());
  ZstdCompressionParameters().apply_to(fresh.get());
  EXPECT_EQ(compressed_with(context.get(), data), compressed_with(fresh.get(), data));
}

TEST(ApiCompressionParameters, CopiesShareAndOutliveTheOriginal) {
  auto original = std::make_unique<ZstdCompressionParameters>(Values{.window_log = 19});
  const ZstdCompressionParameters copy = *original;
  EXPECT_EQ(copy.raw(), original->raw());
  original.reset();
  EXPECT_EQ(copy.window_log(), 19);
}

}  // namespace
}  // namespace zstdfs
