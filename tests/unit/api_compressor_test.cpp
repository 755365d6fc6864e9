#include <zstd_errors.h>

#include <atomic>
#include <cstring>
#include <limits>
#include <thread>

#include "tests/unit/api_compression_fixture.hpp"
#include "zstdfs/decompressor.hpp"
#include "zstdfs/frame_parameters.hpp"

namespace zstdfs::test {
namespace {

std::shared_ptr<ZstdCompressionDict> raw_dict(ByteSpan content) {
  return std::make_shared<ZstdCompressionDict>(content, DictType::kRawContent);
}

TEST(Compressor, ContentOfEverySizeAndLevelComesBack) {
  for (const int level : {-100, -1, 0, 1, 3, 9}) {
    ZstdCompressor compressor({.level = level});
    for (const std::size_t size : {0u, 1u, 100u, 131072u, 131073u, 500000u}) {
      const Bytes content = compressible_bytes(size, size + 1);
      EXPECT_EQ(content_of(compressor.compress(content)), content) << level << ' ' << size;
    }
  }
}

TEST(Compressor, GivesTheBytesThatLibzstdGives) {
  for (const int level : {1, 3, 19}) {
    for (const std::size_t size : {10u, 5000u, 400000u}) {
      const Bytes content = text_bytes(size, 1);
      Bytes expected(ZSTD_compressBound(size));
      expected.resize(ZSTD_compress(expected.data(), expected.size(), content.data(), size, level));
      EXPECT_EQ(ZstdCompressor({.level = level}).compress(content), expected);
      EXPECT_EQ(compress(content, level), expected);
    }
  }
}

TEST(Compressor, EmptyFramesAreThoseOfTheModel) {
  EXPECT_EQ(hex(ZstdCompressor().compress({})), kEmptyFrame);
  EXPECT_EQ(hex(compress({})), kEmptyFrame);
  EXPECT_EQ(hex(ZstdCompressor({.write_content_size = false}).compress({})),
            kEmptyFrameOfUnknownSize);
}

TEST(Compressor, ChecksumAndContentSizeAreWrittenAsAskedFor) {
  const Bytes content = bytes_of("foo");
  const auto descriptor = [&](const CompressorOptions& options) {
    return std::to_integer<unsigned>(ZstdCompressor(options).compress(content)[4]);
  };
  EXPECT_EQ(descriptor({}), 0x20u);
  EXPECT_EQ(descriptor({.write_checksum = true}), 0x24u);
  EXPECT_EQ(descriptor({.write_content_size = false}), 0x00u);
}

TEST(Compressor, AChecksumComesByItselfWhereADictionaryHasNoId) {
  const Bytes content = text_bytes(5000, 1);
  const auto has_checksum = [&](const CompressorOptions& options) {
    return get_frame_parameters(ZstdCompressor(options).compress(content)).has_checksum;
  };
  const auto raw = raw_dict(content);
  EXPECT_TRUE(has_checksum({.dict_data = raw}));
  EXPECT_FALSE(has_checksum({.dict_data = raw, .write_checksum = false}));
  EXPECT_TRUE(has_checksum({.dict_data = raw, .compression_params = ZstdCompressionParameters()}));
  const ZstdCompressionParameters without({.write_checksum = false});
  EXPECT_FALSE(has_checksum({.dict_data = raw, .compression_params = without}));
}

std::shared_ptr<ZstdCompressionDict> full_dict(std::uint32_t id, std::uint64_t seed) {
  std::vector<Bytes> samples;
  for (std::uint64_t i = 0; i < 200; ++i) samples.push_back(text_bytes(200, i));
  const std::vector<ByteSpan> spans(samples.begin(), samples.end());
  return finalize_dictionary(text_bytes(4000, seed), 8192, spans, {.dict_id = id});
}

// A frame that does not name its dictionary has to tell a wrong one by its checksum.
TEST(Compressor, AChecksumComesByItselfWhereTheIdIsNotWritten) {
  const auto right = full_dict(100001, 901);
  const auto wrong = full_dict(100002, 902);
  const Bytes content = text_bytes(60000, 5);
  const ZstdCompressionParameters unnamed;
  const ZstdCompressionParameters of_level = ZstdCompressionParameters::from_level(3);
  const ZstdCompressionParameters named({.write_dict_id = true});
  const ZstdCompressionParameters unchecked({.write_checksum = false});
  const auto frame_of = [&](const CompressorOptions& options) {
    return ZstdCompressor(options).compress(content);
  };
  const auto has_checksum = [&](const CompressorOptions& options) {
    return get_frame_parameters(frame_of(options)).has_checksum;
  };
  EXPECT_TRUE(has_checksum({.dict_data = right, .compression_params = unnamed}));
  EXPECT_TRUE(has_checksum({.dict_data = right, .compression_params = of_level}));
  EXPECT_TRUE(has_checksum({.dict_data = right, .write_dict_id = false}));
  EXPECT_FALSE(has_checksum({.dict_data = right, .compression_params = named}));
  EXPECT_FALSE(has_checksum({.dict_data = right, .compression_params = unchecked}));
  EXPECT_FALSE(has_checksum({.dict_data = right}));
  EXPECT_FALSE(has_checksum({.compression_params = unnamed}));
  const Bytes frame = frame_of({.dict_data = right, .compression_params = of_level});
  EXPECT_EQ(ZstdDecompressor({.dict_data = right}).decompress(frame), content);
  EXPECT_THROW(ZstdDecompressor({.dict_data = wrong}).decompress(frame), ZstdError);
  EXPECT_THROW(ZstdDecompressor().decompress(frame), ZstdError);
}

TEST(Compressor, AChecksumComesByItselfWhereTheIdIsTurnedOffLater) {
  const Bytes content = text_bytes(5000, 1);
  ZstdCompressor compressor({.dict_data = full_dict(7, 901)});
  const auto has_checksum = [&](ZstdCompressor& of) {
    return get_frame_parameters(of.compress(content)).has_checksum;
  };
  EXPECT_FALSE(has_checksum(compressor));
  compressor.set_parameter(kParameterDictIdFlag, 0);
  EXPECT_TRUE(has_checksum(compressor));
  compressor.reset_parameters();
  EXPECT_FALSE(has_checksum(compressor));
  ZstdCompressor without({.dict_data = full_dict(7, 901), .write_checksum = false});
  without.set_parameter(kParameterDictIdFlag, 0);
  EXPECT_FALSE(has_checksum(without));
}

// What comes behind a change is the same again, soon: the pieces of the output are too.
TEST(Compressor, RsyncableOutputIsMostlyTheSameAfterAChange) {
  const Bytes content = text_bytes(8'000'000, 1);
  Bytes changed = content;
  changed.insert(changed.begin() + 10'000, std::byte{'x'});
  const auto common_end = [](const Bytes& a, const Bytes& b) {
    return std::mismatch(a.rbegin(), a.rend(), b.rbegin(), b.rend()).first - a.rbegin();
  };
  ZstdCompressor rsyncable({.rsyncable = true});
  EXPECT_EQ(rsyncable.get_parameter(kParameterThreads), 1);
  rsyncable.set_parameter(kParameterJobSize, 1 << 20);  // a cut at about so many bytes
  const Bytes one = rsyncable.compress(content);
  EXPECT_EQ(content_of(one), content);
  EXPECT_GT(common_end(one, rsyncable.compress(changed)), std::ssize(one) / 4);
  ZstdCompressor plain;
  EXPECT_LT(common_end(plain.compress(content), plain.compress(changed)), std::ssize(one) / 100);
  EXPECT_THROW(
      ZstdCompressor({.compression_params = ZstdCompressionParameters(), .rsyncable = true}),
      std::invalid_argument);
}

TEST(Compressor, SeveralShareThePoolThatTheyAreGiven) {
  const Bytes content = text_bytes(3'000'000, 1);
  const Bytes expected = ZstdCompressor({.threads = 2}).compress(content);
  std::optional<ZstdThreadPool> pool(2);
  ZstdCompressor one({.threads = 2, .thread_pool = pool});
  ZstdCompressor two({.threads = 2, .thread_pool = pool});
  pool.reset();  // the compressors keep it alive
  std::thread other([&] { EXPECT_EQ(two.compress(content), expected); });
  EXPECT_EQ(one.compress(content), expected);
  other.join();
  EXPECT_THROW(ZstdThreadPool(0), std::invalid_argument);
}

/// Keeps two workers busy for a while.
ZstdCompressor busy_compressor(const CompressorOptions& options) {
  ZstdCompressor compressor(options);
  compressor.set_parameter(kParameterJobSize, 1 << 20);
  return compressor;
}

// libzstd neither waits for the workers of a frame that does not fit nor forgets what they were to
// do next.
TEST(Compressor, ThreadsOfAFrameThatDoesNotFitAreDoneBeforeTheNext) {
  const Bytes content = text_bytes(8 << 20, 1);
  ZstdCompressor compressor = busy_compressor({.level = 7, .threads = 2});
  const Bytes expected = compressor.compress(content);
  Bytes out(10);
  for (int i = 0; i < 3; ++i) {
    try {
      compressor.compress_into(out, content);
      ADD_FAILURE();
    } catch (const ZstdError& error) {
      EXPECT_EQ(error.code(), 70);
    }
    EXPECT_NO_THROW(compressor.set_parameter(kParameterThreads, 2 + i));
    EXPECT_EQ(compressor.compress(content), expected);
  }
  out.resize(expected.size());
  EXPECT_EQ(compressor.compress_into(out, content), expected.size());
  EXPECT_EQ(out, expected);
}

TEST(Compressor, ThreadsOfAnAbandonedFrameAreDoneBeforeTheNext) {
  const Bytes content = text_bytes(8 << 20, 1);
  const auto dict = raw_dict(text_bytes(100'000, 2));
  ZstdCompressor compressor = busy_compressor({.level = 7, .dict_data = dict, .threads = 2});
  const Bytes expected = compressor.compress(content);
  const auto abandon_one = [&] {
    ZstdCompressionObj object = compressor.compressobj();
    object.compress(content);
  };
  abandon_one();
  EXPECT_EQ(compressor.compress(content), expected);
  abandon_one();
  EXPECT_EQ(content_of(compressor.compress(bytes_of("small")), dict->as_bytes()),
            bytes_of("small"));
  abandon_one();
  compressor.reset();
  compressor.set_parameter(kParameterThreads, 8);
  EXPECT_EQ(compressor.compress(content), expected);
  abandon_one();
  dict->precompute_compress(3);
  EXPECT_EQ(content_of(compressor.compress(content), dict->as_bytes()), content);
  abandon_one();
  compressor.reset_parameters();
  EXPECT_EQ(content_of(compressor.compress(content), dict->as_bytes()), content);
}

TEST(Compressor, ThreadsAreDoneBeforeTheirCompressorIsGone) {
  const Bytes content = text_bytes(8 << 20, 1);
  const ZstdThreadPool pool(2);
  for (const bool is_shared : {false, true}) {
    CompressorOptions options{.level = 7, .threads = 2};
    if (is_shared) options.thread_pool = pool;
    Bytes out(10);
    EXPECT_THROW(busy_compressor(options).compress_into(out, content), ZstdError);
    options.dict_data = raw_dict(text_bytes(100'000, 2));
    ZstdCompressionObj object = busy_compressor(options).compressobj();
    object.compress(content);
  }
  EXPECT_EQ(content_of(ZstdCompressor({.threads = 2, .thread_pool = pool}).compress(content)),
            content);
}

TEST(Compressor, ThreadsFindAWrongSizeAndCompressAgain) {
  const Bytes content = text_bytes(8 << 20, 1);
  ZstdCompressor compressor = busy_compressor({.level = 7, .threads = 2});
  const Bytes expected = compressor.compress(content);
  for (const std::size_t size : {std::size_t{600'000}, content.size() - 1, content.size() + 1}) {
    SpanSource source(content);
    RecordingSink sink;
    expect_wrong_size([&] { compressor.copy_stream(source, sink, {.size = size}); });
    EXPECT_EQ(compressor.compress(content), expected);
    SpanSource nothing{ByteSpan()};
    expect_wrong_size([&] { compressor.copy_stream(nothing, sink, {.size = size}); });
  }
}

TEST(Compressor, LevelsAbove22AreRefused) {
  EXPECT_NO_THROW(ZstdCompressor({.level = 22}));
  try {
    const ZstdCompressor compressor({.level = 23});
    ADD_FAILURE();
  } catch (const std::invalid_argument& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("must be less than 23"));
  }
  EXPECT_EQ(ZstdCompressor({.level = 0}).get_parameter(kParameterCompressionLevel), 3);
  EXPECT_NO_THROW(ZstdCompressor({.level = -200000}));
}

TEST(Compressor, ParametersExcludeFlagsAndThreads) {
  const ZstdCompressionParameters parameters;
  const auto expect_refused = [&](CompressorOptions options, const char* name) {
    options.compression_params = parameters;
    try {
      const ZstdCompressor compressor(options);
      ADD_FAILURE() << name;
    } catch (const std::invalid_argument& error) {
      EXPECT_THAT(error.what(), testing::HasSubstr(name));
    }
  };
  expect_refused({.write_checksum = false}, "write_checksum");
  expect_refused({.write_content_size = true}, "write_content_size");
  expect_refused({.write_dict_id = true}, "write_dict_id");
  expect_refused({.threads = 2}, "threads");
  expect_refused({.threads = -1}, "threads");
}

TEST(Compressor, ParametersTakeThePlaceOfTheLevel) {
  ZstdCompressor compressor({.level = 1,
                             .compression_params = ZstdCompressionParameters(
                                 {.compression_level = 7, .write_checksum = true})});
  EXPECT_EQ(compressor.get_parameter(kParameterCompressionLevel), 7);
  EXPECT_EQ(compressor.get_parameter(kParameterChecksumFlag), 1);
}

TEST(Compressor, MagiclessFramesAreFourBytesShorterEverywhere) {
  const Bytes content = text_bytes(1000, 2);
  ZstdCompressor compressor({.compression_params = ZstdCompressionParameters(
                                 {.format = kFormatZstd1Magicless, .compression_level = 3})});
  const Bytes frame = compressor.compress(content);
  EXPECT_EQ(frame.size() + 4, ZstdCompressor().compress(content).size());
  EXPECT_EQ(content_of(frame, {}, kFormatZstd1Magicless), content);
  EXPECT_EQ(compressor.stream_reader(content).readall(), frame);
  EXPECT_EQ(joined(all_of(compressor.read_to_iter(content))), frame);
  ZstdCompressionObj object = compressor.compressobj(content.size());
  object.compress(content);
  EXPECT_EQ(object.flush(), frame);
}

TEST(Compressor, CompressesIntoMemoryOfTheCallers) {
  ZstdCompressor compressor;
  const Bytes content = text_bytes(5000, 3);
  Bytes out(compress_bound(content.size()));
  out.resize(compressor.compress_into(out, content));
  EXPECT_EQ(out, compressor.compress(content));
}

TEST(Compressor, MemoryThatIsTooSmallIsAnErrorAndLeavesTheCompressorUsable) {
  ZstdCompressor compressor;
  const Bytes content = random_bytes(5000, 4);
  Bytes out(100);
  try {
    compressor.compress_into(out, content);
    ADD_FAILURE();
  } catch (const ZstdError& error) {
    EXPECT_EQ(error.code(), 70);
  }
  EXPECT_NO_THROW(compressor.set_parameter(kParameterChecksumFlag, 1));
  EXPECT_EQ(content_of(compressor.compress(content)), content);
}

TEST(Compressor, DictionaryIsUsedInEveryFrame) {
  const Bytes words = text_bytes(4000, 5);
  const ByteSpan content = ByteSpan(words).subspan(1000, 500);
  ZstdCompressor compressor({.dict_data = raw_dict(words)});
  for (int i = 0; i < 3; ++i) {
    const Bytes frame = compressor.compress(content);
    EXPECT_LT(frame.size(), 40u);
    EXPECT_THAT(content_of(frame, words), testing::ElementsAreArray(content));
    EXPECT_EQ(content_of(compressor.stream_reader(content).readall(), words),
              Bytes(content.begin(), content.end()));
  }
}

TEST(Compressor, DictionaryThatIsPrecomputedLaterIsUsedFromTheNextFrameOn) {
  const Bytes words = text_bytes(4000, 6);
  const Bytes content = text_bytes(3000, 7);
  const auto dict = raw_dict(words);
  ZstdCompressor compressor({.level = 1, .dict_data = dict});
  const Bytes own = compressor.compress(content);
  dict->precompute_compress(19);
  const Bytes of_dict = compressor.compress(content);
  EXPECT_LT(of_dict.size(), own.size());
  EXPECT_EQ(content_of(of_dict, words), content);
  EXPECT_EQ(ZstdCompressor({.level = 5, .dict_data = dict}).compress(content), of_dict);
}

TEST(Compressor, DictionaryIdIsLeftOutIfAskedFor) {
  std::vector<Bytes> samples;
  for (std::uint64_t i = 0; i < 2000; ++i) samples.push_back(text_bytes(100, i));
  const std::vector<ByteSpan> spans(samples.begin(), samples.end());
  const std::shared_ptr<ZstdCompressionDict> dict = train_dictionary(4096, spans, {.dict_id = 500});
  const auto id_of = [&](const CompressorOptions& options) {
    const Bytes frame = ZstdCompressor(options).compress(samples[0]);
    return ZSTD_getDictID_fromFrame(frame.data(), frame.size());
  };
  EXPECT_EQ(id_of({.dict_data = dict}), 500u);
  EXPECT_EQ(id_of({.dict_data = dict, .write_dict_id = false}), 0u);
}

TEST(Compressor, ProgressGrowsFromNothing) {
  ZstdCompressor compressor;
  EXPECT_EQ(compressor.frame_progression(), (FrameProgression{0, 0, 0}));
  ZstdCompressionObj object = compressor.compressobj();
  object.compress(bytes_of("foobar"));
  EXPECT_EQ(compressor.frame_progression(), (FrameProgression{6, 0, 0}));
  object.flush(kCompressObjFlushBlock);
  EXPECT_EQ(compressor.frame_progression(), (FrameProgression{6, 6, 15}));
  object.flush();
  EXPECT_EQ(compressor.frame_progression(), (FrameProgression{6, 6, 15}));
  EXPECT_EQ(compressor.to_flush_now(), 0u);
}

TEST(Compressor, MemoryGrowsWithTheFirstUse) {
  ZstdCompressor compressor;
  const std::size_t fresh = compressor.memory_size();
  EXPECT_LT(fresh, 10000u);
  compressor.compress(compressible_bytes(100000, 1));
  EXPECT_GT(compressor.memory_size(), fresh + 100000);
}

TEST(Compressor, ThreadsCompressInEveryWay) {
  const Bytes content = compressible_bytes(ZSTDFS_SANITIZED ? 2 << 20 : 5 << 20, 8);
  ZstdCompressor compressor({.threads = 2});
  EXPECT_EQ(compressor.get_parameter(kParameterThreads), 2);
  EXPECT_EQ(content_of(compressor.compress(content)), content);
  EXPECT_EQ(content_of(compressor.stream_reader(content).readall()), content);
  EXPECT_EQ(content_of(joined(all_of(compressor.read_to_iter(content)))), content);
  SpanSource source(content);
  RecordingSink sink(1000);
  compressor.copy_stream(source, sink);
  EXPECT_EQ(content_of(sink.content), content);
  ZstdCompressionChunker chunker = compressor.chunker({.chunk_size = 4096});
  Bytes frame = joined(all_of(chunker.compress(content)));
  EXPECT_EQ(content_of(joined({frame, joined(all_of(chunker.finish()))})), content);
  EXPECT_GE(ZstdCompressor({.threads = -1}).get_parameter(kParameterThreads), 1);
}

TEST(Compressor, ParametersCanBeChangedBetweenFrames) {
  const Bytes content = text_bytes(100000, 9);
  ZstdCompressor compressor({.level = 1});
  const Bytes fast = compressor.compress(content);
  compressor.set_parameter(kParameterCompressionLevel, 12);
  EXPECT_EQ(compressor.compress(content), compress(content, 12));
  compressor.reset_parameters();
  EXPECT_EQ(compressor.compress(content), fast);
}

// libzstd digests a dictionary once, and goes by the parameters of then for small inputs.
TEST(Compressor, ParametersThatAreChangedHoldForTheDictionaryToo) {
  const auto dict = raw_dict(text_bytes(20000, 9));
  const Bytes content = text_bytes(3000, 10);
  const ByteSpan items[] = {content};
  ZstdCompressor compressor({.level = 1, .dict_data = dict});
  const Bytes fast = compressor.compress(content);
  compressor.set_parameter(kParameterCompressionLevel, 19);
  const Bytes good = compressor.compress(content);
  EXPECT_EQ(good, ZstdCompressor({.level = 19, .dict_data = dict}).compress(content));
  EXPECT_EQ(good, compressor.multi_compress_to_buffer(items)[0].tobytes());
  EXPECT_EQ(good, compressor.stream_reader(content).readall());
  EXPECT_LT(good.size(), fast.size());
  ZstdCompressionObj object = compressor.compressobj();
  object.compress(content);
  compressor.set_parameter(kParameterCompressionLevel, 1);  // within the frame
  EXPECT_EQ(content_of(object.flush(), dict->as_bytes()), content);
  EXPECT_EQ(compressor.compress(content), fast);
}

TEST(Compressor, ParametersThatAreRefusedAreNamed) {
  ZstdCompressor compressor;
  try {
    compressor.set_parameter(kParameterWindowLog, 99);
    ADD_FAILURE();
  } catch (const ZstdError& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("window_log to 99"));
  }
  ZstdCompressionObj object = compressor.compressobj();
  object.compress(bytes_of("begun"));
  EXPECT_THROW(compressor.set_parameter(kParameterChecksumFlag, 1), ZstdError);
  EXPECT_NO_THROW(compressor.set_parameter(kParameterCompressionLevel, 5));
  EXPECT_EQ(content_of(object.flush()), bytes_of("begun"));
}

TEST(Compressor, BuffersThatItOwnsCannotBeDeclaredStable) {
  const Bytes content = text_bytes(20000, 11);
  ZstdCompressor compressor;
  for (const int parameter : {kParameterStableInBuffer, kParameterStableOutBuffer}) {
    EXPECT_THROW(compressor.set_parameter(parameter, 1), ZstdError);
    EXPECT_EQ(compressor.get_parameter(parameter), 0);
    EXPECT_NO_THROW(compressor.set_parameter(parameter, 0));
  }
  ZstdCompressionObj abandoned = compressor.compressobj();
  abandoned.compress(text_bytes(100, 12));
  EXPECT_EQ(content_of(compressor.compress(content)), content);
}

// libzstd itself reports it at the first frame, as a lack of memory.
TEST(Compressor, ADamagedDictionaryIsFoundAtOnce) {
  Bytes damaged = test::random_bytes(1000, 13);
  const std::uint32_t magic = kDictionaryMagicNumber;
  std::memcpy(damaged.data(), &magic, sizeof magic);
  const auto dict = std::make_shared<ZstdCompressionDict>(damaged);
  try {
    const ZstdCompressor compressor({.dict_data = dict});
    ADD_FAILURE();
  } catch (const ZstdError& error) {
    EXPECT_EQ(error.code(), ZSTD_error_dictionary_corrupted);
    EXPECT_THAT(error.what(), testing::HasSubstr("damaged"));
  }
  const Bytes content = text_bytes(1000, 14);
  const ZstdCompressor with_it(
      {.dict_data = raw_dict(damaged)});  // as content it is as good as any
}

TEST(Compressor, ParametersOutOfBoundsAreRefusedAndChangeNothing) {
  ZstdCompressor compressor({.level = 5});
  EXPECT_THROW(compressor.set_parameter(kParameterCompressionLevel, 23), ZstdError);
  EXPECT_THROW(compressor.set_parameter(kParameterThreads, 1000), ZstdError);
  EXPECT_THROW(compressor.set_parameter(kParameterThreads, -1), ZstdError);
  EXPECT_THROW(compressor.set_parameter(kParameterJobSize, -5), ZstdError);
  EXPECT_EQ(compressor.get_parameter(kParameterCompressionLevel), 5);
  EXPECT_EQ(compressor.get_parameter(kParameterThreads), 0);
  EXPECT_THROW(ZstdCompressor({.threads = std::numeric_limits<int>::max()}), ZstdError);
}

TEST(Compressor, ResetKeepsTheDictionary) {
  const Bytes words = text_bytes(4000, 10);
  ZstdCompressor compressor({.dict_data = raw_dict(words)});
  const Bytes frame = compressor.compress(words);
  ZstdCompressionObj abandoned = compressor.compressobj();
  abandoned.compress(bytes_of("abandoned"));
  compressor.reset();
  EXPECT_THROW(abandoned.flush(), UsageError);
  EXPECT_EQ(compressor.compress(words), frame);
  compressor.reset_parameters();
  EXPECT_EQ(compressor.compress(words), frame);
}

TEST(Compressor, MovedCompressorsGoOn) {
  ZstdCompressor compressor({.level = 5});
  ZstdCompressionObj object = compressor.compressobj();
  ZstdCompressor moved = std::move(compressor);
  object.compress(bytes_of("moved"));
  EXPECT_EQ(content_of(object.flush()), bytes_of("moved"));
  EXPECT_EQ(moved.get_parameter(kParameterCompressionLevel), 5);
}

TEST(Compressor, UseByTwoThreadsIsRefused) {
  ZstdCompressor compressor;
  std::atomic<bool> is_inside{false};
  std::atomic<bool> may_end{false};
  CallbackSource source([&](MutableByteSpan) -> std::size_t {
    is_inside = true;
    while (!may_end) std::this_thread::yield();
    return 0;
  });
  ZstdCompressionReader reader = compressor.stream_reader(source);
  Bytes frame;
  std::thread other([&] { frame = reader.readall(); });
  while (!is_inside) std::this_thread::yield();
  EXPECT_THROW(compressor.compress(bytes_of("x")), UsageError);
  EXPECT_THROW(compressor.memory_size(), UsageError);
  EXPECT_THROW(reader.read(1), UsageError);
  may_end = true;
  other.join();
  EXPECT_EQ(hex(frame), kEmptyFrame);
  EXPECT_EQ(content_of(compressor.compress(bytes_of("x"))), bytes_of("x"));
}

TEST(CopyStream, CopiesAndCounts) {
  ZstdCompressor compressor;
  const Bytes content = compressible_bytes(500000, 11);
  RecordingSource source(content, 1000);
  RecordingSink sink(7);
  const CompressingCopyResult result =
      compressor.copy_stream(source, sink, {.read_size = 5000, .write_size = 300});
  EXPECT_EQ(content_of(sink.content), content);
  EXPECT_EQ(result, (CompressingCopyResult{content.size(), sink.content.size()}));
  EXPECT_EQ(source.largest, 5000u);
  EXPECT_EQ(sink.largest, 300u);
  EXPECT_EQ(source.closes + sink.closes + sink.flushes, 0);
}

TEST(CopyStream, NothingIsAnEmptyFrame) {
  ZstdCompressor compressor;
  SpanSource source{ByteSpan()};
  RecordingSink sink;
  EXPECT_EQ(compressor.copy_stream(source, sink), (CompressingCopyResult{0, 9}));
  EXPECT_EQ(hex(sink.content), kEmptyFrame);
}

TEST(CopyStream, WrongSizeIsAnError) {
  ZstdCompressor compressor;
  for (const std::uint64_t size : {2u, 9u}) {
    const Bytes content = bytes_of("foo");
    SpanSource source(content);
    RecordingSink sink;
    expect_wrong_size([&] { compressor.copy_stream(source, sink, {.size = size}); });
    SpanSource nothing{ByteSpan()};
    expect_wrong_size([&] { compressor.copy_stream(nothing, sink, {.size = size}); });
  }
  EXPECT_EQ(content_of(compressor.compress(bytes_of("x"))), bytes_of("x"));
}

TEST(CopyStream, SaysHowFarItIs) {
  ZstdCompressor compressor;
  const Bytes content = compressible_bytes(500000, 12);
  SpanSource source(content);
  RecordingSink sink;
  std::vector<std::uint64_t> ingested;
  compressor.copy_stream(source, sink, {.read_size = 100000, .progress = [&](const auto& now) {
                                          ingested.push_back(now.ingested);
                                        }});
  EXPECT_THAT(ingested, testing::ElementsAre(100000, 200000, 300000, 400000, 500000, 500000));
}

TEST(CopyStream, SizesOfNothingAreRefused) {
  ZstdCompressor compressor;
  SpanSource source{ByteSpan()};
  RecordingSink sink;
  EXPECT_THROW(compressor.copy_stream(source, sink, {.read_size = 0}), std::invalid_argument);
  EXPECT_THROW(compressor.copy_stream(source, sink, {.write_size = 0}), std::invalid_argument);
}

}  // namespace
}  // namespace zstdfs::test
