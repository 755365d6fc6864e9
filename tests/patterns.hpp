#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "zstdfs/bytes.hpp"

namespace zstdfs::test {

// Content for tests. The same arguments give the same bytes on every machine, so a failure can be
// repeated from the seed that its message names; different seeds give unrelated content.

/// A small deterministic generator of numbers (splitmix64). Not thread-safe.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next();
  /// A number below `bound`, which is not 0.
  std::uint64_t below(std::uint64_t bound) { return next() % bound; }
  /// True in `percent` of 100 cases.
  bool chance(unsigned percent) { return below(100) < percent; }

 private:
  std::uint64_t state_;
};

/// Bytes that no compressor makes smaller.
Bytes random_bytes(std::size_t bytes, std::uint64_t seed);

/// Bytes that zstd compresses to roughly a third at its default level, without long runs: each
/// stretch of them differs from every other, so misplaced chunks do not go unnoticed.
Bytes compressible_bytes(std::size_t bytes, std::uint64_t seed);

/// Lines of made-up words and numbers, like a log or a source file.
Bytes text_bytes(std::size_t bytes, std::uint64_t seed);

/// Bytes of a random kind: one of those above, or all the same.
Bytes bytes_of_any_kind(std::size_t bytes, Random& random);

/// The bytes of a string, without a terminating zero.
Bytes bytes_of(std::string_view text);

/// `content` after `piece` was written at `offset`; a gap between the old end and `offset` becomes
/// zeros.
Bytes overwritten(Bytes content, std::size_t offset, ByteSpan piece);

/// `content` with zeros in [from, to).
Bytes with_hole(Bytes content, std::size_t from, std::size_t to);

/// How many seeds a random test goes through: as many as ZSTDFS_SEEDS says, where more are asked
/// for than the `usual` ones of a quick run.
std::uint64_t seeds(std::uint64_t usual);

}  // namespace zstdfs::test
