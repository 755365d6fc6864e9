#pragma once

#ifndef ZSTD_STATIC_LINKING_ONLY
#define ZSTD_STATIC_LINKING_ONLY
#endif
#include <zstd.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "zstdfs/sequences.hpp"

namespace zstdfs {

/// The most content of one block with these parameters.
std::size_t block_bytes_max(const ZstdCompressionParameters& parameters);

/// Sequences as libzstd takes them: checked, and in blocks that end with delimiters.
///
/// All of it is done here, also where libzstd could: with some sequences 1.5.4 reads and writes
/// beyond its buffers however much it is told to check (lengths are added in 32 bits), and it takes
/// an offset of 0 for a repeated one. The window alone is left to it.
class SequenceBlocks {
 public:
  struct Limits {
    std::size_t block_bytes = 0;
    SequenceValidation validation = SequenceValidation::kContent;
  };

  /// `dictionary` is its content, without entropy tables. Neither is owned.
  SequenceBlocks(ByteSpan data, ByteSpan dictionary, const Limits& limits)
      : data_(data), dictionary_(dictionary), limits_(limits) {}

  /// Takes all sequences of the data. Throws ZstdError (externalSequences_invalid). To be called
  /// once.
  void take(std::span<const Sequence> sequences, BlockDelimiters delimiters);

  const std::vector<ZSTD_Sequence>& sequences() const { return sequences_; }
  std::size_t blocks() const { return blocks_; }

 private:
  void take_cut(const Sequence& sequence);
  void take_whole(const Sequence& sequence);
  void add_literals(std::uint64_t bytes);
  void add_match(const Sequence& sequence);
  void store_match(std::uint32_t offset, std::size_t bytes);
  void end_block();
  void check_match(const Sequence& sequence) const;
  bool repeats(const Sequence& sequence) const;
  std::size_t room() const { return limits_.block_bytes - (position_ - block_start_); }
  [[noreturn]] void fail(const std::string& what) const;

  const ByteSpan data_;
  const ByteSpan dictionary_;
  const Limits limits_;
  std::vector<ZSTD_Sequence> sequences_;
  std::size_t blocks_ = 0;
  std::size_t number_ = 0;  // of the present sequence
  std::size_t position_ = 0;
  std::size_t block_start_ = 0;
  std::size_t literals_ = 0;  // since the last match of the block
};

}  // namespace zstdfs
