#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace zstdfs::store {

/// A number of bytes as people write it: "4096", "4 KiB", "256KiB", "64k", "1 G". The units are
/// K, KiB, M, MiB, G, GiB, T and TiB in any case, all powers of 1024. Throws std::invalid_argument,
/// with a reason that is to follow what was given ("is not ..."), also for KB and its like: some
/// take them for powers of 1000.
std::uint64_t parse_byte_size(std::string_view text);

/// The shortest text that parse_byte_size reads as exactly `bytes`: "256 KiB", "1000".
std::string format_byte_size(std::uint64_t bytes);

}  // namespace zstdfs::store
