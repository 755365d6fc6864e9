#pragma once

#include "zstdfs/container_header.hpp"
#include "zstdfs/frame_index.hpp"

namespace zstdfs::store {

/// Fills in what a container's header says about the frames of `index`, and returns the seek table
/// that belongs behind them; nothing where there shall be none. `durable_bytes` as in
/// ContainerHeader.
Bytes seal(ContainerHeader& header, const FrameIndex& index, std::uint64_t durable_bytes);

}  // namespace zstdfs::store
