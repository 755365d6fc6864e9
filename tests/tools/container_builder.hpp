#pragma once

#include <optional>

#include "zstdfs/container_header.hpp"
#include "zstdfs/frame_index.hpp"

namespace zstdfs::test {

/// Makes containers by hand from core's encoders, frame by frame; also such as the daemon leaves
/// only when it is interrupted.
class ContainerBuilder {
 public:
  explicit ContainerBuilder(std::uint32_t chunk_bytes = kDefaultChunkBytes,
                            int level = kDefaultLevel);

  ContainerBuilder& chunk(ByteSpan content);
  ContainerBuilder& zeros(std::uint64_t logical_bytes);
  /// A skippable frame of `stored_bytes` (8 and more) before the next data frame.
  ContainerBuilder& padding(std::uint32_t stored_bytes);

  const FrameIndex& index() const { return index_; }
  /// The whole container, as a close leaves it; all frames count as durable, or those before
  /// `durable_bytes`.
  Bytes sealed(std::optional<std::uint64_t> durable_bytes = std::nullopt) const;
  /// Frames without a seek table, below a header that knows only of the first `durable_bytes`.
  Bytes unsealed(std::uint64_t durable_bytes) const;

 private:
  void append(const Bytes& frame, std::uint32_t logical_bytes, std::uint32_t checksum);
  Bytes with_header(const ContainerHeader& header) const;

  ContainerHeader header_;
  FrameIndex index_;
  FrameEncoder encoder_;
  Bytes frames_;  // everything between the header and the seek table
};

/// A container of `content`, cut into chunks.
/// A container with a short header, compact and durable.
Bytes short_container_of(ByteSpan content);

ContainerBuilder container_of(ByteSpan content, std::uint32_t chunk_bytes = kDefaultChunkBytes);

/// What a mount would show of a stored file: of a container, which must be sealed, the content,
/// every frame verified; of a raw file the file. Throws CorruptError.
Bytes content_of(const Bytes& stored);

}  // namespace zstdfs::test
