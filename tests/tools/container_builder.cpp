#include "tests/tools/container_builder.hpp"

#include <gtest/gtest.h>

#include "fs/store/seal.hpp"
#include "zstdfs/container.hpp"
#include "zstdfs/container_table.hpp"
#include "zstdfs/zero_frame.hpp"

namespace zstdfs::test {

ContainerBuilder::ContainerBuilder(std::uint32_t chunk_bytes, int level) {
  header_.chunk_bytes = chunk_bytes;
  header_.level = level;
}

ContainerBuilder& ContainerBuilder::chunk(ByteSpan content) {
  append(encoder_.encode(content, header_.level), static_cast<std::uint32_t>(content.size()),
         content_checksum(content));
  return *this;
}

ContainerBuilder& ContainerBuilder::zeros(std::uint64_t logical_bytes) {
  append(encode_zero_frame(logical_bytes), static_cast<std::uint32_t>(logical_bytes),
         zeros_checksum(logical_bytes));
  return *this;
}

ContainerBuilder& ContainerBuilder::padding(std::uint32_t stored_bytes) {
  append_le(frames_, std::uint32_t{0x184D2A50});  // a skippable frame's magic
  append_le(frames_, stored_bytes - 8);
  frames_.resize(frames_.size() + stored_bytes - 8);
  return *this;
}

void ContainerBuilder::append(const Bytes& frame, std::uint32_t logical_bytes,
                              std::uint32_t checksum) {
  index_.append(kContainerHeaderBytes + frames_.size(), static_cast<std::uint32_t>(frame.size()),
                logical_bytes, checksum);
  frames_.insert(frames_.end(), frame.begin(), frame.end());
}

Bytes ContainerBuilder::with_header(const ContainerHeader& header) const {
  Bytes bytes = encode_container_header(header);
  bytes.insert(bytes.end(), frames_.begin(), frames_.end());
  return bytes;
}

Bytes ContainerBuilder::sealed(std::optional<std::uint64_t> durable_bytes) const {
  const Bytes table = encode_container_table(index_);
  ContainerHeader header = header_;
  header.logical_bytes = index_.logical_bytes();
  header.stored_bytes = kContainerHeaderBytes + frames_.size() + table.size();
  header.durable_bytes = durable_bytes.value_or(index_.frames_end());
  header.seek_table_hash = hash64(table);
  Bytes bytes = with_header(header);
  bytes.insert(bytes.end(), table.begin(), table.end());
  return bytes;
}

Bytes short_container_of(ByteSpan content) {
  const Bytes frame = FrameEncoder().encode(content, kDefaultLevel);
  FrameIndex index(kShortHeaderBytes);
  index.append(kShortHeaderBytes, static_cast<std::uint32_t>(frame.size()),
               static_cast<std::uint32_t>(content.size()), content_checksum(content));
  ContainerHeader header;
  header.compact = header.is_short = true;
  store::seal(header, index, index.frames_end());
  Bytes bytes = encode_container_header(header);
  bytes.insert(bytes.end(), frame.begin(), frame.end());
  return bytes;
}

Bytes ContainerBuilder::unsealed(std::uint64_t durable_bytes) const {
  ContainerHeader header = header_;
  header.durable_bytes = durable_bytes;
  return with_header(header);
}

ContainerBuilder container_of(ByteSpan content, std::uint32_t chunk_bytes) {
  ContainerBuilder builder(chunk_bytes);
  for (std::size_t at = 0; at < content.size(); at += chunk_bytes) {
    builder.chunk(content.subspan(at, std::min<std::size_t>(chunk_bytes, content.size() - at)));
  }
  return builder;
}

Bytes content_of(const Bytes& stored) {
  const MemorySource source(stored);
  if (!is_container(source)) return stored;
  const LoadedContainer container = load_container(source);
  EXPECT_TRUE(container.sealed);
  Bytes content(container.index.logical_bytes());
  for (const FrameEntry& frame : container.index) {
    read_frame(source, frame,
               MutableByteSpan(content).subspan(frame.logical_offset, frame.logical_bytes));
  }
  return content;
}

}  // namespace zstdfs::test
