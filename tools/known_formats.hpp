#pragma once

#include <optional>
#include <string_view>

#include "zstdfs/source.hpp"

namespace zstdfs::tools {

/// The name of the format of content that is compressed already ("gzip", "JPEG"), judged by its
/// first bytes; nothing for all else. Throws std::system_error.
std::optional<std::string_view> compressed_format(const RandomAccessSource& content);

}  // namespace zstdfs::tools
