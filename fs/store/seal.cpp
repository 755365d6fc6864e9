#include "fs/store/seal.hpp"

#include <algorithm>

#include "zstdfs/container_table.hpp"

namespace zstdfs::store {

Bytes seal(ContainerHeader& header, const FrameIndex& index, std::uint64_t durable_bytes) {
  Bytes table = encode_container_table(index);
  header.logical_bytes = index.logical_bytes();
  header.seek_table_hash = table_hash_for(header, table);
  if (!has_container_table(header, index.size())) table.clear();
  header.stored_bytes = index.frames_end() + table.size();
  header.durable_bytes = std::min(durable_bytes, index.frames_end());
  if (header.is_short && header.durable_bytes < header.stored_bytes) header.durable_bytes = 0;
  return table;
}

}  // namespace zstdfs::store
