#pragma once

#include <nlohmann/json_fwd.hpp>

namespace zstdfs::tools {

/// Prints to standard output. Bytes of file names that are not UTF-8 become U+FFFD, because JSON
/// cannot hold them.
void print_json(const nlohmann::ordered_json& value);

}  // namespace zstdfs::tools
