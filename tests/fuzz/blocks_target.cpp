#include <algorithm>
#include <memory>
#include <stdexcept>

#include "tests/fuzz/decoding.hpp"
#include "tests/fuzz/targets.hpp"
#include "zstdfs/blocks.hpp"

namespace zstdfs::fuzz {
namespace {

constexpr int kMostBlocks = 60;
constexpr std::size_t kMostBlockBytes = 5000;

/// A compressor and two decompressors of its blocks, of which each does it in its own way.
class Session {
 public:
  explicit Session(const BlockCompressorOptions& options)
      : compressor_(options),
        vectors_({.window_log = compressor_.window_log(), .dict_data = options.dict_data}),
        memory_({.window_log = compressor_.window_log(), .dict_data = options.dict_data}) {
    FUZZ_REQUIRE(vectors_.max_block_bytes() == compressor_.max_block_bytes());
  }

  CompressedBlock compress(ByteSpan content) {
    CompressedBlock block = compressor_.compress(content);
    FUZZ_REQUIRE(block.content_bytes == content.size() && block.bytes.size() <= content.size());
    return block;
  }

  /// What a block decompresses to: the same in both ways, and as much as it claims. After an error
  /// a new session has begun.
  Outcome decompress(const CompressedBlockView& block) {
    check_room(block);
    Outcome vector = outcome_of([&] { return vectors_.decompress(block); });
    const Outcome memory = outcome_of([&] { return into(block); });
    FUZZ_REQUIRE(vector.error == memory.error && vector.content == memory.content);
    if (vector.error) {
      check_broken(*vector.error);
      reset();
    } else {
      FUZZ_REQUIRE(vector.content.size() == block.content_bytes);
    }
    return vector;
  }

  void reset() {
    compressor_.reset();
    vectors_.reset();
    memory_.reset();
  }

  std::size_t max_block_bytes() const { return vectors_.max_block_bytes(); }

 private:
  Bytes into(const CompressedBlockView& block) {
    Bytes out(block.content_bytes);
    FUZZ_REQUIRE(memory_.decompress_into(out, block) == out.size());
    return out;
  }

  /// Too little room does no harm to the session.
  void check_room(const CompressedBlockView& block) {
    if (block.content_bytes == 0) return;
    Bytes out(block.content_bytes - 1);
    bool refused = false;
    try {
      memory_.decompress_into(out, block);
    } catch (const std::invalid_argument&) {
      refused = true;
    }
    FUZZ_REQUIRE(refused);
  }

  /// A broken session stays so, also for a block that would be good.
  void check_broken(int code) {
    const CompressedBlockView empty;
    FUZZ_REQUIRE(outcome_of([&] { return vectors_.decompress(empty); }).error == code);
    FUZZ_REQUIRE(outcome_of([&] { return into(empty); }).error == code);
  }

  ZstdBlockCompressor compressor_;
  ZstdBlockDecompressor vectors_;
  ZstdBlockDecompressor memory_;
};

/// Content of a chosen size that little input makes: a part of it again and again.
Bytes next_content(Choices& choices, std::size_t most) {
  const std::size_t bytes = std::min<std::size_t>(choices.next_two_bytes(), most);
  const ByteSpan part = choices.take(choices.next());
  Bytes content(bytes);
  for (std::size_t i = 0; i < bytes && !part.empty(); ++i) content[i] = part[i % part.size()];
  return content;
}

/// A block that was not made by a compressor.
CompressedBlock next_untrusted(Choices& choices) {
  CompressedBlock block;
  block.kind = choices.next_flag() ? StoredBlock::kCompressed : StoredBlock::kRaw;
  block.content_bytes = choices.next_two_bytes();
  const ByteSpan bytes = choices.take(choices.next_two_bytes());
  block.bytes.assign(bytes.begin(), bytes.end());
  return block;
}

void damage(CompressedBlock& block, Choices& choices) {
  const std::size_t at = choices.next_two_bytes();
  const auto change = static_cast<std::byte>(choices.next());
  if (!block.bytes.empty()) block.bytes[at % block.bytes.size()] ^= change;
}

/// Runs the blocks that the input chooses.
void run(Session& session, Choices& choices) {
  bool is_intact = true;
  for (int i = 0; i < kMostBlocks && !choices.rest().empty(); ++i) {
    const unsigned choice = choices.next();
    const unsigned what = choice & 3;
    if (what == 3) {
      session.reset();
      is_intact = true;
      continue;
    }
    if (what == 2) {
      is_intact = session.decompress(next_untrusted(choices)).error.has_value();
      continue;
    }
    const std::size_t most = std::min(session.max_block_bytes(), kMostBlockBytes);
    const Bytes content = next_content(choices, most);
    CompressedBlock block = session.compress(content);
    const bool claims_more = (choice & 4) != 0;
    if (claims_more) ++block.content_bytes;
    if (what == 1) damage(block, choices);
    const Outcome outcome = session.decompress(block);
    if (is_intact && what == 0) {
      FUZZ_REQUIRE(outcome.error.has_value() == claims_more);
      FUZZ_REQUIRE(claims_more || outcome.content == content);
    }
    is_intact = outcome.error.has_value() || (is_intact && what == 0);
  }
}

}  // namespace

/// The input: choices, how long the dictionary is, the dictionary, and blocks: honest ones, ones
/// that are damaged in a byte, and such as no compressor has made.
void blocks_target(ByteSpan input) {
  Choices choices(input);
  const unsigned how = choices.next();
  BlockCompressorOptions options{.level = static_cast<int>(choices.next() % 12) - 2,
                                 .window_log = kWindowLogMin + static_cast<int>(how & 7)};
  if ((how & 8) != 0) {
    const ByteSpan dictionary = choices.take(choices.next_two_bytes());
    const DictType type = (how & 16) != 0 ? DictType::kRawContent : DictType::kAuto;
    options.dict_data = std::make_shared<ZstdCompressionDict>(dictionary, type);
  }
  try {
    Session session(options);
    run(session, choices);
  } catch (const ZstdError&) {
    // Blocks' errors do not come here: a damaged dictionary's do.
    FUZZ_REQUIRE(options.dict_data != nullptr && (how & 16) == 0);
  }
}

}  // namespace zstdfs::fuzz
