#pragma once

#include <functional>

#include "fs/os/file.hpp"

namespace zstdfs::store {

/// Receives the bytes of a file that is made, at their offsets.
using StoredSink = std::function<void(std::uint64_t stored_offset, ByteSpan)>;

/// Makes a container whose content is what `file` holds, byte by byte. So a damaged container can
/// be kept as it is: nothing takes it for a file of the store, its bytes have checksums, and a
/// mount shows just them. Holes stay cheap. Returns the container's stored bytes. Throws what
/// `sink` does, std::system_error (EFBIG when it is too large for a container).
std::uint64_t write_wrapped(const os::File& file, std::uint64_t generation, const StoredSink& sink);

/// Whether `wrapped` is what write_wrapped makes of `file`.
bool holds_wrapped(const RandomAccessSource& wrapped, const os::File& file);

}  // namespace zstdfs::store
