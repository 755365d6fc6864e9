#include <gmock/gmock.h>
#include <gtest/gtest.h>

#define ZSTD_STATIC_LINKING_ONLY
#include <zdict.h>
#include <zstd.h>
#include <zstd_errors.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <thread>
#include <vector>

#include "tests/patterns.hpp"
#include "zstdfs/constants.hpp"
#include "zstdfs/dictionary.hpp"
#include "zstdfs/errors.hpp"

namespace zstdfs {
namespace {

using testing::ElementsAreArray;
using testing::HasSubstr;

/// Samples that have much in common: short stretches of one text.
struct Samples {
  explicit Samples(std::size_t count = 400) : text(test::text_bytes(count * 100 + 400, 1)) {
    for (std::size_t i = 0; i < count; ++i) views.push_back(ByteSpan(text).subspan(i * 100, 400));
  }
  Bytes text;
  std::vector<ByteSpan> views;
};

const Bytes& trained_bytes() {
  static const Bytes bytes = [] {
    const auto dictionary = train_dictionary(8192, Samples().views, {.dict_id = 4711});
    return Bytes(dictionary->as_bytes().begin(), dictionary->as_bytes().end());
  }();
  return bytes;
}

Bytes compressed_with(const ZSTD_CDict* digest, ByteSpan data) {
  const std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> context(ZSTD_createCCtx(),
                                                                     &ZSTD_freeCCtx);
  Bytes frame(ZSTD_compressBound(data.size()));
  frame.resize(ZstdError::check(ZSTD_compress_usingCDict(context.get(), frame.data(), frame.size(),
                                                         data.data(), data.size(), digest),
                                "compress"));
  return frame;
}

Bytes decompressed_with(const ZSTD_DDict* digest, ByteSpan frame, std::size_t bytes) {
  const std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> context(ZSTD_createDCtx(),
                                                                     &ZSTD_freeDCtx);
  Bytes data(bytes);
  data.resize(ZstdError::check(ZSTD_decompress_usingDDict(context.get(), data.data(), data.size(),
                                                          frame.data(), frame.size(), digest),
                               "decompress"));
  return data;
}

TEST(ApiDictionary, AutoTellsRawContentByTheMagicNumber) {
  const ZstdCompressionDict dictionary(test::bytes_of("any content whatever"));
  EXPECT_EQ(dictionary.size(), 20U);
  EXPECT_EQ(dictionary.dict_id(), 0U);
  EXPECT_EQ(dictionary.k(), 0U);
  EXPECT_EQ(dictionary.d(), 0U);
  EXPECT_EQ(dictionary.dict_type(), DictType::kAuto);
  EXPECT_THAT(dictionary.as_bytes(), ElementsAreArray(test::bytes_of("any content whatever")));
}

TEST(ApiDictionary, AutoAndFullReadTheIdOfAFullDictionary) {
  EXPECT_EQ(ZstdCompressionDict(trained_bytes()).dict_id(), 4711U);
  EXPECT_EQ(ZstdCompressionDict(trained_bytes(), DictType::kFullDict).dict_id(), 4711U);
}

TEST(ApiDictionary, RawContentHasNoIdWhateverItBeginsWith) {
  const ZstdCompressionDict dictionary(trained_bytes(), DictType::kRawContent);
  EXPECT_EQ(dictionary.dict_id(), 0U);
  EXPECT_EQ(ZSTD_getDictID_fromDDict(dictionary.digested().get()), 0U);
}

TEST(ApiDictionary, FullRefusesWhatIsNone) {
  EXPECT_THROW(ZstdCompressionDict(test::bytes_of("any content whatever"), DictType::kFullDict),
               ZstdError);
  EXPECT_THROW(ZstdCompressionDict({}, DictType::kFullDict), ZstdError);
  EXPECT_THROW(ZstdCompressionDict(ByteSpan(trained_bytes()).first(20), DictType::kFullDict),
               ZstdError);
}

TEST(ApiDictionary, AnUnknownTypeIsRefused) {
  EXPECT_THROW(ZstdCompressionDict(trained_bytes(), static_cast<DictType>(3)),
               std::invalid_argument);
}

TEST(ApiDictionary, AnEmptyOneIsNoDictionaryButAllowed) {
  ZstdCompressionDict dictionary({});
  EXPECT_EQ(dictionary.size(), 0U);
  EXPECT_EQ(dictionary.dict_id(), 0U);
  dictionary.precompute_compress(3);
  EXPECT_NE(dictionary.precomputed(), nullptr);
  EXPECT_NE(dictionary.digested(), nullptr);
}

TEST(ApiDictionary, DamagedTablesAreFoundWhenAutoDigests) {
  Bytes damaged(ByteSpan(trained_bytes()).first(200).begin(),
                ByteSpan(trained_bytes()).first(200).end());
  std::fill(damaged.begin() + 8, damaged.end(), std::byte{0xff});
  ZstdCompressionDict dictionary(damaged);
  const auto expect_corrupted = [](const auto& call) {
    try {
      call();
      ADD_FAILURE() << "no error";
    } catch (const ZstdError& error) {
      EXPECT_EQ(error.code(), ZSTD_error_dictionary_corrupted);
      EXPECT_THAT(error.what(), HasSubstr("damaged"));
    }
  };
  expect_corrupted([&] { dictionary.precompute_compress(3); });
  expect_corrupted([&] { dictionary.precompute_compress(ZstdCompressionParameters()); });
  expect_corrupted([&] { dictionary.digested(); });
  EXPECT_EQ(dictionary.precomputed(), nullptr);
}

TEST(ApiDictionary, NothingIsPrecomputedUntilItIsAskedFor) {
  ZstdCompressionDict dictionary(trained_bytes());
  EXPECT_EQ(dictionary.precomputed(), nullptr);
  dictionary.precompute_compress(1);
  const auto first = dictionary.precomputed();
  ASSERT_NE(first, nullptr);
  EXPECT_EQ(dictionary.precomputed(), first);
  dictionary.precompute_compress(19);
  EXPECT_NE(dictionary.precomputed(), first);
  EXPECT_NE(compressed_with(first.get(), Samples().views[7]).size(), 0U);
}

TEST(ApiDictionary, PrecomputedForALevelIsPrecomputedForItsParameters) {
  const Bytes data = test::text_bytes(3000, 2);
  for (const int level : {-3, 1, 3, 9, 19}) {
    ZstdCompressionDict by_level(trained_bytes());
    by_level.precompute_compress(level);
    ZstdCompressionDict by_parameters(trained_bytes());
    by_parameters.precompute_compress(
        ZstdCompressionParameters::from_level(level, 0, trained_bytes().size()));
    EXPECT_EQ(compressed_with(by_level.precomputed().get(), data),
              compressed_with(by_parameters.precomputed().get(), data))
        << level;
  }
}

TEST(ApiDictionary, PrecomputedWithoutTheIdFlagItStillKnowsItsId) {
  ZstdCompressionDict dictionary(trained_bytes());
  dictionary.precompute_compress(ZstdCompressionParameters({.write_dict_id = false}));
  EXPECT_EQ(ZSTD_getDictID_fromCDict(dictionary.precomputed().get()), 4711U);
}

TEST(ApiDictionary, BothDirectionsAgree) {
  const Bytes data = test::text_bytes(3000, 3);
  for (const DictType type : {DictType::kAuto, DictType::kRawContent, DictType::kFullDict}) {
    ZstdCompressionDict dictionary(trained_bytes(), type);
    dictionary.precompute_compress(3);
    const Bytes frame = compressed_with(dictionary.precomputed().get(), data);
    EXPECT_EQ(decompressed_with(dictionary.digested().get(), frame, data.size()), data);
  }
}

TEST(ApiDictionary, TheDigestedFormsOutliveIt) {
  const Bytes data = test::text_bytes(3000, 4);
  auto dictionary = std::make_unique<ZstdCompressionDict>(trained_bytes());
  dictionary->precompute_compress(3);
  const auto for_compression = dictionary->precomputed();
  const auto for_decompression = dictionary->digested();
  dictionary.reset();
  const Bytes frame = compressed_with(for_compression.get(), data);
  EXPECT_EQ(decompressed_with(for_decompression.get(), frame, data.size()), data);
}

TEST(ApiDictionary, ThreadsDigestItOnceAndMayPrecomputeMeanwhile) {
  ZstdCompressionDict dictionary(trained_bytes());
  std::vector<std::shared_ptr<const ZSTD_DDict>> digests(4);
  {
    std::vector<std::jthread> threads;
    for (auto& digest : digests) {
      threads.emplace_back([&] {
        digest = dictionary.digested();
        dictionary.precompute_compress(1);
        EXPECT_NE(dictionary.precomputed(), nullptr);
      });
    }
  }
  for (const auto& digest : digests) EXPECT_EQ(digest, digests[0]);
}

TEST(ApiTraining, GivesAFullDictionaryWithTheIdThatWasAskedFor) {
  const auto dictionary = train_dictionary(8192, Samples().views, {.dict_id = 42});
  EXPECT_EQ(dictionary->dict_id(), 42U);
  EXPECT_EQ(dictionary->dict_type(), DictType::kFullDict);
  EXPECT_LE(dictionary->size(), 8192U);
  EXPECT_EQ(load_le<std::uint32_t>(dictionary->as_bytes(), 0), kDictionaryMagicNumber);
}

TEST(ApiTraining, WithoutStepsAndThreadsIsWhatLibzstdsOwnTrainingDoes) {
  const Samples samples;
  const auto dictionary = train_dictionary(8192, samples.views);
  EXPECT_EQ(dictionary->d(), 8U);
  EXPECT_GT(dictionary->k(), 0U);

  Bytes joined;
  std::vector<std::size_t> sizes;
  for (const ByteSpan sample : samples.views) {
    joined.insert(joined.end(), sample.begin(), sample.end());
    sizes.push_back(sample.size());
  }
  Bytes plain(8192);
  plain.resize(
      ZstdError::check(ZDICT_trainFromBuffer(plain.data(), plain.size(), joined.data(),
                                             sizes.data(), static_cast<unsigned>(sizes.size())),
                       "train"));
  EXPECT_THAT(dictionary->as_bytes(), ElementsAreArray(plain));
}

TEST(ApiTraining, KeepsTheParametersThatAreGiven) {
  const auto dictionary = train_dictionary(
      4096, Samples().views,
      {.k = 64, .d = 6, .f = 15, .split_point = 1.0, .accel = 10, .level = 5, .steps = 1});
  EXPECT_EQ(dictionary->k(), 64U);
  EXPECT_EQ(dictionary->d(), 6U);
}

TEST(ApiTraining, GivesTheSameWithAnyNumberOfThreads) {
  const Samples samples(200);
  const TrainingOptions one{.d = 8, .f = 14, .dict_id = 7, .level = 3, .steps = 2, .threads = 1};
  TrainingOptions all = one;
  all.threads = -1;
  const auto first = train_dictionary(4096, samples.views, one);
  const auto second = train_dictionary(4096, samples.views, all);
  EXPECT_THAT(first->as_bytes(), ElementsAreArray(second->as_bytes()));
}

TEST(ApiTraining, TooFewSamplesAreAnError) {
  const Samples samples;
  for (const std::size_t count : {0U, 1U, 4U}) {
    try {
      train_dictionary(8192, std::span(samples.views).first(count));
      ADD_FAILURE() << count << " samples were enough";
    } catch (const ZstdError& error) {
      EXPECT_EQ(error.code(), ZSTD_error_srcSize_wrong) << count;
      EXPECT_THAT(error.what(), HasSubstr("Src size is incorrect"));
    }
  }
}

TEST(ApiTraining, ArgumentsThatCannotBeAreRefused) {
  const Samples samples;
  EXPECT_THROW(train_dictionary(255, samples.views), std::invalid_argument);
  EXPECT_THROW(train_dictionary(4096, samples.views, {.d = 7}), std::invalid_argument);
  EXPECT_THROW(train_dictionary(4096, samples.views, {.accel = 11}), ZstdError);
}

TEST(ApiTraining, OptionsOutOfBoundsAreRefused) {
  const Samples samples;
  const auto expect_refused = [&](const TrainingOptions& options, const char* name) {
    try {
      train_dictionary(2048, samples.views, options);
      ADD_FAILURE() << name;
    } catch (const std::invalid_argument& error) {
      EXPECT_THAT(error.what(), HasSubstr(name));
    }
  };
  expect_refused({.f = 32}, "f is 32");
  expect_refused({.f = 64, .threads = 2}, "f is 64");
  expect_refused({.split_point = std::nan("")}, "split_point");
  expect_refused({.split_point = -0.5}, "split_point");
  expect_refused({.split_point = 1.01}, "split_point");
  expect_refused({.k = 2049}, "k is 2049");
  expect_refused({.k = 2049, .d = 8, .steps = 2}, "k is 2049");
  EXPECT_NO_THROW(train_dictionary(2048, samples.views, {.k = 2000, .d = 8, .split_point = 1.0}));
}

TEST(ApiTraining, TheDictionaryMakesSamplesSmaller) {
  const Samples samples;
  const auto trained = train_dictionary(8192, samples.views);
  trained->precompute_compress(3);
  ZstdCompressionDict none({});
  none.precompute_compress(3);
  const Bytes data(samples.views[5].begin(), samples.views[5].end());
  EXPECT_LT(compressed_with(trained->precomputed().get(), data).size(),
            compressed_with(none.precomputed().get(), data).size());
}

TEST(ApiFinalizing, MakesAFullDictionaryOfChosenContent) {
  const Samples samples;
  const Bytes content = test::text_bytes(4000, 5);
  const auto dictionary = finalize_dictionary(content, 8192, samples.views, {.dict_id = 99});
  EXPECT_EQ(dictionary->dict_id(), 99U);
  EXPECT_EQ(dictionary->dict_type(), DictType::kFullDict);
  EXPECT_EQ(dictionary->k(), 0U);
  ASSERT_GT(dictionary->size(), content.size());
  EXPECT_THAT(dictionary->as_bytes().last(content.size()), ElementsAreArray(content));
}

TEST(ApiFinalizing, KeepsTheStartOfContentThatDoesNotFitBehindTheTables) {
  const Samples samples;
  const Bytes content = test::text_bytes(4000, 5);
  const auto dictionary = finalize_dictionary(content, content.size(), samples.views);
  EXPECT_EQ(dictionary->size(), content.size());
  const ByteSpan end = dictionary->as_bytes().last(3000);
  const ByteSpan kept = ByteSpan(content).first(content.size() - 60);
  EXPECT_NE(std::search(kept.begin(), kept.end(), end.begin(), end.end()), kept.end());
  EXPECT_THAT(dictionary->as_bytes().last(500),
              testing::Not(ElementsAreArray(ByteSpan(content).last(500))));
}

TEST(ApiFinalizing, ContentThatIsTooLargeIsAnError) {
  const Samples samples;
  EXPECT_THROW(finalize_dictionary(test::text_bytes(4000, 6), 3000, samples.views), ZstdError);
  EXPECT_THROW(finalize_dictionary(test::text_bytes(100, 6), 200, samples.views), ZstdError);
}

}  // namespace
}  // namespace zstdfs
