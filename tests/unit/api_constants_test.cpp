#include <gmock/gmock.h>
#include <gtest/gtest.h>

#define ZSTD_STATIC_LINKING_ONLY
#include <zstd.h>
#include <zstd_errors.h>

#include <set>
#include <string>

#include "zstdfs/constants.hpp"
#include "zstdfs/dictionary.hpp"
#include "zstdfs/errors.hpp"

namespace zstdfs {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::MatchesRegex;

// The numbers are those that python-zstandard prints for its module's attributes.
TEST(ApiConstants, HaveTheValuesOfPythonZstandard) {
  EXPECT_EQ(static_cast<int>(kFlushBlock), 0);
  EXPECT_EQ(static_cast<int>(kFlushFrame), 1);
  EXPECT_EQ(static_cast<int>(kCompressObjFlushFinish), 0);
  EXPECT_EQ(static_cast<int>(kCompressObjFlushBlock), 1);
  EXPECT_EQ(kContentSizeUnknown, 18446744073709551615U);
  EXPECT_EQ(kContentSizeError, 18446744073709551614U);
  EXPECT_EQ(kMagicNumber, 4247762216U);
  EXPECT_EQ(kMaxCompressionLevel, 22);
  EXPECT_EQ(kBlockSizeLogMax, 17);
  EXPECT_EQ(kBlockSizeMax, 131072U);
  EXPECT_EQ(kFormatZstd1, 0);
  EXPECT_EQ(kFormatZstd1Magicless, 1);
  EXPECT_EQ(static_cast<int>(DictType::kAuto), 0);
  EXPECT_EQ(static_cast<int>(DictType::kRawContent), 1);
  EXPECT_EQ(static_cast<int>(DictType::kFullDict), 2);
}

TEST(ApiConstants, TheFrameHeaderIsTheMagicNumberAsItIsStored) {
  EXPECT_THAT(kFrameHeader,
              ElementsAre(std::byte{0x28}, std::byte{0xb5}, std::byte{0x2f}, std::byte{0xfd}));
  EXPECT_EQ(load_le<std::uint32_t>(kFrameHeader, 0), kMagicNumber);
}

TEST(ApiConstants, TheRecommendedSizesAreThoseOfTheLibraryThatRuns) {
  EXPECT_EQ(kCompressionRecommendedInputSize, ZSTD_CStreamInSize());
  EXPECT_EQ(kCompressionRecommendedOutputSize, ZSTD_CStreamOutSize());
  EXPECT_EQ(kDecompressionRecommendedInputSize, ZSTD_DStreamInSize());
  EXPECT_EQ(kDecompressionRecommendedOutputSize, ZSTD_DStreamOutSize());
  EXPECT_EQ(kCompressionRecommendedInputSize, 131072U);
  EXPECT_EQ(kCompressionRecommendedOutputSize, 131591U);
  EXPECT_EQ(kDecompressionRecommendedInputSize, 131075U);
  EXPECT_EQ(kDecompressionRecommendedOutputSize, 131072U);
}

TEST(ApiConstants, TheVersionIsThatOfTheLibraryThatRuns) {
  const ZstdVersion version = zstd_version();
  EXPECT_EQ(version.major * 10000 + version.minor * 100 + version.release, ZSTD_versionNumber());
  EXPECT_GE(version, (ZstdVersion{.major = 1, .minor = 5, .release = 4}));
}

TEST(ApiConstants, TheLibrarysOwnVersionIsThreeNumbers) {
  EXPECT_THAT(core_version(), MatchesRegex("[0-9]+\\.[0-9]+\\.[0-9]+"));
}

TEST(ApiConstants, TheFeaturesIncludeTheBatchFunctions) {
  std::set<std::string> features;
  for (const char* feature : backend_features()) features.insert(feature);
  EXPECT_THAT(features, ElementsAre("buffer_types", "multi_compress_to_buffer",
                                    "multi_decompress_to_buffer"));
}

struct NamedBounds {
  int parameter;
  int lower;
  int upper;
};

class ApiParameterBounds : public testing::TestWithParam<NamedBounds> {};

TEST_P(ApiParameterBounds, AreTheConstantsOfTheModule) {
  const ParameterBounds bounds = compression_parameter_bounds(GetParam().parameter);
  EXPECT_EQ(bounds.lower, GetParam().lower);
  EXPECT_EQ(bounds.upper, GetParam().upper);
}

INSTANTIATE_TEST_SUITE_P(
    All, ApiParameterBounds,
    testing::Values(NamedBounds{kParameterWindowLog, kWindowLogMin, kWindowLogMax},
                    NamedBounds{kParameterChainLog, kChainLogMin, kChainLogMax},
                    NamedBounds{kParameterHashLog, kHashLogMin, kHashLogMax},
                    NamedBounds{kParameterSearchLog, kSearchLogMin, kSearchLogMax},
                    NamedBounds{kParameterMinMatch, kMinMatchMin, kMinMatchMax},
                    NamedBounds{kParameterMinMatch, kSearchLengthMin, kSearchLengthMax},
                    NamedBounds{kParameterTargetLength, kTargetLengthMin, kTargetLengthMax},
                    NamedBounds{kParameterStrategy, kStrategyFast, kStrategyBtultra2},
                    NamedBounds{kParameterLdmMinMatch, kLdmMinMatchMin, kLdmMinMatchMax},
                    NamedBounds{kParameterLdmBucketSizeLog, 1, kLdmBucketSizeLogMax},
                    NamedBounds{kParameterSrcSizeHint, kSrcSizeHintMin, kSrcSizeHintMax},
                    NamedBounds{kParameterCompressionLevel, kMinCompressionLevel,
                                kMaxCompressionLevel}));

TEST(ApiParameters, TheStrategiesCountUpFromFast) {
  EXPECT_THAT(
      (std::array{kStrategyFast, kStrategyDfast, kStrategyGreedy, kStrategyLazy, kStrategyLazy2,
                  kStrategyBtlazy2, kStrategyBtopt, kStrategyBtultra, kStrategyBtultra2}),
      ElementsAre(1, 2, 3, 4, 5, 6, 7, 8, 9));
}

const int kReadBeforeMain = parameter_target_c_block_size();

TEST(ApiParameters, TargetCBlockSizeHasItsNumberBeforeMain) {
  EXPECT_EQ(kReadBeforeMain, parameter_target_c_block_size());
  EXPECT_EQ(compression_parameter_name(kReadBeforeMain), "target_c_block_size");
}

TEST(ApiParameters, EveryKnownOneHasANameOfItsOwnAndBounds) {
  std::set<std::string> names;
  for (const int parameter : compression_parameters()) {
    const std::string name = compression_parameter_name(parameter);
    EXPECT_TRUE(names.insert(name).second) << name;
    const ParameterBounds bounds = compression_parameter_bounds(parameter);
    EXPECT_LE(bounds.lower, bounds.upper) << name;
  }
  EXPECT_THAT(names, Contains("rsyncable"));
  EXPECT_THAT(names, Contains("max_block_size"));
  EXPECT_GE(names.size(), 38U);
  EXPECT_THAT(compression_parameters(), Contains(parameter_target_c_block_size()));
}

TEST(ApiParameters, EveryKnownDecompressionParameterHasBounds) {
  EXPECT_GE(decompression_parameters().size(), 6U);
  for (const int parameter : decompression_parameters()) {
    const ParameterBounds bounds = decompression_parameter_bounds(parameter);
    EXPECT_LE(bounds.lower, bounds.upper) << decompression_parameter_name(parameter);
  }
  EXPECT_EQ(decompression_parameter_bounds(kDecompressionWindowLogMax).upper, kWindowLogMax);
}

TEST(ApiParameters, AnUnknownOneIsNamedInTheError) {
  try {
    compression_parameter_bounds(987654);
    FAIL() << "bounds of a parameter that does not exist";
  } catch (const ZstdError& error) {
    EXPECT_EQ(error.code(), ZSTD_error_parameter_unsupported);
    EXPECT_THAT(error.what(), HasSubstr("parameter 987654"));
  }
  EXPECT_THROW(decompression_parameter_bounds(987654), ZstdError);
}

}  // namespace
}  // namespace zstdfs
