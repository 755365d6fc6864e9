#pragma once

#include <algorithm>
#include <cstddef>

#include "zstdfs/bytes.hpp"
#include "zstdfs/constants.hpp"

namespace zstdfs {

/// The content of a session's last blocks, where libzstd can refer to it: it lies one block behind
/// the other, and begins again at the front where the next might not fit.
///
/// libzstd follows such a jump and what is overwritten then, but it does so for one jump only, and
/// the two sides have to jump at the same block: compressor and decompressor have the same size
/// here, so what one refers to is what the other still has. With a dictionary that reaches further
/// back than the window, as far as memory goes.
class BlockHistory {
 public:
  explicit BlockHistory(int window_log)
      : max_block_bytes_(std::min(kBlockSizeMax, std::size_t{1} << window_log)),
        memory_((std::size_t{1} << window_log) + 2 * max_block_bytes_) {}

  std::size_t max_block_bytes() const { return max_block_bytes_; }
  std::size_t memory_size() const { return memory_.size(); }

  /// Where the next block's content belongs: at most max_block_bytes().
  MutableByteSpan next(std::size_t content_bytes) {
    if (memory_.size() - end_ < max_block_bytes_) end_ = 0;
    return MutableByteSpan(memory_).subspan(end_, content_bytes);
  }
  /// The content is there.
  void keep(std::size_t content_bytes) { end_ += content_bytes; }
  void clear() { end_ = 0; }

 private:
  const std::size_t max_block_bytes_;
  Bytes memory_;  // never moves: libzstd refers to it
  std::size_t end_ = 0;
};

}  // namespace zstdfs
