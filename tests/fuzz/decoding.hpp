#pragma once

#include <optional>
#include <string_view>

#include "tests/fuzz/require.hpp"
#include "zstdfs/decompressor.hpp"

// What the targets of decompression share.

namespace zstdfs::fuzz {

/// So that a run takes no time: what really holds more is given up.
inline constexpr std::size_t kMostContentBytes = 1u << 18;
/// Of decompressors that have no limit of their own: streams take memory for a window.
inline constexpr std::uint64_t kLargestStreamWindow = 8u << 20;

/// The first bytes of an input, which choose how the rest is used. Missing ones are 0.
class Choices {
 public:
  explicit Choices(ByteSpan input) : rest_(input) {}

  unsigned next();
  unsigned next_two_bytes();
  bool next_flag() { return (next() & 1) != 0; }
  /// The next `bytes`, or what there is.
  ByteSpan take(std::size_t bytes);
  ByteSpan rest() const { return rest_; }

 private:
  ByteSpan rest_;
};

/// Format, window limit and checksum policy, from one choice.
DecompressorOptions decompressor_options(unsigned choice);

/// What a decompression came to.
struct Outcome {
  Bytes content;                            ///< what there was before an error, where that is known
  std::optional<int> error = std::nullopt;  ///< zstd's code
};

/// What `work`, which returns Bytes, comes to. Nothing but a ZstdError may come out of it.
template <typename Work>
Outcome outcome_of(const Work& work) {
  try {
    return {work(), std::nullopt};
  } catch (const ZstdError& error) {
    FUZZ_REQUIRE(error.code() != 0 && !std::string_view(error.what()).empty());
    return {{}, error.code()};
  }
}

/// What a call returns, or nothing and the code of its ZstdError.
template <typename Call>
auto attempt(const Call& call, int* code = nullptr) -> std::optional<decltype(call())> {
  try {
    return call();
  } catch (const ZstdError& error) {
    FUZZ_REQUIRE(error.code() != 0);
    if (code != nullptr) *code = error.code();
    return std::nullopt;
  }
}

/// How much content the frames say that they hold, up to the first that is not whole or cannot hold
/// what it says: only that much memory may be taken for them.
std::uint64_t claimed_content_bytes(ByteSpan data, int format);

/// Whether a block may hold more than its frame allows, in frames that hold `content_bytes`. Where
/// other blocks leave room for it, libzstd 1.5.4 decompresses such a block in one call; streams
/// never have the room. Where a frame allows nothing, even the one byte that a run of no length is
/// stored as is too much there.
bool may_have_oversized_block(ByteSpan data, int format, std::size_t content_bytes);

/// Whether a data frame has a block that is compressed and takes no bytes. That is damage, but
/// where it decompresses in steps libzstd takes it for a block without content.
bool has_block_of_nothing(ByteSpan data, int format);

}  // namespace zstdfs::fuzz
