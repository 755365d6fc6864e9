#include <algorithm>
#include <array>
#include <memory>

#include "tests/fuzz/decoding.hpp"
#include "tests/fuzz/targets.hpp"
#include "zstdfs/compressor.hpp"

namespace zstdfs::fuzz {
namespace {

constexpr std::array<int, 8> kLevels{1, 3, -5, 5, 7, 9, 13, 0};

/// The dictionary, unless it is refused.
std::shared_ptr<ZstdCompressionDict> made(ByteSpan data, DictType type) {
  try {
    auto dict = std::make_shared<ZstdCompressionDict>(data, type);
    FUZZ_REQUIRE(dict->size() == data.size() && std::ranges::equal(dict->as_bytes(), data));
    const bool is_full =
        data.size() >= 8 && load_le<std::uint32_t>(data, 0) == kDictionaryMagicNumber;
    const bool has_id = is_full && type != DictType::kRawContent;
    FUZZ_REQUIRE(dict->dict_id() == (has_id ? load_le<std::uint32_t>(data, 4) : 0));
    return dict;
  } catch (const ZstdError&) {
    FUZZ_REQUIRE(type == DictType::kFullDict);
    return nullptr;
  }
}

Outcome compressed(const CompressorOptions& options, ByteSpan content) {
  return outcome_of([&] { return ZstdCompressor(options).compress(content); });
}

/// What was compressed with a dictionary is decompressed with it, in one call and in steps.
void check_round_trip(const DecompressorOptions& options, ByteSpan frame, ByteSpan content) {
  ZstdDecompressor decompressor(options);
  const Bytes whole = decompressor.decompress(frame);
  FUZZ_REQUIRE(std::ranges::equal(whole, content));
  ZstdDecompressionObj object = decompressor.decompressobj();
  Bytes steps = object.decompress(frame.first(frame.size() / 2));
  const Bytes second = object.decompress(frame.subspan(frame.size() / 2));
  steps.insert(steps.end(), second.begin(), second.end());
  FUZZ_REQUIRE(object.eof() && std::ranges::equal(steps, content));
}

/// `data`, which may have been made for the dictionary, gives the same in one call and in steps.
void decompress_untrusted(DecompressorOptions options, ByteSpan data) {
  if (claimed_content_bytes(data, options.format) > kMostContentBytes) return;
  options.max_window_size = kLargestStreamWindow;
  // One decompressor each: libzstd (1.5.4) decodes sequences in another way when a context meets a
  // dictionary for the first time, and that way takes some sequences that are none.
  ZstdDecompressor at_once(options);
  const Outcome whole = outcome_of([&] {
    return at_once.decompress(data,
                              {.max_output_size = kMostContentBytes, .allow_extra_data = true});
  });
  ZstdDecompressor in_steps(options);
  ZstdDecompressionObj object = in_steps.decompressobj();
  const Outcome steps = outcome_of([&] { return object.decompress(data, kMostContentBytes + 1); });
  if (!whole.error) FUZZ_REQUIRE(!steps.error && steps.content == whole.content);
}

}  // namespace

/// The input: choices, how long the dictionary is, the dictionary, and what is both compressed and
/// decompressed with it.
void dictionary_target(ByteSpan input) {
  Choices choices(input);
  const unsigned how = choices.next();
  const auto type = static_cast<DictType>((how & 3) % 3);
  const int level = kLevels[how >> 2 & 7];
  const bool precomputes = (how & 32) != 0;
  const bool has_parameters = (how & 64) != 0;
  const ByteSpan data = choices.take(choices.next_two_bytes());
  const auto dict = made(data, type);
  if (!dict) return;
  if (precomputes) {
    const Outcome precomputed = outcome_of([&] {
      if (has_parameters) {
        dict->precompute_compress(ZstdCompressionParameters::from_level(level, 1000, data.size()));
      } else {
        dict->precompute_compress(level);
      }
      return Bytes();
    });
    FUZZ_REQUIRE(precomputed.error.has_value() == (dict->precomputed() == nullptr));
  }
  const DecompressorOptions options{.dict_data = dict};
  const Outcome digested = outcome_of([&] {
    ZstdDecompressor decompressor(options);
    return Bytes();
  });
  const Outcome frame =
      compressed({.level = level, .dict_data = dict, .write_checksum = true}, choices.rest());
  // What is good enough to compress with must be good enough to decompress with.
  if (!frame.error) check_round_trip(options, frame.content, choices.rest());
  if (!digested.error) decompress_untrusted(options, choices.rest());
}

}  // namespace zstdfs::fuzz
