#pragma once

#include <gtest/gtest.h>

#include "tests/patterns.hpp"
#include "zstdfs/container.hpp"
#include "zstdfs/container_table.hpp"
#include "zstdfs/errors.hpp"
#include "zstdfs/zero_frame.hpp"

namespace zstdfs::test {

inline void append_to(Bytes& out, ByteSpan more) {
  out.insert(out.end(), more.begin(), more.end());
}

/// Builds a container in memory, from its parts, and knows what must be read from it.
class ContainerBuilder {
 public:
  ContainerBuilder() = default;
  /// What it builds has the short header: one frame, and no seek table.
  static ContainerBuilder of_short_form() {
    ContainerBuilder builder;
    builder.is_short_ = true;
    builder.index_ = FrameIndex(kShortHeaderBytes);
    builder.bytes_.resize(kShortHeaderBytes);
    return builder;
  }

  ContainerBuilder& data(ByteSpan content, int level = kDefaultLevel) {
    return frame(FrameEncoder().encode(content, level), content);
  }

  ContainerBuilder& zeros(std::uint32_t zero_bytes) {
    return frame(encode_zero_frame(zero_bytes), Bytes(zero_bytes));
  }

  /// A frame that was made elsewhere, listed as holding `content`.
  ContainerBuilder& frame(ByteSpan stored, ByteSpan content) {
    index_.append(bytes_.size(), static_cast<std::uint32_t>(stored.size()),
                  static_cast<std::uint32_t>(content.size()), content_checksum(content));
    append_to(bytes_, stored);
    append_to(content_, content);
    return *this;
  }

  /// A skippable frame of `bytes` (8 or more) bytes.
  ContainerBuilder& padding(std::uint32_t bytes) {
    append_le(bytes_, std::uint32_t{0x184D2A56});
    append_le(bytes_, bytes - 8);
    bytes_.resize(bytes_.size() + bytes - 8);
    return *this;
  }

  /// The whole container; `header` gives what is not a sum.
  Bytes finish(ContainerHeader header = {}) const {
    Bytes file = bytes_;
    const Bytes table = encode_container_table(index_);
    header.durable_bytes = file.size();
    header.is_short = is_short_;
    header.compact |= is_short_;
    if (!is_short_) append_to(file, table);
    header.logical_bytes = content_.size();
    header.stored_bytes = file.size();
    header.seek_table_hash = table_hash_for(header, table);
    const Bytes encoded = encode_container_header(header);
    std::ranges::copy(encoded, file.begin());
    return file;
  }

  const FrameIndex& index() const { return index_; }
  const Bytes& content() const { return content_; }

 private:
  bool is_short_ = false;
  Bytes bytes_ = Bytes(kContainerHeaderBytes);
  FrameIndex index_;
  Bytes content_;
};

/// The container of the damage tests: two ordinary frames, zeros, padding, one more frame.
inline ContainerBuilder small_container() {
  ContainerBuilder builder;
  builder.data(bytes_of("The first frame. The first frame. The first frame."))
      .data(bytes_of("A second one."))
      .zeros(300)
      .padding(11)
      .data(bytes_of("And the last, the last, the last, the last of them."));
  return builder;
}

/// Reads all frames of an index.
inline Bytes read_all(const RandomAccessSource& source, const FrameIndex& index) {
  Bytes content(index.logical_bytes());
  for (const FrameEntry& frame : index) {
    read_frame(source, frame,
               MutableByteSpan(content).subspan(frame.logical_offset, frame.logical_bytes));
  }
  return content;
}

/// Writes the hash that a header must have after its other bytes were changed.
inline void rehash_header(Bytes& file) {
  const std::size_t hash_at = load_le<std::uint32_t>(file, 4);  // so long is the rest of it
  store_le(MutableByteSpan(file), hash_at, hash64(ByteSpan(file).first(hash_at)));
}

}  // namespace zstdfs::test
