#pragma once

#include <cstdint>
#include <string>

#include "zstdfs/bytes.hpp"

namespace zstdfs::powercut {

/// Files are made of blocks that say what they are.
inline constexpr std::uint64_t kBlockBytes = 4096;

/// Which block of which file, and the how many-th thing that was written there. Version 0 is zeros.
struct BlockName {
  std::uint64_t file = 0;
  std::uint64_t block = 0;
  std::uint64_t version = 0;
};

/// The content of a block: its name, and bytes that no other block has. One file in three is
/// incompressible, so that it is stored raw; the others shrink to about a third.
Bytes block_content(const BlockName& name);

/// The content of a range of bytes of a file whose blocks all have the same version.
Bytes range_content(std::uint64_t file, std::uint64_t offset, std::uint64_t bytes,
                    std::uint64_t version);

/// In words, for messages: which block these bytes are, and whether they are it entirely.
std::string describe_block(ByteSpan bytes);

}  // namespace zstdfs::powercut
